"""Takes everything that came from one connection out of every table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, delete, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from tajo_pipelines.model.consent import State
from tajo_pipelines.model.ledger import ContactEntry, ImportRow
from tajo_pipelines.store.appending import DeliveryState
from tajo_pipelines.store.database import Database, chunks
from tajo_pipelines.store.schema import (
    batches,
    calls,
    consent_facts,
    deliveries,
    freed,
    imports,
    intents,
    ledger_contacts,
    ledger_sources,
    letters,
    meta,
    reads,
    refusals,
    run_reports,
    source_states,
    watermarks,
)

_OF_CONNECTION = (letters, batches, reads, watermarks, refusals, run_reports)
_OF_ACCOUNT_TOO = (ledger_sources, source_states)
_ENTRY = msgspec.json.Decoder(ContactEntry)
_ENCODER = msgspec.json.Encoder(order="deterministic")
_ROWS = msgspec.json.Decoder(tuple[ImportRow, ...])


@dataclass(frozen=True, slots=True)
class SourceErasing:
    """One connection's traces.

    Attributes:
        account: The identity of the account that it feeds.
    """

    database: Database
    account: str
    connection: str

    def take_out(self) -> tuple[Counter[str], int]:
        """Take all of it out; how many rows of each table went or were emptied, and how many objections stay."""
        gone: Counter[str] = Counter()
        with self.database.writing() as writing:
            runs = select(run_reports.c.run_id).where(run_reports.c.connection == self.connection)
            gone["calls"] = _drop(writing, calls, calls.c.account == self.account, calls.c.run_id.in_(runs))
            gone["ledger_contacts"] = self._contacts(writing)
            for table in _OF_ACCOUNT_TOO:
                ours = table.c.account == self.account
                gone[table.name] = _drop(writing, table, ours, table.c.connection == self.connection)
            for table in _OF_CONNECTION:
                gone[table.name] = _drop(writing, table, table.c.connection == self.connection)
            gone["deliveries"] = self._deliveries(writing)
            gone["intents"] = self._intents(writing)
            gone["imports"] = self._imports(writing)
            said = (consent_facts.c.account == self.account, consent_facts.c.source == self.connection)
            gone["consent_facts"] = _drop(writing, consent_facts, *said, consent_facts.c.state != State.DENIED)
            gone["freed"] = _drop(writing, freed, freed.c.account == self.account, freed.c.source == self.connection)
            gone["notes"] = self._notes(writing)
            left = writing.execute(select(func.count()).select_from(consent_facts).where(*said)).scalar_one()
        return +gone, int(left)

    def _contacts(self, writing: Connection) -> int:
        """Forget whom nobody else feeds; of the others what this connection gave."""
        others = set(
            writing.execute(
                select(ledger_sources.c.contact_key)
                .where(ledger_sources.c.account == self.account, ledger_sources.c.connection != self.connection)
                .distinct()
            ).scalars()
        )
        own = f"{self.connection}:"
        alone: list[str] = []
        shared: dict[str, str] = {}
        rows = writing.execute(select(ledger_contacts.c.doc).where(ledger_contacts.c.account == self.account)).all()
        for row in rows:
            entry = _ENTRY.decode(row.doc)
            sources = frozenset(word for word in entry.sources if not word.startswith(own))
            attributes = {name: given for name, given in entry.attributes.items() if given.owner != self.connection}
            if not sources and entry.key not in others:
                alone.append(entry.key)
            elif sources != entry.sources or attributes != entry.attributes:
                changed = msgspec.structs.replace(entry, sources=sources, attributes=attributes)
                shared[entry.key] = _ENCODER.encode(changed).decode()
        ours = ledger_contacts.c.account == self.account
        for key, doc in shared.items():
            writing.execute(update(ledger_contacts).where(ours, ledger_contacts.c.key == key).values(doc=doc))
        return sum(_drop(writing, ledger_contacts, ours, ledger_contacts.c.key.in_(part)) for part in chunks(alone))

    def _deliveries(self, writing: Connection) -> int:
        """Those in a run's hands, the one that asks for all this among them, are emptied; the others go."""
        ours, leased = deliveries.c.connection == self.connection, deliveries.c.state == DeliveryState.LEASED
        empty = update(deliveries).where(ours, leased).values(body=b"", key=None, error=None)
        emptied = writing.execute(empty).rowcount
        return emptied + _drop(writing, deliveries, ours, deliveries.c.state != DeliveryState.LEASED)

    def _intents(self, writing: Connection) -> int:
        found = writing.execute(
            select(intents.c.tajo_id, intents.c.payload).where(
                intents.c.account == self.account, intents.c.payload != "{}"
            )
        ).all()
        ids = [row.tajo_id for row in found if _connection_of(row.payload) == self.connection]
        ours = intents.c.account == self.account
        return sum(_drop(writing, intents, ours, intents.c.tajo_id.in_(part)) for part in chunks(ids))

    def _imports(self, writing: Connection) -> int:
        """Of imports that aren't over, what they would write into the ledger for this connection."""
        changed = 0
        waiting = (imports.c.account == self.account, imports.c.rows != "[]")
        for row in writing.execute(select(imports.c.id, imports.c.rows).where(*waiting)).all():
            carried = _ROWS.decode(row.rows)
            left = tuple(item for item in carried if {each.connection for each in item.sources} != {self.connection})
            if len(left) < len(carried):
                here = (imports.c.account == self.account, imports.c.id == row.id)
                writing.execute(update(imports).where(*here).values(rows=msgspec.json.encode(left).decode()))
                changed += 1
        return changed

    def _notes(self, writing: Connection) -> int:
        """Notes that name the connection between slashes."""
        names = [
            name for name in writing.execute(select(meta.c.name)).scalars() if self.connection in name.split("/")[1:]
        ]
        return sum(_drop(writing, meta, meta.c.name.in_(part)) for part in chunks(names))


def _drop(writing: Connection, table: Table, *conditions: ColumnElement[bool]) -> int:
    return writing.execute(delete(table).where(*conditions)).rowcount


def _connection_of(payload: str) -> Any:
    return msgspec.json.decode(payload, type=dict[str, Any]).get("connection")
