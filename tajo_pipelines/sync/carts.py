"""Tells Brevo of carts: their owner first, through the door of consent, then the event that cart mails wait for.

A cart comes in forms: a checkout that was read, a checkout that a webhook carried, the online store's cart beneath it.
They are one cart, under the checkout's key, and the newest form counts, whatever it is and whenever it comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from tajo_pipelines.brevo.contact_change import ContactChange, Outcome
from tajo_pipelines.brevo.events import EventOutcome
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.brevo.writer import ContactWriter
from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.event import Event
from tajo_pipelines.model.ledger import SourceEntry
from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.model.order import Address, Order
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.report import StreamReport
from tajo_pipelines.model.window import format_time
from tajo_pipelines.sdk.connector import Deleted
from tajo_pipelines.sync.cart_content import content_of, goods_of, is_told, kept
from tajo_pipelines.sync.cart_memory import TOUCHED_AFTERWARDS, CartMemory, close_carts
from tajo_pipelines.sync.contacts import ContactMapper, NoIdentifier, Origin
from tajo_pipelines.sync.event_properties import cart_properties
from tajo_pipelines.sync.events import CUSTOMERS, EventDelivery, Told, make_event
from tajo_pipelines.sync.newest import newest_of

__all__ = ["STREAM", "CartDelivery", "as_order", "cart_event", "close_carts"]

STREAM = "carts"


@dataclass(frozen=True, slots=True)
class _Form:
    """A cart as it was told once.

    Attributes:
        content: What the event would say, to tell whether that is news.
    """

    cart: Cart
    content: str

    @property
    def updated_at(self) -> datetime:
        """When the cart changed to this form."""
        return self.cart.updated_at


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A cart on its way."""

    form: _Form
    origin: Origin
    owner: ContactChange
    event: Event
    given: SourceEntry | None

    @property
    def cart(self) -> Cart:
        return self.form.cart


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

    @property
    def _memory(self) -> CartMemory:
        return CartMemory(self._state, self.connection)

    def deliver(self, parsed: Iterable[tuple[Record, Cart]], now: datetime) -> None:
        """Tell of carts that were read or carried; rejected ones were counted before.

        Args:
            parsed: Records with their canonical forms, in the order in which they were read.
            now: The present.

        Raises:
            TajoError: Brevo can't be reached or used; what was told until then is noted.
        """
        self._letters = []
        told = list(parsed)
        window = self.events.rules.live_window + TOUCHED_AFTERWARDS
        self._memory.learn([cart for _, cart in told], None if self.events.rules.with_events else now - window)
        wanted = self._wanted(self._newest(self._forms(told), now))
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

    def delete(self, gone: Sequence[Deleted], now: datetime) -> None:
        """Tell that checkouts are gone: of those alone that Brevo was told of, and that didn't become orders.

        Args:
            gone: What was deleted.
            now: The present.

        Raises:
            TajoError: Brevo can't be reached or used; what was told until then is noted.
        """
        known = self._state.sources(self.connection, STREAM, [item.key for item in gone])
        forms = self._memory.deleted({item.key: item.at for item in gone if item.key in known})
        # A deletion is no record that was read: it stands outside of the balance.
        report, self.report = self.report, StreamReport(read=len(forms))
        try:
            self.deliver([(Record(STREAM, form.id, form.updated_at, now, {}), form) for form in forms], now)
        finally:
            report.deleted += self.report.sent
            self.report = report

    def _forms(self, told: Sequence[tuple[Record, Cart]]) -> list[tuple[Record, _Form]]:
        """What was told as forms of checkouts, the oldest first; at the same time what was read counts as newer.

        Whatever became an order is passed over, by whichever of its keys that is known.
        """
        joined = self._memory.joined([cart for _, cart in told if cart.by_token])
        emptied = self._memory.emptied_early(cart for _, cart in told if not cart.by_token)
        closed = self._memory.closed([*(cart for _, cart in told), *(form for form in joined if form is not None)])
        found: list[tuple[Record, _Form]] = []
        of_tokens = iter(joined)
        for record, cart in told:
            form = next(of_tokens) if cart.by_token else _as_emptied(cart, emptied)
            if closed & {*cart.keys, *(form.keys if form else ())}:
                self.report.skipped["completed"] += 1
            elif form is None:
                self.report.skipped["no_identifier"] += 1
            else:
                content = content_of(form, sums=not cart.by_token)
                found.append((replace(record, key=form.id), _Form(form, content)))
        return sorted(found, key=lambda item: (item[1].updated_at, not item[1].cart.carried, item[0].read_at))

    def _newest(
        self, forms: Sequence[tuple[Record, _Form]], now: datetime
    ) -> list[tuple[Record, _Form, SourceEntry | None]]:
        """The newest form of each cart that has something to tell."""
        keys = list(dict.fromkeys(record.key for record, _ in forms))
        known, read_at = self._state.sources(self.connection, STREAM, keys), self._memory.read_at(keys)
        rest = [item for item in forms if not (item[1].cart.carried and item[1].updated_at == read_at.get(item[0].key))]
        self.report.mapped += len(forms) - len(rest)
        self.report.superseded += len(forms) - len(rest)
        found = []
        for record, form in newest_of(rest, known, self.report):
            given = known.get(record.key)
            reason = self._silent(form.cart, given, now)
            if reason is None:
                found.append((record, form, given))
                continue
            self.report.skipped[reason] += 1
            if reason == "empty":
                # An older form, which wasn't empty, may still come.
                self._state.save_sources([_entry(self.connection, record.key, form, None)])
        return found

    def _silent(self, cart: Cart, given: SourceEntry | None, now: datetime) -> str | None:
        """Why a cart is no event at all."""
        if cart.completed_at is not None:
            return "completed"
        if not self.events.rules.live(cart.updated_at, now):
            return "history"
        return "empty" if not cart.lines and given is None else None

    def _wanted(self, current: Sequence[tuple[Record, _Form, SourceEntry | None]]) -> list[_Wanted]:
        customers = sorted({form.cart.customer_id for _, form, _ in current if form.cart.customer_id})
        owners = self._state.sources(self.connection, CUSTOMERS, customers)
        found: list[_Wanted] = []
        same: list[tuple[_Form, SourceEntry]] = []
        for record, form, given in current:
            if given is not None and is_told(given.hash, form.content):
                same.append((form, given))
                continue
            origin = Origin(self.connection, STREAM, record.key, form.updated_at, record.read_at)
            entry = owners.get(form.cart.customer_id or "")
            try:
                owner = self.mapper.buyer(as_order(form.cart), origin, entry.contact_key if entry else None)
            except NoIdentifier:
                self.report.skipped["no_identifier"] += 1
            except RejectedRecord as problem:
                self.report.rejected[problem.reason] += 1
                self._letters.append(origin.letter(problem, LetterKind.RECORD))
            else:
                event = cart_event(form.cart, owner, seen=given is not None)
                found.append(_Wanted(form, origin, owner, event, given))
        self._pass_over(same)
        return found

    def _pass_over(self, same: Sequence[tuple[_Form, SourceEntry]]) -> None:
        """Count forms that say what Brevo was told, and remember them where they are newer: no older one follows."""
        self.report.mapped += len(same)
        self.report.unchanged += len(same)
        with self._state.transaction():
            self._state.save_sources(
                msgspec.structs.replace(given, source_time=form.updated_at, hash=kept(given.hash, form.content))
                for form, given in same
            )
            self._memory.note([form.cart for form, _ in same])

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
            self._state.save_sources(self._settled(item, item.event.tajo_id in known) for item in settled)
            self._memory.note([item.cart for item in settled])
            keys = [item.origin.key for item in settled if item.event.tajo_id in sent]
            self._state.close_letters(self.connection, STREAM, keys, kinds=[LetterKind.EVENT])

    def _settled(self, item: _Wanted, was_known: bool) -> SourceEntry:
        entry = _entry(self.connection, item.origin.key, item.form, item.owner.email or item.owner.phone)
        if was_known and item.given is not None and item.given.source_time == item.cart.updated_at:
            # It was told before another form of the same second was, and comes again: that one is the newer.
            return msgspec.structs.replace(entry, hash=item.given.hash)
        return entry

    def _fail(self, item: _Wanted, reason: str, message: str) -> None:
        self.report.failed += 1
        self._letters.append(item.origin.letter(RejectedRecord(reason, message), LetterKind.EVENT))


