"""How long a webhook takes to Brevo by the sensor's runs, and what the receiver does meanwhile; for ``make bench``.

Shop and account are twins in one process, receiver and ``dagster dev`` are as a person starts them, limits and waits
are the real ones::

    python -m tajo_pipelines_tests.bench.realtime [--seconds 120] [--out docs/bench.md]
"""

from __future__ import annotations

import argparse
import base64
import gc
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import requests

from tajo_pipelines.store import Store, open_store
from tajo_pipelines.store.inbox import DeliveryFilter, KeptDelivery
from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines_tests.bench.full_sync import Addresses
from tajo_pipelines_tests.bench.load import Load, send
from tajo_pipelines_tests.bench.page import commit, machine, write
from tajo_pipelines_tests.e2e.dagster_dev import DagsterDev, running_dagster
from tajo_pipelines_tests.e2e.project import Project
from tajo_pipelines_tests.e2e.receiving import Receiver, command, running_receiver, serving, subscribe

CUSTOMERS = 200
NEVER = '    schedule: "0 0 29 2 *"'
STREAMS = ("customers", "orders", "carts")
MIX = {"customers": 2, "orders": 1, "carts": 1}
SECRET = b"twin-client-secret"
RATE, RATE_AIM, RATE_AIM_MS = 1_600, 1_500, 150
P50_AIM, P95_AIM = 8, 15
_DRAIN = 300.0
_FILLER = "first_name last_name currency total_spent city zip country_code note updated_at created_at " * 60


@dataclass(frozen=True, slots=True)
class World:
    """All of it, running."""

    project: Project
    twin: Addresses
    receiver: Receiver
    dev: DagsterDev
    store: Store

    def change(self, op: str, **arguments: Any) -> dict[str, Any]:
        """Let something happen in the shop."""
        body = {"target": "shopify", "op": op, **arguments}
        answer = requests.post(f"{self.twin.shopify_url}/_twin/change", json=body, timeout=60)
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document

    def shop(self) -> dict[str, Any]:
        """What the shop says of itself."""
        answer = requests.get(f"{self.twin.shopify_url}/_twin/state?part=shopify", timeout=60)
        found: dict[str, Any] = answer.json()["shopify"]
        return found

    def people(self) -> list[int]:
        """Ids of customers made for this."""
        made = []
        for number in range(CUSTOMERS):
            fields = {"firstName": f"First{number}", "lastName": "Last", "email": f"bench{number}@example.com"}
            made.append(int(self.change("create_customer", fields=fields)["customer"]["id"]))
        return made

    def open(self) -> int:
        """Deliveries that aren't settled."""
        counts = self.store.inbox.counts()
        return counts["pending"] + counts["leased"]

    def drained(self) -> float:
        """Wait until nothing is left to be worked off; seconds."""
        began = time.monotonic()
        while self._on_the_way() or self.open():
            if time.monotonic() - began > _DRAIN:
                raise SystemExit(f"{self.open()} deliveries are left after {_DRAIN:.0f} s\n{self.dev.said()}")
            time.sleep(0.5)
        return time.monotonic() - began

    def _on_the_way(self) -> int:
        """Deliveries that the shop hasn't handed over yet."""
        return int(self.shop()["webhooks"]["waiting"])


