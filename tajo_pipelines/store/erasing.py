"""Takes a person, or a whole source, out of every table, and keeps erasures that aren't over.

What speaks of somebody is looked for without a lock; then it goes in one transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, Table, and_, delete, or_, select, tuple_, update
from sqlalchemy.sql.elements import ColumnElement

from tajo_pipelines.model.erasure import Receipt, Work
from tajo_pipelines.model.ledger import ImportRow
from tajo_pipelines.model.traces import Mentions, Traces
from tajo_pipelines.store.database import Database, chunks, upsert
from tajo_pipelines.store.receipts import Receipts
from tajo_pipelines.store.schema import (
    account_cache,
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
    picture,
    run_reports,
    source_states,
)

CART_TOKENS = "cart_tokens"
"""Stream under whose name it is remembered which cart and contact a token belongs to."""

_NOTES = "erasing/"
_CONTACT = "/contacts/{identifier}"
_READ = 500
_ROWS = msgspec.json.Decoder(tuple[ImportRow, ...])

Change = Callable[[Connection], int]
"""Takes out what was found; how many rows."""


@dataclass(frozen=True, slots=True)
class Erasing:
    """One account's erasures.

    Attributes:
        account: The account's identity.
        connections: Names of those that feed it.
    """

    database: Database
    account: str
    connections: tuple[str, ...]

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
        return f"{_NOTES}{self.account}/{work_id}"

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
            for row in _read(connection, states):
                if _values(row.state) & set(addresses):
                    found |= {(row.connection, stream, row.key) for stream in (CART_TOKENS, "carts")}
        return Traces(records=frozenset(found))

    def contact_of(self, records: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], str]:
        """Contact that the ledger ties each of these records to."""
        columns = ledger_sources.c
        found: dict[tuple[str, str, str], str] = {}
        with self.database.reading() as connection:
            for part in chunks(sorted(records)):
                rows = connection.execute(
                    select(ledger_sources).where(columns.account == self.account, _named(ledger_sources, part))
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

    def take_out(self, traces: Traces, run_id: str) -> Counter[str]:
        """Take a person out of all tables but the inbox; how many rows of each went or were emptied.

        Args:
            traces: By what the person is known.
            run_id: The run that asked Brevo about the person: of its calls the address goes.
        """
        mentions = Mentions(traces)
        found: dict[str, list[Change]] = {
            "letters": [self._letters(traces, mentions)],
            "intents": [self._intents(mentions)],
            "imports": self._imports(traces),
            "source_states": [self._source_states(traces, mentions)],
            "calls": [self._calls(traces, mentions, run_id)],
            "run_reports": self._run_reports(traces, mentions),
            "account_cache": [self._account_cache(mentions)],
            "notes": self._named_notes(mentions),
        }
        gone: Counter[str] = Counter()
        with self.database.writing() as connection:
            for place, changes in found.items():
                gone[place] += sum(change(connection) for change in changes)
            gone += self._by_address(connection, traces)
        return gone

    def _by_address(self, connection: Connection, traces: Traces) -> Counter[str]:
        """Ledger, picture and consent: they are keyed by address."""
        gone: Counter[str] = Counter()

        def drop(place: str, table: Table, *conditions: ColumnElement[bool]) -> None:
            ours = delete(table).where(table.c.account == self.account, *conditions)
            gone[place] += connection.execute(ours).rowcount

        for part in chunks(traces.addresses):
            drop("ledger_contacts", ledger_contacts, ledger_contacts.c.key.in_(part))
            drop("ledger_sources", ledger_sources, ledger_sources.c.contact_key.in_(part))
            drop("picture", picture, or_(picture.c.email.in_(part), picture.c.phone.in_(part)))
            drop("consent_facts", consent_facts, consent_facts.c.address.in_(part))
            drop("freed", freed, freed.c.address.in_(part))
        for ids in chunks(sorted(traces.contacts)):
            drop("picture", picture, picture.c.contact_id.in_(ids))
        for records in chunks(sorted(traces.records)):
            drop("ledger_sources", ledger_sources, _named(ledger_sources, records))
        return gone

    def _letters(self, traces: Traces, mentions: Mentions) -> Change:
        texts = (letters.c.key, letters.c.message, letters.c.vendor_code, letters.c.vendor_message, letters.c.field)
        statement = select(letters.c.id, letters.c.connection, letters.c.stream, *texts).where(
            letters.c.connection.in_(self.connections)
        )
        ids = [
            row.id
            for row in self._rows(statement)
            if (row.connection, row.stream, row.key) in traces.records or mentions.occur_in(_joined(row[3:]))
        ]
        return _dropping(letters, letters.c.id, ids)

    def _intents(self, mentions: Mentions) -> Change:
        statement = select(intents.c.tajo_id, intents.c.payload, intents.c.state).where(
            intents.c.account == self.account, intents.c.payload != "{}"
        )
        about = {(where, stream, key) for where, stream, key in mentions.traces.records}
        ids = [
            row.tajo_id
            for row in self._rows(statement)
            if _record_of(row.payload) in about or mentions.occur_in(row.payload)
        ]
        return _dropping(intents, intents.c.tajo_id, ids, intents.c.account == self.account)

    def _imports(self, traces: Traces) -> list[Change]:
        statement = select(imports.c.id, imports.c.rows).where(
            imports.c.account == self.account, imports.c.rows != "[]"
        )
        addresses = set(traces.addresses)
        changes = []
        for row in self._rows(statement):
            carried = _ROWS.decode(row.rows)
            left = tuple(item for item in carried if item.entry.key not in addresses)
            if len(left) < len(carried):
                where = and_(imports.c.account == self.account, imports.c.id == row.id)
                changes.append(_setting(imports, where, rows=msgspec.json.encode(left).decode()))
        return changes

    def _source_states(self, traces: Traces, mentions: Mentions) -> Change:
        addresses = set(traces.addresses)
        statement = select(source_states).where(source_states.c.account == self.account)
        names = []
        for row in self._rows(statement):
            name = (row.connection, row.stream, row.key)
            orders = traces.keys(row.connection, "orders")
            of_cart = row.stream in (CART_TOKENS, "carts") and _values(row.state) & (addresses | orders)
            if name in traces.records or of_cart or mentions.occur_in(row.state):
                names.append(name)

        def change(connection: Connection) -> int:
            gone = 0
            for part in chunks(names):
                gone += connection.execute(
                    delete(source_states).where(source_states.c.account == self.account, _named(source_states, part))
                ).rowcount
            return gone

        return change

    def _calls(self, traces: Traces, mentions: Mentions, run_id: str) -> Change:
        columns = calls.c
        statement = select(
            columns.id, columns.run_id, columns.template, columns.path, columns.request, columns.response
        ).where(columns.account == self.account)
        paths = {f"/contacts/{number}" for number in traces.contacts}
        ids = [
            row.id
            for row in self._rows(statement)
            if (row.run_id == run_id and row.template == _CONTACT)
            or row.path.partition("?")[0] in paths
            or mentions.occur_in(_joined(row[3:]))
        ]
        return _emptying(calls, columns.id, ids, path=columns.template, request="", response="")

    def _run_reports(self, traces: Traces, mentions: Mentions) -> list[Change]:
        columns = run_reports.c
        statement = select(columns.run_id, columns.connection, columns.stream, columns.details).where(
            columns.connection.in_(self.connections)
        )
        changes = []
        for row in self._rows(statement):
            text = mentions.hide(row.details)
            for key in traces.keys(row.connection, row.stream):
                text = text.replace(f'"{key}"', f'"{"*" * len(key)}"')
            if text != row.details:
                where = and_(
                    columns.run_id == row.run_id, columns.connection == row.connection, columns.stream == row.stream
                )
                changes.append(_setting(run_reports, where, details=text))
        return changes

    def _account_cache(self, mentions: Mentions) -> Change:
        statement = select(account_cache).where(account_cache.c.account == self.account)
        names = [row.name for row in self._rows(statement) if mentions.occur_in(row.doc)]
        return _dropping(account_cache, account_cache.c.name, names, account_cache.c.account == self.account)

    def _named_notes(self, mentions: Mentions) -> list[Change]:
        return [
            _setting(meta, meta.c.name == row.name, value=mentions.hide(row.value))
            for row in self._rows(select(meta))
            if not row.name.startswith(_NOTES) and mentions.occur_in(row.value)
        ]

    def deliveries_of(self, traces: Traces) -> dict[int, str]:
        """Deliveries that speak of a person: number and the platform's id."""
        mentions, columns = Mentions(traces), deliveries.c
        chosen = (columns.id, columns.delivery_id, columns.connection, columns.stream, columns.key)
        statement = select(*chosen, columns.error, columns.body).where(columns.connection.in_(self.connections))
        found = {}
        for row in self._rows(statement):
            about = (row.connection, row.stream, row.key) in traces.records
            if about or mentions.names(row.body.decode(errors="replace")) or mentions.occur_in(_joined(row[4:6])):
                found[row.id] = row.delivery_id
        return found

    def empty(self, found: Collection[int]) -> int:
        """Empty deliveries: what they said is gone, that they came stays, and nothing is to be done for them."""
        change = _emptying(deliveries, deliveries.c.id, list(found), body=b"", key=None, error=None)
        with self.database.writing() as connection:
            return change(connection)

    def _rows(self, statement: Select[Any]) -> Iterator[Row[Any]]:
        with self.database.reading() as connection:
            yield from _read(connection, statement)


