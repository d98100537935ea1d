"""Thousands of deliveries, doubled and out of order, while what works them off is killed: nothing lost or doubled."""

from __future__ import annotations

import os
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines.cli.comparison import compare, left_at_brevo
from tajo_pipelines.model.letter import LetterKind
from tajo_pipelines.store import Store, open_store
from tajo_pipelines.store.inbox import DeliveryFilter
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines_tests.e2e.daemon import Daemon, running_daemon
from tajo_pipelines_tests.e2e.dagster_dev import until
from tajo_pipelines_tests.e2e.expectations import expected
from tajo_pipelines_tests.e2e.project import FACTOR, Project
from tajo_pipelines_tests.e2e.receiving import Receiver, command, start_receiver, subscribe

NEVER = '    schedule: "0 0 29 2 *"'
STREAMS = ("customers", "orders", "products", "carts")
LONGEST = 300.0
"""Seconds after which what is waited for isn't coming."""

LINES = [{"title": "Lamp", "cents": 2490}]


@dataclass(slots=True)
class Chaos:
    """Kills one thing or another every now and then.

    Attributes:
        every: Seconds between two kills, on average.
        kills: How often what was killed.
    """

    project: Project
    receiver: Receiver
    daemon: Daemon
    dice: random.Random
    every: float
    kills: dict[str, int] = field(default_factory=lambda: {"receiver": 0, "daemon": 0, "worker": 0})
    _due: float = 0.0

    def pass_by(self) -> None:
        """Kill something, if it is time."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + self.dice.uniform(0.5, 1.5) * self.every
        what = min(self.kills, key=lambda name: (self.kills[name], self.dice.random()))
        if what == "worker":
            self.kills["worker"] += self.daemon.kill_worker()
            return
        self.kills[what] += 1
        if what == "receiver":
            self.receiver.kill()
            time.sleep(self.dice.uniform(0.1, 0.6))
            self.receiver = start_receiver(self.project.folder, port=self.receiver.port)
        else:
            self.daemon.kill()
            self.daemon.start()

    def stop(self) -> None:
        """End the receiver that runs now."""
        self.receiver.stop()


@dataclass(slots=True)
class ShopDay:
    """A busy day in the shop: half of what happens befalls customers, a quarter orders, a quarter carts."""

    project: Project
    dice: random.Random
    people: list[int] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)
    checkouts: list[int] = field(default_factory=list)
    count: int = 0

    def open(self, people: int) -> None:
        """Let people register."""
        for number in range(people):
            fields = {"firstName": "First", "lastName": "Last", "email": f"soak{number}@example.com"}
            self.people.append(self._change("create_customer", fields=fields)["customer"]["id"])

    def happen(self) -> None:
        """One thing."""
        self.count += 1
        person = self.dice.choice(self.people)
        kind = self.dice.random()
        if kind < 0.5:
            self._customer(person)
        elif kind < 0.75:
            self._order(person)
        else:
            self._cart(person)

    def _customer(self, person: int) -> None:
        if self.dice.random() < 0.2:
            state = self.dice.choice(["SUBSCRIBED", "UNSUBSCRIBED"])
            self._change("set_consent", id=person, state=state)
        else:
            self._change("update_customer", id=person, fields={"firstName": f"Name{self.count}"})

    def _order(self, person: int) -> None:
        happens = self.dice.random()
        if self.orders and happens < 0.3:
            order = self.orders.pop(self.dice.randrange(len(self.orders)))
            self._change(self.dice.choice(["cancel_order", "refund_order", "fulfil_order"]), id=order)
        elif self.checkouts and happens < 0.6:
            checkout = self.checkouts.pop(self.dice.randrange(len(self.checkouts)))
            self.orders.append(self._change("complete_checkout", checkout=checkout)["order"]["id"])
        else:
            self.orders.append(self._change("create_order", customer=person, lines=LINES)["order"]["id"])

    def _cart(self, person: int) -> None:
        if self.checkouts and self.dice.random() < 0.4:
            quantity = self.dice.randrange(1, 9)
            self._change("change_checkout", checkout=self.dice.choice(self.checkouts), quantity=quantity)
        else:
            self.checkouts.append(self._change("begin_checkout", customer=person, lines=LINES)["checkout"]["id"])

    def _change(self, op: str, **arguments: Any) -> dict[str, Any]:
        return self.project.twin.change("shopify", op, **arguments)


@pytest.mark.soak
@pytest.mark.skipif("SOAK_DELIVERIES" not in os.environ, reason="takes as long as it is told to: name a number")
def test_killed_again_and_again_the_account_ends_as_the_shop(tmp_path: Path) -> None:
    deliveries = int(os.environ["SOAK_DELIVERIES"])
    pace, every = (20.0, 4.0) if deliveries < 5_000 else (40.0, 12.0)
    dice = random.Random(f"killed {deliveries}")
    with ExitStack() as stack:
        options = TwinOptions(customers=20, tier="unlimited")
        twin = stack.enter_context(running_twin(options=options, clock=TwinClock(FACTOR)))
        project = Project.make(tmp_path / "project", twin, connection=NEVER, streams=STREAMS)
        command(project.folder, "connectors", "sync", "shopify", "--full")
        left = left_at_brevo(twin.state())
        receiver = start_receiver(project.folder)
        subscribe(project.folder, receiver)
        daemon = stack.enter_context(running_daemon(project.folder))
        chaos = Chaos(project, receiver, daemon, dice, every)
        stack.callback(chaos.stop)
        twin.change("shopify", "set_webhooks", duplicates=0.1, late=0.1, seed=7)
        shop = ShopDay(project, dice)
        shop.open(max(20, deliveries // 40))
        began, until_then = time.monotonic(), time.monotonic() + LONGEST
        while told(project) < deliveries or (min(chaos.kills.values()) < 1 and time.monotonic() < until_then):
            shop.happen()
            chaos.pass_by()
            time.sleep(max(0.0, began + shop.count / pace - time.monotonic()))
        store = open_store(f"sqlite:///{project.home}/tajo.db")
        stack.callback(store.close)
        settled(project, store, daemon)
        assert min(chaos.kills.values()) > 0, chaos.kills
        every_delivery_is_done(project, store)
        the_account_is_as_the_shop(project, store, left)
        a_batch_finds_nothing_to_send(project)


def told(project: Project) -> int:
    """Deliveries that the shop has made until now."""
    return sum(each.get("told", 0) for each in webhooks(project)["counts"].values())


def webhooks(project: Project) -> dict[str, Any]:
    """What the shop says of its deliveries."""
    found: dict[str, Any] = project.twin.state("shopify")["webhooks"]
    return found


def settled(project: Project, store: Store, daemon: Daemon) -> None:
    """Wait until nothing is on its way, neither from the shop nor in the inbox."""

    def look() -> bool | None:
        counts = store.inbox.counts()
        waiting = webhooks(project)["waiting"] + counts["pending"] + counts["leased"]
        return True if not waiting else None

    until(look, LONGEST, lambda: f"{webhooks(project)['waiting']}, {store.inbox.counts()}\n{daemon.said()}")
    project.settle()


def every_delivery_is_done(project: Project, store: Store) -> None:
    counts = store.inbox.counts()
    assert counts == {**dict.fromkeys(counts, 0), "done": counts["done"]}
    assert counts["done"] == told(project), "each is kept once, however often it came"
    assert webhooks(project)["deleted"] == []
    doubled = sum(each.get("doubled", 0) for each in webhooks(project)["counts"].values())
    kept = store.inbox.list(DeliveryFilter(), limit=1_000_000)
    assert sum(each.duplicates for each in kept) >= doubled > 0


def the_account_is_as_the_shop(project: Project, store: Store, left: int) -> None:
    state = project.twin.state()
    in_doubt = [each.letter for each in store.letters.list() if each.letter.kind is LetterKind.IN_DOUBT]
    others = [each.letter for each in store.letters.list() if each.letter.kind is not LetterKind.IN_DOUBT]
    assert [letter for letter in others if letter.kind is LetterKind.DELIVERY] == []
    missing = 0
    for row in compare(state, left):
        if row.what.endswith("last 24 h"):
            missing += int(row.shop) - int(row.brevo)
        else:
            assert row.equal, row
    assert 0 <= missing <= len(in_doubt), "an event that a kill left in doubt is a letter, and no other is missing"
    names = {
        each["email"].lower(): each["firstName"]
        for each in project.people()
        if each["emailValid"] and each["email"].startswith("soak")
    }
    held = project.contacts()
    assert {email: held[email]["attributes"]["FIRSTNAME"] for email in names} == names
    amounts = {number: Decimal(str(order["amount"])) for number, order in project.orders().items()}
    assert amounts == expected(project).amounts
    told_ids = [stored["event"]["event_properties"]["tajo_id"] for stored in project.twin.state("brevo")["events"]]
    assert len(told_ids) == len(set(told_ids)), "nothing is told twice"


def a_batch_finds_nothing_to_send(project: Project) -> None:
    document = command(project.folder, "connectors", "sync", "shopify")
    assert {name: stream["sent"] for name, stream in document["streams"].items()} == dict.fromkeys(STREAMS, 0)
    missed = {name: stream["missed_by_webhooks"] for name, stream in document["streams"].items()}
    assert all(not each or not each["count"] for each in missed.values()), missed
