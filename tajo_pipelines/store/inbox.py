"""The inbox: every delivery that was received, and how far it got. State is the truth; no cursor stands beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, delete, func, select, update

from tajo_pipelines.store.appending import DeliveryState, NewDelivery, append
from tajo_pipelines.store.database import Database, chunks, present, server_time
from tajo_pipelines.store.deliveries import SHOWN, DeliveryFilter, KeptDelivery, Leased, kept_delivery
from tajo_pipelines.store.delivery_lease import LEASE_SECONDS, DeliveryLease, Token, due, leased, pending
from tajo_pipelines.store.schema import deliveries

__all__ = ["DeliveryFilter", "DeliveryState", "Inbox", "KeptDelivery", "Leased", "NewDelivery", "Waiting"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one stream of a connection has to work off now.

    Attributes:
        first_id: Number of the oldest.
        attempts: The most that one of them has had.
        since: When the oldest was received.
    """

    connection: str
    stream: str
    count: int
    first_id: int
    attempts: int
    since: datetime


class Inbox:
    """Deliveries of all connections."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = present) -> None:
        self._database = database
        self._clock = clock

    def append(self, received: Sequence[NewDelivery]) -> int:
        """Keep deliveries, all in one transaction; one that came before is counted as a duplicate and changes nothing.

        Returns:
            How many were new.

        Raises:
            RetryableError: The database can't be reached or stays locked: nothing is kept.
        """
        return append(self._database, received)

    @contextmanager
    def lease(
        self, connection: str, stream: str, *, limit: int, seconds: float = LEASE_SECONDS
    ) -> Iterator[DeliveryLease]:
        """Take the oldest pending deliveries of a stream; those that were neither done nor dead go back at the end.

        One that has failed `SUSPECT` times is taken alone, and last: whatever it does to its run, it does to no other.

        Args:
            connection: Name of the connection.
            stream: Name of the stream.
            limit: At most so many.
            seconds: Its term, unless renewed.
        """
        held = DeliveryLease(self._database, seconds)
        try:
            held.take(connection, stream, limit)
            yield held
        finally:
            held.give_back()

    def requeue_expired(self) -> int:
        """Make deliveries pending again whose run was killed; how many.

        On this machine that is seen at once; of another one's run only that it no longer renews its lease.
        """
        columns = deliveries.c
        with self._database.reading() as reading:
            tokens = reading.execute(select(columns.lease, columns.lease_until).where(leased()).distinct()).all()
            now = server_time(reading)
        lost = {row.lease for row in tokens if row.lease_until <= now or _is_gone(row.lease)}
        if not lost:
            return 0
        with self._database.alone() as connection:
            return connection.execute(
                update(deliveries)
                .where(leased(), deliveries.c.lease.in_(lost))
                .values(state=DeliveryState.PENDING, lease=None, lease_until=None)
            ).rowcount

    def waiting(self) -> list[Waiting]:
        """What can be worked off now, by connection and stream, the oldest first."""
        columns = deliveries.c
        with self._database.reading() as connection:
            now = server_time(connection)
            rows = connection.execute(
                select(
                    columns.connection,
                    columns.stream,
                    func.count().label("count"),
                    func.min(columns.id).label("first_id"),
                    func.max(columns.attempts).label("attempts"),
                    func.min(columns.received_at, type_=columns.received_at.type).label("since"),
                )
                .where(due(now))
                .group_by(columns.connection, columns.stream)
                .order_by(func.min(columns.id))
            ).all()
        return [Waiting(row.connection, row.stream, row[2], row.first_id, row.attempts, row.since) for row in rows]

    def at_work(self) -> frozenset[str]:
        """Connections of which a run holds deliveries now."""
        with self._database.reading() as connection:
            now = server_time(connection)
            found = connection.execute(
                select(deliveries.c.connection).where(leased(), deliveries.c.lease_until > now).distinct()
            )
            return frozenset(found.scalars())

    def list(self, chosen: DeliveryFilter, *, limit: int = 1000, offset: int = 0) -> list[KeptDelivery]:
        """Deliveries, the last received first."""
        statement = select(*SHOWN).where(*chosen.conditions())
        ordered = statement.order_by(deliveries.c.id.desc()).limit(limit).offset(offset)
        with self._database.reading() as connection:
            return [kept_delivery(row) for row in connection.execute(ordered)]

    def get(self, delivery_id: int) -> Leased | None:
        """One delivery with its body, by its number; nothing is leased by looking."""
        with self._database.reading() as connection:
            row = connection.execute(select(*SHOWN, deliveries.c.body).where(deliveries.c.id == delivery_id)).first()
        return None if row is None else Leased(kept_delivery(row), row.body)

    def counts(self, chosen: DeliveryFilter | None = None) -> dict[str, int]:
        """How many there are, by state."""
        statement = _counted(select(deliveries.c.state, func.count()), chosen or DeliveryFilter())
        statement = statement.group_by(deliveries.c.state)
        with self._database.reading() as connection:
            found = {str(state): int(count) for state, count in connection.execute(statement).all()}
        return {state.value: found.get(state.value, 0) for state in DeliveryState}

    def count_pending(self, connection: str, stream: str) -> int:
        """How many deliveries of a stream wait."""
        mine = and_(deliveries.c.connection == connection, deliveries.c.stream == stream)
        with self._database.reading() as reading:
            statement = select(func.count()).select_from(deliveries).where(mine, pending())
            return int(reading.execute(statement).scalar_one())

    def oldest_pending(self, connection: str | None = None) -> datetime | None:
        """When the oldest delivery was received that waits."""
        column = deliveries.c.received_at
        statement = select(func.min(column, type_=column.type)).where(pending())
        if connection is not None:
            statement = statement.where(deliveries.c.connection == connection)
        with self._database.reading() as reading:
            found: datetime | None = reading.execute(statement).scalar()
            return found

    def replay(self, chosen: DeliveryFilter) -> int:
        """Make deliveries pending again, whatever became of them; those that are leased or nobody reads stay. How many.

        The ledger drops what Brevo holds already.
        """
        with self._database.writing() as connection:
            return connection.execute(
                update(deliveries)
                .where(*_replayable(chosen))
                .values(state=DeliveryState.PENDING, attempts=0, not_before=None, error=None, delivered_at=None)
            ).rowcount

    def count_replayable(self, chosen: DeliveryFilter) -> int:
        """How many `replay` would make pending again."""
        statement = select(func.count()).select_from(deliveries).where(*_replayable(chosen))
        with self._database.reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def is_empty(self, connection: str) -> bool:
        """Whether no delivery of a connection is kept."""
        statement = select(deliveries.c.id).where(deliveries.c.connection == connection).limit(1)
        with self._database.reading() as reading:
            return reading.execute(statement).first() is None

    def last_told(self, connection: str, stream: str, keys: Iterable[str]) -> dict[str, datetime]:
        """When the last delivery was received that told of each of these records; those untold of are missing."""
        return self._last(deliveries.c.received_at, connection, stream, keys)

    def last_done(self, connection: str, stream: str, keys: Iterable[str]) -> dict[str, datetime]:
        """When the last delivery of each of these records was done; those of which none was are missing."""
        return self._last(deliveries.c.delivered_at, connection, stream, keys)

    def _last(self, column: Any, connection: str, stream: str, keys: Iterable[str]) -> dict[str, datetime]:
        found: dict[str, datetime] = {}
        columns, last = deliveries.c, func.max(column, type_=column.type)
        with self._database.reading() as reading:
            for part in chunks(keys):
                statement = select(columns.key, last).where(
                    columns.connection == connection,
                    columns.stream == stream,
                    columns.key.in_(part),
                    column.is_not(None),
                )
                found.update((row[0], row[1]) for row in reading.execute(statement.group_by(columns.key)))
        return found

    def purge(self, connection: str, before: datetime, limit: int = 1000) -> int:
        """Forget deliveries received before, but for those that wait; how many. Called until it answers 0."""
        settled = (DeliveryState.DONE, DeliveryState.DEAD, DeliveryState.IGNORED)
        chosen = DeliveryFilter(connection=connection, states=settled, until=before)
        with self._database.writing() as writing:
            ids = select(deliveries.c.id).where(*chosen.conditions()).limit(limit)
            return writing.execute(delete(deliveries).where(deliveries.c.id.in_(ids.scalar_subquery()))).rowcount


def _is_gone(token: str) -> bool:
    return msgspec.json.decode(token, type=Token).process.is_gone()


def _counted(statement: Select[Any], chosen: DeliveryFilter) -> Select[Any]:
    return statement.select_from(deliveries).where(*chosen.conditions())


def _replayable(chosen: DeliveryFilter) -> list[ColumnElement[bool]]:
    again = (DeliveryState.DONE, DeliveryState.DEAD, DeliveryState.PENDING)
    return [*chosen.conditions(), deliveries.c.state.in_(again), deliveries.c.stream.is_not(None)]
