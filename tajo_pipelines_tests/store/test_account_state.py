from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tajo_pipelines.brevo import ports
from tajo_pipelines.model.consent import Cause, Channel, Fact, State
from tajo_pipelines.model.ledger import (
    AttributeEntry,
    Block,
    ContactEntry,
    Delivered,
    ImportRow,
    PendingImport,
    SourceEntry,
)
from tajo_pipelines.model.picture import SeenContact
from tajo_pipelines.store import Store
from tajo_pipelines.store.account_state import AccountState

NOON = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def state(store: Store) -> AccountState:
    return store.account("acme")


def seen(number: int, **changes: Any) -> SeenContact:
    contact = SeenContact(
        contact_id=number,
        email=f"p{number}@example.com",
        phone=None,
        email_blocked=False,
        sms_blocked=False,
        lists=frozenset({5, 6}),
        left_lists=frozenset(),
        double_opted_in=False,
        mark="",
        sources="",
        created_at=NOON - HOUR,
        modified_at=NOON,
        read_at=NOON,
    )
    return replace(contact, **changes)


def fact(**changes: Any) -> Fact:
    start = Fact("ana@example.com", Channel.EMAIL, "shopify", State.GRANTED, NOON, NOON, evidence="first")
    return replace(start, **changes)


def test_the_store_is_what_the_brevo_package_asks_for(store: Store) -> None:
    state: ports.AccountState = store.account("acme")
    budget: ports.Budget = store.budget("acme")
    calls: ports.CallLog = store.calls("acme")
    assert state.picture_read_at() == (None, None)
    assert budget.take("contacts", ports.BucketLimit(10, 36_000)) == 0
    calls.record(ports.Call(NOON, "r", "GET", "/account", "/account", "other", 200, 12, "", "{}", 0))
    assert [call.path for call in store.calls("acme").list()] == ["/account"]


def test_accounts_know_nothing_of_each_other(store: Store, state: AccountState) -> None:
    state.save_picture([seen(1, sources="shopify:1", phone="+491")])
    state.finish_picture(NOON, whole=True)
    state.add_facts([fact()])
    state.note_freed("a", Channel.EMAIL, "shopify", NOON, kind="b")
    state.save_contacts([ContactEntry(key="a", phone="+491")])
    state.save_sources([SourceEntry(connection="c", stream="s", key="1", contact_key="a", source_time=NOON)])
    state.save_import(pending("i1", NOON))
    state.cache("lists", {}, NOON)
    other = store.account("other")
    assert other.picture_read_at() == (None, None)
    assert other.seen_by_id([1]) == {}
    assert other.seen_by_email(["p1@example.com"]) == other.seen_by_phone(["+491"]) == {}
    assert other.seen_by_source(["shopify:1"]) == {}
    assert other.facts(["ana@example.com"]) == {}
    assert other.freed_today("shopify", NOON) == 0
    assert other.contacts(["a"]) == other.contacts_by_phone(["+491"]) == {}
    assert other.sources("c", "s", ["1"]) == {}
    assert other.pending_imports() == []
    assert other.cached("lists", NOON, 10) is None


def test_a_seen_contact_comes_back_whole(state: AccountState) -> None:
    contact = seen(
        1,
        phone="+4915112345678",
        email_blocked=True,
        sms_blocked=True,
        left_lists=frozenset({7}),
        double_opted_in=True,
        mark="email unknown 2026\0",
        sources="shopify:1,hubspot:2; shopify:1",
    )
    state.save_picture([contact, seen(2, email=None, lists=frozenset())])
    expected = replace(contact, mark="email unknown 2026�")
    assert state.seen_by_id([1, 2, 3]) == {1: expected, 2: seen(2, email=None, lists=frozenset())}
    assert state.seen_by_email(["p1@example.com", "p2@example.com"]) == {"p1@example.com": expected}
    assert state.seen_by_phone(["+4915112345678", "+1"]) == {"+4915112345678": expected}
    found = state.seen_by_source(["shopify:1", "hubspot:2", "hubspot:3"])
    assert found == {"shopify:1": expected, "hubspot:2": expected}


