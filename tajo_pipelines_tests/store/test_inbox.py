"""The inbox, on both databases."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from tajo_pipelines.store import Store
from tajo_pipelines.store.inbox import DeliveryFilter, DeliveryState, NewDelivery

AT = datetime(2026, 11, 3, 12, tzinfo=UTC)


def received(
    number: int, *, connection: str = "shopify", stream: str | None = "customers", topic: str = "t"
) -> NewDelivery:
    return NewDelivery(
        connection=connection,
        delivery_id=f"d{number}",
        topic=topic,
        stream=stream,
        key=str(number),
        source_at=AT,
        received_at=AT + timedelta(seconds=number),
        body=b'{"id": %d}' % number,
    )


def test_a_delivery_that_comes_twice_is_kept_once_and_counted(store: Store) -> None:
    store.inbox.append([received(1), received(2), received(1)])
    store.inbox.append([received(1)])
    kept = store.inbox.list(DeliveryFilter())
    assert [(item.delivery_id, item.duplicates) for item in kept] == [("d2", 0), ("d1", 2)]
    assert store.inbox.counts()["pending"] == 2


def test_the_same_id_of_another_connection_is_another_delivery(store: Store) -> None:
    store.inbox.append([received(1), received(1, connection="shopify-fr")])
    assert store.inbox.counts()["pending"] == 2


def test_a_topic_that_nobody_reads_is_kept_as_ignored_and_never_leased(store: Store) -> None:
    store.inbox.append([received(1, stream=None)])
    assert store.inbox.counts() == {"pending": 0, "leased": 0, "done": 0, "dead": 0, "ignored": 1}
    assert store.inbox.waiting() == []
    assert store.inbox.replay(DeliveryFilter()) == 0


def test_leased_deliveries_are_nobody_elses_until_they_are_given_back(store: Store) -> None:
    store.inbox.append([received(number) for number in range(5)])
    with store.inbox.lease("shopify", "customers", limit=3) as first:
        assert [item.delivery.key for item in first.deliveries] == ["0", "1", "2"]
        assert first.deliveries[0].body == b'{"id": 0}'
        assert store.inbox.at_work() == {"shopify"}
        with store.inbox.lease("shopify", "customers", limit=9) as second:
            assert [item.delivery.key for item in second.deliveries] == ["3", "4"]
        assert first.done([first.deliveries[0].delivery.id], AT + timedelta(seconds=9)) == 1
        assert first.dead([first.deliveries[1].delivery.id], "malformed") == 1
    assert store.inbox.counts() == {"pending": 3, "leased": 0, "done": 1, "dead": 1, "ignored": 0}
    assert {item.attempts for item in store.inbox.list(DeliveryFilter(states=(DeliveryState.PENDING,)))} == {0}
    done = store.inbox.list(DeliveryFilter(states=(DeliveryState.DONE,)))[0]
    assert done.lag == timedelta(seconds=9)


def test_a_killed_run_loses_its_lease_and_nothing_else(store: Store) -> None:
    store.inbox.append([received(1)])
    held = store.inbox.lease("shopify", "customers", limit=9, seconds=0.2)
    lease = held.__enter__()
    assert store.inbox.requeue_expired() == 0
    time.sleep(0.3)
    assert store.inbox.requeue_expired() == 1
    assert lease.done([lease.deliveries[0].delivery.id], AT) == 0, "what another run may take is not ours to settle"
    waiting = store.inbox.waiting()
    assert [(item.count, item.attempts, item.since) for item in waiting] == [(1, 1, AT + timedelta(seconds=1))]


def test_a_killed_process_on_this_machine_is_seen_at_once(store: Store, database_url: str) -> None:
    store.inbox.append([received(1)])
    code = (
        "import os, sys; from tajo_pipelines.store import open_store\n"
        "store = open_store(sys.argv[1])\n"
        "with store.inbox.lease('shopify', 'customers', limit=9) as lease:\n"
        "    print(len(lease.deliveries), flush=True); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", code, database_url], capture_output=True, text=True, check=False)
    assert ended.stdout.strip() == "1", ended.stderr
    assert store.inbox.requeue_expired() == 1


def test_a_renewed_lease_outlives_its_term(store: Store) -> None:
    store.inbox.append([received(1)])
    with store.inbox.lease("shopify", "customers", limit=9, seconds=0.5) as lease:
        time.sleep(0.3)
        lease.renew()
        time.sleep(0.3)
        assert store.inbox.requeue_expired() == 0


def test_what_is_put_off_waits_for_its_time(store: Store) -> None:
    store.inbox.append([received(1), received(2)])
    with store.inbox.lease("shopify", "customers", limit=9) as lease:
        ids = [item.delivery.id for item in lease.deliveries]
        lease.put_off(ids[:1], "Brevo is away", datetime.now(UTC) + timedelta(hours=1))
        lease.put_off(ids[1:], "Brevo is away", datetime.now(UTC) - timedelta(seconds=1))
    assert [(item.first_id, item.count, item.attempts) for item in store.inbox.waiting()] == [(ids[1], 1, 1)]


def test_what_fails_again_and_again_is_taken_alone_and_last(store: Store) -> None:
    store.inbox.append([received(number) for number in range(3)])
    for _ in range(3):
        with store.inbox.lease("shopify", "customers", limit=1) as lease:
            assert lease.deliveries[0].delivery.key == "0"
            lease.put_off([lease.deliveries[0].delivery.id], "fell over", AT)
    with store.inbox.lease("shopify", "customers", limit=9) as sound:
        assert [item.delivery.key for item in sound.deliveries] == ["1", "2"]
        with store.inbox.lease("shopify", "customers", limit=9) as suspect:
            assert [item.delivery.attempts for item in suspect.deliveries] == [4]


def test_an_outage_is_no_attempt_of_the_delivery(store: Store) -> None:
    store.inbox.append([received(1)])
    with store.inbox.lease("shopify", "customers", limit=1) as lease:
        lease.put_off([lease.deliveries[0].delivery.id], "Brevo is away", AT, counts=False)
    assert store.inbox.waiting()[0].attempts == 0


def test_replay_takes_what_was_chosen_and_leaves_the_rest(store: Store) -> None:
    store.inbox.append([received(number, topic=f"topic/{number % 2}") for number in range(4)])
    with store.inbox.lease("shopify", "customers", limit=9) as lease:
        lease.done([item.delivery.id for item in lease.deliveries], AT)
    assert store.inbox.replay(DeliveryFilter(topic="topic/1", until=AT + timedelta(seconds=2))) == 1
    assert [item.key for item in store.inbox.list(DeliveryFilter(states=(DeliveryState.PENDING,)))] == ["1"]


def test_waiting_is_told_by_connection_and_stream_the_oldest_first(store: Store) -> None:
    store.inbox.append([received(1, connection="b"), received(2, connection="a"), received(3, connection="b")])
    assert [(item.connection, item.count) for item in store.inbox.waiting()] == [("b", 2), ("a", 1)]
    assert store.inbox.oldest_pending("a") == AT + timedelta(seconds=2)
    assert store.inbox.oldest_pending() == AT + timedelta(seconds=1)
    assert store.inbox.oldest_pending("c") is None


def test_records_that_webhooks_told_of_are_known(store: Store) -> None:
    store.inbox.append([received(1), received(2)])
    known = store.inbox.last_told("shopify", "customers", ["1", "2", "3"])
    assert known == {"1": AT + timedelta(seconds=1), "2": AT + timedelta(seconds=2)}
    assert store.inbox.last_told("shopify", "orders", ["1"]) == {}


def test_purging_forgets_what_is_settled_alone(store: Store) -> None:
    store.inbox.append([received(number) for number in range(4)])
    with store.inbox.lease("shopify", "customers", limit=2) as lease:
        lease.done([item.delivery.id for item in lease.deliveries], AT)
    assert store.inbox.purge("shopify", AT + timedelta(seconds=1)) == 1
    assert store.inbox.purge("shopify", AT + timedelta(days=1), limit=1) == 1
    assert store.inbox.purge("shopify", AT + timedelta(days=1)) == 0
    assert store.inbox.counts()["pending"] == 2


@pytest.mark.parametrize("body", [b"", b"\x00\xff\xfe", "ü€😀".encode()])
def test_bytes_come_back_as_they_came(store: Store, body: bytes) -> None:
    item = received(1)
    store.inbox.append([NewDelivery(**{name: getattr(item, name) for name in item.__slots__} | {"body": body})])
    kept = store.inbox.get(store.inbox.list(DeliveryFilter())[0].id)
    assert kept is not None
    assert kept.body == body
