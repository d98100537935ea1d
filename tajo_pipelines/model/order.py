"""The canonical order."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from tajo_pipelines.model.consent import Signal


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an order.

    Attributes:
        product_id: The platform's numeric id as text; None for a line without product.
        variant_id: The same for the variant.
        quantity: Units ordered.
        unit_price: Price of one unit after the line's own discount, in the shop's currency.
    """

    title: str
    quantity: int
    unit_price: Decimal
    product_id: str | None = None
    variant_id: str | None = None
    sku: str | None = None


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A postal address, as the platform wrote it."""

    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    zip: str | None = None
    province: str | None = None
    province_code: str | None = None
    country: str | None = None
    country_code: str | None = None
    phone: str | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order.

    Amounts are in ``currency`` (the shop's) unless the name says presentment.

    Attributes:
        id: The platform's numeric id as text.
        name: What the merchant calls it: ``#1001``.
        customer_id: Key of the customer's record in the same connection; None for a guest.
        status: The platform's financial status in lower case.
        fulfillment_status: The platform's, in lower case.
        gross: What was to be paid when the order was placed.
        refunded: Sum of all refunds.
        created_at: When the platform made it: for an order that was taken over from elsewhere, when that was.
        processed_at: When the buyer placed it, where the platform tells that apart.
        cancelled_at: When it was cancelled; a cancelled order is worth nothing.
        test: Whether it was placed to try the shop out.
        presentment_gross: ``gross`` in the currency that the buyer saw.
        cart_token: Token of the cart that it was.
        checkout_token: Token of the checkout that it was.
        consent: What the order says of consent; empty where it says nothing.
    """

    id: str
    currency: str
    gross: Decimal
    created_at: datetime
    updated_at: datetime
    status: str
    name: str | None = None
    customer_id: str | None = None
    email: str | None = None
    phone: str | None = None
    language: str | None = None
    fulfillment_status: str | None = None
    refunded: Decimal = Decimal(0)
    tax: Decimal | None = None
    shipping: Decimal | None = None
    discount: Decimal | None = None
    presentment_currency: str | None = None
    presentment_gross: Decimal | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    processed_at: datetime | None = None
    test: bool = False
    coupons: tuple[str, ...] = ()
    payment_method: str | None = None
    store: str | None = None
    cart_token: str | None = None
    checkout_token: str | None = None
    billing: Address | None = None
    shipping_address: Address | None = None
    lines: tuple[OrderLine, ...] = ()
    consent: tuple[Signal, ...] = ()

    @property
    def placed_at(self) -> datetime:
        """When the buyer placed it: never later than the platform made it."""
        return placed_at(self.created_at, self.processed_at)

    @property
    def net(self) -> Decimal:
        """What the order is worth: total minus refunds, never below zero, nothing when cancelled."""
        if self.cancelled_at is not None:
            return Decimal(0)
        return max(self.gross - self.refunded, Decimal(0))


def placed_at(created_at: datetime, processed_at: datetime | None) -> datetime:
    """When an order was placed, by the two times that platforms keep of it: the earlier one."""
    return created_at if processed_at is None else min(created_at, processed_at)
