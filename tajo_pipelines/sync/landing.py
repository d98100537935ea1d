"""The landing: append-only files of records as read, each with its row in the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

from tajo_pipelines.model.record import Canonical, Record
from tajo_pipelines.store.batches import Batch, NewBatch
from tajo_pipelines.sync.account import known_tombstones
from tajo_pipelines.sync.keeping_out import KeepingOut
from tajo_pipelines.sync.parquet import read_batch, write_batch
from tajo_pipelines.sync.reading import RecordBatch
from tajo_pipelines.sync.storage import delete_file, location
from tajo_pipelines.sync.workspace import Workspace


@dataclass(slots=True)
class Landed:
    """What a read landed.

    Attributes:
        rows: Records.
        malformed: Records that have no canonical form.
        batches: Files.
        days: First and last day under which they lie; None when nothing was landed.
        watermark: Where the watermark stands afterwards.
        started: Start of the window that was read; None for everything.
        ended: Its end.
        full: Whether everything was asked for.
        already_running: Whether another run reads the stream: nothing was landed then.
        erased: Records of erased people, which weren't landed.
    """

    rows: int = 0
    malformed: int = 0
    batches: int = 0
    days: tuple[date, date] | None = None
    watermark: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    full: bool = False
    already_running: bool = False
    erased: int = 0


def land(workspace: Workspace, batches: Iterable[RecordBatch], landed: Landed) -> None:
    """Write batches to the landing, one after the other, each committed with its watermark and cursor.

    Args:
        workspace: Where to.
        batches: A `Reading`, as a rule.
        landed: Filled as it goes, so that it is true also where reading fails.
    """
    for batch in batches:
        _land_one(workspace, batch, landed)
        landed.started, landed.ended, landed.full = batch.window.start, batch.window.end, batch.full
        names = (batch.request.connection, batch.request.stream)
        landed.watermark = workspace.store.batches.watermark(*names)


def _land_one(workspace: Workspace, batch: RecordBatch, landed: Landed) -> None:
    connection = workspace.settings.connection(batch.request.connection)
    tombstones = known_tombstones(workspace, workspace.account(connection))
    if tombstones is None:
        _write(workspace, batch, landed).commit()
        return
    while True:
        version, keeping = tombstones.version(), KeepingOut(tombstones, connection)
        wanted = list(keeping.passed(zip(batch.records, batch.parsed, strict=True)))
        left = replace(batch, records=tuple(item[0] for item in wanted), parsed=tuple(item[1] for item in wanted))
        files = _write(workspace, left, landed)
        with workspace.store.transaction():
            # Whoever erases somebody looks at the landing after the tombstones were laid: none may lie between them.
            if tombstones.version() == version:
                files.commit()
                landed.erased += len(keeping.kept_out)
                return
        files.drop()


@dataclass(frozen=True, slots=True)
class _Files:
    """Files of one batch that were written and have no rows yet."""

    workspace: Workspace
    batch: RecordBatch
    landed: Landed
    rows: tuple[NewBatch, ...]

    def commit(self) -> None:
        """Make them part of the landing, with the watermark and the read's cursor."""
        batch, landed = self.batch, self.landed
        self.workspace.store.batches.land(self.rows, watermark=batch.watermark, read=batch.step)
        days = [row.day for row in self.rows] + list(landed.days or ())
        landed.days = (min(days), max(days)) if days else None
        landed.malformed += batch.parsed.count(None)
        landed.rows += len(batch.records)
        landed.batches += len(self.rows)

    def drop(self) -> None:
        """Delete them."""
        for row in self.rows:
            delete_file(location(self.workspace, row.path))


def _write(workspace: Workspace, batch: RecordBatch, landed: Landed) -> _Files:
    request, store = batch.request, workspace.store
    number = _next_number(store.batches.of_run(request.run_id, request.connection, request.stream))
    rows = []
    for day, members in sorted(_by_day(batch).items()):
        path = f"{request.connection}/{request.stream}/date={day.isoformat()}/{request.run_id}-{number}.parquet"
        number += 1
        records, parsed = [record for record, _ in members], [form for _, form in members]
        write_batch(location(workspace, path), batch.canonical, records, parsed)
        rows.append(
            NewBatch(
                connection=request.connection,
                stream=request.stream,
                path=path,
                rows=len(members),
                window=batch.window,
                day=day,
                run_id=request.run_id,
                full=batch.full,
                read_id=batch.step.read_id if batch.step else None,
            )
        )
    return _Files(workspace, batch, landed, tuple(rows))


def _next_number(landed: list[Batch]) -> int:
    """The number of a run's next file; old ones of a very long run may have gone already."""
    return 1 + max((int(batch.path.rpartition("-")[2].removesuffix(".parquet")) for batch in landed), default=-1)


def _by_day(batch: RecordBatch) -> dict[date, list[tuple[Record, Canonical | None]]]:
    """Records by the day under which they lie: that of their update, or of the reading in a full read."""
    days: dict[date, list[tuple[Record, Canonical | None]]] = defaultdict(list)
    for record, form in zip(batch.records, batch.parsed, strict=True):
        moment = record.read_at if batch.full or record.updated_at is None else record.updated_at
        days[moment.date()].append((record, form))
    return days


def records_of(workspace: Workspace, batch: Batch) -> Iterator[Record]:
    """The records of a landed batch."""
    return read_batch(location(workspace, batch.path), batch.stream)
