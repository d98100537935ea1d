"""What a run claims to have read: gaps are found, today is provisional."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from tajo_pipelines.model.window import Window
from tajo_pipelines.orchestration.launch import project_instance
from tajo_pipelines.orchestration.window_check import Claim
from tajo_pipelines.sync.reading import _Plan
from tajo_pipelines_tests.e2e.project import Project
from tajo_pipelines_tests.orchestration.runs import another_reader, command, launch

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def claim(start: datetime | None, end: datetime, **more: Any) -> Claim:
    given: dict[str, Any] = {
        "goes_on": True,
        "watermark": end,
        "before": start,
        "read_done": False,
        "days": None,
        "began": NOON,
    }
    return Claim(Window(start, end), **(given | more))


def checks(project: Project, run_id: str) -> dict[str, dg.AssetCheckEvaluation]:
    """The evaluations of ``window_closed`` by asset."""
    with project_instance(project.folder) as instance:
        events = [
            entry.dagster_event
            for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        ]
    found = [event.asset_check_evaluation_data for event in events if event is not None]
    return {item.asset_key.to_user_string(): item for item in found if item.check_name == "window_closed"}


@pytest.mark.parametrize(
    ("made", "gap"),
    [
        (claim(MIDNIGHT, NOON), None),
        (claim(None, NOON), None),
        (claim(MIDNIGHT, NOON, watermark=MIDNIGHT), "reading ended before its window did"),
        (claim(MIDNIGHT, NOON, watermark=None), "it reached nowhere"),
        (claim(MIDNIGHT, NOON, before=MIDNIGHT - DAY), "nothing was read between 2026-03-09T00:00:00Z"),
        (claim(MIDNIGHT - DAY, NOON, before=MIDNIGHT), None),
    ],
)
def test_a_run_that_goes_on_leaves_no_gap(made: Claim, gap: str | None) -> None:
    assert [gap in text for text in made.gaps()] == [True] if gap is not None else list(made.gaps()) == []


@pytest.mark.parametrize(
    ("start", "end", "done", "gaps"),
    [
        (MIDNIGHT - DAY, NOON, True, []),
        (MIDNIGHT - DAY, NOON, False, ["was interrupted"]),
        (MIDNIGHT - DAY + timedelta(hours=8), NOON, True, ["2026-03-09 was read from 2026-03-09T08:00:00Z on only"]),
        (MIDNIGHT - DAY, MIDNIGHT, True, ["2026-03-10 was read until 2026-03-10T00:00:00Z only"]),
    ],
)
def test_a_range_covers_the_days_that_it_marks(start: datetime, end: datetime, done: bool, gaps: list[str]) -> None:
    days = (date(2026, 3, 9), date(2026, 3, 10))
    found = list(claim(start, end, goes_on=False, read_done=done, days=days).gaps())
    assert len(found) == len(gaps)
    assert all(wanted in text for wanted, text in zip(gaps, found, strict=True))


def test_full_incremental_and_ranges_close_their_windows(project: Project) -> None:
    for run_id in (
        command(project, mode="full").run_id,
        command(project).run_id,
        launch(project, days=3).run_id,
    ):
        found = checks(project, run_id)
        assert found
        assert all(item.passed for item in found.values()), [item.metadata for item in found.values()]
        for item in found.values():
            assert "isn't over" in str(item.metadata["provisional"].value)


def test_a_read_that_stops_short_is_found(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command(project, mode="full", streams=("customers",)).success
    monkeypatch.setattr(_Plan, "_watermark", lambda *_: None)
    found = checks(project, command(project, streams=("customers",)).run_id)["shopify/customers"]
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert "reading ended before its window did" in str(found.metadata["gap"].value)


def test_a_part_of_a_day_is_a_warning(project: Project) -> None:
    since = datetime.now(UTC) - timedelta(days=2)
    since = since.replace(hour=8, minute=0, second=0, microsecond=0)
    found = checks(project, command(project, mode="range", since=since, streams=("customers",)).run_id)
    assert not found["shopify/customers"].passed
    assert found["shopify/customers"].severity is dg.AssetCheckSeverity.WARN
    assert "T08:00:00Z on only" in str(found["shopify/customers"].metadata["gap"].value)


def test_a_run_that_reads_nothing_claims_nothing(project: Project) -> None:
    assert command(project, mode="full", streams=("customers",)).success
    with another_reader(project):
        found = checks(project, command(project, streams=("customers",)).run_id)["shopify/customers"]
    assert found.passed
    assert "another run" in str(found.metadata["why"].value)
