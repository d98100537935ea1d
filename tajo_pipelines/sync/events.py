"""Which events a change means: by its cause, and by the age of that cause, never by the path on which it came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.events import (
    EventOutcome,
    InDoubt,
    PlannedEvents,
    plan_events,
    recover_events,
    send_planned,
)
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.digest import digest
from tajo_pipelines.model.event import Event, tajo_id
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.window import format_time
from tajo_pipelines.sync.event_kinds import KINDS
from tajo_pipelines.sync.event_properties import customer_properties, fitting, order_properties, plain

ORDERS = "orders"
CUSTOMERS = "customers"

FULFILLED = "fulfilled"


@dataclass(frozen=True, slots=True)
class EventRules:
    """How events of one connection are told to an account.

    Attributes:
        live_window: How old a cause may be.
        with_events: Whether every cause counts as young.
        in_doubt: What becomes of an event whose fate is unknown.
    """

    live_window: timedelta
    with_events: bool = False
    in_doubt: InDoubt = "letter"

    def live(self, at: datetime, now: datetime) -> bool:
        """Whether a cause is young enough to be told."""
        return self.with_events or now - at <= self.live_window

    def may_tell(self, customer: Customer, now: datetime) -> bool:
        """Whether a customer's form can mean an event at all."""
        return any(at is not None and self.live(at, now) for at in (customer.created_at, customer.updated_at))


@dataclass(frozen=True, slots=True)
class Told:
    """Whom an event is told of.

    Attributes:
        connection: Name of the connection.
        email: The contact's address.
        phone: Its number, for a contact without address.
        seen: Whether the ledger knew the record before.
    """

    connection: str
    email: str | None
    phone: str | None
    seen: bool


def make_event(name: str, told: Told, key: str, cause: str, at: datetime, properties: Mapping[str, Any]) -> Event:
    """One event with its id in its properties.

    Args:
        name: Of `KINDS`.
        told: Whom it is told of.
        key: Key of the record.
        cause: What happened, so that another occurrence has another id.
        at: When it happened.
        properties: What it says.
    """
    stream = KINDS[name].stream
    number = tajo_id(told.connection, stream, key, cause)
    return Event(
        tajo_id=number,
        name=name,
        connection=told.connection,
        stream=stream,
        key=key,
        at=at,
        properties=fitting({"tajo_id": number, "source": told.connection, **properties}),
        email=told.email,
        phone=None if told.email else told.phone,
    )


def order_state(order: Order) -> dict[str, Any]:
    """What has to be remembered of an order to tell later what has changed."""
    return {
        "refunded": format(order.refunded, "f"),
        "fulfilled": order.fulfillment_status == FULFILLED,
        "cancelled": order.cancelled_at is not None,
        "said": digest(plain(order_properties(order))),
    }


def order_events(
    order: Order, told: Told, known: Mapping[str, Any] | None, rules: EventRules, now: datetime
) -> list[Event]:
    """The events that an order's new form means.

    An order that was never seen tells of its creation, and of what has happened to it since: all of that is younger
    than the creation, so it is told only where the creation itself is. A known one tells of what has changed.

    Args:
        order: Its new form.
        told: Whom it is told of.
        known: What `order_state` said of its last form; None where it wasn't kept.
        rules: The rules.
        now: The present.
    """
    born = not told.seen or rules.with_events
    events: list[Event] = []

    def tell(name: str, cause: str, at: datetime, **more: Any) -> None:
        if rules.live(at, now):
            properties = order_properties(order) | {key: value for key, value in more.items() if value is not None}
            events.append(make_event(name, told, order.id, cause, at, properties))

    if born and rules.live(order.placed_at, now):
        tell("order_placed", "order_placed", order.placed_at)
        tell("order_completed", "order_completed", order.placed_at)
    elif known is None:
        return []
    before = known or {"refunded": "0", "fulfilled": False, "cancelled": False, "said": None}
    changed = format_time(order.updated_at)
    if told.seen and known is not None and before["said"] != order_state(order)["said"]:
        tell("order_updated", f"order_updated:{changed}", order.updated_at)
    growth = order.refunded - Decimal(before["refunded"])
    if growth > 0:
        tell("order_refunded", f"order_refunded:{order.refunded.normalize():f}", order.updated_at, refund_amount=growth)
    if order.fulfillment_status == FULFILLED and not before["fulfilled"]:
        tell("order_fulfilled", "order_fulfilled", order.updated_at)
    if order.cancelled_at is not None and not before["cancelled"]:
        tell("order_cancelled", "order_cancelled", order.cancelled_at, cancel_reason=order.cancel_reason)
    return events


