"""A shop that tells by webhooks, over the twin's Brevo: its people are a table, its deliveries go into the inbox."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import ConfigError, RejectedRecord
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.connector import Connector, Deleted, Page, SourceInfo
from tajo_pipelines.sdk.webhooks import (
    DataAsked,
    Envelope,
    ErasureAsked,
    Gone,
    Person,
    Tidings,
    Topic,
    Touched,
    Webhooks,
)
from tajo_pipelines.settings import load_settings
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.inbox import DeliveryFilter, DeliveryState, KeptDelivery, NewDelivery
from tajo_pipelines.sync.delivery import deliver
from tajo_pipelines.sync.outcome import Delivered
from tajo_pipelines.sync.reports import RunLog
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines.twin.server import TwinProcess

CUSTOMERS = "customers"
TOLD = "customers/update"
DELETED = "customers/delete"
MERGED = "customers/merge"
REDACT = "customers/redact"
ELSEWHERE = "customers/elsewhere"

CONFIG = """
brevo: {{api_key: twin-brevo-key, base_url: "{brevo}", tier: extended}}
connectors:
  shop:
    connector: shopify
    enabled: true
    shop_url: tajo-demo.myshopify.com
    api_key: shpat_planted
    mode: {mode}
    sync: {{customers: true, orders: true}}
    field_mapping: {{email: email, first_name: FIRSTNAME}}
