"""The events by name: when each is sent and what it says. The documentation is written from this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST_ITEMS = 100
"""Lines that an event tells one by one: Brevo takes 50 KB of properties."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property of an event.

    Attributes:
        kind: ``text``, ``number``, ``time`` or ``list``.
    """

    name: str
    kind: str
    meaning: str


@dataclass(frozen=True, slots=True)
class EventKind:
    """One event by name.

    Attributes:
        cause: When it is sent.
        at: Which moment is its ``event_date``.
        properties: What it says; all but ``tajo_id``, ``source`` and ``id`` only where the platform says it.
        items: Properties of each of its ``items``.
    """

    name: str
    stream: str
    cause: str
    at: str
    properties: tuple[Property, ...]
    items: tuple[Property, ...] = ()


_ALWAYS = (
    Property("tajo_id", "text", "Id of this very event: the same cause has the same id on every path"),
    Property("source", "text", "Name of the connection"),
)

_ORDER = (
    *_ALWAYS,
    Property("id", "text", "The platform's id of the order, as at Brevo's orders"),
    Property("order_number", "text", "What the merchant calls it"),
    Property("customer_id", "text", "The platform's id of the customer"),
    Property("status", "text", "The platform's financial status"),
    Property("fulfillment_status", "text", "The platform's fulfilment status"),
    Property("currency", "text", "The shop's currency; all amounts are in it"),
    Property("total", "number", "What was to be paid when the order was placed"),
    Property("amount", "number", "What it is worth now: total minus refunds, 0 when cancelled"),
    Property("refunded", "number", "Sum of all refunds"),
    Property("tax", "number", "Tax in the total"),
    Property("shipping", "number", "Shipping in the total"),
    Property("discount", "number", "All reductions"),
    Property("coupons", "list", "Codes that were used"),
    Property("store", "text", "The shop"),
    Property("created_at", "time", "When the order was placed"),
    Property("items_count", "number", "Lines of the order, also where `items` holds fewer"),
    Property("items", "list", f"The first {MOST_ITEMS} lines"),
)

_LINE = (
    Property("id", "text", "The platform's id of the product, as at Brevo's products"),
    Property("variant_id", "text", "The same for the variant"),
    Property("sku", "text", "Stock keeping unit"),
    Property("name", "text", "Title"),
    Property("variant_name", "text", "Title of the variant; in carts alone"),
    Property("quantity", "number", "Units"),
    Property("price", "number", "Price of one unit after the line's own reduction"),
    Property("url", "text", "Page of the product; in carts alone"),
    Property("image", "text", "Picture of the product; in carts alone"),
)

_CART = (
    *_ALWAYS,
    Property("id", "text", "`cart:` and the platform's id, as Brevo's plug-ins write it"),
    Property("cart_id", "text", "The platform's id of the cart"),
    Property("customer_id", "text", "The platform's id of the customer"),
    Property("currency", "text", "Of all amounts: the shop's, or the buyer's where a webhook told of the checkout"),
    Property(
        "total", "number", "What would be paid; where only the store's cart told of the change, the sum of its lines"
    ),
    Property("subtotal", "number", "The same before shipping and tax"),
    Property("tax", "number", "Tax in the total"),
    Property("discount", "number", "All reductions"),
    Property("coupons", "list", "Codes that were entered"),
    Property("url", "text", "Brings the cart back on any device"),
    Property("created_at", "time", "When the cart was begun"),
    Property("items_count", "number", "Lines of the cart, also where `items` holds fewer"),
    Property("items", "list", f"The first {MOST_ITEMS} lines"),
)

_CUSTOMER = (
    *_ALWAYS,
    Property("id", "text", "The platform's id of the customer"),
    Property("created_at", "time", "When the customer was created"),
    Property("total_orders", "number", "Orders so far, as the platform counts them"),
    Property("total_spent", "number", "Spent so far, net of refunds"),
    Property("currency", "text", "Currency of that"),
    Property("tags", "list", "The platform's tags"),
)

_ORDER_LINE = tuple(item for item in _LINE if item.name not in {"variant_name", "url", "image"})
_REFUND = Property("refund_amount", "number", "What was refunded since Brevo was last told")
_REASON = Property("cancel_reason", "text", "The platform's reason")
_PLACED_AT = "when the order was placed"
_CHANGED_AT = "the order's time of change"

KINDS: Mapping[str, EventKind] = {
    kind.name: kind
    for kind in (
        EventKind("order_placed", "orders", "An order is read for the first time", _PLACED_AT, _ORDER, _ORDER_LINE),
        EventKind(
            "order_completed",
            "orders",
            "Beside `order_placed`: the name that Brevo's plug-ins send and cart automations end on",
            _PLACED_AT,
            _ORDER,
            _ORDER_LINE,
        ),
        EventKind(
            "order_updated", "orders", "Something that the event says has changed", _CHANGED_AT, _ORDER, _ORDER_LINE
        ),
        EventKind(
            "order_cancelled",
            "orders",
            "The order was cancelled",
            "when it was cancelled",
            (*_ORDER, _REASON),
            _ORDER_LINE,
        ),
        EventKind(
            "order_refunded",
            "orders",
            "The sum of refunds has grown",
            _CHANGED_AT,
            (*_ORDER, _REFUND),
            _ORDER_LINE,
        ),
        EventKind(
            "order_fulfilled", "orders", "The order has become fulfilled as a whole", _CHANGED_AT, _ORDER, _ORDER_LINE
        ),
        EventKind(
            "cart_updated",
            "carts",
            "An open cart with at least one line is new or has changed",
            "the cart's time of change",
            _CART,
            _LINE,
        ),
        EventKind(
            "cart_deleted",
            "carts",
            "A cart that Brevo was told of was emptied, or its checkout was deleted",
            "the cart's time of change",
            _CART,
            _LINE,
        ),
        EventKind(
            "customer_created",
            "customers",
            "A customer is read for the first time",
            "when the customer was created",
            _CUSTOMER,
        ),
        EventKind(
            "customer_updated",
            "customers",
            "A known customer has changed in a way that changed the contact",
            "the customer's time of change",
            _CUSTOMER,
        ),
        EventKind(
            "customer_deleted",
            "customers",
            "A customer was deleted at the platform",
            "when it was found to be gone",
            (*_ALWAYS, _CUSTOMER[2]),
        ),
    )
}
"""Every event, by name."""
