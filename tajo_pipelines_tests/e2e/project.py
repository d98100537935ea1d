"""A project over a running twin: its folder, its configuration, and runs of the engine with and without Dagster."""

from __future__ import annotations

import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines.brevo import limits
from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.contact_change import ContactPolicy
from tajo_pipelines.brevo.ports import BucketLimit
from tajo_pipelines.model.errors import TajoError
from tajo_pipelines.model.report import StreamReport
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.clock import SystemClock
from tajo_pipelines.settings import load_settings
from tajo_pipelines.store import opening
from tajo_pipelines.store.leases import LeaseTaken
from tajo_pipelines.store.reports import RunReport
from tajo_pipelines.sync import account, delivery
from tajo_pipelines.sync.delivery import deliver
from tajo_pipelines.sync.landing import land
from tajo_pipelines.sync.outcome import Delivered
from tajo_pipelines.sync.reading import Reading, ReadMode, ReadRequest
from tajo_pipelines.sync.reports import ALREADY_RUNNING, RunLog
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines.twin.shopify import app as shopify
from tajo_pipelines.twin.shopify.shop import Shop, seed_shop

REPOSITORY = Path(__file__).parents[2]
FACTOR = 50.0
"""How many times faster durations pass, at the twin and in our own waits."""

STREAMS = ("customers", "orders")

CONFIG = """
brevo:
  api_key: {brevo_key}
  base_url: "{brevo_url}"
  tier: extended
{account}
connectors:
  shopify: &shop
    enabled: true
    shop_url: "tajo-demo.myshopify.com"
    base_url: "{shopify_url}"
    api_key: twin-client-id
    api_secret: {secret}
    region: DE
    sync: {{{streams}}}
    field_mapping: {{email: email, first_name: FIRSTNAME, last_name: LASTNAME, phone: SMS, total_spent: TOTAL_SPENT}}
{connection}
"""


class QuickClock(SystemClock):
    """Waits shortened as the twin's are."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / FACTOR)


def quick_sleep(seconds: float) -> None:
    time.sleep(seconds / FACTOR)


def small_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the twin's shops have an order a customer instead of three: most of a run's time goes into reading them."""

    def seeded(customers: int, orders: int | None, seed: int, **more: Any) -> Shop:
        return seed_shop(customers, customers if orders is None else orders, seed, **more)

    monkeypatch.setattr(shopify, "seed_shop", seeded)


def hurry(monkeypatch: pytest.MonkeyPatch, *, import_from: int | None = None, patience: float = 300.0) -> None:
    """Shorten the engine's waits as the twin's durations are.

    Args:
        monkeypatch: Undoes it.
        import_from: From how many rows on a group goes by import, so that small shops use imports too.
        patience: Seconds for which a call is repeated, before they are shortened.
    """
    monkeypatch.setitem(limits.TIERS, "extended", dict.fromkeys(limits.BUCKETS, BucketLimit(1000, None)))

    def made(*given: Any, **more: Any) -> BrevoClient:
        return BrevoClient(*given, **(more | {"sleep": quick_sleep, "patience": patience / FACTOR}))

    def prepared(connection: sqlite3.Connection, record: object) -> None:
        prepare(connection, record)
        # A killed process loses nothing by it; only a machine that loses its power would.
        connection.execute("PRAGMA synchronous=OFF")

    prepare = opening._prepare_sqlite
    monkeypatch.setattr(opening, "_prepare_sqlite", prepared)
    monkeypatch.setattr(account, "BrevoClient", made)
    monkeypatch.setattr(delivery, "WAIT_FOR_ACCOUNT", 0.02)
    if import_from is not None:
        monkeypatch.setattr(account, "ContactPolicy", partial(ContactPolicy, import_from=import_from))


@dataclass(slots=True)
class Ran:
    """One run: its reports by stream, and the first error, which ended it."""

    run_id: str
    streams: dict[str, RunReport]
    error: TajoError | None = None

    def __getitem__(self, stream: str) -> StreamReport:
        return self.streams[stream].report

    @property
    def customers(self) -> StreamReport:
        return self["customers"]

    @property
    def orders(self) -> StreamReport:
        return self["orders"]

    def spent(self, stream: str = "customers") -> dict[str, Any]:
        document: dict[str, Any] = self.streams[stream].details["brevo"]
        return document

    @property
    def writes(self) -> int:
        """Calls that change something at Brevo."""
        calls = [self.spent(stream)["requests"].items() for stream in self.streams]
        return sum(count for part in calls for name, count in part if not name.startswith("GET "))


