"""An erased person is told again by digests alone, their objection stays, and a lost key is no open door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tajo_pipelines.model.consent import ERASED, Cause, Channel, Fact, State, judge
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.store import Store
from tajo_pipelines.store.schema import tombstones
from tajo_pipelines.store.tombstones import Mark, address_mark, record_mark

KEY = bytes(range(32))
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ANA, NUMBER = "ana@example.com", "+4915112345678"
MARKS: dict[Mark, Cause | None] = {
    address_mark(ANA): Cause.OBJECTION,
    address_mark(NUMBER): None,
    record_mark("shopify", "customers", "1"): None,
}


def test_what_was_erased_is_found_again_and_named_nowhere(store: Store) -> None:
    stones = store.tombstones("acme", KEY)
    assert not stones.exist()
    assert stones.find(MARKS) == {}
    digests = stones.lay(MARKS, NOON)
    found = stones.find([*MARKS, address_mark("else@example.com"), record_mark("shopify", "orders", "1")])
    assert found.keys() == MARKS.keys()
    assert found[address_mark(ANA)].objection is Cause.OBJECTION
    assert {stone.erased_at for stone in found.values()} == {NOON}
    assert stones.digests(MARKS) == sorted(digests)
    with store.database.reading() as connection:
        kept = str(connection.execute(select(tombstones)).all())
    assert ANA not in kept
    assert NUMBER not in kept


def test_tombstones_are_of_one_account(store: Store) -> None:
    store.tombstones("acme", KEY).lay(MARKS, NOON)
    assert not store.tombstones("other", KEY).exist()
    assert store.tombstones("other", None).find(MARKS) == {}


def test_the_objection_of_an_erased_person_is_seen_by_the_judge(store: Store) -> None:
    stones = store.tombstones("acme", KEY)
    stones.lay(MARKS, NOON)
    state = store.account("acme", stones)
    facts = state.facts([ANA, NUMBER])
    assert facts.keys() == {(ANA, Channel.EMAIL)}
    [fact] = facts[(ANA, Channel.EMAIL)]
    assert (fact.source, fact.state, fact.at) == (ERASED, State.DENIED, NOON)
    assert judge([fact, yes(NOON - timedelta(days=1))]).state is State.DENIED
    assert judge([fact, yes(None)]).state is State.DENIED
    assert judge([fact, yes(NOON + timedelta(minutes=4))]).state is State.DENIED
    assert judge([fact, yes(NOON + timedelta(minutes=6))]).state is State.GRANTED
    assert store.account("acme").facts([ANA]) == {}


def yes(at: datetime | None) -> Fact:
    return Fact(ANA, Channel.EMAIL, "shopify", State.GRANTED, at, NOON)


def test_a_complaint_outlives_every_erasure(store: Store) -> None:
    stones = store.tombstones("acme", KEY)
    mark = address_mark(ANA)
    stones.lay({mark: Cause.COMPLAINT}, NOON)
    stones.lay({mark: Cause.OBJECTION}, NOON + timedelta(days=1))
    stones.lay({mark: None}, NOON + timedelta(days=2))
    [stone] = stones.find([mark]).values()
    assert stone.objection is Cause.COMPLAINT
    assert stone.erased_at == NOON + timedelta(days=2)
    [fact] = stones.objections([ANA])
    assert judge([fact, yes(NOON + timedelta(days=30))]).state is State.DENIED


def test_without_the_key_nothing_is_laid_and_nothing_read(store: Store) -> None:
    blind = store.tombstones("acme", None)
    with pytest.raises(ConfigError, match="TAJO_SECRET_KEY isn't set") as raised:
        blind.lay(MARKS, NOON)
    assert raised.value.exit_code == 3
    assert "connectors connect" in raised.value.hint
    assert blind.find(MARKS) == {}
    store.tombstones("acme", KEY).lay(MARKS, NOON)
    with pytest.raises(ConfigError):
        blind.find(MARKS)
    with pytest.raises(ConfigError):
        blind.objections([ANA])


def test_another_key_is_refused_instead_of_telling_nobody(store: Store) -> None:
    store.tombstones("acme", KEY).lay(MARKS, NOON)
    other = store.tombstones("acme", bytes(32))
    with pytest.raises(ConfigError, match="isn't the one") as raised:
        other.find(MARKS)
    assert raised.value.code == "secret_key_changed"
    with pytest.raises(ConfigError):
        other.lay(MARKS, NOON)


def test_laying_more_is_seen_by_whoever_lands(store: Store) -> None:
    stones = store.tombstones("acme", KEY)
    before = stones.version()
    stones.lay(MARKS, NOON)
    once = stones.version()
    stones.lay({address_mark(ANA): None}, NOON + timedelta(seconds=1))
    assert len({before, once, stones.version()}) == 3
