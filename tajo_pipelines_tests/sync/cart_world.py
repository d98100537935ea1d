"""A shopper whose cart Shopify tells of in every way there is, and an account that takes the events."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from tajo_pipelines.brevo.attributes import AttributePlan
from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.contact_change import ContactChange, Outcome
from tajo_pipelines.brevo.writer import ContactWriter
from tajo_pipelines.connectors.shopify.canonical import Canonicaliser
from tajo_pipelines.connectors.shopify.webhooks import WEBHOOKS
from tajo_pipelines.mapping.engine import CompiledMapping
from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.report import StreamReport
from tajo_pipelines.model.window import format_time
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.webhooks import Envelope
from tajo_pipelines.store import Store, open_store
from tajo_pipelines.sync.cart_memory import close_carts, closings_of
from tajo_pipelines.sync.carts import CartDelivery
from tajo_pipelines.sync.contacts import ContactMapper
from tajo_pipelines.sync.events import EventDelivery, EventRules
from tajo_pipelines.sync.flush import Flush
from tajo_pipelines_tests.brevo.stub import Received, Reply, bench, stub

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOW = NOON + timedelta(hours=1)
PRICES = {"11": Decimal("9.95"), "12": Decimal("20.00"), "13": Decimal("4.50")}
RATE = Decimal(2)
"""What a unit of the shop's money is in the buyer's."""

Goods: TypeAlias = tuple[tuple[str, int], ...]
"""Variants and how many of each."""

CANONICALISER = Canonicaliser.compiled(registry.mapping_file("shopify"), "kontor.myshopify.com")


@dataclass(frozen=True)
class Told:
    """One thing that the shop tells.

    Attributes:
        path: ``webhook``, or ``read`` for a checkout or an order that a batch brought.
        topic: Of the webhook; ``checkout`` or ``order`` for what was read.
        body: The body, or the object that was read.
        at: When the thing became so.
        goods: What was in the cart; None for an order.
        owned: Whether the form itself says whose it is.
        over: Whether it says that the cart is one no more.
    """

    path: Literal["webhook", "read"]
    topic: str
    body: dict[str, Any]
    at: datetime
    goods: Goods | None = None
    owned: bool = False
    over: bool = False

    @property
    def by_token(self) -> bool:
        """Whether it is the online store's cart."""
        return self.topic.startswith("carts/")


