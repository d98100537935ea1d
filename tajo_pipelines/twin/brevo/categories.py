"""Categories of products, one by one and in batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tajo_pipelines.twin.brevo import goods
from tajo_pipelines.twin.brevo.account import need_active
from tajo_pipelines.twin.brevo.ask import Answer, Ask, Routes
from tajo_pipelines.twin.brevo.errors import not_found
from tajo_pipelines.twin.brevo.goods import Goods
from tajo_pipelines.twin.brevo.shapes import Each, Nested, check, date_time, flag, text

MOST_CATEGORIES = 100
MOST_PAGE = 100

_FIELDS: Mapping[str, Any] = {"deletedAt": date_time, "id": text, "isDeleted": flag, "name": text, "url": text}
_ONE = Nested({**_FIELDS, "updateEnabled": flag}, ("id",))
_BATCH = Nested({"categories": Each(Nested(_FIELDS, ("id",))), "updateEnabled": flag}, ("categories",))

GOODS = Goods("category", lambda account: account.categories)


def _one(ask: Ask) -> Answer:
    need_active(ask.account)
    check(ask.body, _ONE)
    category = {name: value for name, value in ask.body.items() if name != "updateEnabled"}
    goods.need_id(category)
    return GOODS.put_one(ask.account, category, update=ask.body.get("updateEnabled", False))


def _batch(ask: Ask) -> Answer:
    need_active(ask.account)
    check(ask.body, _BATCH)
    update = ask.body.get("updateEnabled", False)
    return GOODS.put_many(
        ask.account, ask.body["categories"], update=update, most=MOST_CATEGORIES, checked=goods.need_id
    )


def _listed(ask: Ask) -> Answer:
    need_active(ask.account)
    page, count = goods.paged(GOODS.found(ask.account, ask.query), ask.query, MOST_PAGE)
    return 200, {"categories": [_item(stored) for stored in page], "count": count}


def _found(ask: Ask) -> Answer:
    need_active(ask.account)
    stored = ask.account.categories.get(ask.path["id"])
    if stored is None:
        raise not_found("Category not found")
    return 200, _item(stored)


def _item(stored: dict[str, Any]) -> dict[str, Any]:
    category = stored["category"]
    shown = {name: value for name, value in category.items() if name != "deletedAt"}
    return {**shown, "isDeleted": category.get("isDeleted", False), **goods.times(stored)}


ROUTES: Routes = [
    ("POST", "/categories", _one),
    ("POST", "/categories/batch", _batch),
    ("GET", "/categories", _listed),
    ("GET", "/categories/{id}", _found),
]
