"""Erasures that aren't over, and what the tables know a person by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from sqlalchemy import delete, select

from tajo_pipelines.model.erasure import Receipt, Work
from tajo_pipelines.model.traces import Traces
from tajo_pipelines.store.database import Database, chunks, upsert
from tajo_pipelines.store.receipts import Receipts
from tajo_pipelines.store.schema import ledger_contacts, ledger_sources, meta, picture, source_states
from tajo_pipelines.store.taking_out import CART_TOKENS, NOTES, named, read_rows, texts_of


@dataclass(frozen=True, slots=True)
class Erasing:
    """One account's erasures.

    Attributes:
        account: The account's identity.
    """

    database: Database
    account: str

    def remembered_connections(self) -> set[str]:
        """Connections of which the account was given something."""
        statement = select(ledger_sources.c.connection).where(ledger_sources.c.account == self.account).distinct()
        with self.database.reading() as connection:
            return set(connection.execute(statement).scalars())

    def works(self) -> list[Work]:
        """Erasures that were begun and aren't over, the oldest first."""
        ours = meta.c.name.startswith(self._note(""), autoescape=True)
        with self.database.reading() as connection:
            rows = connection.execute(select(meta.c.value).where(ours))
            found = [msgspec.json.decode(row.value, type=Work) for row in rows]
        return sorted(found, key=lambda work: work.began_at)

    def save(self, work: Work) -> None:
        """Keep how far an erasure has come."""
        row = {"name": self._note(work.id), "value": msgspec.json.encode(work).decode()}
        with self.database.writing() as connection:
            upsert(connection, meta, [row])

    def finish(self, work: Work, receipt: Receipt) -> None:
        """Put the receipt in the place of the work: what was known of the person goes with it."""
        receipts = Receipts(self.database)
        with self.database.writing() as connection:
            receipts.add(receipt)
            receipts.await_sweeping(receipt.id)
            connection.execute(delete(meta).where(meta.c.name == self._note(work.id)))

    def _note(self, work_id: str) -> str:
        return f"{NOTES}{self.account}/{work_id}"

    def rows_of(self, traces: Traces) -> Traces:
        """The records that the ledger and the memory of carts tie to these addresses."""
        addresses = traces.addresses
        found: set[tuple[str, str, str]] = set()
        with self.database.reading() as connection:
            for part in chunks(addresses):
                rows = connection.execute(
                    select(ledger_sources.c.connection, ledger_sources.c.stream, ledger_sources.c.key).where(
                        ledger_sources.c.account == self.account, ledger_sources.c.contact_key.in_(part)
                    )
                )
                found |= {(row.connection, row.stream, row.key) for row in rows}
            states = select(source_states).where(
                source_states.c.account == self.account, source_states.c.stream == CART_TOKENS
            )
            for row in read_rows(connection, states):
                if texts_of(row.state) & set(addresses):
                    found |= {(row.connection, stream, row.key) for stream in (CART_TOKENS, "carts")}
        return Traces(records=frozenset(found))

    def contact_of(self, records: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], str]:
        """Contact that the ledger ties each of these records to."""
        columns = ledger_sources.c
        found: dict[tuple[str, str, str], str] = {}
        with self.database.reading() as connection:
            for part in chunks(sorted(records)):
                rows = connection.execute(
                    select(ledger_sources).where(columns.account == self.account, named(ledger_sources, part))
                )
                found |= {(row.connection, row.stream, row.key): row.contact_key for row in rows if row.contact_key}
        return found

    def holders_of(self, phone: str) -> set[str]:
        """Keys of contacts that hold a number, by ledger and picture."""
        with self.database.reading() as connection:
            given = connection.execute(
                select(ledger_contacts.c.key).where(
                    ledger_contacts.c.account == self.account, ledger_contacts.c.phone == phone
                )
            ).scalars()
            seen = connection.execute(
                select(picture.c.email).where(picture.c.account == self.account, picture.c.phone == phone)
            ).scalars()
            return {*given, *(email for email in seen if email)} - {phone}
