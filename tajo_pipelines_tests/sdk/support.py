"""A clock that is moved by sleeping on it, and a scripted HTTP server on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tajo_pipelines.sdk.retry import Backoff

STEADY = Backoff(draw=lambda: 0.0)


@dataclass
class HeldClock:
    """Stands still until somebody sleeps."""

    moment: datetime = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.slept.append(seconds)
            self.moment += timedelta(seconds=seconds)


@dataclass
class Reply:
    """One scripted answer; `length` promises more bytes than there are, `hang_up` sends nothing at all."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    hang_up: bool = False

    @property
    def bytes(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Call:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """What was asked, and what answers."""

    url: str
    calls: list[Call]
    answer: Callable[[Call], Reply]


@contextmanager
def serving(answer: Callable[[Call], Reply]) -> Iterator[Server]:
    """A server whose answers a function gives."""
    state = Server("", [], answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else every answer waits 40 ms for an acknowledgement

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", "0"))
            call = Call(self.path, {name.lower(): value for name, value in self.headers.items()}, self.rfile.read(size))
            state.calls.append(call)
            reply = state.answer(call)
            if reply.hang_up:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            body = reply.bytes
            self.send_header("Content-Length", str(len(body) if reply.length is None else reply.length))
            self.end_headers()
            self.wfile.write(body)
            if reply.length is not None:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def in_turn(*replies: Reply) -> Callable[[Call], Reply]:
    """Answers one after another; the last one for ever."""
    left = list(replies)
    return lambda call: left.pop(0) if len(left) > 1 else left[0]
