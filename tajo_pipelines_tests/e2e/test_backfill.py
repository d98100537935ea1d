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
from tajo_pipelines_tests.orchestration.runs import launch

DAYS = 30
PAGE = 4
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
    today: date

    def launch(self, streams: Sequence[str] = ALL, days: int = DAYS) -> dg.ExecuteInProcessResult:
        """A run over the last days, its questions counted anew."""
        self.served.__init__()  # type: ignore[misc]  # counted anew
        return launch(self.project, days=days, streams=streams, today=self.today)

    def undisturbed(self, streams: Sequence[str]) -> None:
        """The same without Dagster, whose events cost more than the work."""
        self.served.__init__()  # type: ignore[misc]  # counted anew
        since = datetime.combine(self.today - timedelta(days=DAYS - 1), datetime.min.time(), UTC)
        self.project.sync("range", streams=streams, since=since)

    def orders(self) -> list[dict[str, Any]]:
        """The shop's orders, as the twin keeps them; asked in its own thread."""
        return list(self.project.twin.shopify.shop.orders.values())

    def finished(self, stream: str) -> list[date]:
        """Days of a stream that the store knows as landed, but for the last one, of which more may come."""
        with self.project.workspace() as workspace:
            batches = workspace.store.batches.in_days("shopify", stream, date.min, date.max)
        return sorted({batch.day for batch in batches})[:-1]

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


def prepare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten waits, and pages: a small shop is then read in as many as a large one."""
    hurry(monkeypatch, import_from=5)
    monkeypatch.setattr("tajo_pipelines.connectors.shopify.streams.LARGEST_PAGE", PAGE)


Open = Callable[..., Shop]


@pytest.fixture
def open_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens shops that are all alike."""
    prepare(monkeypatch)
    monkeypatch.delenv("TAJO_HOME")
    monkeypatch.delenv("DAGSTER_HOME")
    with ExitStack() as stack:
        today = datetime.now(UTC).date()

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
            return Shop(project, served, today)

        yield opened


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