def test_a_contact_read_again_replaces_its_row_and_its_sources(state: AccountState) -> None:
    state.save_picture([seen(1, sources="shopify:1 shopify:2")])
    state.save_picture([seen(1, sources="shopify:2", email="new@example.com"), seen(1, sources="shopify:3")])
    assert set(state.seen_by_source(["shopify:1", "shopify:2", "shopify:3"])) == {"shopify:3"}
    assert state.seen_by_email(["p1@example.com"])[("p1@example.com")].contact_id == 1


def test_of_two_rows_with_one_address_the_later_reading_counts(state: AccountState) -> None:
    state.save_picture(
        [seen(1, email="a@example.com", read_at=NOON), seen(2, email="a@example.com", read_at=NOON - HOUR)]
    )
    assert state.seen_by_email(["a@example.com"])["a@example.com"].contact_id == 1


def test_a_whole_reading_drops_what_it_did_not_see(state: AccountState) -> None:
    state.save_picture([seen(1, read_at=NOON - HOUR, sources="shopify:1"), seen(2, read_at=NOON)])
    state.finish_picture(NOON, whole=False)
    assert state.picture_read_at() == (None, NOON)
    assert set(state.seen_by_id([1, 2])) == {1, 2}
    state.finish_picture(NOON, whole=True)
    assert state.picture_read_at() == (NOON, NOON)
    assert set(state.seen_by_id([1, 2])) == {2}
    assert state.seen_by_source(["shopify:1"]) == {}
    state.finish_picture(NOON + HOUR, whole=False)
    assert state.picture_read_at() == (NOON, NOON + HOUR)
    state.finish_picture(NOON - HOUR, whole=True)
    assert state.picture_read_at() == (NOON, NOON + HOUR)
    state.forget_seen([2, 99])
    assert state.seen_by_id([2]) == {}


def test_more_keys_than_a_statement_holds(state: AccountState) -> None:
    state.save_picture([seen(number, sources=f"shopify:{number}") for number in range(2500)])
    assert len(state.seen_by_id(range(5000))) == 2500
    assert len(state.seen_by_source([f"shopify:{number}" for number in range(5000)])) == 2500
    state.forget_seen(range(2400))
    assert len(state.seen_by_id(range(5000))) == 100


def test_facts_of_several_addresses(state: AccountState) -> None:
    facts = [
        fact(),
        fact(source="brevo", state=State.DENIED, cause=Cause.HARD_BOUNCE),
        fact(channel=Channel.SMS),
        fact(address="bob@example.com", confirmed=True),
    ]
    state.add_facts(facts)
    found = state.facts(["ana@example.com", "bob@example.com", "eve@example.com"])
    assert {key: set(value) for key, value in found.items()} == {
        ("ana@example.com", Channel.EMAIL): {facts[0], facts[1]},
        ("ana@example.com", Channel.SMS): {facts[2]},
        ("bob@example.com", Channel.EMAIL): {facts[3]},
    }


LATER = fact(at=NOON + HOUR, recorded_at=NOON + HOUR, evidence="later")
READ = fact(state=State.DENIED, evidence="reading")
DATED = fact(state=State.DENIED, evidence="statistics", at=NOON - HOUR, recorded_at=NOON + HOUR)
CARRIED_DATED = replace(READ, evidence="statistics", carried_by_brevo=True)
TIMELESS = fact(at=None, recorded_at=NOON + HOUR, evidence="no time")


@pytest.mark.parametrize(
    ("given_facts", "expected"),
    [
        ([fact(), LATER], LATER),
        ([LATER, fact()], LATER),
        ([fact(), TIMELESS], fact()),
        ([TIMELESS, fact()], fact()),
        ([TIMELESS, replace(TIMELESS, evidence="again")], TIMELESS),
        ([fact(), replace(fact(), evidence="again", recorded_at=NOON + HOUR)], fact()),
        ([fact(), replace(fact(), carried_by_brevo=True)], replace(fact(), carried_by_brevo=True)),
        ([replace(fact(), carried_by_brevo=True), fact()], replace(fact(), carried_by_brevo=True)),
        ([replace(fact(), carried_by_brevo=True), LATER], LATER),
        ([LATER, replace(fact(), carried_by_brevo=True)], LATER),
        ([READ, DATED], DATED),
        ([DATED, READ], READ),
        ([READ, replace(READ, evidence="statistics")], replace(READ, evidence="statistics")),
        ([replace(READ, carried_by_brevo=True), replace(READ, evidence="statistics")], CARRIED_DATED),
        ([DATED, replace(DATED, at=NOON - 2 * HOUR)], DATED),
        ([TIMELESS, replace(TIMELESS, carried_by_brevo=True)], replace(TIMELESS, carried_by_brevo=True)),
    ],
)
def test_the_newest_consent_of_a_source_stays(state: AccountState, given_facts: list[Fact], expected: Fact) -> None:
    state.add_facts(given_facts)
    assert state.facts(["ana@example.com"]) == {("ana@example.com", Channel.EMAIL): [expected]}


