"""Which topics tell of a change, and with what body: one table a kind of document.

A change of consent, of tags or of what somebody has bought moves ``updated_at`` and so sends ``customers/update``
too, whose body says nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from tajo_pipelines.twin.shopify.shop import Shop
from tajo_pipelines.twin.shopify.webhooks import carts, customers, goods, orders
from tajo_pipelines.twin.shopify.webhooks.rest import Body, Document

LAST_WITH_CHECKOUT_IDS = "2026-01"
"""From 2026-04 on checkouts have no ``id`` and orders no ``checkout_id``
(shopify.dev/changelog/removed-checkout-id-from-checkouts-and-orders-webhooks)."""


class Telling(NamedTuple):
    """A topic and what makes its body."""

    topic: str
    body: Callable[[], Body]


def of_change(shop: Shop, before: Document | None, after: Document | None, version: str) -> Iterator[Telling]:
    """What is told of a document that was made (nothing before), changed, or deleted (nothing after)."""
    kind = (after or before or {}).get("kind")
    table = _KINDS.get(str(kind))
    if table is not None:
        yield from table(shop, before, after, version)


def _customer(shop: Shop, before: Document | None, after: Document | None, _version: str) -> Iterator[Telling]:
    del shop
    if after is None:
        if before is not None:
            yield Telling("customers/delete", lambda: customers.deleted(before))
        return
    yield Telling(f"customers/{'create' if before is None else 'update'}", lambda: customers.customer(after))
    was = before or {"state": after["state"], "tags": [], **_SILENT}
    if was["state"] != after["state"] and "ENABLED" in (was["state"], after["state"]):
        topic = "customers/enable" if after["state"] == "ENABLED" else "customers/disable"
        yield Telling(topic, lambda: customers.customer(after))
    if any(was[name] != after[name] for name in ("emailState", "emailLevel", "emailAt")):
        yield Telling("customers_email_marketing_consent/update", lambda: customers.email_consent(after))
    if any(was[name] != after[name] for name in ("smsState", "smsLevel", "smsAt")):
        yield Telling("customers_marketing_consent/update", lambda: customers.sms_consent(after))
    added = [tag for tag in after["tags"] if tag not in was["tags"]]
    removed = [tag for tag in was["tags"] if tag not in after["tags"]]
    if added:
        yield Telling("customer.tags_added", lambda: customers.tags(after, added))
    if removed:
        yield Telling("customer.tags_removed", lambda: customers.tags(after, removed))


_SILENT: Mapping[str, str | None] = {
    "emailState": "NOT_SUBSCRIBED",
    "emailLevel": None,
    "emailAt": None,
    "smsState": "NEVER_SUBSCRIBED",
    "smsLevel": None,
    "smsAt": None,
}
"""Consent of somebody who never said anything."""


def _order(shop: Shop, before: Document | None, after: Document | None, version: str) -> Iterator[Telling]:
    if after is not None:
        yield from _living_order(shop, before, after, version)
    elif before is not None:
        yield Telling("orders/delete", lambda: {"id": before["id"]})
    owners = {each["customer"] for each in (before, after) if each is not None} - {None}
    if _counts(before) != _counts(after) or len(owners) > 1:
        for owner in owners:
            yield Telling("customers/purchasing_summary", partial(customers.purchasing_summary, shop, owner))


def _living_order(shop: Shop, before: Document | None, after: Document, version: str) -> Iterator[Telling]:
    def body() -> Body:
        return orders.order(shop, after, with_checkout_id=version <= LAST_WITH_CHECKOUT_IDS)

    was = before or {"cancelledAt": None, "fulfilledAt": None, "refunds": []}
    if before is None:
        yield Telling("orders/create", body)
    if _paid(after) and not (before is not None and _paid(before)):
        yield Telling("orders/paid", body)
    if after["fulfilledAt"] is not None and was["fulfilledAt"] is None:
        yield Telling("orders/fulfilled", body)
    for given in after["refunds"][len(was["refunds"]) :]:
        yield Telling("refunds/create", partial(orders.refund, after, given))
    if after["cancelledAt"] is not None and was["cancelledAt"] is None:
        yield Telling("orders/cancelled", body)
    yield Telling("orders/updated", body)


def _paid(order: Document) -> bool:
    return bool(order["received"][0] >= order["totals"]["total"][0])


def _counts(order: Document | None) -> tuple[int, int]:
    """What an order adds to what its customer has bought: orders and cents."""
    if order is None or order["test"]:
        return 0, 0
    return 1, order["received"][0] - order["totals"]["refunded"][0]


def _product(_shop: Shop, before: Document | None, after: Document | None, _version: str) -> Iterator[Telling]:
    if after is not None:
        yield Telling(f"products/{'create' if before is None else 'update'}", lambda: goods.product(after))
    elif before is not None:
        yield Telling("products/delete", lambda: {"id": before["id"]})


def _collection(_shop: Shop, before: Document | None, after: Document | None, _version: str) -> Iterator[Telling]:
    if after is not None:
        yield Telling(f"collections/{'create' if before is None else 'update'}", lambda: goods.collection(after))
    elif before is not None:
        yield Telling("collections/delete", lambda: goods.deleted_collection(before))


def _checkout(shop: Shop, before: Document | None, after: Document | None, version: str) -> Iterator[Telling]:
    if after is not None:
        topic = f"checkouts/{'create' if before is None else 'update'}"
        yield Telling(topic, lambda: carts.checkout(shop, after, with_id=version <= LAST_WITH_CHECKOUT_IDS))
    elif before is not None:
        yield Telling("checkouts/delete", lambda: carts.deleted_checkout(before))


def _cart(_shop: Shop, before: Document | None, after: Document | None, _version: str) -> Iterator[Telling]:
    """A cart that is gone isn't told of: the vendor has no topic for it."""
    if after is not None:
        yield Telling(f"carts/{'create' if before is None else 'update'}", lambda: carts.cart(after))


_KINDS: Mapping[str, Callable[[Shop, Document | None, Document | None, str], Iterator[Telling]]] = {
    "Customer": _customer,
    "Order": _order,
    "Product": _product,
    "Collection": _collection,
    "AbandonedCheckout": _checkout,
    "Cart": _cart,
}