@contextmanager
def world(tier: str, clock: float = 1.0) -> Iterator[World]:
    """A small shop that was synchronised once and tells by webhooks from then on.

    Args:
        tier: Brevo's limits.
        clock: How many times faster the vendors' limits recover.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home = folder / "twin"
        home.mkdir()
        line = ["--brevo-port", "0", "--shopify-port", "0", "--customers", "50", "--tier", tier, "--clock", str(clock)]
        document, twins = serving(
            home, "twin", "serve", *line, more={"TAJO_HOME": str(home), "TAJO_PROJECT": str(home)}
        )
        stack.callback(_end, twins)
        # Shop and Brevo are elsewhere in truth: their stand-ins take what the others leave.
        os.setpriority(os.PRIO_PROCESS, twins.pid, 10)
        twin = Addresses(document["brevo_url"], document["shopify_url"])
        project = Project.make(folder / "project", cast(TwinProcess, twin), connection=NEVER, streams=STREAMS)
        command(project.folder, "connectors", "sync", "shopify", "--full")
        receiver = stack.enter_context(running_receiver(project.folder))
        subscribe(project.folder, receiver)
        dev = stack.enter_context(running_dagster(project.folder))
        store = open_store(f"sqlite:///{project.home}/tajo.db")
        stack.callback(store.close)
        yield World(project, twin, receiver, dev, store)


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


# -- one a second -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SensorPath:
    """What changes took from the shop to Brevo.

    Attributes:
        waits: Seconds of each, sorted.
        received: Seconds until the receipt alone, sorted.
    """

    changes: int
    waits: list[float]
    received: list[float]


def sensor_path(seconds: float) -> SensorPath:
    """A change a second, the customers one after the other."""
    with world("extended") as here:
        people = here.people()
        here.drained()
        changed: list[tuple[str, datetime]] = []
        clock = time.monotonic()
        for number in range(int(seconds)):
            time.sleep(max(0.0, clock + number - time.monotonic()))
            person = people[number % len(people)]
            changed.append((str(person), datetime.now(UTC)))
            here.change("update_customer", id=person, fields={"firstName": f"Name{number}"})
        here.drained()
        kept = here.store.inbox.list(DeliveryFilter(topic="customers/update", since=changed[0][1]), limit=100_000)
    told: dict[str, list[KeptDelivery]] = {}
    for each in kept:
        told.setdefault(str(each.key), []).append(each)
    waits, received = [], []
    for key, moment in changed:
        found = [each for each in told.get(key, []) if each.received_at >= moment]
        done = [each.delivered_at for each in found if each.delivered_at is not None]
        if not done:
            raise SystemExit(f"the change of {key} at {moment} isn't at Brevo")
        waits.append(min(done) - moment)
        received.append(min(each.received_at for each in found) - moment)
    return SensorPath(len(changed), _sorted(waits), _sorted(received))


# -- ten a second -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mixed:
    """Ten changes a second.

    Attributes:
        deliveries: What they led to.
        most: The most deliveries that ever waited.
        middle_third: The mean of what waited in the middle third.
        last_third: The same of the last third; it grows where the runs don't keep up.
        drain: Seconds after the last change until nothing waited.
    """

    changes: int
    deliveries: int
    most: int
    middle_third: float
    last_third: float
    drain: float
    waits: list[float]
    seconds: float


def mixed(seconds: float, rate: float = 10.0) -> Mixed:
    """The twin's own traffic: people register and change, fill carts, begin checkouts, buy, are sent and refunded."""
    with world("extended") as here:
        here.people()
        here.drained()
        began, clock, waiting = datetime.now(UTC), time.monotonic(), []
        here.change("traffic", per_second=rate, mix=MIX, count=int(seconds * rate), seed=1)
        while time.monotonic() < clock + seconds:
            time.sleep(1)
            waiting.append(here.open())
        took, drain = time.monotonic() - clock, here.drained()
        kept = here.store.inbox.list(DeliveryFilter(since=began), limit=1_000_000)
        made = here.shop()["traffic"]["made"]
    waits = [each.lag for each in kept if each.lag is not None]
    third = max(1, len(waiting) // 3)
    middle, last = sum(waiting[third : 2 * third]) / third, sum(waiting[-third:]) / third
    return Mixed(sum(made.values()), len(kept), max(waiting), middle, last, drain, _sorted(waits), took)


# -- the receiver meanwhile -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What the receiver did while runs worked deliveries off.

    Attributes:
        load: Its answers.
        deliveries: All, with those that were sent until runs were at work.
        done: Deliveries that runs had settled when the load ended.
        drain: Seconds until all were.
    """

    load: Load
    deliveries: int
    done: int
    drain: float


def meanwhile(seconds: float) -> Meanwhile:
    """Deliveries of a few customers' changes at a fixed rate, the sensor's runs at work on the same database."""
    with world("unlimited", clock=100.0) as here:
        people = here.people()
        here.drained()
        made = _deliveries(int(seconds * RATE), people)
        gc.collect()
        gc.freeze()
        before = here.store.inbox.counts()["done"]
        send(here.receiver.port, made[:2000], connections=64, rate=200)  # until runs are at work
        load = send(here.receiver.port, made[2000:], connections=128, rate=RATE)
        done = here.store.inbox.counts()["done"] - before
        drain = here.drained()
        kept = here.store.inbox.counts()["done"] - before
    if load.others or kept != len(made):
        raise SystemExit(f"{len(load.others)} other answers ({load.others[:3]}), {kept} of {len(made)} settled")
    return Meanwhile(load, len(made), done, drain)


def _deliveries(count: int, people: list[int]) -> list[bytes]:
    """Signed requests of 4 KB, as the shop would send them."""
    made, at = [], datetime.now(UTC) - timedelta(seconds=1)
    for number in range(count):
        body = json.dumps({"id": people[number % len(people)], "note": f"{number} {_FILLER}"[:4000]}).encode()
        digest = base64.b64encode(hmac.new(SECRET, body, hashlib.sha256).digest()).decode()
        head = (
            "POST /webhooks/shopify HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n"
            "x-shopify-topic: customers/update\r\nx-shopify-shop-domain: tajo-demo.myshopify.com\r\n"
            f"x-shopify-webhook-id: b54557e4-bdd9-4b37-8a5f-{number:012d}\r\nx-shopify-api-version: 2026-10\r\n"
            f"x-shopify-triggered-at: {at.isoformat()}\r\nx-shopify-hmac-sha256: {digest}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


# -- the page ---------------------------------------------------------------------------------------------------------


def _sorted(spans: list[timedelta]) -> list[float]:
    return sorted(span.total_seconds() for span in spans)


def _at(waits: list[float], share: float) -> float:
    return waits[min(len(waits) - 1, int(share * len(waits)))]


def section(path: SensorPath, mix: Mixed, busy: Meanwhile, load: float) -> str:
    """The figures as a section of the page."""
    rate, p50, p99 = busy.load.answered / busy.load.seconds, *(busy.load.quantile(share) * 1e3 for share in (0.5, 0.99))
    one = (
        f"received after {_at(path.received, 0.5) * 1e3:.0f} ms; at Brevo after p50 {_at(path.waits, 0.5):.1f} s, "
        f"p95 {_at(path.waits, 0.95):.1f} s, {path.waits[-1]:.1f} s at most"
    )
    ten = (
        f"{mix.deliveries:,} deliveries; p50 {_at(mix.waits, 0.5):.1f} s, p95 {_at(mix.waits, 0.95):.1f} s; "
        f"{mix.middle_third:.0f} waiting in the middle third, {mix.last_third:.0f} in the last, {mix.most} at most; "
        f"none {mix.drain:.0f} s after the last change"
    )
    beside = (
        f"{rate:,.0f} 2xx/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms; of {busy.deliveries:,} since the first "
        f"one {busy.done:,} settled by its end, all {busy.drain:.0f} s later"
    )
    return f"""## Webhooks to Brevo, by the sensor's runs

Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}, commit {commit()}.
Machine: {machine()}; load {load:.1f} before it began.