@dataclass(slots=True)
class Project:
    """A project's folder whose shop and account are a twin.

    Attributes:
        folder: Where it is.
        twin: Shop and account.
        now: What the engine takes for the time.
    """

    folder: Path
    twin: TwinProcess
    home: Path
    now: Any = None
    _open: list[Workspace] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path, twin: TwinProcess, **more: Any) -> Project:
        """A new folder with the repository's Dagster files and a configuration."""
        (folder / "config").mkdir(parents=True, exist_ok=True)
        for name in ("dagster.yaml", "workspace.yaml"):
            shutil.copy(REPOSITORY / name, folder / name)
        project = cls(folder, twin, folder / ".tajo")
        project.configure(**more)
        return project

    def configure(
        self,
        *,
        account: str = "",
        connection: str = "",
        brevo_key: str = "twin-brevo-key",
        secret: str = "twin-client-secret",
        brevo_url: str | None = None,
        shopify_url: str | None = None,
        streams: Sequence[str] = STREAMS,
    ) -> None:
        """Write the configuration anew."""
        text = CONFIG.format(
            account=account,
            connection=connection,
            brevo_key=brevo_key,
            secret=secret,
            brevo_url=brevo_url or self.twin.brevo_url,
            shopify_url=shopify_url or self.twin.shopify_url,
            streams=", ".join(f"{name}: true" for name in streams),
        )
        (self.folder / "config" / "connectors.yaml").write_text(text, encoding="utf-8")

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """The project, opened as a new process would."""
        workspace = workspace_of(self.folder)
        if self.now is not None:
            workspace.now = self.now
        try:
            yield workspace
        finally:
            workspace.close()

    def sync(self, mode: str = "incremental", **more: Any) -> Ran:
        """Read, land and deliver; see `run_engine`.

        Raises:
            TajoError: What ended the run.
        """
        ran = self.try_sync(mode, **more)
        if ran.error is not None:
            raise ran.error
        self.settle()
        return ran

    def try_sync(self, mode: str = "incremental", **more: Any) -> Ran:
        """The same; an error is kept in the result."""
        with self.workspace() as workspace:
            return run_engine(workspace, ReadMode(mode), **more)

    def settle(self) -> None:
        """Wait until the account has worked off its batches of orders."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if all(batch["done"] for batch in self.twin.state("brevo")["batches"]):
                return
            time.sleep(0.005)
        pytest.fail("the account's batches don't end")

    def lose_store(self) -> None:
        """Delete the store: the landing stays, no memory of Brevo does."""
        for file in self.home.glob("tajo.db*"):
            file.unlink()

    # -- looks at the twin --------------------------------------------------------------------------------------

    def contacts(self) -> dict[str, dict[str, Any]]:
        """Contacts at Brevo by address."""
        return {contact["email"]: contact for contact in self.twin.state("brevo")["contacts"]}

    def orders(self) -> dict[str, dict[str, Any]]:
        """Orders at Brevo by id."""
        return {order["id"]: order for order in self.twin.state("brevo")["orders"]}

    def list_id(self, ending: str = "subscribers") -> int:
        """Id of a list of ours, by the end of its name."""
        [number] = [entry["id"] for entry in self.twin.state("brevo")["lists"] if entry["name"].endswith(ending)]
        return int(number)

    def people(self) -> list[dict[str, Any]]:
        """The shop's customers, as the twin keeps them."""
        return self.twin.call(lambda: [dict(customer) for customer in self.twin.shopify.shop.customers.values()])

    def facts(self) -> dict[str, Any]:
        """What the shop counts of itself."""
        document: dict[str, Any] = self.twin.state("shopify")["shop"]
        return document

    def journal(self, what: str) -> list[dict[str, Any]]:
        """What happened to people at Brevo."""
        return [entry for entry in self.twin.state("brevo")["journal"] if entry["what"] == what]

    def writes_since(self, number: int) -> list[str]:
        """Calls to Brevo that changed something, as ``METHOD path``."""
        calls = self.twin.calls("brevo", number)
        return [f"{call['method']} {call['path']}" for call in calls if call["method"] != "GET"]

    def last_call(self) -> int:
        """Number of the last call that the twin took."""
        return max((call["number"] for call in self.twin.calls()), default=0)


def workspace_of(folder: Path) -> Workspace:
    """A project's workspace with shortened waits."""
    return Workspace(load_settings(folder, {}), clock=QuickClock())


def run_engine(
    workspace: Workspace,
    mode: ReadMode = ReadMode.INCREMENTAL,
    *,
    connection: str = "shopify",
    streams: Sequence[str] = STREAMS,
    force: bool = False,
    since: datetime | None = None,
) -> Ran:
    """What a run does, without Dagster: each stream is landed, then each is delivered, contacts first."""
    run_id = str(uuid.uuid4())
    window = Window(since, workspace.now()) if since is not None else None
    error: TajoError | None = None
    try:
        for stream in streams:
            log = RunLog(workspace, run_id, connection, stream)
            reading = Reading(workspace, ReadRequest(connection, stream, mode, run_id, window))
            with suppress(LeaseTaken), log.landing() as landed:
                land(workspace, reading, landed)
        for stream in streams:
            report = workspace.store.reports.get(run_id, connection, stream)
            if report is not None and report.status == ALREADY_RUNNING:
                continue
            delivered = Delivered()
            with RunLog(workspace, run_id, connection, stream).delivery(delivered):
                deliver(workspace, DeliveryRequest(connection, stream, run_id, force=force), delivered)
    except TajoError as raised:
        error = raised
    reports = {report.stream: report for report in workspace.store.reports.of_run(run_id)}
    return Ran(run_id, reports, error)


def mailable(contact: dict[str, Any]) -> bool:
    """Whether a campaign may go to the contact."""
    return not contact["emailBlacklisted"]


def money(text: str) -> Decimal:
    """An amount."""
    return Decimal(text)


def now() -> datetime:
    """The present."""
    return datetime.now(UTC)
