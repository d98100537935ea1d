"""Backfills as a person launches them: one run over a range of days, interrupted, launched again."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines_tests.e2e.killed import processes
from tajo_pipelines_tests.e2e.project import FACTOR, Project, hurry
from tajo_pipelines_tests.e2e.test_killed import outcome
from tajo_pipelines_tests.orchestration.runs import count, launch, materialized

DAYS = 30
ALL = ("customers", "orders", "products", "carts")
KINDS = {"customers": "customers", "orders": "orders", "products": "products", "carts": "abandonedCheckouts"}


@dataclass
class Served:
    """What the shop was asked, and which days of which stream it answered with.

    Attributes:
        requests: Questions, the login not among them.
        days: How often each object was served, by stream and day of its change.
    """

    requests: int = 0
    days: dict[tuple[str, date], Counter[str]] = field(default_factory=dict)

    def note(self, answer: dict[str, Any]) -> None:
        self.requests += 1
        for stream, name in KINDS.items():
            for node in ((answer.get("data") or {}).get(name) or {}).get("nodes") or ():
                day = datetime.fromisoformat(node["updatedAt"]).date()
                self.days.setdefault((stream, day), Counter())[node["id"]] += 1


@dataclass
class Shop:
    """A project over a shop whose records changed all through the last month."""

    project: Project
    served: Served

    def launch(self, streams: Sequence[str] = ALL, days: int = DAYS) -> dg.ExecuteInProcessResult:
        """A run over the last days, its questions counted anew."""
        self.served.__init__()  # type: ignore[misc]  # counted anew
        return launch(self.project, days=days, streams=streams)

    def landed(self, stream: str) -> set[date]:
        """Days of a stream that lie in the landing."""
        found = self.project.home.rglob(f"shopify/{stream}/date=*/*.parquet")
        return {date.fromisoformat(file.parent.name.removeprefix("date=")) for file in found}


def spread(project: Project, orders: int) -> None:
    """Let the shop's records have changed in the last 30 days, the same number on each, none today."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def change() -> None:
        shop = project.twin.shopify.shop
        for kind in ("Customer", "Order", "Product", "AbandonedCheckout"):
            for place, number in enumerate(list(shop.all(kind))):
                if kind == "Order" and place >= orders:
                    break
                at = midnight - timedelta(days=place % (DAYS - 1) + 1) + timedelta(minutes=60 + place % 600)
                shop.save(shop.edit(kind, number), at=at.isoformat().replace("+00:00", "Z"))

    project.twin.call(change)


Open = Callable[..., Shop]


@pytest.fixture
def open_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens shops that are all alike."""
    hurry(monkeypatch, import_from=5)
    monkeypatch.delenv("TAJO_HOME")
    monkeypatch.delenv("DAGSTER_HOME")
    with ExitStack() as stack:

        def opened(name: str, *, customers: int = 40, orders: int = 300, connection: str = "") -> Shop:
            options = TwinOptions(customers=customers, orders=orders, tier="unlimited")
            twin = stack.enter_context(running_twin(options=options, clock=TwinClock(FACTOR)))
            project = Project.make(tmp_path / name, twin, connection=connection)
            file = project.folder / "config" / "connectors.yaml"
            text = file.read_text("utf-8").replace("orders: true}", "orders: true, products: true, carts: true}")
            file.write_text(text, "utf-8")
            spread(project, orders)
            served, execute = Served(), twin.shopify.execute

            def noted(*given: Any) -> dict[str, Any]:
                answer: dict[str, Any] = execute(*given)
                served.note(answer)
                return answer

            monkeypatch.setattr(twin.shopify, "execute", noted)
            return Shop(project, served)

        yield opened


def run_range(folder: str, urls: tuple[str, str], streams: Sequence[str]) -> None:
    """What the process of a run does."""
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch, import_from=5)
        twin: Any = None
        del urls
        launch(Project(Path(folder), twin, Path(folder) / ".tajo"), days=DAYS, streams=streams)


def kill_at_day(shop: Shop, stream: str, day: int, streams: Sequence[str]) -> None:
    """Launch a run in a process of its own and kill it once so many days of a stream are landed."""
    shop.project.twin.faults({"target": "shopify", "action": "slow", "path": "graphql", "seconds": 0.03})
    process = processes().Process(target=run_range, args=(str(shop.project.folder), ("", ""), streams))
    process.start()
    end = time.monotonic() + 30
    while time.monotonic() < end and process.is_alive() and len(shop.landed(stream)) < day:
        time.sleep(0.002)
    assert process.is_alive(), "it was to be killed in the middle"
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    shop.project.twin.faults()


@pytest.mark.parametrize(("streams", "at"), [(ALL, "orders"), (("carts",), "carts")])
def test_a_backfill_killed_at_day_20_asks_only_for_the_rest(open_shop: Open, streams: tuple[str, ...], at: str) -> None:
    size = {"customers": 40} if at == "orders" else {"customers": 2000, "orders": 0}
    calm, disturbed = open_shop("calm", **size), open_shop("disturbed", **size)
    assert calm.launch(streams).success
    whole = calm.served.requests
    kill_at_day(disturbed, at, 20, streams)
    first = disturbed.served.days
    finished = set(sorted(disturbed.landed(at))[:-1])
    assert len(finished) >= 19
    assert disturbed.launch(streams).success
    assert disturbed.served.requests <= 0.45 * whole, (disturbed.served.requests, whole)
    again = {day for stream, day in disturbed.served.days if stream == at} & finished
    assert not again, "no finished day is read twice"
    assert outcome(disturbed.project) == outcome(calm.project)
    del first
