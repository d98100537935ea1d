from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from tajo_pipelines.brevo.attributes import AttributePlan
from tajo_pipelines.brevo.contact_change import ContactChange, Outcome
from tajo_pipelines.brevo.orders import SentOrders
from tajo_pipelines.brevo.writer import ContactWriter
from tajo_pipelines.mapping.engine import compile_mapping
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.model.ledger import SourceEntry
from tajo_pipelines.model.letter import VendorAnswer
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.report import StreamReport
from tajo_pipelines.store.facade import Store
from tajo_pipelines.store.opening import open_store
from tajo_pipelines.sync import orders
from tajo_pipelines.sync.contacts import ContactMapper
from tajo_pipelines.sync.events import EventDelivery
from tajo_pipelines.sync.orders import OrderDelivery, OrderRules
from tajo_pipelines.sync.outcome import Spent
from tajo_pipelines_tests.sync.support import NOON

OLD = NOON - timedelta(days=30)


@dataclass
class Writer:
    """Stands in for the writer of contacts: everybody is written, or what ``outcomes`` says by address."""

    state: Any
    client: Any = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    written: list[str | None] = field(default_factory=list)

    def write(self, changes: Sequence[ContactChange]) -> list[Outcome]:
        self.written += [change.email or change.phone for change in changes]
        return [self.outcomes.get(change.email or "", Outcome.UNCHANGED) for change in changes]


class NoEvents:
    """Stands in for the events of orders, which have tests of their own."""

    def plan_orders(self, _orders: object, _now: datetime) -> None: ...

    def send(self, _planned: object) -> None: ...


@dataclass
class Desk:
    """Deliveries over one store; notes what went to Brevo."""

    store: Store
    sent: list[tuple[bool, list[Mapping[str, Any]]]] = field(default_factory=list)
    refuse: set[str] = field(default_factory=set)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    report: StreamReport = field(default_factory=StreamReport)

    def send(self, _client: object, documents: Sequence[Mapping[str, Any]], *, historical: bool) -> SentOrders:
        self.sent.append((historical, list(documents)))
        answer = VendorAnswer(400, "invalid_parameter", "no")
        return SentOrders(refused=[(str(d["id"]), answer) for d in documents if d["id"] in self.refuse])

    def deliver(self, *found: Order, now: datetime = NOON, **rules: Any) -> StreamReport:
        self.report = StreamReport(read=len(found))
        state = self.store.account("acme")
        given: dict[str, Any] = {
            "currency": "EUR",
            "rates": {},
            "live_window": timedelta(hours=24),
            "with_events": False,
            "force": False,
        }
        mapper = ContactMapper(compile_mapping([]), AttributePlan(), "DE", confirmed_only=False)
        delivery = OrderDelivery(
            "shop",
            mapper,
            OrderRules(**(given | rules)),
            cast(ContactWriter, Writer(state, outcomes=self.outcomes)),
            cast(EventDelivery, NoEvents()),
            self.report,
            Spent(),
            "run",
        )
        delivery.deliver([(Record("orders", order.id, order.updated_at, NOON, {}), order) for order in found], now)
        self.report.check()
        return self.report

    @property
    def told(self) -> dict[str, tuple[bool, Decimal]]:
        """Whether it was history, and the amount, of each order by id, as sent last."""
        return {d["id"]: (historical, d["amount"]) for historical, documents in self.sent for d in documents}

    def rename(self, email: str) -> None:
        """The contact that the customer c7 is from now on."""
        entry = SourceEntry(
            connection="shop", stream="customers", key="c7", contact_key=email, source_time=datetime.now(UTC)
        )
        self.store.account("acme").save_sources([entry])

    def letters(self) -> list[tuple[str, str]]:
        return [(kept.letter.key, kept.letter.reason) for kept in self.store.letters.list()]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    store = open_store(f"sqlite:///{tmp_path}/tajo.db")
    made = Desk(store)
    monkeypatch.setattr(orders, "send_orders", made.send)
    yield made
    store.close()


