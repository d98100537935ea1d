"""Carries deliveries to their addresses: a few threads beside the twin's own, with connections kept open.

The vendor's limits count in real seconds, whatever the twin's clock does: one for the connection, five in all
(shopify.dev/docs/apps/build/webhooks, read 2026-11-25).
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 5.0
WORKERS = 16
_LONGEST_ANSWER = 65_536


@dataclass(frozen=True, slots=True)
class Parcel:
    """One attempt.

    Attributes:
        key: Of the delivery.
        uri: Where to.
        headers: All but those of the connection.
        body: The bytes.
    """

    key: str
    uri: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt went.

    Attributes:
        key: Of the delivery.
        status: What was answered; None where nothing was in time.
        error: Name of what went wrong instead.
        seconds: How long it took.
    """

    key: str
    status: int | None
    error: str | None
    seconds: float

    @property
    def good(self) -> bool:
        """Whether the delivery has arrived; a redirect isn't followed."""
        return self.status is not None and 200 <= self.status < 300


class Courier:
    """Takes parcels and leaves answers, which the twin's own thread collects.

    Attributes:
        answers: Of the attempts that have ended, in that order.
        out: How many are under way or wait for a thread.
    """

    def __init__(self, workers: int = WORKERS) -> None:
        """Start no thread before there is a parcel."""
        self.answers: deque[Answer] = deque()
        self.out = 0
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="twin-webhooks")
        self._idle: dict[tuple[str, str], list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def send(self, parcel: Parcel) -> None:
        """Carry a parcel as soon as a thread is free."""
        self.out += 1
        self._pool.submit(self._carry, parcel)

    def collect(self) -> list[Answer]:
        """The answers since the last call."""
        found = []
        while self.answers:
            found.append(self.answers.popleft())
        self.out -= len(found)
        return found

    def close(self) -> None:
        """Carry nothing more, and close what is open."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    def _carry(self, parcel: Parcel) -> None:
        started = time.perf_counter()
        status: int | None = None
        error: str | None = None
        try:
            status = self._post(parcel, started + ANSWER_SECONDS)
        except (OSError, http.client.HTTPException) as problem:
            error = type(problem).__name__
        self.answers.append(Answer(parcel.key, status, error, time.perf_counter() - started))

    def _post(self, parcel: Parcel, until: float) -> int:
        parts = urlsplit(parcel.uri)
        at = (parts.scheme, parts.netloc)
        kept = self._take(at)
        if kept is not None:
            try:
                return self._exchange(kept, at, parts, parcel, until)
            except (ConnectionError, http.client.RemoteDisconnected):
                # The other side may close a connection that was left open, without having read anything.
                pass
        return self._exchange(_connected(parts), at, parts, parcel, until)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        at: tuple[str, str],
        parts: SplitResult,
        parcel: Parcel,
        until: float,
    ) -> int:
        try:
            connection.sock.settimeout(max(0.001, until - time.perf_counter()))
            path = parts.path or "/"
            connection.request(
                "POST", f"{path}?{parts.query}" if parts.query else path, parcel.body, dict(parcel.headers)
            )
            response = connection.getresponse()
            response.read(_LONGEST_ANSWER)
            whole = response.isclosed() and not response.will_close
        except BaseException:
            connection.close()
            raise
        if time.perf_counter() > until:
            connection.close()
            raise TimeoutError
        if whole and not self._closed:
            with self._lock:
                self._idle.setdefault(at, []).append(connection)
        else:
            connection.close()
        return response.status

    def _take(self, at: tuple[str, str]) -> http.client.HTTPConnection | None:
        with self._lock:
            idle = self._idle.get(at)
            return idle.pop() if idle else None


def _connected(parts: SplitResult) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=CONNECT_SECONDS)
    connection.connect()
    return connection
