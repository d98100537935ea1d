from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from brevo.event.types import CreateBatchEventsRequestEventsItem as VendorEvent

from tajo_pipelines.brevo.answers import encode
from tajo_pipelines.brevo.event_documents import MAX_BATCH_BYTES, event_document, group_events
from tajo_pipelines.brevo.events import EventOutcome, plan_events, recover_events, send_events, send_planned
from tajo_pipelines.model.errors import AuthError, ContractError, RejectedRecord, RetryableError
from tajo_pipelines.model.event import Event, tajo_id
from tajo_pipelines.model.intent import IntentState
from tajo_pipelines.model.ledger import ContactEntry
from tajo_pipelines.model.letter import LetterKind
from tajo_pipelines.store import Store, open_store
from tajo_pipelines_tests.brevo.stub import Bench, Received, Reply, bench, stub

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(hours=24)


def event(number: int = 1, **more: Any) -> Event:
    values: dict[str, Any] = {
        "tajo_id": tajo_id("shopify", "orders", str(number), "order_placed"),
        "name": "order_placed",
        "connection": "shopify",
        "stream": "orders",
        "key": str(number),
        "at": NOW - timedelta(hours=1),
        "properties": {"id": str(number), "total": Decimal("19.90"), "items": [{"name": "T-Shirt", "price": 19}]},
        "email": "ana@example.com",
    }
    return Event(**values | more)


def many(count: int) -> list[Event]:
    return [event(number) for number in range(count)]


@dataclass
class Account:
    """Takes events, one by one and in batches; ``bad`` keys are refused, ``says`` answers instead where it wants."""

    bad: set[str] = field(default_factory=set)
    says: Callable[[Received], Reply | None] = lambda _: None
    taken: list[str] = field(default_factory=list)

    def __call__(self, received: Received) -> Reply:
        special = self.says(received)
        if special is not None:
            return special
        if received.path == "/v3/events":
            return self._one(received.body)
        assert received.path == "/v3/events/batch"
        events = received.body["events"]
        failed = [index for index, one in enumerate(events) if one["event_properties"]["id"] in self.bad]
        self.taken += [one["event_properties"]["id"] for one in events if one["event_properties"]["id"] not in self.bad]
        if not failed:
            return Reply(202, {"message": "queued", "count": len(events)})
        told = {
            "status": "partial_success", "total_events": len(events), "successful_events": len(events) - len(failed),
            "failed_events": len(failed), "errors": [{"eventIndex": failed, "message": "event_date of +4915112345678"}],
        }  # fmt: skip
        return Reply(207 if len(failed) < len(events) else 400, told)

    def _one(self, body: Any) -> Reply:
        if body["event_properties"]["id"] in self.bad:
            return Reply(400, {"code": "invalid_parameter", "message": "event_date is invalid"})
        self.taken.append(body["event_properties"]["id"])
        return Reply(204)


@dataclass
class World:
    store: Store
    bench: Bench
    requests: list[Received]

    @property
    def state(self) -> Any:
        return self.store.account("acme")

    def send(self, events: list[Event], **options: Any) -> EventOutcome:
        return send_events(self.bench.client, self.state, events, now=NOW, run_id="run-1", **options)

    def recover(self, now: datetime = NOW, **options: Any) -> EventOutcome:
        return recover_events(self.bench.client, self.state, now=now, run_id="run-2", live_window=DAY, **options)

    def letters(self) -> list[tuple[LetterKind, str, str | None, str]]:
        found = [kept.letter for kept in self.store.letters.list()]
        return sorted((letter.kind, letter.key, letter.field, letter.reason) for letter in found)

    def states(self, events: list[Event]) -> list[IntentState | None]:
        known = self.state.intents.states([one.tajo_id for one in events])
        return [known.get(one.tajo_id) for one in events]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/tajo.db")
    yield opened
    opened.close()


@pytest.fixture
def world(store: Store) -> Iterator[Callable[..., World]]:
    opened = []

    def make(account: Any, **options: Any) -> World:
        served = stub(account)
        running = served.__enter__()
        opened.append(served)
        made = bench(running.url, **options)
        opened_clients.append(made.client)
        return World(store, made, running.received)

    opened_clients: list[Any] = []
    yield make
    for client in opened_clients:
        client.close()
    for served in opened:
        served.__exit__(None, None, None)


# ------------------------------------------------------------------------------------------------ the document


