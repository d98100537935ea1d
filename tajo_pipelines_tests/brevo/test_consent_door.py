"""Marks, what is new among facts, and what one channel is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo_pipelines.brevo.consent_door import (
    AGAINST_OBJECTION,
    FOR_UNKNOWN,
    OnUnknown,
    format_mark,
    moved_facts,
    new_facts,
    parse_mark,
    plan_channel,
)
from tajo_pipelines.model.consent import Channel, Fact, State, judge
from tajo_pipelines.model.ledger import Block

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
GUESS, DENIED = Block(reason="unknown", at=NOON), Block(reason="denied:a", at=NOON)

times = st.integers(-1_000_000, 1_000_000).map(lambda seconds: NOON + timedelta(seconds=seconds))
blocks = st.builds(
    Block,
    reason=st.sampled_from(["unknown", "denied:brevo", "denied:shop-fr"]),
    at=times,
    since=st.none() | times,
)


@given(st.dictionaries(st.sampled_from([channel.value for channel in Channel]), blocks))
def test_a_mark_is_read_as_it_was_written(held: dict[str, Block]) -> None:
    assert parse_mark(format_mark(held)) == held


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "email:unknown",
        "email:unknown@yesterday",
        "fax:unknown@2026-11-24T12:00:00Z",
        "email:spam@2026-11-24T12:00:00Z",
        "email:unknown@2026-11-24T12:00:00",
        "@",
        ":@",
        "email:unknown@2026-11-24T12:00:00Z/later",
    ],
)
def test_a_mark_that_somebody_else_wrote_names_nothing(text: str) -> None:
    assert parse_mark(text) == {}
    assert parse_mark(f"{text} sms:unknown@2026-11-24T12:00:00Z") == {"sms": GUESS}


def fact(state: State, at: datetime | None, **changes: Any) -> Fact:
    return replace(Fact("ann@example.com", Channel.EMAIL, "a", state, at, NOON), **changes)


READ = fact(State.DENIED, NOON)
READ_AGAIN = fact(State.DENIED, NOON + HOUR, recorded_at=NOON + HOUR)
YES_BETWEEN = fact(State.GRANTED, NOON + HOUR / 2)


@pytest.mark.parametrize(
    ("known", "stated", "adds"),
    [
        ([], READ, True),
        ([READ], READ, False),
        ([READ], READ_AGAIN, False),
        ([READ, YES_BETWEEN], READ_AGAIN, True),
        ([READ, replace(YES_BETWEEN, source="b")], READ_AGAIN, False),
        ([READ], replace(READ_AGAIN, source="b"), True),
        ([READ], replace(READ_AGAIN, recorded_at=NOON + 2 * HOUR), True),
        ([READ], replace(READ, carried_by_brevo=True), True),
        ([replace(READ, carried_by_brevo=True)], READ, False),
        ([YES_BETWEEN], fact(State.GRANTED, None), False),
        ([fact(State.GRANTED, None)], YES_BETWEEN, True),
        ([YES_BETWEEN], replace(YES_BETWEEN, confirmed=True), True),
    ],
)
def test_a_no_that_is_read_again_isnt_a_younger_one(known: list[Fact], stated: Fact, adds: bool) -> None:
    assert new_facts(known, [stated]) == ([stated] if adds else [])


def test_only_what_stands_goes_along_to_a_new_address() -> None:
    lifted = fact(State.DENIED, NOON - HOUR)
    other = fact(State.DENIED, NOON, source="b")
    moved = moved_facts([lifted, fact(State.GRANTED, NOON), other], "bob@example.com")
    assert moved == [replace(other, address="bob@example.com")]


def plan(found: list[Fact], **circumstances: Any) -> Any:
    values: dict[str, Any] = {
        "exists": True,
        "newly_reachable": False,
        "blocked_now": False,
        "ours": None,
        "on_unknown": OnUnknown.BLOCK,
        "now": NOON + HOUR,
    }
    return plan_channel(judge(found), **(values | circumstances))


def test_a_denied_channel_is_flagged_in_every_write_and_blocked_once() -> None:
    assert plan([READ]).block == Block(reason="denied:a", at=NOON + HOUR)
    again = plan([READ], blocked_now=True, ours=DENIED)
    assert (again.flag, again.block) == (True, None)
    theirs = plan([READ], blocked_now=True)
    assert (theirs.flag, theirs.block) == (True, None)


def test_a_block_for_want_of_a_yes_comes_to_stand_for_the_objection() -> None:
    found = plan([READ], blocked_now=True, ours=GUESS).block
    assert found == Block(reason="denied:a", at=NOON, since=NOON + HOUR)


@pytest.mark.parametrize(
    ("found", "ours", "kind"),
    [
        ([YES_BETWEEN], GUESS, FOR_UNKNOWN),
        ([fact(State.GRANTED, None)], GUESS, FOR_UNKNOWN),
        ([READ, YES_BETWEEN], GUESS, AGAINST_OBJECTION),
        ([READ, YES_BETWEEN], DENIED, AGAINST_OBJECTION),
        ([YES_BETWEEN], None, AGAINST_OBJECTION),
    ],
)
def test_only_who_was_unknown_and_nothing_else_is_freed_without_count(
    found: list[Fact], ours: Block | None, kind: str
) -> None:
    planned = plan(found, blocked_now=True, ours=ours)
    assert (planned.free, planned.kind, planned.flag) == (True, kind, False)


def test_granted_needs_no_flag() -> None:
    assert not plan([YES_BETWEEN], exists=False, newly_reachable=True).flag


@pytest.mark.parametrize("policy", list(OnUnknown))
def test_unknown_never_touches_a_channel_that_is_reachable(policy: OnUnknown) -> None:
    planned = plan([], on_unknown=policy)
    assert (planned.flag, planned.block, planned.free, planned.skip) == (False, None, False, False)


@pytest.mark.parametrize("policy", list(OnUnknown))
def test_what_we_make_reachable_at_a_contact_that_exists_is_blocked(policy: OnUnknown) -> None:
    assert plan([], newly_reachable=True, on_unknown=policy).block == Block(reason="unknown", at=NOON + HOUR)
