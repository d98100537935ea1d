"""What is landed of a person: found, and taken out of the files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import fsspec
import structlog

from tajo_pipelines.model.identity import held_email
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.traces import Mentions, RecordName, Traces
from tajo_pipelines.sync.keeping_out import CUSTOMERS
from tajo_pipelines.sync.parquet import GROUP_ROWS, decode_raw
from tajo_pipelines.sync.storage import delete_file, location, modified_at
from tajo_pipelines.sync.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

log = structlog.get_logger(__name__)

_COLUMNS = ("key", "raw", "updated_at", "read_at", "customer_id", "email", "phone")
_WHOLE, _PARTIAL = ".parquet", ".partial"
_STALE = timedelta(minutes=10)
"""Age from which on a file that is still being written is what a killed run left."""


@dataclass(slots=True)
class Found:
    """What the landing knows of a person.

    Attributes:
        records: Their records.
        emails: Addresses as those records have them.
        phones: Numbers likewise, each with the connection that told it.
        newest: The newest form of each record.
    """

    records: set[RecordName] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)
    phones: set[tuple[str, str]] = field(default_factory=set)
    newest: dict[RecordName, Record] = field(default_factory=dict)

    def take(self, name: RecordName, record: Record) -> None:
        """Keep a record's form, unless a newer one was met."""
        rival = self.newest.get(name)
        if rival is None or _time(record) >= _time(rival):
            self.newest[name] = record


@dataclass(frozen=True, slots=True)
class LandedTraces:
    """The landed files of some connections.

    Attributes:
        workspace: Where they lie.
        connections: Whose files.
    """

    workspace: Workspace
    connections: tuple[str, ...]

    def look(self, traces: Traces) -> Found:
        """Read what the files hold of a person."""
        found = Found()
        for connection in self.connections:
            for url, stream, _ in self._files(connection):
                for part in _parts(url):
                    for row in part.to_pylist():
                        if _is_theirs(row, connection, stream, traces):
                            self._take(found, row, connection, stream, traces)
        return found

    def _take(self, found: Found, row: dict[str, Any], connection: str, stream: str, traces: Traces) -> None:
        name = (connection, stream, row["key"])
        found.records.add(name)
        found.take(name, Record(stream, row["key"], row["updated_at"], row["read_at"], decode_raw(row["raw"])))
        customer = row.get("customer_id")
        if customer is None or (connection, CUSTOMERS, customer) in traces.records:
            found.emails |= {row["email"]} if row.get("email") else set()
            found.phones |= {(connection, row["phone"])} if row.get("phone") else set()

    def take_out(self, traces: Traces, told: Callable[[int], None]) -> None:
        """Write each file that holds a record of the person anew without it: completely, or not at all.

        Args:
            traces: By what the person is known.
            told: Called after each file with the number of records that went.
        """
        mentions = Mentions(traces)
        for connection in self.connections:
            for url, stream, batch_id in self._files(connection):
                gone, left = _rewrite(url, connection, stream, mentions)
                if batch_id is not None:
                    # Also where nothing went now: a run that was killed may have left the old number.
                    self.workspace.store.batches.set_rows(batch_id, left)
                if gone:
                    told(gone)
            self._drop_unfinished(connection)

    def _files(self, connection: str) -> Iterator[tuple[str, str, int | None]]:
        """URL, stream and batch of each file; the batch is None for one that a killed run left without a row."""
        known = set()
        for batch in self.workspace.store.batches.of_connection(connection):
            known.add(batch.path)
            url = location(self.workspace, batch.path)
            if self._can_be_read(url):
                yield url, batch.stream, batch.id
        for inner in self._found(connection, _WHOLE):
            url = location(self.workspace, inner)
            if inner not in known and inner.count("/") > 1 and self._can_be_read(url):
                yield url, inner.split("/")[1], None

    def _can_be_read(self, url: str) -> bool:
        """Whether it is a whole file; one that is torn goes, since nobody can tell whom it speaks of."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        filesystem, path = fsspec.core.url_to_fs(url)
        try:
            with filesystem.open(path, "rb") as file:
                pq.ParquetFile(file)
        except FileNotFoundError:
            return False
        except pa.ArrowInvalid:
            log.warning("a landed file that can't be read is deleted", url=url)
            delete_file(url)
            return False
        return True

    def _found(self, connection: str, ending: str) -> list[str]:
        filesystem, folder = fsspec.core.url_to_fs(location(self.workspace, connection))
        if not filesystem.exists(folder):
            return []
        paths = [path for path in filesystem.find(folder) if path.endswith(ending)]
        return [f"{connection}/{path[len(folder) :].lstrip('/')}" for path in paths]

    def _drop_unfinished(self, connection: str) -> None:
        """Delete what a killed run was writing; what a living one is writing, it checks before it keeps it."""
        leases, now = self.workspace.store.leases, self.workspace.now()
        for inner in self._found(connection, _PARTIAL):
            url = location(self.workspace, inner)
            stream = inner.split("/")[1]
            written = modified_at(url)
            stale = written is not None and now - written > _STALE
            if stale or leases.holder(f"read/{connection}/{stream}") is None:
                delete_file(url)

    def drop_all(self, connection: str) -> int:
        """Delete every file of a connection; how many."""
        paths = self._found(connection, _WHOLE) + self._found(connection, _PARTIAL)
        return sum(delete_file(location(self.workspace, inner)) for inner in paths)


def _time(record: Record) -> datetime:
    return record.updated_at or record.read_at


def _parts(url: str) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    filesystem, path = fsspec.core.url_to_fs(url)
    with filesystem.open(path, "rb") as file:
        parquet = pq.ParquetFile(file)
        columns = [name for name in _COLUMNS if name in parquet.schema_arrow.names]
        yield from parquet.iter_batches(batch_size=GROUP_ROWS, columns=columns, use_threads=False)


def _is_theirs(row: dict[str, Any], connection: str, stream: str, traces: Traces) -> bool:
    """Whether a record is the person's."""
    records, customer, email = traces.records, row.get("customer_id"), row.get("email")
    if (connection, stream, row["key"]) in records:
        return True
    if customer is not None and (connection, CUSTOMERS, customer) in records:
        return True
    return bool(email) and held_email(str(email)) in traces.emails


def _may_be_theirs(row: dict[str, Any], mentions: Mentions) -> bool:
    """Whether a record that tells nobody apart, for want of a canonical form, mentions the person."""
    return not row.get("email") and not row.get("customer_id") and mentions.names(row["raw"])


def _rewrite(url: str, connection: str, stream: str, mentions: Mentions) -> tuple[int, int]:
    """How many rows went, and how many are left."""
    kept = [
        [
            not (_is_theirs(row, connection, stream, mentions.traces) or _may_be_theirs(row, mentions))
            for row in part.to_pylist()
        ]
        for part in _parts(url)
    ]
    gone = sum(part.count(False) for part in kept)
    left = sum(part.count(True) for part in kept)
    if gone:
        _write_kept(url, kept)
    return gone, left


def _write_kept(url: str, kept: Iterable[list[bool]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    filesystem, path = fsspec.core.url_to_fs(url)
    partial = f"{path}{_PARTIAL}"
    with filesystem.open(path, "rb") as file, filesystem.open(partial, "wb") as target:
        parquet = pq.ParquetFile(file)
        with pq.ParquetWriter(target, parquet.schema_arrow, compression="zstd") as writer:
            parts = parquet.iter_batches(batch_size=GROUP_ROWS, use_threads=False)
            for part, mask in zip(parts, kept, strict=True):
                writer.write_batch(part.filter(pa.array(mask)))
    filesystem.mv(partial, path)
