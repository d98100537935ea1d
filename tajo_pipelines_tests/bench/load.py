"""Sends prebuilt requests over connections that are kept, and costs little itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop

_OK = b"HTTP/1.1 200"


@dataclass(slots=True)
class Load:
    """What came of it.

    Attributes:
        answered: Answers of 200.
        others: First lines of all other answers.
        seconds: From the first request to the last answer.
        waits: Seconds of every answer, sorted; at a fixed rate from when its request was due.
    """

    answered: int = 0
    others: list[bytes] = field(default_factory=list)
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """Seconds within which that share was answered."""
        return self.waits[min(len(self.waits) - 1, int(share * len(self.waits)))]


class _Sender(asyncio.Protocol):
    """One connection: a request at a time."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop has a class of its own
        self._run.idle.append(self)

    def send(self, request: bytes, due: float) -> None:
        assert self._transport is not None
        self._began = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._run.load.waits.append(now - self._began)
        if data.startswith(_OK):
            self._run.load.answered += 1
        else:
            self._run.load.others.append(data.partition(b"\r\n")[0])
        self._run.answered(self, now)

    def connection_lost(self, error: Exception | None) -> None:
        self._run.lost(self)


class _Run:
    def __init__(self, requests: Sequence[bytes], rate: float | None) -> None:
        self.load = Load()
        self.idle: list[_Sender] = []
        self.done = asyncio.Event()
        self._requests: Iterator[bytes] = iter(requests)
        self._left = len(requests)
        self._rate = rate
        self._due: list[tuple[float, bytes]] = []

    async def go(self) -> None:
        began = time.perf_counter()
        if self._rate is None:
            for sender in list(self.idle):
                self.answered(sender, began, first=True)
        else:
            await self._pace(began, self._rate)
        await self.done.wait()
        self.load.seconds = time.perf_counter() - began
        self.load.waits.sort()

    async def _pace(self, began: float, rate: float) -> None:
        """Send when it is due, whatever the answers do; what finds no idle connection waits, and its wait counts."""
        for number, request in enumerate(self._requests):
            due = began + number / rate
            ahead = due - time.perf_counter()
            if ahead > 0.0005:
                await asyncio.sleep(ahead)
            if self.idle:
                self.idle.pop().send(request, due)
            else:
                self._due.append((due, request))

    def answered(self, sender: _Sender, now: float, *, first: bool = False) -> None:
        if not first:
            self._left -= 1
            if not self._left:
                self.done.set()
                return
        if self._rate is not None:
            if self._due:
                due, request = self._due.pop(0)
                sender.send(request, due)
            else:
                self.idle.append(sender)
            return
        request = next(self._requests, b"")
        if request:
            sender.send(request, now)

    def lost(self, sender: _Sender) -> None:
        if self._rate is not None and sender in self.idle:
            # One that nothing was asked of for long: the receiver's right.
            self.idle.remove(sender)
        elif self._left:
            self.load.others.append(b"connection lost")
            self.done.set()


def send(port: int, requests: Sequence[bytes], *, connections: int = 64, rate: float | None = None) -> Load:
    """Send requests, each connection one at a time.

    Args:
        port: On this machine.
        requests: Whole ones.
        connections: How many.
        rate: Requests a second; None sends the next one at each answer.
    """

    async def main() -> Load:
        loop = asyncio.get_running_loop()
        run = _Run(requests, rate)
        opened = [await loop.create_connection(lambda: _Sender(run), "127.0.0.1", port) for _ in range(connections)]
        await run.go()
        for transport, _ in opened:
            transport.close()
        return run.load

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())
