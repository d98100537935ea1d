from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from tajo_pipelines.model.errors import RetryableError
from tajo_pipelines.model.window import Window
from tajo_pipelines.store.batches import BatchState, Watermark
from tajo_pipelines.store.leases import LeaseTaken
from tajo_pipelines.sync import reading
from tajo_pipelines.sync.landing import Landed, land, records_of
from tajo_pipelines.sync.reading import Reading, ReadMode, ReadRequest
from tajo_pipelines.sync.storage import location
from tajo_pipelines_tests.sync.support import NOON, OpenShop, ScriptedWorkspace, page, record

OVERLAP = timedelta(minutes=10)
AWAY = RetryableError("the shop is away")


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH_ROWS", 2)


def read(
    workspace: ScriptedWorkspace,
    mode: ReadMode = ReadMode.INCREMENTAL,
    *,
    run: str = "run",
    window: Window | None = None,
    fails: bool = False,
) -> Landed:
    landed = Landed()
    request = ReadRequest("shop", "customers", mode, run, window)
    if fails:
        with pytest.raises(RetryableError):
            land(workspace, Reading(workspace, request), landed)
    else:
        land(workspace, Reading(workspace, request), landed)
    return landed


def watermark(workspace: ScriptedWorkspace) -> datetime | None:
    return workspace.store.batches.watermark("shop", "customers")


def set_watermark(workspace: ScriptedWorkspace, at: datetime) -> None:
    workspace.store.batches.set_watermark(Watermark("shop", "customers", at))


def test_the_first_read_takes_everything_and_moves_the_watermark_to_its_start(open_shop: OpenShop) -> None:
    workspace = open_shop(page(record(1), record(2), cursor="a"), page(record(3), last=True))
    landed = read(workspace)
    assert workspace.source.asked == [("customers", None, None)]
    assert (landed.rows, landed.batches, landed.full) == (3, 2, True)
    assert watermark(workspace) == NOON
    assert workspace.source.closed == 1


def test_a_full_read_s_watermark_stays_until_its_last_page(open_shop: OpenShop) -> None:
    workspace = open_shop(page(record(1), record(2), cursor="a"), AWAY)
    landed = read(workspace, fails=True)
    assert landed.rows == 2
    assert watermark(workspace) is None


def test_an_incremental_read_reaches_back_by_the_overlap(open_shop: OpenShop) -> None:
    workspace = open_shop(page(last=True))
    set_watermark(workspace, NOON - timedelta(hours=1))
    read(workspace)
    [(_, window, cursor)] = workspace.source.asked
    overlap = workspace.connector(workspace.connection("shop")).stream("customers").overlap
    assert window == Window(NOON - timedelta(hours=1) - overlap, NOON)
    assert cursor is None
    assert watermark(workspace) == NOON


def test_a_windowed_read_that_breaks_keeps_what_it_landed(open_shop: OpenShop) -> None:
    workspace = open_shop(page(record(1, 30), record(2, 20), cursor="a"), AWAY)
    set_watermark(workspace, NOON - timedelta(hours=1))
    read(workspace, fails=True)
    assert watermark(workspace) == NOON - timedelta(minutes=20)
    assert [batch.rows for batch in workspace.store.batches.undelivered("shop", "customers")] == [2]


def test_the_watermark_never_goes_back_where_only_the_overlap_was_read(open_shop: OpenShop) -> None:
    workspace = open_shop(page(record(1, 70), record(2, 65), cursor="a"), AWAY)
    set_watermark(workspace, NOON - timedelta(hours=1))
    read(workspace, fails=True)
    assert watermark(workspace) == NOON - timedelta(hours=1)


def test_a_clock_that_went_back_asks_for_no_inverted_window(open_shop: OpenShop) -> None:
    workspace = open_shop(page(last=True))
    set_watermark(workspace, NOON + timedelta(minutes=2))
    read(workspace)
    [(_, window, _)] = workspace.source.asked
    assert window is not None
    assert window.end == NOON
    assert watermark(workspace) == NOON + timedelta(minutes=2)


def test_a_range_leaves_the_watermark_alone(open_shop: OpenShop) -> None:
    workspace = open_shop(page(record(1, 30), last=True))
    set_watermark(workspace, NOON - timedelta(hours=1))
    wanted = Window(NOON - timedelta(days=2), NOON - timedelta(days=1))
    read(workspace, ReadMode.RANGE, window=wanted)
    assert workspace.source.asked == [("customers", wanted, None)]
    assert watermark(workspace) == NOON - timedelta(hours=1)


