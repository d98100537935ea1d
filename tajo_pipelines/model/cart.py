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
        id: The platform's numeric id as text; of a cart that is known by its token alone, that.
        customer_id: Key of the customer's record in the same connection.
        currency: Of all amounts: the shop's, or the buyer's where the platform tells none in another. Empty for a cart
            without lines that is known by its token alone.
        total: What would be paid; of a cart that is known by its token alone, the sum of its lines.
        token: By what the online store knows it before there is a checkout.
        checkout_token: By what the checkout's own links name it.
        recovery_url: Rebuilds the cart on any device.
        completed_at: When it became an order after all; None while it is open.
        carried: Whether a webhook carried it: a form that was read beats it at the same time.
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
    token: str | None = None
    checkout_token: str | None = None
    recovery_url: str | None = None
    completed_at: datetime | None = None
    lines: tuple[CartLine, ...] = ()
    consent: tuple[Signal, ...] = ()
    carried: bool = False

    @property
    def by_token(self) -> bool:
        """Whether it is known by its token alone: whose it is, its checkout tells."""
        return self.id == self.token

    @property
    def keys(self) -> tuple[str, ...]:
        """Everything that an order may name it by."""
        found = (self.id, self.token, self.checkout_token)
        return tuple(dict.fromkeys(key for key in found if key is not None))
