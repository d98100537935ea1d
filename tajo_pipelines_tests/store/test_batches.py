from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from tajo_pipelines.model.window import Window
from tajo_pipelines.store import Store
from tajo_pipelines.store.batches import BatchState, NewBatch, Watermark
from tajo_pipelines.store.reads import ReadState, ReadStep

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)


def batch(path: str, **changes: Any) -> NewBatch:
    facts: dict[str, Any] = {
        "connection": "shopify",
        "stream": "orders",
        "path": path,
        "rows": 3,
        "window": Window(NOON - HOUR, NOON),
        "day": date(2026, 3, 1),
        "run_id": "r1",
    }
    return NewBatch(**(facts | changes))


def test_a_batch_comes_back_as_it_was_landed(store: Store) -> None:
    (number,) = store.batches.land(batch("a"))
    (found,) = store.batches.undelivered("shopify", "orders")
    assert (found.id, found.path, found.rows, found.run_id) == (number, "a", 3, "r1")
    assert found.window == Window(NOON - HOUR, NOON)
    assert (found.day, found.full, found.read_id) == (date(2026, 3, 1), False, None)
    assert (found.state, found.delivered_at) == (BatchState.LANDED, None)


def test_undelivered_batches_are_found_whatever_their_day(store: Store) -> None:
    old, new = store.batches.land([batch("a", day=date(2025, 1, 1)), batch("b")])
    store.batches.land(batch("c", stream="customers"))
    assert [item.id for item in store.batches.undelivered("shopify", "orders")] == [old, new]
    store.batches.mark_delivered([old], NOON)
    assert [item.id for item in store.batches.undelivered("shopify", "orders")] == [new]
    store.batches.mark_delivered([old, new], NOON + HOUR)
    assert store.batches.undelivered("shopify", "orders") == []
    found = store.batches.in_days("shopify", "orders", date(2025, 1, 1), date(2026, 3, 1))
    assert [item.delivered_at for item in found] == [NOON, NOON + HOUR]


def test_days_are_found_with_both_ends(store: Store) -> None:
    store.batches.land([batch(str(day), day=date(2026, 3, day)) for day in (1, 2, 3, 4)])
    found = store.batches.in_days("shopify", "orders", date(2026, 3, 2), date(2026, 3, 3))
    assert [item.path for item in found] == ["2", "3"]


def test_batches_of_a_read_and_of_a_run(store: Store) -> None:
    read = store.reads.open_full_read("shopify", "orders", NOON)
    store.batches.land([batch("a", read_id=read.id, full=True), batch("b", run_id="r2")])
    assert [(item.path, item.full) for item in store.batches.of_read(read.id)] == [("a", True)]
    assert [item.path for item in store.batches.of_run("r2", "shopify", "orders")] == ["b"]


def test_old_delivered_batches_can_be_forgotten(store: Store) -> None:
    first, _second = store.batches.land([batch("a"), batch("b")])
    store.batches.mark_delivered([first], NOON)
    later = datetime.now(UTC) + HOUR
    assert [item.id for item in store.batches.delivered_before("shopify", later, NOON)] == [first]
    assert store.batches.delivered_before("shopify-fr", later, NOON) == []
    assert store.batches.delivered_before("shopify", NOON - 1000 * HOUR, NOON) == []
    store.batches.forget([first])
    assert store.batches.delivered_before("shopify", later, NOON) == []
    assert len(store.batches.undelivered("shopify", "orders")) == 1


def test_a_watermark_moves_forwards_only(store: Store) -> None:
    assert store.batches.watermark("shopify", "orders") is None
    assert store.batches.set_watermark(Watermark("shopify", "orders", NOON)) == NOON
    assert store.batches.set_watermark(Watermark("shopify", "orders", NOON - HOUR)) == NOON
    assert store.batches.set_watermark(Watermark("shopify", "orders", NOON + HOUR)) == NOON + HOUR
    assert store.batches.set_watermark(Watermark("shopify", "orders", NOON, force=True)) == NOON
    assert store.batches.watermark("shopify", "orders") == NOON
    assert store.batches.watermark("shopify", "customers") is None


def test_batch_watermark_and_cursor_are_kept_together(store: Store) -> None:
    read = store.reads.open_full_read("shopify", "orders", NOON)
    store.batches.land(
        batch("a", read_id=read.id),
        watermark=Watermark("shopify", "orders", NOON),
        read=ReadStep(read.id, "page 2"),
    )
    again = store.reads.get(read.id)
    assert again is not None
    assert (again.cursor, again.state) == ("page 2", ReadState.READING)
    assert store.batches.watermark("shopify", "orders") == NOON


def test_a_landing_that_fails_keeps_nothing(store: Store) -> None:
    read = store.reads.open_full_read("shopify", "orders", NOON)
    store.batches.land(batch("taken"))
    with pytest.raises(IntegrityError):
        store.batches.land(
            [batch("new"), batch("taken")],
            watermark=Watermark("shopify", "orders", NOON),
            read=ReadStep(read.id, "page 2"),
        )
    assert [item.path for item in store.batches.undelivered("shopify", "orders")] == ["taken"]
    assert store.batches.watermark("shopify", "orders") is None
    assert store.reads.get(read.id) == read


def test_an_interrupted_full_read_goes_on_where_it_was(store: Store) -> None:
    read = store.reads.open_full_read("shopify", "orders", NOON)
    assert (read.cursor, read.window) == (None, Window(None, NOON))
    store.reads.advance(ReadStep(read.id, "page 2"), NOON + HOUR)
    again = store.reads.open_full_read("shopify", "orders", NOON + 23 * HOUR)
    assert (again.id, again.cursor, again.window) == (read.id, "page 2", Window(None, NOON))


def test_a_full_read_after_a_finished_one_reads_all(store: Store) -> None:
    first = store.reads.open_full_read("shopify", "orders", NOON)
    store.reads.advance(ReadStep(first.id, None, done=True), NOON)
    second = store.reads.open_full_read("shopify", "orders", NOON + HOUR)
    assert second.id != first.id
    store.reads.finish(second.id, NOON + HOUR)
    third = store.reads.open_full_read("shopify", "orders", NOON + 2 * HOUR)
    assert third.id != second.id
    assert third.cursor is None


def test_a_read_older_than_a_day_begins_anew(store: Store) -> None:
    first = store.reads.open_full_read("shopify", "orders", NOON)
    second = store.reads.open_full_read("shopify", "orders", NOON + 24 * HOUR)
    assert second.id != first.id
    left = store.reads.get(first.id)
    assert left is not None
    assert left.state is ReadState.ABANDONED


def test_reads_of_other_streams_kinds_and_windows_stay_apart(store: Store) -> None:
    full = store.reads.open_full_read("shopify", "orders", NOON)
    other = store.reads.open_full_read("shopify", "customers", NOON)
    window = Window(NOON - HOUR, NOON)
    part = store.reads.open_window_read("shopify", "orders", window, NOON)
    assert len({full.id, other.id, part.id}) == 3
    assert store.reads.open_window_read("shopify", "orders", window, NOON + HOUR).id == part.id
    whole = Window(None, NOON)
    assert store.reads.open_window_read("shopify", "orders", whole, NOON).id not in {full.id, part.id}
    assert store.reads.open_full_read("shopify", "orders", NOON).id == full.id
    assert store.reads.get(10_000) is None
