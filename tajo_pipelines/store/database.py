"""Connections and transactions, and the few statements that SQLite and PostgreSQL spell each their own way."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.sql.elements import ColumnElement

from tajo_pipelines.model.errors import RetryableError

CHUNK = 1000
"""Keys or rows a statement: below every database's limit of variables, above the cost of a round trip."""

Item = TypeVar("Item")
Row: TypeAlias = Mapping[str, Any]
Insert: TypeAlias = sqlite.Insert | postgresql.Insert


class Database:
    """One engine, with transactions that nest within a thread.

    Writing transactions begin with SQLite's write lock, so that several processes queue up instead of failing.

    Args:
        engine: As `opening.open_engine` makes it.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(sqlite_begin="IMMEDIATE")
        self._local = threading.local()

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is inside of `writing`."""
        return self._current() is not None

    def _current(self) -> Connection | None:
        current: Connection | None = getattr(self._local, "connection", None)
        return current

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits at the end, or the one around it, which then commits.

        Raises:
            RetryableError: The database can't be reached or stays locked.
            RuntimeError: An inner block failed and the outer one swallowed that: nothing is committed.
        """
        current = self._current()
        if current is not None:
            try:
                yield current
            except BaseException:
                self._local.broken = True
                raise
            return
        with _translated(), self._writer.begin() as connection:
            self._local.connection, self._local.broken = connection, False
            try:
                yield connection
                if self._local.broken:
                    message = "a part of this transaction failed, so none of it is kept"
                    raise RuntimeError(message)
            finally:
                self._local.connection = None

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """A writing transaction that commits for itself; refused inside of another one.

        Raises:
            RuntimeError: The thread is inside of a transaction: a booking, a lease or a call to a vendor would
                wait for itself there.
        """
        if self.in_transaction:
            message = "this can't be done inside of a transaction of the store"
            raise RuntimeError(message)
        with self.writing() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read by; inside of `writing` the same one, which sees what was written."""
        current = self._current()
        if current is not None:
            yield current
            return
        with _translated(), self.engine.connect() as connection:
            yield connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        message = "the store's connections are all in use"
        raise RetryableError(message, code="store_unavailable", where="store") from error
    except OperationalError as error:
        if _is_ours(error):
            raise
        reason = str(error.orig).strip().splitlines()[0] if error.orig else "no answer"
        message = f"the store can't be used now: {reason}"
        raise RetryableError(message, code="store_unavailable", where="store") from error


def _is_ours(error: OperationalError) -> bool:
    """SQLite calls a statement that is wrong an operational error too."""
    code: int | None = getattr(error.orig, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_ERROR


def server_time(connection: Connection) -> datetime:
    """The time by the one clock that all processes of this database share."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return moment.astimezone(UTC)


def present() -> datetime:
    """This machine's time, aware."""
    return datetime.now(UTC)


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """The items in lists of at most ``size``."""
    part: list[Item] = []
    for item in items:
        part.append(item)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def new_id(result: CursorResult[Any]) -> int:
    """The number that the database gave to an inserted row."""
    key = result.inserted_primary_key
    if key is None:
        message = "the database gave no number to a new row"
        raise RuntimeError(message)
    return int(key[0])


def insert_into(connection: Connection, table: Table) -> Insert:
    """An insert that knows ``ON CONFLICT``, in the connection's dialect."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


Newer: TypeAlias = Callable[[Table, Any], ColumnElement[bool]]
"""Whether the row given (second) replaces the one that stands (first)."""


def upsert(
    connection: Connection,
    table: Table,
    rows: Iterable[Row],
    *,
    newer: Newer | None = None,
    values: Callable[[Table, Any], Mapping[str, Any]] | None = None,
) -> None:
    """Insert rows, or replace those with the same primary key.

    Args:
        connection: Of a writing transaction.
        table: With a primary key.
        rows: All with the same columns. The same key twice is one after the other.
        newer: When a standing row is replaced; always, if not given.
        values: What replaces it; all other columns, if not given.
    """
    keys = [column.name for column in table.primary_key]
    statement = insert_into(connection, table)
    excluded = statement.excluded
    replaced = (
        values(table, excluded)
        if values
        else {column.name: excluded[column.name] for column in table.columns if column.name not in keys}
    )
    condition = newer(table, excluded) if newer else None
    statement = (
        statement.on_conflict_do_update(index_elements=keys, set_=replaced, where=condition)
        if replaced
        else statement.on_conflict_do_nothing(index_elements=keys)
    )
    for part in chunks(rows):
        for turn in turns(part, keys):
            connection.execute(statement, turn)


def turns(rows: Sequence[Row], keys: Sequence[str]) -> list[list[Row]]:
    """The rows in lists without a repeated key, in their order: PostgreSQL refuses to touch a row twice at once."""
    seen: dict[tuple[Any, ...], int] = {}
    result: list[list[Row]] = []
    for row in rows:
        key = tuple(row[name] for name in keys)
        turn = seen[key] = seen.get(key, -1) + 1
        if turn == len(result):
            result.append([])
        result[turn].append(row)
    return result
