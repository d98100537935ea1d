"""A backfill of the UI, under a real ``dagster dev``: its run killed in the middle, and launched again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from tajo_pipelines_tests.e2e.dagster_dev import DagsterDev, Run, running_dagster, until
from tajo_pipelines_tests.e2e.month import DAYS, Open, Shop, opener
from tajo_pipelines_tests.e2e.project import hurry
from tajo_pipelines_tests.e2e.test_killed import outcome

STREAMS = ("carts",)
"""They come day by day, each with questions of its own: nowhere does an interruption cost more."""
KEYS = [key for stream in STREAMS for key in (f"shopify/{stream}", f"brevo/shopify/{stream}")]
NEVER = '    schedule: "0 0 29 2 *"'
AGAIN = ("run from failure", "run whole", "backfill from failure", "backfill whole", "another backfill")


@pytest.fixture
def open_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens shops that are all alike."""
    hurry(monkeypatch, import_from=5)
    monkeypatch.delenv("TAJO_HOME")
    monkeypatch.delenv("DAGSTER_HOME")
    with ExitStack() as stack:
        yield opener(tmp_path, stack)


def days(shop: Shop) -> list[str]:
    """The last days, as the dialogue names them."""
    return [(shop.today - timedelta(days=back)).isoformat() for back in reversed(range(DAYS))]


def the_only_run(dev: DagsterDev, backfill: str) -> Run:
    """The run that the daemon made of a backfill."""
    tags = [{"key": "dagster/backfill", "value": backfill}]
    [run] = until(lambda: dev.runs(tags=tags) or None, 60, dev.said)
    return run


def kill_at_day(dev: DagsterDev, shop: Shop, run: Run, stream: str, day: int) -> None:
    """Kill the process of a run once so many days of a stream are landed."""
    worker = until(lambda: dev.worker(run.id), 60, dev.said)
    end = time.monotonic() + 60
    while time.monotonic() < end and len(shop.landed(stream)) < day:
        time.sleep(0.005)
    os.kill(worker, signal.SIGKILL)


def launch_again(dev: DagsterDev, shop: Shop, how: str, run: Run, backfill: str) -> Run:
    """Launch it again in one of a person's ways; the run that came of it, ended."""
    if how.startswith("run"):
        again = dev.run_again(run.id, "ALL_STEPS" if how == "run whole" else "FROM_FAILURE")
        return dev.finished(60, runIds=[again])
    if how == "another backfill":
        second = dev.backfill(KEYS, days(shop))
    else:
        assert dev.backfill_ended(backfill, 60) == "COMPLETED_FAILED"
        second = dev.backfill_again(backfill, "ALL_STEPS" if how == "backfill whole" else "FROM_FAILURE")
    return dev.finished(90, runIds=[the_only_run(dev, second).id])


def comes_to_the_same(open_shop: Open, how: str) -> None:
    """Kill a backfill's run at day 20, launch it again, and compare with an undisturbed run."""
    calm, disturbed = (open_shop(name, customers=2000, orders=0, connection=NEVER) for name in ("calm", "disturbed"))
    with running_dagster(disturbed.project.folder, quick_backfills=True) as dev:
        disturbed.project.twin.faults({"target": "shopify", "action": "slow", "path": "graphql", "seconds": 0.1})
        backfill = dev.backfill(KEYS, days(disturbed))
        run = the_only_run(dev, backfill)
        kill_at_day(dev, disturbed, run, "carts", 20)
        disturbed.project.twin.faults()
        assert dev.finished(30, runIds=[run.id]).status == "FAILURE", "Dagster notices by itself"
        finished = disturbed.finished("carts")
        assert 16 <= len(finished) < 24
        disturbed.served.clear()
        again = launch_again(dev, disturbed, how, run, backfill)
    assert again.status == "SUCCESS"
    assert {key: again.partitions(key) for key in KEYS} == dict.fromkeys(KEYS, days(disturbed)), "one run, all days"
    calm.undisturbed(STREAMS)
    share = disturbed.served.requests / calm.served.requests
    assert share <= 0.45, f"{disturbed.served.requests} questions after {calm.served.requests} of a whole run"
    assert not {day for _, day in disturbed.served.days} & set(finished), "no finished day is read twice"
    assert outcome(disturbed.project) == outcome(calm.project)


@pytest.mark.soak
def test_a_backfill_of_the_ui_killed_at_day_20_asks_for_the_rest_alone(open_shop: Open) -> None:
    comes_to_the_same(open_shop, "run from failure")


@pytest.mark.soak
@pytest.mark.parametrize("how", [how for how in AGAIN if how != "run from failure"])
def test_whichever_way_it_is_launched_again(open_shop: Open, how: str) -> None:
    comes_to_the_same(open_shop, how)
