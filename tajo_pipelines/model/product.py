"""The canonical product."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec


class Category(msgspec.Struct, frozen=True, kw_only=True):
    """One group that products belong to.

    Attributes:
        id: The platform's numeric id as text, or a slug of the name where the platform has no id.
    """

    id: str
    name: str
    url: str | None = None


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One form of a product that can be bought.

    Attributes:
        id: The platform's numeric id as text: the one that order lines name.
        price: In the product's currency.
        compare_at: The price before a reduction.
        stock: Units on hand; None where the platform doesn't count them.
    """

    id: str
    title: str
    price: Decimal | None = None
    compare_at: Decimal | None = None
    sku: str | None = None
    stock: int | None = None
    image_url: str | None = None
    options: tuple[str, ...] = ()


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One product with its variants.

    Attributes:
        id: The platform's numeric id as text: the one that order lines name.
        status: The platform's, in lower case: ``active``, ``draft``, ``archived``, ``unlisted``.
        currency: The shop's currency, in which all prices are.
        url: The page where it can be bought; None where there is none.
        categories: From collections, else from the product type.
    """

    id: str
    title: str
    status: str
    updated_at: datetime
    created_at: datetime | None = None
    currency: str | None = None
    handle: str | None = None
    description: str | None = None
    brand: str | None = None
    product_type: str | None = None
    tags: tuple[str, ...] = ()
    url: str | None = None
    image_url: str | None = None
    categories: tuple[Category, ...] = ()
    variants: tuple[Variant, ...] = ()
