"""Runs in process over a twin: what each way to launch one reads, sends and shows."""

from __future__ import annotations

import os
import socket
import traceback
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import pytest

from tajo_pipelines.orchestration.build import build_definitions
from tajo_pipelines.orchestration.launch import LaunchResult, project_instance
from tajo_pipelines.orchestration.partitions import range_tags
from tajo_pipelines.settings import load_settings
from tajo_pipelines_tests.e2e.project import REPOSITORY, STREAMS, Project
from tajo_pipelines_tests.orchestration.runs import (
    AT_BREVO,
    CUSTOMERS,
    another_reader,
    command,
    count,
    later,
    launch,
    materialized,
    watermark,
)


def test_a_full_read_lies_under_today_and_moves_the_watermark(synced: Project, first_run: LaunchResult) -> None:
    assert first_run.success
    events = materialized(synced, first_run.run_id)
    assert set(events) == {f"{prefix}shopify/{stream}" for prefix in ("", "brevo/") for stream in STREAMS}
    [landed] = events["shopify/customers"]
    assert landed.partition == datetime.now(UTC).date().isoformat()
    assert count(landed, "full read") is True
    assert count(landed, "dagster/row_count") == CUSTOMERS
    assert watermark(synced) is not None


def test_a_command_goes_on_where_the_last_one_ended(synced: Project) -> None:
    before = watermark(synced)
    run = command(synced, streams=("customers",))
    assert run.success
    events = materialized(synced, run.run_id)
    assert set(events) == {"shopify/customers", AT_BREVO}, "the stream that was asked for alone"
    assert count(events["shopify/customers"][0], "full read") is False
    assert count(events[AT_BREVO][0], "sent") == 0
    assert later(watermark(synced), before)


def test_a_ticks_run_goes_on_from_the_watermark(synced: Project) -> None:
    before = watermark(synced)
    assert launch(synced, tags={"tajo/trigger": "schedule"}).success
    assert later(watermark(synced), before)


