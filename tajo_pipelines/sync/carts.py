"""Tells Brevo of carts: their owner first, through the door of consent, then the event that cart mails wait for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tajo_pipelines.brevo.contact_change import ContactChange, Outcome
from tajo_pipelines.brevo.events import EventOutcome
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.brevo.writer import ContactWriter
from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.digest import digest
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.event import Event
from tajo_pipelines.model.ledger import SourceEntry
from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.model.order import Address, Order
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.report import StreamReport
from tajo_pipelines.model.window import format_time
from tajo_pipelines.sdk.webhooks import CartClosed
from tajo_pipelines.sync.contacts import ContactMapper, NoIdentifier, Origin
from tajo_pipelines.sync.event_properties import cart_properties, plain
from tajo_pipelines.sync.events import CUSTOMERS, EventDelivery, Told, make_event
from tajo_pipelines.sync.newest import newest_of

STREAM = "carts"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A cart on its way."""

    cart: Cart
    origin: Origin
    owner: ContactChange
    event: Event
    hash: str


@dataclass(slots=True)
class CartDelivery:
    """Delivers parts of a stream of carts.

    Attributes:
        connection: Name of the connection.
        mapper: Maps owners.
        events: Stores and sends the events, with the rules of age.
        writer: Writes contacts.
        report: The numbers, added to.
        run_id: The run.
        letters: New letters, those of the events not among them.
    """

    connection: str
    mapper: ContactMapper
    events: EventDelivery
    writer: ContactWriter
    report: StreamReport
    run_id: str
    letters: int = 0
    _letters: list[Letter] = field(default_factory=list)

    @property
    def _state(self) -> AccountState:
        return self.writer.state

    def deliver(self, parsed: Iterable[tuple[Record, Cart]], now: datetime) -> None:
        """Tell of carts that were read; rejected ones were counted before.

        Args:
            parsed: Records with their canonical forms, in the order in which they were read.
            now: The present.

        Raises:
            TajoError: Brevo can't be reached or used; what was told until then is noted.
        """
        self._letters = []
        wanted = self._wanted(self._newest(list(parsed), now))
        ready: list[_Wanted] = []
        for item, outcome in zip(wanted, self.writer.write([item.owner for item in wanted]), strict=True):
            if outcome is Outcome.SKIPPED:
                self.report.skipped["unknown_consent"] += 1
                continue
            self.report.mapped += 1
            if outcome is Outcome.FAILED:
                self._fail(item, "contact_failed", "its owner couldn't be written: mend that letter first")
            else:
                ready.append(item)
        self.letters += self._state.write_letters(self._letters, self.run_id)
        self._tell(ready, now)

    def _newest(
        self, parsed: Sequence[tuple[Record, Cart]], now: datetime
    ) -> list[tuple[Record, Cart, SourceEntry | None]]:
        """The newest form of each cart that has something to tell."""
        known = self._state.sources(self.connection, STREAM, [record.key for record, _ in parsed])
        found = []
        for record, cart in newest_of(parsed, known, self.report):
            given = known.get(record.key)
            reason = self._silent(cart, given, now)
            if reason is None:
                found.append((record, cart, given))
            else:
                self.report.skipped[reason] += 1
        return found

    def _silent(self, cart: Cart, given: SourceEntry | None, now: datetime) -> str | None:
        """Why a cart is no event at all."""
        if cart.completed_at is not None:
            return "completed"
        if not cart.lines and given is None:
            return "empty"
        return None if self.events.rules.live(cart.updated_at, now) else "history"

    def _wanted(self, current: Sequence[tuple[Record, Cart, SourceEntry | None]]) -> list[_Wanted]:
        customers = sorted({cart.customer_id for _, cart, _ in current if cart.customer_id})
        owners = self._state.sources(self.connection, CUSTOMERS, customers)
        found: list[_Wanted] = []
        for record, cart, given in current:
            content = _digest(cart)
            if given is not None and given.hash == content:
                self.report.mapped += 1
                self.report.unchanged += 1
                continue
            origin = Origin(self.connection, STREAM, record.key, cart.updated_at, record.read_at)
            entry = owners.get(cart.customer_id or "")
            try:
                owner = self.mapper.buyer(as_order(cart), origin, entry.contact_key if entry else None)
            except NoIdentifier:
                self.report.skipped["no_identifier"] += 1
            except RejectedRecord as problem:
                self.report.rejected[problem.reason] += 1
                self._letters.append(origin.letter(problem, LetterKind.RECORD))
            else:
                found.append(_Wanted(cart, origin, owner, cart_event(cart, owner, seen=given is not None), content))
        return found

    def _tell(self, ready: Sequence[_Wanted], now: datetime) -> None:
        planned = self.events.plan([item.event for item in ready], now)
        outcome = EventOutcome()
        try:
            self.events.send(planned, outcome)
        finally:
            self._note(ready, outcome)

    def _note(self, ready: Sequence[_Wanted], outcome: EventOutcome) -> None:
        """Count, and remember the carts that needn't be told again."""
        sent, known, doubtful, failed = (
            {event.tajo_id for event in events}
            for events in (outcome.sent, outcome.skipped_known, outcome.in_doubt, outcome.failed)
        )
        settled = [item for item in ready if item.event.tajo_id in sent | known | doubtful]
        for item in ready:
            if item.event.tajo_id in sent:
                self.report.note_sent(item.origin.key, item.cart.updated_at)
        self.report.sent += sum(item.event.tajo_id in sent for item in ready)
        self.report.unchanged += sum(item.event.tajo_id in known for item in ready)
        self.report.in_doubt += sum(item.event.tajo_id in doubtful for item in ready)
        self.report.failed += sum(item.event.tajo_id in failed for item in ready)
        with self._state.transaction():
            self._state.save_sources(_entry(item) for item in settled)
            keys = [item.origin.key for item in settled if item.event.tajo_id in sent]
            self._state.close_letters(self.connection, STREAM, keys, kinds=[LetterKind.EVENT])

    def _fail(self, item: _Wanted, reason: str, message: str) -> None:
        self.report.failed += 1
        self._letters.append(item.origin.letter(RejectedRecord(reason, message), LetterKind.EVENT))


