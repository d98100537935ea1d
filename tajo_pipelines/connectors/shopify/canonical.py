"""Raw objects -> canonical ones: plain fields by ``mapping.yaml``, the rest here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tajo_pipelines.connectors.shopify.consent import customer_signals, order_signals
from tajo_pipelines.connectors.shopify.goods import Goods
from tajo_pipelines.connectors.shopify.live_carts import LiveCarts, is_live
from tajo_pipelines.connectors.shopify.made import made, nodes_of
from tajo_pipelines.connectors.shopify.records import token_of
from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.consent import Channel, Signal, State
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.order import Address, Order, OrderLine, placed_at
from tajo_pipelines.model.product import Product
from tajo_pipelines.model.record import Canonical, Record
from tajo_pipelines.sdk.fields import FieldReader, as_decimal
from tajo_pipelines.sdk.manifest import MappingFile

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Canonicaliser:
    """Makes canonical objects of one shop's records.

    Attributes:
        store: The shop's domain, which orders carry.
        customers: Reader of a customer's plain fields.
        orders: Of an order's.
        lines: Of a line's.
        addresses: Of a postal address's.
        goods: Makes the products, and the carts that are read.
        live_carts: Makes the carts that webhooks carry.
    """

    store: str
    customers: FieldReader[Customer]
    orders: FieldReader[Order]
    lines: FieldReader[OrderLine]
    addresses: FieldReader[Address]
    goods: Goods
    live_carts: LiveCarts

    @classmethod
    def compiled(cls, mapping: MappingFile, store: str) -> Canonicaliser:
        """Compile the paths once."""
        paths = mapping.canonical
        return cls(
            store,
            # Every one of these fields is asked for, so null means that the shop holds nothing there.
            FieldReader(Customer, paths["customers"], empty=True),
            FieldReader(Order, paths["orders"]),
            FieldReader(OrderLine, paths["lines"]),
            FieldReader(Address, paths["addresses"]),
            Goods.compiled(mapping),
            LiveCarts.compiled(mapping),
        )

    def of(self, record: Record, kind: type[Canonical]) -> Canonical:
        """The canonical form of a record.

        Raises:
            RejectedRecord: ``malformed``.
        """
        makers: dict[type[Canonical], Callable[[Record], Canonical]] = {
            Customer: self.customer,
            Order: self.order,
            Product: self.goods.product,
            Cart: self.cart,
        }
        return makers[kind](record)

    def customer(self, record: Record) -> Customer:
        """The canonical customer.

        Raises:
            RejectedRecord: ``malformed``.
        """
        raw = record.raw
        fields = self.customers.read(raw)
        signals = customer_signals(raw)
        fields["consent"] = signals
        fields["accepts_marketing"] = _accepted(signals, Channel.EMAIL)
        fields["accepts_sms"] = _accepted(signals, Channel.SMS)
        spent, orders = fields.get("total_spent"), fields.get("total_orders")
        if spent is not None and orders:
            fields["average_order_value"] = (spent / orders).quantize(_CENT)
        if orders == 1 and "last_order_date" in fields:
            # Shopify tells the last order's time alone; of one order it is the first one's too.
            fields["first_order_date"] = fields["last_order_date"]
        return made(Customer, fields)

    def cart(self, record: Record) -> Cart:
        """The canonical cart, by its shape: read by a query, or carried by a webhook.

        Raises:
            RejectedRecord: ``malformed``.
        """
        return self.live_carts.cart(record) if is_live(record.raw) else self.goods.cart(record)

    def order(self, record: Record) -> Order:
        """The canonical order.

        Raises:
            RejectedRecord: ``malformed``.
        """
        raw = record.raw
        fields = self.orders.read(raw)
        if "gross" not in fields or "created_at" not in fields:
            raise RejectedRecord("malformed", "the order has no total or no time", field="gross")
        fields["gross"] -= removed_without_refund(raw, fields["gross"], fields.get("refunded", Decimal(0)))
        # The field is nullable (Admin GraphQL reference 2026-10, Order.displayFinancialStatus; read 2026-11-24).
        fields["status"] = fields.get("status", "unknown").lower()
        if "fulfillment_status" in fields:
            fields["fulfillment_status"] = fields["fulfillment_status"].lower()
        if "cancel_reason" in fields:
            fields["cancel_reason"] = fields["cancel_reason"].lower()
        fields["store"] = self.store
        for name in ("cart_token", "checkout_token"):
            fields[name] = token_of(fields.get(name))
        fields["billing"] = self._address(raw.get("billingAddress"))
        fields["shipping_address"] = self._address(raw.get("shippingAddress"))
        fields["lines"] = tuple(made(OrderLine, self.lines.read(node)) for node in nodes_of(raw, "lineItems"))
        # Importing apps create orders of years ago today (2026-11-24, Admin GraphQL reference 2026-10,
        # Order.processedAt: "might not match the date and time when the order was created").
        fields["consent"] = order_signals(raw, placed_at(fields["created_at"], fields.get("processed_at")))
        return made(Order, fields)

    def _address(self, raw: Any) -> Address | None:
        if raw is None:
            return None
        if not isinstance(raw, dict):
            raise RejectedRecord("malformed", "an address is no object", field="billing")
        return made(Address, self.addresses.read(raw))


def removed_without_refund(raw: Mapping[str, Any], total: Decimal, refunded: Decimal) -> Decimal:
    """What an edit took off an order without money going back.

    ``totalPriceSet`` is the total before returns: it holds lines that an edit removed. Where the buyer had paid them,
    ``totalRefundedSet`` takes them off; where not, only ``currentTotalPriceSet`` knows (Admin GraphQL reference
    2026-10, Order; read 2026-11-24). Orders that were never edited are left as they are.

    Returns:
        Never negative, so that an order is worth the smaller of both readings.
    """
    if raw.get("edited") is not True:
        return Decimal(0)
    current = raw.get("currentTotalPriceSet")
    money = current.get("shopMoney") if isinstance(current, dict) else None
    if not isinstance(money, dict):
        return Decimal(0)
    return max(Decimal(0), total - refunded - as_decimal(money.get("amount"), "currentTotalPriceSet"))


def _accepted(signals: tuple[Signal, ...], channel: Channel) -> bool | None:
    for signal in signals:
        if signal.channel is channel:
            return signal.state is State.GRANTED
    return None
