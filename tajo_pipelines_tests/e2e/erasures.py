"""A project in which one person has left traces everywhere, and the search for them."""

from __future__ import annotations

import base64
import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.store.inbox import NewDelivery
from tajo_pipelines.sync.delivery import deliver
from tajo_pipelines.sync.outcome import Delivered
from tajo_pipelines.sync.reports import RunLog
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines_tests.e2e.project import Project

EMAIL = "Zoraida.Q@quillfeather.org"
PHONE = "+4915112345678"
FIRST, LAST = "Zoraida", "Quillfeather"
KEY = base64.b64encode(bytes(range(32))).decode()

STREAMS = ("customers", "orders", "carts")


@dataclass(slots=True)
class World:
    """A project, and the person in it.

    Attributes:
        customer: Key of the person's record.
        orders: Keys of their orders.
        cart: Key of their cart.
    """

    project: Project
    customer: str
    orders: tuple[str, ...]
    cart: str

    def sync(self, mode: str = "incremental") -> Any:
        return self.project.sync(mode, streams=STREAMS)

    def contact(self) -> dict[str, Any] | None:
        return self.project.contacts().get(EMAIL.lower())

    def ask(self, topic: str, body: dict[str, Any], number: str = "redact-1") -> Delivered:
        """Receive a delivery of the stream of customers, and work the inbox off."""
        with self.project.workspace() as workspace:
            workspace.store.inbox.append([received(number, topic, "customers", self.customer, body)])
        return self.work_off()

    def work_off(self) -> Delivered:
        """Work off what waits of the stream of customers."""
        delivered, run_id = Delivered(), str(uuid.uuid4())
        with self.project.workspace() as workspace:
            workspace.store.inbox.requeue_expired()
            with RunLog(workspace, run_id, "shopify", "customers").delivery(delivered):
                deliver(workspace, DeliveryRequest("shopify", "customers", run_id, inbox=True), delivered)
        return delivered

    def redact(self, number: str = "redact-1") -> Delivered:
        """What Shopify sends when a person is to be erased."""
        return self.ask("customers/redact", self.named() | {"orders_to_redact": []}, number)

    def named(self) -> dict[str, Any]:
        """How requests for privacy name the person."""
        return {
            "shop_id": 1,
            "shop_domain": "tajo-demo.myshopify.com",
            "customer": {"id": int(self.customer), "email": EMAIL, "phone": PHONE},
        }

    def search(self) -> list[tuple[str, str]]:
        """Where the person still stands: place and word."""
        words = [EMAIL.lower(), EMAIL.lower().replace("@", "%40"), PHONE[1:], PHONE[3:], FIRST.lower(), LAST.lower()]
        return [(place, word) for place, text in texts(self.project.folder) for word in words if word in text.lower()]

    def search_but(self, delivery_id: str) -> list[tuple[str, str]]:
        """Where the person still stands, but for one delivery and the files that hold it."""
        with closing(sqlite3.connect(self.project.home / "tajo.db")) as connection:
            [(body,)] = connection.execute("SELECT body FROM deliveries WHERE delivery_id = ?", [delivery_id])
        return [
            (place, word)
            for place, word in self.search()
            if not (body and (place.endswith((": deliveries", "tajo.db", "tajo.db-wal"))))
        ]


def received(number: str, topic: str, stream: str | None, key: str | None, body: dict[str, Any]) -> NewDelivery:
    """A delivery as the receiver keeps it."""
    return NewDelivery("shopify", number, topic, stream, key, None, datetime.now(UTC), json.dumps(body).encode())


def furnish(project: Project, *, state: str = "SUBSCRIBED") -> World:
    """Let a person leave traces everywhere; nothing is read yet.

    Args:
        project: Where.
        state: What they said to marketing by e-mail.
    """
    with (project.folder / ".env").open("w", encoding="utf-8") as file:
        file.write(f"TAJO_SECRET_KEY={KEY}\n")
    config = project.folder / "config" / "connectors.yaml"
    text = config.read_text("utf-8").replace("orders: true}", "orders: true, carts: true}")
    config.write_text(text, encoding="utf-8")
    change = project.twin.change
    person = change(
        "shopify",
        "create_customer",
        fields={"email": EMAIL, "phone": PHONE, "firstName": FIRST, "lastName": LAST, "note": f"{FIRST} likes tea"},
        email_state=state,
        email_level="SINGLE_OPT_IN",
        email_at="2026-01-05T10:00:00Z",
    )["customer"]
    own = change("shopify", "create_order", customer=person["id"])["order"]
    guest = change("shopify", "create_order", email=EMAIL)["order"]
    cart = change("shopify", "create_cart", customer=person["id"])["cart"]
    return World(project, number(person["id"]), (number(own["id"]), number(guest["id"])), number(cart["id"]))


def leave_more(world: World) -> None:
    """Letters and deliveries about the person, as failed and finished runs leave them."""
    with world.project.workspace() as workspace:
        letter = Letter("shopify", "customers", world.customer, LetterKind.FIELD, "unfit", "it doesn't fit", "LASTNAME")
        workspace.store.letters.write([letter], "run-0")
        body = {"id": int(world.customer), "email": EMAIL, "first_name": FIRST, "last_name": LAST, "phone": PHONE}
        order = {"id": 4711, "email": EMAIL, "customer": body, "billing_address": {"first_name": FIRST}}
        workspace.store.inbox.append(
            [
                received("d-1", "orders/create", "orders", "4711", order),
                received("d-2", "some/thing", None, None, {"about": f"{FIRST} {LAST}", "who": EMAIL.upper()}),
                received("d-3", "checkouts/create", "carts", "99", {"id": 99, "email": EMAIL, "name": LAST}),
                received("d-4", "orders/create", "orders", "4712", {"id": 4712, "email": "other@example.com"}),
            ]
        )


def number(gid: Any) -> str:
    """The numeric id."""
    return str(gid).rpartition("/")[2]


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """All that lies in a project but its configuration: files byte by byte, tables row by row, Parquet decoded."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        place = str(file.relative_to(folder))
        if place.startswith("config"):
            continue
        yield place, file.read_bytes().decode("utf-8", "replace")
        if file.suffix == ".parquet":
            for row in pq.read_table(file).to_pylist():
                yield f"{place}: rows", str(row)
        if file.suffix == ".db":
            with closing(sqlite3.connect(file)) as connection:
                tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
                for table in tables:
                    for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  names are the database's
                        yield f"{place}: {table}", " ".join(_text(value) for value in row)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
