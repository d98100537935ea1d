from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.errors import RetryableError
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.connector import Stream
from tajo_pipelines.sync import reading
from tajo_pipelines.sync.landing import Landed, land
from tajo_pipelines.sync.ranges import Place, parts
from tajo_pipelines.sync.reading import Reading, ReadMode, ReadRequest
from tajo_pipelines_tests.sync.support import NOON, OpenShop, ScriptedWorkspace, page, record

DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
MONTH = Window(MIDNIGHT - 29 * DAY, NOON)
SORTED = Stream("customers", Cart, timedelta(minutes=10), True, True, True)
UNSORTED = Stream("carts", Cart, timedelta(minutes=10), True, False, True, by_change=False)
AWAY = RetryableError("the shop is away")


@pytest.mark.parametrize(("records", "number"), [(None, 30), (0, 1), (10, 1), (24, 3), (100_000, 30)])
def test_a_range_without_order_is_cut_by_what_is_in_it(records: int | None, number: int) -> None:
    found = [part for part, _ in parts(MONTH, UNSORTED, None, lambda _: records)]
    assert len(found) == number
    assert (found[0].start, found[-1].end) == (MONTH.start, MONTH.end)
    assert all(one.end == two.start for one, two in pairwise(found))
    assert all(part.end.hour == 0 for part in found[:-1]), "whole days"


def test_three_years_are_no_more_than_thirty_parts() -> None:
    window = Window(MIDNIGHT - 1095 * DAY, NOON)
    assert len(list(parts(window, UNSORTED, None, lambda _: 10_000_000))) <= 30


def test_a_range_in_order_is_one_question() -> None:
    assert list(parts(MONTH, SORTED, None, lambda _: pytest.fail("nobody asks"))) == [(MONTH, None)]


def test_a_restart_goes_on_in_the_part_and_reads_the_rest() -> None:
    place = Place(Window(MONTH.start, MIDNIGHT - 9 * DAY), "cursor", False, "run")
    [first, *rest] = parts(MONTH, UNSORTED, place, lambda _: None)
    assert first == (place.part, "cursor")
    assert (rest[0][0].start, rest[-1][0].end) == (place.part.end, MONTH.end)


def test_a_range_that_ends_now_ends_at_a_restart_where_it_ended_before() -> None:
    place = Place(MONTH, None, True, "run")
    soon, late = Window(MONTH.start, NOON + timedelta(minutes=30)), Window(MONTH.start, NOON + timedelta(hours=6))
    assert list(parts(soon, SORTED, place, lambda _: None)) == []
    [(rest, cursor)] = parts(late, SORTED, place, lambda _: None)
    assert (rest, cursor) == (Window(NOON - SORTED.overlap, late.end), None)


def test_a_place_survives_its_text() -> None:
    place = Place(MONTH, "a:b", False, "run")
    assert Place.parse(place.text) == place
    assert Place.parse("bulk:12:gid://shopify/BulkOperation/1") is None


def run_range(workspace: ScriptedWorkspace, run: str, window: Window, *, well: bool) -> int:
    landed = Landed()
    request = ReadRequest("shop", "customers", ReadMode.RANGE, run, window, lambda _: well)
    land(workspace, Reading(workspace, request), landed)
    return landed.rows


def test_what_an_interrupted_run_has_read_whole_is_read_again_only_after_one_that_ended_well(
    open_shop: OpenShop,
) -> None:
    workspace = open_shop(page(record(1, 60), last=True))
    window = Window(NOON - 2 * DAY, NOON)
    assert run_range(workspace, "killed in a later stream", window, well=False) == 1
    assert run_range(workspace, "launched again", window, well=False) == 0
    assert run_range(workspace, "launched once more", window, well=True) == 1
    assert len(workspace.source.asked) == 2


def test_a_stream_whose_files_are_torn_is_read_again(open_shop: OpenShop) -> None:
    workspace = open_shop(page(record(1, 60), last=True))
    window = Window(NOON - 2 * DAY, NOON)
    run_range(workspace, "one", window, well=False)
    for file in Path(workspace.settings.storage).rglob("*.parquet"):
        file.write_bytes(b"torn")
    assert run_range(workspace, "two", window, well=False) == 1


def test_a_finished_day_is_landed_though_few_records_are_gathered(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH_ROWS", 1000)
    workspace = open_shop(page(record(1, 3000), record(2, 1500), cursor="after 2"), AWAY)
    window = Window(NOON - 3 * DAY, NOON)
    with pytest.raises(RetryableError):
        run_range(workspace, "one", window, well=False)
    workspace.source.pages = (page(last=True),)
    run_range(workspace, "two", window, well=False)
    assert [cursor for _, _, cursor in workspace.source.asked] == [None, "after 2"]