def test_an_interrupted_full_read_goes_on_from_its_last_landed_page_and_then_reads_anew(open_shop: OpenShop) -> None:
    first = page(record(1), record(2), cursor="after 2")
    workspace = open_shop(first, page(record(3), cursor="after 3"), AWAY)
    read(workspace, ReadMode.FULL, run="one", fails=True)
    # Record 3 was gathered but not landed: the cursor stands before it.
    workspace.source.pages = (page(record(3), last=True),)
    landed = read(workspace, ReadMode.FULL, run="two")
    assert [asked[2] for asked in workspace.source.asked] == [None, "after 2"]
    assert landed.rows == 1
    workspace.source.pages = (first, page(last=True))
    read(workspace, ReadMode.FULL, run="three")
    assert workspace.source.asked[-1] == ("customers", None, None)


def test_an_interrupted_range_goes_on_too_but_another_range_does_not(open_shop: OpenShop) -> None:
    workspace = open_shop(page(record(1), record(2), cursor="after 2"), AWAY)
    wanted, other = Window(NOON - timedelta(days=2), NOON), Window(NOON - timedelta(days=3), NOON)
    read(workspace, ReadMode.RANGE, window=wanted, fails=True)
    workspace.source.pages = (page(last=True),)
    read(workspace, ReadMode.RANGE, window=other)
    assert workspace.source.asked[-1][2] is None


def test_of_two_readers_the_second_learns_that_it_is_running(open_shop: OpenShop) -> None:
    workspace = open_shop(page(record(1), record(2), cursor="a"), page(last=True))
    request = ReadRequest("shop", "customers", ReadMode.FULL, "one")
    first = iter(Reading(workspace, request))
    next(first)
    with pytest.raises(LeaseTaken) as taken:
        next(iter(Reading(workspace, ReadRequest("shop", "customers", ReadMode.FULL, "two"))))
    assert (taken.value.code, taken.value.exit_code) == ("already_running", 0)
    assert len(list(first)) == 1
    assert read(workspace, ReadMode.FULL, run="three").rows == 2


def test_a_read_that_fails_gives_its_place_back(open_shop: OpenShop) -> None:
    workspace = open_shop(AWAY)
    read(workspace, fails=True)
    assert workspace.store.leases.holder("read/shop/customers") is None
    assert workspace.source.closed == 1


def test_a_malformed_record_is_landed_and_counted(open_shop: OpenShop) -> None:
    workspace = open_shop(page(record(1), record(2, malformed=True), last=True))
    landed = read(workspace)
    assert (landed.rows, landed.malformed) == (2, 1)
    [batch] = workspace.store.batches.undelivered("shop", "customers")
    assert [each.key for each in records_of(workspace, batch)] == ["1", "2"]


def test_rows_lie_under_the_day_of_their_change_and_a_full_read_under_its_own(open_shop: OpenShop) -> None:
    rows = (record(1, 0), record(2, 24 * 60), record(3, None))
    workspace = open_shop(page(*rows, last=True))
    read(workspace, ReadMode.FULL, run="full")
    [batch] = workspace.store.batches.of_run("full", "shop", "customers")
    assert (batch.day, batch.rows, batch.full) == (NOON.date(), 3, True)
    landed = read(workspace, ReadMode.RANGE, run="range", window=Window(NOON - timedelta(days=2), NOON))
    days = [batch.day for batch in workspace.store.batches.of_run("range", "shop", "customers")]
    assert days == [date(2026, 11, 23), date(2026, 11, 24)]
    assert landed.days == (date(2026, 11, 23), date(2026, 11, 24))


def test_every_batch_of_a_run_has_a_file_of_its_own(open_shop: OpenShop) -> None:
    pages = [page(record(2 * n), record(2 * n + 1), cursor=str(n)) for n in range(3)]
    workspace = open_shop(*pages, page(last=True))
    read(workspace, run="abc")
    batches = workspace.store.batches.of_run("abc", "shop", "customers")
    assert [batch.path for batch in batches] == [
        f"shop/customers/date=2026-11-24/abc-{number}.parquet" for number in range(3)
    ]
    assert all(Path(location(workspace, batch.path)).is_file() for batch in batches)
    assert {batch.state for batch in batches} == {BatchState.LANDED}


def test_a_read_of_nothing_moves_the_watermark_and_lands_no_file(open_shop: OpenShop) -> None:
    workspace = open_shop(page(last=True))
    landed = read(workspace)
    assert (landed.rows, landed.batches, landed.days, landed.watermark) == (0, 0, None, NOON)
    assert workspace.store.batches.undelivered("shop", "customers") == []
