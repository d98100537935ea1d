"""The process: killed or stopped under load it loses nothing that it said yes to, floods don't fill its memory, and
Dagster isn't in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tajo_pipelines.store import Store
from tajo_pipelines.store.inbox import DeliveryFilter
from tajo_pipelines_tests.receiver.looks import kept
from tajo_pipelines_tests.receiver.stand_in import Client, request

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 1.0
LARGE = 11_000_000
EVERYTHING = DeliveryFilter()


@dataclass(slots=True)
class Process:
    """A receiver in a process of its own."""

    popen: subprocess.Popen[str]
    port: int

    def memory(self) -> int:
        """Bytes that it has in memory."""
        pages = Path(f"/proc/{self.popen.pid}/statm").read_text("ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def process(database_url: str) -> Iterator[Process]:
    """One for the length of a block."""
    command = [sys.executable, "-m", "tajo_pipelines_tests.receiver.stand_in", database_url]
    popen = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert popen.stdout is not None
        port, _ = json.loads(popen.stdout.readline())
        yield Process(popen, port)
    finally:
        popen.kill()
        popen.communicate()


@dataclass(slots=True)
class Senders:
    """Several connections that send deliveries until theirs ends.

    Attributes:
        kept: Ids of deliveries that were answered with 200.
        others: All other answers.
        unanswered: Ids of deliveries whose connection ended instead.
    """

    port: int
    kept: set[str] = field(default_factory=set)
    others: list[int] = field(default_factory=list)
    unanswered: set[str] = field(default_factory=set)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self, count: int) -> None:
        for number in range(count):
            self.threads.append(threading.Thread(target=self._go, args=(number,)))
            self.threads[-1].start()

    def join(self) -> None:
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive()

    def _go(self, sender: int) -> None:
        client = Client(self.port)
        for number in range(1_000_000):
            name = f"{sender}-{number}"
            try:
                client.send(request(b"x" * 4000, number=name))
                answer = client.answer()
            except OSError:
                answer = None
            if answer is None:
                self.unanswered.add(name)
                break
            if answer.status == 200:
                self.kept.add(name)
            else:
                self.others.append(answer.status)
            if answer.headers.get("connection") == "close":
                break
        client.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_every_yes_is_in_the_database_however_it_ends(database_url: str, store: Store, number: signal.Signals) -> None:
    with process(database_url) as receiver:
        senders = Senders(receiver.port)
        senders.start(8)
        time.sleep(SECONDS)
        receiver.popen.send_signal(number)
        senders.join()
        code = receiver.popen.wait(30)
    stored = {item.delivery_id for item in store.inbox.list(EVERYTHING, limit=1_000_000)}
    assert len(senders.kept) > 50
    assert senders.kept <= stored
    assert not senders.others
    assert code == (-signal.SIGKILL if number is signal.SIGKILL else 0)
    if number is not signal.SIGKILL:
        assert stored == senders.kept, "what an orderly stop took, it answered"


def test_a_stop_answers_what_is_under_way(database_url: str, store: Store) -> None:
    with process(database_url) as receiver:
        client = Client(receiver.port)
        assert client.ask(request(number="before")).status == 200
        whole = request(b"x" * 4000, number="under way")
        client.send(whole[:-10])
        time.sleep(0.3)
        receiver.popen.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(ConnectionRefusedError):
            Client(receiver.port)
        client.send(whole[-10:])
        answer = client.answer()
        assert answer is not None
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        client.close()
        assert receiver.popen.wait(30) == 0
    assert [item.delivery_id for item in kept(store)] == ["before", "under way"]


def flood(receiver: Process, head: bytes, statuses: list[int | None], peak: list[int]) -> None:
    """Three bodies of 11 MB, one after the other, by pieces of which each could be a chunk."""
    for _ in range(3):
        client = Client(receiver.port)
        try:
            client.send(b"POST /webhooks/shop HTTP/1.1\r\nhost: r\r\n" + head + b"\r\n\r\n")
            for _ in range(LARGE // 100_000):
                client.send(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
                peak.append(receiver.memory())
            client.send(b"0\r\n\r\n")
            answer = client.answer()
        except OSError:
            answer = None
        statuses.append(None if answer is None else answer.status)
        client.close()


@pytest.mark.parametrize("head", [b"transfer-encoding: chunked", b"content-length: %d" % (LARGE + 1105)])
def test_floods_of_large_bodies_leave_memory_as_it_is(database_url: str, head: bytes) -> None:
    with process(database_url) as receiver:
        client = Client(receiver.port)
        assert client.ask(request(b"x" * 4000)).status == 200
        before = receiver.memory()
        peak, waits = [before], []
        statuses: list[int | None] = []
        threads = [threading.Thread(target=flood, args=(receiver, head, statuses, peak)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for number in range(20):
            began = time.monotonic()
            assert client.ask(request(number=f"good-{number}")).status == 200
            waits.append(time.monotonic() - began)
        client.close()
        for thread in threads:
            thread.join(60)
    assert set(statuses) <= {413, 429}
    assert max(waits) < 5
    grown = (max(peak) - before) / 1e6
    assert grown < 70, "all bodies share a room of 32 MB; 12 of them kept whole would be 132 MB"


def test_dagster_is_not_in_the_process() -> None:
    code = (
        "import sys; import tajo_pipelines.cli.webhooks, tajo_pipelines.cli.app, tajo_pipelines.receiver.server; "
        "from tajo_pipelines.sdk import registry; [registry.load(name) for name in registry.connector_names()]; "
        "print([name for name in sys.modules if name.partition('.')[0] in ('dagster', 'pandas', 'pyarrow')])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
