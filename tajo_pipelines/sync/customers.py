"""Carries customers to Brevo through the door of consent, and what becomes of those whom the shop deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tajo_pipelines.brevo.contact_change import ContactChange, Outcome
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.brevo.writer import ContactWriter
from tajo_pipelines.model.consent import Channel, Fact, State
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.event import Event
from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.report import StreamReport
from tajo_pipelines.sdk.connector import Deleted
from tajo_pipelines.settings.objects import OnDelete
from tajo_pipelines.sync.contacts import ContactMapper, NoIdentifier, Origin
from tajo_pipelines.sync.events import EventDelivery, Told, customer_deleted, customer_events

STREAM = "customers"


@dataclass(slots=True)
class CustomerDelivery:
    """Delivers parts of a stream of customers.

    Attributes:
        connection: Name of the connection.
        mapper: Maps people.
        writer: Writes contacts.
        events: Stores and sends what customers mean for automations.
        report: The numbers, added to.
        run_id: The run.
        erase: Erases the person behind a customer's key.
        letters: New letters, those of the events not among them.
    """

    connection: str
    mapper: ContactMapper
    writer: ContactWriter
    events: EventDelivery
    report: StreamReport
    run_id: str
    erase: Callable[[str], object]
    letters: int = 0
    _letters: list[Letter] = field(default_factory=list)

    @property
    def _state(self) -> AccountState:
        return self.writer.state

    def deliver(self, parsed: Iterable[tuple[Record, Customer]], now: datetime) -> None:
        """Deliver customers that were read; rejected ones were counted before.

        Args:
            parsed: Records with their canonical forms, in the order in which they were read.
            now: The present.

        Raises:
            TajoError: Brevo can't be reached or used; what was written until then is noted.
        """
        self._letters = []
        told: list[tuple[ContactChange, Customer | None]] = []
        for record, customer in parsed:
            time_of = record.updated_at or record.read_at
            origin = Origin(self.connection, STREAM, record.key, time_of, record.read_at)
            try:
                change = self.mapper.customer(customer, record.raw, origin)
                told.append((change, customer if self.events.rules.may_tell(customer, now) else None))
            except NoIdentifier:
                self.report.skipped["no_identifier"] += 1
            except RejectedRecord as problem:
                self.report.rejected[problem.reason] += 1
                self._letters.append(origin.letter(problem, LetterKind.RECORD))
        given = self._state.sources(self.connection, STREAM, [change.key for change, _ in told])
        outcomes = self.writer.write([change for change, _ in told])
        events: list[Event] = []
        for (change, young), outcome in zip(told, outcomes, strict=True):
            self._count(outcome)
            if outcome is Outcome.SENT:
                self.report.note_sent(change.key, change.source_time)
            if young is not None and outcome in (Outcome.SENT, Outcome.UNCHANGED):
                last = given.get(change.key)
                whom = Told(self.connection, change.email, change.phone, last is not None)
                # Another mapping writes the same form of a record anew: nothing happened to the person.
                changed = outcome is Outcome.SENT and (last is None or change.source_time > last.source_time)
                events += customer_events(young, whom, changed=changed, rules=self.events.rules, now=now)
        self.letters += self._state.write_letters(self._letters, self.run_id)
        self.events.send(self.events.plan(events, now))

    def delete(self, gone: Sequence[Deleted], on_delete: OnDelete, now: datetime) -> None:
        """Carry out what the shop deleted, each once.

        People whom another record feeds as well stay as they are; so do those whose record was merged into another.

        Args:
            gone: What was deleted; those whom Brevo was never given are passed over.
            on_delete: What becomes of their contacts.
            now: The present.

        Raises:
            TajoError: Brevo can't be reached or used; the same deletions are carried out next time then.
        """
        keys = [item.key for item in gone]
        given = self._state.sources(self.connection, STREAM, keys)
        states = self._state.source_states(self.connection, STREAM, keys)
        fresh = [item for item in gone if item.key in given and not states.get(item.key, {}).get("deleted")]
        contacts = {item.key: given[item.key].contact_key for item in fresh if item.merged_into is None}
        entries = self._state.contacts(sorted({key for key in contacts.values() if key}))
        alone = {
            key: contact
            for key, contact in contacts.items()
            if contact is not None
            and (contact not in entries or entries[contact].sources <= {f"{self.connection}:{key}"})
        }
        times = {item.key: item.at for item in fresh}
        erased = alone if on_delete == "erase" else {}
        events = [
            customer_deleted(key, self._whom(contact), times[key])
            for key, contact in alone.items()
            if key not in erased and self.events.rules.live(times[key], now)
        ]
        self.events.send(self.events.plan(events, now))
        if on_delete == "block":
            self.writer.deny([fact for key, contact in alone.items() for fact in self._objections(contact, times[key])])
        if on_delete in ("unlist", "block"):
            self.writer.unlist(list(alone.values()), self.connection)
        for key in erased:
            self.erase(key)
        marks = {item.key: states.get(item.key, {}) | {"deleted": True} for item in fresh if item.key not in erased}
        self._state.save_source_states(self.connection, STREAM, marks)
        self.report.deleted += len(fresh)

    def _whom(self, contact: str) -> Told:
        email, phone = (contact, None) if "@" in contact else (None, contact)
        return Told(self.connection, email, phone, seen=True)

    def _objections(self, contact: str, at: datetime) -> list[Fact]:
        channel = Channel.EMAIL if "@" in contact else Channel.SMS
        return [
            Fact(
                address=contact,
                channel=channel,
                source=self.connection,
                state=State.DENIED,
                at=at,
                recorded_at=self.writer.clock(),
                evidence="deleted in the shop",
            )
        ]

    def _count(self, outcome: Outcome) -> None:
        if outcome is Outcome.SKIPPED:
            self.report.skipped["unknown_consent"] += 1
            return
        self.report.mapped += 1
        setattr(self.report, outcome.value, getattr(self.report, outcome.value) + 1)