@pytest.mark.parametrize("turn", [1, 2])
def test_a_fact_given_again_changes_nothing(state: AccountState, turn: int) -> None:
    for single in [fact(), replace(fact(), carried_by_brevo=True), LATER, TIMELESS] * turn:
        state.add_facts([single])
    assert state.facts(["ana@example.com"]) == {("ana@example.com", Channel.EMAIL): [LATER]}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.none() | st.integers(0, 3), st.booleans()), min_size=1, max_size=6))
def test_the_order_in_which_facts_come_does_not_matter(store: Store, given: list[tuple[int | None, bool]]) -> None:
    facts = [fact(at=None if hour is None else NOON + hour * HOUR, carried_by_brevo=carried) for hour, carried in given]
    kept = []
    for order in (facts, facts[::-1]):
        state = store.account(str(time.monotonic_ns()))
        state.add_facts(order)
        ((only,),) = state.facts(["ana@example.com"]).values()
        kept.append(only)
    assert kept[0] == kept[1]
    hours = [hour for hour, _carried in given if hour is not None]
    at = NOON + max(hours) * HOUR if hours else None
    assert kept[0].at == at
    assert kept[0].carried_by_brevo == any(item.carried_by_brevo for item in facts if item.at == at)


def test_freed_people_are_counted_for_a_day_and_by_source(state: AccountState) -> None:
    state.note_freed("a", Channel.EMAIL, "shopify", NOON, kind="b")
    state.note_freed("a", Channel.SMS, "shopify", NOON, kind="b")
    state.note_freed("b", Channel.EMAIL, "shopify", NOON + HOUR, kind="b")
    state.note_freed("c", Channel.EMAIL, "shopify", NOON, kind="a")
    state.note_freed("d", Channel.EMAIL, "hubspot", NOON, kind="b")
    assert state.freed_today("shopify", NOON + HOUR) == 2
    assert state.freed_today("shopify", NOON + 24 * HOUR) == 1
    assert state.freed_today("shopify", NOON + 25 * HOUR) == 0


def entry(key: str, **changes: Any) -> ContactEntry:
    facts: dict[str, Any] = {
        "phone": "+491",
        "attributes": {"FIRSTNAME": AttributeEntry(hash="h", owner="shopify", source_time=NOON)},
        "lists": frozenset({5, 6}),
        "sources": frozenset({"shopify:1"}),
        "blocks": {"email": Block(reason="unknown", at=NOON)},
        "state": Delivered.CONFIRMED,
        "sent_at": NOON,
    }
    return ContactEntry(key=key, **(facts | changes))


def test_a_ledger_entry_comes_back_whole_and_is_replaced_whole(state: AccountState) -> None:
    state.save_contacts([entry("a"), entry("b", phone=None)])
    assert state.contacts(["a", "b", "c"]) == {"a": entry("a"), "b": entry("b", phone=None)}
    assert state.contacts_by_phone(["+491", "+492"]) == {"+491": entry("a")}
    changed = ContactEntry(key="a", phone="+492")
    state.save_contacts([entry("a"), changed])
    assert state.contacts(["a"]) == {"a": changed}
    assert state.contacts_by_phone(["+491", "+492"]) == {"+492": changed}


def test_a_renamed_contact_takes_its_sources_along(state: AccountState) -> None:
    state.save_contacts([entry("old"), entry("stays", phone=None)])
    state.save_sources([source("1", contact_key="old"), source("2", contact_key="stays")])
    state.rename_contact("old", "new")
    assert state.contacts(["old", "new"]) == {"new": entry("new")}
    found = state.sources("shopify", "customers", ["1", "2"])
    assert {key: item.contact_key for key, item in found.items()} == {"1": "new", "2": "stays"}
    state.rename_contact("new", "new")
    state.rename_contact("nobody", "somebody")
    assert state.contacts(["new", "somebody"]) == {"new": entry("new")}


