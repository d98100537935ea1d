"""The topics that the shop knows, and the scope that each needs.

Names, scopes and the absence of the compliance topics from the API as the 2026-10 schema has them.
"""

from __future__ import annotations

from collections.abc import Mapping

COMPLIANCE = ("customers/data_request", "customers/redact", "shop/redact")
"""Set in the app's configuration alone."""

_BY_SCOPE: Mapping[str | None, tuple[str, ...]] = {
    None: ("app/uninstalled", "bulk_operations/finish", "shop/update"),
    "read_customers": (
        "customers/create",
        "customers/update",
        "customers/delete",
        "customers/enable",
        "customers/disable",
        "customers/purchasing_summary",
        "customers_email_marketing_consent/update",
        "customers_marketing_consent/update",
        "customer.tags_added",
        "customer.tags_removed",
    ),
    "read_customer_merge": ("customers/merge",),
    "read_orders": (
        "orders/create",
        "orders/updated",
        "orders/cancelled",
        "orders/edited",
        "orders/paid",
        "orders/fulfilled",
        "orders/partially_fulfilled",
        "orders/delete",
        "refunds/create",
        "carts/create",
        "carts/update",
        "checkouts/create",
        "checkouts/update",
        "checkouts/delete",
    ),
    "read_products": (
        "products/create",
        "products/update",
        "products/delete",
        "collections/create",
        "collections/update",
        "collections/delete",
    ),
}

SCOPES: Mapping[str, str | None] = {topic: scope for scope, topics in _BY_SCOPE.items() for topic in topics}
"""Scope by topic."""


def word(topic: str) -> str:
    """What GraphQL calls a topic: ``CUSTOMER_TAGS_ADDED`` for ``customer.tags_added``."""
    return topic.replace("/", "_").replace(".", "_").upper()


TOPICS: Mapping[str, str] = {word(topic): topic for topic in SCOPES}
"""Topic by GraphQL's word."""
