"""Delivers what was landed: every path meets here."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import structlog

from tajo_pipelines.brevo.contact_change import ContactChange, Outcome
from tajo_pipelines.brevo.limits import TIERS
from tajo_pipelines.brevo.writer import ContactWriter
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.record import Canonical, Record
from tajo_pipelines.sdk.connector import Source
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.batches import Batch
from tajo_pipelines.store.leases import Lease, LeaseTaken
from tajo_pipelines.sync.account import (
    OpenAccount,
    account_attributes,
    account_currency,
    contact_policy,
    open_account,
    wanted_attributes,
)
from tajo_pipelines.sync.contacts import ContactMapper, NoIdentifier, Origin
from tajo_pipelines.sync.landing import records_of
from tajo_pipelines.sync.orders import OrderDelivery, OrderRules
from tajo_pipelines.sync.outcome import Delivered
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)

CHUNK = 20_000
"""Records that are planned together: enough for full imports, little enough for memory."""

WAIT_FOR_ACCOUNT = 1.0
"""Seconds between looks whether another run is done writing to the account."""


@dataclass(frozen=True, slots=True)
class DeliveryRequest:
    """One stream to be delivered in one run.

    Attributes:
        force: Send what hasn't changed as well.
        with_events: Let old causes start automations too.
        replay: Batches to be delivered again; None for all that weren't delivered yet.
    """

    connection: str
    stream: str
    run_id: str
    force: bool = False
    with_events: bool = False
    replay: tuple[Batch, ...] | None = None


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
    with open_account(workspace, account, request.run_id) as opened, _alone(workspace, opened, request) as lease:
        try:
            _Delivery.make(workspace, connection, opened, request, delivered).run(lease)
        finally:
            _settle(opened, delivered)
        delivered.report.check()


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
    writer: ContactWriter
    mapper: ContactMapper
    orders: OrderDelivery | None
    delivered: Delivered
    _rejects: list[Letter] = field(default_factory=list)

    @classmethod
    def make(
        cls,
        workspace: Workspace,
        connection: Connection,
        opened: OpenAccount,
        request: DeliveryRequest,
        delivered: Delivered,
    ) -> _Delivery:
        """Check what must hold before the first write, and put the parts together."""
        is_orders = workspace.connector(connection).stream(request.stream).record is Order
        currency = account_currency(workspace, opened) if is_orders else ""
        plan, notices = account_attributes(workspace, opened, wanted_attributes(workspace, connection))
        delivered.notices += notices
        writer = ContactWriter(
            client=opened.client,
            state=opened.state,
            policy=contact_policy(workspace, opened, force=request.force and not is_orders),
            run_id=request.run_id,
            clock=workspace.now,
        )
        mapper = ContactMapper(
            mapping=workspace.mapping(connection),
            attributes=plan,
            region=connection.region,
            confirmed_only=connection.opt_in == "confirmed",
        )
        orders = None
        if is_orders:
            rules = OrderRules(
                currency=currency,
                rates=opened.settings.rates,
                live_window=opened.settings.events.live_window,
                with_events=request.with_events,
                force=request.force,
            )
            orders = OrderDelivery(
                connection.name, mapper, rules, writer, delivered.report, delivered.spent, request.run_id
            )
        return cls(workspace, connection, request, writer, mapper, orders, delivered)

    def run(self, lease: Lease) -> None:
        """Work the batches off, in the order of their landing, for as long as the account is ours.

        Raises:
            LeaseLost: This process stood still for so long that another one took the account.
        """
        names = (self.request.connection, self.request.stream)
        replay = self.request.replay
        batches = list(replay) if replay is not None else self.workspace.store.batches.undelivered(*names)
        try:
            self.writer.prepare()
            if not batches:
                return
            with closing(self.workspace.open_source(self.connection)) as source:
                for group in _groups(batches):
                    lease.check()
                    self._deliver(group, source)
        finally:
            spent = self.delivered.spent
            spent.contacts += self.writer.contacts
            spent.imports += self.writer.processes
            spent.reblocked += self.writer.reblocked

    def _deliver(self, group: Sequence[Batch], source: Source) -> None:
        state, store = self.writer.state, self.workspace.store
        records = [record for batch in group for record in records_of(self.workspace, batch)]
        self.delivered.report.read += len(records)
        parsed = self._parse(records, source)
        if self.orders is not None:
            orders = [(record, form) for record, form in parsed if isinstance(form, Order)]
            self.orders.deliver(orders, self.workspace.now())
        else:
            self._customers((record, form) for record, form in parsed if isinstance(form, Customer))
        self.delivered.spent.letters += state.write_letters(self._rejects, self.request.run_id)
        self._rejects = []
        store.batches.mark_delivered([batch.id for batch in group], self.workspace.now())
        self.delivered.batches += len(group)

    def _parse(self, records: Iterable[Record], source: Source) -> list[tuple[Record, Canonical]]:
        parsed = []
        for record in records:
            try:
                parsed.append((record, source.canonical(record)))
            except RejectedRecord as problem:
                self._reject(self._origin(record), problem)
        return parsed

    def _customers(self, parsed: Iterable[tuple[Record, Customer]]) -> None:
        report = self.delivered.report
        changes: list[ContactChange] = []
        for record, customer in parsed:
            origin = self._origin(record)
            try:
                changes.append(self.mapper.customer(customer, record.raw, origin))
            except NoIdentifier:
                report.skipped["no_identifier"] += 1
            except RejectedRecord as problem:
                self._reject(origin, problem)
        for outcome in self.writer.write(changes):
            if outcome is Outcome.SKIPPED:
                report.skipped["unknown_consent"] += 1
                continue
            report.mapped += 1
            setattr(report, outcome.value, getattr(report, outcome.value) + 1)

    def _origin(self, record: Record) -> Origin:
        time_of = record.updated_at or record.read_at
        return Origin(self.connection.name, self.request.stream, record.key, time_of, record.read_at)

    def _reject(self, origin: Origin, problem: RejectedRecord) -> None:
        self.delivered.report.rejected[problem.reason] += 1
        kind = LetterKind.ORDER if self.orders is not None else LetterKind.RECORD
        self._rejects.append(origin.letter(problem, kind))


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