def _as_emptied(cart: Cart, emptied: Mapping[str, datetime]) -> Cart:
    """A checkout's form; without lines, where its cart was emptied since."""
    at = max((emptied[key] for key in cart.keys if key in emptied), default=None)
    if at is None or at < cart.updated_at:
        return cart
    return msgspec.structs.replace(cart, lines=(), total=Decimal(0), updated_at=at)


def cart_event(cart: Cart, owner: ContactChange, *, seen: bool) -> Event:
    """The event that a cart is told by.

    Args:
        cart: The cart.
        owner: What it says of its owner.
        seen: Whether it was told of before.
    """
    name = "cart_updated" if cart.lines else "cart_deleted"
    told = Told(owner.connection, owner.email, owner.phone, seen=seen)
    # Times of a checkout are whole seconds: what was in it tells apart what happened within one.
    cause = f"{name}:{format_time(cart.updated_at)}:{goods_of(cart)}"
    return make_event(name, told, cart.id, cause, cart.updated_at, cart_properties(cart))


def _entry(connection: str, key: str, form: _Form, contact_key: str | None) -> SourceEntry:
    return SourceEntry(
        connection=connection,
        stream=STREAM,
        key=key,
        contact_key=contact_key,
        source_time=form.updated_at,
        hash=form.content,
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
