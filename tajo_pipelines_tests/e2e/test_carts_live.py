"""Carts of the shop's own telling: its webhooks, its queries and its orders end in the right mails and no other."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from tajo_pipelines.connectors.shopify.webhooks import WEBHOOKS
from tajo_pipelines.model.report import StreamReport
from tajo_pipelines.sdk.webhooks import Delivery, Subscribes
from tajo_pipelines.store.inbox import NewDelivery
from tajo_pipelines.sync.delivery import deliver
from tajo_pipelines.sync.outcome import Delivered
from tajo_pipelines.sync.reports import RunLog
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines_tests.e2e.conftest import Build
from tajo_pipelines_tests.e2e.project import Project
from tajo_pipelines_tests.twin.shopify.listener import Heard, Listener

TOPICS = (
    "carts/create",
    "carts/update",
    "checkouts/create",
    "checkouts/update",
    "checkouts/delete",
    "orders/create",
)
LINES = [{"quantity": 2}]
STREAMS = ("customers", "orders", "carts")


@dataclass(slots=True)
class World:
    """A shop whose webhooks come here, and the project that works them off.

    Attributes:
        taken: How many of those that came are in the inbox.
    """

    project: Project
    listener: Listener
    taken: int = 0
    reports: dict[str, StreamReport] = field(default_factory=dict)

    def change(self, name: str, *, tells: int, **more: Any) -> Any:
        """Let something happen in the shop, and wait until it has told of it."""
        before = len(self.listener.heard)
        found = self.project.twin.change("shopify", name, **more)
        self.listener.wait(before + tells)
        return found

    def take(self, *, last: int | None = None, again: bool = False) -> list[Heard]:
        """Those that came since the last time, or the last so many; again: as deliveries of their own."""
        heard = self.listener.heard[-last:] if last is not None else self.listener.heard[self.taken :]
        self.taken = len(self.listener.heard)
        with self.project.workspace() as workspace:
            config = workspace.connection("shopify").config()
            workspace.store.inbox.append([_kept(one, config, again=again) for one in heard])
        return heard

    def run(self) -> list[tuple[str, str]]:
        """Work the inbox off, orders first; the events of carts and orders that came of it: name and whose."""
        before = len(self.events())
        with self.project.workspace() as workspace:
            run_id = uuid.uuid4().hex
            for stream in ("orders", "carts"):
                delivered = Delivered()
                with RunLog(workspace, run_id, "shopify", stream).delivery(delivered):
                    deliver(workspace, DeliveryRequest("shopify", stream, run_id, inbox=True), delivered)
                self.reports[stream] = delivered.report
        self.project.settle()
        return [(event["event_name"], event["identifiers"]["email_id"]) for event in self.events()[before:]]

    def told_by_a_batch(self) -> list[str]:
        """Read all of the shop; the events of carts that came of it."""
        before = len(self.events())
        self.project.sync("full", streams=STREAMS)
        names = (event["event_name"] for event in self.events()[before:])
        return [name for name in names if name.startswith("cart_")]

    def events(self) -> list[dict[str, Any]]:
        """Every event at Brevo, the first received first."""
        brevo = self.project.twin.brevo
        stored = self.project.twin.call(lambda: list(brevo.state.events.values()))
        return [one["event"] for one in stored]

    def customer(self) -> dict[str, Any]:
        """Somebody with an address, whom Brevo has."""
        return next(each for each in self.project.people() if each["email"] and each["email"].isascii())


def _kept(heard: Heard, config: Any, *, again: bool) -> NewDelivery:
    now = datetime.now(UTC)
    envelope = WEBHOOKS.envelope(Delivery(heard.headers, heard.raw, now), config)
    number = uuid.uuid4().hex if again else envelope.delivery_id
    return NewDelivery(
        "shopify", number, envelope.topic, envelope.stream, envelope.key, envelope.source_at, now, heard.raw
    )


@pytest.fixture
def world(build: Build) -> Iterator[World]:
    project = build(customers=20)
    project.configure(streams=STREAMS)
    project.sync("full", streams=STREAMS)
    listener = Listener()
    with project.workspace() as workspace, closing(workspace.open_source(workspace.connection("shopify"))) as source:
        assert isinstance(source, Subscribes)
        for topic in TOPICS:
            source.subscribe(topic, listener.url)
    yield World(project, listener)
    listener.close()


def test_a_cart_from_its_first_line_to_its_order(world: World) -> None:
    person = world.customer()
    email = person["email"].lower()
    token = world.change("fill_cart", lines=LINES, tells=1)["cart"]["token"]
    world.take()
    assert world.run() == []
    assert world.reports["carts"].skipped == {"no_identifier": 1}

    begun = world.change("begin_checkout", token=token, customer=person["id"], tells=1)["checkout"]
    world.take()
    assert world.run() == [("cart_updated", email)]
    link = world.events()[-1]["event_properties"]["url"]
    assert "/recover?key=" in link
    world.change("change_cart", token=token, quantity=5, tells=1)
    world.take()
    assert world.run() == [("cart_updated", email)]
    said = world.events()[-1]["event_properties"]
    assert ([item["quantity"] for item in said["items"]], said["url"]) == ([5], link)

    world.change("empty_cart", token=token, tells=1)
    world.take()
    assert world.run() == [("cart_deleted", email)]
    world.change("change_checkout", checkout=begun["id"], lines=[{"quantity": 4}], tells=1)
    world.take()
    assert world.run() == [("cart_updated", email)]

    world.change("complete_checkout", checkout=begun["id"], tells=2)
    time.sleep(0.3)
    world.take()
    assert sorted(name for name, _ in world.run()) == ["order_completed", "order_placed"]
    world.taken = 0
    world.take(again=True)
    assert world.run() == []
    assert world.reports["carts"].skipped["completed"] >= 2
    assert world.told_by_a_batch() == []


def test_a_batch_tells_what_no_webhook_told_and_that_alone(world: World) -> None:
    """The bodies of webhooks and the answers of queries are the same cart, spelt in two ways."""
    person = world.customer()
    email = person["email"].lower()
    made = world.change("create_cart", customer=person["id"], lines=[{"quantity": 3}, {"quantity": 1}], tells=1)["cart"]
    assert world.told_by_a_batch() == ["cart_updated"]
    world.take()
    assert world.run() == []
    # At the same second what was read would count.
    time.sleep(1)
    world.change("update_cart", id=made["id"], quantity=7, tells=1)
    world.take()
    assert world.run() == [("cart_updated", email)]
    assert world.told_by_a_batch() == []
    world.change("update_cart", id=made["id"], tells=1)
    assert world.told_by_a_batch() == []
    world.change("delete_cart", id=made["id"], tells=1)
    world.take()
    assert world.run() == [("cart_deleted", email)]
    assert world.reports["carts"].deleted == 1
