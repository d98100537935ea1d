"""Keeping deliveries as fast as they come: few statements, whatever the number of rows.

The receiver's other thread answers requests meanwhile. Python's ``sqlite3`` lets go of the interpreter at every step
of a statement and has to get it back after each, so a statement a row would wait for that thread a thousand times a
second. Rows therefore go in by statements of many, whose sizes are powers of two: each is prepared once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import Boolean, Connection, literal_column

from tajo_pipelines.store.database import Database, insert_into
from tajo_pipelines.store.schema import deliveries

ROWS = 128
"""Rows of the largest statement."""

_CONFLICT = ("connection", "delivery_id")


class DeliveryState(StrEnum):
    """How far a delivery got.

    PENDING waits. LEASED is being worked off. DONE was worked off, also where it asked for nothing. DEAD can't be, and
    has a letter. IGNORED has a topic that nobody reads.
    """

    PENDING = "pending"
    LEASED = "leased"
    DONE = "done"
    DEAD = "dead"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to be kept.

    Attributes:
        stream: The stream whose run works it off; None where nobody does, and it is ignored.
        key: Key of its record, as far as known.
    """

    connection: str
    delivery_id: str
    topic: str
    stream: str | None
    key: str | None
    source_at: datetime | None
    received_at: datetime
    body: bytes = field(repr=False)


def append(database: Database, received: Sequence[NewDelivery]) -> int:
    """Keep deliveries, all in one transaction; how many were new. See `Inbox.append`."""
    if not received:
        return 0
    rows = _rows(received)
    with database.writing() as connection:
        if connection.dialect.name == "sqlite":
            return _append_sqlite(connection, rows)
        statement = insert_into(connection, deliveries)
        statement = statement.on_conflict_do_update(
            index_elements=_CONFLICT,
            set_={"duplicates": deliveries.c.duplicates + statement.excluded.duplicates + 1},
        )
        # PostgreSQL marks a row that it has just made by an xmax of 0.
        new = literal_column("(xmax = 0)", Boolean)
        return sum(connection.execute(statement.returning(new), rows).scalars())


def _rows(received: Sequence[NewDelivery]) -> list[dict[str, Any]]:
    """One row a delivery: what came twice in one go is one row with a duplicate."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for item in received:
        name = (item.connection, item.delivery_id)
        if name in rows:
            rows[name]["duplicates"] += 1
        else:
            rows[name] = _row(item)
    return list(rows.values())


def _row(item: NewDelivery) -> dict[str, Any]:
    return {
        "connection": item.connection,
        "delivery_id": item.delivery_id,
        "topic": item.topic,
        "stream": item.stream,
        "key": item.key,
        "state": (DeliveryState.IGNORED if item.stream is None else DeliveryState.PENDING).value,
        "attempts": 0,
        "bytes": len(item.body),
        "source_at": item.source_at,
        "received_at": item.received_at,
        "duplicates": 0,
        "body": item.body,
    }


_COLUMNS = tuple(_row(NewDelivery("", "", "", None, None, None, datetime.now(UTC), b"")))
_LAST = "SELECT coalesce(max(id), 0) FROM deliveries"


@lru_cache(maxsize=16)
def _statement(rows: int) -> str:
    """The insert of so many rows, spelled out: SQLAlchemy would bind and render each anew."""
    one = f"({', '.join('?' * len(_COLUMNS))})"
    return (
        f"INSERT INTO deliveries ({', '.join(_COLUMNS)}) VALUES {', '.join([one] * rows)} "  # noqa: S608  names of our own
        f"ON CONFLICT ({', '.join(_CONFLICT)}) DO UPDATE SET duplicates = duplicates + excluded.duplicates + 1"
    )


def _append_sqlite(connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
    last = connection.exec_driver_sql(_LAST).scalar_one()
    done = 0
    while done < len(rows):
        size = min(ROWS, 1 << (len(rows) - done).bit_length() - 1)
        values: list[Any] = []
        for row in rows[done : done + size]:
            values += row.values()
            values[-4] = _written(values[-4])
            values[-3] = _written(values[-3])
        connection.exec_driver_sql(_statement(size), tuple(values))
        done += size
    # Numbers go up by one a row, and a row that stood already takes none.
    return int(connection.exec_driver_sql(_LAST).scalar_one() - last)


def _written(moment: datetime | None) -> str | None:
    """A time as `UtcTime` writes it on SQLite."""
    if moment is None:
        return None
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(" ", "microseconds")[:26]
