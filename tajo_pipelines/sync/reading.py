"""Reading a stream: what to ask the platform for, and its answer as batches ready to be landed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog

from tajo_pipelines.model.errors import RejectedRecord, TajoError
from tajo_pipelines.model.record import Canonical, Record
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.connector import Page, Source
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.batches import Watermark
from tajo_pipelines.store.reads import Read, ReadStep
from tajo_pipelines.sync.progress import Phase, Work, observer, told
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)

BATCH_ROWS = 2_000
"""Records that are gathered before they are landed; a kill costs reading at most as many again."""


class ReadMode(StrEnum):
    """What a run reads.

    INCREMENTAL goes on from the watermark, RANGE takes a window and leaves the watermark alone, FULL takes everything.
    """

    INCREMENTAL = "incremental"
    RANGE = "range"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """One stream to be read in one run.

    Attributes:
        window: Of mode RANGE; None otherwise.
    """

    connection: str
    stream: str
    mode: ReadMode
    run_id: str
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records that are landed together.

    Attributes:
        records: In the order in which they were read.
        parsed: Their canonical forms; None where the raw object has none.
        canonical: The stream's canonical type.
        window: What was asked for.
        full: Whether everything was asked for.
        watermark: Where the watermark stands once the batch is landed; None leaves it.
        step: How far the read is then; None for reads that resume by the watermark.
        last: Whether the read ends with it.
    """

    request: ReadRequest
    records: tuple[Record, ...]
    parsed: tuple[Canonical | None, ...]
    canonical: type[Canonical]
    window: Window
    full: bool
    watermark: Watermark | None
    step: ReadStep | None
    last: bool


class Reading:
    """A stream's records as an iterable of batches. Iterating it reads, under the stream's lease.

    Each batch must be landed before the next one is asked for: a later batch's cursor stands for all before it.
    """

    def __init__(self, workspace: Workspace, request: ReadRequest) -> None:
        self._workspace = workspace
        self.request = request

    def __iter__(self) -> Iterator[RecordBatch]:
        """Read.

        Raises:
            LeaseTaken: Another process reads this stream.
            TajoError: The platform couldn't be read; what was yielded until then stays valid.
        """
        request, workspace = self.request, self._workspace
        connection = workspace.connection(request.connection)
        name = f"read/{request.connection}/{request.stream}"
        with workspace.store.leases.hold(name, f"run {request.run_id}") as lease:
            plan = _Plan.make(workspace, connection, request)
            log.info(
                "reading",
                connection=request.connection,
                stream=request.stream,
                mode=request.mode.value,
                since=plan.window.start.isoformat() if plan.window.start else None,
                resumed=bool(plan.cursor),
            )
            work = Work(request.connection, request.stream, Phase.READING)
            with (
                closing(workspace.open_source(connection)) as source,
                told(work, plan.total(source), plan.done(workspace)) as tell,
            ):
                for batch in plan.batches(source):
                    lease.check()
                    yield batch
                    tell(len(batch.records))


@dataclass(frozen=True, slots=True)
class _Plan:
    """One read, decided: the question, where to go on, and how the watermark moves."""

    request: ReadRequest
    canonical: type[Canonical]
    window: Window
    full: bool
    read: Read | None
    moves_watermark: bool

    @classmethod
    def make(cls, workspace: Workspace, connection: Connection, request: ReadRequest) -> _Plan:
        stream = workspace.connector(connection).stream(request.stream)
        store, now = workspace.store, workspace.now()
        names = (request.connection, request.stream)
        if request.mode is ReadMode.RANGE and request.window is not None:
            read = store.reads.open_window_read(*names, request.window, now)
            return cls(request, stream.record, request.window, False, read, False)
        watermark = store.batches.watermark(*names)
        if request.mode is ReadMode.FULL or watermark is None or not stream.incremental:
            read = store.reads.open_full_read(*names, now)
            return cls(request, stream.record, read.window, True, read, True)
        window = Window(min(watermark, now), now).overlapping(stream.overlap)
        return cls(request, stream.record, window, False, None, True)

    @property
    def cursor(self) -> str | None:
        return self.read.cursor if self.read is not None else None

    def total(self, source: Source) -> int | None:
        """How many records the whole read has, where somebody wants to know and the platform tells."""
        if not observer().wants_totals:
            return None
        try:
            return source.count(self.request.stream, None if self.full else self.window)
        except TajoError as problem:
            # The read itself meets the same trouble, and says so.
            log.info("no total", stream=self.request.stream, why=problem.code)
            return None

    def done(self, workspace: Workspace) -> int:
        """How many of them an interrupted run has landed."""
        if self.read is None or self.cursor is None:
            return 0
        return sum(batch.rows for batch in workspace.store.batches.of_read(self.read.id))

    def batches(self, source: Source) -> Iterator[RecordBatch]:
        pages = source.read(self.request.stream, None if self.full else self.window, self.cursor)
        gathered: list[Record] = []
        for page in pages:
            gathered += page.records
            if page.last or page.checkpoint or len(gathered) >= BATCH_ROWS:
                yield self._batch(source, tuple(gathered), page)
                gathered = []

    def _batch(self, source: Source, records: tuple[Record, ...], page: Page) -> RecordBatch:
        step = None
        if self.read is not None:
            step = ReadStep(self.read.id, cursor=page.cursor, done=page.last)
        return RecordBatch(
            request=self.request,
            records=records,
            parsed=tuple(_parsed(source, record) for record in records),
            canonical=self.canonical,
            window=self.window,
            full=self.full,
            watermark=self._watermark(records, page),
            step=step,
            last=page.last,
        )

    def _watermark(self, records: tuple[Record, ...], page: Page) -> Watermark | None:
        if not self.moves_watermark:
            return None
        at: datetime | None = self.window.end if page.last else None
        if at is None and not self.full:
            # A windowed read comes in the order of updated_at: what was landed needn't be read again.
            at = max((record.updated_at for record in records if record.updated_at is not None), default=None)
        return Watermark(self.request.connection, self.request.stream, at) if at is not None else None


def _parsed(source: Source, record: Record) -> Canonical | None:
    try:
        return source.canonical(record)
    except RejectedRecord:
        # It is landed all the same; its delivery makes the letter.
        return None
