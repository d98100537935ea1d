"""A platform of the tests' own, its signed requests, and a receiver of it in a thread or a process."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import uvloop

from tajo_pipelines.model.errors import SignatureError
from tajo_pipelines.receiver.limits import LIMITS, Limits
from tajo_pipelines.receiver.routes import Route
from tajo_pipelines.receiver.server import Address, Started, own_the_process, run
from tajo_pipelines.sdk.connector import ConnectionConfig
from tajo_pipelines.sdk.signatures import HmacSignature
from tajo_pipelines.sdk.webhooks import Delivery, Envelope, Topic, Webhooks

SECRET = "s3cret"
OLDER = "older-s3cret"
SHOP = "shop.example"
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
STREAMS = {"customers/update": "customers", "orders/paid": "orders", "customers/redact": "customers"}


def envelope(delivery: Delivery, config: ConnectionConfig) -> Envelope:
    """Names a delivery by its headers."""
    headers = delivery.headers
    if headers.get("x-shop") != config.options["shop"]:
        raise SignatureError("another shop's", code="foreign")
    if not headers.get("x-id"):
        raise SignatureError("without an id", code="unnamed")
    if headers["x-id"] == "broken":
        raise KeyError("a connector's own mistake")
    at = datetime.fromisoformat(headers["x-at"]) if "x-at" in headers else None
    topic = headers.get("x-topic", "")
    key = headers.get("x-key") or glance(delivery.body)
    return Envelope(headers["x-id"], topic, at, STREAMS.get(topic), key)


class Glance(msgspec.Struct):
    """The one field of a body that a glance is for."""

    id: int | str


_GLANCE = msgspec.json.Decoder(Glance)


def glance(body: bytes) -> str | None:
    """The record's key, where the body shows one."""
    try:
        return str(_GLANCE.decode(body).id)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


WEBHOOKS = Webhooks(
    signature=HmacSignature("x-signature"),
    secret_names=("webhook_secret",),
    envelope=envelope,
    topics={
        name: Topic(stream, lambda _body, _envelope, _at: (), lambda _body: None, wanted=name != "customers/redact")
        for name, stream in STREAMS.items()
    },
)


def route(name: str = "shop", **changes: object) -> Route:
    """A connection of that platform."""
    values: dict[str, object] = {
        "connection": name,
        "connector": "stand_in",
        "webhooks": WEBHOOKS,
        "config": ConnectionConfig(name, "stand_in", options={"shop": SHOP}),
        "secrets": (OLDER, SECRET),
        "live": frozenset({"customers", "orders"}),
        "privacy": "customers",
    }
    return Route(**values | changes)  # type: ignore[arg-type]  # each of its own type


def request(
    body: bytes = b"{}",
    *,
    number: str = "1",
    secret: str | None = SECRET,
    path: str = "/webhooks/shop",
    topic: str = "customers/update",
    method: str = "POST",
    headers: Mapping[str, str | None] | None = None,
) -> bytes:
    """A whole request; a header given as None is left out."""
    known: dict[str, str | None] = {
        "host": "receiver",
        "content-length": str(len(body)),
        "x-id": number,
        "x-topic": topic,
        "x-shop": SHOP,
        "x-at": AT.isoformat(),
        "x-key": number,
    }
    if secret is not None:
        known["x-signature"] = base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()
    lines = [f"{name}: {value}" for name, value in {**known, **(headers or {})}.items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1") + body


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """One connection to a receiver."""

    def __init__(self, port: int, seconds: float = 10) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), seconds)
        self._left = b""

    def send(self, data: bytes) -> None:
        """Write some bytes."""
        self.socket.sendall(data)

    def answer(self) -> Answer | None:
        """The next answer; None where the connection ended instead."""
        while b"\r\n\r\n" not in self._left:
            if not self._more():
                return None
        head, _, rest = self._left.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", "0"))
        self._left = rest
        while len(self._left) < length and self._more():
            pass
        body, self._left = self._left[:length], self._left[length:]
        return Answer(int(first.split()[1]), headers, body)

    def _more(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self._left += data
        return bool(data)

    def ask(self, data: bytes) -> Answer:
        """Send a request and read its answer."""
        self.send(data)
        found = self.answer()
        assert found is not None, "the connection ended without an answer"
        return found

    def is_closed(self) -> bool:
        """Whether the other side ends the connection now; ours ends too."""
        ended = self._left == b"" and self.answer() is None
        self.close()
        return ended

    def close(self) -> None:
        """End it."""
        self.socket.close()


@dataclass(slots=True)
class Served:
    """A receiver in a thread of its own."""

    port: int
    admin_port: int
    stop: threading.Event = field(default_factory=threading.Event)

    def ask(self, data: bytes) -> Answer:
        """One request over a connection of its own."""
        client = Client(self.port)
        try:
            return client.ask(data)
        finally:
            client.close()

    def look(self, path: str) -> Answer:
        """One look at the admin port."""
        client = Client(self.admin_port)
        try:
            return client.ask(f"GET {path} HTTP/1.1\r\nhost: admin\r\n\r\n".encode())
        finally:
            client.close()

    def figure(self, name: str) -> float:
        """One figure of the metrics, by its name and labels; 0 where it isn't told."""
        lines = self.look("/metrics").body.decode().splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)


def port(url: str) -> int:
    """The port of a URL."""
    return int(url.rpartition(":")[2])


@contextmanager
def served(database_url: str, *routes: Route, limits: Limits = LIMITS) -> Iterator[Served]:
    """A receiver on free ports for the length of a block."""
    ready, found = threading.Event(), Served(0, 0)
    failures: list[BaseException] = []

    def started(now: Started) -> None:
        found.port, found.admin_port = port(now.url), port(now.admin_url)
        ready.set()

    async def main() -> None:
        stop = asyncio.Event()
        waiting = asyncio.get_running_loop().run_in_executor(None, found.stop.wait)
        waiting.add_done_callback(lambda _: stop.set())
        wanted = {each.connection: each for each in routes or (route(),)}
        await run(database_url, wanted, Address("127.0.0.1", 0, "127.0.0.1", 0), stop, limits=limits, started=started)

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(main())
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            ready.set()

    thread = threading.Thread(target=work, name="receiver")
    thread.start()
    try:
        assert ready.wait(30)
        assert not failures
        yield found
    finally:
        found.stop.set()
        thread.join(60)
    assert not thread.is_alive()
    assert not failures


def main() -> None:
    """A receiver in a process of its own, until a signal; prints its ports."""
    import signal

    async def serve() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)

        def started(now: Started) -> None:
            sys.stdout.write(json.dumps([port(now.url), port(now.admin_url)]) + "\n")
            sys.stdout.flush()

        address = Address("127.0.0.1", 0, "127.0.0.1", 0)
        await run(sys.argv[1], {"shop": route()}, address, stop, started=started)

    own_the_process()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


if __name__ == "__main__":
    main()
