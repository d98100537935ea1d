"""Every call to a vendor, kept for a while. Their texts come masked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Row, Select, delete, func, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from tajo_pipelines.store.database import CHUNK, Database, new_id
from tajo_pipelines.store.schema import calls, letters, run_reports

_FIELDS = (
    "at",
    "run_id",
    "method",
    "path",
    "template",
    "bucket",
    "status",
    "milliseconds",
    "request",
    "response",
    "bytes_sent",
)


class CallFacts(Protocol):
    """One call to a vendor, by its attributes."""

    @property
    def at(self) -> datetime:
        """When it was made."""
        ...

    @property
    def run_id(self) -> str:
        """The run that made it."""
        ...

    @property
    def method(self) -> str:
        """HTTP method."""
        ...

    @property
    def path(self) -> str:
        """Path with query, masked."""
        ...

    @property
    def template(self) -> str:
        """Path with its variables named."""
        ...

    @property
    def bucket(self) -> str:
        """Rate bucket."""
        ...

    @property
    def status(self) -> int:
        """HTTP status; 0 where there was no answer."""
        ...

    @property
    def milliseconds(self) -> int:
        """How long it took."""
        ...

    @property
    def request(self) -> str:
        """Body, masked."""
        ...

    @property
    def response(self) -> str:
        """Body, masked."""
        ...

    @property
    def bytes_sent(self) -> int:
        """Size of the request's body."""
        ...


@dataclass(frozen=True, slots=True)
class KeptCall:
    """A call as the store has it; attributes as in `CallFacts`."""

    id: int
    account: str
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


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted; what isn't said doesn't matter.

    Attributes:
        accounts: By their identities.
        run_prefix: How the run's id begins: Dagster's UI shows eight characters.
        connection: That of the run that made the call; calls outside of runs have none.
        path: A part of the path, masked as it is kept.
        statuses: Each a status, or the first and last of a range. 0 is a call without an answer.
        since: Not before.
        until: Before.
        ids: Numbers of calls.
    """

    accounts: Collection[str] | None = None
    run_id: str | None = None
    run_prefix: str | None = None
    connection: str | None = None
    path: str | None = None
    statuses: Sequence[tuple[int, int]] = ()
    bucket: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: Collection[int] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL."""
        columns = calls.c
        of_connection = select(run_reports.c.run_id).where(run_reports.c.connection == self.connection)
        stated: tuple[tuple[object, Callable[[Any], ColumnElement[bool]]], ...] = (
            (self.accounts, columns.account.in_),
            (self.ids, columns.id.in_),
            (self.run_id, columns.run_id.__eq__),
            (self.run_prefix, lambda prefix: columns.run_id.startswith(prefix, autoescape=True)),
            (self.connection, lambda _: columns.run_id.in_(of_connection)),
            (self.path, lambda part: columns.path.contains(part, autoescape=True)),
            (self.bucket, columns.bucket.__eq__),
            (self.statuses or None, lambda spans: or_(*(columns.status.between(*span) for span in spans))),
            (self.since, columns.at.__ge__),
            (self.until, columns.at.__lt__),
        )
        return [condition(value) for value, condition in stated if value is not None]


class CallHistory:
    """The calls to all accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, wanted: CallFilter, limit: int = 1000) -> list[KeptCall]:
        """Calls, the newest first."""
        statement: Select[Any] = select(calls).where(*wanted.conditions())
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(calls.c.id.desc()).limit(limit))
            return [_kept(row) for row in rows]

    def count(self, wanted: CallFilter) -> int:
        """How many there are."""
        statement = select(func.count()).select_from(calls).where(*wanted.conditions())
        with self._database.reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def accounts(self) -> list[str]:
        """The identities of all accounts that calls are kept of."""
        with self._database.reading() as connection:
            found = connection.execute(select(calls.c.account).distinct().order_by(calls.c.account)).scalars()
            return list(found)

    def connections(self, run_ids: Collection[str]) -> dict[str, str]:
        """Connection by run, of runs that a connection made."""
        statement = select(run_reports.c.run_id, run_reports.c.connection).where(run_reports.c.run_id.in_(run_ids))
        with self._database.reading() as connection:
            return {row.run_id: row.connection for row in connection.execute(statement)}

    def letters(self, ids: Collection[int]) -> dict[int, tuple[str, ...]]:
        """Ids of the letters that these calls' answers caused."""
        statement = select(letters.c.call_id, letters.c.id).where(letters.c.call_id.in_(ids)).order_by(letters.c.id)
        found: dict[int, tuple[str, ...]] = {}
        with self._database.reading() as connection:
            for row in connection.execute(statement):
                found[row.call_id] = (*found.get(row.call_id, ()), row.id)
        return found


class Calls:
    """The calls to one account."""

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account

    def record(self, call: CallFacts) -> int:
        """Keep one call; its number."""
        row: dict[str, Any] = {name: getattr(call, name) for name in _FIELDS}
        with self._database.writing() as connection:
            return new_id(connection.execute(insert(calls).values(account=self._account, **row)))

    def list(
        self,
        *,
        run_id: str | None = None,
        since: datetime | None = None,
        statuses: Sequence[int] = (),
        limit: int = 1000,
    ) -> list[KeptCall]:
        """Calls, the newest first."""
        wanted = CallFilter(
            accounts=(self._account,),
            run_id=run_id,
            since=since,
            statuses=[(status, status) for status in statuses],
        )
        return CallHistory(self._database).find(wanted, limit)

    def purge(self, before: datetime, size: int = CHUNK) -> int:
        """Drop calls older than a moment, so many in a transaction; how many went.

        Letters forget a call that goes: SQLite may give its number to another one.
        """
        gone = 0
        while True:
            with self._database.writing() as connection:
                went = self._purge(connection, before, size)
            gone += went
            if went < size:
                return gone

    def _purge(self, connection: Connection, before: datetime, size: int) -> int:
        old = select(calls.c.id).where(calls.c.account == self._account, calls.c.at < before).limit(size)
        ids = list(connection.execute(old).scalars())
        if ids:
            connection.execute(update(letters).where(letters.c.call_id.in_(ids)).values(call_id=None))
            connection.execute(delete(calls).where(calls.c.id.in_(ids)))
        return len(ids)


def _kept(row: Row[Any]) -> KeptCall:
    return KeptCall(**row._asdict())
