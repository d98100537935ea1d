"""Letters, calls, reports and intents: what is kept of what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tajo_pipelines.model.letter import Letter, LetterKind, VendorAnswer
from tajo_pipelines.model.report import MoneySums, StreamReport
from tajo_pipelines.store.facade import Store
from tajo_pipelines.store.letters import LetterState
from tajo_pipelines.store.opening import open_store
from tajo_pipelines.store.reports import RunReport

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(database_url: str, clock: Clock) -> Iterator[Store]:
    opened = open_store(database_url)
    yield Store(opened.database, clock)
    opened.close()


def letter(key: str = "1", **changes: Any) -> Letter:
    start = Letter("shopify", "customers", key, LetterKind.FIELD, "invalid_phone", "no such number", field="SMS")
    return replace(start, **changes)


def test_the_same_letter_again_is_one_more_attempt(timed: Store, clock: Clock) -> None:
    assert timed.letters.write([letter(), letter("2")], "r1") == 2
    clock.now += HOUR
    again = letter(message="still none", vendor=VendorAnswer(400, "invalid_parameter", "Invalid phone"))
    assert timed.letters.write([again, letter("3")], "r2") == 1
    first = next(item for item in timed.letters.list() if item.letter.key == "1")
    assert first.letter == again
    assert (first.attempts, first.first_seen, first.last_seen, first.run_id) == (2, NOON, NOON + HOUR, "r2")
    assert timed.letters.get(first.id) == first
    assert timed.letters.get("nobody") is None
    assert timed.letters.count() == 3


def test_letters_with_another_cause_are_others(timed: Store) -> None:
    causes = [
        letter(),
        letter(field=None),
        letter(reason="other"),
        letter(kind=LetterKind.RECORD),
        letter(stream="orders"),
    ]
    assert timed.letters.write([*causes, letter()], "r1") == 5
    assert {item.letter for item in timed.letters.list()} == set(causes)
    assert {item.attempts for item in timed.letters.list(stream="customers", reason="invalid_phone")} == {1, 2}


def test_mended_records_close_their_letters(timed: Store) -> None:
    timed.letters.write([letter(), letter(reason="other"), letter("2"), letter(stream="orders")], "r1")
    assert timed.letters.close("shopify", "customers", ["1", "9"], keep=[letter(reason="other", message="new")]) == 1
    assert timed.letters.count() == 3
    assert timed.letters.count(states=[LetterState.CLOSED]) == 1
    assert timed.letters.close("shopify", "customers", ["1"]) == 1
    assert timed.letters.close("shopify", "customers", ["1"]) == 0
    assert timed.letters.write([letter()], "r2") == 1
    assert timed.letters.count(connection="shopify", stream="customers") == 2


def test_retried_and_dropped_letters(timed: Store) -> None:
    timed.letters.write([letter(), letter("2")], "r1")
    first, second = (item.id for item in sorted(timed.letters.list(), key=lambda item: item.letter.key))
    assert timed.letters.set_state([first], LetterState.RETRYING) == 1
    assert timed.letters.set_state([second], LetterState.DROPPED) == 1
    assert timed.letters.set_state([second], LetterState.OPEN) == 0
    assert timed.letters.write([letter()], "r2") == 0
    kept = timed.letters.get(first)
    assert kept is not None
    assert (kept.state, kept.attempts) == (LetterState.OPEN, 2)


def test_letters_are_counted_by_reason_and_listed_by_page(timed: Store, clock: Clock) -> None:
    for number in range(5):
        timed.letters.write([letter(str(number), reason="b" if number else "a")], "r1")
        clock.now += HOUR
    assert timed.letters.counts() == {"a": 1, "b": 4}
    assert timed.letters.counts("shopify", "orders") == {}
    assert [item.letter.key for item in timed.letters.list(limit=2, offset=1)] == ["3", "2"]


@dataclass(frozen=True)
class Call:
    at: datetime = NOON
    run_id: str = "r1"
    method: str = "POST"
    path: str = "/contacts/a%40***"
    template: str = "/contacts/{identifier}"
    bucket: str = "contacts"
    status: int = 200
    milliseconds: int = 12
    request: str = "{}"
    response: str = "\ud83d torn"
    bytes_sent: int = 2


def test_calls_are_kept_and_purged(store: Store) -> None:
    calls = store.calls("acme")
    calls.record(Call())
    calls.record(Call(at=NOON + HOUR, run_id="r2", status=429))
    store.calls("other").record(Call())
    newest, oldest = calls.list()
    assert (newest.at, newest.status, oldest.at, oldest.response) == (NOON + HOUR, 429, NOON, "? torn")
    assert [call.run_id for call in calls.list(run_id="r1")] == ["r1"]
    assert [call.run_id for call in calls.list(since=NOON + HOUR)] == ["r2"]
    assert [call.run_id for call in calls.list(statuses=[429])] == ["r2"]
    assert len(calls.list(limit=1)) == 1
    assert calls.purge(NOON + HOUR) == 1
    assert [call.run_id for call in calls.list()] == ["r2"]
    assert len(store.calls("other").list()) == 1


def test_a_report_comes_back_to_the_cent(store: Store) -> None:
    numbers = StreamReport(
        read=10,
        mapped=7,
        skipped=Counter({"no_identifier": 2}),
        rejected=Counter({"invalid_email": 1}),
        sent=7,
        money={"EUR": MoneySums(Decimal("10.10"), Decimal("0.10"), Decimal("10.00"))},
        skipped_money={"USD": MoneySums(gross=Decimal("123456789012345678.99"))},
    )
    report = RunReport("r1", "shopify", "orders", numbers, NOON, None, "running")
    store.reports.save(report)
    done = replace(report, finished_at=NOON + HOUR, status="done")
    store.reports.save(done)
    assert store.reports.get("r1", "shopify", "orders") == done
    assert store.reports.get("r1", "shopify", "customers") is None
    loaded = store.reports.of_run("r1")[0].report
    loaded.check()
    loaded.skipped["other"] += 1


def test_the_last_reports_of_a_connection(store: Store) -> None:
    for hour, stream in enumerate(["orders", "customers", "orders"]):
        store.reports.save(RunReport(f"r{hour}", "shopify", stream, StreamReport(), NOON + hour * HOUR, None, "done"))
    assert [item.run_id for item in store.reports.latest("shopify", limit=2)] == ["r2", "r1"]
    assert [item.run_id for item in store.reports.latest("shopify", "customers")] == ["r1"]
    assert store.reports.latest("hubspot") == []
    assert store.reports.of_run("r1", "hubspot") == []
