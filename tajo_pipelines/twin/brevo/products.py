"""Products, one by one and in batches (SDK 5.1 and reference of POST /products and /products/batch, 2026-11).

Products and categories are kept alike; ``goods`` does what both have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from starlette.datastructures import QueryParams

from tajo_pipelines.twin.brevo import goods
from tajo_pipelines.twin.brevo.account import need_active
from tajo_pipelines.twin.brevo.ask import Answer, Ask, Routes
from tajo_pipelines.twin.brevo.errors import invalid, not_found
from tajo_pipelines.twin.brevo.goods import Goods
from tajo_pipelines.twin.brevo.shapes import Each, Nested, check, date_time, flag, many, mapping, number, text, texts

MOST_PRODUCTS = 100
MOST_UPDATES = 1000
"""In a batch with ``updateEnabled``, of an account whose limit was raised."""

MOST_META = 20_000
MOST_META_KEYS = 20
MOST_PAGE = 1000

_FIELDS: Mapping[str, Any] = {
    "alternativePrice": number,
    "brand": text,
    "categories": texts,
    "deletedAt": date_time,
    "description": text,
    "id": text,
    "imageUrl": text,
    "isDeleted": flag,
    "metaInfo": mapping,
    "name": text,
    "parentId": text,
    "price": number,
    "sku": text,
    "stock": number,
    "url": text,
}
_ONE = Nested({**_FIELDS, "updateEnabled": flag}, ("id",))
_BATCH = Nested({"products": Each(Nested(_FIELDS, ("id",))), "updateEnabled": flag}, ("products",))
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {"lte": le, "gte": ge, "lt": lt, "gt": gt, "eq": eq, "ne": ne}
_QUERY = (
    "search",
    "categories",
    "sortByField",
    *(f"{of}[{op}]" for of in ("price", "alternativePrice") for op in _COMPARISONS),
)
_SORTED_BY = ("created_at", "name", "price", "id")

GOODS = Goods("product", lambda account: account.products)


def _checked(product: dict[str, Any]) -> None:
    """Rules in prose.

    Raises:
        ApiError: 400.
    """
    goods.need_id(product)
    meta = product.get("metaInfo", {})
    if len(meta) > MOST_META_KEYS or sum(len(key) + len(str(value)) for key, value in meta.items()) > MOST_META:
        raise invalid("metaInfo is too large")
    if not all(text(value) or number(value) or flag(value) for value in meta.values()):
        raise invalid("metaInfo holds strings, numbers and booleans")
    for name in ("imageUrl", "url"):
        if product.get(name) and not product[name].startswith(("http://", "https://")):
            raise invalid(f"{name} should be an absolute URL")


def _one(ask: Ask) -> Answer:
    need_active(ask.account)
    check(ask.body, _ONE)
    product = {name: value for name, value in ask.body.items() if name != "updateEnabled"}
    _checked(product)
    return GOODS.put_one(ask.account, product, update=ask.body.get("updateEnabled", False))


def _batch(ask: Ask) -> Answer:
    account = ask.account
    need_active(account)
    check(ask.body, _BATCH)
    update = ask.body.get("updateEnabled", False)
    raised = update and account.number("products_limit_raised")
    return GOODS.put_many(
        account, ask.body["products"], update=update, most=MOST_UPDATES if raised else MOST_PRODUCTS, checked=_checked
    )


def _listed(ask: Ask) -> Answer:
    need_active(ask.account)
    query = ask.query
    found = GOODS.found(ask.account, query, _QUERY)
    wanted = set(many(query, "categories"))
    if wanted:
        found = [stored for stored in found if wanted & set(stored["product"].get("categories", []))]
    for of in ("price", "alternativePrice"):
        found = _priced(found, query, of)
    words = query.get("search", "").lower()
    if words:
        names = ("sku", "name", "id")
        found = [s for s in found if any(words in str(s["product"].get(name, "")).lower() for name in names)]
    by = query.get("sortByField", "created_at")
    if by not in _SORTED_BY:
        raise invalid("sortByField is not valid")
    if by != "created_at":
        found.sort(key=lambda stored: stored["product"].get(by) or (0 if by == "price" else ""))
    page, count = goods.paged(found, query, MOST_PAGE)
    return 200, {"products": [_item(stored) for stored in page], "count": count}


def _priced(found: list[dict[str, Any]], query: QueryParams, of: str) -> list[dict[str, Any]]:
    for name, compare in _COMPARISONS.items():
        given = query.get(f"{of}[{name}]")
        if given is None:
            continue
        try:
            bound = float(given)
        except ValueError as error:
            raise invalid(f"{of} is not valid") from error
        found = [s for s in found if of in s["product"] and compare(s["product"][of], bound)]
    return found


def _found(ask: Ask) -> Answer:
    need_active(ask.account)
    stored = ask.account.products.get(ask.path["id"])
    if stored is None:
        raise not_found("Product not found")
    return 200, _item(stored)


def _item(stored: dict[str, Any]) -> dict[str, Any]:
    product = stored["product"]
    hosted = f"https://img.example.com/{product['id']}" if product.get("imageUrl") else ""
    return {
        **{name: value for name, value in product.items() if name != "deletedAt"},
        "isDeleted": product.get("isDeleted", False),
        **goods.times(stored),
        "s3Original": hosted,
        "s3ThumbAnalytics": f"{hosted}/analytics" if hosted else "",
        "s3ThumbEditor": f"{hosted}/editor" if hosted else "",
    }


ROUTES: Routes = [
    ("POST", "/products", _one),
    ("POST", "/products/batch", _batch),
    ("GET", "/products", _listed),
    ("GET", "/products/{id}", _found),
]
