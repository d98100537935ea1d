"""What the shop's ``events`` tell of it: deletions, and merges of customers."""

from __future__ import annotations

from collections.abc import Mapping

from tajo_pipelines.twin.shopify.shop import Document, Shop

_SUBJECTS: Mapping[str, str] = {
    "Customer": "CUSTOMER",
    "Order": "ORDER",
    "Product": "PRODUCT",
    "ProductVariant": "PRODUCT_VARIANT",
    "Collection": "COLLECTION",
}
"""EventSubjectType by the kind of a document."""


def record(shop: Shop, action: str, subject: Document, at: str | None = None) -> Document:
    """Keep an event about a document, which may be deleted already.

    Args:
        shop: Where it happened.
        action: ``destroy`` and such.
        subject: To what.
        at: When, now where left out.
    """
    name = subject.get("title") or subject.get("name") or subject.get("email") or str(subject["id"])
    event: Document = {
        "kind": "BasicEvent",
        "id": shop.next_number("BasicEvent"),
        "action": action,
        "subjectKind": subject["kind"],
        "subjectType": _SUBJECTS[subject["kind"]],
        "subject": subject["id"],
        "createdAt": at or shop.now(),
        "message": f"Kontor Nord: {action} {name}",
        "arguments": [name],
    }
    shop.save(event, at=event["createdAt"])
    return event
