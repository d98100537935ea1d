"""Reading a stream: what to ask the platform for, and its answer as batches ready to be landed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog

from tajo_pipelines.model.errors import RejectedRecord, TajoError
from tajo_pipelines.model.record import Canonical, Record
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.connector import Page, Source, Stream
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.batches import BatchState, Watermark
from tajo_pipelines.store.reads import Read, ReadState, ReadStep
from tajo_pipelines.sync.progress import Phase, Work, observer, told
from tajo_pipelines.sync.ranges import Place, parts
from tajo_pipelines.sync.storage import is_whole
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
        ended_well: Whether an earlier run did. What another one had read of the same range within a day isn't read
            again; left out, only what was interrupted itself is gone on with.
    """

    connection: str
    stream: str
    mode: ReadMode
    run_id: str
    window: Window | None = None
    ended_well: Callable[[str], bool] | None = None


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
                resumed=plan.resumed,
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
    stream: Stream
    window: Window
    full: bool
    read: Read | None
    moves_watermark: bool
    place: Place | None = None

    @classmethod
    def make(cls, workspace: Workspace, connection: Connection, request: ReadRequest) -> _Plan:
        stream = workspace.connector(connection).stream(request.stream)
        store, now = workspace.store, workspace.now()
        names = (request.connection, request.stream)
        if request.mode is ReadMode.RANGE and request.window is not None:
            read = _range_read(workspace, request, request.window)
            return cls(request, stream, request.window, False, read, False, Place.parse(read.cursor))
        watermark = store.batches.watermark(*names)
        if request.mode is ReadMode.FULL or watermark is None or not stream.incremental:
            read = store.reads.open_full_read(*names, now)
            return cls(request, stream, read.window, True, read, True)
        window = Window(min(watermark, now), now).overlapping(stream.overlap)
        return cls(request, stream, window, False, None, True)

    @property
    def resumed(self) -> bool:
        return self.read is not None and self.read.cursor is not None

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
        if self.read is None or not self.resumed:
            return 0
        return sum(batch.rows for batch in workspace.store.batches.of_read(self.read.id))

    def batches(self, source: Source) -> Iterator[RecordBatch]:
        if self.request.mode is ReadMode.RANGE:
            yield from self._range(source)
            return
        cursor = self.read.cursor if self.read is not None else None
        for records, page in self._pages(source, None if self.full else self.window, cursor):
            step = ReadStep(self.read.id, cursor=page.cursor, done=page.last) if self.read is not None else None
            yield self._batch(source, records, step, page.last, self._watermark(records, page))

    def _range(self, source: Source) -> Iterator[RecordBatch]:
        left = list(parts(self.window, self.stream, self.place, lambda part: source.count(self.stream.name, part)))
        for number, (part, cursor) in enumerate(left, start=1):
            for records, page in self._pages(source, part, cursor):
                last = page.last and number == len(left)
                yield self._batch(source, records, self._step(part, page.cursor, page.last, last), last)
        if not left:
            # An interrupted run has read all of it: from here on it counts as read by this one.
            whole = self.place.part if self.place is not None else self.window
            yield self._batch(source, (), self._step(whole, None, part_done=True, done=True), last=True)

    def _step(self, part: Window, cursor: str | None, part_done: bool, done: bool) -> ReadStep | None:
        place = Place(part, cursor, part_done, self.request.run_id)
        return ReadStep(self.read.id, cursor=place.text, done=done) if self.read is not None else None

    def _pages(
        self, source: Source, window: Window | None, cursor: str | None
    ) -> Iterator[tuple[tuple[Record, ...], Page]]:
        """Records that are landed together, each with the page that they end with."""
        gathered: list[Record] = []
        for page in source.read(self.request.stream, window, cursor):
            gathered += page.records
            if page.last or page.checkpoint or len(gathered) >= BATCH_ROWS or self._day_is_over(gathered):
                yield tuple(gathered), page
                gathered = []

    def _day_is_over(self, gathered: list[Record]) -> bool:
        """Whether a range's records begin another day: a day that was read isn't read again."""
        if self.request.mode is not ReadMode.RANGE:
            return False
        return len({record.updated_at.date() for record in gathered if record.updated_at is not None}) > 1

    def _batch(
        self,
        source: Source,
        records: tuple[Record, ...],
        step: ReadStep | None,
        last: bool,
        watermark: Watermark | None = None,
    ) -> RecordBatch:
        return RecordBatch(
            request=self.request,
            records=records,
            parsed=tuple(_parsed(source, record) for record in records),
            canonical=self.stream.record,
            window=self.window,
            full=self.full,
            watermark=watermark,
            step=step,
            last=last,
        )

    def _watermark(self, records: tuple[Record, ...], page: Page) -> Watermark | None:
        if not self.moves_watermark:
            return None
        at: datetime | None = self.window.end if page.last else None
        if at is None and not self.full:
            # A windowed read comes in the order of updated_at: what was landed needn't be read again.
            at = max((record.updated_at for record in records if record.updated_at is not None), default=None)
        return Watermark(self.request.connection, self.request.stream, at) if at is not None else None


def _range_read(workspace: Workspace, request: ReadRequest, window: Window) -> Read:
    """The read of a range: the one that an interrupted run began, though it finished this stream, or a new one."""
    store, now = workspace.store, workspace.now()
    names = (request.connection, request.stream)
    last = store.reads.last_window_read(*names, window, now)
    place = Place.parse(last.cursor) if last is not None else None
    if last is None or place is None or last.state is not ReadState.DONE or request.ended_well is None:
        return store.reads.open_window_read(*names, window, now)
    left = [batch for batch in store.batches.of_read(last.id) if batch.state is BatchState.LANDED]
    if request.ended_well(place.run_id) or not all(is_whole(workspace, batch) for batch in left):
        return store.reads.open_window_read(*names, window, now)
    return last


def _parsed(source: Source, record: Record) -> Canonical | None:
    try:
        return source.canonical(record)
    except RejectedRecord:
        # It is landed all the same; its delivery makes the letter.
        return None
