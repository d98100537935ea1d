"""Takes a person out of every table.

What speaks of somebody is looked for without a lock; then it goes in one transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, Table, and_, delete, or_, select, tuple_, update
from sqlalchemy.sql.elements import ColumnElement

from tajo_pipelines.model.ledger import ImportRow
from tajo_pipelines.model.letter import LetterKind
from tajo_pipelines.model.traces import Mentions, RecordName, Traces
from tajo_pipelines.store.appending import DeliveryState
from tajo_pipelines.store.database import Database, chunks
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

NOTES = "erasing/"
"""What the names of notes begin with that erasures keep for themselves."""

_CONTACT = "/contacts/{identifier}"
_READ = 500
_ROWS = msgspec.json.Decoder(tuple[ImportRow, ...])

Change = Callable[[Connection], int]
"""Takes out what was found; how many rows."""


@dataclass(frozen=True, slots=True)
class TakingOut:
    """What one account, and the connections that feed it, have left here.

    Attributes:
        account: The account's identity.
        connections: Their names.
    """

    database: Database
    account: str
    connections: tuple[str, ...]

    def take_out(self, traces: Traces, run_id: str, told: Callable[[Counter[str]], None]) -> None:
        """Take a person out of all tables but the inbox.

        Args:
            traces: By what the person is known.
            run_id: The run that asked Brevo about the person: of its calls the address goes.
            told: Called with how many rows of each table went or were emptied, within the transaction.
        """
        mentions = Mentions(traces)
        found: dict[str, list[Change]] = {
            "letters": [self._letters(traces, mentions)],
            "intents": [self._intents(traces)],
            "imports": self._imports(traces),
            "source_states": [self._source_states(traces, mentions)],
            "calls": self._calls(traces, mentions, run_id),
            "run_reports": self._run_reports(traces, mentions),
            "account_cache": [self._account_cache(mentions)],
            "notes": self._named_notes(mentions),
        }
        gone: Counter[str] = Counter()
        with self.database.writing() as connection:
            for place, changes in found.items():
                gone[place] += sum(change(connection) for change in changes)
            gone += self._by_address(connection, traces)
            told(gone)

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
            drop("ledger_sources", ledger_sources, named(ledger_sources, records))
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

    def _intents(self, traces: Traces) -> Change:
        statement = select(intents.c.tajo_id, intents.c.payload, intents.c.state).where(
            intents.c.account == self.account, intents.c.payload != "{}"
        )
        ids = [row.tajo_id for row in self._rows(statement) if _is_about(row.payload, traces)]
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
            of_cart = row.stream in (CART_TOKENS, "carts") and texts_of(row.state) & (addresses | orders)
            if name in traces.records or of_cart or mentions.occur_in(row.state):
                names.append(name)

        def change(connection: Connection) -> int:
            gone = 0
            for part in chunks(names):
                gone += connection.execute(
                    delete(source_states).where(source_states.c.account == self.account, named(source_states, part))
                ).rowcount
            return gone

        return change

    def _calls(self, traces: Traces, mentions: Mentions, run_id: str) -> list[Change]:
        """Calls about the person are emptied; a masked address, of which the domain is shown, goes from all."""
        columns, texts = calls.c, ("path", "request", "response")
        chosen = [columns[name] for name in texts]
        statement = select(columns.id, columns.run_id, columns.template, *chosen).where(columns.account == self.account)
        paths = {f"/contacts/{number}" for number in traces.contacts}
        about: list[int] = []
        changes: list[Change] = []
        for row in self._rows(statement):
            if (
                (row.run_id == run_id and row.template == _CONTACT)
                or row.path.partition("?")[0] in paths
                or mentions.occur_in(_joined(row[3:]))
            ):
                about.append(row.id)
                continue
            hidden = {name: mentions.hide(getattr(row, name)) for name in texts}
            if any(hidden[name] != getattr(row, name) for name in texts):
                changes.append(_setting(calls, columns.id == row.id, **hidden))
        return [*changes, _emptying(calls, columns.id, about, path=columns.template, request="", response="")]

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
            _setting(meta, meta.c.name == row.name, value=hidden)
            for row in self._rows(select(meta))
            if not row.name.startswith(NOTES) and (hidden := mentions.hide(row.value)) != row.value
        ]

    def deliveries_of(self, traces: Traces) -> dict[int, str]:
        """Deliveries that speak of a person: number and the platform's id.

        One that waits for its run goes only where it is the person's own: another one's customer may have noted the
        address.
        """
        mentions, columns = Mentions(traces), deliveries.c
        chosen = (columns.id, columns.delivery_id, columns.connection, columns.stream, columns.key, columns.error)
        statement = select(*chosen, columns.state, columns.body).where(columns.connection.in_(self.connections))
        found = {}
        for row in self._rows(statement):
            waits = row.state in (DeliveryState.PENDING, DeliveryState.LEASED)
            if (row.connection, row.stream, row.key) in traces.records or (
                mentions.are_of(_document_of(row.body))
                if waits
                else mentions.names(_text(row.body)) or mentions.occur_in(_joined(row[4:6]))
            ):
                found[row.id] = row.delivery_id
        return found

    def empty(self, found: Collection[int]) -> int:
        """Empty deliveries: what they said is gone, that they came stays, and nothing is to be done for them."""
        change = _emptying(deliveries, deliveries.c.id, list(found), body=b"", key=None, error=None)
        with self.database.writing() as connection:
            return change(connection)

    def empty_told(self, records: Sequence[RecordName]) -> int:
        """Empty the deliveries that are known to tell of these records."""
        emptied = 0
        for part in chunks(records):
            statement = update(deliveries).where(named(deliveries, part)).values(body=b"", key=None, error=None)
            with self.database.writing() as connection:
                emptied += connection.execute(statement).rowcount
        return emptied

    def drop_letters(self, found: Mapping[int, str]) -> int:
        """Drop the letters about deliveries."""
        columns, ids = letters.c, list(found.values())
        conditions = (columns.kind == LetterKind.DELIVERY.value, columns.connection.in_(self.connections))
        change = _dropping(letters, columns.key, ids, *conditions)
        with self.database.writing() as connection:
            return change(connection)

    def _rows(self, statement: Select[Any]) -> Iterator[Row[Any]]:
        with self.database.reading() as connection:
            yield from read_rows(connection, statement)


def read_rows(connection: Connection, statement: Select[Any]) -> Iterator[Row[Any]]:
    """The rows of a statement, few of them held at once."""
    yield from connection.execute(statement.execution_options(yield_per=_READ))


def named(table: Table, names: Sequence[RecordName]) -> ColumnElement[bool]:
    """Whether a row is one of these records, by connection, stream and key."""
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


def texts_of(state: str) -> set[str]:
    """The texts that a small document holds."""
    document = msgspec.json.decode(state, type=dict[str, Any])
    return {value for value in document.values() if isinstance(value, str)}


def _is_about(payload: str, traces: Traces) -> bool:
    """Whether an event is the person's."""
    event = msgspec.json.decode(payload, type=dict[str, Any])
    if (event.get("connection"), event.get("stream"), event.get("key")) in traces.records:
        return True
    return event.get("email") in traces.emails or event.get("phone") in traces.phones


def _document_of(body: bytes) -> Any:
    """A body's JSON; None where it is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def _text(body: bytes) -> str:
    return body.decode(errors="replace")


def _joined(texts: Iterable[str | None]) -> str:
    return "\n".join(text for text in texts if text)
