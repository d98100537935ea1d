"""Deliveries in the hands of one run."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy import Boolean, ColumnElement, Connection, Select, and_, literal_column, or_, select, update

from tajo_pipelines.model.errors import RetryableError
from tajo_pipelines.store.appending import DeliveryState
from tajo_pipelines.store.database import Database, chunks, server_time
from tajo_pipelines.store.deliveries import SHOWN, Leased, kept_delivery
from tajo_pipelines.store.processes import ProcessMark
from tajo_pipelines.store.schema import OPEN_DELIVERIES, deliveries

LEASE_SECONDS = 120.0
"""How long a lease stands without being renewed."""

SUSPECT = 3
"""Failed attempts from which on a delivery is leased alone."""


class Token(msgspec.Struct, frozen=True, array_like=True):
    """Who holds deliveries: a name of its own, and the process."""

    name: str
    process: ProcessMark


class DeliveryLease:
    """Deliveries in the hands of one run; `Inbox.lease` makes it.

    Attributes:
        deliveries: Those that were taken, the oldest first.
    """

    def __init__(self, database: Database, seconds: float) -> None:
        self.deliveries: tuple[Leased, ...] = ()
        self._database = database
        self._token = msgspec.json.encode(Token(uuid4().hex, ProcessMark.own())).decode()
        self._seconds = seconds

    def take(self, connection: str, stream: str, limit: int) -> None:
        """Take the oldest that are due; of those that have failed often one, the one that has failed the least."""
        with self._database.alone() as writing:
            now = server_time(writing)
            ours = and_(deliveries.c.connection == connection, deliveries.c.stream == stream, due(now))
            oldest = select(deliveries.c.id).where(ours).order_by(deliveries.c.id).limit(limit)
            marked = self._mark(writing, oldest.where(deliveries.c.attempts < SUSPECT), now)
            if not marked:
                # One that kills its run comes after all that don't.
                least = select(deliveries.c.id).where(ours).order_by(deliveries.c.attempts, deliveries.c.id).limit(1)
                marked = self._mark(writing, least, now)
        if marked:
            self.deliveries = self._read()

    def _read(self) -> tuple[Leased, ...]:
        """What is ours now, bodies and all: read once the receiver may write again."""
        chosen = select(*SHOWN, deliveries.c.body).where(self._ours()).order_by(deliveries.c.id)
        with self._database.reading() as reading:
            return tuple(Leased(kept_delivery(row), row.body) for row in reading.execute(chosen))

    @contextmanager
    def kept_alive(self) -> Iterator[None]:
        """Renew it from a thread of its own while the block runs: Brevo may let one wait for minutes."""
        stop = threading.Event()

        def renew() -> None:
            while not stop.wait(self._seconds / 3):
                try:
                    self.renew()
                except RetryableError:
                    # The store is busy or away; the lease still stands, and the next beat tries again.
                    continue

        thread = threading.Thread(target=renew, name="deliveries", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

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

    def ignore(self, ids: Sequence[int], why: str) -> int:
        """Keep some without working them off."""
        return self._settle(ids, state=DeliveryState.IGNORED, error=why)

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
        return and_(leased(), deliveries.c.lease == self._token)

    def _mark(self, connection: Connection, ids: Select[tuple[int]], now: datetime) -> int:
        if connection.dialect.name == "postgresql":
            ids = ids.with_for_update(skip_locked=True)
        return connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(ids.scalar_subquery()))
            .values(
                state=DeliveryState.LEASED,
                lease=self._token,
                lease_until=now + timedelta(seconds=self._seconds),
                attempts=deliveries.c.attempts + 1,
            )
        ).rowcount


def due(now: datetime) -> ColumnElement[bool]:
    """Whether a delivery can be worked off now."""
    return and_(pending(), or_(deliveries.c.not_before.is_(None), deliveries.c.not_before <= now))


def pending() -> ColumnElement[bool]:
    """Whether a delivery waits."""
    return and_(_open(), deliveries.c.state == DeliveryState.PENDING)


def leased() -> ColumnElement[bool]:
    """Whether a run has it in its hands."""
    return and_(_open(), deliveries.c.state == DeliveryState.LEASED)


def _open() -> ColumnElement[bool]:
    """The index of what is open is known by its own words alone: a bound value wouldn't find it."""
    return literal_column(f"({OPEN_DELIVERIES})", Boolean)
