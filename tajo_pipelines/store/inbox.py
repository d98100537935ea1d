"""The inbox: every delivery that was received, and how far it got. State is the truth; no cursor stands beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, or_, select, update

from tajo_pipelines.store.appending import DeliveryState, NewDelivery, append
from tajo_pipelines.store.database import Database, chunks, present, server_time
from tajo_pipelines.store.processes import ProcessMark
from tajo_pipelines.store.schema import deliveries

__all__ = ["DeliveryFilter", "DeliveryState", "Inbox", "KeptDelivery", "Leased", "NewDelivery", "Waiting"]

LEASE_SECONDS = 120.0
"""How long a lease stands without being renewed."""

SUSPECT = 3
"""Failed attempts from which on a delivery is leased alone."""


@dataclass(frozen=True, slots=True)
class KeptDelivery:
    """A delivery as the inbox has it; further attributes as in `NewDelivery`.

    Attributes:
        attempts: How often it was leased.
        duplicates: How often it came again.
        error: Why the last attempt failed, or why it is dead or ignored.
    """

    id: int
    connection: str
    delivery_id: str
    topic: str
    stream: str | None
    key: str | None
    state: DeliveryState
    attempts: int
    bytes: int
    source_at: datetime | None
    received_at: datetime
    delivered_at: datetime | None
    duplicates: int
    error: str | None

    @property
    def lag(self) -> timedelta | None:
        """From the happening, or the receipt where its time isn't told, to Brevo's answer."""
        return None if self.delivered_at is None else self.delivered_at - (self.source_at or self.received_at)


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery with its body, in the hands of one run."""

    delivery: KeptDelivery
    body: bytes


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


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries; what isn't given is any.

    Attributes:
        since: Received then or later.
        until: Received before.
    """

    connection: str | None = None
    stream: str | None = None
    topic: str | None = None
    states: tuple[DeliveryState, ...] = ()
    key: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL."""
        columns = deliveries.c
        equal = (
            (columns.connection, self.connection),
            (columns.stream, self.stream),
            (columns.topic, self.topic),
            (columns.key, self.key),
        )
        found = [column == value for column, value in equal if value is not None]
        if self.states:
            found.append(columns.state.in_(self.states))
        if self.since is not None:
            found.append(columns.received_at >= self.since)
        if self.until is not None:
            found.append(columns.received_at < self.until)
        return found


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
        token = msgspec.json.encode(_Token(uuid4().hex, ProcessMark.own())).decode()
        held = DeliveryLease(self._database, token, seconds, self._take(connection, stream, token, limit, seconds))
        try:
            yield held
        finally:
            held.give_back()

    def _take(self, connection: str, stream: str, token: str, limit: int, seconds: float) -> list[Leased]:
        with self._database.alone() as writing:
            now = server_time(writing)
            until = now + timedelta(seconds=seconds)
            ours = and_(deliveries.c.connection == connection, deliveries.c.stream == stream, _due(now))
            sound = deliveries.c.attempts < SUSPECT
            rows = _mark(writing, and_(ours, sound), limit, token, until)
            rows = rows or _mark(writing, and_(ours, ~sound), 1, token, until)
        return sorted((Leased(_kept(row), row.body) for row in rows), key=lambda item: item.delivery.id)

    def requeue_expired(self) -> int:
        """Make deliveries pending again whose run was killed; how many.

        On this machine that is seen at once; of another one's run only that it no longer renews its lease.
        """
        leased = deliveries.c.state == DeliveryState.LEASED
        with self._database.reading() as reading:
            tokens = reading.execute(
                select(deliveries.c.lease, deliveries.c.lease_until).where(leased).distinct()
            ).all()
            now = server_time(reading)
        lost = {row.lease for row in tokens if row.lease_until <= now or _process(row.lease).is_gone()}
        if not lost:
            return 0
        with self._database.alone() as connection:
            return connection.execute(
                update(deliveries)
                .where(leased, deliveries.c.lease.in_(lost))
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
                .where(_due(now))
                .group_by(columns.connection, columns.stream)
                .order_by(func.min(columns.id))
            ).all()
        return [Waiting(row.connection, row.stream, row[2], row.first_id, row.attempts, row.since) for row in rows]

    def at_work(self) -> frozenset[str]:
        """Connections of which a run holds deliveries now."""
        with self._database.reading() as connection:
            now = server_time(connection)
            found = connection.execute(
                select(deliveries.c.connection)
                .where(deliveries.c.state == DeliveryState.LEASED, deliveries.c.lease_until > now)
                .distinct()
            )
            return frozenset(found.scalars())

    def list(self, chosen: DeliveryFilter, *, limit: int = 1000, offset: int = 0) -> list[KeptDelivery]:
        """Deliveries, the last received first."""
        statement = select(*_SHOWN).where(*chosen.conditions())
        ordered = statement.order_by(deliveries.c.id.desc()).limit(limit).offset(offset)
        with self._database.reading() as connection:
            return [_kept(row) for row in connection.execute(ordered)]

    def get(self, delivery_id: int) -> Leased | None:
        """One delivery with its body, by its number; nothing is leased by looking."""
        with self._database.reading() as connection:
            row = connection.execute(select(*_SHOWN, deliveries.c.body).where(deliveries.c.id == delivery_id)).first()
        return None if row is None else Leased(_kept(row), row.body)

    def counts(self, chosen: DeliveryFilter = DeliveryFilter()) -> dict[str, int]:
        """How many there are, by state."""
        statement = _counted(select(deliveries.c.state, func.count()), chosen).group_by(deliveries.c.state)
        with self._database.reading() as connection:
            found = {str(state): int(count) for state, count in connection.execute(statement).all()}
        return {state.value: found.get(state.value, 0) for state in DeliveryState}

    def oldest_pending(self, connection: str | None = None) -> datetime | None:
        """When the oldest delivery was received that waits."""
        chosen = DeliveryFilter(connection=connection, states=(DeliveryState.PENDING,))
        column = deliveries.c.received_at
        with self._database.reading() as reading:
            found: datetime | None = reading.execute(
                _counted(select(func.min(column, type_=column.type)), chosen)
            ).scalar()
            return found

    def replay(self, chosen: DeliveryFilter) -> int:
        """Make deliveries pending again, whatever became of them; those that are leased or nobody reads stay. How many.

        The ledger drops what Brevo holds already.
        """
        again = (DeliveryState.DONE, DeliveryState.DEAD, DeliveryState.PENDING)
        with self._database.writing() as connection:
            return connection.execute(
                update(deliveries)
                .where(*chosen.conditions(), deliveries.c.state.in_(again), deliveries.c.stream.is_not(None))
                .values(state=DeliveryState.PENDING, attempts=0, not_before=None, error=None, delivered_at=None)
            ).rowcount

    def told(self, connection: str, stream: str, keys: Iterable[str], since: datetime) -> frozenset[str]:
        """Of these records those of which a delivery told that was received since then."""
        found: set[str] = set()
        with self._database.reading() as reading:
            for part in chunks(keys):
                statement = select(deliveries.c.key).where(
                    deliveries.c.connection == connection,
                    deliveries.c.stream == stream,
                    deliveries.c.key.in_(part),
                    deliveries.c.received_at >= since,
                )
                found.update(reading.execute(statement.distinct()).scalars())
        return frozenset(found)

    def purge(self, connection: str, before: datetime, limit: int = 5000) -> int:
        """Forget deliveries received before, but for those that wait; how many. Called until it answers 0."""
        settled = (DeliveryState.DONE, DeliveryState.DEAD, DeliveryState.IGNORED)
        chosen = DeliveryFilter(connection=connection, states=settled, until=before)
        with self._database.writing() as writing:
            ids = select(deliveries.c.id).where(*chosen.conditions()).limit(limit)
            return writing.execute(delete(deliveries).where(deliveries.c.id.in_(ids.scalar_subquery()))).rowcount


