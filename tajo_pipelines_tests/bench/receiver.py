"""How many deliveries a second are kept durably, and how long each waits for its yes; for ``make bench``.

The receiver runs in a process of its own over a new SQLite database, the sender in this one: both share the machine.
Bodies of 4 KB, no two alike, are built and signed beforehand::

    python -m tajo_pipelines_tests.bench.receiver [--seconds 10] [--out docs/bench.md]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tajo_pipelines.store import open_store
from tajo_pipelines_tests.bench.load import Load, send
from tajo_pipelines_tests.bench.page import REPOSITORY, commit, machine, write
from tajo_pipelines_tests.receiver.stand_in import request

BODY = 4096
AIM = 3000
AIM_MS = 50
_WORDS = b"first_name last_name currency total_spent city zip country_code note updated_at created_at ".split()
_HEADERS = {
    "user-agent": "Platform/1.0",
    "content-type": "application/json",
    "accept": "*/*",
    "accept-encoding": "gzip;q=1.0,deflate;q=0.6,identity;q=0.3",
    "x-api-version": "2026-10",
    "x-event-id": "98880550-7158-44d4-b7cd-2c97c8a091b5",
    "x-key": None,
}
_SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}


@dataclass(frozen=True, slots=True)
class Measured:
    """One load.

    Attributes:
        kept: Deliveries that the database holds afterwards.
        receiver: CPU seconds of the receiver's process.
        sender: CPU seconds of this one.
        load_before: The machine's load average of a minute when it began.
    """

    name: str
    load: Load
    kept: int
    synchronous: str
    receiver: float
    sender: float
    load_before: float

    def row(self) -> str:
        """As a line of the table."""
        load = self.load
        per_second = load.answered / load.seconds
        return (
            f"| {self.name} | {load.answered:,} | {per_second:,.0f} | {load.quantile(0.5) * 1e3:.1f} | "
            f"{load.quantile(0.99) * 1e3:.1f} | {self.receiver / load.seconds:.2f} | "
            f"{self.sender / load.seconds:.2f} | {self.receiver / load.answered * 1e6:.0f} | {self.load_before:.1f} |"
        )


def requests(count: int) -> list[bytes]:
    """Signed requests, no two alike."""
    filler = b" ".join(_WORDS * 60)
    made = []
    for number in range(count):
        body = b'{"id":%d,"text":"' % number
        body += filler[: BODY - len(body) - 2] + b'"}'
        made.append(request(body, number=f"b54557e4-bdd9-4b37-8a5f-{number:012d}", headers=_HEADERS))
    return made


@contextmanager
def receiving(folder: str) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """A receiver over a new database: its process, its port, its database's URL."""
    url = f"sqlite:///{folder}/tajo.db"
    command = [sys.executable, "-m", "tajo_pipelines_tests.receiver.stand_in", url]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None:
            raise RuntimeError("the receiver's output isn't read")
        yield process, json.loads(process.stdout.readline())[0], url
    finally:
        process.terminate()
        process.communicate()


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(name: str, made: list[bytes], *, connections: int, rate: float | None, folder: str | None) -> Measured:
    """One load over a new receiver."""
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=folder) as home, receiving(home) as (process, port, url):
        send(port, requests(200), connections=connections)
        before, own = cpu_seconds(process.pid), time.process_time()
        load = send(port, made[200:], connections=connections, rate=rate)
        receiver, sender = cpu_seconds(process.pid) - before, time.process_time() - own
        store = open_store(url)
        with store.database.reading() as connection:
            synchronous = _SYNCHRONOUS[connection.exec_driver_sql("PRAGMA synchronous").scalar_one()]
        kept = store.inbox.counts()["pending"]
        store.close()
    if load.others or kept != len(made):
        raise SystemExit(f"{name}: {len(load.others)} other answers ({load.others[:3]}), {kept} of {len(made)} kept")
    return Measured(name, load, kept, synchronous, receiver, sender, load_before)


def fsync_ms(folder: str | None) -> float:
    """Milliseconds of one write of 64 KB and its fsync."""
    with tempfile.TemporaryFile(dir=folder) as file:
        began = time.perf_counter()
        for _ in range(50):
            file.write(b"x" * 65536)
            file.flush()
            os.fsync(file.fileno())
        return (time.perf_counter() - began) / 50 * 1e3


def section(found: list[Measured], fsync: float) -> str:
    """The figures as a section of the page."""
    rows = "\n".join(each.row() for each in found)
    return f"""## Webhooks received

Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}, commit {commit()}.
Machine: {machine()}; one fsync of 64 KB took {fsync:.1f} ms.

Bodies of {BODY:,} bytes, signed beforehand, no two alike; every yes was counted in the database afterwards. SQLite
with `synchronous={found[0].synchronous}`: a yes follows the fsync of its commit, which many deliveries share. Sender
and receiver run on the same cores; CPU is cores in use by each process, the load is the machine's own before each line.

| sent | deliveries | 2xx/s | p50 ms | p99 ms | CPU receiver | CPU sender | µs a delivery | load |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
{rows}

Compared with: at least {AIM:,}/s with p99 below {AIM_MS} ms on 2 cores that do nothing else. At a fixed rate an
answer's wait counts from when its request was due, so that a stall is paid by all that queue behind it.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--folder", help="where the databases are made; default: the folder of temporary files")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    made = requests(int(asked.seconds * AIM))
    gc.collect()
    gc.freeze()  # the sender's own pauses would be taken for the receiver's
    found = []
    for name, connections, rate in (
        ("64 connections, each at its last answer", 64, None),
        (f"{AIM:,} a second, whatever the answers do", 128, float(AIM)),
    ):
        found.append(measure(name, made, connections=connections, rate=rate, folder=asked.folder))
        sys.stdout.write(found[-1].row() + "\n")
        sys.stdout.flush()
    text = section(found, fsync_ms(asked.folder))
    sys.stdout.write(text)
    if asked.out is not None:
        write(asked.out, text)


if __name__ == "__main__":
    main()
