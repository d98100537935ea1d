"""Reads of a stream that go on where they were interrupted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from tajo_pipelines.model.window import Window
from tajo_pipelines.store.database import Database, new_id
from tajo_pipelines.store.schema import reads

MAX_AGE = timedelta(hours=24)
"""How old an interrupted read may be and still be gone on with."""


class ReadKind(StrEnum):
    """What is read."""

    FULL = "full"
    WINDOW = "window"


class ReadState(StrEnum):
    """How far a read got."""

    READING = "reading"
    DONE = "done"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Read:
    """One read of one stream.

    Attributes:
        window: What is read; of a full read, everything before its start.
        cursor: Where to go on; None at the beginning.
    """

    id: int
    connection: str
    stream: str
    kind: ReadKind
    window: Window
    cursor: str | None
    started_at: datetime
    updated_at: datetime
    state: ReadState


@dataclass(frozen=True, slots=True)
class ReadStep:
    """How far a read is after a page.

    Attributes:
        cursor: Where the next page begins.
        done: Whether that was the last page.
    """

    read_id: int
    cursor: str | None
    done: bool = False


class Reads:
    """Reads and their cursors. The caller holds the stream's lease, so one read a stream is open."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_full_read(self, connection: str, stream: str, now: datetime, max_age: timedelta = MAX_AGE) -> Read:
        """The interrupted full read, if it began less than ``max_age`` ago, or a new one that ends now."""
        return self._open(connection, stream, ReadKind.FULL, Window(None, now), now, max_age)

    def open_window_read(
        self, connection: str, stream: str, window: Window, now: datetime, max_age: timedelta = MAX_AGE
    ) -> Read:
        """The interrupted read from the same time on, if it is young enough and ended no later, or a new one.

        A window that ends now ends later at each start: whoever goes on with it reads what has been added as well.
        """
        return self._open(connection, stream, ReadKind.WINDOW, window, now, max_age)

    def last_window_read(
        self, connection: str, stream: str, window: Window, now: datetime, max_age: timedelta = MAX_AGE
    ) -> Read | None:
        """The newest read that `open_window_read` would go on with, finished ones among them."""
        statement = (
            select(reads)
            .where(
                reads.c.connection == connection,
                reads.c.stream == stream,
                reads.c.kind == ReadKind.WINDOW,
                reads.c.state != ReadState.ABANDONED,
                reads.c.started_at > now - max_age,
                _within(ReadKind.WINDOW, window),
            )
            .order_by(reads.c.id.desc())
        )
        with self._database.reading() as reading:
            row = reading.execute(statement).first()
        return _read(row) if row is not None else None

    def _open(
        self,
        connection: str,
        stream: str,
        kind: ReadKind,
        window: Window,
        now: datetime,
        max_age: timedelta,
    ) -> Read:
        unfinished = (
            (reads.c.connection == connection)
            & (reads.c.stream == stream)
            & (reads.c.kind == kind)
            & (reads.c.state == ReadState.READING)
        )
        with self._database.writing() as writing:
            found = writing.execute(
                select(reads)
                .where(unfinished, reads.c.started_at > now - max_age, _within(kind, window))
                .order_by(reads.c.id.desc())
            ).first()
            stale = unfinished if found is None else unfinished & (reads.c.id != found.id)
            writing.execute(update(reads).where(stale).values(state=ReadState.ABANDONED, updated_at=now))
            if found is not None:
                return _read(found)
            result = writing.execute(
                insert(reads).values(
                    connection=connection,
                    stream=stream,
                    kind=kind,
                    window_start=window.start,
                    window_end=window.end,
                    cursor=None,
                    started_at=now,
                    updated_at=now,
                    state=ReadState.READING,
                )
            )
            number = new_id(result)
        return Read(number, connection, stream, kind, window, None, now, now, ReadState.READING)

    def get(self, read_id: int) -> Read | None:
        """One read."""
        with self._database.reading() as reading:
            row = reading.execute(select(reads).where(reads.c.id == read_id)).first()
        return _read(row) if row is not None else None

    def advance(self, step: ReadStep, now: datetime) -> None:
        """Note how far a read is, where no batch goes with it (else `Batches.land` does)."""
        with self._database.writing() as writing:
            advance(writing, step, now)

    def finish(self, read_id: int, now: datetime) -> None:
        """Note that a read has reached its end: the next one begins anew."""
        with self._database.writing() as writing:
            writing.execute(update(reads).where(reads.c.id == read_id).values(state=ReadState.DONE, updated_at=now))


def advance(connection: Connection, step: ReadStep, now: datetime) -> None:
    """Note how far a read is, in the caller's transaction."""
    state = ReadState.DONE if step.done else ReadState.READING
    connection.execute(
        update(reads).where(reads.c.id == step.read_id).values(cursor=step.cursor, updated_at=now, state=state)
    )


def _within(kind: ReadKind, window: Window) -> ColumnElement[bool]:
    if kind is ReadKind.FULL:
        return reads.c.window_start.is_(None)
    return (reads.c.window_end <= window.end) & reads.c.window_start.is_not_distinct_from(window.start)


def _read(row: Any) -> Read:
    return Read(
        id=row.id,
        connection=row.connection,
        stream=row.stream,
        kind=ReadKind(row.kind),
        window=Window(row.window_start, row.window_end),
        cursor=row.cursor,
        started_at=row.started_at,
        updated_at=row.updated_at,
        state=ReadState(row.state),
    )
