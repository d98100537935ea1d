from __future__ import annotations

import heapq
import math
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from tajo_pipelines.brevo.ports import BucketLimit
from tajo_pipelines.store import Store
from tajo_pipelines.store.rate_windows import Bucket, Ticket

GENERAL = BucketLimit(10, 36_000)
OTHER = BucketLimit(None, 100)


@dataclass
class Clock:
    """A clock that only sleeping moves."""

    now: float = 1_750_000_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class ServerWindow:
    length: float
    limit: int
    aligned: bool
    opened: float = -math.inf
    used: int = 0

    def turn(self, now: float) -> None:
        if now >= self.opened + self.length:
            self.opened = now - now % self.length if self.aligned else now
            self.used = 0


@dataclass
class RateServer:
    """Fixed windows as a vendor counts them, opened by the clock or by the first call."""

    windows: list[ServerWindow]
    rounding: Callable[[float], float] = math.ceil
    refused: int = 0
    accepted: int = 0

    def call(self, now: float) -> tuple[bool, int, int, float]:
        for window in self.windows:
            window.turn(now)
        allowed = all(window.used < window.limit for window in self.windows)
        if allowed:
            self.accepted += 1
            for window in self.windows:
                window.used += 1
        else:
            self.refused += 1
        tight = min(self.windows, key=lambda window: (window.limit - window.used, -window.length))
        return allowed, tight.limit, tight.limit - tight.used, self.rounding(tight.opened + tight.length - now)


@dataclass
class Simulation:
    """Workers that call as fast as they may, each with its way there and back, in simulated time."""

    server: RateServer
    limits: BucketLimit
    latency: float
    draw: random.Random
    bucket: Bucket = field(default_factory=Bucket)
    queue: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list)
    count: int = 0

    def run(self, workers: int, seconds: float) -> None:
        start = 1_750_000_000.3
        for _ in range(workers):
            self.at(start + self.draw.random() / 100, self.ask)
        while self.queue:
            now, _, step = heapq.heappop(self.queue)
            if now <= start + seconds:
                step(now)

    def at(self, moment: float, step: Callable[[float], None]) -> None:
        self.count += 1
        heapq.heappush(self.queue, (moment, self.count, step))

    def way(self) -> float:
        return self.latency * self.draw.uniform(0.2, 1)

    def ask(self, now: float) -> None:
        booked = self.bucket.book(now, self.limits)
        if isinstance(booked, Ticket):
            self.at(now + self.way(), partial(self.arrive, ticket=booked))
        else:
            self.at(now + min(booked, 1.0), self.ask)

    def arrive(self, now: float, ticket: Ticket) -> None:
        told = self.server.call(now)
        self.at(now + self.way(), partial(self.answer, ticket=ticket, told=told))

    def answer(self, now: float, ticket: Ticket, told: tuple[bool, int, int, float]) -> None:
        allowed, limit, remaining, reset = told
        self.bucket.answered(now, ticket, limit=limit, remaining=remaining, reset=reset)
        if not allowed:
            self.bucket.refused(now, reset)
        self.ask(now)


ROUNDINGS = [math.ceil, math.floor, float]


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("latency", [0.005, 0.12])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_second_of_the_server_sees_too_many(
    aligned: bool, rounding: Callable[[float], float], latency: float, seed: int
) -> None:
    windows = [ServerWindow(1, 10, aligned), ServerWindow(3600, 36_000, aligned)]
    server = RateServer(windows, rounding)
    Simulation(server, GENERAL, latency, random.Random(seed)).run(workers=5, seconds=30)
    assert server.refused == 0
    assert server.accepted >= 300 * (0.95 if latency < 0.01 else 0.83)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("length", [3600.0, 60.0])
def test_no_hour_of_the_server_sees_too_many_and_short_ones_are_used(
    aligned: bool, rounding: Callable[[float], float], length: float
) -> None:
    server = RateServer([ServerWindow(length, 100, aligned)], rounding)
    Simulation(server, OTHER, 0.2, random.Random(1)).run(workers=4, seconds=10 * length)
    assert server.refused == 0
    assert server.accepted >= 950


def test_a_call_booked_at_the_end_of_an_hour_counts_in_the_next_one_too() -> None:
    bucket = Bucket()
    bucket.book(0.0, OTHER)
    bucket.book(3599.0, OTHER)
    bucket.book(3600.5, OTHER)
    assert bucket.hour.used == 2
    assert bucket.hour.number == 2


def test_a_slow_answer_does_not_free_places_of_the_next_second() -> None:
    bucket, limits = Bucket(), BucketLimit(2, None)
    slow = bucket.book(100.0, limits)
    assert isinstance(slow, Ticket)
    later = bucket.book(101.3, limits)
    assert isinstance(later, Ticket)
    bucket.answered(101.35, later, limit=2, remaining=1, reset=0.9)
    assert isinstance(bucket.book(101.4, limits), Ticket)
    bucket.answered(101.5, slow, limit=2, remaining=1, reset=0.3)
    assert bucket.book(101.9, limits) == pytest.approx(0.352)


def test_a_server_without_headers_gets_no_more_than_configured(store: Store) -> None:
    clock = Clock()
    budget = store.budget("acme", clock=clock, sleep=clock.sleep)
    arrivals = []
    for _ in range(40):
        budget.take("contacts", GENERAL)
        clock.now += 0.001
        arrivals.append(clock.now)
    assert all(later - earlier >= 1 for earlier, later in zip(arrivals, arrivals[10:], strict=False))
    assert arrivals[-1] - arrivals[0] < 3.1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_hour_is_waited_for_and_the_wait_is_told(store: Store) -> None:
    clock = Clock()
    budget = store.budget("acme", clock=clock, sleep=clock.sleep)
    assert [budget.take("other", OTHER) for _ in range(100)] == [0.0] * 100
    assert budget.take("other", OTHER) == pytest.approx(3600)
    assert budget.use()["other"].used == 1
    assert budget.take("contacts", GENERAL) == 0
    assert store.budget("another", clock=clock, sleep=clock.sleep).take("other", OTHER) == 0


