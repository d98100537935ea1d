"""Deliveries are kept whole, once and in any number, on both databases; and what was refused is counted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlalchemy import text

from tajo_pipelines.store import Store
from tajo_pipelines.store.appending import ROWS
from tajo_pipelines.store.inbox import DeliveryFilter, NewDelivery
from tajo_pipelines.store.inbox_figures import inbox_figures
from tajo_pipelines.store.refusals import UNKNOWN, Refused

AT = datetime(2026, 11, 3, 12, 0, 0, 120_000, tzinfo=UTC)


def received(number: int, *, connection: str = "shopify", stream: str | None = "customers") -> NewDelivery:
    return NewDelivery(connection, f"d{number}", "t", stream, str(number), AT, AT + timedelta(seconds=number), b"{}")


@pytest.mark.parametrize("count", [1, 2, 7, ROWS, 3 * ROWS + 5])
def test_any_number_is_kept_in_the_order_of_its_coming(store: Store, count: int) -> None:
    assert store.inbox.append([received(number) for number in range(count)]) == count
    kept = store.inbox.list(DeliveryFilter(), limit=1000)
    assert [item.delivery_id for item in reversed(kept)] == [f"d{number}" for number in range(count)]


def test_nothing_to_keep_is_kept_without_a_transaction(store: Store) -> None:
    assert store.inbox.append([]) == 0


def test_what_is_new_is_told_apart_from_what_came_again(store: Store) -> None:
    assert store.inbox.append([received(1), received(2)]) == 2
    assert store.inbox.append([received(2), received(3), received(3), received(1), received(1)]) == 1
    kept = {item.delivery_id: item.duplicates for item in store.inbox.list(DeliveryFilter())}
    assert kept == {"d1": 2, "d2": 1, "d3": 1}


def test_every_value_comes_back_as_it_was_given(store: Store) -> None:
    elsewhere = timezone(timedelta(hours=-5))
    body = bytes(range(256)) * 40
    given = [
        NewDelivery("a", "x' OR 1=1 --", "tëst", None, None, None, AT, b""),
        NewDelivery("a", "y", "t", "orders", "k", AT.astimezone(elsewhere), AT.replace(microsecond=0), body),
    ]
    store.inbox.append(given)
    kept = sorted(store.inbox.list(DeliveryFilter()), key=lambda item: item.delivery_id)
    assert [(k.delivery_id, k.topic, k.stream, k.key, k.source_at, k.received_at, k.bytes) for k in kept] == [
        (g.delivery_id, g.topic, g.stream, g.key, g.source_at, g.received_at, len(g.body)) for g in given
    ]
    for item, delivery in zip(kept, given, strict=True):
        found = store.inbox.get(item.id)
        assert found is not None
        assert found.body == delivery.body


def test_times_are_written_as_every_other_part_writes_and_compares_them(store: Store) -> None:
    store.inbox.append([received(0), received(1)])
    between = DeliveryFilter(since=AT + timedelta(seconds=1), until=AT + timedelta(seconds=2))
    assert [item.delivery_id for item in store.inbox.list(between)] == ["d1"]
    assert store.inbox.list(DeliveryFilter(since=AT + timedelta(microseconds=1)))[-1].delivery_id == "d1"


def test_the_figures_tell_what_waits_and_how_long_deliveries_took(store: Store) -> None:
    store.inbox.append([received(number) for number in range(3)] + [received(9, connection="b", stream=None)])
    with store.inbox.lease("shopify", "customers", limit=1) as lease:
        lease.done([lease.deliveries[0].delivery.id], AT + timedelta(seconds=7))
        figures = inbox_figures(store.database)
    assert figures.waiting == {("shopify", "pending"): 2}
    assert figures.oldest == {"shopify": AT + timedelta(seconds=1)}
    assert figures.recent == {("shopify", "pending"): 2, ("shopify", "done"): 1, ("b", "ignored"): 1}
    assert figures.lags == {"shopify": [7.0]}


def test_the_figures_read_the_index_of_what_waits_not_the_whole_inbox(store: Store) -> None:
    if store.database.engine.dialect.name != "sqlite":
        pytest.skip("SQLite tells its plan in a line")
    with store.database.reading() as connection:
        plan = connection.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT connection, state, count(*), min(id) FROM deliveries "
                "WHERE state IN ('pending', 'leased') GROUP BY connection, state"
            )
        ).all()
    assert "ix_deliveries_open" in str(plan)


def test_refusals_add_up_by_connection_and_reason(store: Store) -> None:
    store.refusals.add({("shopify", "bad_signature"): 2, (UNKNOWN, "unknown_connection"): 5}, AT)
    store.refusals.add({("shopify", "bad_signature"): 1}, AT + timedelta(days=1))
    assert store.refusals.since(AT.date()) == [
        Refused("shopify", "bad_signature", 3, AT + timedelta(days=1)),
        Refused(UNKNOWN, "unknown_connection", 5, AT),
    ]
    assert store.refusals.since(date(2026, 11, 4)) == [Refused("shopify", "bad_signature", 1, AT + timedelta(days=1))]
