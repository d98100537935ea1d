"""Ticks: who is due, and what their run is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from tajo_pipelines.orchestration.cron import due_streams
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.settings import load_settings
from tajo_pipelines.store.batches import Watermark
from tajo_pipelines.store.inbox import NewDelivery
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines_tests.orchestration.conftest import Define, connection

SYNC = 'sync: {customers: {schedule: "*/15 * * * *"}, orders: {schedule: "0 3 * * *"}}'
START = "start_date: 2024-03-01"


def tick(defs: dg.Definitions, folder: Path, moment: datetime) -> dg.RunRequest | str:
    """The run that a tick asks for, or why it asks for none."""
    schedule = defs.get_repository_def().get_schedule_def("shopify_fr")
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=moment,
            resources={"workspace": WorkspaceResource(project=str(folder))},
            repository_def=defs.get_repository_def(),
        )
        with context:
            found = schedule.evaluate_tick(context)
    if found.skip_message is not None:
        return found.skip_message
    [request] = found.run_requests or []
    return request


def keys(request: dg.RunRequest | str) -> set[str]:
    assert isinstance(request, dg.RunRequest), request
    return {key.to_user_string() for key in request.asset_selection or []}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_tick_runs_the_streams_that_are_due(define: Define, folder: Path) -> None:
    defs = define(connection("shopify-fr", SYNC))
    customers = {"shopify-fr/customers", "brevo/shopify-fr/customers"}
    assert keys(tick(defs, folder, at("2026-11-24T10:15:00"))) == customers
    both = customers | {"shopify-fr/orders", "brevo/shopify-fr/orders"}
    assert keys(tick(defs, folder, at("2026-11-24T03:00:00"))) == both
    assert tick(defs, folder, at("2026-11-24T10:16:00")) == "no stream is due"


def test_what_webhooks_alone_bring_is_left_out(define: Define, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tajo_pipelines.sync.modes.may_be_told", lambda *_: True)
    moment = at("2026-11-24T03:00:00")
    defs = define(
        connection("shopify-fr", "sync: {customers: {mode: realtime}, orders: true}", 'schedule: "0 3 * * *"')
    )
    assert len(keys(tick(defs, folder, moment))) == 4, "no webhook has come yet"
    workspace = Workspace(load_settings(folder))
    workspace.store.inbox.append([NewDelivery("shopify-fr", "1", "t", None, None, None, moment, b"{}")])
    workspace.close()
    assert keys(tick(defs, folder, moment)) == {"shopify-fr/orders", "brevo/shopify-fr/orders"}
    defs = define(connection("shopify-fr", "mode: realtime", 'schedule: "0 3 * * *"'))
    assert tick(defs, folder, moment) == "webhooks bring what is due"


def test_the_schedule_ticks_for_each_of_its_streams(define: Define) -> None:
    schedule = define(connection("shopify-fr", SYNC)).get_repository_def().get_schedule_def("shopify_fr")
    assert schedule.cron_schedule == ["*/15 * * * *", "0 3 * * *"]
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.execution_timezone == "UTC"


def test_a_first_tick_names_its_day(define: Define, folder: Path) -> None:
    request = tick(define(connection("shopify-fr", SYNC)), folder, at("2026-11-24T03:00:00"))
    assert isinstance(request, dg.RunRequest)
    assert request.tags["tajo/trigger"] == "schedule"
    assert request.tags["dagster/asset_partition_range_start"] == "2026-11-24"
    assert request.tags["dagster/asset_partition_range_end"] == "2026-11-24"


@pytest.mark.parametrize(
    ("watermark", "first"),
    [
        ("2026-11-22T12:00:00", "2026-11-22"),
        ("2026-11-22T00:05:00", "2026-11-21"),  # the overlap reaches into the day before
        ("2024-01-01T00:00:00", "2024-03-01"),  # no day before start_date has a partition
    ],
)
def test_a_tick_spans_the_days_since_the_watermark(define: Define, folder: Path, watermark: str, first: str) -> None:
    defs = define(connection("shopify-fr", SYNC, START))
    workspace = Workspace(load_settings(folder))
    workspace.store.batches.land([], watermark=Watermark("shopify-fr", "customers", at(watermark)), read=None)
    workspace.close()
    request = tick(defs, folder, at("2026-11-24T10:15:00"))
    assert isinstance(request, dg.RunRequest)
    assert request.tags["dagster/asset_partition_range_start"] == first
    assert request.tags["dagster/asset_partition_range_end"] == "2026-11-24"


def test_two_ticks_never_share_a_run_key(define: Define, folder: Path) -> None:
    defs = define(connection("shopify-fr", SYNC))
    first, second = (tick(defs, folder, at(f"2026-11-24T10:{minute}:00")) for minute in (15, 30))
    assert isinstance(first, dg.RunRequest)
    assert isinstance(second, dg.RunRequest)
    assert first.run_key != second.run_key


def test_a_late_tick_still_finds_its_streams() -> None:
    moment = at("2026-11-24T03:00:00") + timedelta(seconds=41, microseconds=7)
    assert due_streams({"a": "0 3 * * *", "b": "1 3 * * *", "c": "* * * * *"}, moment) == ["a", "c"]
    assert due_streams({"leap": "0 3 29 2 *"}, at("2028-02-29T03:00:00")) == ["leap"]


def test_a_start_date_to_come_leaves_today_a_partition(define: Define, folder: Path) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    defs = define(connection("shopify-fr", SYNC, f"start_date: {tomorrow}"))
    moment = datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0)
    request = tick(defs, folder, moment)
    assert isinstance(request, dg.RunRequest)
    assert request.tags["dagster/asset_partition_range_end"] == moment.date().isoformat()
