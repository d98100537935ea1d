"""Shops whose records changed all through the last month, to be backfilled; and what they were asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
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
from tajo_pipelines_tests.e2e.project import FACTOR, Project, hurry
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

    def clear(self) -> None:
        """Count anew."""
        self.requests = 0
        self.days.clear()

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
        self.served.clear()
        return launch(self.project, days=days, streams=streams, today=self.today)

    def undisturbed(self, streams: Sequence[str]) -> None:
        """The same without Dagster, whose events cost more than the work."""
        self.served.clear()
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


def opener(folder: Path, stack: ExitStack) -> Open:
    """What opens shops that are all alike, each with a twin and a project of its own below the folder."""
    today = datetime.now(UTC).date()

    def opened(name: str, *, customers: int = 40, orders: int = 300, connection: str = "") -> Shop:
        options = TwinOptions(customers=customers, orders=orders, tier="unlimited")
        twin = stack.enter_context(running_twin(options=options, clock=TwinClock(FACTOR)))
        project = Project.make(folder / name, twin, connection=connection)
        file = project.folder / "config" / "connectors.yaml"
        text = file.read_text("utf-8").replace("orders: true}", "orders: true, products: true, carts: true}")
        file.write_text(text, "utf-8")
        spread(project, orders)
        served, execute = Served(), twin.shopify.execute

        def noted(*given: Any) -> dict[str, Any]:
            answer: dict[str, Any] = execute(*given)
            served.note(answer)
            return answer

        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(twin.shopify, "execute", noted)
        return Shop(project, served, today)

    return opened
