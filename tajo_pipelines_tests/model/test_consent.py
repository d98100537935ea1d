"""The rule itself: which yes lifts which no."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo_pipelines.model.consent import (
    BREVO,
    SKEW,
    Cause,
    Channel,
    Fact,
    Signal,
    State,
    judge,
    lifts,
    signal_to_fact,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(seconds=1)


def fact(state: State, at: datetime | None, source: str = "a", *, confirmed: bool = False) -> Fact:
    return Fact("ann@example.com", Channel.EMAIL, source, state, at, NOON + HOUR, confirmed=confirmed)


def yes(at: datetime | None, source: str = "a", *, confirmed: bool = False) -> Fact:
    return fact(State.GRANTED, at, source, confirmed=confirmed)


NO = fact(State.DENIED, NOON)
CARRIED = replace(NO, carried_by_brevo=True)


@pytest.mark.parametrize(
    ("given_yes", "no", "expected"),
    [
        (yes(NOON + TICK), NO, True),
        (yes(NOON), NO, False),
        (yes(None), NO, False),
        (yes(None, confirmed=True), NO, False),
        (yes(NOON + HOUR, "b"), NO, False),
        (yes(NOON + SKEW, "b", confirmed=True), NO, False),
        (yes(NOON + SKEW + TICK, "b", confirmed=True), NO, True),
        (yes(NOON + TICK, confirmed=True), NO, True),
        (yes(NOON + TICK, BREVO), NO, False),
        (yes(NOON + TICK, BREVO), CARRIED, True),
        (yes(NOON + TICK, "b"), CARRIED, False),
        (yes(NOON + HOUR, confirmed=True), replace(NO, cause=Cause.COMPLAINT), False),
        (yes(NOON + HOUR, confirmed=True), replace(NO, cause=Cause.HARD_BOUNCE), False),
    ],
)
def test_a_no_is_lifted_where_it_was_said_or_by_a_confirmed_yes_alone(
    given_yes: Fact, no: Fact, expected: bool
) -> None:
    assert lifts(given_yes, no) is expected


def test_each_objection_needs_a_yes_of_its_own() -> None:
    verdict = judge([NO, yes(NOON + HOUR), fact(State.DENIED, NOON, "b")])
    assert (verdict.state, verdict.objection, verdict.contested) == (State.DENIED, fact(State.DENIED, NOON, "b"), True)
    assert verdict.lifted == (NO,)


def test_the_yes_that_counts_is_the_one_that_lifts() -> None:
    lifting = yes(NOON + HOUR, confirmed=True, source="b")
    assert judge([NO, lifting, yes(NOON + 2 * HOUR, "c")]).grant == lifting


def test_nothing_said_is_unknown() -> None:
    assert judge([]).state is State.UNKNOWN


def test_an_objection_alone_isnt_contested_by_an_older_yes() -> None:
    assert not judge([NO, yes(NOON - HOUR, "b"), yes(None, "b")]).contested


facts = st.builds(
    Fact,
    address=st.just("ann@example.com"),
    channel=st.just(Channel.EMAIL),
    source=st.sampled_from(["a", "b", BREVO]),
    state=st.sampled_from([State.GRANTED, State.DENIED]),
    at=st.none() | st.integers(0, 30).map(lambda minutes: NOON + timedelta(minutes=minutes)),
    recorded_at=st.just(NOON + HOUR),
    confirmed=st.booleans(),
    cause=st.sampled_from(list(Cause)),
    carried_by_brevo=st.booleans(),
)


@given(st.lists(facts, max_size=6), st.randoms())
def test_the_order_in_which_facts_came_doesnt_matter(found: list[Fact], chance: object) -> None:
    shuffled = list(found)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    first, second = judge(found), judge(shuffled)
    assert (first.state, first.contested, set(first.lifted)) == (second.state, second.contested, set(second.lifted))


@given(st.lists(facts, max_size=6), facts.filter(lambda new: new.state is State.DENIED))
def test_one_more_objection_never_makes_anybody_mailable(found: list[Fact], no: Fact) -> None:
    if judge(found).state is not State.GRANTED:
        assert judge([*found, no]).state is not State.GRANTED


@given(st.lists(facts, max_size=6))
def test_who_is_granted_has_said_yes_and_nothing_stands_against_it(found: list[Fact]) -> None:
    verdict = judge(found)
    noes = [item for item in found if item.state is State.DENIED]
    assert (verdict.state is State.GRANTED) == (verdict.grant is not None and all(no in verdict.lifted for no in noes))
    assert (verdict.state is State.DENIED) == (verdict.objection is not None)


def signal(state: State, **more: object) -> Signal:
    return Signal(channel=Channel.EMAIL, state=state, **more)  # type: ignore[arg-type]  # fields by name


def stated(given_signal: Signal, *, confirmed_only: bool = False) -> Fact | None:
    return signal_to_fact(
        given_signal, address="ann@example.com", source="a", read_at=NOON, confirmed_only=confirmed_only
    )


def test_silence_is_no_fact() -> None:
    assert stated(signal(State.UNKNOWN, at=NOON)) is None


def test_a_no_without_a_time_dates_from_its_reading_and_a_yes_stays_without() -> None:
    no, said = stated(signal(State.DENIED)), stated(signal(State.GRANTED))
    assert no is not None
    assert said is not None
    assert (no.at, said.at) == (NOON, None)


def test_where_only_a_confirmed_yes_counts_a_plain_one_is_silence_and_a_no_still_counts() -> None:
    assert stated(signal(State.GRANTED), confirmed_only=True) is None
    assert stated(signal(State.GRANTED, confirmed=True), confirmed_only=True) is not None
    assert stated(signal(State.DENIED), confirmed_only=True) is not None
