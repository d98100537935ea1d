"""What a materialization shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.report import MoneySums
from tajo_pipelines.orchestration.names import landing_key
from tajo_pipelines.store.letters import KeptLetter
from tajo_pipelines.sync.landing import Landed
from tajo_pipelines.sync.outcome import Delivered, money_document, notice_document
from tajo_pipelines.sync.parquet import schema_of
from tajo_pipelines.sync.reading import ReadRequest
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines.sync.workspace import Workspace

SHOWN_LETTERS = 20

Metadata = dict[str, Any]


def landed_metadata(landed: Landed, workspace: Workspace, request: ReadRequest) -> Metadata:
    """Numbers of a landing, and the columns of its files."""
    found: Metadata = {
        "dagster/row_count": dg.MetadataValue.int(landed.rows),
        "batches": dg.MetadataValue.int(landed.batches),
        "malformed": dg.MetadataValue.int(landed.malformed),
        "full read": dg.MetadataValue.bool(landed.full),
    }
    if landed.already_running:
        found["already running"] = dg.MetadataValue.bool(True)
    for name, moment in (("read from", landed.started), ("read to", landed.ended), ("watermark", landed.watermark)):
        if moment is not None:
            found[name] = dg.MetadataValue.timestamp(moment)
    schema = schema_of(workspace.connector(workspace.connection(request.connection)).stream(request.stream).record)
    columns = [dg.TableColumn(field.name, str(field.type)) for field in schema]
    return found | {"dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns))}


def delivered_metadata(delivered: Delivered, workspace: Workspace, request: DeliveryRequest) -> Metadata:
    """Numbers of a delivery, money per currency, calls, and the letters of the run, masked."""
    report, spent = delivered.report, delivered.spent
    shares = {
        bucket: f"{used / allowed:.1%}" for bucket, used in spent.used.items() if (allowed := spent.allowed[bucket])
    }
    found: Metadata = {
        "read": dg.MetadataValue.int(report.read),
        "mapped": dg.MetadataValue.int(report.mapped),
        "skipped": dg.MetadataValue.int(report.skipped.total()),
        "rejected": dg.MetadataValue.int(report.rejected.total()),
        "sent": dg.MetadataValue.int(report.sent),
        "unchanged": dg.MetadataValue.int(report.unchanged),
        "superseded": dg.MetadataValue.int(report.superseded),
        "in doubt": dg.MetadataValue.int(report.in_doubt),
        "failed": dg.MetadataValue.int(report.failed),
        "calls": dg.MetadataValue.int(spent.requests.total()),
        "contacts blocked again": dg.MetadataValue.int(spent.reblocked),
    }
    tables = {
        "skipped, why": _counts("reason", "records", report.skipped),
        "rejected, why": _counts("reason", "records", report.rejected),
        "money": _money(report.money),
        "money of skipped orders": _money(report.skipped_money),
        "warnings": _table(["code", "message", "where"], [notice_document(notice) for notice in delivered.notices]),
        "letters": _letters(workspace, request),
        "calls, which": _counts("call", "times", spent.requests),
        "share of an hour's budget": _counts("bucket", "share", shares),
    }
    found |= {name: table for name, table in tables.items() if table is not None}
    return found | _lineage(workspace, request)


def _counts(what: str, how_many: str, counts: Mapping[str, int | str]) -> dg.TableMetadataValue | None:
    rows = [{what: name, how_many: str(count)} for name, count in sorted(counts.items())]
    return _table([what, how_many], rows)


def _money(money: dict[str, MoneySums]) -> dg.TableMetadataValue | None:
    rows = [{"currency": currency} | sums for currency, sums in money_document(money).items()]
    return _table(["currency", "gross", "refunded", "net"], rows)


def _letters(workspace: Workspace, request: DeliveryRequest) -> dg.TableMetadataValue | None:
    kept = workspace.store.letters.list(connection=request.connection, stream=request.stream, limit=SHOWN_LETTERS)
    rows = [_letter(found) for found in kept if found.run_id == request.run_id]
    return _table(["key", "field", "reason", "message", "attempts"], rows)


def _letter(found: KeptLetter) -> dict[str, str]:
    return {
        "key": found.letter.key,
        "field": found.letter.field or "",
        "reason": found.letter.reason,
        "message": found.letter.message,
        "attempts": str(found.attempts),
    }


def _table(columns: Iterable[str], rows: Iterable[Mapping[str, str]]) -> dg.TableMetadataValue | None:
    records = [dg.TableRecord(dict(row)) for row in rows]
    schema = dg.TableSchema([dg.TableColumn(name) for name in columns])
    return dg.MetadataValue.table(records, schema=schema) if records else None


def _lineage(workspace: Workspace, request: DeliveryRequest) -> Metadata:
    """Attribute at Brevo -> columns of the landing that the mapping makes it of."""
    connection = workspace.connection(request.connection)
    if workspace.connector(connection).stream(request.stream).record is not Customer:
        return {}
    source = landing_key(request.connection, request.stream)
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for attribute, field in workspace.mapping(connection).lineage:
        column = "raw" if field.startswith("raw.") else field
        deps.setdefault(attribute, []).append(dg.TableColumnDep(source, column))
    return {"dagster/column_lineage": dg.MetadataValue.column_lineage(dg.TableColumnLineage(deps))}