def customer_events(customer: Customer, told: Told, *, changed: bool, rules: EventRules, now: datetime) -> list[Event]:
    """The events that a customer's new form means.

    Args:
        customer: Its new form.
        told: Whom it is told of.
        changed: Whether it changed the contact.
        rules: The rules.
        now: The present.
    """
    properties = customer_properties(customer)
    events = []
    if (not told.seen or rules.with_events) and customer.created_at and rules.live(customer.created_at, now):
        name = "customer_created"
        events.append(make_event(name, told, customer.id, name, customer.created_at, properties))
    if told.seen and changed and customer.updated_at and rules.live(customer.updated_at, now):
        cause = f"customer_updated:{format_time(customer.updated_at)}"
        events.append(make_event("customer_updated", told, customer.id, cause, customer.updated_at, properties))
    return events


def customer_deleted(key: str, told: Told, at: datetime) -> Event:
    """The event of a customer that is gone; sent before its contact is touched, and only where that one stays."""
    return make_event("customer_deleted", told, key, "customer_deleted", at, {"id": key})


@dataclass(slots=True)
class EventDelivery:
    """Stores and sends the events of one run.

    Attributes:
        client: The client.
        state: The account's state.
        rules: The rules.
        run_id: The run.
        sent: Events sent by name, added to.
        letters: New letters.
    """

    client: BrevoClient
    state: AccountState
    rules: EventRules
    run_id: str
    sent: Counter[str]
    letters: int = 0

    def recover(self, now: datetime) -> EventOutcome:
        """Settle what an earlier run left behind; once a run, under the account's lease.

        Raises:
            TajoError: Brevo can't be reached or used.
        """
        outcome = EventOutcome()
        try:
            return recover_events(
                self.client,
                self.state,
                now=now,
                run_id=self.run_id,
                live_window=self.rules.live_window,
                in_doubt=self.rules.in_doubt,
                outcome=outcome,
            )
        finally:
            self._count(outcome)

    def plan(self, events: Iterable[Event], now: datetime) -> PlannedEvents:
        """Store events: within the transaction that notes their cause."""
        return plan_events(self.state, events, now)

    def plan_orders(self, orders: Sequence[tuple[Order, Told]], now: datetime) -> PlannedEvents:
        """Store the events of orders that Brevo has accepted, and remember the orders' state, likewise."""
        events: list[Event] = []
        by_connection: dict[str, list[tuple[Order, Told]]] = {}
        for order, told in orders:
            by_connection.setdefault(told.connection, []).append((order, told))
        with self.state.transaction():
            for connection, of_connection in by_connection.items():
                known = self.state.source_states(connection, ORDERS, [order.id for order, _ in of_connection])
                for order, told in of_connection:
                    events += order_events(order, told, known.get(order.id), self.rules, now)
                states = {order.id: order_state(order) for order, _ in of_connection}
                self.state.save_source_states(connection, ORDERS, states)
            return self.plan(events, now)

    def send(self, planned: PlannedEvents, outcome: EventOutcome | None = None) -> EventOutcome:
        """Send stored events, outside of any transaction.

        Args:
            planned: From `plan` or `plan_orders`.
            outcome: Filled as it goes, so that it is true also where the sending fails.

        Raises:
            TajoError: Brevo can't be reached or used; what wasn't handed over stays stored.
        """
        outcome = outcome if outcome is not None else EventOutcome()
        try:
            return send_planned(
                self.client,
                self.state,
                planned,
                run_id=self.run_id,
                in_doubt=self.rules.in_doubt,
                outcome=outcome,
            )
        finally:
            self._count(outcome)

    def _count(self, outcome: EventOutcome) -> None:
        self.sent.update(event.name for event in outcome.sent)
        self.letters += outcome.letters
