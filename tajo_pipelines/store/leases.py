"""Leases: one holder a name, over all processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, delete, select, update

from tajo_pipelines.model.errors import RetryableError, TajoError
from tajo_pipelines.model.window import format_time
from tajo_pipelines.store.database import Database, insert_into, server_time
from tajo_pipelines.store.processes import ProcessMark
from tajo_pipelines.store.schema import leases

SECONDS = 15.0
"""How long a lease outlives its last sign of life: a killed process on another machine blocks no longer."""


class LeaseTaken(TajoError):
    """Another process holds the lease. That is no failure: its work is being done.

    Args:
        name: Name of the lease.
        owner: Who holds it.
        until: Until when, unless renewed.
    """

    code = "already_running"
    exit_code = 0

    def __init__(self, name: str, owner: str, until: datetime) -> None:
        super().__init__(f"{owner} is at it, at least until {format_time(until)}", where=name)
        self.name = name
        self.owner = owner
        self.until = until


class LeaseLost(RetryableError):
    """The lease wasn't renewed in time, and another process may have taken it."""

    code = "lease_lost"


class Lease:
    """A lease that is held; `Leases.hold` makes it, renews it and gives it back."""

    def __init__(self, database: Database, name: str, owner: str, seconds: float) -> None:
        self.name = name
        self.owner = owner
        self._database = database
        self._seconds = seconds
        self._token = uuid4().hex
        self._lost = threading.Event()

    @property
    def lost(self) -> bool:
        """Whether it is ours no more."""
        return self._lost.is_set()

    def check(self) -> None:
        """Go on only as the holder.

        Raises:
            LeaseLost: It is ours no more.
        """
        if self.lost:
            message = f"{self.owner} wasn't heard of for {self._seconds:g} s and lost its place"
            raise LeaseLost(message, where=self.name)

    def renew(self) -> bool:
        """Give a sign of life; False, and for good, when another one has taken the lease."""
        with self._database.alone() as connection:
            now = server_time(connection)
            result = connection.execute(
                update(leases)
                .where(leases.c.name == self.name, leases.c.token == self._token)
                .values(heartbeat=now, until=now + timedelta(seconds=self._seconds))
            )
        if result.rowcount == 0:
            self._lost.set()
        return not self.lost

    def take(self) -> None:
        """Take the lease if it is free.

        Raises:
            LeaseTaken: It isn't.
        """
        mark = ProcessMark.own()
        with self._database.alone() as connection:
            now = server_time(connection)
            mine: dict[str, Any] = {
                "owner": self.owner,
                "token": self._token,
                "machine": mark.machine,
                "pid": mark.pid,
                "pid_started": mark.started,
                "until": now + timedelta(seconds=self._seconds),
                "heartbeat": now,
            }
            inserted = connection.execute(
                insert_into(connection, leases)
                .values(name=self.name, **mine)
                .on_conflict_do_nothing(index_elements=["name"])
            )
            if inserted.rowcount == 1:
                return
            self._replace(connection, mine, now)

    def _replace(self, connection: Connection, mine: dict[str, Any], now: datetime) -> None:
        row = connection.execute(select(leases).where(leases.c.name == self.name).with_for_update()).first()
        if row is None:  # given back between the two statements
            connection.execute(insert_into(connection, leases).values(name=self.name, **mine))
            return
        holder = ProcessMark(row.machine, row.pid, row.pid_started)
        if row.until > now and not holder.is_gone():
            raise LeaseTaken(self.name, row.owner, row.until)
        connection.execute(update(leases).where(leases.c.name == self.name).values(**mine))

    def give_back(self) -> None:
        """Let others have it; nothing happens where it is ours no more."""
        with self._database.alone() as connection:
            connection.execute(delete(leases).where(leases.c.name == self.name, leases.c.token == self._token))

    def keep_alive(self, stop: threading.Event) -> None:
        """Renew three times a term until told to stop or lost; what a heartbeat thread runs."""
        while not stop.wait(self._seconds / 3):
            try:
                if not self.renew():
                    return
            except RetryableError:
                # The store is busy or away; the lease still stands, and the next beat tries again.
                continue


class Leases:
    """Hands out leases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def hold(self, name: str, owner: str, seconds: float = SECONDS) -> Iterator[Lease]:
        """Hold a lease while the block runs, renewed by a thread of its own.

        A lease whose process on this machine has ended is taken at once; any other once its term is over.

        Args:
            name: What is leased: ``read/shopify/orders``.
            owner: Who asks, in words for a person: ``run 1f0c (cli)``.
            seconds: Its term.

        Raises:
            LeaseTaken: Another one holds it.
        """
        lease = Lease(self._database, name, owner, seconds)
        lease.take()
        stop = threading.Event()
        thread = threading.Thread(target=lease.keep_alive, args=(stop,), name=f"lease {name}", daemon=True)
        thread.start()
        try:
            yield lease
        finally:
            stop.set()
            thread.join()
            lease.give_back()

    def holder(self, name: str) -> tuple[str, datetime] | None:
        """Who holds a lease and until when; None where it is free."""
        with self._database.reading() as connection:
            row = connection.execute(select(leases).where(leases.c.name == name)).first()
            if row is None or row.until <= server_time(connection):
                return None
        if ProcessMark(row.machine, row.pid, row.pid_started).is_gone():
            return None
        return row.owner, row.until
