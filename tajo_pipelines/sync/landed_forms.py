"""What is landed of a stream, read again: of each record the newest form, in memory that doesn't grow with the shop."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from typing import TYPE_CHECKING

import fsspec

from tajo_pipelines.model.errors import ContractError
from tajo_pipelines.model.record import Record
from tajo_pipelines.store.batches import Batch, BatchState
from tajo_pipelines.sync.parquet import GROUP_ROWS, decode_raw
from tajo_pipelines.sync.storage import location
from tajo_pipelines.sync.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

PASS_ROWS = 200_000
"""Records whose newest form is looked for at once, about 250 bytes each; of more, the files are read several times."""

_FIRST, _LAST = date.min, date.max
_TIMES = ("key", "updated_at", "read_at")
_RECORDS = (*_TIMES, "raw")


def kept_batches(workspace: Workspace, connection: str, stream: str, first: date, last: date) -> list[Batch]:
    """Batches of these days, both included, in the order of their landing, as far as their files are still there.

    Whoever deletes old days may do so once they are delivered; a batch that wasn't is named even without its file.
    """
    found = workspace.store.batches.in_days(connection, stream, first, last)
    return [
        batch
        for batch in found
        if batch.state is not BatchState.DELIVERED or _is_there(location(workspace, batch.path))
    ]


def first_landed_day(workspace: Workspace, connection: str, stream: str) -> date | None:
    """The first day under which something of a stream is landed."""
    return min(
        (batch.day for batch in workspace.store.batches.in_days(connection, stream, _FIRST, _LAST)), default=None
    )


def _is_there(url: str) -> bool:
    filesystem, path = fsspec.core.url_to_fs(url)
    return bool(filesystem.exists(path))


def newest_forms(workspace: Workspace, batches: Sequence[Batch]) -> Iterator[Record]:
    """The newest form of each record in these batches; of equal times the one that was landed later.

    Args:
        workspace: Where they are landed.
        batches: In the order of their landing.

    Raises:
        ContractError: ``landing_lost`` when a file isn't there.
    """
    passes = 1 + sum(batch.rows for batch in batches) // PASS_ROWS
    for number in range(passes):
        wanted = _newest_rows(workspace, batches, number, passes)
        for at, rows in sorted(wanted.items()):
            yield from _records(location(workspace, batches[at].path), batches[at].stream, rows)


def _newest_rows(workspace: Workspace, batches: Sequence[Batch], number: int, passes: int) -> dict[int, set[int]]:
    """Which rows of which batch hold the newest forms, of the records that this pass is for."""
    newest: dict[str, tuple[datetime, int, int]] = {}
    for at, batch in enumerate(batches):
        for row, (key, moment) in enumerate(_times(location(workspace, batch.path))):
            if passes > 1 and zlib.crc32(key.encode()) % passes != number:
                continue
            rival = newest.get(key)
            if rival is None or moment >= rival[0]:
                newest[key] = (moment, at, row)
    found: dict[int, set[int]] = defaultdict(set)
    for _, at, row in newest.values():
        found[at].add(row)
    return found


def _times(url: str) -> Iterator[tuple[str, datetime]]:
    """Key and time of each record: its own time, or that of the reading where it has none."""
    for part in _parts(url, _TIMES):
        keys, changed, read = (part.column(name).to_pylist() for name in _TIMES)
        yield from ((key, at or seen) for key, at, seen in zip(keys, changed, read, strict=True))


def _records(url: str, stream: str, rows: AbstractSet[int]) -> Iterator[Record]:
    first = 0
    for part in _parts(url, _RECORDS):
        chosen = part.take([number for number in range(part.num_rows) if first + number in rows])
        first += part.num_rows
        for row in chosen.to_pylist():
            yield Record(stream, row["key"], row["updated_at"], row["read_at"], decode_raw(row["raw"]))


def _parts(url: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    if not _is_there(url):
        message = "a landed batch is gone from storage"
        raise ContractError(message, code="landing_lost", where=url, hint="sync with --full reads the stream again")
    filesystem, path = fsspec.core.url_to_fs(url)
    with filesystem.open(path, "rb") as file:
        yield from pq.ParquetFile(file).iter_batches(batch_size=GROUP_ROWS, columns=list(columns), use_threads=False)
