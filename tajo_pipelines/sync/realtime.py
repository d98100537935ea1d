"""Works off what webhooks told: the deliveries of one stream, until none waits."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from tajo_pipelines.model.errors import ConfigError, RejectedRecord, TajoError
from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.model.record import Record
from tajo_pipelines.sdk.connector import Source
from tajo_pipelines.sdk.webhooks import Webhooks
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.inbox import DeliveryLease, KeptDelivery, Leased
from tajo_pipelines.store.leases import Lease
from tajo_pipelines.sync.account import OpenAccount
from tajo_pipelines.sync.carts import close_carts
from tajo_pipelines.sync.deletions import apply_deletions
from tajo_pipelines.sync.deliverers import LETTER_KINDS, Parts
from tajo_pipelines.sync.flush import Flush, flush_of
from tajo_pipelines.sync.outcome import Delivered
from tajo_pipelines.sync.parsing import Parsing
from tajo_pipelines.sync.privacy import carry_out
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)

FLUSH = 500
"""Deliveries that are worked off together."""

MOST_ATTEMPTS = 8
"""Attempts that may end in a killed process or in what we didn't foresee; then a delivery is dead."""

PATIENCE = timedelta(seconds=60)
"""How long deliveries wait after an outage was met; the next run tries again."""

LONGEST = 120.0
"""Seconds after which a run ends though deliveries still come: others want to write to the account too."""


@dataclass(slots=True)
class RealtimeDelivery:
    """One stream's deliveries on their way."""

    workspace: Workspace
    connection: Connection
    request: DeliveryRequest
    opened: OpenAccount
    parts: Parts
    delivered: Delivered

    def run(self, lease: Lease) -> None:
        """Work deliveries off until none is due.

        Args:
            lease: The account's.

        Raises:
            TajoError: Brevo or the platform can't be reached or used: what wasn't done waits, and is tried again.
        """
        webhooks = self._webhooks()
        end = time.monotonic() + LONGEST
        try:
            self.parts.prepare(self.workspace.now())
            with closing(self.workspace.open_source(self.connection)) as source:
                while time.monotonic() < end and self._turn(lease, webhooks, source):
                    pass
        finally:
            self.parts.settle(self.delivered)

    def _webhooks(self) -> Webhooks:
        webhooks = self.workspace.connector(self.connection).webhooks
        if webhooks is None:
            message = f"{self.connection.connector} tells nothing by webhooks"
            raise ConfigError(message, code="webhooks_absent", where=self.connection.where)
        return webhooks

    def _turn(self, lease: Lease, webhooks: Webhooks, source: Source) -> bool:
        inbox = self.workspace.store.inbox
        with inbox.lease(self.connection.name, self.request.stream, limit=FLUSH) as held:
            if not held.deliveries:
                return False
            lease.check()
            fit = self._without_poison(held)
            ids = [item.delivery.id for item in fit]
            try:
                self._work_off(held, flush_of(webhooks, fit), fit, source)
            except TajoError as error:
                held.put_off(ids, str(error), self.workspace.now() + PATIENCE, counts=False)
                raise
            except Exception as error:
                # What it holds is unknown, so its kind alone is kept; the run's log has the rest.
                held.put_off(ids, type(error).__name__, self.workspace.now() + PATIENCE)
                raise
        return True

    def _without_poison(self, held: DeliveryLease) -> list[Leased]:
        """Those that may be tried; what has killed its run too often is given up."""
        poison = [item.delivery for item in held.deliveries if item.delivery.attempts > MOST_ATTEMPTS]
        message = f"{MOST_ATTEMPTS} attempts to work this delivery off ended without an answer"
        self._give_up(held, poison, RejectedRecord("no_way_through", message))
        return [item for item in held.deliveries if item.delivery.attempts <= MOST_ATTEMPTS]

    def _work_off(self, held: DeliveryLease, flush: Flush, taken: Sequence[Leased], source: Source) -> None:
        by_id = {item.delivery.id: item.delivery for item in taken}
        for number, problem in flush.unreadable.items():
            self._give_up(held, [by_id[number]], problem)
        good = [kept for number, kept in by_id.items() if number not in flush.unreadable]
        now, state = self.workspace.now(), self.opened.state
        close_carts(state, self.connection.name, flush.closed)
        parsing = Parsing(self.request, LETTER_KINDS[self.parts.kind], self.delivered)
        self.parts.deliverer.deliver(parsing.forms(self._records(flush, source), source), now)
        parsing.keep_letters(state)
        held.renew()
        if flush.gone:
            apply_deletions(self.workspace, self.connection, self.request, self.parts, list(flush.gone.values()))
        for asked in flush.privacy:
            carry_out(self.workspace, self.connection, self.opened, asked)
        self._acknowledge(held, good)

    def _records(self, flush: Flush, source: Source) -> Iterator[Record]:
        yield from flush.carried.values()
        keys = flush.to_fetch
        if keys:
            yield from source.fetch(self.request.stream, keys)

    def _acknowledge(self, held: DeliveryLease, good: Sequence[KeptDelivery]) -> None:
        now = self.workspace.now()
        held.done([kept.id for kept in good], now)
        self.delivered.inbox.deliveries += len(good)
        self.delivered.inbox.lags += _lags(good, now)

    def _give_up(self, held: DeliveryLease, lost: Iterable[KeptDelivery], problem: RejectedRecord) -> None:
        for kept in lost:
            letter = Letter(
                connection=self.connection.name,
                stream=self.request.stream,
                key=kept.delivery_id,
                kind=LetterKind.DELIVERY,
                reason=problem.reason,
                message=f"delivery {kept.id}, {kept.topic}: {problem.message}",
            )
            self.delivered.spent.letters += self.opened.state.write_letters([letter], self.request.run_id)
            held.dead([kept.id], problem.message)
            self.delivered.inbox.dead += 1
            log.warning("delivery given up", delivery=kept.id, topic=kept.topic, reason=problem.reason)


def _lags(kept: Iterable[KeptDelivery], now: datetime) -> list[float]:
    return [max(0.0, (now - (item.source_at or item.received_at)).total_seconds()) for item in kept]