class DeliveryLease:
    """Deliveries in the hands of one run; `Inbox.lease` makes it.

    Attributes:
        deliveries: Those that were taken, the oldest first.
    """

    def __init__(self, database: Database, token: str, seconds: float, taken: Sequence[Leased]) -> None:
        self.deliveries = tuple(taken)
        self._database = database
        self._token = token
        self._seconds = seconds

    def renew(self) -> None:
        """Hold on to what is left for another term."""
        with self._database.writing() as connection:
            until = server_time(connection) + timedelta(seconds=self._seconds)
            connection.execute(update(deliveries).where(self._ours()).values(lease_until=until))

    def done(self, ids: Sequence[int], at: datetime) -> int:
        """Acknowledge, after Brevo's answer; how many were still ours."""
        return self._settle(ids, state=DeliveryState.DONE, delivered_at=at, error=None)

    def dead(self, ids: Sequence[int], error: str) -> int:
        """Give up on some; their letters say why."""
        return self._settle(ids, state=DeliveryState.DEAD, error=error)

    def put_off(self, ids: Sequence[int], error: str, until: datetime, *, counts: bool = True) -> int:
        """Let some wait for another attempt; how many were still ours.

        Args:
            ids: Numbers of deliveries.
            error: Why.
            until: Until when they wait.
            counts: Whether this was an attempt; it wasn't where the fault isn't theirs.
        """
        attempts = deliveries.c.attempts if counts else deliveries.c.attempts - 1
        return self._settle(ids, state=DeliveryState.PENDING, error=error, not_before=until, attempts=attempts)

    def give_back(self) -> None:
        """Make what is left pending again; it doesn't count as an attempt."""
        with self._database.writing() as connection:
            connection.execute(
                update(deliveries)
                .where(self._ours())
                .values(
                    state=DeliveryState.PENDING,
                    lease=None,
                    lease_until=None,
                    attempts=deliveries.c.attempts - 1,
                )
            )

    def _settle(self, ids: Sequence[int], **values: Any) -> int:
        settled = 0
        with self._database.writing() as connection:
            for part in chunks(ids):
                settled += connection.execute(
                    update(deliveries)
                    .where(self._ours(), deliveries.c.id.in_(part))
                    .values(lease=None, lease_until=None, **values)
                ).rowcount
        return settled

    def _ours(self) -> ColumnElement[bool]:
        return and_(deliveries.c.lease == self._token, deliveries.c.state == DeliveryState.LEASED)


