"""The sensor of the inbox: by state, one run a connection, fair, and quick however much waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from tajo_pipelines.orchestration import sensors
from tajo_pipelines.orchestration.names import TRIGGER_TAG
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.orchestration.schedules import connection_job
from tajo_pipelines.orchestration.sensors import inbox_sensor
from tajo_pipelines.settings import load_settings
from tajo_pipelines.store.delivery_lease import DeliveryLease
from tajo_pipelines.store.inbox import NewDelivery
from tajo_pipelines.sync.resting import Resting
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines_tests.orchestration.conftest import Define, connection

SHOPS = ("shopify", "shopify-fr")


class Ticking:
    """A sensor over two shops, and the inbox that it looks at."""

    def __init__(self, defs: dg.Definitions, folder: Path, instance: dg.DagsterInstance) -> None:
        self.folder = folder
        self.instance = instance
        self.workspace = Workspace(load_settings(folder))
        found = [self.workspace.connection(name) for name in SHOPS]
        jobs = [connection_job(each, each.enabled_streams) for each in found]
        self.sensor = inbox_sensor("shopify", found, jobs)
        assets = list(defs.assets or [])
        self.repository = dg.Definitions(
            assets=assets, jobs=jobs, sensors=[self.sensor], resources=defs.resources
        ).get_repository_def()

    def tell(self, shop: str = "shopify", stream: str = "customers", count: int = 1) -> None:
        """Let deliveries come in."""
        now = datetime.now(UTC)
        self.workspace.store.inbox.append(
            [NewDelivery(shop, uuid4().hex, "t", stream, None, now, now, b"x" * 1000) for _ in range(count)]
        )

    def tick(self) -> list[dg.RunRequest]:
        """What one tick asks for."""
        context = dg.build_sensor_context(
            instance=self.instance,
            resources={"workspace": WorkspaceResource(project=str(self.folder))},
            repository_def=self.repository,
        )
        with context:
            found = self.sensor.evaluate_tick(context)
        return list(found.run_requests or [])

    def hold(self, shop: str = "shopify", stream: str = "customers", seconds: float = 60) -> DeliveryLease:
        """What a run has in its hands."""
        held = DeliveryLease(self.workspace.store.database, seconds)
        held.take(shop, stream, 500)
        return held


@pytest.fixture
def ticking(define: Define, folder: Path) -> Iterator[Ticking]:
    defs = define(connection("shopify") + connection("shopify-fr", "sync: {customers: true, orders: true}"))
    with dg.DagsterInstance.ephemeral() as instance:
        made = Ticking(defs, folder, instance)
        yield made
        made.workspace.close()


def keys(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or []}


def test_nothing_waits_and_nothing_is_asked_for(ticking: Ticking) -> None:
    assert ticking.tick() == []


def test_one_run_a_connection_over_the_streams_that_have_work_and_never_a_reading(ticking: Ticking) -> None:
    ticking.tell("shopify-fr", "customers", 3)
    ticking.tell("shopify", "orders")
    ticking.tell("shopify", "carts", 2)
    french, german = ticking.tick()
    assert (french.job_name, keys(french)) == ("shopify_fr", {"brevo/shopify-fr/customers"})
    assert (german.job_name, keys(german)) == ("shopify", {"brevo/shopify/orders", "brevo/shopify/carts"})
    assert {request.partition_key for request in (french, german)} == {datetime.now(UTC).date().isoformat()}
    assert german.tags[TRIGGER_TAG] == "webhook"


def test_whoever_has_waited_longest_comes_first(ticking: Ticking) -> None:
    for shop in ("shopify-fr", "shopify", "shopify-fr"):
        ticking.tell(shop)
    assert [request.job_name for request in ticking.tick()] == ["shopify_fr", "shopify"]


def test_a_busy_connection_keeps_no_other_waiting(ticking: Ticking) -> None:
    ticking.tell("shopify", count=1000)
    held = ticking.hold("shopify")
    ticking.tell("shopify-fr")
    assert [request.job_name for request in ticking.tick()] == ["shopify_fr"]
    held.give_back()
    assert len(ticking.tick()) == 2


def test_a_stream_that_is_turned_off_makes_no_run(ticking: Ticking) -> None:
    ticking.tell("shopify-fr", "products")
    assert ticking.tick() == []


def test_a_run_that_is_under_way_is_not_asked_for_twice(ticking: Ticking) -> None:
    ticking.tell()
    [request] = ticking.tick()
    ticking.instance.add_run(
        dg.DagsterRun(
            job_name="shopify", run_id=str(uuid4()), tags=dict(request.tags), status=dg.DagsterRunStatus.STARTED
        )
    )
    assert ticking.tick() == []


def test_a_killed_runs_deliveries_come_back_with_another_key(ticking: Ticking, monkeypatch: pytest.MonkeyPatch) -> None:
    ticking.tell()
    [first] = ticking.tick()
    ticking.hold(seconds=0)  # never given back
    [second] = ticking.tick()
    assert first.run_key != second.run_key, "Dagster runs a key once: the attempt is part of it"


def test_a_run_that_never_began_is_asked_for_again(ticking: Ticking, monkeypatch: pytest.MonkeyPatch) -> None:
    ticking.tell()
    [first] = ticking.tick()
    [same] = ticking.tick()
    later = time.time() + sensors.BUCKET
    monkeypatch.setattr("tajo_pipelines.orchestration.sensors.time.time", lambda: later)
    [again] = ticking.tick()
    assert first.run_key != again.run_key
    assert same.run_key in {first.run_key, again.run_key}


def test_what_is_put_off_waits_for_its_time(ticking: Ticking) -> None:
    ticking.tell()
    held = ticking.hold()
    held.put_off([item.delivery.id for item in held.deliveries], "away", datetime.now(UTC) + timedelta(minutes=1))
    assert ticking.tick() == []


def test_a_stream_that_rests_keeps_no_other_waiting(ticking: Ticking) -> None:
    ticking.tell("shopify", "customers")
    ticking.tell("shopify", "orders")
    Resting(ticking.workspace.store).begin("shopify", "customers", "away", datetime.now(UTC))
    [request] = ticking.tick()
    assert keys(request) == {"brevo/shopify/orders"}
    Resting(ticking.workspace.store).end("shopify", "customers")
    [request] = ticking.tick()
    assert keys(request) == {"brevo/shopify/customers", "brevo/shopify/orders"}


def test_a_tick_is_quick_with_a_hundred_thousand_waiting(ticking: Ticking) -> None:
    for shop in SHOPS:
        for stream in ("customers", "orders"):
            for _ in range(5):
                ticking.tell(shop, stream, 5000)
    took = []
    for _ in range(4):
        began = time.perf_counter()
        assert len(ticking.tick()) == 2
        took.append(time.perf_counter() - began)
    assert min(took) < 1, "the quickest: others may be busy beside us"
