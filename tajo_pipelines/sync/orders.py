"""Carries orders to Brevo: the buyer first, through the door of consent, then the order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tajo_pipelines.brevo.contact_change import ContactChange, Outcome
from tajo_pipelines.brevo.orders import order_document, send_orders
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.brevo.writer import ContactWriter
from tajo_pipelines.model.digest import digest
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.ledger import SourceEntry
from tajo_pipelines.model.letter import Letter, LetterKind, VendorAnswer
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.report import MoneySums, StreamReport
from tajo_pipelines.sync.cart_memory import TOUCHED_AFTERWARDS, close_carts, closings_of
from tajo_pipelines.sync.contacts import ContactMapper, NoIdentifier, Origin
from tajo_pipelines.sync.events import EventDelivery, Told
from tajo_pipelines.sync.newest import newest_of
from tajo_pipelines.sync.outcome import Spent

STREAM = "orders"
CUSTOMERS = "customers"


@dataclass(frozen=True, slots=True)
class OrderRules:
    """How orders of one connection are told to an account.

    Attributes:
        currency: The account's currency.
        rates: What one unit of another currency is worth in it.
        live_window: How old a cause may be and still start automations.
        with_events: Whether every cause counts as young.
        force: Whether unchanged orders are sent again.
    """

    currency: str
    rates: Mapping[str, Decimal]
    live_window: timedelta
    with_events: bool
    force: bool


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An order on its way."""

    order: Order
    origin: Origin
    buyer: ContactChange
    known: SourceEntry | None
    document: dict[str, Any]
    hash: str

    @property
    def contact_key(self) -> str:
        """Address or number of the buyer; one of them is there, or the order would name nobody."""
        return self.buyer.email or self.buyer.phone or ""


