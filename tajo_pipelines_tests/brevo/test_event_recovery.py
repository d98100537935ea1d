from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from tajo_pipelines.brevo.events import EventOutcome, plan_events, send_planned
from tajo_pipelines.model.intent import IntentState
from tajo_pipelines.model.ledger import ContactEntry
from tajo_pipelines.model.letter import LetterKind
from tajo_pipelines_tests.brevo.event_world import NOW, Account, World, event, worlds
from tajo_pipelines_tests.brevo.stub import Reply

Make: TypeAlias = Callable[[Account], World]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Make]:
    with worlds(tmp_path) as make:
        yield make


def test_who_asks_for_it_has_events_in_doubt_sent_again(world: Make) -> None:
    replies = iter([Reply(502), Reply(500)])
    account = Account(says=lambda _: next(replies, None))
    at = world(account)
    assert len(at.send([event()], in_doubt="resend").sent) == 1
    assert (len(at.requests), at.letters()) == (3, [])


def test_an_event_that_was_being_sent_when_the_process_died_is_a_letter_never_a_second_call(
    world: Make,
) -> None:
    at = world(Account())
    plan_events(at.state, [event()], NOW)
    at.state.intents.mark([event().tajo_id], IntentState.SENDING)
    outcome = at.recover()
    assert [one.key for one in outcome.in_doubt] == ["1"]
    assert at.letters() == [(LetterKind.IN_DOUBT, "1", "order_placed", "unanswered")]
    assert at.requests == []
    assert not at.send([event()]).sent


def test_after_a_crash_an_event_in_doubt_goes_again_where_that_is_asked_for(world: Make) -> None:
    at = world(Account())
    at.state.save_contacts([ContactEntry(key="ana@example.com")])
    plan_events(at.state, [event()], NOW)
    at.state.intents.mark([event().tajo_id], IntentState.SENDING)
    assert len(at.recover(in_doubt="resend").sent) == 1


def test_an_event_that_was_stored_and_not_sent_goes_in_the_next_run(world: Make) -> None:
    account = Account()
    at = world(account)
    at.state.save_contacts([ContactEntry(key="ana@example.com"), ContactEntry(key="+491511")])
    plan_events(at.state, [event(1), event(2, email=None, phone="+491511")], NOW)
    assert len(at.recover().sent) == 2
    assert at.recover() == EventOutcome()
    assert account.taken == ["1", "2"]


def test_an_event_that_waited_too_long_is_a_letter(world: Make) -> None:
    at = world(Account())
    at.state.save_contacts([ContactEntry(key="ana@example.com")])
    old = event(2, at=NOW - timedelta(days=300))  # stored by --with-events: only its waiting counts
    plan_events(at.state, [event(1), old], NOW)
    outcome = at.recover(now=NOW + timedelta(hours=23, minutes=30))
    assert ([one.key for one in outcome.late], [one.key for one in outcome.sent]) == (["1"], ["2"])
    assert at.letters() == [(LetterKind.EVENT, "1", "order_placed", "too_late")]
    assert not at.send([event(1)]).sent


def test_a_left_event_never_makes_a_contact(world: Make) -> None:
    at = world(Account())
    plan_events(at.state, [event()], NOW)
    assert not at.recover().sent
    assert at.letters() == [(LetterKind.EVENT, "1", "order_placed", "contact_unknown")]
    assert at.requests == []


def test_a_cart_that_comes_again_decides_anew(world: Make) -> None:
    at = world(Account())
    plan_events(at.state, [event(stream="carts")], NOW)
    assert at.recover() == EventOutcome()
    assert at.states([event()]) == [None]


def test_an_events_cause_and_the_event_are_kept_together(world: Make) -> None:
    at = world(Account())
    with at.state.transaction():
        planned = plan_events(at.state, [event()], NOW)
    assert len(send_planned(at.bench.client, at.state, planned, run_id="run-1").sent) == 1
