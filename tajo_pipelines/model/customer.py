"""The canonical customer."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import msgspec

from tajo_pipelines.model.consent import Signal


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """One person as a shop knows them.

    Every field but ``id`` may be None, which means that the platform said nothing: it changes nothing at Brevo.
    An empty text means that the platform says the field is empty: it is cleared.

    Attributes:
        id: The platform's own id as text, without type prefix.
        email: As the platform wrote it; normalised at mapping.
        phone: As the platform wrote it; normalised at mapping.
        accepts_marketing: E-mail consent as a plain yes or no, for mapping only; None where unknown.
        accepts_sms: The same for SMS.
        total_spent: Net of refunds, in ``currency``, as the platform counts it.
        consent: What the record says of consent, a signal per channel; empty where it says nothing.
    """

    id: str
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    language: str | None = None
    birthday: date | None = None
    tags: tuple[str, ...] | None = None
    note: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    zip: str | None = None
    province: str | None = None
    province_code: str | None = None
    country: str | None = None
    country_code: str | None = None
    tax_exempt: bool | None = None
    accepts_marketing: bool | None = None
    accepts_sms: bool | None = None
    verified_email: bool | None = None
    total_orders: int | None = None
    total_spent: Decimal | None = None
    average_order_value: Decimal | None = None
    currency: str | None = None
    first_order_date: datetime | None = None
    last_order_date: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    consent: tuple[Signal, ...] = ()


CUSTOMER_FIELDS: tuple[str, ...] = tuple(name for name in Customer.__struct_fields__ if name != "consent")
"""The canonical names that a field mapping may use as a source, in their documented order."""
