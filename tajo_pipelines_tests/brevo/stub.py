"""A real HTTP server on loopback that answers by a script, and stands-in for what the client gets from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.ports import BucketLimit, Call
from tajo_pipelines.model.picture import SeenContact

KEY = "xkeysib-planted-secret"
START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@dataclass
class Reply:
    """One scripted answer; ``cut`` closes the connection after half of it."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass
class Received:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


Script = Sequence[Reply] | Callable[[Received], Reply]


class Stub:
    """The server: ``script`` is a list of replies, the last one repeating, or a function."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.received: list[Received] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 20  # one packet an answer: two would wait for a delayed acknowledgement

            def _serve(self) -> None:
                size = int(self.headers.get("content-length") or 0)
                raw = self.rfile.read(size)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = msgspec.json.decode(raw) if raw else None
                self._answer(stub.reply(Received(self.command, self.path, headers, body)))

            def _answer(self, reply: Reply) -> None:
                if isinstance(reply.body, bytes):
                    content = reply.body
                else:
                    content = b"" if reply.body is None else msgspec.json.encode(reply.body)
                self.send_response_only(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.status != 204:
                    self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if reply.cut else content)
                self.close_connection = reply.cut

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's name
                pass

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  # names that the base looks up

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.url = f"{self.origin}/v3"

    def reply(self, received: Received) -> Reply:
        self.received.append(received)
        if callable(self.script):
            return self.script(received)
        return self.script[min(len(self.received), len(self.script)) - 1]


@contextmanager
def stub(script: Script) -> Iterator[Stub]:
    """A running stub."""
    served = Stub(script)
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        served.server.server_close()


class FakeTime:
    """A clock that stands still until somebody sleeps."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


class FakeBudget:
    """A budget without limits but for what it is told by 429s; waits on the fake clock."""

    def __init__(self, time: FakeTime) -> None:
        self.time = time
        self.taken: list[tuple[str, BucketLimit]] = []
        self.observed: list[tuple[str, int | None, int | None, float | None]] = []
        self.closed: list[tuple[str, float]] = []
        self._until: dict[str, datetime] = {}

    def take(self, bucket: str, limit: BucketLimit) -> float:
        self.taken.append((bucket, limit))
        seconds = (self._until.get(bucket, self.time.now) - self.time.now).total_seconds()
        if seconds > 0:
            self.time.now += timedelta(seconds=seconds)
        return max(seconds, 0.0)

    def observe(self, bucket: str, *, limit: int | None, remaining: int | None, reset: float | None) -> None:
        self.observed.append((bucket, limit, remaining, reset))

    def exhausted(self, bucket: str, reset: float) -> None:
        self.closed.append((bucket, reset))
        self._until[bucket] = self.time.now + timedelta(seconds=reset)


class FakeCalls:
    """A log of calls in a list."""

    def __init__(self) -> None:
        self.kept: list[Call] = []

    def record(self, call: Call) -> None:
        self.kept.append(call)


class FakeState:
    """The part of an account's state that reading needs, in memory."""

    def __init__(self) -> None:
        self.rows: dict[int, SeenContact] = {}
        self.whole_at: datetime | None = None
        self.any_at: datetime | None = None
        self.documents: dict[str, tuple[Mapping[str, object], datetime]] = {}

    def transaction(self) -> AbstractContextManager[None]:
        return nullcontext()

    def picture_read_at(self) -> tuple[datetime | None, datetime | None]:
        return self.whole_at, self.any_at

    def save_picture(self, contacts: Iterable[SeenContact]) -> None:
        self.rows |= {contact.contact_id: contact for contact in contacts}

    def finish_picture(self, began: datetime, *, whole: bool) -> None:
        self.any_at = began
        if whole:
            self.whole_at = began
            self.rows = {number: row for number, row in self.rows.items() if row.read_at >= began}

    def seen_by_id(self, contact_ids: Sequence[int]) -> dict[int, SeenContact]:
        return {number: self.rows[number] for number in contact_ids if number in self.rows}

    def cached(self, name: str, now: datetime, max_age: float) -> Mapping[str, object] | None:
        document, at = self.documents.get(name, (None, now))
        return document if (now - at).total_seconds() <= max_age else None

    def cache(self, name: str, document: Mapping[str, object], now: datetime) -> None:
        self.documents[name] = (msgspec.json.decode(msgspec.json.encode(document)), now)


def fresh_state() -> Any:
    """A `FakeState`; untyped, for it has only what reading needs."""
    return FakeState()


@dataclass
class Bench:
    """A client with everything around it."""

    client: BrevoClient
    time: FakeTime
    budget: FakeBudget
    calls: FakeCalls


def bench(url: str, *, key: str = KEY, patience: float = 300.0, tier: str = "general") -> Bench:
    """A client of ``url`` on a fake clock."""
    time = FakeTime()
    budget, calls = FakeBudget(time), FakeCalls()
    client = BrevoClient(
        key, url, budget, calls, tier=tier, clock=time, sleep=time.sleep, patience=patience, run_id="run-1"
    )
    return Bench(client, time, budget, calls)
