"""What whoever runs the receiver sees."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tajo_pipelines.receiver import admin
from tajo_pipelines.store import Store
from tajo_pipelines_tests.receiver.stand_in import SECRET, SHOP, Served, request, served


@pytest.fixture(autouse=True)
def always_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "FRESH_SECONDS", 0.0)


def figures(receiver: Served) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = receiver.look("/metrics")
    assert answer.status == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def test_it_is_alive_and_ready(receiver: Served) -> None:
    assert receiver.look("/healthz").status == 200
    assert receiver.look("/readyz").status == 200
    assert receiver.look("/nothing").status == 404


def test_it_is_not_ready_where_the_store_cannot_be_written_to(
    receiver: Served, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "READY_SECONDS", 0.2)
    blocker = sqlite3.connect(str(store.database.engine.url.database), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    assert receiver.look("/readyz").status == 503
    assert receiver.look("/healthz").status == 200
    blocker.execute("COMMIT")
    blocker.close()
    monkeypatch.setattr(admin, "READY_SECONDS", 5.0)
    assert receiver.look("/readyz").status == 200


def test_the_figures_tell_what_came_what_waits_and_how_long_it_took(database_url: str, store: Store) -> None:
    with served(database_url) as receiver:
        for number in range(3):
            assert (
                receiver.ask(request(b"x" * 10, number=str(number), headers={"x-at": "2026-11-25T12:00:00Z"})).status
                == 200
            )
        assert receiver.ask(request(secret="forged")).status == 401
        with store.inbox.lease("shop", "customers", limit=2) as lease:
            lease.done([lease.deliveries[0].delivery.id], datetime(2026, 11, 25, 12, 0, 8, tzinfo=UTC))
            found = figures(receiver)
    shop = (("connection", "shop"),)
    assert found["tajo_webhooks_received_total", shop] == 3
    assert found["tajo_webhooks_received_bytes_total", shop] == 30
    assert found["tajo_webhooks_refused_total", (*shop, ("reason", "bad_signature"))] == 1
    assert found["tajo_webhooks_source_lag_seconds_count", shop] == 3
    assert found["tajo_webhooks_append_seconds_count", ()] == 3
    assert found["tajo_webhooks_commit_deliveries_sum", ()] == 3
    assert found["tajo_webhooks_queue", ()] == 0
    assert found["tajo_inbox_waiting", (*shop, ("state", "pending"))] == 1
    assert found["tajo_inbox_waiting", (*shop, ("state", "leased"))] == 1
    assert found["tajo_inbox_recent", (*shop, ("state", "done"))] == 1
    assert found["tajo_inbox_oldest_seconds", shop] >= 0
    assert found["tajo_inbox_delivered_lag_seconds", (*shop, ("quantile", "0.5"))] == 8
    assert found["tajo_inbox_delivered_lag_seconds", (*shop, ("quantile", "0.95"))] == 8


def test_the_figures_hold_nothing_of_a_delivery(receiver: Served) -> None:
    assert receiver.ask(request(b'{"email": "eva@example.com"}', number="id-of-eva")).status == 200
    text = receiver.look("/metrics").body.decode()
    assert not [word for word in ("eva", SECRET, SHOP, "customers/update") if word in text]


def test_the_public_port_shows_none_of_it(receiver: Served) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert receiver.ask(request(path=path, method="GET")).status == 404
