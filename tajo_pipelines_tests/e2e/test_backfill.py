"""Backfills as a person launches them: one run over a range of days, interrupted, launched again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines_tests.e2e.killed import processes
from tajo_pipelines_tests.e2e.month import DAYS, Open, Shop, opener, prepare
from tajo_pipelines_tests.e2e.project import Project
from tajo_pipelines_tests.e2e.test_killed import outcome
from tajo_pipelines_tests.orchestration.runs import launch


@pytest.fixture
def open_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens shops that are all alike."""
    prepare(monkeypatch)
    monkeypatch.delenv("TAJO_HOME")
    monkeypatch.delenv("DAGSTER_HOME")
    with ExitStack() as stack:
        yield opener(tmp_path, stack)


def run_range(folder: str, today: str, streams: Sequence[str]) -> None:
    """What the process of a run does."""
    with pytest.MonkeyPatch.context() as patch:
        prepare(patch)
        twin: Any = None
        launch(
            Project(Path(folder), twin, Path(folder) / ".tajo"),
            days=DAYS,
            streams=streams,
            today=date.fromisoformat(today),
        )


def kill_at_day(shop: Shop, stream: str, day: int, streams: Sequence[str]) -> None:
    """Launch a run in a process of its own and kill it once so many days of a stream are landed."""
    shop.project.twin.faults({"target": "shopify", "action": "slow", "path": "graphql", "seconds": 0.03})
    process = processes().Process(target=run_range, args=(str(shop.project.folder), shop.today.isoformat(), streams))
    process.start()
    end = time.monotonic() + 30
    while time.monotonic() < end and process.is_alive() and len(shop.landed(stream)) < day:
        time.sleep(0.002)
    assert process.is_alive(), "it was to be killed in the middle"
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    shop.project.twin.faults()


@pytest.mark.parametrize(
    ("streams", "size"),
    [(("customers", "orders"), {"customers": 30, "orders": 300}), (("carts",), {"customers": 2000, "orders": 0})],
)
def test_a_backfill_killed_at_day_20_asks_for_the_rest_alone(
    open_shop: Open, streams: tuple[str, ...], size: dict[str, int]
) -> None:
    calm, disturbed = open_shop("calm", **size), open_shop("disturbed", **size)
    calm.undisturbed(streams)
    kill_at_day(disturbed, streams[-1], 20, streams)
    finished = disturbed.finished(streams[-1])
    assert len(finished) >= 16
    assert disturbed.launch(streams).success
    share = disturbed.served.requests / calm.served.requests
    assert share <= 0.45, f"{disturbed.served.requests} questions after {calm.served.requests} of a whole run"
    assert not {day for stream, day in disturbed.served.days if day in finished or stream != streams[-1]}
    assert outcome(disturbed.project) == outcome(calm.project)


def test_three_years_are_one_read_and_few_questions(open_shop: Open) -> None:
    start = datetime.now(UTC).date() - timedelta(days=400)
    shop = open_shop("long", customers=30, orders=0, connection=f"    start_date: {start.isoformat()}")
    since = datetime.now(UTC) - timedelta(days=3 * 365)
    ran = shop.project.sync("range", streams=("customers", "carts"), since=since)
    assert (ran.customers.read, ran["carts"].read > 0) == (30, True)
    assert shop.served.requests <= 20, "days without records cost no question each"


def test_start_date_bounds_what_orders_a_range_asks_for(open_shop: Open) -> None:
    start = datetime.now(UTC).date() - timedelta(days=400)
    shop = open_shop("bounded", customers=20, orders=60, connection=f"    start_date: {start.isoformat()}")
    made = [order["createdAt"] for order in shop.project.twin.call(shop.orders)]
    young = sum(datetime.fromisoformat(at).date() >= start for at in made)
    assert 0 < young < len(made)
    ran = shop.project.sync("range", streams=("orders",), since=datetime.now(UTC) - timedelta(days=DAYS))
    assert ran.orders.read == young, "all of them changed in the last month"


def test_a_stream_set_to_realtime_is_read_by_the_schedule_and_says_so(open_shop: Open) -> None:
    shop = open_shop("realtime", customers=5, orders=0, connection="    mode: realtime")
    ran = shop.project.sync("full", streams=("customers",))
    assert ran.customers.read == 5
    [warning] = ran.streams["customers"].details["warnings"]
    assert warning["code"] == "realtime_by_batch"
    assert "shopify" in warning["where"]


@pytest.mark.soak
def test_three_years_are_one_run(open_shop: Open) -> None:
    shop = open_shop("years", customers=10, orders=0)
    assert shop.launch(("customers",), days=3 * 365).success
    assert shop.served.requests <= 12
