"""Brevo's rate buckets and what each tier allows.

Numbers: developers.brevo.com/docs/api-limits, as of August 2026. Which endpoints share the "every other endpoint"
allowance isn't documented; one shared bucket is the stricter reading. The answers' headers correct it.
"""

from __future__ import annotations

from collections.abc import Mapping

from tajo_pipelines.brevo.ports import BucketLimit

CONTACTS = "contacts"
EVENTS = "events"
ORDERS = "orders"
PRODUCTS = "products"
OTHER = "other"

BUCKETS = (CONTACTS, EVENTS, ORDERS, PRODUCTS, OTHER)

TIERS: Mapping[str, Mapping[str, BucketLimit]] = {
    "general": {
        CONTACTS: BucketLimit(10, 36_000),
        EVENTS: BucketLimit(10, 36_000),
        ORDERS: BucketLimit(5, 18_000),
        PRODUCTS: BucketLimit(2, 7_200),
        OTHER: BucketLimit(None, 100),
    },
    "advanced": {
        CONTACTS: BucketLimit(20, 72_000),
        EVENTS: BucketLimit(20, 72_000),
        ORDERS: BucketLimit(10, 36_000),
        PRODUCTS: BucketLimit(4, 14_400),
        OTHER: BucketLimit(None, 200),
    },
    "extended": {
        CONTACTS: BucketLimit(60, None),
        EVENTS: BucketLimit(60, None),
        ORDERS: BucketLimit(15, None),
        PRODUCTS: BucketLimit(None, 21_600),
        OTHER: BucketLimit(None, 600),
    },
}

_DEDICATED = {
    ("POST", "/events"): EVENTS,
    ("POST", "/orders/status"): ORDERS,
    ("POST", "/products"): PRODUCTS,
}


def bucket_of(method: str, template: str) -> str:
    """Name of the bucket that a call counts in.

    Args:
        method: HTTP method in capitals.
        template: Path with its variables named: ``/contacts/{identifier}``.
    """
    if template == "/contacts" or template.startswith("/contacts/"):
        return CONTACTS
    return _DEDICATED.get((method, template), OTHER)
