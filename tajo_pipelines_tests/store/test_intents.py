"""Events stored before they are sent, and what is remembered of source records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from tajo_pipelines.model.event import Event
from tajo_pipelines.model.intent import IntentState
from tajo_pipelines.store import Store
from tajo_pipelines.store.schema import intents as table

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def event(number: int, **more: Any) -> Event:
    values: dict[str, Any] = {
        "tajo_id": f"id{number}", "name": "cart_updated", "connection": "shopify", "stream": "carts",
        "key": str(number), "at": NOON, "properties": {"total": Decimal("19.90"), "items": [{"price": 1}]},
        "email": "ana@example.com",
    }  # fmt: skip
    return Event(**values | more)


def test_an_event_is_stored_once_and_may_go_until_it_is_handed_over(store: Store) -> None:
    intents = store.intents("acme")
    assert intents.add([event(1), event(2), event(1)], NOON) == {"id1", "id2"}
    assert intents.add([event(1), event(3)], NOON) == {"id1", "id3"}
    assert store.intents("other").add([event(1)], NOON) == {"id1"}
    intents.mark(["id1"], IntentState.SENDING)
    assert intents.add([event(1), event(2)], NOON) == {"id2"}
    found = {intent.event.tajo_id: intent.state for intent in intents.unfinished()}
    assert found == {"id1": IntentState.SENDING, "id2": IntentState.OPEN, "id3": IntentState.OPEN}


@pytest.mark.parametrize("state", [IntentState.SENT, IntentState.IN_DOUBT, IntentState.LATE])
def test_an_event_whose_fate_is_settled_never_goes_again(store: Store, state: IntentState) -> None:
    intents = store.intents("acme")
    intents.add([event(1)], NOON)
    intents.mark(["id1"], state)
    assert intents.add([event(1)], NOON) == frozenset()
    assert intents.states(["id1", "id2"]) == {"id1": state}
    assert intents.unfinished() == []


def test_an_event_that_was_refused_for_certain_may_go_again_in_its_new_form(store: Store) -> None:
    intents = store.intents("acme")
    intents.add([event(1)], NOON)
    intents.mark(["id1"], IntentState.FAILED)
    assert intents.add([event(1, email="bea@example.com")], NOON + timedelta(hours=1)) == {"id1"}
    (found,) = intents.unfinished()
    assert (found.state, found.created_at) == (IntentState.OPEN, NOON)
    assert found.event.email == "bea@example.com"


def test_an_event_comes_back_as_it_was_stored(store: Store) -> None:
    store.intents("acme").add([event(1, phone=None, at=NOON - timedelta(days=1))], NOON)
    (found,) = store.intents("acme").unfinished()
    assert (found.event.at, found.event.email) == (NOON - timedelta(days=1), "ana@example.com")
    assert found.event.properties == {"total": 19.9, "items": [{"price": 1}]}


def test_a_settled_event_leaves_no_personal_data(store: Store) -> None:
    intents = store.intents("acme")
    intents.add([event(1), event(2)], NOON)
    intents.mark(["id1"], IntentState.SENT)
    intents.mark(["id2"], IntentState.IN_DOUBT)
    with store.database.reading() as connection:
        kept = {row.tajo_id: row.payload for row in connection.execute(select(table))}
    assert kept["id1"] == "{}"
    assert "ana@example.com" in kept["id2"]


def test_only_what_was_never_handed_over_is_forgotten(store: Store) -> None:
    intents = store.intents("acme")
    intents.add([event(1), event(2)], NOON)
    intents.mark(["id2"], IntentState.SENT)
    intents.forget(["id1", "id2"])
    assert intents.states(["id1", "id2"]) == {"id2": IntentState.SENT}


def test_states_of_records_are_kept_by_account_connection_and_stream(store: Store) -> None:
    state = store.account("acme")
    state.save_source_states("shopify", "orders", {"1": {"refunded": "0", "cancelled": False}, "2": {"a": [1]}})
    state.save_source_states("shopify", "orders", {"1": {"refunded": "5.00"}})
    assert state.source_states("shopify", "orders", ["1", "2", "3"]) == {"1": {"refunded": "5.00"}, "2": {"a": [1]}}
    assert state.source_states("shopify", "products", ["1"]) == {}
    assert state.source_states("other", "orders", ["1"]) == {}
    assert store.account("other").source_states("shopify", "orders", ["1"]) == {}


def test_a_transaction_that_fails_keeps_neither_event_nor_state(store: Store) -> None:
    state = store.account("acme")

    def write() -> None:
        with state.transaction():
            state.save_source_states("shopify", "orders", {"1": {}})
            state.intents.add([event(1)], NOON)
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert state.intents.unfinished() == []
    assert state.source_states("shopify", "orders", ["1"]) == {}
