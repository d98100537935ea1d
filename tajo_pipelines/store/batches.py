"""Landed batches and the watermarks that move with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from tajo_pipelines.model.window import Window
from tajo_pipelines.store.database import Database, chunks, new_id, present, upsert
from tajo_pipelines.store.reads import ReadState, ReadStep, advance
from tajo_pipelines.store.schema import batches, reads, watermarks


class BatchState(StrEnum):
    """How far a batch got."""

    LANDED = "landed"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch that was written to the landing and has no row yet.

    Attributes:
        path: Where its file lies below the landing's root; one batch a path.
        rows: How many records it holds.
        window: What was asked of the platform.
        day: The UTC day under which it lies.
        full: Whether an unwindowed read made it.
        read_id: The read that it belongs to, if the read can be resumed.
    """

    connection: str
    stream: str
    path: str
    rows: int
    window: Window
    day: date
    run_id: str
    full: bool = False
    read_id: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the store knows it; attributes as in `NewBatch`."""

    id: int
    connection: str
    stream: str
    path: str
    rows: int
    window: Window
    day: date
    run_id: str
    full: bool
    read_id: int | None
    state: BatchState
    created_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Watermark:
    """Up to when a stream was read.

    Attributes:
        force: Whether it may move backwards too.
    """

    connection: str
    stream: str
    at: datetime
    force: bool = False


class Batches:
    """The rows of landed batches, and the watermarks."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = present) -> None:
        self._database = database
        self._clock = clock

    def land(
        self,
        landed: NewBatch | Iterable[NewBatch] = (),
        *,
        watermark: Watermark | None = None,
        read: ReadStep | None = None,
    ) -> tuple[int, ...]:
        """Keep batches, the watermark and the read's cursor, all or nothing; the batches' ids in their order."""
        wanted = [landed] if isinstance(landed, NewBatch) else list(landed)
        now = self._clock()
        with self._database.writing() as connection:
            ids = tuple(self._insert(connection, batch, now) for batch in wanted)
            if watermark is not None:
                _move(connection, watermark, now)
            if read is not None:
                advance(connection, read, now)
        return ids

    def _insert(self, connection: Connection, batch: NewBatch, now: datetime) -> int:
        result = connection.execute(
            insert(batches).values(
                connection=batch.connection,
                stream=batch.stream,
                path=batch.path,
                rows=batch.rows,
                window_start=batch.window.start,
                window_end=batch.window.end,
                day=batch.day,
                run_id=batch.run_id,
                full=batch.full,
                read_id=batch.read_id,
                state=BatchState.LANDED,
                created_at=now,
            )
        )
        return new_id(result)

    def undelivered(self, connection: str, stream: str) -> list[Batch]:
        """Batches that Brevo hasn't got yet, whatever their day, in the order of their landing."""
        return self._select(connection, stream, batches.c.state == BatchState.LANDED)

    def in_days(self, connection: str, stream: str, first: date, last: date) -> list[Batch]:
        """Batches of these days, both included, in the order of their landing."""
        return self._select(connection, stream, batches.c.day >= first, batches.c.day <= last)

    def of_read(self, read_id: int) -> list[Batch]:
        """Batches of one read."""
        statement = select(batches).where(batches.c.read_id == read_id).order_by(batches.c.id)
        with self._database.reading() as reading:
            return [_batch(row) for row in reading.execute(statement)]

    def of_run(self, run_id: str, connection: str, stream: str) -> list[Batch]:
        """Batches that one run landed."""
        return self._select(connection, stream, batches.c.run_id == run_id)

    def of_connection(self, connection: str) -> list[Batch]:
        """Batches of all streams of a connection."""
        statement = select(batches).where(batches.c.connection == connection).order_by(batches.c.id)
        with self._database.reading() as reading:
            return [_batch(row) for row in reading.execute(statement)]

    def set_rows(self, batch_id: int, rows: int) -> None:
        """Note how many records a batch's file holds by now."""
        with self._database.writing() as writing:
            writing.execute(update(batches).where(batches.c.id == batch_id).values(rows=rows))

    def _select(self, connection: str, stream: str, *conditions: Any) -> list[Batch]:
        statement = (
            select(batches)
            .where(batches.c.connection == connection, batches.c.stream == stream, *conditions)
            .order_by(batches.c.id)
        )
        with self._database.reading() as reading:
            return [_batch(row) for row in reading.execute(statement)]

    def mark_delivered(self, ids: Sequence[int], at: datetime) -> None:
        """Note that Brevo has what these batches hold; those that were delivered before keep their time."""
        with self._database.writing() as writing:
            for part in chunks(ids):
                writing.execute(
                    update(batches)
                    .where(batches.c.id.in_(part), batches.c.state == BatchState.LANDED)
                    .values(state=BatchState.DELIVERED, delivered_at=at)
                )

    def delivered_before(self, connection: str, moment: datetime, moved_since: datetime) -> list[Batch]:
        """Delivered batches of a connection, landed before a moment, that no read needs: their files may go.

        Args:
            connection: Its name.
            moment: Batches that were landed then or later stay.
            moved_since: A read that isn't finished and has come further since may be gone on with: its batches stay.
        """
        needed = select(reads.c.id).where(reads.c.state == ReadState.READING, reads.c.updated_at >= moved_since)
        statement = (
            select(batches)
            .where(
                batches.c.connection == connection,
                batches.c.state == BatchState.DELIVERED,
                batches.c.created_at < moment,
                or_(batches.c.read_id.is_(None), batches.c.read_id.not_in(needed)),
            )
            .order_by(batches.c.id)
        )
        with self._database.reading() as reading:
            return [_batch(row) for row in reading.execute(statement)]

    def paths(self, connection: str) -> set[str]:
        """Where the files of all batches of a connection lie."""
        with self._database.reading() as reading:
            found = reading.execute(select(batches.c.path).where(batches.c.connection == connection))
            return set(found.scalars())

    def forget(self, ids: Sequence[int]) -> None:
        """Drop the rows of batches whose files are gone."""
        with self._database.writing() as writing:
            for part in chunks(ids):
                writing.execute(delete(batches).where(batches.c.id.in_(part)))

    def watermark(self, connection: str, stream: str) -> datetime | None:
        """Up to when the stream was read; None before its first read."""
        statement = select(watermarks.c.at).where(watermarks.c.connection == connection, watermarks.c.stream == stream)
        with self._database.reading() as reading:
            found: datetime | None = reading.execute(statement).scalar()
            return found

    def set_watermark(self, watermark: Watermark) -> datetime:
        """Move a watermark, backwards only where it says ``force``; the one that stands afterwards."""
        with self._database.writing() as writing:
            _move(writing, watermark, self._clock())
            return self.watermark(watermark.connection, watermark.stream) or watermark.at


def _move(connection: Connection, watermark: Watermark, now: datetime) -> None:
    row = {
        "connection": watermark.connection,
        "stream": watermark.stream,
        "at": watermark.at,
        "updated_at": now,
    }
    newer = None if watermark.force else (lambda standing, given: standing.c.at < given.at)
    upsert(connection, watermarks, [row], newer=newer)


def _batch(row: Any) -> Batch:
    return Batch(
        id=row.id,
        connection=row.connection,
        stream=row.stream,
        path=row.path,
        rows=row.rows,
        window=Window(row.window_start, row.window_end),
        day=row.day,
        run_id=row.run_id,
        full=row.full,
        read_id=row.read_id,
        state=BatchState(row.state),
        created_at=row.created_at,
        delivered_at=row.delivered_at,
    )
