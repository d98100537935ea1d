"""A connection that can't be held open by saying little: heads are bounded in time and size.

uvicorn bounds how long a connection may idle between two requests, not how long or large the head of one may be
(httptools_impl.py of 0.54).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_BYTES = 64 * 1024
"""Bytes of a request's head; its connection is cut beyond that."""


class GuardedProtocol(HttpToolsProtocol):
    """Knows since when it waits for the rest of a head, and how much of it has come."""

    waits_since: float | None = None
    head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self.waits_since = self.loop.time()

    def on_message_begin(self) -> None:
        """Begin to wait for a later one."""
        super().on_message_begin()
        self.waits_since = self.loop.time()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self.waits_since = None
        self.head_bytes = 0
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Cut a head that doesn't end."""
        super().data_received(data)
        if self.waits_since is not None:
            self.head_bytes += len(data)
            if self.head_bytes > HEADER_BYTES:
                self.transport.abort()

    def cut_if_slow(self, before: float) -> None:
        """Cut a head that began before then and isn't there yet."""
        if self.waits_since is not None and self.waits_since < before:
            self.transport.abort()
        elif self.waits_since is None and self._is_silent():
            self.waits_since = self.loop.time()

    def _is_silent(self) -> bool:
        """Whether bytes that begin no request have stopped the timer of an idle connection."""
        last = getattr(self, "cycle", None)  # None before the first request, whatever its type says
        return self.timeout_keep_alive_task is None and last is not None and bool(last.response_complete)


def cut_slow_heads(connections: Iterable[object], before: float) -> None:
    """Cut the connections whose heads have been waited for since before then."""
    for connection in list(connections):
        if isinstance(connection, GuardedProtocol):
            connection.cut_if_slow(before)