def test_a_persons_range_reads_its_days_alone_and_leaves_the_watermark(synced: Project) -> None:
    before = watermark(synced)
    run = launch(synced, days=3)
    assert run.success
    days = materialized(synced, run.run_id)["shopify/customers"]
    assert len(days) == 3, "one run, all of its days"
    first = (datetime.now(UTC) - timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert count(days[0], "read from") == pytest.approx(first.timestamp())
    assert count(days[0], "full read") is False
    assert watermark(synced) == before


def test_since_reads_from_a_time_and_leaves_the_watermark(synced: Project) -> None:
    before = watermark(synced)
    since = datetime.now(UTC) - timedelta(hours=30)
    run = command(synced, mode="range", since=since, streams=("customers",))
    assert run.success
    landed = materialized(synced, run.run_id)["shopify/customers"]
    assert len(landed) in (2, 3), "the days that it touches"
    assert count(landed[0], "read from") == pytest.approx(since.timestamp())
    assert watermark(synced) == before


def test_a_first_range_of_a_person_is_no_full_read(project: Project) -> None:
    run = launch(project, days=2)
    assert run.success
    assert watermark(project) is None
    assert count(materialized(project, run.run_id)["shopify/customers"][0], "full read") is False


def test_replay_delivers_its_days_again_without_reading(synced: Project) -> None:
    today, last = datetime.now(UTC).date(), synced.last_call()
    with project_instance(synced.folder) as instance:
        job = build_definitions(load_settings(synced.folder, {})).resolve_job_def("shopify")
        run = job.execute_in_process(
            instance=instance,
            tags=range_tags(today, today, None),
            asset_selection=[dg.AssetKey(AT_BREVO.split("/"))],
            run_config={"ops": {"brevo__shopify__customers": {"config": {"replay": True}}}},
            raise_on_error=False,
        )
    assert run.success
    [event] = materialized(synced, run.run_id)[AT_BREVO]
    assert count(event, "read") >= CUSTOMERS
    assert count(event, "sent") == 0
    asked = {call["detail"] for call in synced.twin.calls("shopify", last)}
    assert not {detail for detail in asked if detail and "ustomers" in detail}, "customers weren't asked for again"


NUMBERS = {"read", "mapped", "skipped", "rejected", "sent", "unchanged", "superseded", "in doubt", "failed", "calls"}


def test_a_tick_leaves_what_another_run_reads_to_it(synced: Project) -> None:
    with another_reader(synced):
        run = launch(synced, streams=STREAMS, tags={"tajo/trigger": "schedule"})
    assert run.success, "no alarm for work that is being done"
    events = materialized(synced, run.run_id)
    assert count(events["shopify/customers"][0], "already running") is True
    assert "read" not in events[AT_BREVO][0].metadata
    assert count(events["brevo/shopify/orders"][0], "read") == count(
        events["shopify/orders"][0], "dagster/row_count"
    ), "the other stream is read and delivered"
    with synced.workspace() as workspace:
        report = workspace.store.reports.get(run.run_id, "shopify", "customers")
    assert report is not None
    assert report.status == "already_running"


def test_a_delivery_shows_its_numbers(synced: Project, first_run: LaunchResult) -> None:
    events = materialized(synced, first_run.run_id)
    [delivered], [orders] = events[AT_BREVO], events["brevo/shopify/orders"]
    for event in (delivered, orders):
        assert {*NUMBERS, "calls, which", "share of an hour's budget"} <= set(event.metadata)
        entered = count(event, "mapped") + count(event, "skipped") + count(event, "rejected")
        assert count(event, "read") == entered > 0
    assert count(delivered, "sent") == count(delivered, "mapped")
    lineage = delivered.metadata["dagster/column_lineage"]
    assert isinstance(lineage, dg.TableColumnLineageMetadataValue)
    [source] = lineage.value.deps_by_column["FIRSTNAME"]
    assert (source.asset_key.path, source.column_name) == (["shopify", "customers"], "first_name")


def test_money_is_shown_to_the_cent(synced: Project, first_run: LaunchResult) -> None:
    [orders] = materialized(synced, first_run.run_id)["brevo/shopify/orders"]
    money = orders.metadata["money"]
    assert isinstance(money, dg.TableMetadataValue)
    net = {str(row.data["currency"]): Decimal(str(row.data["net"])) for row in money.records}
    amounts = [Decimal(str(order["amount"])) for order in synced.orders().values()]
    assert net == {"EUR": sum(amounts)}


def test_rejects_are_shown_without_the_person(project: Project) -> None:
    [person, other] = [found for found in project.people() if found.get("email")][:2]
    for buyer in (person, other):
        project.twin.change("shopify", "update_customer", id=buyer["id"], fields={"phone": "+4930123456"})
    run = command(project, mode="full", streams=("customers",))
    [delivered] = materialized(project, run.run_id)[AT_BREVO]
    letters = delivered.metadata["rejected, which (letters)"]
    assert isinstance(letters, dg.TableMetadataValue)
    assert "SMS" in {row.data["field"] for row in letters.records}
    shown = str(delivered.metadata)
    assert not [text for text in (person["email"], other["email"], "4930123456") if text in shown]


def test_a_command_started_elsewhere_uses_the_projects_instance(
    synced: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    run = command(synced, streams=("customers",))
    assert run.success
    assert Path.cwd() == elsewhere
    assert not list(elsewhere.iterdir())
    assert materialized(synced, run.run_id)


def test_only_the_brevo_package_connects_to_brevo(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    port = urlsplit(project.twin.brevo_url).port
    package = str(REPOSITORY / "tajo_pipelines") + os.sep
    callers: list[list[str]] = []
    connect = socket.socket.connect

    def watched(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[1] == port:
            ours = [frame.filename for frame in traceback.extract_stack() if frame.filename.startswith(package)]
            callers.append([Path(name.removeprefix(package)).parts[0] for name in ours])
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", watched)
    assert command(project, mode="full").success
    assert callers
    assert {frames[-1] for frames in callers} == {"brevo"}
