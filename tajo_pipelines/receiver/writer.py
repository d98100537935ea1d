"""Group commit: one thread keeps all deliveries that wait, by one transaction, and answers for all of them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from tajo_pipelines.model.errors import RetryableError
from tajo_pipelines.receiver.limits import MB, Limits
from tajo_pipelines.receiver.metrics import Metrics
from tajo_pipelines.store.facade import Store
from tajo_pipelines.store.inbox import NewDelivery

log = structlog.get_logger(__name__)

COMMIT_ROWS = 512
COMMIT_BYTES = 16 * MB
"""At most so much a transaction: others want to write too."""

PACE_SECONDS = 0.005
"""Between the beginnings of two commits: under load they are fewer and larger, which costs less than each row for
itself and leaves others their turn. A delivery that comes alone doesn't wait."""

FLUSH_SECONDS = 1.0
"""Between two writings of what was refused."""

READY_NOTE = "receiver_ready_at"


@dataclass(slots=True)
class _Waiting:
    """A delivery and who waits for its commit."""

    delivery: NewDelivery
    answer: asyncio.Future[bool]
    since: float


class Writer:
    """The only one of this process that writes. All its methods belong to the loop's thread.

    Args:
        store: A store of its own.
        loop: Where the answers are waited for.
        limits: How much may wait.
        metrics: Are told of every commit.
    """

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop, limits: Limits, metrics: Metrics) -> None:
        self._store = store
        self._loop = loop
        self._limits = limits
        self._metrics = metrics
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._probes: list[asyncio.Future[bool]] = []
        self._refused: Counter[tuple[str, str]] = Counter()
        self._closing = False
        self._flushed_at = 0.0
        self._began_at = 0.0
        self._open_rows = 0
        self._open_bytes = 0
        self._thread = threading.Thread(target=self._run, name="inbox-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def takes(self, size: int) -> bool:
        """Whether a body of that size may wait too; one alone always may."""
        if self._open_rows >= self._limits.waiting:
            return False
        return self._open_rows == 0 or self._open_bytes + size <= self._limits.waiting_bytes

    def submit(self, delivery: NewDelivery) -> asyncio.Future[bool]:
        """Have a delivery kept; the answer is whether it is."""
        answer: asyncio.Future[bool] = self._loop.create_future()
        self._open_rows += 1
        self._open_bytes += len(delivery.body)
        with self._changed:
            self._waiting.append(_Waiting(delivery, answer, time.monotonic()))
            self._changed.notify()
        return answer

    def refuse(self, connection: str, reason: str) -> None:
        """Count a refusal; it is written within a second or two."""
        self._metrics.refused.labels(connection, reason).inc()
        with self._changed:
            self._refused[connection, reason] += 1

    def probe(self) -> asyncio.Future[bool]:
        """Ask whether the store can be written to now."""
        answer: asyncio.Future[bool] = self._loop.create_future()
        with self._changed:
            self._probes.append(answer)
            self._changed.notify()
        return answer

    @property
    def waiting(self) -> int:
        """Deliveries without an answer."""
        return self._open_rows

    async def close(self) -> None:
        """Keep what waits, write what was refused, and end; whoever submits afterwards waits forever."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)
        self._store.close()

    def _run(self) -> None:
        """What the thread does."""
        while True:
            with self._changed:
                if not (self._waiting or self._probes or self._closing):
                    self._changed.wait(FLUSH_SECONDS)
            self._pace()
            with self._changed:
                batch, probes = self._take(), self._probes
                self._probes = []
                ends = self._closing and not self._waiting
            if batch:
                kept = self._keep(batch)
                self._loop.call_soon_threadsafe(self._answer, batch, kept)
            if probes:
                self._loop.call_soon_threadsafe(_tell, probes, self._is_writable())
            self._flush(at_once=ends)
            if ends and not batch:
                return

    def _pace(self) -> None:
        ahead = self._began_at + PACE_SECONDS - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        self._began_at = time.monotonic()

    def _take(self) -> list[_Waiting]:
        """The oldest that wait, as many as one transaction takes."""
        size = count = 0
        for item in self._waiting:
            size += len(item.delivery.body)
            if count and (size > COMMIT_BYTES or count == COMMIT_ROWS):
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _keep(self, batch: Sequence[_Waiting]) -> list[bool]:
        """Keep a batch; where something in it can't be kept, each for itself, so that the others are."""
        if self._append([item.delivery for item in batch]):
            return [True] * len(batch)
        if len(batch) == 1:
            return [False]
        return [self._append([item.delivery]) for item in batch]

    def _append(self, deliveries: Sequence[NewDelivery]) -> bool:
        try:
            new = self._store.inbox.append(deliveries)
        except RetryableError as error:
            log.warning("deliveries couldn't be kept", reason=error.message, deliveries=len(deliveries))
            return False
        except Exception:  # the thread goes on, whatever one delivery does to its transaction
            log.exception("deliveries can't be kept", deliveries=len(deliveries))
            return False
        self._metrics.commit_rows.observe(len(deliveries))
        if new < len(deliveries):
            self._metrics.duplicates.inc(len(deliveries) - new)
        return True

    def _answer(self, batch: Sequence[_Waiting], kept: Sequence[bool]) -> None:
        """Tell those who wait; in the loop's thread."""
        now = time.monotonic()
        observe = self._metrics.append_seconds.observe
        for item, is_kept in zip(batch, kept, strict=True):
            self._open_rows -= 1
            self._open_bytes -= len(item.delivery.body)
            if is_kept:
                observe(now - item.since)
            if not item.answer.done():
                item.answer.set_result(is_kept)

    def _is_writable(self) -> bool:
        try:
            self._store.set_note(READY_NOTE, datetime.now(UTC).isoformat())
        except Exception as error:  # noqa: BLE001  whatever it is, it is the answer to the question
            log.warning("the store can't be written to", reason=type(error).__name__)
            return False
        return True

    def _flush(self, *, at_once: bool) -> None:
        """Write what was refused, at most once a second."""
        now = time.monotonic()
        with self._changed:
            if not self._refused or not (at_once or now - self._flushed_at >= FLUSH_SECONDS):
                return
            refused, self._refused = self._refused, Counter()
        self._flushed_at = now
        if not self._count(refused):
            with self._changed:
                self._refused.update(refused)

    def _count(self, refused: Mapping[tuple[str, str], int]) -> bool:
        try:
            self._store.refusals.add(refused, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001  they are counted by the next flush
            log.warning("refusals couldn't be counted", reason=type(error).__name__)
            return False
        for (connection, reason), count in refused.items():
            log.info("deliveries refused", connection=connection or None, reason=reason, count=count)
        return True


def _tell(probes: Sequence[asyncio.Future[bool]], answer: bool) -> None:
    for probe in probes:
        if not probe.done():
            probe.set_result(answer)
