"""The ledger: what Brevo was last given, per contact and per source record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, func, select, update

from tajo_pipelines.model.ledger import ContactEntry, SourceEntry
from tajo_pipelines.store.database import Database, chunks, present, upsert
from tajo_pipelines.store.schema import ledger_contacts, ledger_sources

_ENCODER = msgspec.json.Encoder(order="deterministic")
_ENTRY = msgspec.json.Decoder(ContactEntry)


class Ledger:
    """One account's ledger."""

    def __init__(self, database: Database, account: str, clock: Callable[[], datetime] = present) -> None:
        self._database = database
        self._account = account
        self._clock = clock

    def contacts(self, keys: Sequence[str]) -> dict[str, ContactEntry]:
        """Entries by contact key."""
        return {entry.key: entry for entry in self._find(ledger_contacts.c.key, keys)}

    def contacts_by_phone(self, phones: Sequence[str]) -> dict[str, ContactEntry]:
        """Entries by the number that was given with them; of several the one saved last."""
        found = self._find(ledger_contacts.c.phone, phones)
        return {entry.phone: entry for entry in found if entry.phone is not None}

    def _find(self, column: Any, values: Sequence[str]) -> list[ContactEntry]:
        found: list[ContactEntry] = []
        with self._database.reading() as connection:
            for part in chunks(values):
                rows = connection.execute(
                    select(ledger_contacts.c.doc)
                    .where(ledger_contacts.c.account == self._account, column.in_(part))
                    .order_by(ledger_contacts.c.updated_at, ledger_contacts.c.key)
                )
                found.extend(_ENTRY.decode(row.doc) for row in rows)
        return found

    def save_contacts(self, entries: Iterable[ContactEntry]) -> None:
        """Add or replace entries."""
        now = self._clock()
        with self._database.writing() as connection:
            upsert(connection, ledger_contacts, (self._row(entry, now) for entry in entries))

    def forget_contacts(self, keys: Sequence[str]) -> None:
        """Drop entries of contacts that are no longer at Brevo; source entries keep their order of time."""
        with self._database.writing() as connection:
            for part in chunks(keys):
                connection.execute(
                    delete(ledger_contacts).where(
                        ledger_contacts.c.account == self._account, ledger_contacts.c.key.in_(part)
                    )
                )

    def rename_contact(self, old_key: str, new_key: str) -> None:
        """Move an entry and all source entries that point to it.

        An entry that stands under the new key already gives way; what fed it feeds the moved one.
        """
        if old_key == new_key:
            return
        with self._database.writing() as connection:
            known = self.contacts([old_key, new_key])
            old, new = known.get(old_key), known.get(new_key)
            if old is not None:
                sources = old.sources | (new.sources if new is not None else frozenset())
                self.save_contacts([msgspec.structs.replace(old, key=new_key, sources=sources)])
                self.forget_contacts([old_key])
            connection.execute(
                update(ledger_sources)
                .where(ledger_sources.c.account == self._account, ledger_sources.c.contact_key == old_key)
                .values(contact_key=new_key)
            )

    def sources(self, connection: str, stream: str, keys: Sequence[str]) -> dict[str, SourceEntry]:
        """Source entries by record key."""
        found: dict[str, SourceEntry] = {}
        with self._database.reading() as reading:
            for part in chunks(keys):
                rows = reading.execute(
                    select(ledger_sources).where(
                        ledger_sources.c.account == self._account,
                        ledger_sources.c.connection == connection,
                        ledger_sources.c.stream == stream,
                        ledger_sources.c.key.in_(part),
                    )
                )
                found.update({row.key: _source(row) for row in rows})
        return found

    def count_sources(self, connection: str, stream: str) -> int:
        """How many records of a stream Brevo was given."""
        statement = select(func.count()).where(
            ledger_sources.c.account == self._account,
            ledger_sources.c.connection == connection,
            ledger_sources.c.stream == stream,
        )
        with self._database.reading() as reading:
            return int(reading.execute(statement).scalar_one())

    def save_sources(self, entries: Iterable[SourceEntry]) -> None:
        """Add or replace entries; an older source time never replaces a newer one."""
        rows = (msgspec.structs.asdict(entry) | {"account": self._account} for entry in entries)
        with self._database.writing() as connection:
            upsert(
                connection,
                ledger_sources,
                rows,
                newer=lambda standing, given: standing.c.source_time <= given.source_time,
            )

    def _row(self, entry: ContactEntry, now: datetime) -> dict[str, Any]:
        return {
            "account": self._account,
            "key": entry.key,
            "phone": entry.phone,
            "doc": _ENCODER.encode(entry).decode(),
            "state": entry.state.value,
            "updated_at": now,
        }


def _source(row: Any) -> SourceEntry:
    return SourceEntry(
        connection=row.connection,
        stream=row.stream,
        key=row.key,
        contact_key=row.contact_key,
        source_time=row.source_time,
        hash=row.hash,
    )
