"""The rate budget of one account: one row a bucket, for all threads and processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, select

from tajo_pipelines.store.database import Database, insert_into, server_time, upsert
from tajo_pipelines.store.rate_windows import Bucket, Limits, Ticket
from tajo_pipelines.store.schema import budget

NAP = 1.0
"""Longest sleep between two looks: another process may have learned meanwhile that the wait is shorter."""

_BUCKET = msgspec.json.Decoder(Bucket)


@dataclass(frozen=True, slots=True)
class BucketUse:
    """How far a bucket is used.

    Attributes:
        used: Calls in the present hour, as far as known those of other programs too.
        per_second: The limit that counts, None where there is none.
        per_hour: The limit that counts, None where there is none.
        too_many: How often 429 was answered since the store was made.
    """

    used: int
    per_second: int | None
    per_hour: int | None
    too_many: int


class Budget:
    """Books calls so that the vendor never has to refuse one.

    A thread takes, calls and observes, in this order: an answer is matched to what its thread took last.

    Args:
        database: Where it is kept.
        account: The account's identity.
        clock: Seconds since the epoch; left out, the clock that all processes of the database share.
        sleep: How to wait.
    """

    def __init__(
        self,
        database: Database,
        account: str,
        *,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._account = account
        self._clock = clock
        self._sleep = sleep
        self._local = threading.local()

    def take(self, bucket: str, limit: Limits) -> float:
        """Wait until one call may be made, book it, and say how many seconds that took.

        Raises:
            RuntimeError: The thread is inside of a transaction of the store, which would hold up all others.
        """
        waited = 0.0
        before = self._tickets().pop(bucket, None)
        while True:
            with self._database.alone() as connection:
                state, now = self._load(connection, bucket)
                state.ended(now, before)
                booked = state.book(now, limit)
                if isinstance(booked, Ticket):
                    self._save(connection, bucket, state, now)
                    self._tickets()[bucket] = booked
                    return waited
                if before is not None:
                    self._save(connection, bucket, state, now)
                    before = None
            nap = min(booked, NAP)
            self._sleep(nap)
            waited += nap

    def observe(self, bucket: str, *, limit: int | None, remaining: int | None, reset: float | None) -> None:
        """Learn from an answer's headers; ``reset`` in remaining seconds. Without headers, that it came."""
        ticket = self._tickets().pop(bucket, None)
        with self._database.alone() as connection:
            state, now = self._load(connection, bucket)
            state.answered(now, ticket, limit=limit, remaining=remaining, reset=reset)
            self._save(connection, bucket, state, now)

    def exhausted(self, bucket: str, reset: float) -> None:
        """A 429: nobody calls this bucket again before ``reset`` seconds have passed."""
        with self._database.alone() as connection:
            state, now = self._load(connection, bucket)
            state.refused(now, reset)
            self._save(connection, bucket, state, now)

    def use(self) -> dict[str, BucketUse]:
        """How far each bucket is used, by its name."""
        statement = select(budget.c.bucket, budget.c.state).where(budget.c.account == self._account)
        with self._database.reading() as connection:
            now = self._now(connection)
            found = {row.bucket: _BUCKET.decode(row.state) for row in connection.execute(statement)}
        return {
            name: BucketUse(
                used=state.hour.used if now < state.hour.end else 0,
                per_second=state.second.value,
                per_hour=state.hourly.value,
                too_many=state.too_many,
            )
            for name, state in sorted(found.items())
        }

    def _tickets(self) -> dict[str, Ticket]:
        tickets: dict[str, Ticket] | None = getattr(self._local, "tickets", None)
        if tickets is None:
            tickets = self._local.tickets = {}
        return tickets

    def _now(self, connection: Connection) -> float:
        return self._clock() if self._clock is not None else server_time(connection).timestamp()

    def _load(self, connection: Connection, bucket: str) -> tuple[Bucket, float]:
        """The row, locked, and the time at which that was granted."""
        statement = (
            select(budget.c.state).where(budget.c.account == self._account, budget.c.bucket == bucket).with_for_update()
        )
        found: str | None = connection.execute(statement).scalar()
        if found is None:
            empty = msgspec.json.encode(Bucket()).decode()
            row = {"account": self._account, "bucket": bucket, "state": empty, "updated_at": datetime.now(UTC)}
            connection.execute(insert_into(connection, budget).on_conflict_do_nothing(), [row])
            found = connection.execute(statement).scalar_one()
        return _BUCKET.decode(found), self._now(connection)

    def _save(self, connection: Connection, bucket: str, state: Bucket, now: float) -> None:
        row = {
            "account": self._account,
            "bucket": bucket,
            "state": msgspec.json.encode(state).decode(),
            "updated_at": datetime.fromtimestamp(now, UTC),
        }
        upsert(connection, budget, [row])
