"""Delivers what was landed: every path meets here."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from tajo_pipelines.brevo.limits import TIERS
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import Notice, RejectedRecord
from tajo_pipelines.model.letter import Letter
from tajo_pipelines.model.record import Record
from tajo_pipelines.sdk.connector import Source
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.batches import Batch
from tajo_pipelines.store.leases import Lease, LeaseTaken
from tajo_pipelines.sync.account import OpenAccount, open_account
from tajo_pipelines.sync.contacts import Origin
from tajo_pipelines.sync.deletions import deliver_deletions
from tajo_pipelines.sync.deliverers import LETTER_KINDS, Parts, build_parts
from tajo_pipelines.sync.landing import records_of
from tajo_pipelines.sync.mapping_memory import remember
from tajo_pipelines.sync.memory import give_back
from tajo_pipelines.sync.outcome import Delivered
from tajo_pipelines.sync.progress import Phase, Work, told
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines.sync.retention import tidy_calls, tidy_landing
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)

CHUNK = 10_000
"""Records that are planned together: about 4 kB of memory each. The imports of each part are waited for together, which
takes a look at Brevo's processes at least, of 100 an hour."""

WAIT_FOR_ACCOUNT = 1.0
"""Seconds between looks whether another run is done writing to the account."""


def deliver(workspace: Workspace, request: DeliveryRequest, delivered: Delivered) -> None:
    """Hand every undelivered batch of a stream to Brevo.

    Args:
        workspace: Settings and store.
        request: What to deliver.
        delivered: Filled as it goes, so that it is true also where the delivery fails.

    Raises:
        TajoError: Brevo can't be reached, doesn't let us in, or the account isn't ready. What was written until then
            is noted; the rest stays undelivered.
    """
    connection = workspace.connection(request.connection)
    account = workspace.account(connection)
    if connection.streams[request.stream].mode == "realtime":
        delivered.notices.append(_by_batch(connection, request.stream))
    with open_account(workspace, account, request.run_id) as opened, _alone(workspace, opened, request) as lease:
        try:
            hindered = tidy_calls(workspace)
            delivered.notices += [hindered] if hindered is not None else []
            parts = build_parts(workspace, connection, opened, request, delivered)
            _Delivery(workspace, connection, request, opened, parts, delivered).run(lease)
            delivered.notices += tidy_landing(workspace, connection)
        finally:
            _settle(opened, delivered)
        delivered.report.check()


def _by_batch(connection: Connection, stream: str) -> Notice:
    message = f"{stream} of {connection.name} are set to realtime, and read by the schedule: there are no webhooks yet"
    return Notice("realtime_by_batch", message, f"{connection.where} {stream}".strip())


@contextmanager
def _alone(workspace: Workspace, opened: OpenAccount, request: DeliveryRequest) -> Iterator[Lease]:
    """One writer an account at a time: a plan rests on what the ledger and the picture say."""
    name = f"deliver/{opened.identity}"
    while True:
        try:
            with workspace.store.leases.hold(name, f"run {request.run_id}") as lease:
                yield lease
                return
        except LeaseTaken as taken:
            if taken.name != name:
                raise
            log.info("waiting for another run to finish writing", account=opened.settings.name, owner=taken.owner)
            time.sleep(WAIT_FOR_ACCOUNT)


def _settle(opened: OpenAccount, delivered: Delivered) -> None:
    usage, spent = opened.client.usage, delivered.spent
    spent.requests += usage.requests
    spent.used += usage.used
    spent.too_many += usage.too_many
    limits = TIERS[opened.settings.tier]
    spent.allowed = {
        bucket: limits[bucket].per_hour or 3600 * (limits[bucket].per_second or 0) for bucket in usage.used
    }


@dataclass(slots=True)
class _Delivery:
    """One delivery on its way."""

    workspace: Workspace
    connection: Connection
    request: DeliveryRequest
    opened: OpenAccount
    parts: Parts
    delivered: Delivered
    _rejects: list[Letter] = field(default_factory=list)
    _times: list[datetime] = field(default_factory=list)

    def run(self, lease: Lease) -> None:
        """Work the batches off, in the order of their landing, then what the shop deleted; while the account is ours.

        Raises:
            LeaseLost: This process stood still for so long that another one took the account.
        """
        names = (self.request.connection, self.request.stream)
        replay = self.request.replay
        batches = list(replay) if replay is not None else self.workspace.store.batches.undelivered(*names)
        try:
            self.parts.prepare(self.workspace.now())
            work = Work(*names, Phase.DELIVERING)
            with closing(self.workspace.open_source(self.connection)) as source:
                with told(work, sum(batch.rows for batch in batches)) as tell:
                    for group in _groups(batches):
                        lease.check()
                        self._deliver(group, source)
                        give_back()
                        tell(sum(batch.rows for batch in group))
                lease.check()
                if replay is None:
                    notice = deliver_deletions(self.workspace, self.connection, self.request, self.parts, source)
                    self.delivered.notices += [notice] if notice is not None else []
                if self.parts.kind is Customer:
                    identity = self.opened.identity
                    remember(self.workspace, identity, self.connection, batches, replayed=replay is not None)
        finally:
            self.parts.settle(self.delivered)

    def _deliver(self, group: Sequence[Batch], source: Source) -> None:
        records = (record for batch in group for record in records_of(self.workspace, batch))
        sent = self.delivered.report.sent
        self.parts.deliverer.deliver(self._parsed(records, source), self.workspace.now())
        state, run_id = self.opened.state, self.request.run_id
        self.delivered.spent.letters += state.write_letters(self._rejects, run_id)
        self._rejects = []
        self.workspace.store.batches.mark_delivered([batch.id for batch in group], self.workspace.now())
        self.delivered.batches += len(group)
        if self.delivered.report.sent > sent:
            self.delivered.lag.add(self._times, self.workspace.now())
        self._times = []

    def _parsed(self, records: Iterable[Record], source: Source) -> Iterator[tuple[Record, Any]]:
        """One after the other: whoever needs the raw object for a moment alone never holds all of them."""
        for record in records:
            self.delivered.report.read += 1
            if record.updated_at is not None:
                self._times.append(record.updated_at)
            try:
                form = source.canonical(record)
            except RejectedRecord as problem:
                self._reject(record, problem)
                continue
            yield record, form

    def _reject(self, record: Record, problem: RejectedRecord) -> None:
        self.delivered.report.rejected[problem.reason] += 1
        time_of = record.updated_at or record.read_at
        origin = Origin(self.connection.name, self.request.stream, record.key, time_of, record.read_at)
        self._rejects.append(origin.letter(problem, LETTER_KINDS[self.parts.kind]))


def _groups(batches: Sequence[Batch]) -> Iterator[list[Batch]]:
    """Batches that are worked off together, by their number of records."""
    group: list[Batch] = []
    rows = 0
    for batch in batches:
        if group and rows + batch.rows > CHUNK:
            yield group
            group, rows = [], 0
        group.append(batch)
        rows += batch.rows
    if group:
        yield group
