"""Whatever somebody sends, and however slowly: the right refusal for them, and an answer for everybody beside them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tajo_pipelines.receiver.limits import LIMITS, MB, UNCLAIMED, Disk, Room
from tajo_pipelines.store import Store
from tajo_pipelines.store.inbox import Inbox
from tajo_pipelines_tests.receiver.looks import counted, kept
from tajo_pipelines_tests.receiver.stand_in import Client, Served, request, served

LARGE = 11_000_000
QUICK = replace(LIMITS, body_seconds=0.5, header_seconds=0.5)


def chunked(body: bytes, size: int = 65536) -> Iterator[bytes]:
    """A request without Content-Length, piece by piece."""
    whole = request(body, headers={"content-length": None, "transfer-encoding": "chunked"})
    yield whole[: len(whole) - len(body)]
    for start in range(0, len(body), size):
        part = body[start : start + size]
        yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


@contextmanager
def good_ones(port: int) -> Iterator[list[float]]:
    """Somebody sends deliveries all the while; how long each answer took."""
    waits: list[float] = []
    end = threading.Event()

    def go() -> None:
        client, number = Client(port), 0
        while not end.is_set():
            number += 1
            began = time.monotonic()
            assert client.ask(request(b'{"good": 1}', number=f"good-{number}")).status == 200
            waits.append(time.monotonic() - began)
            time.sleep(0.01)
        client.close()

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield waits
    finally:
        end.set()
        thread.join()


def test_a_body_over_the_limit_is_refused_before_it_is_read(receiver: Served, store: Store) -> None:
    with good_ones(receiver.port) as waits:
        client = Client(receiver.port)
        client.send(request(b"", headers={"content-length": str(LARGE)}))
        answer = client.answer()
        assert answer is not None, "refused by what its head says"
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        client.close()
    assert len(waits) > 0
    assert counted(store, ("shop", "too_large"))


def test_whoever_sends_all_of_it_reads_why_it_was_refused(receiver: Served) -> None:
    client = Client(receiver.port)
    assert client.ask(request(b"x" * LARGE)).status == 413
    assert client.is_closed()


def test_a_body_without_length_is_refused_where_it_passes_the_limit(receiver: Served, store: Store) -> None:
    with good_ones(receiver.port):
        client = Client(receiver.port)
        for part in chunked(b"x" * LARGE):
            client.send(part)
        answer = client.answer()
        assert answer is not None
        assert answer.status == 413
        assert client.is_closed()
    assert all(item.delivery_id.startswith("good") for item in kept(store))


def test_the_largest_body_is_taken_in_one_piece_and_in_many(receiver: Served, store: Store) -> None:
    body = b"x" * LIMITS.body
    assert receiver.ask(request(body, number="whole")).status == 200
    client = Client(receiver.port)
    for part in chunked(body[:-7]):
        client.send(part)
    answer = client.answer()
    assert answer is not None
    assert answer.status == 200
    client.close()
    assert [item.bytes for item in kept(store)] == [len(body), len(body) - 7]


def test_a_body_that_ends_early_is_nothing(receiver: Served, store: Store) -> None:
    client = Client(receiver.port)
    client.send(request(b"x" * 4000)[:-2000])
    client.close()
    assert receiver.ask(request()).status == 200
    assert counted(store, ("shop", "truncated"))
    assert [item.delivery_id for item in kept(store)] == ["1"]


def test_a_slow_body_is_cut_while_others_are_answered(database_url: str, store: Store) -> None:
    with served(database_url, limits=QUICK) as receiver, good_ones(receiver.port) as waits:
        slow = [Client(receiver.port) for _ in range(20)]
        for client in slow:
            client.send(request(b"x" * 4000)[:-1000])
        answers = [client.answer() for client in slow]
        assert [answer.status for answer in answers if answer] == [408] * 20
        assert all(client.is_closed() for client in slow)
        assert len(waits) >= 10
    assert counted(store, ("shop", "slow_body"))


def test_a_body_that_trickles_is_cut_too(database_url: str) -> None:
    with served(database_url, limits=QUICK) as receiver:
        client = Client(receiver.port)
        client.send(request(b"x" * 4000)[:-3000])
        began = time.monotonic()
        answer = None
        client.socket.settimeout(0.1)
        while answer is None and time.monotonic() - began < 5:
            client.send(b"x")
            try:
                answer = client.answer()
            except TimeoutError:
                continue
        assert answer is not None
        assert answer.status == 408
        client.close()


@pytest.mark.parametrize("first", [b"", b"POST /webhooks/shop HTTP/1.1\r\nhost: r", b"\r\n\r\n"])
def test_a_head_that_never_ends_is_cut(database_url: str, first: bytes) -> None:
    with served(database_url, limits=QUICK) as receiver:
        client, used = Client(receiver.port), Client(receiver.port)
        assert used.ask(request()).status == 200
        client.send(first)
        used.send(first or b"P")
        assert client.is_closed()
        assert used.is_closed(), "also on a connection that was good before"


def test_a_head_without_end_is_cut_by_its_size(receiver: Served) -> None:
    client = Client(receiver.port)
    client.send(b"POST /webhooks/shop HTTP/1.1\r\n")

    def go_on() -> None:
        for _ in range(2000):
            client.send(b"x-more: " + b"y" * 4096 + b"\r\n")

    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        go_on()
    client.close()
    assert receiver.ask(request()).status == 200


def test_what_is_no_http_gets_no_further(receiver: Served) -> None:
    client = Client(receiver.port)
    client.send(b"\x16\x03\x01 hello\r\n\r\n")
    answer = client.answer()
    assert answer is not None
    assert answer.status == 400
    client.close()


def test_a_full_queue_says_when_to_come_again(database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    append = Inbox.append

    def held(inbox: Inbox, received: list[object]) -> int:
        gate.wait(10)
        return append(inbox, received)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(Inbox, "append", held)
    with served(database_url, limits=replace(LIMITS, waiting=3)) as receiver:
        waiting = [Client(receiver.port) for _ in range(3)]
        for number, client in enumerate(waiting):
            client.send(request(number=str(number)))
        time.sleep(0.3)
        answer = receiver.ask(request(number="one too many"))
        assert (answer.status, answer.body, answer.headers["retry-after"]) == (429, b"busy", "10")
        assert receiver.ask(request(secret="forged")).status == 401, "who isn't authentic learns nothing of the queue"
        assert b"tajo_webhooks_queue 3.0" in receiver.look("/metrics").body
        gate.set()
        answers = [client.answer() for client in waiting]
        assert [each.status for each in answers if each] == [200] * 3
        for client in waiting:
            client.close()
    assert [item.delivery_id for item in kept(store)] == ["0", "1", "2"]


def test_a_queue_is_bounded_by_bytes_too(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    append = Inbox.append

    def held(inbox: Inbox, received: list[object]) -> int:
        gate.wait(10)
        return append(inbox, received)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(Inbox, "append", held)
    with served(database_url, limits=replace(LIMITS, waiting_bytes=MB)) as receiver:
        first = Client(receiver.port)
        first.send(request(b"x" * 2 * MB, number="large"))
        time.sleep(0.3)
        assert receiver.ask(request(number="small")).status == 429
        gate.set()
        answer = first.answer()
        assert answer is not None
        assert answer.status == 200, "one alone is always taken"
        first.close()


def test_a_disk_that_is_nearly_full_says_when_to_come_again(database_url: str, store: Store) -> None:
    with served(database_url, limits=replace(LIMITS, least_free=1 << 60)) as receiver:
        answer = receiver.ask(request())
        assert (answer.status, answer.body, answer.headers["retry-after"]) == (429, b"disk_full", "10")
        assert receiver.look("/readyz").status == 503
    assert kept(store) == []
    assert counted(store, ("shop", "disk_full"))


def test_large_bodies_share_a_room_and_small_ones_need_none(database_url: str) -> None:
    with served(database_url, limits=replace(LIMITS, room=MB)) as receiver:
        large = Client(receiver.port)
        large.send(request(b"x" * 3 * MB)[:-MB])
        answer = large.answer()
        assert answer is not None
        assert (answer.status, answer.body) == (429, b"busy")
        large.close()
        assert receiver.ask(request(b"x" * UNCLAIMED)).status == 200
        assert receiver.ask(request(b"x" * (MB // 2), number="half")).status == 200, "room is given back"


def test_a_claim_grows_with_its_body_and_goes_with_it() -> None:
    room = Room(100)
    first, second = room.claim(), room.claim()
    assert first.holds(UNCLAIMED)
    assert room.free == 100
    assert first.holds(UNCLAIMED + 60)
    assert first.holds(UNCLAIMED + 80)
    assert not second.holds(UNCLAIMED + 21)
    assert second.holds(UNCLAIMED + 20)
    first.release()
    second.release()
    first.release()
    assert room.free == 100


def test_a_disk_on_another_machine_is_not_ours_to_watch() -> None:
    assert not Disk(None, 1 << 60).is_full
