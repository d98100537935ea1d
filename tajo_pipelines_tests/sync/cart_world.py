"""Tajo as far as carts go, over an account that takes the events."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, cast

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
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.webhooks import Envelope
from tajo_pipelines.store import Store, open_store
from tajo_pipelines.sync.cart_memory import close_carts, closings_of
from tajo_pipelines.sync.carts import CartDelivery
from tajo_pipelines.sync.contacts import ContactMapper
from tajo_pipelines.sync.events import EventDelivery, EventRules
from tajo_pipelines.sync.flush import Flush
from tajo_pipelines_tests.brevo.stub import Received, Reply, bench, stub
from tajo_pipelines_tests.sync.shopper import NOON, NOW, Told

CANONICALISER = Canonicaliser.compiled(registry.mapping_file("shopify"), "kontor.myshopify.com")


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
