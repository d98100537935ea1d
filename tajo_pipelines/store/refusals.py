"""Deliveries that the receiver refused: how many, a connection, reason and day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import func, select

from tajo_pipelines.store.database import Database, upsert
from tajo_pipelines.store.schema import refusals

UNKNOWN = ""
"""Stands for every connection that there isn't: whoever asks for many of them makes no rows."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Refusals of one connection for one reason.

    Attributes:
        connection: Its name; `UNKNOWN` for names that are none.
        reason: ``bad_signature``, ``too_large`` ...
        last_at: When the last one was.
    """

    connection: str
    reason: str
    count: int
    last_at: datetime


class Refusals:
    """Refusals of all connections. Nothing of what was refused is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, counts: Mapping[tuple[str, str], int], at: datetime) -> None:
        """Count some more.

        Args:
            counts: By connection and reason.
            at: When they were.

        Raises:
            RetryableError: The database can't be reached or stays locked: none is counted.
        """
        day = at.astimezone(UTC).date()
        rows = [
            {"connection": connection, "reason": reason, "day": day, "count": count, "last_at": at}
            for (connection, reason), count in sorted(counts.items())
        ]
        with self._database.writing() as connection:
            upsert(
                connection,
                refusals,
                rows,
                values=lambda table, new: {"count": table.c["count"] + new["count"], "last_at": new.last_at},
            )

    def since(self, day: date) -> list[Refused]:
        """Those of that day (UTC) and later, the latest first."""
        columns = refusals.c
        last = func.max(columns.last_at, type_=columns.last_at.type).label("last")
        statement = (
            select(columns.connection, columns.reason, func.sum(columns["count"]).label("total"), last)
            .where(columns.day >= day)
            .group_by(columns.connection, columns.reason)
            .order_by(last.desc())
        )
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
        return [Refused(row.connection, row.reason, int(row.total), row.last) for row in rows]
