"""What a materialization shows: numbers to plot, pictures that Dagster draws, what comes next."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from tajo_pipelines.orchestration.launch import LaunchResult
from tajo_pipelines.orchestration.pictures import UNFOLDED, Bar, picture, span
from tajo_pipelines.orchestration.waiting import waiting_metadata
from tajo_pipelines.sync.lag import Lag
from tajo_pipelines_tests.e2e.project import Project
from tajo_pipelines_tests.orchestration.runs import AT_BREVO, command, count, materialized

NUMBERS = ("read", "mapped", "skipped", "rejected", "sent", "unchanged", "superseded", "in doubt", "failed", "deleted")


def drawn(text: str) -> ET.Element:
    """The image in a Markdown text."""
    head, image = text.split("](data:image/svg+xml;base64,")
    assert head.startswith("![")
    return ET.fromstring(base64.b64decode(image.removesuffix(")")).decode())  # noqa: S314  our own picture


def test_numbers_are_numbers_and_balance(synced: Project, first_run: LaunchResult) -> None:
    for key, [event] in materialized(synced, first_run.run_id).items():
        if not key.startswith("brevo/"):
            continue
        for name in (*NUMBERS, "calls", "waiting batches", "waiting records", "open letters"):
            assert isinstance(event.metadata[name], dg.IntMetadataValue), (key, name)
        assert isinstance(event.metadata["budget share (%)"], dg.FloatMetadataValue)
        shown = {name: count(event, name) for name in NUMBERS}
        assert shown["read"] == shown["mapped"] + shown["skipped"] + shown["rejected"]
    [orders] = materialized(synced, first_run.run_id)["brevo/shopify/orders"]
    assert isinstance(orders.metadata["net EUR"], dg.FloatMetadataValue)
    assert 0 < count(orders, "lag p50 (s)") <= count(orders, "lag p95 (s)")


def test_pictures_are_shown_without_a_click_and_say_the_same_in_words(synced: Project, first_run: LaunchResult) -> None:
    [event] = materialized(synced, first_run.run_id)[AT_BREVO]
    for name in ("what became of them", "share of an hour's budget", "from the shop's change to Brevo"):
        text = str(count(event, name))
        assert len(text) < UNFOLDED
        assert len(drawn(text)) > 1
    assert f"{count(event, 'read')} read" in str(count(event, "what became of them"))


def test_what_comes_next_is_the_schedules_next_tick(synced: Project, first_run: LaunchResult) -> None:
    events = materialized(synced, first_run.run_id)
    for key in ("shopify/customers", AT_BREVO):
        [event] = events[key]
        tick = datetime.fromtimestamp(count(event, "next run"), UTC)
        assert timedelta(0) < tick - datetime.fromtimestamp(event_time(event), UTC) <= timedelta(hours=1)
        assert f"{tick.minute} * * * *" in str(count(event, "schedule"))
        assert count(event, "data until") <= datetime.now(UTC).timestamp()
    text = str(count(events[AT_BREVO][0], "what comes next"))
    assert "Next run: **" in text
    assert "Nothing that was read waits for Brevo." in text


def event_time(event: dg.AssetMaterialization) -> float:
    return float(count(event, "data until"))


def test_columns_and_lineage_are_those_of_the_definition(synced: Project, first_run: LaunchResult) -> None:
    [landed] = materialized(synced, first_run.run_id)["shopify/customers"]
    [event] = materialized(synced, first_run.run_id)[AT_BREVO]
    lineage = event.metadata["dagster/column_lineage"]
    assert isinstance(lineage, dg.TableColumnLineageMetadataValue)
    [dep] = lineage.value.deps_by_column["TOTAL_SPENT"]
    assert (dep.asset_key.path, dep.column_name) == (["shopify", "customers"], "total_spent")
    origin = landed.metadata["dagster/column_lineage"]
    assert isinstance(origin, dg.TableColumnLineageMetadataValue)
    [dep] = origin.value.deps_by_column["total_spent"]
    assert dep.column_name == "amountSpent.amount"


def test_what_could_not_go_out_waits(project: Project) -> None:
    project.twin.faults({"target": "brevo", "path": "/orders/status/batch", "method": "POST", "status": 401})
    failed = command(project, mode="full", streams=("customers", "orders"))
    assert not failed.success
    run = command(project, streams=("customers",))
    [event] = materialized(project, run.run_id)[AT_BREVO]
    assert count(event, "waiting records") == 0, "its own stream's alone"
    with project.workspace() as workspace:
        found = waiting_metadata(workspace, "shopify", "orders")
    assert found["waiting records"].value > 0
    assert "Waiting already: **" in found["what comes next"].value


def test_many_bars_are_drawn_in_letters_and_stay_unfolded() -> None:
    few = [Bar(f"{number:,} thing", number) for number in (1_000, 1, 0)]
    assert [len(rect.get("d", "").split("M")) - 1 for rect in drawn(picture(few)) if rect.tag.endswith("path")] == [2]
    many = [Bar(f"{number:,} of something with a long name", number, number % 2 == 0) for number in range(1, 40)]
    text = picture(many)
    assert text.startswith("```text\n")
    assert len(text) < UNFOLDED


def test_an_empty_run_has_a_picture_too() -> None:
    assert "0 read" in picture([Bar("0 read", 0), Bar("0 sent", 0)])


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_200, "2.0 h"), (172_800, "2 d")]
)
def test_a_length_of_time_is_said_in_its_own_unit(seconds: int, text: str) -> None:
    assert span(seconds) == text


def test_percentiles_of_the_lag_are_whole_seconds() -> None:
    lag, now = Lag(), datetime(2026, 3, 10, tzinfo=UTC)
    assert lag.percentiles(50, 95) is None
    lag.add([now - timedelta(seconds=number) for number in range(1, 101)], now)
    assert lag.percentiles(50, 95, 100) == (50, 95, 100)
    lag.add([now + timedelta(hours=1)], now)
    assert lag.percentiles(0) == (0,)


def test_a_long_lag_is_rounded_down_so_that_memory_stays_bounded() -> None:
    lag, now = Lag(), datetime(2026, 3, 10, tzinfo=UTC)
    lag.add([now - timedelta(seconds=number) for number in (3_599, 3_659, 2 * 86_400 + 3_599)], now)
    assert sorted(lag.seconds) == [3_599, 3_600, 2 * 86_400]
