"""How much memory and time it takes to join the file of a bulk operation whose children are far from their parents.

Writes a file of orders and lines, serves it on loopback, reads it as a bulk read does, and prints the peak of this
process above what it held before, and lines a second::

    python -m tajo_pipelines_tests.bench.bulk_join [--lines 500000] [--distance 400000]
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tajo_pipelines.connectors.shopify.bulk import records_of
from tajo_pipelines.connectors.shopify.spool import Spool
from tajo_pipelines.sdk.clock import SYSTEM_CLOCK
from tajo_pipelines.sdk.download import lines

FIELD = 200


def order(number: int) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/Order/{number}",
        "legacyResourceId": str(number),
        "updatedAt": "2026-11-24T12:00:00Z",
        "note": "x" * FIELD,
    }


def child(number: int, parent: int) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/LineItem/{number}",
        "title": "x" * FIELD,
        "quantity": 1,
        "__parentId": f"gid://shopify/Order/{parent}",
    }


def write(path: Path, count: int, distance: int) -> int:
    """A file in which every child stands just so many lines after its parent; how many parents it holds."""
    with path.open("w", encoding="utf-8") as file:
        for place in range(count):
            line = order(place) if place < distance else child(place, place - distance)
            file.write(json.dumps(line) + "\n")
    return min(count, distance)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder on a loopback port."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def watched() -> Iterator[list[int]]:
    """The most memory that this process holds inside, above what it held before, in bytes."""
    peak, done = [0], Event()
    before = resident()

    def watch() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], resident() - before)

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def resident() -> int:
    """Bytes of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--distance", type=int, default=400_000)
    asked = parser.parse_args()
    import pyarrow as pa  # noqa: F401 - idle is a process that has it

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.jsonl"
        parents = write(file, asked.lines, asked.distance)
        size = file.stat().st_size
        with served(Path(folder)) as url, watched() as peak:
            began = time.monotonic()
            found, inner = 0, 0
            with Spool(by_change=False) as spool:
                spool.add(lines(f"{url}/{file.name}"))
                loaded = time.monotonic()
                for record in records_of("orders", spool.groups(), SYSTEM_CLOCK.now()):
                    found += 1
                    inner += len(record.raw["lineItems"]["nodes"])
            seconds = time.monotonic() - began
    if (found, inner) != (parents, asked.lines - parents):
        message = f"{found} of {parents} parents with {inner} children came back"
        raise SystemExit(message)
    sys.stdout.write(
        f"{asked.lines:,} lines ({size / 1e6:.0f} MB), children {asked.distance:,} lines from their parents: "
        f"{peak[0] / 1e6:.0f} MB above idle, {asked.lines / seconds:,.0f} lines/s "
        f"({loaded - began:.1f} s in, {seconds - (loaded - began):.1f} s out)\n"
    )


if __name__ == "__main__":
    main()
