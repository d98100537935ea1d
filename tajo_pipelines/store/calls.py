"""Every call to a vendor, kept for a while. Their texts come masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import delete, insert, select

from tajo_pipelines.store.database import Database
from tajo_pipelines.store.schema import calls

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


class Calls:
    """The calls to one account."""

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account

    def record(self, call: CallFacts) -> None:
        """Keep one call."""
        row: dict[str, Any] = {name: getattr(call, name) for name in _FIELDS}
        with self._database.writing() as connection:
            connection.execute(insert(calls).values(account=self._account, **row))

    def list(
        self,
        *,
        run_id: str | None = None,
        since: datetime | None = None,
        statuses: Sequence[int] = (),
        limit: int = 1000,
    ) -> list[KeptCall]:
        """Calls, the newest first."""
        statement = select(calls).where(calls.c.account == self._account)
        if run_id is not None:
            statement = statement.where(calls.c.run_id == run_id)
        if since is not None:
            statement = statement.where(calls.c.at >= since)
        if statuses:
            statement = statement.where(calls.c.status.in_(statuses))
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(calls.c.id.desc()).limit(limit))
            return [KeptCall(**row._asdict()) for row in rows]

    def purge(self, before: datetime) -> int:
        """Drop calls older than a moment; how many went."""
        with self._database.writing() as connection:
            return connection.execute(
                delete(calls).where(calls.c.account == self._account, calls.c.at < before)
            ).rowcount
