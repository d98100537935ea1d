"""What events say of an order, a cart or a customer.

The cart's shape is that of Brevo's own trackers and plug-ins, whose ``data`` a template reads as ``params``
(developers.brevo.com/docs/track-custom-events-js; help.brevo.com article 15923206071826). POST /events has no ``data``:
its ``event_properties`` take that place, so ``{{ params.total }}`` and ``{% for item in params.items %}`` of an
existing cart mail find the same names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from tajo_pipelines.brevo.answers import encode
from tajo_pipelines.brevo.event_documents import MAX_PROPERTY_BYTES
from tajo_pipelines.model.cart import Cart, CartLine
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.order import Order, OrderLine
from tajo_pipelines.model.window import format_time
from tajo_pipelines.sync.event_kinds import MOST_ITEMS

LONGEST_TEXT = 255
"""Characters of a title or tag; a link is left out rather than cut."""

_LONGEST_LINK = 1000


def order_properties(order: Order, **more: Any) -> dict[str, Any]:
    """What an event says of an order, `tajo_id` and `source` left to whoever names the event."""
    return _stated(
        id=order.id,
        order_number=order.name,
        customer_id=order.customer_id,
        status=order.status,
        fulfillment_status=order.fulfillment_status,
        currency=order.currency,
        total=order.gross,
        amount=order.net,
        refunded=order.refunded,
        tax=order.tax,
        shipping=order.shipping,
        discount=order.discount,
        coupons=list(order.coupons),
        store=order.store,
        created_at=_time(order.created_at),
        items_count=len(order.lines),
        items=[_order_line(line) for line in order.lines[:MOST_ITEMS]],
        **more,
    )


def cart_properties(cart: Cart) -> dict[str, Any]:
    """What an event says of a cart."""
    return _stated(
        id=f"cart:{cart.id}",
        cart_id=cart.id,
        customer_id=cart.customer_id,
        currency=cart.currency,
        total=cart.total,
        subtotal=cart.subtotal,
        tax=cart.tax,
        discount=cart.discount,
        coupons=list(cart.coupons),
        url=cart.recovery_url,
        created_at=_time(cart.created_at),
        items_count=len(cart.lines),
        items=_items(cart.lines),
    )


def customer_properties(customer: Customer) -> dict[str, Any]:
    """What an event says of a customer: no names and addresses, the contact has them."""
    return _stated(
        id=customer.id,
        created_at=_time(customer.created_at),
        total_orders=customer.total_orders,
        total_spent=customer.total_spent,
        currency=customer.currency,
        tags=[tag[:LONGEST_TEXT] for tag in (customer.tags or ())[:MOST_ITEMS]],
    )


def _order_line(line: OrderLine) -> dict[str, Any]:
    return _stated(
        id=line.product_id,
        variant_id=line.variant_id,
        sku=line.sku,
        name=line.title[:LONGEST_TEXT],
        quantity=line.quantity,
        price=line.unit_price,
    )


def _items(lines: Sequence[CartLine]) -> list[dict[str, Any]]:
    return [
        _stated(
            id=line.product_id,
            variant_id=line.variant_id,
            sku=line.sku,
            name=line.title[:LONGEST_TEXT],
            variant_name=line.variant_title,
            quantity=line.quantity,
            price=line.unit_price,
            url=_link(line.url),
            image=_link(line.image_url),
        )
        for line in lines[:MOST_ITEMS]
    ]


def _link(url: str | None) -> str | None:
    return url if url and len(url) <= _LONGEST_LINK else None


def fitting(properties: dict[str, Any]) -> dict[str, Any]:
    """The same with as many items as Brevo takes; `items_count` still tells all."""
    items = list(properties.get("items", ()))
    left = len(encode(properties)) - MAX_PROPERTY_BYTES
    while left > 0 and items:
        left -= len(encode(items.pop())) + 1
    return properties | {"items": items} if "items" in properties else properties


def _time(moment: datetime | None) -> str | None:
    return format_time(moment) if moment is not None else None


def _stated(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value != []}


def plain(value: Any) -> Any:
    """Properties with amounts as texts, for a digest: the same amount has the same digest however it is spelt."""
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return format(value.normalize(), "f") if isinstance(value, Decimal) else value
