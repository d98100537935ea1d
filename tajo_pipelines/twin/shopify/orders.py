"""An order's document: made from a draft, then paid, refunded, cancelled. Pure; nothing is stored here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tajo_pipelines.twin.shopify import catalogue, pricing
from tajo_pipelines.twin.shopify.people import Address

Order = dict[str, Any]

_LINE_BASE = 14_000_000_000_000
_REFUND_BASE = 930_000_000_000
_LINES_AN_ORDER = 512
_REFUNDS_AN_ORDER = 16


@dataclass(frozen=True, slots=True)
class Bought:
    """One line of a draft; ``variant`` None is a custom line."""

    title: str
    cents: int
    quantity: int = 1
    variant: catalogue.Variant | None = None
    sale: int = 0


@dataclass(slots=True)
class Draft:
    """What an order is made from.

    Attributes:
        number: Running number; id, name and the ids of lines and refunds derive from it.
        at: When it was created, RFC 3339.
        bought: Its lines.
        customer: The customer's numeric id, None for a guest.
        paid: Share of the total that was received, in percent.
        code: A discount code with its percentage.
        presentment: Currency that the buyer saw.
        rate: Presentment currency for one unit of the shop's.
        tax_rate: In basis points.
    """

    number: int
    at: str
    bought: Sequence[Bought]
    customer: int | None = None
    email: str | None = None
    phone: str | None = None
    locale: str = "de"
    accepts_marketing: bool = False
    paid: int = 100
    authorized: bool = False
    test: bool = False
    code: tuple[str, int] | None = None
    shipping: int = 490
    presentment: str = "EUR"
    rate: float = 1.0
    tax_rate: int = 1900
    taxes_included: bool = True
    billing: Address | None = None
    ship_to: Address | None = None
    gateway: str = "shopify_payments"
    source: str = "web"
    processed_at: str | None = None
    note: str | None = None
    tags: Sequence[str] = field(default_factory=tuple)


def bought_of(products: Mapping[int, Mapping[str, Any]], item: Mapping[str, Any]) -> Bought:
    """A line of a cart, bought as it stands there; a variant that is gone by now becomes a custom line."""
    product = products.get(item["product"]) or {"variants": ()}
    variant = next((each for each in product["variants"] if each["id"] == item["variant"]), None)
    sold = None if variant is None else catalogue.sellable(dict(product), variant)
    return Bought(title=item["title"], cents=item["price"][0], quantity=item["quantity"], variant=sold)


def order_id(number: int) -> int:
    """The numeric id of the order with that running number."""
    return 5_600_000_000_000 + number * 1024


def make(draft: Draft) -> Order:
    """The order's document, priced and paid."""
    items = [_item(draft, place, bought) for place, bought in enumerate(draft.bought)]
    order: Order = {
        "kind": "Order",
        "id": order_id(draft.number),
        "number": 1000 + draft.number,
        "customer": draft.customer,
        "email": draft.email,
        "phone": draft.phone,
        "locale": draft.locale,
        "createdAt": draft.at,
        "updatedAt": draft.at,
        "processedAt": draft.processed_at or draft.at,
        "cancelledAt": None,
        "cancelReason": None,
        "closedAt": None,
        "fulfilledAt": None,
        "test": draft.test,
        "authorized": draft.authorized,
        "acceptsMarketing": draft.accepts_marketing,
        "presentment": draft.presentment,
        "rate": draft.rate,
        "taxesIncluded": draft.taxes_included,
        "taxRate": draft.tax_rate,
        "items": items,
        "discounts": _discounts(draft, items),
        "shipping": pricing.pair(draft.shipping, draft.rate),
        "refunds": [],
        "received": [0, 0],
        "billing": draft.billing,
        "shipTo": draft.ship_to,
        "gateway": draft.gateway,
        "source": draft.source,
        "note": draft.note,
        "tags": list(draft.tags),
    }
    pricing.apply_discounts(order)
    pricing.total_up(order)
    order["received"] = pricing.share(order["totals"]["total"], draft.paid, 100)
    return order


def fulfil(order: Order, at: str) -> None:
    """Ship everything and close the order."""
    order["fulfilledAt"] = order["closedAt"] = at
    order["updatedAt"] = max(order["updatedAt"], at)


