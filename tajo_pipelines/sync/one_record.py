"""One record by itself: from a file, or as it was landed. Neither the platform nor Brevo is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from tajo_pipelines.mapping.expressions import compile_expression
from tajo_pipelines.mapping.values import UnfitValue
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.window import parse_time
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.connector import Source
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.batches import Batch
from tajo_pipelines.sync.parquet import read_batch
from tajo_pipelines.sync.storage import location
from tajo_pipelines.sync.workspace import Workspace

UNUSED = "unused"
"""Stands in for every secret of a source that makes no call: none has to be there, and none is read."""


@dataclass(frozen=True, slots=True)
class LandedRecord:
    """A record and the batch in which it lies."""

    record: Record
    batch: Batch


@contextmanager
def source_without_calls(connection: Connection) -> Iterator[Source]:
    """The connection's source, for `Source.canonical` alone; the connection needn't be enabled.

    Raises:
        ConfigError: A key that the connector needs is missing or has the wrong form.
    """
    secrets = dict.fromkeys(registry.manifest(connection.connector).secret_names, UNUSED)
    source = registry.load(connection.connector).open(replace(connection.config(), secrets=secrets))
    try:
        yield source
    finally:
        source.close()


def record_of_raw(connection: Connection, stream: str, raw: Mapping[str, Any], read_at: datetime) -> Record:
    """A raw object as a record that was read at that time; its key is empty where it names no id."""
    paths = registry.mapping_file(connection.connector).canonical.get(stream, {})
    changed = _at(paths.get("updated_at", "updated_at"), raw)
    try:
        updated_at = parse_time(changed) if isinstance(changed, str) else None
    except ValueError:
        updated_at = None
    number = _at(paths.get("id", "id"), raw)
    key = str(number).rpartition("/")[2] if isinstance(number, str | int) and not isinstance(number, bool) else ""
    return Record(stream, key, updated_at, read_at, raw)


def _at(path: str, raw: Mapping[str, Any]) -> Any:
    try:
        return compile_expression(path)(raw)
    except UnfitValue:
        return None


def landed_record(workspace: Workspace, connection: Connection, stream: str, key: str | None = None) -> LandedRecord:
    """The newest landed form of a record; without a key the newest record of what was landed last.

    Raises:
        ConfigError: ``not_landed`` when there is none.
    """
    batches = workspace.store.batches.in_days(connection.name, stream, date.min, date.max)
    newest: LandedRecord | None = None
    for batch in reversed(batches):
        for record in read_batch(location(workspace, batch.path), stream, key=key):
            if newest is None or _age(record) > _age(newest.record):
                newest = LandedRecord(record, batch)
        if newest is not None and key is None:
            break
    if newest is None:
        what = f"no record {key!r} of {stream}" if key is not None else f"no {stream}"
        message = f"{what} of {connection.name} was landed"
        hint = f"run 'tajo connectors sync {connection.name}' first, or give the record itself: --record FILE"
        raise ConfigError(message, code="not_landed", where=f"{connection.name}/{stream}", hint=hint)
    return newest


def _age(record: Record) -> tuple[datetime, datetime]:
    return (record.updated_at or record.read_at, record.read_at)
