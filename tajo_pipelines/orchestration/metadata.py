"""What a materialization shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from tajo_pipelines.model.errors import Notice
from tajo_pipelines.model.letter import LetterKind
from tajo_pipelines.model.report import MoneySums, StreamReport
from tajo_pipelines.orchestration.columns import brevo_columns, landing_columns
from tajo_pipelines.orchestration.pictures import Bar, picture, span
from tajo_pipelines.orchestration.waiting import tick_metadata, waiting_metadata
from tajo_pipelines.sdk import registry
from tajo_pipelines.store.letters import KeptLetter
from tajo_pipelines.sync.landing import Landed
from tajo_pipelines.sync.log_masking import masked
from tajo_pipelines.sync.outcome import Delivered, Spent, money_document, notice_document
from tajo_pipelines.sync.reading import ReadRequest
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines.sync.workspace import Workspace

SHOWN_LETTERS = 20
_BAD = ("rejected", "in doubt", "failed")
_NEARLY_ALL = 0.95

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
    for name, moment in (("read from", landed.started), ("read to", landed.ended)):
        if moment is not None:
            found[name] = dg.MetadataValue.timestamp(moment)
    connection = workspace.connection(request.connection)
    manifest = registry.manifest(connection.connector)
    found |= tick_metadata(workspace, request.connection, request.stream)
    return found | landing_columns(workspace, connection, manifest, request.stream)


def delivered_metadata(delivered: Delivered, workspace: Workspace, request: DeliveryRequest) -> Metadata:
    """What became of the records, why, at what cost, how late; then what comes next, and where each field is from."""
    report, spent = delivered.report, delivered.spent
    tables = {
        "money": _money(report.money),
        "money of skipped orders": _money(report.skipped_money),
        "skipped, why": _counts("reason", "records", report.skipped),
        "rejected, why": _counts("reason", "records", report.rejected),
        "rejected, which (letters)": _letters(workspace, request),
        "warnings": _table(["code", "message", "where"], [_masked(notice) for notice in delivered.notices]),
        "calls, which": _counts("call", "times", spent.requests),
    }
    connection = workspace.connection(request.connection)
    manifest = registry.manifest(connection.connector)
    found: Metadata = {"what became of them": dg.MetadataValue.md(_funnel(report))}
    # All of them, also those that are 0: Dagster plots a number over time by its name.
    found |= {name: dg.MetadataValue.int(number) for name, number in _numbers(report).items()}
    found |= _net(report.money)
    found |= {name: table for name, table in tables.items() if table is not None}
    found |= _cost(spent) | _lag(delivered) | _webhooks(delivered)
    found |= waiting_metadata(workspace, request.connection, request.stream)
    return found | brevo_columns(workspace, connection, manifest, request.stream)


def _funnel(report: StreamReport) -> str:
    """The way from read to sent; what left it on the way only where there is some."""
    always = ("read", "mapped", "sent")
    bars = [
        Bar(f"{number:,} {name}", number, name in _BAD)
        for name, number in _numbers(report).items()
        if number or name in always
    ]
    return picture(bars)


def _numbers(report: StreamReport) -> dict[str, int]:
    return {
        "read": report.read,
        "mapped": report.mapped,
        "sent": report.sent,
        "unchanged": report.unchanged,
        "skipped": report.skipped.total(),
        "rejected": report.rejected.total(),
        "superseded": report.superseded,
        "in doubt": report.in_doubt,
        "failed": report.failed,
        "deleted": report.deleted,
    }


def _net(money: Mapping[str, MoneySums]) -> Metadata:
    """Net sums as numbers to plot; the exact ones are in the table. Currencies are never added up."""
    return {f"net {currency}": dg.MetadataValue.float(float(sums.net)) for currency, sums in sorted(money.items())}


def _cost(spent: Spent) -> Metadata:
    used = {bucket: number / allowed for bucket, number in spent.used.items() if (allowed := spent.allowed[bucket])}
    found: Metadata = {
        "calls": dg.MetadataValue.int(spent.requests.total()),
        "contacts blocked again": dg.MetadataValue.int(spent.reblocked),
        "budget share (%)": dg.MetadataValue.float(round(100 * max(used.values(), default=0.0), 2)),
    }
    if used:
        bars = [Bar(f"{share:.1%} of {bucket}", share, share >= _NEARLY_ALL) for bucket, share in sorted(used.items())]
        found["share of an hour's budget"] = dg.MetadataValue.md(picture(bars, 1.0))
    return found


def _lag(delivered: Delivered) -> Metadata:
    found = delivered.lag.percentiles(50, 95)
    if found is None:
        return {}
    half, most = found
    bars = [Bar(f"{span(half)} at most for half", half), Bar(f"{span(most)} at most for 95 %", most)]
    return {
        "lag p50 (s)": dg.MetadataValue.int(half),
        "lag p95 (s)": dg.MetadataValue.int(most),
        "from the shop's change to Brevo": dg.MetadataValue.md(picture(bars)),
    }


def _webhooks(delivered: Delivered) -> Metadata:
    """What became of deliveries; what they should have told and didn't."""
    found: Metadata = {}
    if delivered.inbox is not None:
        found = {
            "deliveries": dg.MetadataValue.int(delivered.inbox.deliveries),
            "dead deliveries": dg.MetadataValue.int(delivered.inbox.dead),
            "deliveries to be tried again": dg.MetadataValue.int(delivered.inbox.put_off),
        }
    if delivered.missed is not None:
        found["missed by webhooks"] = dg.MetadataValue.int(delivered.missed.count)
        if delivered.missed.keys:
            found["missed by webhooks, which"] = dg.MetadataValue.text(", ".join(delivered.missed.keys))
    return found


def _counts(what: str, how_many: str, numbers: Mapping[str, int]) -> dg.TableMetadataValue | None:
    return _table([what, how_many], [{what: name, how_many: str(number)} for name, number in sorted(numbers.items())])


def _money(money: dict[str, MoneySums]) -> dg.TableMetadataValue | None:
    rows = [{"currency": currency} | sums for currency, sums in money_document(money).items()]
    return _table(["currency", "gross", "refunded", "net"], rows)


def _letters(workspace: Workspace, request: DeliveryRequest) -> dg.TableMetadataValue | None:
    kept = workspace.store.letters.list(connection=request.connection, stream=request.stream, limit=SHOWN_LETTERS)
    rows = [_letter(found) for found in kept if found.run_id == request.run_id]
    return _table(["key", "refused", "field", "reason", "message", "attempts"], rows)


def _letter(found: KeptLetter) -> dict[str, str]:
    return {
        "key": found.letter.key,
        "refused": "field" if found.letter.kind is LetterKind.FIELD else "record",
        "field": found.letter.field or "",
        "reason": found.letter.reason,
        "message": masked(found.letter.message),
        "attempts": str(found.attempts),
    }


def _masked(notice: Notice) -> dict[str, str]:
    return {name: masked(text) for name, text in notice_document(notice).items()}


def _table(columns: Iterable[str], rows: Iterable[Mapping[str, str]]) -> dg.TableMetadataValue | None:
    records = [dg.TableRecord(dict(row)) for row in rows]
    schema = dg.TableSchema([dg.TableColumn(name) for name in columns])
    return dg.MetadataValue.table(records, schema=schema) if records else None