def close_carts(state: AccountState, connection: str, closed: Sequence[CartClosed]) -> None:
    """Remember carts that became orders, by everything that they are known by: nothing is told of them any more."""
    orders = {key: item.order for item in closed for key in item.keys}
    if not orders:
        return
    with state.transaction():
        known = state.source_states(connection, STREAM, list(orders))
        marks = {key: known.get(key, {}) | {"order": order} for key, order in orders.items()}
        state.save_source_states(connection, STREAM, marks)


def _digest(cart: Cart) -> str:
    """What the cart's event says; when it changed isn't part of it: another look at the same cart is no news."""
    return digest(plain(cart_properties(cart)))


def cart_event(cart: Cart, owner: ContactChange, *, seen: bool) -> Event:
    """The event that a cart is told by.

    Args:
        cart: The cart.
        owner: What it says of its owner.
        seen: Whether it was told of before.
    """
    name = "cart_updated" if cart.lines else "cart_deleted"
    told = Told(owner.connection, owner.email, owner.phone, seen=seen)
    cause = f"{name}:{format_time(cart.updated_at)}"
    return make_event(name, told, cart.id, cause, cart.updated_at, cart_properties(cart))


def _entry(item: _Wanted) -> SourceEntry:
    return SourceEntry(
        connection=item.origin.connection,
        stream=STREAM,
        key=item.origin.key,
        contact_key=item.owner.email or item.owner.phone,
        source_time=item.cart.updated_at,
        hash=item.hash,
    )


def as_order(cart: Cart) -> Order:
    """A cart as far as it tells of its owner, who is mapped as a buyer is."""
    named: dict[str, Any] = {"first_name": cart.first_name, "last_name": cart.last_name}
    return Order(
        id=cart.id,
        currency=cart.currency,
        gross=cart.total,
        created_at=cart.created_at,
        updated_at=cart.updated_at,
        status=STREAM,
        customer_id=cart.customer_id,
        email=cart.email,
        phone=cart.phone,
        language=cart.language,
        billing=Address(**named) if any(named.values()) else None,
        consent=cart.consent,
    )
