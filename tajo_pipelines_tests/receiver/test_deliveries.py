"""What is authentic is kept whole and once, and answered only then; what isn't leaves nothing but a count."""

from __future__ import annotations

import gzip
import sqlite3
import time

import pytest

from tajo_pipelines.model.errors import RetryableError
from tajo_pipelines.store import Store
from tajo_pipelines.store.inbox import Inbox
from tajo_pipelines_tests.receiver.looks import body_of, counted, kept, refusals
from tajo_pipelines_tests.receiver.stand_in import AT, OLDER, SECRET, Client, Served, request, route, served


def test_a_yes_means_that_it_is_in_the_database(receiver: Served, store: Store) -> None:
    answer = receiver.ask(request(b'{"id": 7}', number="d-7"))
    assert (answer.status, answer.body) == (200, b"")
    delivery = kept(store)[0]
    assert (delivery.connection, delivery.delivery_id, delivery.topic) == ("shop", "d-7", "customers/update")
    assert (delivery.stream, delivery.key, delivery.source_at, delivery.bytes) == ("customers", "d-7", AT, 9)
    assert body_of(store, delivery.id) == b'{"id": 7}'


def test_many_deliveries_come_over_one_connection(receiver: Served, store: Store) -> None:
    client = Client(receiver.port)
    assert [client.ask(request(number=str(number))).status for number in range(20)] == [200] * 20
    client.close()
    assert [item.delivery_id for item in kept(store)] == [str(number) for number in range(20)]


@pytest.mark.parametrize("secret", [SECRET, OLDER])
def test_both_secrets_are_taken_while_one_replaces_the_other(receiver: Served, secret: str) -> None:
    assert receiver.ask(request(secret=secret)).status == 200


def test_what_comes_twice_is_answered_twice_and_kept_once(receiver: Served, store: Store) -> None:
    before = receiver.figure("tajo_webhooks_duplicates_total")
    assert [receiver.ask(request()).status for _ in range(3)] == [200, 200, 200]
    assert [(item.delivery_id, item.duplicates) for item in kept(store)] == [("1", 2)]
    assert receiver.figure("tajo_webhooks_duplicates_total") == before + 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (request(secret=None), "unsigned"),
        (request(secret="forged"), "bad_signature"),
        (request(headers={"x-signature": "\xff\xfe"}), "bad_signature"),
        (request(headers={"x-shop": "other.example"}), "foreign"),
        (request(headers={"x-shop": None}), "foreign"),
        (request(headers={"x-id": None}), "unnamed"),
    ],
)
def test_what_is_not_authentic_is_refused_and_counted(receiver: Served, store: Store, data: bytes, reason: str) -> None:
    client = Client(receiver.port)
    answer = client.ask(data)
    assert (answer.status, answer.body.decode()) == (401, reason)
    assert client.ask(request(number="good")).status == 200, "the connection goes on"
    client.close()
    assert counted(store, ("shop", reason))
    assert [item.delivery_id for item in kept(store)] == ["good"]


def test_another_connections_secret_proves_nothing(database_url: str, store: Store) -> None:
    with served(database_url, route(secrets=("one",)), route("shop-fr", secrets=("two",))) as receiver:
        assert receiver.ask(request(secret="one")).status == 200
        assert receiver.ask(request(secret="one", path="/webhooks/shop-fr")).status == 401
        assert receiver.ask(request(secret="two", path="/webhooks/shop-fr")).status == 200
    assert refusals(store) == {("shop-fr", "bad_signature"): 1}
    assert [item.connection for item in kept(store)] == ["shop", "shop-fr"]


def test_a_body_changed_by_one_byte_is_refused(receiver: Served) -> None:
    assert receiver.ask(request(b'{"id":1}')[:-1] + b" ").status == 401