def _read(connection: Connection, statement: Select[Any]) -> Iterator[Row[Any]]:
    yield from connection.execute(statement.execution_options(yield_per=_READ))


def _named(table: Table, names: Sequence[tuple[str, str, str]]) -> ColumnElement[bool]:
    return tuple_(table.c.connection, table.c.stream, table.c.key).in_(names)


def _dropping(table: Table, column: Any, values: Sequence[Any], *conditions: ColumnElement[bool]) -> Change:
    def change(connection: Connection) -> int:
        parts = chunks(values)
        return sum(connection.execute(delete(table).where(column.in_(part), *conditions)).rowcount for part in parts)

    return change


def _emptying(table: Table, column: Any, values: Sequence[Any], **empty: Any) -> Change:
    def change(connection: Connection) -> int:
        parts = chunks(values)
        return sum(connection.execute(update(table).where(column.in_(part)).values(**empty)).rowcount for part in parts)

    return change


def _setting(table: Table, where: ColumnElement[bool], **values: Any) -> Change:
    def change(connection: Connection) -> int:
        return connection.execute(update(table).where(where).values(**values)).rowcount

    return change


def _values(state: str) -> set[str]:
    """The texts that a small document holds."""
    document = msgspec.json.decode(state, type=dict[str, Any])
    return {value for value in document.values() if isinstance(value, str)}


def _record_of(payload: str) -> tuple[Any, Any, Any]:
    document = msgspec.json.decode(payload, type=dict[str, Any])
    return document.get("connection"), document.get("stream"), document.get("key")


def _joined(texts: Iterable[str | None]) -> str:
    return "\n".join(text for text in texts if text)
