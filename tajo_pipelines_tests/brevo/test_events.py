from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tajo_pipelines.brevo.events import EventOutcome, send_events
from tajo_pipelines.model.errors import AuthError, ContractError, RetryableError
from tajo_pipelines.model.intent import IntentState
from tajo_pipelines.model.letter import LetterKind
from tajo_pipelines.store import open_store
from tajo_pipelines_tests.brevo.event_world import DAY, NOW, Account, World, event, many, worlds
from tajo_pipelines_tests.brevo.stub import Received, Reply, bench

Make: TypeAlias = Callable[[Account], World]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Make]:
    with worlds(tmp_path) as make:
        yield make


def test_few_events_go_one_by_one_and_leave_the_batches_to_others(world: Make) -> None:
    account = Account()
    at = world(account)
    outcome = at.send(many(20))
    assert len(outcome.sent) == 20
    assert account.taken == [str(number) for number in range(20)]
    assert at.bench.client.usage.used == {"events": 20}


def test_many_events_go_in_batches(world: Make) -> None:
    account = Account()
    at = world(account)
    assert len(at.send(many(500)).sent) == 500
    assert account.taken == [str(number) for number in range(500)]
    assert at.bench.client.usage.used == {"other": 3}


def test_events_go_in_the_order_in_which_they_happened(world: Make) -> None:
    account = Account()
    world(account).send([event(1, at=NOW), event(2, at=NOW - DAY), event(3, at=NOW)])
    assert account.taken == ["2", "1", "3"]


def test_no_event_is_sent_twice_not_even_by_another_process(world: Make, tmp_path: Path) -> None:
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
def test_an_event_without_an_answer_is_a_letter_at_once_and_never_sent_again(world: Make, reply: Reply) -> None:
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
def test_before_a_call_its_beginning_is_stored(world: Make, count: int) -> None:
    account = Account()
    at = world(account)
    found: list[IntentState | None] = []

    def look(_: Received) -> None:
        found.extend(at.states(many(count)))

    account.says = look
    at.send(many(count))
    assert set(found) == {IntentState.SENDING}
    assert set(at.states(many(count))) == {IntentState.SENT}


def test_events_in_doubt_in_a_batch_are_a_letter_each(world: Make) -> None:
    account = Account()
    at = world(account)

    def once(received: Received) -> Reply | None:
        account.says = lambda _: None
        return Reply(500)

    account.says = once
    outcome = at.send(many(300))
    assert (len(outcome.in_doubt), len(outcome.sent), len(at.store.letters.list())) == (200, 100, 200)


def test_three_calls_in_a_row_without_an_answer_stop_the_run_and_the_others_wait(world: Make) -> None:
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
    world: Make,
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


def test_an_unfit_event_is_a_letter_and_the_others_go(world: Make) -> None:
    at = world(Account())
    outcome = at.send([event(1, name="not good"), event(2)])
    assert ([one.key for one in outcome.failed], [one.key for one in outcome.sent]) == (["1"], ["2"])
    assert at.letters() == [(LetterKind.EVENT, "1", "not good", "event_name")]


def test_where_brevo_takes_no_event_at_all_the_others_wait(world: Make) -> None:
    at = world(Account(bad={str(number) for number in range(50)}))
    with pytest.raises(ContractError, match="refuses every event"):
        at.send(many(50))
    assert len(at.requests) == 8
    assert at.states(many(50)).count(IntentState.OPEN) == 42


@pytest.mark.parametrize("status", [425, 429])
def test_what_brevo_didnt_take_is_repeated(world: Make, status: int) -> None:
    replies = iter([Reply(status, headers={"x-sib-ratelimit-reset": "2"})])
    account = Account(says=lambda _: next(replies, None))
    at = world(account)
    assert len(at.send([event()]).sent) == 1
    assert (len(at.requests), account.taken, at.letters()) == (2, ["1"], [])


def test_events_wait_where_no_connection_could_be_made(world: Make) -> None:
    account = Account()
    at = world(account)
    nobody = bench("http://127.0.0.1:9/v3")
    with pytest.raises(RetryableError):
        send_events(nobody.client, at.state, many(3), now=NOW, run_id="run-1")
    nobody.client.close()
    assert at.letters() == []
    assert len(at.send(many(3)).sent) == 3


def test_a_refused_key_leaves_events_for_the_next_run(world: Make) -> None:
    account = Account(says=lambda _: Reply(401, {"code": "unauthorized", "message": "Key not found"}))
    at = world(account)
    with pytest.raises(AuthError):
        at.send(many(2))
    assert at.states(many(2)) == [IntentState.OPEN, IntentState.OPEN]


# ------------------------------------------------------------------------------------------------ batches


def test_a_batch_that_is_taken_in_part_names_the_others(world: Make) -> None:
    account = Account(bad={"5", "150"})
    at = world(account)
    outcome = at.send(many(300))
    assert ([one.key for one in outcome.failed], len(outcome.sent)) == (["5", "150"], 298)
    (first, *_) = at.store.letters.list()
    assert first.letter.vendor is not None
    assert "4915112345678" not in first.letter.vendor.message
    assert len(at.requests) == 2


def test_a_batch_that_is_taken_in_part_without_saying_which_is_in_doubt(world: Make) -> None:
    at = world(Account(says=lambda _: Reply(207, {"status": "partial_success"})))
    outcome = at.send(many(150))
    assert (len(outcome.in_doubt), len(outcome.sent)) == (150, 0)


def test_a_batch_that_is_refused_without_reason_is_tried_one_by_one(world: Make) -> None:
    account = Account(bad={"77"})
    refused = Reply(400, {"code": "invalid_parameter", "message": "bad batch"})
    account.says = lambda received: refused if received.path.endswith("/batch") else None
    at = world(account)
    outcome = at.send(many(150))
    assert ([one.key for one in outcome.failed], len(outcome.sent)) == (["77"], 149)
    assert at.bench.client.usage.used == {"other": 1, "events": 150}


def test_a_batch_that_is_refused_for_some_tries_the_others(world: Make) -> None:
    account = Account()
    told = {"failed_events": 1, "errors": [{"eventIndex": [3], "message": "no"}]}
    account.says = lambda received: Reply(400, told) if received.path.endswith("/batch") else None
    outcome = world(account).send(many(150))
    assert ([one.key for one in outcome.failed], len(outcome.sent)) == (["3"], 149)
