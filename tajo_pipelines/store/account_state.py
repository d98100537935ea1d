"""All durable state of one Brevo account behind one object, as Brevo's package asks for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from tajo_pipelines.model.consent import Channel, Fact
from tajo_pipelines.model.ledger import ContactEntry, PendingImport, SourceEntry
from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.model.picture import SeenContact
from tajo_pipelines.model.window import format_time
from tajo_pipelines.store.account_cache import AccountCache
from tajo_pipelines.store.consent import Consent
from tajo_pipelines.store.database import Database, present
from tajo_pipelines.store.imports import Imports
from tajo_pipelines.store.intents import Intents
from tajo_pipelines.store.ledger import Ledger
from tajo_pipelines.store.letters import Letters
from tajo_pipelines.store.picture import Picture
from tajo_pipelines.store.source_states import SourceStates
from tajo_pipelines.store.tombstones import Tombstones


class AccountState:
    """Picture, consent, ledger, imports, letters, cache and intents of one account.

    Every writing method commits, alone or within `transaction`.

    Args:
        database: Where it is kept.
        account: The account's identity, not its name in the configuration.
        clock: The present time.
        tombstones: Whose objections count too; None where nothing is decided by what is read here.

    Attributes:
        intents: Events that are about to be sent.
    """

    def __init__(
        self,
        database: Database,
        account: str,
        clock: Callable[[], datetime] = present,
        tombstones: Tombstones | None = None,
    ) -> None:
        self.account = account
        self._tombstones = tombstones
        self._database = database
        self._picture = Picture(database, account)
        self._consent = Consent(database, account)
        self._ledger = Ledger(database, account, clock)
        self._imports = Imports(database, account)
        self._letters = Letters(database, clock)
        self._cache = AccountCache(database, account)
        self._source_states = SourceStates(database, account)
        self.intents = Intents(database, account)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction around several of the calls below, nestable, for this thread."""
        with self._database.writing():
            yield

    def picture_read_at(self) -> tuple[datetime | None, datetime | None]:
        """When the last whole reading began, and when the last reading of any kind began."""
        return self._picture.read_at()

    def save_picture(self, contacts: Iterable[SeenContact]) -> None:
        """Add or replace rows by contact id."""
        self._picture.save(contacts)

    def finish_picture(self, began: datetime, *, whole: bool) -> None:
        """Note a finished reading; after a whole one, rows read before ``began`` are gone."""
        self._picture.finish(began, whole=whole)

    def seen_by_id(self, contact_ids: Sequence[int]) -> dict[int, SeenContact]:
        """Rows by Brevo's id."""
        return self._picture.by_id(contact_ids)

    def seen_by_email(self, emails: Sequence[str]) -> dict[str, SeenContact]:
        """Rows by address."""
        return self._picture.by_email(emails)

    def seen_by_phone(self, phones: Sequence[str]) -> dict[str, SeenContact]:
        """Rows by E.164 number."""
        return self._picture.by_phone(phones)

    def seen_by_source(self, sources: Sequence[str]) -> dict[str, SeenContact]:
        """Rows whose ``TAJO_SOURCES`` names ``connection:key``, by that name."""
        return self._picture.by_source(sources)

    def forget_seen(self, contact_ids: Sequence[int]) -> None:
        """Drop rows."""
        self._picture.forget(contact_ids)

    def facts(self, addresses: Sequence[str]) -> dict[tuple[str, Channel], list[Fact]]:
        """All facts of these addresses, what erased people had said no to among them."""
        found = self._consent.facts(addresses)
        for fact in self._tombstones.objections(addresses) if self._tombstones is not None else ():
            found.setdefault((fact.address, fact.channel), []).append(fact)
        return found

    def add_facts(self, facts: Iterable[Fact]) -> None:
        """Add facts; see `Consent.add` for which one stays."""
        self._consent.add(facts)

    def freed_today(self, source: str, now: datetime) -> int:
        """How many people were freed against an objection in the last 24 hours on this source's word."""
        return self._consent.freed_today(source, now)

    def freed_at(self, address: str, channel: Channel) -> datetime | None:
        """When an address was last freed by us, whatever the kind."""
        return self._consent.freed_at(address, channel)

    def note_freed(self, address: str, channel: Channel, source: str, now: datetime, *, kind: str) -> None:
        """Keep that a person was freed; kind ``a`` or ``b``."""
        self._consent.note_freed(address, channel, source, now, kind=kind)

    def contacts(self, keys: Sequence[str]) -> dict[str, ContactEntry]:
        """Ledger entries by contact key."""
        return self._ledger.contacts(keys)

    def contacts_by_phone(self, phones: Sequence[str]) -> dict[str, ContactEntry]:
        """Ledger entries by the number that was given with them."""
        return self._ledger.contacts_by_phone(phones)

    def save_contacts(self, entries: Iterable[ContactEntry]) -> None:
        """Add or replace entries."""
        self._ledger.save_contacts(entries)

    def forget_contacts(self, keys: Sequence[str]) -> None:
        """Drop ledger entries of contacts that are no longer at Brevo; what is known of consent stays."""
        self._ledger.forget_contacts(keys)

    def rename_contact(self, old_key: str, new_key: str) -> None:
        """Move an entry and all source entries that point to it."""
        self._ledger.rename_contact(old_key, new_key)

    def sources(self, connection: str, stream: str, keys: Sequence[str]) -> dict[str, SourceEntry]:
        """Source entries by record key."""
        return self._ledger.sources(connection, stream, keys)

    def count_sources(self, connection: str, stream: str) -> int:
        """How many records of a stream the account was given."""
        return self._ledger.count_sources(connection, stream)

    def save_sources(self, entries: Iterable[SourceEntry]) -> None:
        """Add or replace entries; an older source time never replaces a newer one."""
        self._ledger.save_sources(entries)

    def save_import(self, pending: PendingImport) -> None:
        """Add or replace a pending import."""
        self._imports.save(pending)

    def pending_imports(self) -> list[PendingImport]:
        """All that aren't finished, oldest first."""
        return self._imports.pending()

    def finish_import(self, import_id: str, status: str) -> None:
        """Close one; it is no longer pending."""
        self._imports.finish(import_id, status)

    def write_letters(self, letters: Iterable[Letter], run_id: str) -> int:
        """Keep letters; how many are new (not open before)."""
        return self._letters.write(letters, run_id)

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
        return self._letters.close(connection, stream, keys, kinds=kinds, keep=keep)

    def cached(self, name: str, now: datetime, max_age: float) -> Mapping[str, object] | None:
        """A cached document, if it is at most ``max_age`` seconds old."""
        return self._cache.get(name, now, max_age)

    def cache(self, name: str, document: Mapping[str, object], now: datetime) -> None:
        """Keep a document."""
        self._cache.put(name, document, now)

    def source_states(self, connection: str, stream: str, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What is remembered of records beyond their digest, by record key."""
        return self._source_states.find(connection, stream, keys)

    def save_source_states(self, connection: str, stream: str, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Remember it."""
        self._source_states.save(connection, stream, states)

    def forget_source_states(self, connection: str, stream: str, before: datetime) -> int:
        """Forget what says ``at`` of itself and is older; how many went."""
        return self._source_states.forget(connection, stream, format_time(before))
