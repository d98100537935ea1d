"""Which events a change means, and the page that says so."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo_pipelines.brevo.answers import encode
from tajo_pipelines.brevo.event_documents import MAX_PROPERTY_BYTES, event_document
from tajo_pipelines.model.cart import Cart, CartLine
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import RetryableError
from tajo_pipelines.model.event import Event
from tajo_pipelines.model.ledger import ContactEntry
from tajo_pipelines.model.order import Order, OrderLine
from tajo_pipelines.store import Store, open_store
from tajo_pipelines.sync.event_kinds import KINDS
from tajo_pipelines.sync.event_properties import cart_properties
from tajo_pipelines.sync.events import (
    EventDelivery,
    EventRules,
    Told,
    customer_deleted,
    customer_events,
    make_event,
    order_events,
    order_state,
)
from tajo_pipelines_tests.brevo.stub import Reply, bench, stub

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
RULES = EventRules(live_window=DAY)
NEW = Told("shopify", "ana@example.com", "+4915112345678", seen=False)
SEEN = Told("shopify", "ana@example.com", None, seen=True)

ORDER = Order(
    id="501",
    name="#1001",
    customer_id="7",
    currency="EUR",
    gross=Decimal("100.10"),
    created_at=NOW - 2 * HOUR,
    updated_at=NOW - 2 * HOUR,
    status="paid",
    fulfillment_status="unfulfilled",
    tax=Decimal("15.98"),
    shipping=Decimal("4.90"),
    discount=Decimal("1.00"),
    coupons=("EASTER",),
    store="ana.example",
    lines=(
        OrderLine(
            title="T-Shirt", quantity=2, unit_price=Decimal("19.95"), product_id="1", variant_id="11", sku="TS",
        ),
        OrderLine(title="Gift wrap", quantity=1, unit_price=Decimal("2.5")),
    ),
)  # fmt: skip


def changed(order: Order = ORDER, **more: Any) -> Order:
    return msgspec.structs.replace(order, **({"updated_at": NOW - HOUR} | more))


def names(order: Order, known: Mapping[str, Any] | None, rules: EventRules = RULES) -> list[str]:
    told = NEW if known is None else SEEN
    return [event.name for event in order_events(order, told, known, rules, NOW)]


# ------------------------------------------------------------------------------------------------ orders


def test_a_new_order_is_placed_and_completed_for_brevos_own_automations() -> None:
    placed, completed = order_events(ORDER, NEW, None, RULES, NOW)
    assert (placed.name, completed.name) == ("order_placed", "order_completed")
    assert placed.at == completed.at == ORDER.created_at
    assert placed.tajo_id != completed.tajo_id
    assert (placed.email, placed.phone, placed.stream, placed.key) == ("ana@example.com", None, "orders", "501")
    assert encode(placed.properties).decode() == (
        f'{{"tajo_id":"{placed.tajo_id}","source":"shopify","id":"501","order_number":"#1001","customer_id":"7",'
        '"status":"paid","fulfillment_status":"unfulfilled","currency":"EUR","total":100.10,"amount":100.10,'
        '"refunded":0,"tax":15.98,"shipping":4.90,"discount":1.00,"coupons":["EASTER"],"store":"ana.example",'
        '"created_at":"2026-11-24T10:00:00Z","items_count":2,"items":[{"id":"1","variant_id":"11","sku":"TS",'
        '"name":"T-Shirt","quantity":2,"price":19.95},{"name":"Gift wrap","quantity":1,"price":2.5}]}'
    )


def test_history_is_silent_by_age() -> None:
    old = changed(created_at=NOW - DAY - HOUR)
    assert names(old, None) == []
    assert names(msgspec.structs.replace(old, created_at=NOW - DAY), None) == ["order_placed", "order_completed"]


def test_an_old_order_that_is_read_for_the_first_time_tells_nothing_of_what_cant_be_dated() -> None:
    old = changed(
        created_at=NOW - 30 * DAY, refunded=Decimal(5), fulfillment_status="fulfilled", cancelled_at=NOW - HOUR
    )
    assert names(old, None) == []


def test_a_young_order_that_is_read_late_tells_all_that_the_webhooks_would_have_told() -> None:
    late = changed(refunded=Decimal("5.00"), fulfillment_status="fulfilled", cancelled_at=NOW - HOUR)
    assert names(late, None) == [
        "order_placed", "order_completed", "order_refunded", "order_fulfilled", "order_cancelled",
    ]  # fmt: skip


def test_with_events_lifts_the_limit() -> None:
    old = changed(created_at=NOW - 300 * DAY, updated_at=NOW - 200 * DAY, refunded=Decimal(5))
    rules = EventRules(live_window=DAY, with_events=True)
    assert names(old, None, rules) == ["order_placed", "order_completed", "order_refunded"]
    assert names(old, order_state(ORDER), rules)[:2] == ["order_placed", "order_completed"]


def test_a_refund_says_how_much_came_back_since_the_last_time() -> None:
    first = changed(refunded=Decimal("5.00"))
    second = changed(first, refunded=Decimal("7.50"), updated_at=NOW)
    event = next(e for e in order_events(second, SEEN, order_state(first), RULES, NOW) if e.name == "order_refunded")
    assert (event.properties["refund_amount"], event.properties["refunded"]) == (Decimal("2.50"), Decimal("7.50"))
    assert (event.properties["total"], event.properties["amount"]) == (Decimal("100.10"), Decimal("92.60"))
    assert event.at == NOW


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"refunded": Decimal(5)}, ["order_updated", "order_refunded"]),
        ({"fulfillment_status": "fulfilled"}, ["order_updated", "order_fulfilled"]),
        ({"fulfillment_status": "partial"}, ["order_updated"]),
        ({"cancelled_at": NOW - HOUR}, ["order_updated", "order_cancelled"]),
        ({"status": "partially_paid"}, ["order_updated"]),
        ({}, []),  # only touched
        ({"gross": Decimal("100.1")}, []),  # the same money, spelt otherwise
    ],
)
def test_a_known_order_tells_what_has_changed(more: dict[str, Any], expected: list[str]) -> None:
    assert names(changed(**more), order_state(ORDER)) == expected


def test_a_change_that_is_too_old_is_silent() -> None:
    assert names(changed(updated_at=NOW - 2 * DAY, refunded=Decimal(5)), order_state(ORDER)) == []


def test_a_change_is_told_once() -> None:
    last = changed(refunded=Decimal(5), fulfillment_status="fulfilled", cancelled_at=NOW - HOUR)
    assert names(msgspec.structs.replace(last, updated_at=NOW), order_state(last)) == []


def test_an_order_from_before_its_state_was_kept_begins_silently() -> None:
    assert order_events(changed(refunded=Decimal(5)), SEEN, None, RULES, NOW) == []


def test_the_same_cause_has_the_same_id_on_every_path() -> None:
    by_batch = order_events(changed(refunded=Decimal("5.00")), SEEN, order_state(ORDER), RULES, NOW)
    by_webhook = order_events(changed(refunded=Decimal("5")), NEW, order_state(ORDER), RULES, NOW + HOUR)
    ids = {event.name: event.tajo_id for event in by_batch}
    assert {event.name: event.tajo_id for event in by_webhook}["order_refunded"] == ids["order_refunded"]
    assert len(set(ids.values())) == len(ids)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "refunded": st.integers(0, 100).map(Decimal),
                "fulfillment_status": st.sampled_from(["unfulfilled", "partial", "fulfilled"]),
                "cancelled_at": st.none() | st.just(NOW - HOUR),
                "status": st.sampled_from(["paid", "refunded"]),
            }
        ),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_becomes_of_an_order_its_events_have_ids_of_their_own_and_add_up(steps: list[dict[str, Any]]) -> None:
    known, told, seen = None, NEW, []
    highest = Decimal(0)
    for number, step in enumerate(steps):
        order = changed(updated_at=NOW - HOUR + timedelta(seconds=number), **step)
        events = order_events(order, told, known, RULES, NOW)
        seen += events
        back = sum((e.properties["refund_amount"] for e in events if e.name == "order_refunded"), Decimal(0))
        before = Decimal(known["refunded"]) if known else Decimal(0)
        assert back == max(order.refunded - before, Decimal(0))
        highest = max(highest, order.refunded)
        known, told = order_state(order), SEEN
    once = Counter(event.name for event in seen)
    assert once["order_placed"] == once["order_completed"] == 1
    for event in seen:
        event_document(event)


# ------------------------------------------------------------------------------------------------ customers


def test_customers_are_created_once_and_updated_where_the_contact_changed() -> None:
    ana = Customer(id="7", created_at=NOW - HOUR, updated_at=NOW, total_orders=2, total_spent=Decimal("30.10"),
                   currency="EUR", tags=("vip",), email="ana@example.com", first_name="Ana")  # fmt: skip
    (created,) = customer_events(ana, NEW, changed=True, rules=RULES, now=NOW)
    assert (created.name, created.at) == ("customer_created", ana.created_at)
    assert created.properties == {
        "tajo_id": created.tajo_id, "source": "shopify", "id": "7", "created_at": "2026-11-24T11:00:00Z",
        "total_orders": 2, "total_spent": Decimal("30.10"), "currency": "EUR", "tags": ["vip"],
    }  # fmt: skip
    (updated,) = customer_events(ana, SEEN, changed=True, rules=RULES, now=NOW)
    assert updated.name == "customer_updated"
    assert customer_events(ana, SEEN, changed=False, rules=RULES, now=NOW) == []
    old = msgspec.structs.replace(ana, created_at=NOW - 9 * DAY, updated_at=NOW - 2 * DAY)
    assert customer_events(old, NEW, changed=True, rules=RULES, now=NOW) == []
    assert customer_events(old, SEEN, changed=True, rules=RULES, now=NOW) == []
    gone = customer_deleted("7", SEEN, NOW)
    assert (gone.name, gone.properties["id"]) == ("customer_deleted", "7")


# ------------------------------------------------------------------------------------------------ carts


def cart(lines: int) -> Cart:
    line = CartLine(
        title="T-Shirt " + "ü" * 400, quantity=1, unit_price=Decimal("9.95"), product_id="1", variant_id="11",
        variant_title="S", sku="TS", image_url="https://cdn.example/" + "i" * 800, url="https://shop.example/p",
    )  # fmt: skip
    return Cart(
        id="31", currency="EUR", total=Decimal("19.90"), created_at=NOW - HOUR, updated_at=NOW, customer_id="7",
        subtotal=Decimal("15.00"), recovery_url="https://shop.example/recover?key=1", lines=(line,) * lines,
    )  # fmt: skip


def test_a_cart_has_the_names_that_brevos_cart_mails_read() -> None:
    event = make_event("cart_updated", NEW, "31", "cart_updated:x", NOW, cart_properties(cart(1)))
    said = event.properties
    assert said["id"] == "cart:31"
    assert said["url"] == "https://shop.example/recover?key=1"
    assert {"total", "currency", "items"} <= said.keys()
    assert {"name", "price", "quantity", "url", "image", "sku"} <= said["items"][0].keys()


def test_a_cart_with_hundreds_of_lines_is_told_as_far_as_brevo_takes_it() -> None:
    event = make_event("cart_updated", NEW, "31", "cart_updated:x", NOW, cart_properties(cart(900)))
    event_document(event)
    assert len(encode(event.properties)) <= MAX_PROPERTY_BYTES
    assert event.properties["items_count"] == 900
    assert 20 < len(event.properties["items"]) <= 100


# ------------------------------------------------------------------------------------------------ delivery


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/tajo.db")
    yield opened
    opened.close()


def test_orders_are_compared_with_what_was_last_told_over_runs(store: Store) -> None:
    state = store.account("acme")
    state.save_contacts([ContactEntry(key="ana@example.com")])
    with stub([Reply(204)]) as served:
        b = bench(served.url)
        delivery = EventDelivery(b.client, state, RULES, "run-1", Counter())
        delivery.send(delivery.plan_orders([(ORDER, NEW)], NOW))
        delivery.send(delivery.plan_orders([(changed(refunded=Decimal(5)), SEEN)], NOW))
        delivery.send(delivery.plan_orders([(changed(refunded=Decimal(5)), SEEN)], NOW))
        b.client.close()
    assert delivery.sent == {"order_placed": 1, "order_completed": 1, "order_updated": 1, "order_refunded": 1}
    assert len(served.received) == 4


def test_events_that_couldnt_go_are_counted_in_the_run_that_sends_them(store: Store) -> None:
    state = store.account("acme")
    state.save_contacts([ContactEntry(key="ana@example.com")])
    nobody = bench("http://127.0.0.1:9/v3")
    failing = EventDelivery(nobody.client, state, RULES, "run-1", Counter())
    planned = failing.plan_orders([(ORDER, NEW)], NOW)
    with pytest.raises(RetryableError):
        failing.send(planned)
    nobody.client.close()
    assert failing.sent == {}
    with stub([Reply(204)]) as served:
        b = bench(served.url)
        healed = EventDelivery(b.client, state, RULES, "run-2", Counter())
        healed.recover(NOW + HOUR)
        b.client.close()
    assert healed.sent == {"order_placed": 1, "order_completed": 1}


# ------------------------------------------------------------------------------------------------ the page


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_events_page", ROOT / "tools" / "write_events_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_events_is_current(tool: ModuleType) -> None:
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    assert page == tool.render(), "run: python tools/write_events_page.py"


def everything() -> list[Event]:
    full = changed(
        refunded=Decimal(5), fulfillment_status="fulfilled", cancelled_at=NOW - HOUR, cancel_reason="customer"
    )
    events = order_events(full, NEW, None, RULES, NOW)
    events += order_events(full, SEEN, order_state(ORDER), RULES, NOW)
    said = cart(1)
    told = msgspec.structs.replace(said, tax=Decimal(1), discount=Decimal(1), coupons=("A",))
    for name in ("cart_updated", "cart_deleted"):
        events.append(make_event(name, NEW, "31", name, NOW, cart_properties(told)))
    ana = Customer(
        id="7", created_at=NOW, updated_at=NOW, total_orders=1, total_spent=Decimal(1), currency="EUR", tags=("a",)
    )
    events += customer_events(ana, NEW, changed=True, rules=RULES, now=NOW)
    events += customer_events(ana, SEEN, changed=True, rules=RULES, now=NOW)
    return [*events, customer_deleted("7", SEEN, NOW)]


def test_every_event_says_exactly_what_its_documentation_says() -> None:
    events = everything()
    assert {event.name for event in events} == set(KINDS)
    for event in events:
        kind = KINDS[event.name]
        assert list(event.properties) == [item.name for item in kind.properties], event.name
        assert event.stream == kind.stream
        inside = {name for item in event.properties.get("items", ()) for name in item}
        assert inside == {item.name for item in kind.items}, event.name