def refund(
    order: Order,
    at: str,
    *,
    quantities: Mapping[int, int] | None = None,
    amount: pricing.Pair | None = None,
    shipping: bool = False,
    note: str | None = None,
) -> None:
    """Pay back: returned lines by their place and quantity, or an amount without a return, never too much.

    Args:
        order: Changed in place.
        at: When, RFC 3339.
        quantities: Place of a line and how many of it come back.
        amount: Goodwill without a return; the order's current total stays then.
        shipping: Whether shipping is paid back too.
        note: The merchant's reason.
    """
    lines = []
    for place, quantity in (quantities or {}).items():
        item = order["items"][place]
        taken = min(quantity, item["quantity"] - item["removed"])
        if taken > 0:
            lines.append(_returned(item, place, taken))
    back = pricing.plus(*(line["subtotal"] for line in lines))
    if not order["taxesIncluded"]:
        back = pricing.plus(back, *(line["tax"] for line in lines))
    shipping_back = order["totals"]["currentShipping"] if shipping else [0, 0]
    wanted = amount or pricing.plus(back, shipping_back)
    left = pricing.minus(order["received"], order["totals"]["refunded"])
    order["refunds"].append(
        {
            "id": _REFUND_BASE + order["number"] * _REFUNDS_AN_ORDER + len(order["refunds"]),
            "at": at,
            "note": note,
            "amount": [min(wanted[0], left[0]), min(wanted[1], left[1])],
            "shipping": shipping_back,
            "items": lines,
        }
    )
    pricing.total_up(order)
    order["updatedAt"] = max(order["updatedAt"], at)


def refund_all(order: Order, at: str, note: str | None = None) -> None:
    """Take everything back that isn't back yet."""
    quantities = {
        place: item["quantity"] - item["removed"]
        for place, item in enumerate(order["items"])
        if item["quantity"] > item["removed"]
    }
    left = pricing.minus(order["received"], order["totals"]["refunded"])
    refund(order, at, quantities=quantities, amount=left, shipping=True, note=note)


def cancel(order: Order, at: str, reason: str = "CUSTOMER") -> None:
    """Cancel; what was received is paid back, what wasn't is void."""
    refund_all(order, at, note="cancelled")
    order["cancelledAt"], order["cancelReason"], order["closedAt"] = at, reason, at
    order["updatedAt"] = max(order["updatedAt"], at)


def fulfillment_status(order: Order) -> str:
    """Shopify's ``displayFulfillmentStatus``."""
    if order["fulfilledAt"] is not None:
        return "FULFILLED"
    return "RESTOCKED" if order["cancelledAt"] is not None else "UNFULFILLED"


def _item(draft: Draft, place: int, bought: Bought) -> dict[str, Any]:
    variant = bought.variant
    return {
        "id": _LINE_BASE + draft.number * _LINES_AN_ORDER + place,
        "title": bought.title,
        "variantTitle": variant.variant_title if variant else None,
        "vendor": variant.vendor if variant else None,
        "sku": variant.sku if variant else None,
        "product": variant.product if variant else None,
        "variant": variant.id if variant else None,
        "quantity": bought.quantity,
        "removed": 0,
        "price": pricing.pair(bought.cents, draft.rate),
        "discounts": [],
        "tax": [0, 0],
    }


def _discounts(draft: Draft, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    discounts: list[dict[str, Any]] = []
    for bought, item in zip(draft.bought, items, strict=True):
        if bought.sale:
            discounts.append(
                {
                    "kind": "AutomaticDiscountApplication",
                    "title": f"Sale {bought.sale} %",
                    "percentage": bought.sale,
                    "items": [item["id"]],
                }
            )
    if draft.code is not None:
        code, percentage = draft.code
        discounts.append({"kind": "DiscountCodeApplication", "code": code, "percentage": percentage, "items": None})
    return discounts


def _returned(item: dict[str, Any], place: int, quantity: int) -> dict[str, Any]:
    """A returned part of a line; parts of one line add up to the line, whatever the rounding."""
    before, after = item["removed"], item["removed"] + quantity
    item["removed"] = after
    whole = item["quantity"]
    price = pricing.discounted(item)
    return {
        "item": place,
        "quantity": quantity,
        "subtotal": pricing.minus(pricing.share(price, after, whole), pricing.share(price, before, whole)),
        "tax": pricing.minus(pricing.share(item["tax"], after, whole), pricing.share(item["tax"], before, whole)),
    }
