"""Delivers what was landed: every path meets here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import structlog

from tajo_pipelines.brevo.limits import TIERS
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import Notice, TajoError
from tajo_pipelines.model.record import Record
from tajo_pipelines.sdk.connector import Source
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.batches import Batch
from tajo_pipelines.store.leases import Lease, LeaseTaken
from tajo_pipelines.sync.account import OpenAccount, open_account
from tajo_pipelines.sync.completeness import watch_completeness
from tajo_pipelines.sync.deletions import deliver_deletions
from tajo_pipelines.sync.deliverers import LETTER_KINDS, Parts, build_parts
from tajo_pipelines.sync.erasure import Eraser
from tajo_pipelines.sync.keeping_out import KeepingOut
from tajo_pipelines.sync.landing import records_of
from tajo_pipelines.sync.log_masking import masked
from tajo_pipelines.sync.mapping_memory import remember
from tajo_pipelines.sync.memory import give_back
from tajo_pipelines.sync.modes import by_webhook_alone, may_be_told
from tajo_pipelines.sync.newer_reads import NewerReads
from tajo_pipelines.sync.outcome import Delivered, InboxNumbers
from tajo_pipelines.sync.parsing import Parsing
from tajo_pipelines.sync.privacy import sweep_files
from tajo_pipelines.sync.progress import Phase, Work, told
from tajo_pipelines.sync.realtime import RealtimeDelivery
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines.sync.resting import Resting
from tajo_pipelines.sync.retention import tidy_calls, tidy_carts, tidy_inbox, tidy_landing
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)

CHUNK = 10_000
"""Records that are planned together: about 4 kB of memory each. The imports of each part are waited for together, which
takes a look at Brevo's processes at least, of 100 an hour."""

WAIT_FOR_ACCOUNT = 1.0
"""Seconds between looks whether another run is done writing to the account."""


def deliver(workspace: Workspace, request: DeliveryRequest, delivered: Delivered) -> None:
    """Hand every undelivered batch of a stream to Brevo, or all that its webhooks told.

    Args:
        workspace: Settings and store.
        request: What to deliver.
        delivered: Filled as it goes, so that it is true also where the delivery fails.

    Raises:
        TajoError: Brevo can't be reached, doesn't let us in, or the account isn't ready. What was written until then
            is noted; the rest stays undelivered.
    """
    connection = workspace.connection(request.connection)
    if request.inbox:
        with _resting_after(workspace, request):
            met = _deliver(workspace, connection, request, delivered)
        if met is not None:
            raise met
        return
    is_realtime = connection.streams[request.stream].mode == "realtime"
    if is_realtime and not by_webhook_alone(workspace, connection, request.stream):
        delivered.notices.append(_by_batch(connection, request.stream))
    _deliver(workspace, connection, request, delivered)


def _deliver(
    workspace: Workspace, connection: Connection, request: DeliveryRequest, delivered: Delivered
) -> Exception | None:
    """Deliver under the account's lease; what a single delivery of a webhook met that is to be tried again."""
    account, met = workspace.account(connection), None
    with open_account(workspace, account, request.run_id) as opened, alone(workspace, opened, request.run_id) as lease:
        try:
            parts = build_parts(workspace, connection, opened, request, delivered)
            Eraser(workspace, opened).end_what_was_left()
            hindered = tidy_calls(workspace)
            delivered.notices += [hindered] if hindered is not None else []
            if request.inbox:
                delivered.inbox = InboxNumbers()
                work = RealtimeDelivery(workspace, connection, request, opened, parts, delivered, delivered.inbox)
                met = work.run(lease)
            else:
                _Delivery(workspace, connection, request, opened, parts, delivered).run(lease)
        finally:
            delivered.notices += tidy_landing(workspace, connection)
            delivered.notices += tidy_inbox(workspace, connection)
            delivered.notices += tidy_carts(workspace, connection, opened.state)
            delivered.notices += sweep_files(workspace)
            _settle(opened, delivered)
        delivered.report.check()
    return met


@contextmanager
def _resting_after(workspace: Workspace, request: DeliveryRequest) -> Iterator[None]:
    """Let the stream's inbox rest after what no single delivery is at fault of, so that the sensor asks more seldom."""
    try:
        yield
    except Exception as error:
        why = masked(str(error)) if isinstance(error, TajoError) else f"an unforeseen {type(error).__name__}"
        Resting(workspace.store).begin(request.connection, request.stream, why, workspace.now())
        raise


def _by_batch(connection: Connection, stream: str) -> Notice:
    message = f"{stream} of {connection.name} are set to realtime, and read by the schedule: no webhook tells of them"
    return Notice("realtime_by_batch", message, f"{connection.where} {stream}".strip())


@contextmanager
def alone(workspace: Workspace, opened: OpenAccount, run_id: str) -> Iterator[Lease]:
    """One writer an account at a time: a plan rests on what the ledger and the picture say.

    Args:
        workspace: Whose store.
        opened: The account.
        run_id: Who asks.
    """
    name = f"deliver/{opened.identity}"
    while True:
        try:
            with workspace.store.leases.hold(name, f"run {run_id}") as lease:
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
            watch = (
                None
                if replay is not None
                else watch_completeness(self.workspace, self.connection, self.request.stream, self.delivered)
            )
            with closing(self.workspace.open_source(self.connection)) as source:
                with told(work, sum(batch.rows for batch in batches)) as tell:
                    for group in _groups(batches):
                        lease.check()
                        self._deliver(group, source)
                        if watch is not None:
                            watch.look()
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
        records: Iterator[Record] = (record for batch in group for record in records_of(self.workspace, batch))
        if may_be_told(self.connection, self.request.stream):
            records = NewerReads(self.workspace.store.inbox, self.opened.state, source, self.request).over(records)
        sent = self.delivered.report.sent
        parsing = Parsing(self.request, LETTER_KINDS[self.parts.kind], self.delivered)
        keeping = KeepingOut(self.opened.tombstones, self.connection)
        self.parts.deliverer.deliver(keeping.passed(parsing.forms(records, source)), self.workspace.now())
        keeping.count_into(self.delivered.report)
        parsing.keep_letters(self.opened.state)
        self.workspace.store.batches.mark_delivered([batch.id for batch in group], self.workspace.now())
        self.delivered.batches += len(group)
        if self.delivered.report.sent > sent:
            self.delivered.lag.add(parsing.times, self.workspace.now())


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
