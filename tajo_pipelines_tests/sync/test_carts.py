"""Carts through to a Brevo stand-in: who is told of what, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tajo_pipelines.brevo.attributes import AttributePlan
from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.contact_change import ContactChange, Outcome
from tajo_pipelines.mapping.engine import CompiledMapping
from tajo_pipelines.model.cart import Cart, CartLine
from tajo_pipelines.model.consent import Channel, Signal, State
from tajo_pipelines.model.errors import RetryableError
from tajo_pipelines.model.ledger import ContactEntry, SourceEntry
from tajo_pipelines.model.letter import LetterKind
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.report import StreamReport
from tajo_pipelines.store import Store, open_store
from tajo_pipelines.sync.carts import CartDelivery
from tajo_pipelines.sync.contacts import ContactMapper
from tajo_pipelines.sync.events import EventDelivery, EventRules
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import DEFAULT_BREVO_KEY, TwinOptions
from tajo_pipelines.twin.server import TwinProcess, running_twin
from tajo_pipelines_tests.brevo.stub import FakeBudget, FakeCalls, FakeTime

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
LINE = CartLine(title="T-Shirt", quantity=2, unit_price=Decimal("9.95"), product_id="1", variant_id="11", sku="TS")


def cart(number: int, **more: Any) -> Cart:
    values: dict[str, Any] = {
        "id": str(number),
        "currency": "EUR",
        "total": Decimal("19.90"),
        "created_at": NOW - 3 * HOUR,
        "updated_at": NOW - 2 * HOUR,
        "email": f"buyer{number}@example.com",
        "recovery_url": f"https://shop.example/recover/{number}?key=x",
        "lines": (LINE,),
    }
    return Cart(**values | more)


def records(carts: Sequence[Cart]) -> list[tuple[Record, Cart]]:
    return [(Record("carts", item.id, item.updated_at, NOW, {}), item) for item in carts]


@dataclass
class Writer:
    """Writes contacts to the stand-in and notes them as the real one does; what becomes of an address is scripted."""

    client: BrevoClient
    state: Any
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    written: list[ContactChange] = field(default_factory=list)

    def write(self, changes: Sequence[ContactChange]) -> list[Outcome]:
        self.written += changes
        found = [self.outcomes.get(change.email or "", Outcome.SENT) for change in changes]
        for change, outcome in zip(changes, found, strict=True):
            if outcome is Outcome.SENT and change.email:
                self.client.request("POST", "/contacts", body={"email": change.email, "updateEnabled": True})
                self.state.save_contacts([ContactEntry(key=change.email)])
        return found


@dataclass
class World:
    """One account at the stand-in and all that a delivery needs."""

    twin: TwinProcess
    store: Store
    client: BrevoClient
    writer: Writer

    def deliver(self, carts: Sequence[Cart], now: datetime = NOW, **rules: Any) -> tuple[StreamReport, Counter[str]]:
        report = StreamReport(read=len(carts))
        events = EventDelivery(
            self.client, self.writer.state, EventRules(timedelta(hours=24), **rules), "run-1", Counter()
        )
        events.recover(now)
        delivery = CartDelivery("shopify", self.mapper(), events, self.writer, report, "run-1")  # type: ignore[arg-type]  # stands in for the real writer
        delivery.deliver(records(carts), now)
        report.check()
        return report, events.sent

    def mapper(self) -> ContactMapper:
        return ContactMapper(CompiledMapping([], frozenset()), AttributePlan(), None, confirmed_only=False)

    def told(self) -> list[dict[str, Any]]:
        """Every event that the stand-in holds, the first received first."""
        found = self.twin.call(lambda: list(self.twin.brevo.state.events.values()))
        return [stored["event"] for stored in found]

    def letters(self) -> list[tuple[LetterKind, str, str]]:
        found = [kept.letter for kept in self.store.letters.list()]
        return sorted((letter.kind, letter.key, letter.reason) for letter in found)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = open_store(f"sqlite:///{tmp_path}/tajo.db")
    options = TwinOptions(tier="unlimited")
    with running_twin(halves=("brevo",), options=options, clock=TwinClock(50.0)) as twin:
        time = FakeTime(NOW)
        client = BrevoClient(DEFAULT_BREVO_KEY, twin.brevo_url, FakeBudget(time), FakeCalls(), sleep=time.sleep)
        yield World(twin, store, client, Writer(client, store.account("acme")))
        client.close()
    store.close()


def test_a_fresh_cart_is_one_event_of_its_owner_with_the_link_back(world: World) -> None:
    report, sent = world.deliver([cart(1)])
    assert (report.sent, sent) == (1, {"cart_updated": 1})
    (event,) = world.told()
    assert event["event_name"] == "cart_updated"
    assert event["identifiers"] == {"email_id": "buyer1@example.com"}
    said = event["event_properties"]
    assert (said["id"], said["total"], said["url"]) == ("cart:1", 19.9, "https://shop.example/recover/1?key=x")
    assert said["items"] == [
        {"id": "1", "variant_id": "11", "sku": "TS", "name": "T-Shirt", "quantity": 2, "price": 9.95}
    ]
    assert "contact_properties" not in event


def test_of_150_carts_the_20_fresh_ones_are_20_events(world: World) -> None:
    fresh = [cart(number) for number in range(20)]
    old = [cart(number, updated_at=NOW - timedelta(hours=25 + number)) for number in range(20, 150)]
    report, sent = world.deliver([*old, *fresh])
    assert sent == {"cart_updated": 20}
    assert report.skipped == {"history": 130}
    assert len(world.writer.written) == 20  # nobody becomes a contact for a cart that isn't told
    again, sent = world.deliver([*old, *fresh])
    assert (again.unchanged, sent, len(world.told())) == (20, {}, 20)


def test_with_events_tells_old_carts_too(world: World) -> None:
    report, sent = world.deliver([cart(1, updated_at=NOW - timedelta(days=40))], with_events=True)
    assert (report.sent, sent) == (1, {"cart_updated": 1})


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"completed_at": NOW - HOUR}, "completed"),
        ({"lines": ()}, "empty"),
        ({"email": None}, "no_identifier"),
        ({"updated_at": NOW - timedelta(days=2)}, "history"),
    ],
)
def test_a_cart_that_is_no_event_is_counted_by_its_reason(world: World, more: dict[str, Any], reason: str) -> None:
    report, sent = world.deliver([cart(1, **more)])
    assert (report.skipped, sent, world.told()) == ({reason: 1}, {}, [])


def test_a_cart_is_told_again_only_when_its_content_changed(world: World) -> None:
    world.deliver([cart(1)])
    touched, _ = world.deliver([cart(1, updated_at=NOW - HOUR)])
    assert (touched.unchanged, len(world.told())) == (1, 1)
    changed, sent = world.deliver([cart(1, updated_at=NOW, lines=(LINE, LINE))])
    assert (changed.sent, sent, len(world.told())) == (1, {"cart_updated": 1}, 2)
    older, _ = world.deliver([cart(1, lines=(LINE, LINE, LINE))])
    assert (older.superseded, len(world.told())) == (1, 2)


def test_several_forms_of_a_cart_in_one_run_are_one_event(world: World) -> None:
    report, sent = world.deliver([cart(1), cart(1, updated_at=NOW, lines=(LINE, LINE)), cart(1)])
    assert (report.sent, report.superseded, sent) == (1, 2, {"cart_updated": 1})
    assert len(world.told()[0]["event_properties"]["items"]) == 2


def test_a_told_cart_that_was_emptied_is_deleted_for_brevo(world: World) -> None:
    world.deliver([cart(1)])
    report, sent = world.deliver([cart(1, lines=(), updated_at=NOW)])
    assert (report.sent, sent) == (1, {"cart_deleted": 1})
    again, sent = world.deliver([cart(1, lines=(), updated_at=NOW)])
    assert (again.unchanged, sent) == (1, {})


def test_the_owner_is_the_customers_present_contact_not_the_carts_old_address(world: World) -> None:
    world.writer.state.save_sources(
        [SourceEntry(connection="shopify", stream="customers", key="7", contact_key="new@example.com", source_time=NOW)]
    )
    world.deliver([cart(1, customer_id="7", email="old@example.com")])
    assert world.told()[0]["identifiers"] == {"email_id": "new@example.com"}


def test_the_owner_goes_through_the_door_of_consent_as_a_mention_not_as_a_person(world: World) -> None:
    signal = Signal(channel=Channel.EMAIL, state=State.GRANTED, at=NOW, evidence="ACCEPTS_MARKETING")
    world.deliver([cart(1, consent=(signal,))])
    (change,) = world.writer.written
    assert (change.primary, change.stream, change.key) == (False, "carts", "1")
    assert [fact.state for fact in change.facts] == [State.GRANTED]


def test_a_cart_whose_owner_may_not_be_written_is_no_event(world: World) -> None:
    world.writer.outcomes = {"buyer1@example.com": Outcome.FAILED, "buyer2@example.com": Outcome.SKIPPED}
    report, _ = world.deliver([cart(1), cart(2)])
    assert (report.failed, report.skipped, world.told()) == (1, {"unknown_consent": 1}, [])
    assert world.letters() == [(LetterKind.EVENT, "1", "contact_failed")]
    world.writer.outcomes = {}
    healed, _ = world.deliver([cart(1), cart(2)])
    assert (healed.sent, world.letters()) == (2, [])


def test_an_invalid_address_is_a_letter(world: World) -> None:
    report, _ = world.deliver([cart(1, email="nobody@")])
    assert report.rejected == {"invalid_email": 1}
    assert world.letters() == [(LetterKind.RECORD, "1", "invalid_email")]


def faults(world: World, **rule: Any) -> None:
    world.twin.faults({"target": "brevo", "path": "/events"} | rule)


@pytest.mark.parametrize("action", ["after_effect_status", "after_effect_reset", "status"])
def test_a_cart_in_doubt_is_never_told_twice(world: World, action: str) -> None:
    faults(world, action=action, times=1)
    report, sent = world.deliver([cart(1), cart(2)])
    assert (report.in_doubt, report.sent, sent) == (1, 1, {"cart_updated": 1})
    assert world.letters() == [(LetterKind.IN_DOUBT, "1", "unanswered")]
    again, sent = world.deliver([cart(1), cart(2)])
    assert (again.unchanged, sent) == (2, {})
    assert len(world.told()) == (1 if action == "status" else 2)


def test_a_run_that_breaks_off_is_continued_by_the_next_one(world: World) -> None:
    faults(world, action="status", status=500, after=5)
    carts = [cart(number) for number in range(20)]
    with pytest.raises(RetryableError):
        world.deliver(carts)
    world.twin.faults()
    report, sent = world.deliver(carts)
    assert (report.unchanged, report.sent, sent) == (8, 12, {"cart_updated": 12})
    ids = Counter(event["event_properties"]["cart_id"] for event in world.told())
    assert len(ids) == 17
    assert set(ids.values()) == {1}


def test_a_cart_that_was_paid_while_brevo_was_down_is_told_no_more(world: World) -> None:
    faults(world, action="status", status=429)
    world.client.patience = 0.0
    with pytest.raises(RetryableError):
        world.deliver([cart(1)])
    world.twin.faults()
    report, sent = world.deliver([msgspec.structs.replace(cart(1), completed_at=NOW, updated_at=NOW)])
    assert (report.skipped, sent, world.told()) == ({"completed": 1}, {}, [])
