"""What a reading teaches about consent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tajo_pipelines.brevo.learning import MOMENT, learn, statistics_facts
from tajo_pipelines.model.consent import BREVO, Cause, Channel, Fact, State
from tajo_pipelines.model.ledger import Block
from tajo_pipelines.model.picture import SeenContact

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANN = "ann@example.com"
OPEN = SeenContact(
    contact_id=1,
    email=ANN,
    phone=None,
    email_blocked=False,
    sms_blocked=False,
    lists=frozenset(),
    left_lists=frozenset(),
    double_opted_in=False,
    mark="",
    sources="",
    created_at=NOON - 9 * HOUR,
    modified_at=NOON,
    read_at=NOON,
)
BLOCKED = replace(OPEN, email_blocked=True)
GUESS = Block(reason="unknown", at=NOON - HOUR, until=NOON - HOUR / 2)
DENIED = Block(reason="denied:a", at=NOON - HOUR, until=NOON - HOUR / 2)


def later(contact: SeenContact, **changes: Any) -> SeenContact:
    return replace(contact, read_at=NOON + HOUR, **changes)


def fact(state: State, at: datetime, source: str = BREVO, **changes: Any) -> Fact:
    return replace(Fact(ANN, Channel.EMAIL, source, state, at, at), **changes)


def taught(
    before: SeenContact | None, after: SeenContact, *known: Fact, block: Block | None = None
) -> list[tuple[str, State, datetime | None, bool]]:
    blocks = {"email": block} if block is not None else {}
    seen = learn(before, after, {(ANN, Channel.EMAIL): list(known)}, blocks)
    return [(found.source, found.state, found.at, found.carried_by_brevo) for found in seen.facts]


def test_a_block_that_isnt_ours_is_an_objection() -> None:
    assert taught(None, BLOCKED) == [(BREVO, State.DENIED, NOON, False)]


@pytest.mark.parametrize("mark", ["email:unknown@2026-11-24T11:00:00Z", ""])
def test_our_own_guess_is_none(mark: str) -> None:
    assert taught(None, replace(BLOCKED, mark=mark), block=None if mark else GUESS) == []


def test_a_mark_brings_the_objection_back_that_a_lost_store_knew() -> None:
    marked = replace(BLOCKED, mark="email:denied:a@2026-11-24T09:00:00Z/2026-11-24T10:00:00Z")
    assert taught(None, marked) == [("a", State.DENIED, NOON - 2 * HOUR, True)]
    marked = replace(BLOCKED, mark="email:denied:brevo@2026-11-24T09:00:00Z")
    assert taught(None, marked) == [(BREVO, State.DENIED, NOON - 3 * HOUR, False)]


def test_a_block_that_stays_is_no_younger_objection_but_a_second_one_is() -> None:
    known = fact(State.DENIED, NOON)
    assert taught(BLOCKED, later(BLOCKED), known) == []
    assert taught(OPEN, later(BLOCKED), known) == [(BREVO, State.DENIED, NOON + HOUR, False)]
    assert taught(None, later(BLOCKED), known) == [(BREVO, State.DENIED, NOON + HOUR, False)]


def test_what_the_shop_denied_is_carried_once_brevo_is_read_back_blocked() -> None:
    dated, undated = fact(State.DENIED, NOON - HOUR, "a", recorded_at=NOON), fact(State.DENIED, NOON, "a")
    for known in (dated, undated):
        assert taught(BLOCKED, later(BLOCKED), known, block=DENIED) == [("a", State.DENIED, known.at, True)]
        late = replace(known, recorded_at=NOON + 2 * HOUR)
        assert taught(BLOCKED, later(BLOCKED), late, block=DENIED) == []


def test_what_is_older_than_a_yes_at_brevo_isnt_carried_after_all() -> None:
    no, yes = fact(State.DENIED, NOON - HOUR, "a"), fact(State.GRANTED, NOON)
    assert taught(BLOCKED, later(BLOCKED), no, yes, block=DENIED) == []


def test_freed_there_is_a_yes_no_younger_than_the_last_reading_of_the_block() -> None:
    assert taught(BLOCKED, later(OPEN)) == [(BREVO, State.GRANTED, NOON + MOMENT, False)]


def test_our_denial_that_took_effect_and_is_gone_was_lifted_there() -> None:
    assert DENIED.until is not None
    assert taught(None, OPEN, block=DENIED) == [(BREVO, State.GRANTED, DENIED.until + MOMENT, False)]
    made_later = replace(OPEN, created_at=NOON)
    assert taught(None, made_later, block=DENIED) == []
    assert taught(None, OPEN, block=Block(reason=DENIED.reason, at=DENIED.at)) == []


def test_a_guess_that_is_gone_may_never_have_been_there() -> None:
    assert taught(None, OPEN, block=GUESS) == []
    assert learn(None, OPEN, {}, {"email": GUESS}).dropped == {Channel.EMAIL}


def test_who_leaves_a_contact_that_was_made_anew_isnt_taken_for_our_old_guess() -> None:
    made_later = replace(BLOCKED, created_at=NOON - timedelta(minutes=14))
    assert taught(None, made_later, block=GUESS) == [(BREVO, State.DENIED, NOON, False)]
    assert learn(None, made_later, {}, {"email": GUESS}).dropped == {Channel.EMAIL}
    assert taught(BLOCKED, later(made_later), block=GUESS) == []


def test_a_stale_mark_is_taken_off() -> None:
    assert learn(None, replace(OPEN, mark="email:unknown@2026-11-24T11:00:00Z"), {}, {}).marked == {Channel.EMAIL}


def test_a_block_that_a_rename_lost_is_set_again_and_objections_go_along() -> None:
    renamed = later(OPEN, email="bob@example.com")
    known = {(ANN, Channel.EMAIL): [fact(State.DENIED, NOON)]}
    seen = learn(BLOCKED, renamed, known, {})
    assert seen.reblock == {Channel.EMAIL}
    assert [(found.address, found.state) for found in seen.facts] == [("bob@example.com", State.DENIED)]


def test_a_double_opt_in_is_as_old_as_the_contact_and_is_read_once() -> None:
    double = replace(OPEN, double_opted_in=True)
    assert taught(None, double) == [(BREVO, State.GRANTED, double.created_at, False)]
    assert taught(double, later(double)) == []
    assert taught(OPEN, later(double)) == [(BREVO, State.GRANTED, NOON, False)]
    assert taught(double, later(double, email="bob@example.com")) == []


def test_a_double_opt_in_counts_against_our_own_denial_alone() -> None:
    double = replace(BLOCKED, double_opted_in=True)
    assert (BREVO, State.GRANTED, double.created_at, False) in taught(None, double, block=DENIED)
    assert [state for _, state, _, _ in taught(None, double)] == [State.DENIED]
    assert taught(None, double, block=GUESS) == []


def event(at: datetime) -> dict[str, str]:
    return {"eventTime": at.isoformat()}


def told(ours: Block | None, over: datetime | None = None, **events: datetime) -> list[tuple[Cause, datetime | None]]:
    statistics: dict[str, Any] = {
        "unsubscriptions": {
            kind: [event(at)] for kind, at in events.items() if kind in ("userUnsubscription", "adminUnsubscription")
        },
    }
    statistics |= {kind: [event(at)] for kind, at in events.items() if kind in ("complaints", "hardBounces")}
    return [(found.cause, found.at) for found in statistics_facts(statistics, BLOCKED, ours, over=over)]


def test_statistics_tell_what_people_did_and_why() -> None:
    assert told(None, userUnsubscription=NOON) == [(Cause.OBJECTION, NOON)]
    assert told(None, complaints=NOON, hardBounces=NOON) == [(Cause.COMPLAINT, NOON), (Cause.HARD_BOUNCE, NOON)]
    assert statistics_facts({}, BLOCKED, None) == []


@pytest.mark.parametrize(
    ("at", "ours"),
    [
        (NOON - HOUR, True),
        (NOON - HOUR - timedelta(minutes=4), True),
        (NOON - HOUR / 2 + timedelta(minutes=14), True),
        (NOON - HOUR / 2 + timedelta(minutes=16), False),
        (NOON - 2 * HOUR, False),
        (BLOCKED.created_at + timedelta(seconds=2), True),
    ],
)
def test_a_block_of_our_own_isnt_taken_for_an_admins(at: datetime, ours: bool) -> None:
    assert told(GUESS, adminUnsubscription=at) == ([] if ours else [(Cause.OBJECTION, at)])
    assert told(GUESS, userUnsubscription=at) == [(Cause.OBJECTION, at)]
    assert told(None, adminUnsubscription=at) == [(Cause.OBJECTION, at)]


def test_what_was_over_when_somebody_was_freed_is_history_but_no_complaint_is() -> None:
    assert told(None, NOON, userUnsubscription=NOON, adminUnsubscription=NOON - HOUR) == []
    assert told(None, NOON, userUnsubscription=NOON + MOMENT) == [(Cause.OBJECTION, NOON + MOMENT)]
    assert told(None, NOON, complaints=NOON - HOUR) == [(Cause.COMPLAINT, NOON - HOUR)]