def test_a_forgotten_contact_leaves_the_order_of_its_records(state: AccountState) -> None:
    state.save_contacts([entry("a"), entry("b")])
    state.save_sources([source("1")])
    state.forget_contacts(["a", "nobody"])
    assert set(state.contacts(["a", "b"])) == {"b"}
    assert state.sources("shopify", "customers", ["1"]) == {"1": source("1")}


def test_a_rename_onto_a_known_contact_keeps_the_sources_of_both(state: AccountState) -> None:
    state.save_contacts([entry("old"), entry("new", sources=frozenset({"hubspot:7"}), attributes={})])
    state.rename_contact("old", "new")
    assert state.contacts(["old", "new"]) == {"new": entry("new", sources=frozenset({"shopify:1", "hubspot:7"}))}


def source(key: str, **changes: Any) -> SourceEntry:
    facts: dict[str, Any] = {"contact_key": "a", "source_time": NOON, "hash": "h"}
    return SourceEntry(connection="shopify", stream="customers", key=key, **(facts | changes))


def test_an_older_record_never_replaces_a_newer_one(state: AccountState) -> None:
    state.save_sources([source("1"), source("2", contact_key=None)])
    state.save_sources([source("1", source_time=NOON - HOUR, hash="older")])
    assert state.sources("shopify", "customers", ["1", "2", "3"]) == {
        "1": source("1"),
        "2": source("2", contact_key=None),
    }
    state.save_sources([source("1", hash="same time"), source("1", source_time=NOON - HOUR, hash="older")])
    assert state.sources("shopify", "customers", ["1"])["1"].hash == "same time"
    assert state.sources("shopify", "orders", ["1"]) == {}


def pending(number: str, created: datetime, **changes: Any) -> PendingImport:
    facts: dict[str, Any] = {
        "body_hash": "h",
        "last_process": 41,
        "process_id": None,
        "rows": (ImportRow(entry=entry("a")), ImportRow(entry=entry("b"), sources=(source("1"),))),
    }
    return PendingImport(id=number, created_at=created, **(facts | changes))


def test_imports_are_pending_until_finished_oldest_first(state: AccountState) -> None:
    state.save_import(pending("late", NOON + HOUR))
    state.save_import(pending("early", NOON))
    assert state.pending_imports() == [pending("early", NOON), pending("late", NOON + HOUR)]
    state.save_import(pending("late", NOON + HOUR, process_id=42))
    assert state.pending_imports()[1].process_id == 42
    state.finish_import("early", "completed")
    state.save_import(pending("early", NOON))
    assert [item.id for item in state.pending_imports()] == ["late"]


def test_a_cached_document_ages(state: AccountState) -> None:
    document = {"FIRSTNAME": {"type": "text", "options": ["a", 1, None, True]}}
    state.cache("attributes", {}, NOON - HOUR)
    state.cache("attributes", document, NOON)
    assert state.cached("attributes", NOON + HOUR, 3600) == document
    assert state.cached("attributes", NOON + HOUR, 3599) is None
    assert state.cached("lists", NOON, 3600) is None


def test_a_transaction_over_several_parts_is_kept_whole_or_not_at_all(state: AccountState) -> None:
    def fail() -> None:
        with state.transaction():
            state.save_contacts([entry("a")])
            state.add_facts([fact()])
            with state.transaction():
                state.finish_import("i1", "completed")
                assert state.pending_imports() == []
            raise KeyError

    state.save_import(pending("i1", NOON))
    with pytest.raises(KeyError):
        fail()
    assert state.contacts(["a"]) == {}
    assert state.facts(["ana@example.com"]) == {}
    assert state.pending_imports() == [pending("i1", NOON)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_hundred_thousand_contacts_are_saved_in_seconds(state: AccountState) -> None:
    began = time.monotonic()
    with state.transaction():
        state.save_contacts(entry(f"p{number}@example.com", phone=f"+49{number}") for number in range(100_000))
    assert time.monotonic() - began < 10
    assert len(state.contacts([f"p{number}@example.com" for number in range(0, 100_000, 50)])) == 2000
