"""Reports of runs: the numbers of each stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import select

from tajo_pipelines.model.report import MoneySums, StreamReport
from tajo_pipelines.store.database import Database, upsert
from tajo_pipelines.store.schema import run_reports


class _Sums(msgspec.Struct):
    gross: Decimal
    refunded: Decimal
    net: Decimal


class _Document(msgspec.Struct):
    """A report as JSON; amounts as decimal texts."""

    read: int
    mapped: int
    skipped: dict[str, int]
    rejected: dict[str, int]
    sent: int
    unchanged: int
    superseded: int
    in_doubt: int
    failed: int
    deleted: int
    money: dict[str, _Sums]
    skipped_money: dict[str, _Sums]


@dataclass(frozen=True, slots=True)
class RunReport:
    """What one run did with one stream.

    Attributes:
        status: ``running``, or how it ended: ``done``, ``failed``, ``skipped``.
        details: What else is known of it, as JSON.
    """

    run_id: str
    connection: str
    stream: str
    report: StreamReport
    started_at: datetime
    finished_at: datetime | None
    status: str
    details: Mapping[str, Any] = field(default_factory=dict)


class RunReports:
    """Reports of all runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, report: RunReport) -> None:
        """Add or replace the report of a run and stream."""
        row = {
            "run_id": report.run_id,
            "connection": report.connection,
            "stream": report.stream,
            "report": _encode(report.report),
            "details": msgspec.json.encode(report.details).decode(),
            "started_at": report.started_at,
            "finished_at": report.finished_at,
            "status": report.status,
        }
        with self._database.writing() as connection:
            upsert(connection, run_reports, [row])

    def of_run(self, run_id: str, connection: str | None = None) -> list[RunReport]:
        """The reports of one run, by connection and stream."""
        statement = select(run_reports).where(run_reports.c.run_id == run_id)
        if connection is not None:
            statement = statement.where(run_reports.c.connection == connection)
        ordered = statement.order_by(run_reports.c.connection, run_reports.c.stream)
        with self._database.reading() as reading:
            return [_report(row) for row in reading.execute(ordered)]

    def get(self, run_id: str, connection: str, stream: str) -> RunReport | None:
        """The report of one run and stream."""
        return next((item for item in self.of_run(run_id, connection) if item.stream == stream), None)

    def latest(self, connection: str, stream: str | None = None, limit: int = 1) -> list[RunReport]:
        """The last reports of a connection, newest first."""
        statement = select(run_reports).where(run_reports.c.connection == connection)
        if stream is not None:
            statement = statement.where(run_reports.c.stream == stream)
        ordered = statement.order_by(run_reports.c.started_at.desc(), run_reports.c.run_id).limit(limit)
        with self._database.reading() as reading:
            return [_report(row) for row in reading.execute(ordered)]


def _encode(report: StreamReport) -> str:
    document = _Document(
        read=report.read,
        mapped=report.mapped,
        skipped=dict(report.skipped),
        rejected=dict(report.rejected),
        sent=report.sent,
        unchanged=report.unchanged,
        superseded=report.superseded,
        in_doubt=report.in_doubt,
        failed=report.failed,
        deleted=report.deleted,
        money=_encode_sums(report.money),
        skipped_money=_encode_sums(report.skipped_money),
    )
    return msgspec.json.encode(document).decode()


def _encode_sums(money: dict[str, MoneySums]) -> dict[str, _Sums]:
    return {currency: _Sums(sums.gross, sums.refunded, sums.net) for currency, sums in money.items()}


def _report(row: Any) -> RunReport:
    document = msgspec.json.decode(row.report, type=_Document)
    report = StreamReport(
        read=document.read,
        mapped=document.mapped,
        skipped=Counter(document.skipped),
        rejected=Counter(document.rejected),
        sent=document.sent,
        unchanged=document.unchanged,
        superseded=document.superseded,
        in_doubt=document.in_doubt,
        failed=document.failed,
        deleted=document.deleted,
        money=_decode_sums(document.money),
        skipped_money=_decode_sums(document.skipped_money),
    )
    return RunReport(
        run_id=row.run_id,
        connection=row.connection,
        stream=row.stream,
        report=report,
        started_at=row.started_at,
        finished_at=row.finished_at,
        status=row.status,
        details=msgspec.json.decode(row.details),
    )


def _decode_sums(money: dict[str, _Sums]) -> dict[str, MoneySums]:
    return {currency: MoneySums(sums.gross, sums.refunded, sums.net) for currency, sums in money.items()}
