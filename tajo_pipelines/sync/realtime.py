"""Works off what webhooks told: the deliveries of one stream, until none waits."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

import structlog

from tajo_pipelines.model.errors import ConfigError, ContractError, RejectedRecord, TajoError
from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.model.record import Record
from tajo_pipelines.sdk.connector import Source
from tajo_pipelines.sdk.webhooks import Webhooks
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.delivery_lease import DeliveryLease
from tajo_pipelines.store.inbox import KeptDelivery, Leased
from tajo_pipelines.store.leases import Lease
from tajo_pipelines.sync.account import OpenAccount
from tajo_pipelines.sync.carts import close_carts
from tajo_pipelines.sync.deletions import apply_deletions
from tajo_pipelines.sync.deliverers import LETTER_KINDS, Parts
from tajo_pipelines.sync.flush import Flush, Privacy, flush_of
from tajo_pipelines.sync.keeping_out import KeepingOut
from tajo_pipelines.sync.log_masking import masked
from tajo_pipelines.sync.outcome import Delivered, InboxNumbers
from tajo_pipelines.sync.parsing import Parsing
from tajo_pipelines.sync.privacy import carry_out, forget_deliveries
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines.sync.resting import Resting
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)

FLUSH = 500
"""Deliveries that are worked off together."""

MOST_ATTEMPTS = 8
"""Attempts that may end in a killed process or in what we didn't foresee; then a delivery is dead."""

PATIENCE = timedelta(seconds=60)
"""How long a delivery that failed alone waits at first; each failure doubles it."""

LONGEST_WAIT = timedelta(hours=1)

LONGEST = 30.0
"""Seconds after which a stream's turn ends though deliveries still come: the run's next stream, and others who want to
write to the account, wait for as long."""

GIVES_IN = 12
"""Failures in a row after which the fault is taken to be nobody's single delivery."""

THEIR_OWN = (ContractError, RejectedRecord)
"""Errors of ours that may be one delivery's own fault; after any other the same delivery may succeed later."""


class _Turn(Enum):
    """How one lease ended."""

    NOTHING = auto()
    DONE = auto()
    FAILED = auto()


