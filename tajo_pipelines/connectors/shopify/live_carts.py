"""Carts that webhooks carry -> canonical ones: bodies of ``checkouts/*`` and ``carts/*``, before any query has them.

Both are REST's (https://shopify.dev/docs/api/webhooks/latest, sample payloads, read 2026-11-25), and unlike each other.
A checkout says whose it is, and its amounts are in the currency that the buyer sees: ``currency`` is the shop's all the
same (https://shopify.dev/docs/api/admin-rest, AbandonedCheckout). An online store's cart says nothing of its owner,
prices its lines in both currencies and has no totals; its token leads to the checkout.

``buyer_accepts_marketing`` of a checkout is no consent here. It is a box on a page that hasn't been sent off, in some
shops ticked beforehand: what it holds when the order is placed, the order says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tajo_pipelines.connectors.shopify.made import made
from tajo_pipelines.connectors.shopify.records import token_of
from tajo_pipelines.model.cart import Cart, CartLine
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.record import Record
from tajo_pipelines.sdk.fields import FieldReader, as_decimal, as_text
from tajo_pipelines.sdk.manifest import MappingFile

_CODE = "discount_code"
"""What an allocation of a code says it is: that reduces the cart, as in `AbandonedCheckoutLineItem`, not the line."""

_IN_LINK = re.compile(r"/checkouts/(?:[a-z]{2}/)?([^/?]+)/recover")


def is_live(raw: Mapping[str, Any]) -> bool:
    """Whether a webhook carried it: the objects that are read write camel case."""
    return "line_items" in raw


def token_in_link(url: str | None) -> str | None:
    """The token in a checkout's recovery link: of its cart, or its own in older links.

    Seen, not documented (2026-11-25: ``/checkouts/ac/<cart token>/recover?key=…``); tokens can't be guessed, so one
    that an order names too is the same cart's, and any other does no harm.
    """
    found = _IN_LINK.search(url or "")
    return found[1] if found else None


@dataclass(frozen=True, slots=True)
class LiveCarts:
    """Makes canonical carts of what webhooks carry.

    Attributes:
        checkouts: Reader of a checkout's plain fields.
        checkout_lines: Of a checkout's line.
        store_carts: Of an online store's cart.
        store_cart_lines: Of its line.
    """

    checkouts: FieldReader[Cart]
    checkout_lines: FieldReader[CartLine]
    store_carts: FieldReader[Cart]
    store_cart_lines: FieldReader[CartLine]

    @classmethod
    def compiled(cls, mapping: MappingFile) -> LiveCarts:
        """Compile the paths once."""
        paths = mapping.canonical
        return cls(
            FieldReader(Cart, paths["checkouts"]),
            FieldReader(CartLine, paths["checkout_lines"]),
            FieldReader(Cart, paths["store_carts"]),
            FieldReader(CartLine, paths["store_cart_lines"]),
        )

    def cart(self, record: Record) -> Cart:
        """The canonical cart.

        Raises:
            RejectedRecord: ``malformed``.
        """
        # A checkout's totals are never left out; an online store's cart has none.
        if "total_price" in record.raw:
            return self._checkout(record)
        return self._store_cart(record)

    def _checkout(self, record: Record) -> Cart:
        raw = record.raw
        fields = _stated(self.checkouts.read(raw))
        fields["id"] = record.key
        fields["token"] = token_of(fields.get("token"))
        fields["checkout_token"] = token_of(fields.get("checkout_token"))
        fields["lines"] = _lines(raw, self._checkout_line)
        return made(Cart, fields | {"carried": True})

    def _checkout_line(self, raw: Mapping[str, Any]) -> CartLine:
        fields = _line(self.checkout_lines.read(raw))
        if "unit_price" in fields and fields.get("quantity"):
            fields["unit_price"] = _reduced(raw, fields["unit_price"], fields["quantity"])
        return made(CartLine, fields)

    def _store_cart(self, record: Record) -> Cart:
        raw = record.raw
        fields = self.store_carts.read(raw)
        lines = _lines(raw, lambda line: made(CartLine, _line(self.store_cart_lines.read(line))))
        return made(
            Cart,
            fields
            | {
                "id": record.key,
                "token": record.key,
                "currency": _currency(raw["line_items"]),
                "total": sum((line.unit_price * line.quantity for line in lines), Decimal(0)),
                "lines": lines,
                "carried": True,
            },
        )


def _lines(raw: Mapping[str, Any], line: Callable[[Mapping[str, Any]], CartLine]) -> tuple[CartLine, ...]:
    """Lines of something: one that was set to nothing is none."""
    items = raw["line_items"]
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise RejectedRecord("malformed", "the line_items are no list", field="lines")
    return tuple(made_line for made_line in map(line, items) if made_line.quantity > 0)


def _line(fields: dict[str, Any]) -> dict[str, Any]:
    fields = _stated(fields)
    fields.setdefault("title", fields.get("variant_title", ""))
    return fields


def _stated(fields: dict[str, Any]) -> dict[str, Any]:
    """Without empty texts: bodies write them where a query writes null."""
    return {name: value for name, value in fields.items() if value != ""}


def _reduced(raw: Mapping[str, Any], price: Decimal, quantity: int) -> Decimal:
    """Price of one unit after the line's own reductions.

    ``price`` is the price before them, and ``line_price`` is ``price`` times the units, whatever the reductions
    (a body with a code on it, seen 2026-11-25).
    """
    taken = [
        *_objects(raw, "applied_discounts"),
        *(each for each in _objects(raw, "discount_allocations") if each.get("application_type") != _CODE),
    ]
    off = sum((as_decimal(each.get("amount"), "discount") for each in taken), Decimal(0))
    if not off:
        return price
    unit = (price * quantity - off) / quantity
    # As fine as the finer of both is written: the cents of this currency.
    return max(Decimal(0), unit.quantize(price + off, ROUND_HALF_UP))


def _objects(raw: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    found = raw.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _currency(items: Sequence[Mapping[str, Any]]) -> str:
    """The one currency that every line's price in the shop's money names; empty where one names none."""
    named = {_named(item) for item in items}
    return as_text(named.pop(), "currency") if len(named) == 1 and None not in named else ""


def _named(item: Mapping[str, Any]) -> str | None:
    money: Any = item.get("discounted_price_set")
    for name in ("shop_money", "currency_code"):
        money = money.get(name) if isinstance(money, dict) else None
    return money if isinstance(money, str) else None
