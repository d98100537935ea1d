"""Hybrid: what webhooks missed is brought by the next batch, counted, and means what the webhook would have meant."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tajo_pipelines.sync.completeness import ON_ITS_WAY, SHOWN
from tajo_pipelines.sync.landing import Landed, land
from tajo_pipelines.sync.modes import Subscribed, by_webhook_alone, subscribed_since, subscriptions_note
from tajo_pipelines.sync.outcome import Delivered
from tajo_pipelines.sync.reading import Reading, ReadMode, ReadRequest
from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines_tests.sync.webhook_world import CUSTOMERS, TOLD, World, ago, names_at_brevo

LATELY = ON_ITS_WAY.total_seconds() + 60


def subscribe(world: World, since: datetime, *topics: str) -> None:
    noted = Subscribed(since, topics or (TOLD,))
    text = msgspec.json.encode(noted).decode()
    world.workspace.store.set_note(subscriptions_note("shop"), text)


def batch(world: World) -> Delivered:
    """A scheduled run: read what changed, and deliver it."""
    request = ReadRequest("shop", CUSTOMERS, ReadMode.INCREMENTAL, uuid4().hex)
    land(world.workspace, Reading(world.workspace, request), Landed())
    return world.run(inbox=False)


def events(twin: TwinProcess, somebody: str) -> list[tuple[str, str]]:
    """Events at Brevo about a record, by name and id."""
    found: list[Any] = twin.state("brevo")["events"]
    mine = [each["event"] for each in found if somebody in str(each)]
    return [(each["event_name"], each["event_properties"]["tajo_id"]) for each in mine]


def test_what_no_webhook_told_is_counted_and_named(world: World, twin: TwinProcess) -> None:
    told, untold, old, young = (uuid4().hex[:12] for _ in range(4))
    subscribe(world, ago(3600))
    world.shop.set(told, "Ana", ago(LATELY))
    world.shop.set(untold, "Bo", ago(LATELY))
    world.shop.set(old, "Cy", ago(7200))
    world.shop.set(young, "Di", ago(1))
    world.tell(TOLD, told)
    world.run()
    delivered = batch(world)
    assert delivered.missed is not None
    assert (delivered.missed.count, delivered.missed.keys) == (1, [untold])
    assert names_at_brevo(twin)[untold] == "Bo"
    [report, *_] = world.workspace.store.reports.latest("shop", CUSTOMERS)
    assert report.details["missed_by_webhooks"] == {"count": 1, "keys": [untold]}
    again = batch(world)
    assert again.missed is not None
    assert again.missed.count == 0, "once brought, it is missed no more"


def test_a_delivery_of_an_earlier_change_tells_nothing_of_a_later_one(world: World) -> None:
    somebody = uuid4().hex[:12]
    subscribe(world, ago(7200))
    world.shop.set(somebody, "Ana", ago(3600))
    world.tell(TOLD, somebody)
    world.run()
    [kept] = world.kept()
    later = world.workspace.now
    world.shop.set(somebody, "Anna", kept.received_at + 2 * ON_ITS_WAY)
    world.workspace.now = lambda: later() + 4 * ON_ITS_WAY
    delivered = batch(world)
    assert delivered.missed is not None
    assert delivered.missed.keys == [somebody]


def test_few_are_named_and_all_are_counted(world: World) -> None:
    subscribe(world, ago(3600))
    for _ in range(SHOWN + 3):
        world.shop.set(uuid4().hex[:12], "Ana", ago(LATELY))
    missed = batch(world).missed
    assert missed is not None
    assert (missed.count, len(missed.keys)) == (SHOWN + 3, SHOWN)


@pytest.mark.parametrize("case", ["nobody subscribed", "to other topics", "mode batch"])
def test_nothing_is_missed_where_nobody_promised_it(world: World, case: str) -> None:
    world.mode = "batch" if case == "mode batch" else "hybrid"
    if case != "nobody subscribed":
        subscribe(world, ago(3600), *(["orders/create"] if case == "to other topics" else []))
    world.shop.set(uuid4().hex[:12], "Ana", ago(LATELY))
    assert batch(world).missed is None


@pytest.mark.parametrize("first", ["batch", "webhook"])
def test_a_batch_that_heals_fires_what_the_webhook_would_have(world: World, twin: TwinProcess, first: str) -> None:
    """By age, not by path; and whichever comes second fires nothing."""
    somebody = uuid4().hex[:12]
    world.shop.set(somebody, "Ana", ago(900), born=ago(200_000))
    world.tell(TOLD, somebody)
    world.run()
    world.shop.set(somebody, "Anna", ago(LATELY))

    def by_webhook() -> None:
        world.tell(TOLD, somebody)
        world.run()

    ways = [lambda: batch(world), by_webhook]
    found = []
    for way in ways if first == "batch" else reversed(ways):
        way()
        found.append(events(twin, somebody))
    assert [name for name, _ in found[0]] == ["customer_updated"]
    assert found[1] == found[0]


def test_an_old_change_that_heals_is_silent(world: World, twin: TwinProcess) -> None:
    somebody = uuid4().hex[:12]
    world.shop.set(somebody, "Ana", ago(300_000))
    world.tell(TOLD, somebody)
    world.run()
    world.shop.set(somebody, "Anna", ago(200_000))
    batch(world)
    assert names_at_brevo(twin)[somebody] == "Anna"
    assert events(twin, somebody) == []


def test_a_realtime_stream_runs_by_batch_until_a_webhook_comes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tajo_pipelines.sync.modes.may_be_told", lambda *_: True)
    world.mode = "realtime"
    connection = world.workspace.connection("shop")
    assert not by_webhook_alone(world.workspace, connection, CUSTOMERS)
    assert [notice.code for notice in batch(world).notices] == ["realtime_by_batch"]
    world.tell(TOLD, "1")
    assert by_webhook_alone(world.workspace, connection, CUSTOMERS)
    assert batch(world).notices == [], "a person who asks for it gets it, without a warning"


def test_a_realtime_stream_is_left_to_webhooks_once_somebody_subscribed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tajo_pipelines.sync.modes.may_be_told", lambda *_: True)
    world.mode = "realtime"
    subscribe(world, ago(1))
    connection = world.workspace.connection("shop")
    assert by_webhook_alone(world.workspace, connection, CUSTOMERS)
    assert subscribed_since(world.workspace, connection, CUSTOMERS) is not None
    assert subscribed_since(world.workspace, connection, "orders") is None


def test_what_cant_be_told_by_webhook_is_never_left_to_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tajo_pipelines.sync.modes.may_be_told", lambda *_: False)
    world.mode = "realtime"
    subscribe(world, ago(1))
    assert not by_webhook_alone(world.workspace, world.workspace.connection("shop"), CUSTOMERS)