def test_others_on_the_same_account_leave_less(store: Store) -> None:
    clock = Clock()
    budget = store.budget("acme", clock=clock, sleep=clock.sleep)
    budget.take("other", OTHER)
    budget.observe("other", limit=100, remaining=1, reset=600)
    assert budget.take("other", OTHER) == 0
    assert budget.take("other", OTHER) == pytest.approx(601)


def test_an_answer_of_an_earlier_hour_says_nothing_of_this_one(store: Store) -> None:
    clock = Clock()
    budget = store.budget("acme", clock=clock, sleep=clock.sleep)
    budget.take("other", OTHER)
    clock.now += 3601
    late = threading.Thread(target=lambda: budget.take("other", OTHER))
    late.start()
    late.join()
    budget.observe("other", limit=100, remaining=0, reset=1)
    assert budget.take("other", OTHER) == 0


def test_a_refusal_holds_everybody_off(store: Store) -> None:
    clock = Clock()
    budget = store.budget("acme", clock=clock, sleep=clock.sleep)
    budget.take("contacts", GENERAL)
    budget.exhausted("contacts", 30)
    budget.exhausted("contacts", 10)
    again = store.budget("acme", clock=clock, sleep=clock.sleep)
    assert again.take("contacts", GENERAL) == pytest.approx(30)
    assert again.use()["contacts"].too_many == 2
    assert max(clock.slept) <= 1


@pytest.mark.parametrize(
    ("limits", "header", "second", "hour"),
    [
        (GENERAL, {"limit": 72_000, "remaining": 71_999, "reset": 3000}, 20, 72_000),
        (GENERAL, {"limit": 20, "remaining": 19, "reset": 1}, 20, 72_000),
        (GENERAL, {"limit": 36_000, "remaining": 35_000, "reset": 0.5}, 10, 36_000),
        (GENERAL, {"limit": 10, "remaining": 9, "reset": None}, 10, 36_000),
        (GENERAL, {"limit": 600, "remaining": 599, "reset": 3000}, 10, 600),
        (OTHER, {"limit": 600, "remaining": 599, "reset": 1}, None, 600),
        (BucketLimit(60, None), {"limit": 60, "remaining": 59, "reset": 1}, 60, None),
        (BucketLimit(None, None), {"limit": 50, "remaining": 49, "reset": 900}, None, 50),
        (GENERAL, {"limit": None, "remaining": None, "reset": None}, 10, 36_000),
    ],
)
def test_headers_tell_the_tier(
    store: Store, limits: BucketLimit, header: dict[str, Any], second: int | None, hour: int | None
) -> None:
    budget = store.budget("acme")
    budget.take("contacts", limits)
    budget.observe("contacts", **header)
    budget.take("contacts", limits)
    found = budget.use()["contacts"]
    assert (found.per_second, found.per_hour) == (second, hour)


def test_no_call_is_booked_inside_of_a_transaction(store: Store) -> None:
    with store.transaction(), pytest.raises(RuntimeError):
        store.budget("acme").take("contacts", GENERAL)


class Vendor(BaseHTTPRequestHandler):
    """A vendor with ten calls a second, over real sockets."""

    server_of_rates: ClassVar[RateServer]
    lock: ClassVar[threading.Lock] = threading.Lock()
    arrivals: ClassVar[list[float]] = []

    def do_GET(self) -> None:
        with self.lock:
            now = time.time()
            self.arrivals.append(now)
            allowed, limit, remaining, reset = self.server_of_rates.call(now)
        self.send_response(200 if allowed else 429)
        for name, value in (("limit", limit), ("remaining", remaining), ("reset", max(1, reset))):
            self.send_header(f"x-sib-ratelimit-{name}", str(value))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


CALLER = """
import sys, threading, urllib.request
from tajo_pipelines.store import open_store
class Limit:
    per_second, per_hour = 20, 72_000
budget = open_store(sys.argv[1]).budget("acme")
def work():
    for _ in range(int(sys.argv[3])):
        budget.take("contacts", Limit)
        with urllib.request.urlopen(sys.argv[2]) as answer:
            found = {name: int(answer.headers["x-sib-ratelimit-" + name]) for name in ("limit", "remaining", "reset")}
        budget.observe("contacts", **found)
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_threads_of_two_processes_share_one_budget(database_url: str, store: Store) -> None:
    Vendor.server_of_rates = RateServer([ServerWindow(1, 20, aligned=False), ServerWindow(3600, 72_000, aligned=False)])
    Vendor.arrivals.clear()
    vendor = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    serving = threading.Thread(target=vendor.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    url = f"http://127.0.0.1:{vendor.server_address[1]}/"
    processes = [subprocess.Popen([sys.executable, "-c", CALLER, database_url, url, "6"]) for _ in range(2)]
    codes = [process.wait(60) for process in processes]
    vendor.shutdown()
    serving.join()
    vendor.server_close()
    assert codes == [0, 0]
    assert Vendor.server_of_rates.refused == 0
    assert Vendor.server_of_rates.accepted == 36
    assert max(Counter(int(arrival - Vendor.arrivals[0]) for arrival in Vendor.arrivals).values()) <= 20
    assert store.budget("acme").use()["contacts"].used == 36