"""


def _told(body: Mapping[str, Any], envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
    try:
        key = str(body["id"])
    except KeyError as error:
        raise RejectedRecord("malformed", "it has no id") from error
    stream = "orders" if envelope.topic == ELSEWHERE else CUSTOMERS
    return (Touched(stream, key, envelope.source_at),)


def _gone(body: Mapping[str, Any], envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
    return (Gone(CUSTOMERS, Deleted(str(body["id"]), envelope.source_at or received_at)),)


def _merged(body: Mapping[str, Any], envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
    at, kept = envelope.source_at or received_at, str(body["kept"])
    return (Gone(CUSTOMERS, Deleted(str(body["id"]), at, kept)), Touched(CUSTOMERS, kept, at))


def _redact(body: Mapping[str, Any], envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
    person = Person(str(body["id"]))
    return (DataAsked(person) if body.get("asked") else ErasureAsked(person),)


class _Anybody:
    """A signature that nobody asks for here: deliveries go straight into the inbox."""

    def verify(self, delivery: object, secrets: Sequence[str]) -> None:
        raise AssertionError


def _unnamed(*_: object) -> Envelope:
    raise AssertionError


_READERS = {TOLD: _told, ELSEWHERE: _told, DELETED: _gone, MERGED: _merged, REDACT: _redact}
WEBHOOKS = Webhooks(
    signature=_Anybody(),
    secret_names=("api_secret",),
    envelope=_unnamed,
    topics={
        name: Topic(CUSTOMERS, reader, lambda _body: None, wanted=name != REDACT) for name, reader in _READERS.items()
    },
)


@dataclass(slots=True)
class Shop:
    """The platform.

    Attributes:
        people: Its customers by key: name, when they changed, when they came.
        fetched: Keys of each reading.
        breaks: Keys whose reading raises what stands here.
        kills: Keys whose reading kills the process.
    """

    people: dict[str, tuple[str, datetime, datetime]] = field(default_factory=dict)
    fetched: list[list[str]] = field(default_factory=list)
    breaks: dict[str, Exception] = field(default_factory=dict)
    kills: set[str] = field(default_factory=set)

    def set(self, key: str, name: str, at: datetime, *, born: datetime | None = None) -> None:
        """Make a customer or change one."""
        first = born or (self.people[key][2] if key in self.people else at)
        self.people[key] = (name, at, first)

    # -- the source ---------------------------------------------------------------------------------------------

    def check(self) -> SourceInfo:
        return SourceInfo("Shop", "tajo-demo.myshopify.com", "EUR", "Europe/Berlin", frozenset())

    def read(self, stream: str, window: Window | None, cursor: str | None = None) -> Iterator[Page]:
        found = sorted(self.people, key=lambda key: self.people[key][1]) if stream == CUSTOMERS else []
        inside = [
            self._record(key)
            for key in found
            if window is None or (window.start or self.people[key][1]) <= self.people[key][1] < window.end
        ]
        yield Page(tuple(inside), None, last=True)

    def count(self, stream: str, window: Window | None) -> int | None:
        return None

    def deleted(self, stream: str, window: Window) -> Iterator[Deleted]:
        return iter(())

    def fetch(self, stream: str, keys: Sequence[str]) -> Iterator[Record]:
        self.fetched.append(list(keys))
        for key in keys:
            if key in self.kills:
                os.kill(os.getpid(), signal.SIGKILL)
            if key in self.breaks:
                raise self.breaks[key]
            if key in self.people:
                yield self._record(key)

    def canonical(self, record: Record) -> Customer | Order:
        if record.raw["name"] == "malformed":
            raise RejectedRecord("malformed", "it has no shape")
        return Customer(
            id=record.key,
            email=f"{record.key}@shop.example",
            first_name=record.raw["name"],
            created_at=datetime.fromisoformat(record.raw["born"]),
            updated_at=record.updated_at,
        )

    def close(self) -> None:
        """Nothing is open."""

    def _record(self, key: str) -> Record:
        name, at, born = self.people[key]
        return Record(CUSTOMERS, key, at, datetime.now(UTC), {"id": key, "name": name, "born": born.isoformat()})


class ShopWorkspace(Workspace):
    """A workspace whose one connection opens the shop."""

    __slots__ = ("shop",)
    shop: Shop

    def open_source(self, connection: Connection) -> Shop:
        return self.shop

    def connector(self, connection: Connection) -> Connector:
        return replace(super().connector(connection), webhooks=WEBHOOKS)


@dataclass(slots=True)
class World:
    """The shop, the account and what lies between them."""

    folder: Path
    brevo_url: str
    shop: Shop = field(default_factory=Shop)
    mode: str = "hybrid"
    _workspace: ShopWorkspace | None = None

    @property
    def workspace(self) -> ShopWorkspace:
        """The engine's side."""
        if self._workspace is None:
            (self.folder / "config").mkdir(exist_ok=True, parents=True)
            text = CONFIG.format(brevo=self.brevo_url, mode=self.mode)
            (self.folder / "config" / "connectors.yaml").write_text(text, encoding="utf-8")
            self._workspace = ShopWorkspace(load_settings(self.folder, {"TAJO_HOME": str(self.folder / "home")}))
            self._workspace.shop = self.shop
        return self._workspace

    def close(self) -> None:
        """Let go of the store."""
        if self._workspace is not None:
            self._workspace.close()
            self._workspace = None

    def tell(
        self, topic: str, key: str | None, *, at: datetime | None = None, body: bytes | None = None, **more: Any
    ) -> str:
        """Let the platform tell of something; the delivery's id."""
        number, now = uuid4().hex, datetime.now(UTC)
        content = body if body is not None else json.dumps({"id": key, **more}).encode()
        self.workspace.store.inbox.append([NewDelivery("shop", number, topic, CUSTOMERS, key, at or now, now, content)])
        return number

    def run(self, stream: str = CUSTOMERS, *, inbox: bool = True) -> Delivered:
        """Deliver what waits.

        Raises:
            Exception: What ended the run.
        """
        delivered, run_id = Delivered(), uuid4().hex
        with RunLog(self.workspace, run_id, "shop", stream).delivery(delivered):
            deliver(self.workspace, DeliveryRequest("shop", stream, run_id, inbox=inbox), delivered)
        return delivered

    def kept(self, *states: DeliveryState) -> list[KeptDelivery]:
        """Deliveries, the first received first."""
        return self.workspace.store.inbox.list(DeliveryFilter(states=states))[::-1]

    def kept_of(self, number: str) -> KeptDelivery:
        """One delivery by its id at the platform."""
        [found] = [item for item in self.kept() if item.delivery_id == number]
        return found


def names_at_brevo(twin: TwinProcess) -> dict[str, str]:
    """First names at Brevo by the shop's key."""
    contacts = twin.state("brevo")["contacts"]
    return {contact["email"].partition("@")[0]: contact["attributes"]["FIRSTNAME"] for contact in contacts}


def on_lists(twin: TwinProcess, key: str) -> list[int]:
    """Lists that somebody is on at Brevo."""
    [contact] = [each for each in twin.state("brevo")["contacts"] if each["email"].startswith(key)]
    return list(contact["listIds"])


def letters(world: World) -> list[tuple[str, str, str]]:
    """Open letters: kind, key and reason."""
    kept = world.workspace.store.letters.list(connection="shop")
    return [(item.letter.kind.value, item.letter.key, item.letter.reason) for item in kept]


def new_key() -> str:
    """Of somebody whom no other test knows."""
    return uuid4().hex[:12]


def ago(seconds: float) -> datetime:
    """So long before now."""
    return datetime.now(UTC) - timedelta(seconds=seconds)


def main() -> None:
    """Work deliveries off in a process of its own; the reading of the keys named last kills it."""
    folder, brevo_url, *kills = sys.argv[1:]
    world = World(Path(folder), brevo_url)
    world.shop.kills.update(kills)
    try:
        world.run()
    except ConfigError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
