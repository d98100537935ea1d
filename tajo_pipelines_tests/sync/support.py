"""A workspace over a store of its own, whose platform answers by a script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import RejectedRecord, TajoError
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.connector import Deleted, Page, SourceInfo
from tajo_pipelines.settings import load_settings
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.workspace import Workspace

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

CONFIG = """
brevo: {api_key: planted-key, base_url: "http://127.0.0.1:9/v3"}
connectors:
  shop:
    connector: shopify
    enabled: true
    shop_url: tajo-demo.myshopify.com
    api_key: shpat_planted
    region: DE
    sync: {customers: true, orders: true}
    field_mapping: {email: email, first_name: FIRSTNAME, last_name: LASTNAME, phone: SMS, total_spent: TOTAL_SPENT}
"""


def record(key: int | str, minutes: float | None = 0, **raw: Any) -> Record:
    """A customer's record that changed so many minutes before noon."""
    changed = None if minutes is None else NOON - timedelta(minutes=minutes)
    return Record("customers", str(key), changed, NOON, {"id": str(key), **raw})


def page(*records: Record, cursor: str | None = None, last: bool = False) -> Page:
    """A page."""
    return Page(tuple(records), cursor, last)


@dataclass(slots=True)
class ScriptedSource:
    """A platform that answers with these pages and notes what it was asked.

    Attributes:
        pages: What it brings; an error in the place of a page is raised there.
        asked: Stream, window and cursor of each reading.
        total: What it says of how many records there are; an error is raised.
        counted: How often it was asked that.
    """

    pages: Sequence[Page | TajoError] = ()
    asked: list[tuple[str, Window | None, str | None]] = field(default_factory=list)
    closed: int = 0
    total: int | TajoError | None = None
    counted: int = 0

    def check(self) -> SourceInfo:
        return SourceInfo("Shop", "tajo-demo.myshopify.com", "EUR", "Europe/Berlin", frozenset())

    def read(self, stream: str, window: Window | None, cursor: str | None = None) -> Iterator[Page]:
        self.asked.append((stream, window, cursor))
        for each in self.pages:
            if isinstance(each, TajoError):
                raise each
            yield each

    def count(self, stream: str, window: Window | None) -> int | None:
        self.counted += 1
        if isinstance(self.total, TajoError):
            raise self.total
        return self.total

    def deleted(self, stream: str, window: Window) -> Iterator[Deleted]:
        return iter(())

    def fetch(self, stream: str, keys: Sequence[str]) -> Iterator[Record]:
        return iter(())

    def canonical(self, record: Record) -> Customer | Order:
        if record.raw.get("malformed"):
            raise RejectedRecord("malformed", "it has no shape")
        return Customer(id=record.key, first_name=record.raw.get("first_name"))

    def close(self) -> None:
        self.closed += 1


class ScriptedWorkspace(Workspace):
    """A workspace whose connections open a scripted source."""

    __slots__ = ("source",)
    source: ScriptedSource

    def open_source(self, connection: Connection) -> ScriptedSource:
        return self.source


def scripted(folder: Path, *pages: Page | TajoError, now: Callable[[], datetime] = lambda: NOON) -> ScriptedWorkspace:
    """A workspace in a folder; used again, it finds its store there."""
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "connectors.yaml").write_text(CONFIG, encoding="utf-8")
    workspace = ScriptedWorkspace(load_settings(folder, {"TAJO_HOME": str(folder / "home")}), now)
    workspace.source = ScriptedSource(pages)
    return workspace


OpenShop = Callable[..., ScriptedWorkspace]
"""Opens a workspace over scripted pages; see `scripted`."""