def order(number: str = "1", **fields: Any) -> Order:
    given: dict[str, Any] = {
        "currency": "EUR",
        "gross": Decimal("100.00"),
        "created_at": OLD,
        "updated_at": OLD,
        "status": "paid",
        "email": f"buyer{number}@example.com",
    }
    return Order(id=number, **(given | fields))


def test_an_order_s_age_and_not_its_path_decides_whether_it_is_history(desk: Desk) -> None:
    young = NOON - timedelta(hours=23)
    desk.deliver(order("1"), order("2", created_at=young, updated_at=young))
    assert {number: historical for number, (historical, _) in desk.told.items()} == {"1": True, "2": False}


def test_a_change_to_a_known_order_is_as_old_as_the_change(desk: Desk) -> None:
    desk.deliver(order("1"))
    desk.deliver(order("1", refunded=Decimal(10), updated_at=NOON - timedelta(hours=1)))
    assert desk.told["1"] == (False, Decimal("90.00"))


def test_an_old_order_that_is_new_to_us_is_history_though_it_was_touched_today(desk: Desk) -> None:
    desk.deliver(order("1", updated_at=NOON - timedelta(minutes=1)))
    assert desk.told["1"][0] is True


def test_with_events_everything_is_young(desk: Desk) -> None:
    desk.deliver(order("1"), with_events=True)
    assert desk.told["1"][0] is False


def test_the_same_order_again_is_unchanged_unless_forced(desk: Desk) -> None:
    assert desk.deliver(order()).sent == 1
    again = desk.deliver(order(updated_at=OLD))
    assert (again.unchanged, again.sent) == (1, 0)
    assert desk.deliver(order(), force=True).sent == 1


def test_an_older_form_never_replaces_a_newer_one(desk: Desk) -> None:
    desk.deliver(order(updated_at=NOON - timedelta(hours=1), refunded=Decimal(30)))
    late = desk.deliver(order(updated_at=NOON - timedelta(hours=2)))
    assert (late.superseded, late.sent) == (1, 0)
    both = desk.deliver(
        order("2", updated_at=NOON - timedelta(hours=1), refunded=Decimal(30)),
        order("2", updated_at=NOON - timedelta(hours=2)),
    )
    assert (both.superseded, both.sent) == (1, 1)
    assert desk.told["2"][1] == Decimal("70.00")


def test_at_equal_times_the_later_reading_wins(desk: Desk) -> None:
    both = desk.deliver(order(), order(refunded=Decimal(40)))
    assert (both.superseded, both.sent) == (1, 1)
    assert desk.told["1"][1] == Decimal("60.00")


def test_test_orders_and_orders_of_nobody_are_skipped_and_the_money_is_told(desk: Desk) -> None:
    report = desk.deliver(order("1", test=True), order("2", email=None), order("3"))
    assert dict(report.skipped) == {"test_order": 1, "no_identifier": 1}
    assert report.skipped_money["EUR"].gross == Decimal("100.00")
    assert report.money["EUR"].gross == Decimal("100.00")
    assert desk.letters() == []


def test_a_cancelled_order_is_worth_nothing(desk: Desk) -> None:
    report = desk.deliver(order(cancelled_at=NOON))
    assert desk.told["1"][1] == 0
    assert (report.money["EUR"].gross, report.money["EUR"].net) == (Decimal("100.00"), Decimal(0))


def test_currencies_are_never_added_up(desk: Desk) -> None:
    report = desk.deliver(order("1"), order("2", currency="USD"), rates={"USD": Decimal("0.92")})
    assert {currency: sums.net for currency, sums in report.money.items()} == {"EUR": 100, "USD": 100}
    assert desk.told["2"][1] == Decimal("92.00")


def test_a_currency_without_rate_stops_before_anything_was_written(desk: Desk) -> None:
    with pytest.raises(ConfigError, match=r"USD.*EUR"):
        desk.deliver(order("1"), order("2", currency="USD"))
    assert desk.sent == []


