"""What two mappings say differently: nothing where they are one, and after a replay no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tajo_pipelines.brevo.attributes import AttributePlan, AttributeType
from tajo_pipelines.brevo.contact_change import ContactChange, ContactPolicy, Draft
from tajo_pipelines.brevo.contact_values import plan_attributes
from tajo_pipelines.mapping.engine import CompiledMapping, compile_mapping
from tajo_pipelines.mapping.spec import FieldRule
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.model.ledger import AttributeEntry, ContactEntry
from tajo_pipelines.sync.mapping_difference import (
    Difference,
    Kind,
    Said,
    Samples,
    between,
    merged,
    said_by,
    since_given,
)
from tajo_pipelines_tests.mapping.strategies import customers, raws, rules

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
POLICY = ContactPolicy(all_contacts=1, subscribers={})

Given = Mapping[str, AttributeEntry]


def taken(*mappings: CompiledMapping) -> AttributePlan:
    """An account that takes all that these mappings write; where they differ in a type, the first has it."""
    known = {name: AttributeType(str(kind)) for one in reversed(mappings) for name, kind in one.types.items()}
    return AttributePlan(known=known)


def replay(said: Said, held: Given) -> tuple[Said, Given]:
    """What a delivery would send, and what the ledger holds after it."""
    change = ContactChange(
        connection="shop",
        stream="customers",
        key="1",
        email="ana@example.com",
        phone=None,
        attributes=said.values,
        cleared=tuple(sorted(said.cleared)),
        facts=(),
        source_time=NOON,
        primary=True,
    )
    entry = ContactEntry(key="ana@example.com", attributes=dict(held))
    draft = Draft("ana@example.com", "ana@example.com", None, None, entry, True, changes=[change], given=dict(held))
    plan_attributes(draft, POLICY)
    return Said(draft.attributes, frozenset(draft.cleared)), draft.given


def told(said: Said, held: Given, earlier: Sequence[Said]) -> dict[str, Difference]:
    sent, _ = replay(said, held)
    return since_given(sent, said, held, earlier, "shop")


@given(rules(), customers, raws)
def test_a_mapping_compared_with_itself_shows_nothing(
    written: list[FieldRule], customer: Customer, raw: dict[str, Any]
) -> None:
    mapping = compile_mapping(written)
    said = said_by(mapping, taken(mapping), customer, raw)
    assert between(said, said) == {}
    _, held = replay(said, {})
    assert told(said, held, [said]) == {}


@given(rules(), rules(), customers, raws)
def test_what_is_shown_is_what_a_replay_sends_and_after_it_nothing_is(
    first: list[FieldRule], second: list[FieldRule], customer: Customer, raw: dict[str, Any]
) -> None:
    # The same targets, fed by others; some rules are gone, some are added.
    turned = [
        replace(other, target=rule.target, type=None) for rule, other in zip(first, reversed(second), strict=False)
    ]
    added = [rule for rule in second if rule.target not in {one.target for one in turned}][:2]
    before, today = compile_mapping(first), compile_mapping(_that_compile([*turned, *added]))
    account = taken(today, before)
    old, new = said_by(before, account, customer, raw), said_by(today, account, customer, raw)
    _, held = replay(old, {})
    shown = told(new, held, [old])
    sent, after = replay(new, held)
    assert {name for name, each in shown.items() if each.kind is not Kind.NO_LONGER_SENT} == sent.names
    # Whatever the ledger bears out, the two mappings say differently as well.
    assert shown.keys() == between(old, new).keys()
    assert all(each.old_known and each.old == old.values.get(name) for name, each in shown.items())
    assert told(new, after, [new]) == {}


def _that_compile(written: Sequence[FieldRule]) -> list[FieldRule]:
    found = []
    for rule in written:
        try:
            compile_mapping([rule])
        except ConfigError:
            continue
        found.append(rule)
    return found


def entry(value: Any, owner: str = "shop") -> AttributeEntry:
    _, held = replay(Said({"X": value}), {})
    return AttributeEntry(hash=held["X"].hash, owner=owner, source_time=NOON)


def test_what_another_connection_gave_isn_t_ours_to_leave_out() -> None:
    earlier = [Said({"CITY": "Rome"})]
    assert told(Said({}), {"CITY": entry("Rome", "hubspot")}, earlier) == {}
    assert told(Said({}), {"CITY": entry("Rome")}, earlier)["CITY"].kind is Kind.NO_LONGER_SENT


def test_an_old_value_that_no_mapping_explains_is_called_unknown() -> None:
    found = told(Said({"CITY": "Rome"}), {"CITY": entry("Milan")}, [Said({"CITY": "Paris"})])["CITY"]
    assert (found.kind, found.old, found.old_known, found.new) == (Kind.CHANGED, None, False, "Rome")


def test_cleared_is_told_apart_from_no_longer_sent() -> None:
    old = Said({"A": "a", "B": "b"})
    assert {name: each.kind for name, each in between(old, Said({}, frozenset({"A"}))).items()} == {
        "A": Kind.CLEARED,
        "B": Kind.NO_LONGER_SENT,
    }


@given(st.lists(st.dictionaries(st.sampled_from("ABC"), st.sampled_from(["", "x", "y"]), max_size=3), max_size=4))
def test_of_several_records_of_a_person_the_newest_word_counts(words: list[dict[str, str]]) -> None:
    parts = [
        Said(
            {name: value for name, value in word.items() if value},
            frozenset(name for name, value in word.items() if not value),
        )
        for word in words
    ]
    last = {name: value for word in words for name, value in word.items()}
    whole = merged(parts)
    assert whole.values == {name: value for name, value in last.items() if value}
    assert whole.cleared == {name for name, value in last.items() if not value}


def test_samples_are_of_all_attributes_and_never_more_than_asked_for() -> None:
    samples = Samples(5)
    for number in range(100):
        samples.add(str(number), "A" if number < 90 else "B", Difference(Kind.NEW, None, number))
    found = [(sample.attribute, sample.key) for sample in samples]
    assert found == [("A", "0"), ("A", "1"), ("A", "2"), ("B", "90"), ("B", "91")]
    none = Samples(0)
    none.add("1", "A", Difference(Kind.NEW, None, 1))
    assert list(none) == []