def test_names_that_are_none_make_no_rows_of_their_own(receiver: Served, store: Store) -> None:
    for number in range(30):
        assert receiver.ask(request(path=f"/webhooks/guess-{number}")).status == 404
    for path in ("/", "/webhooks", "/webhooks/", "/admin", "/metrics", "/healthz"):
        assert receiver.ask(request(path=path)).status == 404
    assert counted(store, ("", "unknown_connection"))
    assert {connection for connection, _ in refusals(store)} <= {"", "shop"}
    assert receiver.look("/metrics").body.count(b'unknown_connection"} ') == 2  # the count, and since when


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_other_methods_are_told_which_one_is_right(receiver: Served, method: str) -> None:
    client = Client(receiver.port)
    client.send(request(b"", method=method))
    answer = client.answer()
    client.close()
    assert answer is not None
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_a_suffix_belongs_to_the_connection(receiver: Served, store: Store) -> None:
    assert receiver.ask(request(path="/webhooks/shop/orders/")).status == 200
    assert [item.connection for item in kept(store)] == ["shop"]


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe\x00\x80",
        b"",
        b"<xml/>",
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        gzip.compress(b'{"id": 1}', mtime=0),
    ],
    ids=["not UTF-8", "empty", "not JSON", "deep list", "deep object", "gzip"],
)
def test_an_authentic_body_that_nobody_can_read_is_kept_as_it_came(receiver: Served, store: Store, body: bytes) -> None:
    assert receiver.ask(request(body, headers={"content-encoding": "gzip"})).status == 200
    assert body_of(store, kept(store)[0].id) == body


def test_a_key_that_no_database_can_hold_does_no_harm(receiver: Served, store: Store) -> None:
    assert receiver.ask(request(number="caf\xe9\xad")).status == 200
    assert kept(store)[0].delivery_id == "caf\xe9\xad"


def test_what_nobody_works_off_is_kept_as_ignored(database_url: str, store: Store) -> None:
    batch = route("batch", live=frozenset(), privacy="orders")
    with served(database_url, route(live=frozenset({"customers"})), batch) as receiver:
        asked = [("shop", "inventory/update"), ("shop", "orders/paid"), ("batch", "customers/update")]
        for number, (name, topic) in enumerate(asked):
            assert receiver.ask(request(number=str(number), topic=topic, path=f"/webhooks/{name}")).status == 200
    assert [(item.state.value, item.stream) for item in kept(store)] == [("ignored", None)] * 3


def test_what_the_law_asks_for_is_worked_off_whatever_the_mode(database_url: str, store: Store) -> None:
    routes = [
        route("shop", live=frozenset({"orders"})),
        route("batch", live=frozenset()),
        route("orders-only", live=frozenset({"orders"}), privacy="orders"),
    ]
    with served(database_url, *routes) as receiver:
        for each in routes:
            assert receiver.ask(request(topic="customers/redact", path=each.path)).status == 200
    assert [(item.connection, item.state.value, item.stream) for item in kept(store)] == [
        ("shop", "pending", "customers"),
        ("batch", "pending", "customers"),
        ("orders-only", "pending", "orders"),
    ]


def test_a_connectors_own_mistake_ends_one_delivery_alone(receiver: Served, store: Store) -> None:
    answer = receiver.ask(request(number="broken"))
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    assert receiver.ask(request()).status == 200
    assert counted(store, ("shop", "unexpected"))


def test_a_store_that_cannot_take_it_is_no_yes(receiver: Served, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*_: object) -> int:
        raise RetryableError("the store can't be used now: disk I/O error", code="store_unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "append", unavailable)
        answer = receiver.ask(request())
        assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    assert receiver.ask(request()).status == 200
    assert len(kept(store)) == 1
    assert counted(store, ("shop", "unavailable"))


def test_a_store_that_somebody_locks_is_waited_for_and_then_no_yes(receiver: Served, store: Store) -> None:
    blocker = sqlite3.connect(str(store.database.engine.url.database), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    client = Client(receiver.port)
    client.send(request())
    time.sleep(0.3)
    blocker.execute("COMMIT")
    answer = client.answer()
    assert answer is not None
    assert answer.status == 200
    client.close()
    assert len(kept(store)) == 1
    blocker.close()


def test_one_delivery_that_cannot_be_kept_takes_no_other_with_it(
    receiver: Served, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Inbox.append

    def particular(inbox: Inbox, received: list[object]) -> int:
        if any(getattr(item, "delivery_id", "") == "poison" for item in received):
            raise ValueError("a value that the database refuses")
        time.sleep(0.05)  # so that the others wait together
        return append(inbox, received)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(Inbox, "append", particular)
    numbers = ["first", "a", "poison", "b"]
    clients = [Client(receiver.port) for _ in numbers]
    for client, number in zip(clients, numbers, strict=True):
        client.send(request(number=number))
    answers = [client.answer() for client in clients]
    for client in clients:
        client.close()
    assert [answer.status for answer in answers if answer] == [200, 200, 503, 200]
    assert {item.delivery_id for item in kept(store)} == {"first", "a", "b"}