Twins, receiver and `dagster dev` (daemon, code server, UI, run workers) share these cores, SQLite, the twins with the
lowest claim to them. The vendors' limits are as they are: Shopify's of the standard plan, Brevo's of the tier Extended.
In the last line they are a hundred times wider, so that runs have to do with the database and not with waiting. A wait
counts from the change in the shop to the commit that follows Brevo's answer.

| what happens | what came of it |
|---|---|
| {path.changes} changes of customers, one a second | {one} |
| {mix.changes} changes in {mix.seconds:.0f} s, half customers, a quarter orders, a quarter carts | {ten} |
| {busy.load.answered:,} deliveries of 4 KB, {RATE:,}/s, of {CUSTOMERS} customers | {beside} |

Compared with: p50 below {P50_AIM} s and p95 below {P95_AIM} s at one a second (Dagster takes 3.5 s at best from a tick
to the first line of its run, and ticks every 5 s; what comes while a run starts goes with it); a backlog that drains at
ten a second; at least {RATE_AIM:,}/s with p99 below {RATE_AIM_MS} ms beside runs.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--burst", type=float, default=20, help="seconds of the receiver's load")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    path = sensor_path(asked.seconds)
    sys.stdout.write(f"p50 {_at(path.waits, 0.5):.1f} s, p95 {_at(path.waits, 0.95):.1f} s\n")
    mix = mixed(asked.seconds / 2)
    sys.stdout.write(f"{mix.deliveries} deliveries, drained after {mix.drain:.0f} s\n")
    sys.stdout.flush()
    text = section(path, mix, meanwhile(asked.burst), load)
    sys.stdout.write(text)
    if asked.out is not None:
        write(asked.out, text)


if __name__ == "__main__":
    main()
