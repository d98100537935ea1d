"""How fast whole shops of customers go to Brevo, in how much memory, and how bulk files are joined; for ``make bench``.

Shop and account are twins in a process of their own, without Brevo's rate limits and with shortened waits. Each sync
runs in a process of its own too, as ``tajo connectors sync --full`` does, Dagster included. The figures are printed
and, with ``--out``, written down with the machine and the commit::

    python -m tajo_pipelines_tests.bench.full_sync [--customers 10000 100000] [--out docs/bench.md]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from tajo_pipelines.store.schema import calls
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import TwinProcess, serve
from tajo_pipelines_tests.bench.bulk_join import resident, watched
from tajo_pipelines_tests.bench.page import commit, machine, write
from tajo_pipelines_tests.e2e.project import FACTOR, REPOSITORY, Project, hurry

MB = 1e6
NAMED = 13_800
"""Customers a second that the named libraries alone parse and validate, called for every row, on one core."""

MOST = 200
"""Megabytes above idle that neither a sync nor a bulk file may take."""


class Addresses:
    """Where a twin in another process answers: what a project needs of one."""

    def __init__(self, brevo_url: str, shopify_url: str) -> None:
        self.brevo_url = brevo_url
        self.shopify_url = shopify_url


def play(customers: int, home: str, told: Connection) -> None:
    """What the twins' process does: answer until it is ended."""
    options = TwinOptions(orders=0, tier="unlimited")
    serve(
        Path(home),
        0,
        0,
        customers=customers,
        seed=1,
        clock=FACTOR,
        tier="unlimited",
        options=options,
        started=lambda *urls: told.send(urls),
    )


@contextmanager
def playing(customers: int, home: str) -> Iterator[Addresses]:
    """Twins of a shop without orders and an account, in a process of their own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=play, args=(customers, home, theirs))
    process.start()
    try:
        if not ours.poll(300):
            raise TimeoutError("the twins don't answer")
        yield Addresses(*ours.recv())
    finally:
        process.terminate()
        process.join(10)


def sync(folder: str, told: Connection) -> None:
    """What the process of a sync does."""
    import pyarrow.parquet  # noqa: F401 - idle is a process that has it

    from tajo_pipelines.orchestration.build import build_definitions
    from tajo_pipelines.orchestration.launch import LaunchRequest, run_connection
    from tajo_pipelines.settings import load_settings

    for name in ("DAGSTER_HOME", "TAJO_HOME"):
        os.environ.pop(name, None)
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        workspace = Workspace(load_settings(Path(folder), {}))
        build_definitions(workspace.settings)
        idle, began = resident(), time.monotonic()
        with watched() as peak:
            result = run_connection(workspace, LaunchRequest("shopify", ("customers",), "full"))
        seconds = time.monotonic() - began
        report = workspace.store.reports.get(result.run_id, "shopify", "customers")
        numbers = report.report if report is not None else None
        counted = calls_of(workspace, result.run_id)
        workspace.close()
    told.send(
        {
            "ok": result.success,
            "read": numbers.read if numbers else 0,
            "sent": numbers.sent if numbers else 0,
            "seconds": seconds,
            "idle": idle / MB,
            "peak": peak[0] / MB,
            "calls": counted,
        }
    )


def calls_of(workspace: Workspace, run_id: str) -> dict[str, int]:
    """How many calls of each kind a run made to Brevo."""
    kept = sa.select(calls.c.method, calls.c.template, sa.func.count()).where(calls.c.run_id == run_id)
    with workspace.store.database.reading() as connection:
        found = connection.execute(kept.group_by(calls.c.method, calls.c.template)).all()
    return {f"{method} {template}": number for method, template, number in sorted(map(tuple, found))}


def measure(customers: int) -> dict[str, Any]:
    """One sync of so many customers."""
    with tempfile.TemporaryDirectory() as folder, playing(customers, f"{folder}/twin") as twin:
        project = Project.make(Path(folder) / "project", cast(TwinProcess, twin))
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=sync, args=(str(project.folder), theirs))
        process.start()
        theirs.close()
        found: dict[str, Any] = ours.recv()
        process.join()
    if not found["ok"] or found["read"] != customers:
        raise SystemExit(f"the sync of {customers} customers failed: {found}")
    return found | {"customers": customers}


def bulk_join() -> str:
    """What the benchmark of bulk files says, run in a process of its own."""
    command = [sys.executable, "-m", "tajo_pipelines_tests.bench.bulk_join"]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.strip()


def looks_of(found: dict[str, Any]) -> int:
    """How many looks at processes a sync took."""
    return sum(number for kind, number in found["calls"].items() if kind.startswith("GET /processes"))


def page(syncs: list[dict[str, Any]], joined: str) -> str:
    """The figures as a page of the documentation."""
    rows = "\n".join(
        f"| {each['customers']:,} | {each['sent']:,} | {each['seconds']:.1f} | "
        f"{each['customers'] / each['seconds']:,.0f} | {each['peak']:.0f} |"
        for each in syncs
    )
    first, last = syncs[0], syncs[-1]
    kinds = sorted({kind for each in syncs for kind in each["calls"]})
    heads = " | ".join(f"{each['customers']:,}" for each in syncs)
    counts = "\n".join(
        " | ".join([f"| {kind}", *(f"{each['calls'].get(kind, 0):,}" for each in syncs)]) + " |" for kind in kinds
    )
    started, looks = last["calls"].get("POST /contacts/import", 0), looks_of(last)
    return f"""# Speed and size

Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}, commit {commit()}.
Machine: {machine()}; load {os.getloadavg()[0]:.1f} when it ended.

## A whole shop's customers

`tajo connectors sync shopify --full` of customers alone: read, landed, mapped, written to Brevo by imports, the ledger
kept. Shop and account are twins in another process of the same machine, Brevo without rate limits; Dagster's run is
part of the time. Memory is the peak of the syncing process above the same process with Dagster, pyarrow and the
definitions loaded ({last["idle"]:.0f} MB).

| customers | sent | seconds | customers/s | MB above idle |
|---:|---:|---:|---:|---:|
{rows}

Compared with: at most {MOST} MB above idle, and flat from {first["customers"]:,} to {last["customers"]:,}
(here x{last["peak"] / first["peak"]:.2f}). The libraries for addresses, numbers and JSON alone, called for every
row without reading or writing anything, do about {NAMED:,} customers/s on one core; the twins take part of the same
cores, so that this is a floor of what the engine does.

Calls to Brevo, by kind:

| call | {heads} |
|---|{"---:|" * len(syncs)}
{counts}

Compared with: 100 calls an hour outside of contacts, events, orders and products. {last["customers"]:,} customers took
{looks} looks at processes for {started} imports; one at each, where every import has ended by then, would be {started}.
The twin's imports end within seconds; longer ones are looked at more often at first, until their length is known.

## A bulk operation's file

{joined}

Compared with: at most {MOST} MB above idle.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    syncs = []
    for customers in asked.customers:
        syncs.append(measure(customers))
        sys.stdout.write(json.dumps(syncs[-1]) + "\n")
        sys.stdout.flush()
    text = page(syncs, bulk_join())
    sys.stdout.write(text)
    if asked.out is not None:
        write(asked.out, text)


if __name__ == "__main__":
    main()
