"""An account that takes events, a store, and a client between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tajo_pipelines.brevo.events import EventOutcome, recover_events, send_events
from tajo_pipelines.model.event import Event, tajo_id
from tajo_pipelines.model.intent import IntentState
from tajo_pipelines.model.letter import LetterKind
from tajo_pipelines.store import Store, open_store
from tajo_pipelines_tests.brevo.stub import Bench, Received, Reply, bench, stub

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(hours=24)


def event(number: int = 1, **more: Any) -> Event:
    values: dict[str, Any] = {
        "tajo_id": tajo_id("shopify", "orders", str(number), "order_placed"),
        "name": "order_placed",
        "connection": "shopify",
        "stream": "orders",
        "key": str(number),
        "at": NOW - timedelta(hours=1),
        "properties": {"id": str(number), "total": Decimal("19.90"), "items": [{"name": "T-Shirt", "price": 19}]},
        "email": "ana@example.com",
    }
    return Event(**values | more)


def many(count: int) -> list[Event]:
    return [event(number) for number in range(count)]


@dataclass
class Account:
    """Takes events, one by one and in batches; ``bad`` keys are refused, ``says`` answers instead where it wants."""

    bad: set[str] = field(default_factory=set)
    says: Callable[[Received], Reply | None] = lambda _: None
    taken: list[str] = field(default_factory=list)

    def __call__(self, received: Received) -> Reply:
        special = self.says(received)
        if special is not None:
            return special
        if received.path == "/v3/events":
            return self._one(received.body)
        assert received.path == "/v3/events/batch"
        events = received.body["events"]
        failed = [index for index, one in enumerate(events) if one["event_properties"]["id"] in self.bad]
        self.taken += [one["event_properties"]["id"] for one in events if one["event_properties"]["id"] not in self.bad]
        if not failed:
            return Reply(202, {"message": "queued", "count": len(events)})
        told = {
            "status": "partial_success", "total_events": len(events), "successful_events": len(events) - len(failed),
            "failed_events": len(failed), "errors": [{"eventIndex": failed, "message": "event_date of +4915112345678"}],
        }  # fmt: skip
        return Reply(207 if len(failed) < len(events) else 400, told)

    def _one(self, body: Any) -> Reply:
        if body["event_properties"]["id"] in self.bad:
            return Reply(400, {"code": "invalid_parameter", "message": "event_date is invalid"})
        self.taken.append(body["event_properties"]["id"])
        return Reply(204)


@dataclass
class World:
    store: Store
    bench: Bench
    requests: list[Received]

    @property
    def state(self) -> Any:
        return self.store.account("acme")

    def send(self, events: list[Event], **options: Any) -> EventOutcome:
        return send_events(self.bench.client, self.state, events, now=NOW, run_id="run-1", **options)

    def recover(self, now: datetime = NOW, **options: Any) -> EventOutcome:
        return recover_events(self.bench.client, self.state, now=now, run_id="run-2", live_window=DAY, **options)

    def letters(self) -> list[tuple[LetterKind, str, str | None, str]]:
        found = [kept.letter for kept in self.store.letters.list()]
        return sorted((letter.kind, letter.key, letter.field, letter.reason) for letter in found)

    def states(self, events: list[Event]) -> list[IntentState | None]:
        known = self.state.intents.states([one.tajo_id for one in events])
        return [known.get(one.tajo_id) for one in events]


@contextmanager
def worlds(folder: Path) -> Iterator[Callable[[Account], World]]:
    """Makes worlds over one store."""
    with ExitStack() as stack:
        store = open_store(f"sqlite:///{folder}/tajo.db")
        stack.callback(store.close)

        def make(account: Account) -> World:
            served = stack.enter_context(stub(account))
            made = bench(served.url)
            stack.callback(made.client.close)
            return World(store, made, served.received)

        yield make