@dataclass(slots=True)
class OrderDelivery:
    """Delivers parts of a stream of orders.

    Attributes:
        connection: Name of the connection.
        mapper: Maps buyers.
        rules: How orders are told.
        writer: Writes contacts.
        report: The numbers, added to.
        events: Stores and sends what orders mean for automations.
        spent: What it cost, added to.
        run_id: The run.
    """

    connection: str
    mapper: ContactMapper
    rules: OrderRules
    writer: ContactWriter
    events: EventDelivery
    report: StreamReport
    spent: Spent
    run_id: str
    _letters: list[Letter] = field(default_factory=list)

    @property
    def _state(self) -> AccountState:
        return self.writer.state

    def deliver(self, parsed: Iterable[tuple[Record, Order]], now: datetime) -> None:
        """Deliver orders that were read; rejected ones were counted before.

        Args:
            parsed: Records with their canonical forms, in the order in which they were read.
            now: The present.
        """
        read = list(parsed)
        self._close_carts([order for _, order in read], now)
        wanted = self._wanted(self._newest(read))
        self._letters = []
        over = self._over(wanted)
        wanted = [item for item in wanted if item.origin.key not in over]
        outcomes = self.writer.write([item.buyer for item in wanted])
        ready: list[_Wanted] = []
        for item, outcome in zip(wanted, outcomes, strict=True):
            if outcome is Outcome.SKIPPED:
                self.report.skipped["unknown_consent"] += 1
                continue
            self.report.mapped += 1
            _add(self.report.money, item.order)
            if outcome is Outcome.FAILED:
                self._fail(item, "contact_failed", "its buyer couldn't be written: mend that letter first", None)
            elif self._is_unchanged(item):
                self.report.unchanged += 1
            else:
                ready.append(item)
        self._send(ready, now)
        self.spent.letters += self._state.write_letters(self._letters, self.run_id)

    def _close_carts(self, orders: Sequence[Order], now: datetime) -> None:
        """Nothing more is told of the carts that these orders were: not even where Brevo takes an order itself not."""
        window = self.rules.live_window + TOUCHED_AFTERWARDS
        closings = closings_of(orders, None if self.rules.with_events else now - window)
        close_carts(self._state, self.connection, closings)

    def _is_unchanged(self, item: _Wanted) -> bool:
        return item.known is not None and item.known.hash == item.hash and not self.rules.force

    def _over(self, wanted: Sequence[_Wanted]) -> set[str]:
        """Keys of unchanged orders whose buyer has another address by now, or was deleted: Brevo keeps those orders.

        Telling of their buyers again would make the contact that a rename has done away with once more.
        """
        unchanged = [item for item in wanted if self._is_unchanged(item)]
        addresses = sorted({item.contact_key for item in unchanged})
        phones = [address for address in addresses if "@" not in address]
        there = self._state.contacts(addresses).keys() | self._state.contacts_by_phone(phones).keys()
        there |= self._state.seen_by_email([address for address in addresses if "@" in address]).keys()
        there |= self._state.seen_by_phone(phones).keys()
        gone = [item for item in unchanged if item.contact_key not in there]
        for item in gone:
            self.report.mapped += 1
            self.report.unchanged += 1
            _add(self.report.money, item.order)
        return {item.origin.key for item in gone}

    def _newest(self, parsed: Sequence[tuple[Record, Order]]) -> list[tuple[Record, Order]]:
        """The newest form of each order, none that is older than what Brevo was given."""
        known = self._state.sources(self.connection, STREAM, [record.key for record, _ in parsed])
        tests = sum(order.test for _, order in parsed)
        if tests:
            self.report.skipped["test_order"] += tests
        return newest_of(((record, order) for record, order in parsed if not order.test), known, self.report)

    def _wanted(self, current: Sequence[tuple[Record, Order]]) -> list[_Wanted]:
        known = self._state.sources(self.connection, STREAM, [record.key for record, _ in current])
        buyers = self._state.sources(
            self.connection, CUSTOMERS, sorted({order.customer_id for _, order in current if order.customer_id})
        )
        found = []
        for record, order in current:
            origin = Origin(self.connection, STREAM, record.key, order.updated_at, record.read_at)
            buyer_entry = buyers.get(order.customer_id or "")
            contact_key = buyer_entry.contact_key if buyer_entry else None
            try:
                buyer = self.mapper.buyer(order, origin, contact_key)
                document = self._document(order, buyer)
            except NoIdentifier:
                self.report.skipped["no_identifier"] += 1
                _add(self.report.skipped_money, order)
            except RejectedRecord as problem:
                self.report.rejected[problem.reason] += 1
                self._letters.append(origin.letter(problem, LetterKind.ORDER))
            else:
                found.append(_Wanted(order, origin, buyer, known.get(record.key), document, _hash(document)))
        return found

    def _document(self, order: Order, buyer: ContactChange) -> dict[str, Any]:
        return order_document(
            order,
            email=buyer.email,
            phone=buyer.phone,
            rate=self.rules.rates.get(order.currency),
            currency=self.rules.currency,
        )

    def _send(self, ready: Sequence[_Wanted], now: datetime) -> None:
        for historical in (True, False):
            part = [item for item in ready if self._historical(item, now) is historical]
            if not part:
                continue
            part.sort(key=lambda item: item.order.updated_at)
            told = send_orders(self.writer.client, [item.document for item in part], historical=historical)
            refused = dict(told.refused)
            accepted = [item for item in part if item.order.id not in refused]
            with self._state.transaction():
                self._state.save_sources(_entry(item) for item in accepted)
                keys = [item.origin.key for item in accepted]
                self._state.close_letters(self.connection, STREAM, keys, kinds=[LetterKind.ORDER])
                planned = self.events.plan_orders([(item.order, self._told(item)) for item in accepted], now)
            self.report.sent += len(accepted)
            self.spent.orders += len(accepted)
            for item in accepted:
                self.report.note_sent(item.origin.key, item.order.updated_at)
            for item in part:
                if item.order.id in refused:
                    self._fail(item, "refused", "Brevo refuses this order", refused[item.order.id])
            self.events.send(planned)

    def _told(self, item: _Wanted) -> Told:
        return Told(self.connection, item.buyer.email, item.buyer.phone, item.known is not None)

    def _historical(self, item: _Wanted, now: datetime) -> bool:
        """Whether the order goes without starting automations: by the age of what it tells of, not by its path."""
        if self.rules.with_events:
            return False
        if item.known is not None and item.known.hash == item.hash:
            # Sent again by force: it tells of nothing that wasn't told.
            return True
        cause = item.order.updated_at if item.known is not None else item.order.placed_at
        return now - cause > self.rules.live_window

    def _fail(self, item: _Wanted, reason: str, message: str, vendor: VendorAnswer | None) -> None:
        self.report.failed += 1
        letter = item.origin.letter(RejectedRecord(reason, message), LetterKind.ORDER)
        self._letters.append(
            Letter(
                connection=letter.connection,
                stream=letter.stream,
                key=letter.key,
                kind=letter.kind,
                reason=reason,
                message=message,
                vendor=vendor,
            )
        )


def _hash(document: Mapping[str, Any]) -> str:
    """Digest of what an order says. Whom it names isn't part of it: a renamed contact keeps its orders at Brevo."""
    return digest({name: value for name, value in document.items() if name != "identifiers"})


def _entry(item: _Wanted) -> SourceEntry:
    return SourceEntry(
        connection=item.origin.connection,
        stream=STREAM,
        key=item.origin.key,
        contact_key=item.contact_key,
        source_time=item.order.updated_at,
        hash=item.hash,
    )


def _add(money: dict[str, MoneySums], order: Order) -> None:
    sums = money.setdefault(order.currency, MoneySums())
    sums.gross += order.gross
    sums.refunded += order.refunded
    sums.net += order.net