_SHOWN = tuple(deliveries.c[name] for name in KeptDelivery.__dataclass_fields__)


class _Token(msgspec.Struct, frozen=True, array_like=True):
    """Who holds deliveries: a name of its own, and the process."""

    name: str
    process: ProcessMark


def _process(token: str) -> ProcessMark:
    return msgspec.json.decode(token, type=_Token).process


def _mark(
    connection: Connection, chosen: ColumnElement[bool], limit: int, token: str, until: datetime
) -> Sequence[Row[Any]]:
    ids = select(deliveries.c.id).where(chosen).order_by(deliveries.c.id).limit(limit)
    if connection.dialect.name == "postgresql":
        ids = ids.with_for_update(skip_locked=True)
    attempts = deliveries.c.attempts + 1
    return connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(ids.scalar_subquery()))
        .values(state=DeliveryState.LEASED, lease=token, lease_until=until, attempts=attempts)
        .returning(*_SHOWN, deliveries.c.body)
    ).all()


def _due(now: datetime) -> ColumnElement[bool]:
    columns = deliveries.c
    free = or_(columns.not_before.is_(None), columns.not_before <= now)
    return and_(columns.state == DeliveryState.PENDING, free)


def _counted(statement: Select[Any], chosen: DeliveryFilter) -> Select[Any]:
    return statement.select_from(deliveries).where(*chosen.conditions())


def _kept(row: Any) -> KeptDelivery:
    values = {name: getattr(row, name) for name in KeptDelivery.__dataclass_fields__}
    return KeptDelivery(**values | {"state": DeliveryState(row.state)})
