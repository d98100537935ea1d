"""The canonical cart."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from tajo_pipelines.model.consent import Signal


class CartLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a cart.

    Attributes:
        product_id: The platform's numeric id as text; None for a line without product.
        unit_price: Price of one unit after the line's own discount, in the cart's currency.
    """

    title: str
    quantity: int
    unit_price: Decimal
    product_id: str | None = None
    variant_id: str | None = None
    variant_title: str | None = None
    sku: str | None = None
    image_url: str | None = None
    url: str | None = None


class Cart(msgspec.Struct, frozen=True, kw_only=True):
    """One cart that was begun and not paid.

    Attributes:
        id: The platform's numeric id as text.
        customer_id: Key of the customer's record in the same connection.
        currency: The shop's currency; all amounts are in it.
        total: What would be paid.
        recovery_url: Rebuilds the cart on any device.
        completed_at: When it became an order after all; None while it is open.
    """

    id: str
    currency: str
    total: Decimal
    created_at: datetime
    updated_at: datetime
    customer_id: str | None = None
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    language: str | None = None
    subtotal: Decimal | None = None
    tax: Decimal | None = None
    discount: Decimal | None = None
    coupons: tuple[str, ...] = ()
    recovery_url: str | None = None
    completed_at: datetime | None = None
    lines: tuple[CartLine, ...] = ()
    consent: tuple[Signal, ...] = ()
