"""Products and categories: the documents that Brevo gets.

Fields: developers.brevo.com/reference, createUpdateProduct and createUpdateCategory, as of August 2026.

``isDeleted`` is what Brevo documents it to be: gone from the shop's database. A product that is archived or a draft is
still there, and past orders name it, so it stays, with its status in ``metaInfo.status``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from tajo_pipelines.brevo.answers import encode
from tajo_pipelines.brevo.exchange import Exchange, exchange
from tajo_pipelines.model.product import Category, Product, Variant
from tajo_pipelines.model.window import utc

MAX_META_CHARACTERS = 20_000
"""Most characters of an object's ``metaInfo``."""

_LONG_META = ("tags", "options")


def product_documents(product: Product, rate: Decimal | None, currency: str) -> list[dict[str, Any]]:
    """A product and its variants as POST /products and its batch take them, the product first.

    The product's price is that of its cheapest variant, its stock the sum of what is counted. ``alternativePrice`` is
    the price before a reduction, and the price itself where there is none, so that an ended reduction doesn't stay.
    Prices are in the account's currency; ``metaInfo`` names the shop's.

    Args:
        product: The product.
        rate: What one unit of the shop's currency is worth in the account's; unused within one currency.
        currency: The account's display currency.

    Raises:
        ConfigError: When the currencies differ and there is no rate.
    """
    told = exchange(product.currency, currency, rate) if product.currency is not None else None
    # Where the platform gives a product and its only variant one id, the product's document tells both.
    others = [variant for variant in product.variants if variant.id != product.id]
    return [_parent(product, told), *(_variant(product, variant, told) for variant in others)]


def _parent(product: Product, told: Exchange | None) -> dict[str, Any]:
    priced = [variant for variant in product.variants if variant.price is not None]
    cheapest = min(priced, key=lambda variant: variant.price or Decimal(0), default=None)
    counted = [variant.stock for variant in product.variants if variant.stock is not None]
    only = product.variants[0] if len(product.variants) == 1 else None
    return _stated(
        id=product.id,
        name=product.title or product.id,
        url=product.url,
        imageUrl=product.image_url,
        sku=only.sku if only else None,
        categories=[category.id for category in product.categories],
        stock=sum(counted) if counted else None,
        brand=product.brand,
        description=product.description,
        isDeleted=False,
        metaInfo=_meta(product, ()),
        **_prices(cheapest, told),
    )


def _variant(product: Product, variant: Variant, told: Exchange | None) -> dict[str, Any]:
    named = len(product.variants) > 1 and variant.title and variant.title != product.title
    title = product.title or product.id
    return _stated(
        id=variant.id,
        parentId=product.id,
        name=f"{title} - {variant.title}" if named else title,
        url=product.url,
        imageUrl=variant.image_url or product.image_url,
        sku=variant.sku,
        categories=[category.id for category in product.categories],
        stock=variant.stock,
        brand=product.brand,
        isDeleted=False,
        metaInfo=_meta(product, variant.options),
        **_prices(variant, told),
    )


def _prices(variant: Variant | None, told: Exchange | None) -> dict[str, Decimal]:
    if variant is None or variant.price is None or told is None:
        return {}
    return {
        "price": told(variant.price),
        "alternativePrice": told(max(variant.price, variant.compare_at or variant.price)),
    }


def _stated(**fields: Any) -> dict[str, Any]:
    """What is known; an empty list of categories is something that is known."""
    return {name: value for name, value in fields.items() if value is not None}


def _meta(product: Product, options: Sequence[str]) -> dict[str, str]:
    """Texts, as the contract asks, and no more of them than it allows."""
    fields = {
        "status": product.status,
        "product_type": product.product_type,
        "currency": product.currency,
        "tags": ", ".join(product.tags),
        "options": " / ".join(options),
    }
    meta = {name: value for name, value in fields.items() if value}
    over = len(encode(meta).decode()) - MAX_META_CHARACTERS
    for name in _LONG_META:
        if over > 0 and name in meta:
            kept = max(len(meta[name]) - over, 0)
            over -= len(meta[name]) - kept
            meta[name] = meta[name][:kept]
    return meta


def deleted_documents(ids: Iterable[str], *, name: str, at: datetime) -> list[dict[str, Any]]:
    """Products or variants that are gone from the shop; Brevo asks for a name even then.

    Args:
        ids: Of the product and of its variants.
        name: The product's.
        at: When it was deleted, or was found to be.
    """
    gone = utc(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [{"id": number, "name": name, "isDeleted": True, "deletedAt": gone} for number in ids]


def category_document(category: Category) -> dict[str, Any]:
    """A category as POST /categories/batch takes it."""
    return _stated(id=category.id, name=category.name, url=category.url, isDeleted=False)


def grouped(documents: Iterable[dict[str, Any]], most: int, most_bytes: int) -> Iterator[list[dict[str, Any]]]:
    """Documents in groups that a batch may hold, in their order."""
    group: list[dict[str, Any]] = []
    size = 0
    for document in documents:
        length = len(encode(document)) + 1
        if group and (len(group) >= most or size + length > most_bytes):
            yield group
            group, size = [], 0
        group.append(document)
        size += length
    if group:
        yield group