@dataclass(slots=True)
class RealtimeDelivery:
    """One stream's deliveries on their way.

    Attributes:
        numbers: What became of them, added to.
    """

    workspace: Workspace
    connection: Connection
    request: DeliveryRequest
    opened: OpenAccount
    parts: Parts
    delivered: Delivered
    numbers: InboxNumbers
    _met: Exception | None = None

    def run(self, lease: Lease) -> Exception | None:
        """Work deliveries off until none is due.

        A delivery that fails is tried with ever fewer others, at last alone, so that the others get through.

        Args:
            lease: The account's.

        Returns:
            What a single delivery met that is to be tried again: the others were worked off.

        Raises:
            TajoError: Brevo or the platform can't be reached or used: what wasn't done waits, and is tried again.
        """
        webhooks = self._webhooks()
        try:
            self.parts.prepare(self.workspace.now())
            with closing(self.workspace.open_source(self.connection)) as source:
                self._turns(lease, webhooks, source)
        finally:
            self.parts.settle(self.delivered)
        return self._met

    def _turns(self, lease: Lease, webhooks: Webhooks, source: Source) -> None:
        end, limit, in_a_row = time.monotonic() + LONGEST, FLUSH, 0
        while time.monotonic() < end:
            lease.check()
            turn = self._turn(webhooks, source, limit)
            if turn is _Turn.NOTHING:
                return
            if turn is _Turn.DONE:
                in_a_row = 0
                Resting(self.workspace.store).end(self.connection.name, self.request.stream)
                continue
            limit, in_a_row = max(1, limit // 2), in_a_row + 1
            if self._met is not None and in_a_row >= GIVES_IN:
                raise self._met
            self.parts.prepare(self.workspace.now())

    def _webhooks(self) -> Webhooks:
        webhooks = self.workspace.connector(self.connection).webhooks
        if webhooks is None:
            message = f"{self.connection.connector} tells nothing by webhooks"
            raise ConfigError(message, code="webhooks_absent", where=self.connection.where)
        return webhooks

    def _turn(self, webhooks: Webhooks, source: Source, limit: int) -> _Turn:
        """Work one lease off."""
        inbox, before = self.workspace.store.inbox, deepcopy(self.delivered.report)
        with inbox.lease(self.connection.name, self.request.stream, limit=limit) as held, held.kept_alive():
            if not held.deliveries:
                return _Turn.NOTHING
            fit = self._wanted(held, webhooks, self._without_poison(held))
            if not fit:
                return _Turn.DONE
            try:
                self._work_off(held, flush_of(webhooks, self.request.stream, fit), fit, source)
            except THEIR_OWN as error:
                self._fail(held, fit, error, masked(str(error)))
            except TajoError as error:
                # Nobody's fault here: it doesn't count, and they are due as soon as there is a run.
                held.put_off([item.delivery.id for item in fit], masked(str(error)), self.workspace.now(), counts=False)
                raise
            except Exception as error:  # noqa: BLE001  which of them is at fault is found out by trying fewer
                # What it holds is unknown, so its kind alone is kept; the run's log has the rest.
                self._fail(held, fit, error, f"an unforeseen {type(error).__name__}")
            else:
                return _Turn.DONE
        self.delivered.report.take_back(before)
        return _Turn.FAILED

    def _fail(self, held: DeliveryLease, fit: Sequence[Leased], error: Exception, why: str) -> None:
        """Let deliveries wait: several that failed together for the next turn, a single one the longer each time."""
        now, first = self.workspace.now(), fit[0].delivery
        names = {"connection": self.connection.name, "stream": self.request.stream}
        log.warning("deliveries failed", deliveries=len(fit), first=first.id, why=why, at=_place(error), **names)
        if len(fit) == 1 and first.attempts >= MOST_ATTEMPTS:
            self._give_up(held, first, _no_way_through(why))
            return
        self._met = error
        if len(fit) > 1:
            held.put_off([item.delivery.id for item in fit], why, now)
        else:
            wait = min(LONGEST_WAIT, PATIENCE * 2 ** (first.attempts - 1))
            self.numbers.put_off += held.put_off([first.id], why, now + wait)

    def _without_poison(self, held: DeliveryLease) -> list[Leased]:
        """Those that may be tried; what has ended its run too often is given up."""
        poison = [item.delivery for item in held.deliveries if item.delivery.attempts > MOST_ATTEMPTS]
        for kept in poison:
            self._give_up(held, kept, _no_way_through(kept.error or "its process was killed"))
        return [item for item in held.deliveries if item.delivery.attempts <= MOST_ATTEMPTS]

    def _wanted(self, held: DeliveryLease, webhooks: Webhooks, taken: Sequence[Leased]) -> list[Leased]:
        """Those that the connection's mode lets through: what a law asks for always is."""
        if self.connection.streams[self.request.stream].mode != "batch":
            return list(taken)
        topics = webhooks.topics
        required = {name for name, topic in topics.items() if not topic.wanted}
        rest = [item.delivery.id for item in taken if item.delivery.topic not in required]
        self.numbers.ignored += held.ignore(rest, "the mode is batch")
        return [item for item in taken if item.delivery.topic in required]

    def _work_off(self, held: DeliveryLease, flush: Flush, taken: Sequence[Leased], source: Source) -> None:
        by_id = {item.delivery.id: item.delivery for item in taken}
        for number, problem in flush.unreadable.items():
            self._give_up(held, by_id.pop(number), problem)
        state = self.opened.state
        close_carts(state, self.connection.name, flush.closed)
        parsing = Parsing(self.request, LETTER_KINDS[self.parts.kind], self.delivered)
        there: set[str] = set()
        records = self._records(flush, source, there)
        keeping = KeepingOut(self.opened.tombstones, self.connection)
        self.parts.deliverer.deliver(keeping.passed(parsing.forms(records, source)), self.workspace.now())
        keeping.count_into(self.delivered.report)
        parsing.keep_letters(state)
        gone = [item for key, item in flush.gone.items() if key not in there]
        if gone:
            apply_deletions(self.workspace, self.connection, self.request, self.parts, gone)
        self._acknowledge(held, [kept for number, kept in by_id.items() if number not in flush.privacy])
        forget_deliveries(self.workspace, self.connection, self.opened, self.request.stream, keeping.kept_out)
        for number, asked in flush.privacy.items():
            self._carry_out(held, by_id[number], asked)

    def _records(self, flush: Flush, source: Source, there: set[str]) -> Iterator[Record]:
        yield from flush.carried.values()
        keys = flush.to_fetch
        if keys:
            for record in source.fetch(self.request.stream, keys):
                there.add(record.key)
                yield record

    def _carry_out(self, held: DeliveryLease, kept: KeptDelivery, asked: Sequence[Privacy]) -> None:
        """Do what a request for privacy asks for; one that can't be done now holds no other up."""
        try:
            for each in asked:
                carry_out(self.workspace, self.connection, self.opened, each)
        except TajoError as error:
            age = self.workspace.now() - kept.received_at
            until = self.workspace.now() + min(LONGEST_WAIT, max(PATIENCE, age / 2))
            self.numbers.put_off += held.put_off([kept.id], masked(str(error)), until, counts=False)
            log.warning("a request for privacy waits", delivery=kept.id, topic=kept.topic, error=error.code)
            self._met = error
            return
        self._acknowledge(held, [kept])

    def _acknowledge(self, held: DeliveryLease, good: Sequence[KeptDelivery]) -> None:
        now = self.workspace.now()
        self.numbers.deliveries += held.done([kept.id for kept in good], now)
        self.delivered.lag.add(_times(good), now)
        names, mended = (self.connection.name, self.request.stream), [kept.delivery_id for kept in good]
        self.opened.state.close_letters(*names, mended, kinds=[LetterKind.DELIVERY])

    def _give_up(self, held: DeliveryLease, kept: KeptDelivery, problem: RejectedRecord) -> None:
        letter = Letter(
            connection=self.connection.name,
            stream=self.request.stream,
            key=kept.delivery_id,
            kind=LetterKind.DELIVERY,
            reason=problem.reason,
            message=f"delivery {kept.id}, {kept.topic}: {problem.message}",
        )
        with self.opened.state.transaction():
            self.delivered.spent.letters += self.opened.state.write_letters([letter], self.request.run_id)
            self.numbers.dead += held.dead([kept.id], problem.message)
        log.warning("delivery given up", delivery=kept.id, topic=kept.topic, reason=problem.reason)


def _no_way_through(why: str) -> RejectedRecord:
    message = f"{MOST_ATTEMPTS} attempts to work it off came to nothing; the last one: {why}"
    return RejectedRecord("no_way_through", message)


def _place(error: Exception) -> str:
    """Where in the code; neither the error's text nor anybody's data."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _times(kept: Iterable[KeptDelivery]) -> list[datetime]:
    return [item.source_at or item.received_at for item in kept]