@dataclass
class Shopper:
    """One cart from its first line to its order.

    Attributes:
        number: Of its checkout.
        foreign: Whether the buyer sees another money than the shop's.
        told: Everything that the shop tells, in the order in which it happens.
    """

    number: int
    foreign: bool = False
    told: list[Told] = field(default_factory=list)
    goods: Goods = ()
    email: str | None = None
    begun_at: datetime | None = None
    checkout: tuple[datetime, Goods, bool] | None = None
    paid_at: datetime | None = None
    clock: datetime = NOON

    @property
    def token(self) -> str:
        """The cart's."""
        return f"Z2NwLWV1cm9wZTox{self.number}"

    @property
    def checkout_token(self) -> str:
        """The checkout's."""
        return f"bd5a8aa1ecd019dd{self.number}"

    def _tick(self) -> datetime:
        self.clock += timedelta(seconds=7)
        self.begun_at = self.begun_at or self.clock
        return self.clock

    # -- what happens -------------------------------------------------------------------------------------------

    def fill(self, goods: Goods) -> None:
        """Change what is in the store's cart; nothing empties it."""
        at, topic = self._tick(), "carts/update" if self.told else "carts/create"
        self.goods = goods
        token = f"{self.token}?key=824bdj25" if len(self.told) % 2 else self.token
        body = {
            "id": token,
            "token": token,
            "line_items": [self._store_line(variant, quantity) for variant, quantity in goods],
            "note": None,
            "updated_at": format_time(at + timedelta(milliseconds=5)),
            "created_at": format_time(cast(datetime, self.begun_at)),
        }
        self.told.append(Told("webhook", topic, body, at + timedelta(milliseconds=5), goods))

    def check_out(self) -> None:
        """Begin the checkout, or go on with it."""
        at, topic = self._tick(), "checkouts/update" if self.checkout else "checkouts/create"
        self.checkout = (at, self.goods, self.email is not None)
        self.told.append(Told("webhook", topic, self._checkout(at, self.goods), at, self.goods, self.email is not None))

    def name(self) -> None:
        """Write the address into the checkout's page."""
        self.email = f"buyer{self.number}@example.com"

    def touch(self) -> None:
        """The shop moves the checkout's time, as when it becomes an abandoned one."""
        if self.checkout is not None:
            self.checkout = (self._tick(), *self.checkout[1:])

    def read(self) -> None:
        """A batch reads the checkout."""
        if self.checkout is None:
            return
        at, goods, _ = self.checkout
        owned, over = self.email is not None, self.paid_at is not None
        self.told.append(Told("read", "checkout", self._abandoned(at, goods), at, goods, owned, over))

    def pay(self, *, webhook: bool) -> None:
        """Pay what is in the checkout: the order is told of, then the cart and the checkout that are done with."""
        if self.checkout is None or not self.goods:
            return
        self.check_out()
        at = self.paid_at = self._tick()
        self.told.append(
            Told("webhook", "orders/create", self._order(at), at, over=True)
            if webhook
            else Told("read", "order", self._read_order(at), at, over=True)
        )
        later, goods = self._tick(), self.goods
        self.checkout = (later, goods, self.email is not None)
        body = self._checkout(later, goods) | {"completed_at": format_time(at)}
        self.told.append(Told("webhook", "checkouts/update", body, later, goods, self.email is not None, over=True))
        self.fill(())

    # -- how it is told -----------------------------------------------------------------------------------------

    def _money(self, goods: Goods) -> Decimal:
        return sum((PRICES[variant] * quantity for variant, quantity in goods), Decimal(0))

    def _buyers(self, amount: Decimal) -> str:
        return str(amount * RATE if self.foreign else amount)

    def _store_line(self, variant: str, quantity: int) -> dict[str, Any]:
        price = str(PRICES[variant])
        money = {
            "shop_money": {"amount": price, "currency_code": "EUR"},
            "presentment_money": {"amount": self._buyers(PRICES[variant]), "currency_code": self.currency},
        }
        return {
            "id": int(variant),
            "quantity": quantity,
            "variant_id": int(variant),
            "product_id": 1,
            "title": f"Tea - {variant}",
            "sku": f"T-{variant}",
            "price": price,
            "discounted_price": price,
            "discounted_price_set": money,
        }

    @property
    def currency(self) -> str:
        """The buyer's."""
        return "CHF" if self.foreign else "EUR"

    @property
    def link(self) -> str:
        """Brings the cart back."""
        return f"https://kontor.example/1/checkouts/ac/{self.token}/recover?key=k{self.number}"

    def _checkout(self, at: datetime, goods: Goods) -> dict[str, Any]:
        return {
            "id": self.number,
            "token": self.checkout_token,
            "cart_token": self.token,
            "email": self.email,
            "buyer_accepts_marketing": True,
            "created_at": format_time(cast(datetime, self.begun_at)),
            # The same instant in the shop's own zone.
            "updated_at": (at + timedelta(hours=1)).replace(tzinfo=None).isoformat() + "+01:00",
            "completed_at": None,
            "currency": "EUR",
            "presentment_currency": self.currency,
            "line_items": [
                {
                    "title": "Tea",
                    "variant_title": variant,
                    "variant_id": int(variant),
                    "product_id": 1,
                    "sku": f"T-{variant}",
                    "quantity": quantity,
                    "price": self._buyers(PRICES[variant]),
                    "line_price": self._buyers(PRICES[variant] * quantity),
                    "applied_discounts": [],
                    "discount_allocations": [],
                }
                for variant, quantity in goods
            ],
            "total_price": self._buyers(self._money(goods)),
            "subtotal_price": self._buyers(self._money(goods)),
            "total_tax": "0.00",
            "total_discounts": "0.00",
            "discount_codes": [],
            "abandoned_checkout_url": self.link,
        }

    def _abandoned(self, at: datetime, goods: Goods) -> dict[str, Any]:
        def bag(amount: Decimal) -> dict[str, Any]:
            return {"shopMoney": {"amount": str(amount), "currencyCode": "EUR"}}

        return {
            "id": f"gid://shopify/AbandonedCheckout/{self.number}",
            "createdAt": format_time(cast(datetime, self.begun_at)),
            "updatedAt": format_time(at),
            "completedAt": None if self.paid_at is None else format_time(self.paid_at),
            "abandonedCheckoutUrl": f"{self.link}&locale=de",
            "discountCodes": [],
            "customer": {"defaultEmailAddress": {"emailAddress": self.email}} if self.email else None,
            "totalPriceSet": bag(self._money(goods)),
            "lineItems": {
                "nodes": [
                    {
                        "title": "Tea",
                        "variantTitle": variant,
                        "quantity": quantity,
                        "discountedUnitPriceSet": bag(PRICES[variant]),
                        "image": {"url": "https://cdn.kontor.example/tea.jpg"},
                        "product": {"legacyResourceId": "1", "onlineStoreUrl": "https://kontor.example/tea"},
                        "variant": {"legacyResourceId": variant},
                    }
                    for variant, quantity in goods
                ]
            },
        }

    def _order(self, at: datetime) -> dict[str, Any]:
        return {
            "id": 900_000 + self.number,
            "checkout_id": self.number,
            "checkout_token": self.checkout_token,
            "cart_token": self.token,
            "created_at": format_time(at),
            "updated_at": format_time(at),
        }

    def _read_order(self, at: datetime) -> dict[str, Any]:
        return {
            "legacyResourceId": str(900_000 + self.number),
            "createdAt": format_time(at),
            "updatedAt": format_time(at),
            "displayFinancialStatus": "PAID",
            "cartToken": self.token,
            "checkoutToken": self.checkout_token,
            "totalPriceSet": {"shopMoney": {"amount": "1.00", "currencyCode": "EUR"}},
            "totalRefundedSet": {"shopMoney": {"amount": "0.00", "currencyCode": "EUR"}},
            "lineItems": {"nodes": []},
        }