def test_an_event_says_who_what_and_when_and_nothing_of_the_contact() -> None:
    at = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
    assert encode(event_document(event(7, at=at))).decode() == (
        '{"event_name":"order_placed","event_date":"2026-11-01T11:00:00.123Z",'
        '"identifiers":{"email_id":"ana@example.com"},'
        '"event_properties":{"id":"7","total":19.90,"items":[{"name":"T-Shirt","price":19}]}}'
    )
    by_phone = event_document(event(email=None, phone="+4915112345678"))
    assert by_phone["identifiers"] == {"phone_id": "+4915112345678"}


def test_the_vendors_own_model_takes_the_event() -> None:
    sent = msgspec.json.decode(encode(event_document(event(properties={"id": "1", "tags": ["a"], "paid": True}))))
    taken = VendorEvent.model_validate(sent)
    assert not taken.model_extra
    assert not taken.identifiers.model_extra
    assert taken.event_date == "2026-11-24T11:00:00.000Z"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"email": None}, "no_identifier"),
        ({"name": "Order placed"}, "event_name"),
        ({"name": "a" * 256}, "event_name"),
        ({"properties": {"a" * 256: 1}}, "property_name"),
        ({"properties": {"items": [{"unit price": 1}]}}, "property_name"),
        ({"properties": {"note": "ü" * 25_000}}, "event_too_large"),
    ],
)
def test_what_brevo_would_refuse_isnt_sent(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(RejectedRecord) as raised:
        event_document(event(**more))
    assert raised.value.reason == reason


def test_batches_keep_to_both_limits_and_to_the_order() -> None:
    told = [(one, event_document(one)) for one in many(450)]
    groups = list(group_events(told))
    assert [len(group) for group in groups] == [200, 200, 50]
    large = [event(number, properties={"id": str(number), "note": "x" * 40_000}) for number in range(30)]
    groups = list(group_events((one, event_document(one)) for one in large))
    assert all(len(encode({"events": [doc for _, doc in group]})) <= MAX_BATCH_BYTES for group in groups)
    assert [one.key for group in groups for one, _ in group] == [str(number) for number in range(30)]


# ------------------------------------------------------------------------------------------------ sending


def test_few_events_go_one_by_one_and_leave_the_batches_to_others(world: Callable[..., World]) -> None:
    account = Account()
    at = world(account)
    outcome = at.send(many(20))
    assert len(outcome.sent) == 20
    assert account.taken == [str(number) for number in range(20)]
    assert at.bench.client.usage.used == {"events": 20}


def test_many_events_go_in_batches(world: Callable[..., World]) -> None:
    account = Account()
    at = world(account)
    assert len(at.send(many(500)).sent) == 500
    assert account.taken == [str(number) for number in range(500)]
    assert at.bench.client.usage.used == {"other": 3}


def test_events_go_in_the_order_in_which_they_happened(world: Callable[..., World]) -> None:
    account = Account()
    world(account).send([event(1, at=NOW), event(2, at=NOW - DAY), event(3, at=NOW)])
    assert account.taken == ["2", "1", "3"]


def test_no_event_is_sent_twice_not_even_by_another_process(world: Callable[..., World], tmp_path: Path) -> None:
    account = Account()
    at = world(account)
    assert len(at.send([event(1), event(1)]).sent) == 1
    again = at.send([event(1), event(2)])
    assert [one.key for one in again.sent] == ["2"]
    assert [one.key for one in again.skipped_known] == ["1"]
    other = open_store(f"sqlite:///{tmp_path}/tajo.db")
    known = send_events(at.bench.client, other.account("acme"), many(3), now=NOW, run_id="run-9")
    other.close()
    assert [one.key for one in known.sent] == ["0"]
    assert account.taken == ["1", "2", "0"]


@pytest.mark.parametrize(
    "reply", [Reply(500), Reply(502, {"message": "Bad gateway"}), Reply(408), Reply(200, {"a": 1}, cut=True)]
)
def test_an_event_without_an_answer_is_a_letter_at_once_and_never_sent_again(
    world: Callable[..., World], reply: Reply
) -> None:
    account = Account(says=lambda received: reply if received.body["event_properties"]["id"] == "1" else None)
    at = world(account)
    outcome = at.send(many(3))
    assert [one.key for one in outcome.in_doubt] == ["1"]
    assert [one.key for one in outcome.sent] == ["0", "2"]
    assert at.letters() == [(LetterKind.IN_DOUBT, "1", "order_placed", "unanswered")]
    assert outcome.letters == 1
    account.says = lambda _: None
    later = at.send(many(3))
    assert not later.sent
    assert at.recover() == EventOutcome()
    assert account.taken == ["0", "2"]
    assert len(at.requests) == 3


@pytest.mark.parametrize("count", [1, 150])
def test_before_a_call_its_beginning_is_stored(world: Callable[..., World], count: int) -> None:
    account = Account()
    at = world(account)
    found: list[IntentState | None] = []

    def look(_: Received) -> None:
        found.extend(at.states(many(count)))

    account.says = look
    at.send(many(count))
    assert set(found) == {IntentState.SENDING}
    assert set(at.states(many(count))) == {IntentState.SENT}


def test_events_in_doubt_in_a_batch_are_a_letter_each(world: Callable[..., World]) -> None:
    account = Account()
    at = world(account)

    def once(received: Received) -> Reply | None:
        account.says = lambda _: None
        return Reply(500)

    account.says = once
    outcome = at.send(many(300))
    assert (len(outcome.in_doubt), len(outcome.sent), len(at.store.letters.list())) == (200, 100, 200)


def test_three_calls_in_a_row_without_an_answer_stop_the_run_and_the_others_wait(world: Callable[..., World]) -> None:
    account = Account(says=lambda _: Reply(503))
    at = world(account)
    outcome = EventOutcome()
    with pytest.raises(RetryableError, match="3 calls for events in a row"):
        at.send(many(20), outcome=outcome)
    assert [one.key for one in outcome.in_doubt] == ["0", "1", "2"]
    account.says = lambda _: None
    assert len(at.send(many(20)).sent) == 17
    assert sorted(account.taken, key=int) == [str(number) for number in range(3, 20)]


def test_a_refused_event_is_a_letter_with_brevos_words_and_may_go_again_once_mended(
    world: Callable[..., World],
) -> None:
    account = Account(bad={"1"})
    at = world(account)
    outcome = at.send(many(3))
    assert ([one.key for one in outcome.failed], len(outcome.sent)) == (["1"], 2)
    (kept,) = at.store.letters.list()
    assert kept.letter.vendor is not None
    assert (kept.letter.kind, kept.letter.vendor.message) == (LetterKind.EVENT, "event_date is invalid")
    account.bad = set()
    assert [one.key for one in at.send(many(3)).sent] == ["1"]
    assert at.letters() == []


def test_an_unfit_event_is_a_letter_and_the_others_go(world: Callable[..., World]) -> None:
    at = world(Account())
    outcome = at.send([event(1, name="not good"), event(2)])
    assert ([one.key for one in outcome.failed], [one.key for one in outcome.sent]) == (["1"], ["2"])
    assert at.letters() == [(LetterKind.EVENT, "1", "not good", "event_name")]


def test_where_brevo_takes_no_event_at_all_the_others_wait(world: Callable[..., World]) -> None:
    at = world(Account(bad={str(number) for number in range(50)}))
    with pytest.raises(ContractError, match="refuses every event"):
        at.send(many(50))
    assert len(at.requests) == 8
    assert at.states(many(50)).count(IntentState.OPEN) == 42


@pytest.mark.parametrize("status", [425, 429])
def test_what_brevo_didnt_take_is_repeated(world: Callable[..., World], status: int) -> None:
    replies = iter([Reply(status, headers={"x-sib-ratelimit-reset": "2"})])
    account = Account(says=lambda _: next(replies, None))
    at = world(account)
    assert len(at.send([event()]).sent) == 1
    assert (len(at.requests), account.taken, at.letters()) == (2, ["1"], [])


def test_events_wait_where_no_connection_could_be_made(world: Callable[..., World], store: Store) -> None:
    nobody = bench("http://127.0.0.1:9/v3")
    with pytest.raises(RetryableError):
        send_events(nobody.client, store.account("acme"), many(3), now=NOW, run_id="run-1")
    nobody.client.close()
    account = Account()
    at = world(account)
    assert at.letters() == []
    assert len(at.send(many(3)).sent) == 3


def test_a_refused_key_leaves_events_for_the_next_run(world: Callable[..., World]) -> None:
    account = Account(says=lambda _: Reply(401, {"code": "unauthorized", "message": "Key not found"}))
    at = world(account)
    with pytest.raises(AuthError):
        at.send(many(2))
    assert at.states(many(2)) == [IntentState.OPEN, IntentState.OPEN]


# ------------------------------------------------------------------------------------------------ batches


def test_a_batch_that_is_taken_in_part_names_the_others(world: Callable[..., World]) -> None:
    account = Account(bad={"5", "150"})
    at = world(account)
    outcome = at.send(many(300))
    assert ([one.key for one in outcome.failed], len(outcome.sent)) == (["5", "150"], 298)
    (first, *_) = at.store.letters.list()
    assert first.letter.vendor is not None
    assert "4915112345678" not in first.letter.vendor.message
    assert len(at.requests) == 2


def test_a_batch_that_is_taken_in_part_without_saying_which_is_in_doubt(world: Callable[..., World]) -> None:
    at = world(Account(says=lambda _: Reply(207, {"status": "partial_success"})))
    outcome = at.send(many(150))
    assert (len(outcome.in_doubt), len(outcome.sent)) == (150, 0)


def test_a_batch_that_is_refused_without_reason_is_tried_one_by_one(world: Callable[..., World]) -> None:
    account = Account(bad={"77"})
    refused = Reply(400, {"code": "invalid_parameter", "message": "bad batch"})
    account.says = lambda received: refused if received.path.endswith("/batch") else None
    at = world(account)
    outcome = at.send(many(150))
    assert ([one.key for one in outcome.failed], len(outcome.sent)) == (["77"], 149)
    assert at.bench.client.usage.used == {"other": 1, "events": 150}


def test_a_batch_that_is_refused_for_some_tries_the_others(world: Callable[..., World]) -> None:
    account = Account()
    told = {"failed_events": 1, "errors": [{"eventIndex": [3], "message": "no"}]}
    account.says = lambda received: Reply(400, told) if received.path.endswith("/batch") else None
    outcome = world(account).send(many(150))
    assert ([one.key for one in outcome.failed], len(outcome.sent)) == (["3"], 149)


# ------------------------------------------------------------------------------------------------ resend and crashes


def test_who_asks_for_it_has_events_in_doubt_sent_again(world: Callable[..., World]) -> None:
    replies = iter([Reply(502), Reply(500)])
    account = Account(says=lambda _: next(replies, None))
    at = world(account)
    assert len(at.send([event()], in_doubt="resend").sent) == 1
    assert (len(at.requests), at.letters()) == (3, [])


def test_an_event_that_was_being_sent_when_the_process_died_is_a_letter_never_a_second_call(
    world: Callable[..., World],
) -> None:
    at = world(Account())
    plan_events(at.state, [event()], NOW)
    at.state.intents.mark([event().tajo_id], IntentState.SENDING)
    outcome = at.recover()
    assert [one.key for one in outcome.in_doubt] == ["1"]
    assert at.letters() == [(LetterKind.IN_DOUBT, "1", "order_placed", "unanswered")]
    assert at.requests == []
    assert not at.send([event()]).sent


def test_after_a_crash_an_event_in_doubt_goes_again_where_that_is_asked_for(world: Callable[..., World]) -> None:
    at = world(Account())
    at.state.save_contacts([ContactEntry(key="ana@example.com")])
    plan_events(at.state, [event()], NOW)
    at.state.intents.mark([event().tajo_id], IntentState.SENDING)
    assert len(at.recover(in_doubt="resend").sent) == 1


def test_an_event_that_was_stored_and_not_sent_goes_in_the_next_run(world: Callable[..., World]) -> None:
    account = Account()
    at = world(account)
    at.state.save_contacts([ContactEntry(key="ana@example.com"), ContactEntry(key="+491511")])
    plan_events(at.state, [event(1), event(2, email=None, phone="+491511")], NOW)
    assert len(at.recover().sent) == 2
    assert at.recover() == EventOutcome()
    assert account.taken == ["1", "2"]


def test_an_event_that_waited_too_long_is_a_letter(world: Callable[..., World]) -> None:
    at = world(Account())
    at.state.save_contacts([ContactEntry(key="ana@example.com")])
    old = event(2, at=NOW - timedelta(days=300))  # stored by --with-events: only its waiting counts
    plan_events(at.state, [event(1), old], NOW)
    outcome = at.recover(now=NOW + timedelta(hours=23, minutes=30))
    assert ([one.key for one in outcome.late], [one.key for one in outcome.sent]) == (["1"], ["2"])
    assert at.letters() == [(LetterKind.EVENT, "1", "order_placed", "too_late")]
    assert not at.send([event(1)]).sent


def test_a_left_event_never_makes_a_contact(world: Callable[..., World]) -> None:
    at = world(Account())
    plan_events(at.state, [event()], NOW)
    assert not at.recover().sent
    assert at.letters() == [(LetterKind.EVENT, "1", "order_placed", "contact_unknown")]
    assert at.requests == []


def test_a_cart_that_comes_again_decides_anew(world: Callable[..., World]) -> None:
    at = world(Account())
    plan_events(at.state, [event(stream="carts")], NOW)
    assert at.recover() == EventOutcome()
    assert at.states([event()]) == [None]


def test_an_events_cause_and_the_event_are_kept_together(world: Callable[..., World]) -> None:
    at = world(Account())
    with at.state.transaction():
        planned = plan_events(at.state, [event()], NOW)
    assert len(send_planned(at.bench.client, at.state, planned, run_id="run-1").sent) == 1
