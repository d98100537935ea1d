"""The store: one object that hands out the repositories."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import select

from tajo_pipelines.store.account_state import AccountState
from tajo_pipelines.store.batches import Batches
from tajo_pipelines.store.budget import Budget
from tajo_pipelines.store.calls import CallHistory, Calls
from tajo_pipelines.store.database import Database, present, upsert
from tajo_pipelines.store.erasing import Erasing
from tajo_pipelines.store.inbox import Inbox
from tajo_pipelines.store.intents import Intents
from tajo_pipelines.store.leases import Leases
from tajo_pipelines.store.letters import Letters
from tajo_pipelines.store.reads import Reads
from tajo_pipelines.store.receipts import Receipts
from tajo_pipelines.store.refusals import Refusals
from tajo_pipelines.store.reports import RunReports
from tajo_pipelines.store.schema import meta
from tajo_pipelines.store.source_erasing import SourceErasing
from tajo_pipelines.store.taking_out import TakingOut
from tajo_pipelines.store.tombstones import Tombstones


class Store:
    """All durable state. `open_store` makes it; it is safe to share between threads, not over a fork.

    Attributes:
        database: What they all stand on.
        batches: Landed batches and watermarks.
        reads: Reads that can be resumed.
        leases: One holder a name.
        letters: Dead letters of all connections.
        reports: Numbers of runs.
        inbox: Deliveries that were received.
        refusals: Deliveries that were refused.
        history: Calls to all accounts.
        receipts: What was done about requests for privacy.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = present) -> None:
        self.database = database
        self._clock = clock
        self.batches = Batches(database, clock)
        self.reads = Reads(database)
        self.leases = Leases(database)
        self.letters = Letters(database, clock)
        self.reports = RunReports(database)
        self.inbox = Inbox(database, clock)
        self.refusals = Refusals(database)
        self.history = CallHistory(database)
        self.receipts = Receipts(database)

    def account(self, account: str, tombstones: Tombstones | None = None) -> AccountState:
        """The state of one Brevo account, by its identity; with tombstones, erased people's objections count."""
        return AccountState(self.database, account, self._clock, tombstones)

    def erasing(self, account: str) -> Erasing:
        """Erasures of one account that aren't over, and what its tables know people by."""
        return Erasing(self.database, account)

    def taking_out(self, account: str, connections: Sequence[str]) -> TakingOut:
        """Takes people out of what these connections and their account have left here."""
        return TakingOut(self.database, account, tuple(connections))

    def source_erasing(self, account: str, connection: str) -> SourceErasing:
        """Takes out all that a connection has left here."""
        return SourceErasing(self.database, account, connection)

    def tombstones(self, account: str, key: bytes | None) -> Tombstones:
        """The tombstones of one account, read by TAJO_SECRET_KEY."""
        return Tombstones(self.database, account, key)

    def budget(
        self,
        account: str,
        *,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Budget:
        """The rate budget of one account."""
        return Budget(self.database, account, clock=clock, sleep=sleep)

    def calls(self, account: str) -> Calls:
        """The calls to one account."""
        return Calls(self.database, account)

    def intents(self, account: str) -> Intents:
        """The events that are about to be sent to one account."""
        return Intents(self.database, account)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction around calls of any repository, nestable, for this thread."""
        with self.database.writing():
            yield

    def note(self, name: str) -> str | None:
        """A named value of the whole store."""
        with self.database.reading() as connection:
            found: str | None = connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar()
            return found

    def set_note(self, name: str, value: str) -> None:
        """Keep a named value."""
        with self.database.writing() as connection:
            upsert(connection, meta, [{"name": name, "value": value}])

    def close(self) -> None:
        """Give all connections back."""
        self.database.engine.dispose()
