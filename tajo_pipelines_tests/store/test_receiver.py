"""The receiver over both databases: PostgreSQL keeps what several machines receive."""

from __future__ import annotations

from tajo_pipelines.store import Store
from tajo_pipelines.store.inbox import DeliveryFilter
from tajo_pipelines_tests.receiver.stand_in import Client, request, served


def test_deliveries_that_come_at_once_are_kept_once_each(store: Store, database_url: str) -> None:
    with served(database_url) as receiver:
        clients = [Client(receiver.port) for _ in range(12)]
        for number in (1, 2, 3):
            for index, client in enumerate(clients):
                client.send(request(b"\x00\xff" * 2000, number=f"{number}-{index // 2}"))
            answers = [client.answer() for client in clients]
            assert [answer.status for answer in answers if answer] == [200] * 12
        for client in clients:
            client.close()
        assert receiver.ask(request(secret="forged")).status == 401
        assert receiver.look("/readyz").status == 200
        assert receiver.figure('tajo_inbox_waiting{connection="shop",state="pending"}') == 18
        assert receiver.figure("tajo_webhooks_duplicates_total") == 18
    kept = store.inbox.list(DeliveryFilter())
    assert {item.delivery_id for item in kept} == {f"{number}-{pair}" for number in (1, 2, 3) for pair in range(6)}
    assert [item.duplicates for item in kept] == [1] * 18
    assert [(item.reason, item.count) for item in store.refusals.since(kept[0].received_at.date())] == [
        ("bad_signature", 1)
    ]