@dataclass
class Notes:
    """Stands in for the writer of contacts: everybody can be written."""

    state: Any

    def write(self, changes: Sequence[ContactChange]) -> list[Outcome]:
        return [Outcome.SENT for _ in changes]


@dataclass
class Account:
    """Takes events."""

    taken: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, received: Received) -> Reply:
        if received.path == "/v3/events":
            self.taken.append(received.body)
            return Reply(204)
        assert received.path == "/v3/events/batch"
        self.taken += received.body["events"]
        return Reply(202, {"message": "queued", "count": len(received.body["events"])})


@dataclass
class Engine:
    """Tajo, as far as carts go: what the shop tells goes in, in flushes.

    Attributes:
        connection: Name of the connection; each world has its own.
        report: Numbers of the last flush.
    """

    account: Account
    store: Store
    client: BrevoClient
    connection: str
    report: StreamReport = field(default_factory=StreamReport)
    _moment: Iterator[int] = field(default_factory=count)

    @property
    def state(self) -> Any:
        """The account's state."""
        return self.store.account("acme")

    def flush(self, told: Sequence[Told], now: datetime = NOW) -> list[dict[str, Any]]:
        """Work off what the shop tells: orders first, as a run does; the events that came of it."""
        before = len(self.account.taken)
        read_at = now + timedelta(milliseconds=next(self._moment))
        carried, orders = Flush("carts"), Flush("orders")
        for number, one in enumerate(told):
            if one.path == "webhook":
                stream = orders if one.topic.startswith("orders/") else carried
                envelope = Envelope(str(number), one.topic, None, stream.stream)
                for tidings in WEBHOOKS.tidings(envelope, json.dumps(one.body).encode(), read_at):
                    stream.add(tidings, number)
        self._close(orders, [self._read_order(one, read_at) for one in told if one.topic == "order"])
        read = [_record(one, read_at) for one in told if one.topic == "checkout"]
        self.deliver([(record, _cart(record)) for record in [*carried.carried.values(), *read]], now)
        return self.account.taken[before:]

    def deliver(self, forms: Sequence[tuple[Record, Cart]], now: datetime = NOW) -> None:
        """Deliver forms of carts."""
        self.report = StreamReport(read=len(forms))
        self.delivery(now).deliver(forms, now)
        self.report.check()

    def delivery(self, now: datetime = NOW, **rules: Any) -> CartDelivery:
        """What delivers them."""
        events = EventDelivery(self.client, self.state, EventRules(timedelta(hours=24), **rules), "run-1", Counter())
        events.recover(now)
        mapper = ContactMapper(CompiledMapping([], frozenset()), AttributePlan(), None, confirmed_only=False)
        writer = cast(ContactWriter, Notes(self.state))
        return CartDelivery(self.connection, mapper, events, writer, self.report, "run-1")

    def _close(self, carried: Flush, read: Sequence[Order]) -> None:
        close_carts(self.state, self.connection, [*carried.closed, *closings_of(read, NOON - timedelta(days=2))])

    def _read_order(self, one: Told, read_at: datetime) -> Order:
        return CANONICALISER.order(Record("orders", one.body["legacyResourceId"], one.at, read_at, one.body))


def _record(one: Told, read_at: datetime) -> Record:
    return Record("carts", one.body["id"].rpartition("/")[2], one.at, read_at, one.body)


def _cart(record: Record) -> Cart:
    made = CANONICALISER.of(record, Cart)
    assert isinstance(made, Cart)
    return made


@contextmanager
def engines(folder: Path) -> Iterator[Engine]:
    """An engine over a store of its own; `fresh` makes others over the same one."""
    store = open_store(f"sqlite:///{folder}/tajo.db")
    account = Account()
    with stub(account) as served:
        made = bench(served.url)
        yield Engine(account, store, made.client, "shop")
        made.client.close()
    store.close()


def fresh(engine: Engine, number: int) -> Engine:
    """The same for a connection that nobody knows yet."""
    return replace(engine, connection=f"shop-{number}", report=StreamReport())
