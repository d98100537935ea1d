"""What is kept for a while goes then, and nothing that is still needed does."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tajo_pipelines.brevo.ports import Call
from tajo_pipelines.model.letter import Letter, LetterKind, VendorAnswer
from tajo_pipelines.model.window import Window
from tajo_pipelines.store.batches import Batches, NewBatch
from tajo_pipelines.store.calls import CallFilter
from tajo_pipelines.store.inbox import DeliveryFilter, NewDelivery
from tajo_pipelines.store.reads import ReadStep
from tajo_pipelines.sync import landing, retention
from tajo_pipelines.sync.account import names_in_store
from tajo_pipelines.sync.landing import Landed, land
from tajo_pipelines.sync.reading import Reading, ReadMode, ReadRequest
from tajo_pipelines.sync.retention import tidy_calls, tidy_inbox, tidy_landing
from tajo_pipelines_tests.sync.support import OpenShop, ScriptedWorkspace, page, record

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class Days:
    """A clock of days after now."""

    def __init__(self) -> None:
        self.passed = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.passed


@pytest.fixture
def days() -> Days:
    return Days()


@pytest.fixture
def shop(open_shop: OpenShop, days: Days) -> ScriptedWorkspace:
    return open_shop(now=days)


def land_batch(shop: ScriptedWorkspace, name: str, *, delivered: bool = True, read_id: int | None = None) -> Path:
    """A file with its row."""
    path = f"shop/customers/date=2026-11-01/{name}-0.parquet"
    file = Path(shop.settings.storage) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"rows")
    now = datetime.now(UTC)
    batch = NewBatch("shop", "customers", path, 1, Window(None, now), date(2026, 11, 1), name, read_id=read_id)
    (number,) = shop.store.batches.land(batch)
    if delivered:
        shop.store.batches.mark_delivered([number], now)
    return file


def orphan(shop: ScriptedWorkspace, name: str, age: timedelta) -> Path:
    """A file without a row, written so long ago."""
    file = Path(shop.settings.storage) / "shop" / "customers" / "date=2026-11-01" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"rows")
    then = (datetime.now(UTC) - age).timestamp()
    os.utime(file, (then, then))
    return file


def tidied(shop: ScriptedWorkspace) -> None:
    assert tidy_landing(shop, shop.connection("shop")) == []


def test_delivered_files_go_after_their_time_and_undelivered_ones_never(shop: ScriptedWorkspace, days: Days) -> None:
    gone, waiting = land_batch(shop, "a"), land_batch(shop, "b", delivered=False)
    days.passed = 29 * DAY
    tidied(shop)
    assert gone.exists()
    days.passed = 31 * DAY
    tidied(shop)
    assert not gone.exists()
    assert waiting.exists()
    assert shop.store.batches.paths("shop") == {"shop/customers/date=2026-11-01/b-0.parquet"}


def test_files_of_a_read_that_may_be_gone_on_with_stay(shop: ScriptedWorkspace, days: Days) -> None:
    read = shop.store.reads.open_full_read("shop", "customers", days())
    needed = land_batch(shop, "a", read_id=read.id)
    days.passed = 31 * DAY
    shop.store.reads.advance(ReadStep(read.id, "page 9"), days())
    tidied(shop)
    assert needed.exists()
    days.passed += 2 * DAY
    tidied(shop)
    assert not needed.exists()


def test_a_kill_between_file_and_row_is_made_good_by_the_next_run(
    shop: ScriptedWorkspace, days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [land_batch(shop, name) for name in "abc"]
    days.passed = 31 * DAY

    def killed(_batches: Batches, ids: Iterable[int]) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "forget", killed)
        with pytest.raises(KeyboardInterrupt):
            tidied(shop)
    assert not any(file.exists() for file in files)
    assert len(shop.store.batches.paths("shop")) == 3
    tidied(shop)
    assert shop.store.batches.paths("shop") == set()


def test_a_landing_that_was_killed_before_its_row_leaves_no_file_for_ever(
    open_shop: OpenShop, days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(page(record(1), last=True), now=days)

    def killed(*_given: object, **_named: object) -> None:
        raise KeyboardInterrupt

    reading = Reading(shop, ReadRequest("shop", "customers", ReadMode.FULL, "run"))
    with monkeypatch.context() as patch:
        patch.setattr(Batches, "land", killed)
        with pytest.raises(KeyboardInterrupt):
            land(shop, reading, Landed())
    root = Path(shop.settings.storage)
    assert len(list(root.rglob("*.parquet"))) == 1
    days.passed = 29 * DAY
    tidied(shop)
    assert len(list(root.rglob("*.parquet"))) == 1
    days.passed = 31 * DAY
    tidied(shop)
    assert not list(root.rglob("*.parquet"))


def test_orphans_go_by_their_own_age_and_foreign_files_stay(shop: ScriptedWorkspace) -> None:
    kept = land_batch(shop, "a")
    old, torn = orphan(shop, "x-0.parquet", 31 * DAY), orphan(shop, "y-0.parquet.partial", 31 * DAY)
    young, foreign = orphan(shop, "z-0.parquet", 29 * DAY), orphan(shop, "notes.txt", 400 * DAY)
    tidied(shop)
    assert (old.exists(), torn.exists()) == (False, False)
    assert (kept.exists(), young.exists(), foreign.exists()) == (True, True, True)


def test_it_is_looked_once_a_day(shop: ScriptedWorkspace, days: Days) -> None:
    tidied(shop)
    late = orphan(shop, "x-0.parquet", 31 * DAY)
    days.passed = 23 * HOUR
    tidied(shop)
    assert late.exists()
    days.passed = 25 * HOUR
    tidied(shop)
    assert not late.exists()


def test_what_cannot_be_deleted_is_told_and_tried_again(
    shop: ScriptedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = orphan(shop, "x-0.parquet", 31 * DAY)

    def refused(_url: str) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(retention, "delete_file", refused)
        (notice,) = tidy_landing(shop, shop.connection("shop"))
    assert notice.code == "keep_not_done"
    assert "Permission denied" in notice.message
    tidied(shop)
    assert not late.exists()


def test_deliveries_go_after_their_time_and_those_that_wait_never(shop: ScriptedWorkspace, days: Days) -> None:
    inbox, old = shop.store.inbox, days() - 31 * DAY
    for number, received in enumerate((old, old, old, days() - 29 * DAY)):
        stream = None if number else "customers"
        inbox.append([NewDelivery("shop", str(number), "t", stream, None, None, received, b"{}")])
    inbox.append([NewDelivery("elsewhere", "1", "t", None, None, None, old, b"{}")])
    assert tidy_inbox(shop, shop.connection("shop")) == []
    left = {(each.connection, each.delivery_id) for each in inbox.list(DeliveryFilter())}
    assert left == {("shop", "0"), ("shop", "3"), ("elsewhere", "1")}
    inbox.append([NewDelivery("shop", "5", "t", None, None, None, old, b"{}")])
    tidy_inbox(shop, shop.connection("shop"))
    assert len(inbox.list(DeliveryFilter())) == 4, "once a day"


def call(at: datetime) -> Call:
    return Call(at, "r", "POST", "/contacts", "/contacts", "contacts", 400, 1, "", "", 0)


def test_calls_go_after_their_time_those_of_accounts_of_yore_too(shop: ScriptedWorkspace, days: Days) -> None:
    (own,) = names_in_store(shop, shop.settings.accounts["default"])
    numbers = {name: shop.store.calls(name).record(call(days() - 31 * DAY)) for name in (own, "elsewhere")}
    shop.store.calls(own).record(call(days() - 29 * DAY))
    vendor = VendorAnswer(400, "c", "m", numbers[own])
    shop.store.letters.write([Letter("shop", "customers", "1", LetterKind.RECORD, "refused", "no", vendor=vendor)], "r")
    assert tidy_calls(shop) is None
    (left,) = shop.store.history.find(CallFilter())
    assert left.at > days() - 30 * DAY
    assert shop.store.letters.list()[0].call_id is None
    shop.store.calls(own).record(call(days() - 31 * DAY))
    assert tidy_calls(shop) is None
    assert shop.store.history.count(CallFilter()) == 2  # once a day


def test_calls_go_in_parts_so_that_nobody_waits_long(shop: ScriptedWorkspace, days: Days) -> None:
    calls = shop.store.calls("a")
    for _ in range(5):
        calls.record(call(days() - 31 * DAY))
    assert calls.purge(days(), size=2) == 5


def test_the_numbers_of_files_go_on_though_the_first_are_gone(shop: ScriptedWorkspace) -> None:
    for name in ("run", "run"):
        number = landing._next_number(shop.store.batches.of_run("run", "shop", "customers"))
        path = f"shop/customers/date=2026-11-01/{name}-{number}.parquet"
        window = Window(None, datetime.now(UTC))
        shop.store.batches.land(NewBatch("shop", "customers", path, 1, window, date(2026, 11, 1), name))
    first = min(batch.id for batch in shop.store.batches.of_run("run", "shop", "customers"))
    shop.store.batches.forget([first])
    assert landing._next_number(shop.store.batches.of_run("run", "shop", "customers")) == 2
