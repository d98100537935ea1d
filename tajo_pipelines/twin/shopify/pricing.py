"""Money of orders: integer cents in pairs [shop currency, presentment currency], and the totals made of them.

Every total is a sum of lines, so that both columns are consistent in themselves; only single prices are
converted.
"""

from __future__ import annotations

from typing import Any

Pair = list[int]
"""Cents in the shop's currency and in the currency that the buyer saw."""

Order = dict[str, Any]
Item = dict[str, Any]


def pair(cents: int, rate: float = 1.0) -> Pair:
    """A price in the shop's currency beside its presentment."""
    return [cents, round(cents * rate)]


def plus(*pairs: Pair) -> Pair:
    """The sum."""
    return [sum(p[0] for p in pairs), sum(p[1] for p in pairs)]


def minus(left: Pair, right: Pair) -> Pair:
    """The difference."""
    return [left[0] - right[0], left[1] - right[1]]


def share(of: Pair, part: int, whole: int) -> Pair:
    """``part / whole`` of an amount, rounded half up in each currency."""
    return [(2 * cents * part + whole) // (2 * whole) for cents in of]


def text(cents: int) -> str:
    """Cents as a decimal string, as Shopify writes amounts."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def original(item: Item) -> Pair:
    """Price times quantity."""
    return [item["price"][0] * item["quantity"], item["price"][1] * item["quantity"]]


def allocated(item: Item, *, codes: bool = True, order: Order | None = None) -> Pair:
    """Discounts of a line; without ``codes`` only those that aren't an order's code."""
    pairs = [
        amount
        for index, amount in item["discounts"]
        if codes or order is None or order["discounts"][index]["kind"] != "DiscountCodeApplication"
    ]
    return plus(*pairs) if pairs else [0, 0]


def discounted(item: Item) -> Pair:
    """What the line costs after all discounts."""
    return minus(original(item), allocated(item))


def tax_of(net_or_gross: Pair, order: Order) -> Pair:
    """Tax on an amount; ``taxRate`` is in basis points."""
    rate = order["taxRate"]
    return share(net_or_gross, rate, 10_000 + rate if order["taxesIncluded"] else 10_000)


def apply_discounts(order: Order) -> None:
    """Spread the order's discounts over its lines: first those of single lines, then codes over all."""
    for index, discount in enumerate(order["discounts"]):
        for item in order["items"]:
            if discount["items"] is None or item["id"] in discount["items"]:
                amount = share(discounted(item), discount["percentage"], 100)
                if any(amount):
                    item["discounts"].append([index, amount])


def total_up(order: Order) -> None:
    """Compute ``totals`` and each line's ``tax`` from lines, shipping and refunds; in place."""
    for item in order["items"]:
        item["tax"] = tax_of(discounted(item), order)
    items, refunds = order["items"], order["refunds"]
    returned = [line for refund in refunds for line in refund["items"]]
    subtotal = plus(*(discounted(item) for item in items))
    tax = plus(*(item["tax"] for item in items))
    current_subtotal = minus(subtotal, plus(*(line["subtotal"] for line in returned)))
    current_tax = minus(tax, plus(*(line["tax"] for line in returned)))
    refunded_shipping = plus(*(refund["shipping"] for refund in refunds))
    current_shipping = minus(order["shipping"], refunded_shipping)
    added = [0, 0] if order["taxesIncluded"] else tax
    current_added = [0, 0] if order["taxesIncluded"] else current_tax
    order["totals"] = {
        "subtotal": subtotal,
        "discounts": plus(*(allocated(item) for item in items)),
        "cartDiscount": minus(
            plus(*(allocated(item) for item in items)),
            plus(*(allocated(item, codes=False, order=order) for item in items)),
        ),
        "tax": tax,
        "shipping": order["shipping"],
        "total": plus(subtotal, order["shipping"], added),
        "refunded": plus(*(refund["amount"] for refund in refunds)),
        "refundedShipping": refunded_shipping,
        "currentSubtotal": current_subtotal,
        "currentDiscounts": plus(
            *(share(allocated(item), item["quantity"] - item["removed"], item["quantity"]) for item in items)
        ),
        "currentTax": current_tax,
        "currentShipping": current_shipping,
        "currentTotal": plus(current_subtotal, current_shipping, current_added),
    }


def financial_status(order: Order) -> str:
    """Shopify's ``displayFinancialStatus`` for what was received and refunded."""
    total, received = order["totals"]["total"][0], order["received"][0]
    refunded = order["totals"]["refunded"][0]
    if refunded:
        return "REFUNDED" if refunded >= received else "PARTIALLY_REFUNDED"
    if order["cancelledAt"] is not None and received == 0:
        return "VOIDED"
    if received >= total:
        return "PAID"
    if received:
        return "PARTIALLY_PAID"
    return "AUTHORIZED" if order["authorized"] else "PENDING"


def brevo_amount(order: Order) -> int:
    """What an order is worth to a marketing tool, in cents: total minus refunds, cancelled nothing."""
    if order["cancelledAt"] is not None:
        return 0
    total: int = order["totals"]["total"][0]
    refunded: int = order["totals"]["refunded"][0]
    return max(0, total - refunded)
