"""What this package needs from the outside, as protocols; the store implements them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from tajo_pipelines.model.consent import Channel, Fact
from tajo_pipelines.model.event import Event
from tajo_pipelines.model.intent import Intent, IntentState
from tajo_pipelines.model.ledger import ContactEntry, PendingImport, SourceEntry
from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.model.picture import SeenContact


@dataclass(frozen=True, slots=True)
class BucketLimit:
    """Allowance of one bucket; None where there is no such limit."""

    per_second: int | None
    per_hour: int | None


@dataclass(frozen=True, slots=True)
class Call:
    """One call to a vendor, as it is kept: personal data masked, secrets left out.

    Attributes:
        path: Path with query, masked.
        template: Path with its variables named: ``/contacts/{identifier}``.
        request: Body, masked, at most 4 KB.
        response: Body, masked, at most 4 KB.
    """

    at: datetime
    run_id: str
    method: str
    path: str
    template: str
    bucket: str
    status: int
    milliseconds: int
    request: str
    response: str
    bytes_sent: int


class Budget(Protocol):
    """The rate budget of one account, shared by all processes."""

    def take(self, bucket: str, limit: BucketLimit) -> float:
        """Wait until one call may be made, book it, and say how many seconds that took."""
        ...

    def observe(self, bucket: str, *, limit: int | None, remaining: int | None, reset: float | None) -> None:
        """Learn from an answer's headers; ``reset`` in remaining seconds."""
        ...

    def exhausted(self, bucket: str, reset: float) -> None:
        """A 429: nobody calls this bucket again before ``reset`` seconds have passed."""
        ...


class CallLog(Protocol):
    """Keeps every call."""

    def record(self, call: Call) -> int | None:
        """Keep one call; its number, by which a letter can name it."""
        ...


class AccountState(Protocol):
    """All durable state of one Brevo account. Every writing method commits, alone or within `transaction`."""

    def transaction(self) -> AbstractContextManager[None]:
        """One transaction around several of the calls below, nestable."""
        ...

    # picture
    def picture_read_at(self) -> tuple[datetime | None, datetime | None]:
        """When the last whole reading began, and when the last reading of any kind began."""
        ...

    def save_picture(self, contacts: Iterable[SeenContact]) -> None:
        """Add or replace rows by contact id."""
        ...

    def finish_picture(self, began: datetime, *, whole: bool) -> None:
        """Note a finished reading; after a whole one, rows read before ``began`` are gone."""
        ...

    def seen_by_id(self, contact_ids: Sequence[int]) -> dict[int, SeenContact]:
        """Rows by Brevo's id."""
        ...

    def seen_by_email(self, emails: Sequence[str]) -> dict[str, SeenContact]:
        """Rows by address."""
        ...

    def seen_by_phone(self, phones: Sequence[str]) -> dict[str, SeenContact]:
        """Rows by E.164 number."""
        ...

    def seen_by_source(self, sources: Sequence[str]) -> dict[str, SeenContact]:
        """Rows whose ``TAJO_SOURCES`` names ``connection:key``, by that name."""
        ...

    def forget_seen(self, contact_ids: Sequence[int]) -> None:
        """Drop rows."""
        ...

    # consent
    def facts(self, addresses: Sequence[str]) -> dict[tuple[str, Channel], list[Fact]]:
        """All facts of these addresses."""
        ...

    def add_facts(self, facts: Iterable[Fact]) -> None:
        """Add facts. One row per (address, channel, source, state, cause, confirmed): the newest ``at`` stays.

        A fact without time never replaces one with a time; ``carried_by_brevo`` stays once set for the same ``at``.
        A stored fact with evidence ``reading`` yields to one with evidence ``statistics``, even an older one: it was
        dated by the reading only for want of a better date.
        """
        ...

    def freed_today(self, source: str, now: datetime) -> int:
        """How many people were freed against an objection in the last 24 hours on this source's word."""
        ...

    def freed_at(self, address: str, channel: Channel) -> datetime | None:
        """When an address was last freed by us, whatever the kind."""
        ...

    def note_freed(self, address: str, channel: Channel, source: str, now: datetime, *, kind: str) -> None:
        """Keep that a person was freed; kind ``a`` or ``b``."""
        ...

    # ledger
    def contacts(self, keys: Sequence[str]) -> dict[str, ContactEntry]:
        """Ledger entries by contact key."""
        ...

    def contacts_by_phone(self, phones: Sequence[str]) -> dict[str, ContactEntry]:
        """Ledger entries by the number that was given with them."""
        ...

    def save_contacts(self, entries: Iterable[ContactEntry]) -> None:
        """Add or replace entries."""
        ...

    def forget_contacts(self, keys: Sequence[str]) -> None:
        """Drop ledger entries of contacts that are no longer at Brevo; what is known of consent stays."""
        ...

    def rename_contact(self, old_key: str, new_key: str) -> None:
        """Move an entry and all source entries that point to it."""
        ...

    def sources(self, connection: str, stream: str, keys: Sequence[str]) -> dict[str, SourceEntry]:
        """Source entries by record key."""
        ...

    def save_sources(self, entries: Iterable[SourceEntry]) -> None:
        """Add or replace entries; an older source time never replaces a newer one."""
        ...

    # bulk work at Brevo
    def save_import(self, pending: PendingImport) -> None:
        """Add or replace a pending import."""
        ...

    def pending_imports(self) -> list[PendingImport]:
        """All that aren't finished, oldest first."""
        ...

    def finish_import(self, import_id: str, status: str) -> None:
        """Close one; it is no longer pending."""
        ...

    # letters
    def write_letters(self, letters: Iterable[Letter], run_id: str) -> int:
        """Keep letters; how many are new (not open before)."""
        ...

    def close_letters(
        self,
        connection: str,
        stream: str,
        keys: Sequence[str],
        *,
        kinds: Collection[LetterKind],
        keep: Iterable[Letter] = (),
    ) -> int:
        """Close the open letters of these records and kinds, but for those in ``keep``; how many were closed."""
        ...

    # cached facts of the account
    def cached(self, name: str, now: datetime, max_age: float) -> Mapping[str, object] | None:
        """A cached document, if it is at most ``max_age`` seconds old."""
        ...

    def cache(self, name: str, document: Mapping[str, object], now: datetime) -> None:
        """Keep a document."""
        ...

    # events
    @property
    def intents(self) -> IntentLog:
        """Events that are about to be sent."""
        ...

    # what is remembered of source records beyond their digest
    def source_states(self, connection: str, stream: str, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Small JSON documents by record key; records without one are missing."""
        ...

    def save_source_states(self, connection: str, stream: str, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Add or replace them."""
        ...

    def forget_source_states(self, connection: str, stream: str, before: datetime) -> int:
        """Forget those of a stream whose ``at`` is earlier, or that have none; how many went."""
        ...


class IntentLog(Protocol):
    """Events stored before they are sent. Every writing method commits, alone or within `AccountState.transaction`."""

    def add(self, events: Sequence[Event], now: datetime) -> frozenset[str]:
        """Keep events; the ids of those that may go: new, never handed over, or refused for certain before."""
        ...

    def mark(self, tajo_ids: Sequence[str], state: IntentState) -> None:
        """Note what is known of events now."""
        ...

    def forget(self, tajo_ids: Sequence[str]) -> None:
        """Drop events that were never handed over."""
        ...

    def states(self, tajo_ids: Sequence[str]) -> dict[str, IntentState]:
        """What is known of events, by id; those never stored are missing."""
        ...

    def unfinished(self) -> list[Intent]:
        """Events that are OPEN or SENDING, the first stored first."""
        ...
