"""Columns of both assets of a stream, and the way of a field: platform -> canonical column -> Brevo's attribute.

Read out of the connector's mapping.yaml and the connection's compiled mapping, so it moves when either does. It stands
in the definitions, where it shows before the first run, and in each materialization, where it is how the run saw it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

import dagster as dg

from tajo_pipelines.mapping.engine import CompiledMapping
from tajo_pipelines.mapping.spec import RAW
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.model.record import Canonical
from tajo_pipelines.orchestration.names import landing_key, platform_key
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.manifest import Manifest
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.workspace import Workspace

RAW_COLUMN = "raw"
_SYSTEM = {
    "key": ("text", "the platform's own id of the record"),
    "updated_at": ("time", "when the platform last changed it (UTC)"),
    "read_at": ("time", "when it was read (UTC)"),
    RAW_COLUMN: ("json", "the record as the platform gave it, whole"),
}
_WORDS: Mapping[Any, str] = {
    str: "text",
    bool: "yes/no",
    int: "whole number",
    Decimal: "decimal",
    datetime: "time",
    date: "day",
    tuple[str, ...]: "texts",
}
_IDENTITY = {"EMAIL": "email address", "SMS": "phone number"}


@dataclass(frozen=True, slots=True)
class FieldPath:
    """The way of one attribute.

    Attributes:
        attribute: At Brevo.
        kind: Its type there.
        column: The column of the landing that it is made of.
        source: The platform's own field; empty where the connector works it out.
    """

    attribute: str
    kind: str
    column: str
    source: str


def landing_columns(workspace: Workspace, connection: Connection, manifest: Manifest, stream: str) -> dict[str, Any]:
    """Metadata of the landing: its columns, and the platform's field behind each that has one."""
    paths = _platform_paths(connection, stream)
    columns = [dg.TableColumn(name, kind, text) for name, (kind, text) in _SYSTEM.items()]
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for name, hint in get_type_hints(_record_type(workspace, connection, stream)).items():
        if name not in _SYSTEM:
            columns.append(dg.TableColumn(name, _word(hint), _made_of(paths.get(name), manifest.title)))
        if name in paths:
            deps[name] = [dg.TableColumnDep(platform_key(connection.name, stream), paths[name])]
    return _metadata(columns, deps)


def brevo_columns(workspace: Workspace, connection: Connection, manifest: Manifest, stream: str) -> dict[str, Any]:
    """Metadata of what Brevo is given: a contact's attributes, and the landing's column behind each.

    Empty for what isn't a contact. A mapping that can't be compiled says so in place of them: its runs fail with the
    same words, and the rest of the project must load.
    """
    if _record_type(workspace, connection, stream) is not Customer:
        return {}
    try:
        mapping = workspace.mapping(connection)
    except ConfigError as error:
        return {"mapping is wrong": dg.MetadataValue.text(str(error))}
    ways = field_paths(connection, stream, mapping)
    landing = landing_key(connection.name, stream)
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for way in ways:
        deps.setdefault(way.attribute, []).append(dg.TableColumnDep(landing, way.column))
    kinds = {way.attribute: way.kind for way in ways} | {name: str(kind) for name, kind in mapping.types.items()}
    columns = [dg.TableColumn(name, kind, _from(ways, name, manifest.title)) for name, kind in sorted(kinds.items())]
    return _metadata(columns, deps)


def field_table(workspace: Workspace, connection: Connection, manifest: Manifest, stream: str) -> dict[str, Any]:
    """A table of the ways, for the definition alone: a materialization has them as columns, and no room."""
    if _record_type(workspace, connection, stream) is not Customer:
        return {}
    try:
        mapping = workspace.mapping(connection)
    except ConfigError:
        return {}  # `brevo_columns` says so
    return {"which field feeds which attribute": _table(field_paths(connection, stream, mapping), manifest.title)}


def field_paths(connection: Connection, stream: str, mapping: CompiledMapping) -> list[FieldPath]:
    """The way of every attribute, by attribute; one that joins two fields has two."""
    paths = _platform_paths(connection, stream)
    found = []
    for attribute, source in mapping.lineage:
        kind = _IDENTITY.get(attribute) or str(mapping.types[attribute])
        if source.startswith(RAW):
            found.append(FieldPath(attribute, kind, RAW_COLUMN, source.removeprefix(RAW)))
        else:
            found.append(FieldPath(attribute, kind, source, paths.get(source, "")))
    return found


def _record_type(workspace: Workspace, connection: Connection, stream: str) -> type[Canonical]:
    return workspace.connector(connection).stream(stream).record


def _platform_paths(connection: Connection, stream: str) -> Mapping[str, str]:
    return registry.mapping_file(connection.connector).canonical.get(stream, {})


def _metadata(columns: Sequence[dg.TableColumn], deps: Mapping[str, Sequence[dg.TableColumnDep]]) -> dict[str, Any]:
    return {
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(list(columns))),
        "dagster/column_lineage": dg.MetadataValue.column_lineage(dg.TableColumnLineage(deps)),
    }


def _word(hint: Any) -> str:
    plain = next(part for part in get_args(hint) if part is not NoneType) if isinstance(hint, UnionType) else hint
    return _WORDS.get(plain, "json")


def _made_of(path: str | None, title: str) -> str | None:
    return f"{title}'s {path}" if path else f"worked out from {title}'s record; empty where it says nothing"


def _from(ways: Sequence[FieldPath], attribute: str, title: str) -> str:
    parts = [_column_text(way, title) for way in ways if way.attribute == attribute]
    return "from " + " and ".join(parts) if parts else "the same for everybody"


def _column_text(way: FieldPath, title: str) -> str:
    if way.column == RAW_COLUMN:
        return f"{title}'s {way.source}"
    return f"{way.column} ({title}'s {way.source})" if way.source else way.column


def _table(ways: Sequence[FieldPath], title: str) -> dg.TableMetadataValue:
    names = (f"{title}'s field", "landed as", "attribute at Brevo", "type there")
    rows = [
        dg.TableRecord(
            dict(zip(names, (way.source or "(worked out)", way.column, way.attribute, way.kind), strict=True))
        )
        for way in ways
    ]
    return dg.MetadataValue.table(rows, schema=dg.TableSchema([dg.TableColumn(name) for name in names]))