def test_an_order_whose_buyer_could_not_be_written_waits_in_a_letter(desk: Desk) -> None:
    desk.outcomes = {"buyer1@example.com": Outcome.FAILED}
    report = desk.deliver(order("1"), order("2"))
    assert (report.failed, report.sent) == (1, 1)
    assert desk.letters() == [("1", "contact_failed")]
    assert set(desk.told) == {"2"}
    desk.outcomes = {}
    assert desk.deliver(order("1")).sent == 1
    assert desk.letters() == []


def test_no_contact_no_order_where_the_policy_leaves_the_person_out(desk: Desk) -> None:
    desk.outcomes = {"buyer1@example.com": Outcome.SKIPPED}
    report = desk.deliver(order("1"))
    assert dict(report.skipped) == {"unknown_consent": 1}
    assert desk.sent == []


def test_a_refused_order_is_a_letter_with_brevo_s_words_and_goes_again(desk: Desk) -> None:
    desk.refuse = {"1"}
    report = desk.deliver(order("1"), order("2"))
    assert (report.failed, report.sent) == (1, 1)
    [kept] = desk.store.letters.list()
    assert kept.letter.vendor is not None
    assert kept.letter.vendor.status == 400
    desk.refuse = set()
    assert desk.deliver(order("1"), order("2")).sent == 1
    assert desk.letters() == []


def test_an_order_goes_to_the_contact_that_its_customer_is_now(desk: Desk) -> None:
    desk.rename("new@example.com")
    desk.deliver(order(customer_id="c7", email="old@example.com"))
    [(_, [document])] = desk.sent
    assert document["identifiers"] == {"email_id": "new@example.com"}


def test_a_renamed_buyer_alone_does_not_send_the_order_again(desk: Desk) -> None:
    desk.rename("one@example.com")
    desk.deliver(order(customer_id="c7"))
    desk.rename("two@example.com")
    assert desk.deliver(order(customer_id="c7")).unchanged == 1


def test_an_order_that_force_sends_again_starts_nothing_a_second_time(desk: Desk) -> None:
    young = NOON - timedelta(hours=1)
    desk.deliver(order("1", created_at=young, updated_at=young), order("2", updated_at=young))
    assert desk.told["1"][0] is False
    desk.deliver(order("1", created_at=young, updated_at=young), order("2", updated_at=young), force=True)
    assert {number: historical for number, (historical, _) in desk.told.items()} == {"1": True, "2": True}
    desk.deliver(order("1", created_at=young, updated_at=NOON, refunded=Decimal(5)), force=True)
    assert desk.told["1"][0] is False


def test_an_order_of_years_ago_that_is_taken_over_today_is_history(desk: Desk) -> None:
    today = NOON - timedelta(minutes=5)
    desk.deliver(order("1", created_at=today, updated_at=today, processed_at=OLD))
    assert desk.told["1"][0] is True


@pytest.mark.parametrize(
    ("fields", "rules", "closed"),
    [
        ({}, {}, True),
        ({"test": True}, {}, True),
        ({"email": None}, {}, True),
        ({"created_at": NOON - timedelta(hours=47)}, {}, True),
        ({"created_at": NOON - timedelta(hours=49)}, {}, False),
        ({"created_at": OLD}, {"with_events": True}, True),
    ],
    ids=["young", "test", "nobodys", "within_a_day_more", "history", "history_told"],
)
def test_an_order_that_is_read_ends_its_cart(
    desk: Desk, fields: dict[str, Any], rules: dict[str, Any], closed: bool
) -> None:
    """A row for each cart of years of orders would be kept for nothing: carts that old are never told."""
    young = {"created_at": NOON - timedelta(hours=1), "updated_at": NOON}
    desk.deliver(order(**(young | {"cart_token": "c1", "checkout_token": "t1"} | fields)), **rules)
    known = desk.store.account("acme").source_states("shop", "carts", ["c1", "t1"])
    assert {key: state["order"] for key, state in known.items()} == ({"c1": "1", "t1": "1"} if closed else {})


def test_an_order_that_brevo_refuses_ends_its_cart_all_the_same(desk: Desk) -> None:
    desk.refuse = {"1"}
    desk.deliver(order("1", created_at=NOON, updated_at=NOON, cart_token="c1"))
    assert desk.store.account("acme").source_states("shop", "carts", ["c1"])
