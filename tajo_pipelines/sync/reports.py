"""Keeps what a run did with a stream, also when it failed: the command line and the UI read it there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tajo_pipelines.model.errors import TajoError
from tajo_pipelines.model.report import StreamReport
from tajo_pipelines.store.leases import LeaseTaken
from tajo_pipelines.store.reports import RunReport
from tajo_pipelines.sync.keeping_out import REASON
from tajo_pipelines.sync.landing import Landed
from tajo_pipelines.sync.outcome import (
    Delivered,
    error_document,
    notice_document,
    time_document,
)
from tajo_pipelines.sync.workspace import Workspace

LANDED = "landed"
DONE = "done"
FAILED = "failed"
ALREADY_RUNNING = "already_running"
INTERRUPTED = "interrupted"


@dataclass(slots=True)
class RunLog:
    """The report of one stream in one run.

    Its ``details`` hold, as JSON: ``window`` (start, end, full), ``landed`` (rows, batches, malformed, erased),
    ``watermark``, ``brevo`` (what was spent), ``warnings``, ``error``, ``lag`` (p50_s, p95_s), ``inbox`` (what became
    of deliveries of webhooks), ``missed_by_webhooks`` (count, keys).
    """

    workspace: Workspace
    run_id: str
    connection: str
    stream: str
    _details: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def landing(self) -> Iterator[Landed]:
        """Around a landing: notes how far it came, and the error that ended it."""
        landed = Landed()
        self._save("running")
        try:
            yield landed
        except LeaseTaken as taken:
            self._details["error"] = error_document(taken)
            self._save(ALREADY_RUNNING)
            raise
        except BaseException as error:
            self._note_landed(landed)
            self._details["error"] = _error(error)
            self._save(FAILED)
            raise
        self._note_landed(landed)
        self._save(LANDED)

    @contextmanager
    def delivery(self, delivered: Delivered) -> Iterator[None]:
        """Around a delivery: notes the numbers, and the error that ended it."""
        earlier = self.workspace.store.reports.get(self.run_id, self.connection, self.stream)
        self._details = dict(earlier.details) if earlier is not None else {}
        try:
            yield
        except BaseException as error:
            self._details["error"] = _error(error)
            self._note_delivered(delivered)
            self._save(FAILED, delivered.report)
            raise
        self._note_delivered(delivered)
        erased = self._details.get("landed", {}).get("erased", 0)
        if erased:
            # They were read, and left out before the landing.
            delivered.report.read += erased
            delivered.report.skipped[REASON] += erased
        status = ALREADY_RUNNING if earlier is not None and earlier.status == ALREADY_RUNNING else DONE
        self._save(status, delivered.report)

    def _note_landed(self, landed: Landed) -> None:
        self._details["window"] = {
            "start": time_document(landed.started),
            "end": time_document(landed.ended),
            "full": landed.full,
        }
        self._details["landed"] = {
            "rows": landed.rows,
            "batches": landed.batches,
            "malformed": landed.malformed,
            "erased": landed.erased,
        }
        self._details["watermark"] = time_document(landed.watermark)

    def _note_delivered(self, delivered: Delivered) -> None:
        self._details["brevo"] = delivered.spent.document()
        self._details["warnings"] = [notice_document(notice) for notice in delivered.notices]
        self._details["lag"] = delivered.lag.document()
        if delivered.inbox is not None:
            self._details["inbox"] = delivered.inbox.document()
        if delivered.missed is not None:
            self._details["missed_by_webhooks"] = delivered.missed.document()

    def _save(self, status: str, report: StreamReport | None = None) -> None:
        store, now = self.workspace.store, self.workspace.now()
        earlier = store.reports.get(self.run_id, self.connection, self.stream)
        finished = now if status in (DONE, FAILED, ALREADY_RUNNING) else None
        kept = RunReport(
            run_id=self.run_id,
            connection=self.connection,
            stream=self.stream,
            report=report or StreamReport(),
            started_at=earlier.started_at if earlier is not None else now,
            finished_at=finished,
            status=status,
            details=self._details,
        )
        store.reports.save(kept)


def _error(error: BaseException) -> dict[str, Any]:
    if isinstance(error, TajoError):
        return error_document(error)
    if not isinstance(error, Exception):
        # Dagster has an interruption of its own beside Python's two.
        return error_document(TajoError("stopped by a signal", code=INTERRUPTED))
    # What we didn't foresee may hold anything: only its kind is kept here, the run's log has the rest.
    return error_document(TajoError(f"an unforeseen {type(error).__name__}", code="unexpected"))
