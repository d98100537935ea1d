"""What a materialization shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from tajo_pipelines.store.letters import KeptLetter
from tajo_pipelines.sync.delivery import DeliveryRequest
from tajo_pipelines.sync.landing import Landed
from tajo_pipelines.sync.outcome import Delivered, money_document
from tajo_pipelines.sync.workspace import Workspace

SHOWN_LETTERS = 20


def landed_metadata(landed: Landed) -> dict[str, Any]:
    """Numbers of a landing."""
    found: dict[str, Any] = {
        "dagster/row_count": dg.MetadataValue.int(landed.rows),
        "batches": dg.MetadataValue.int(landed.batches),
        "malformed": dg.MetadataValue.int(landed.malformed),
        "full read": dg.MetadataValue.bool(landed.full),
        "already running": dg.MetadataValue.bool(landed.already_running),
    }
    for name, moment in (("read from", landed.started), ("read to", landed.ended), ("watermark", landed.watermark)):
        if moment is not None:
            found[name] = dg.MetadataValue.timestamp(moment)
    return found


def delivered_metadata(delivered: Delivered, workspace: Workspace, request: DeliveryRequest) -> dict[str, Any]:
    """Numbers of a delivery, money per currency, calls, and the letters of the run, masked."""
    report, spent = delivered.report, delivered.spent
    found: dict[str, Any] = {
        "dagster/row_count": dg.MetadataValue.int(report.sent),
        "read": dg.MetadataValue.int(report.read),
        "mapped": dg.MetadataValue.int(report.mapped),
        "sent": dg.MetadataValue.int(report.sent),
        "unchanged": dg.MetadataValue.int(report.unchanged),
        "superseded": dg.MetadataValue.int(report.superseded),
        "in doubt": dg.MetadataValue.int(report.in_doubt),
        "failed": dg.MetadataValue.int(report.failed),
        "skipped": _counts(report.skipped),
        "rejected": _counts(report.rejected),
        "calls": _counts(spent.requests),
        "share of an hour's budget": _counts(
            {
                bucket: f"{used / allowed:.1%}"
                for bucket, used in spent.used.items()
                if (allowed := spent.allowed[bucket])
            }
        ),
        "contacts blocked again": dg.MetadataValue.int(spent.reblocked),
    }
    if report.money:
        found["money"] = dg.MetadataValue.table(
            [dg.TableRecord({"currency": currency, **sums}) for currency, sums in money_document(report.money).items()]
        )
    letters = workspace.store.letters.list(connection=request.connection, stream=request.stream, limit=SHOWN_LETTERS)
    ours = [letter for letter in letters if letter.run_id == request.run_id]
    if ours:
        found["letters"] = _letters(ours)
    return found


def _counts(counts: Mapping[str, int | str]) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.table(
        [dg.TableRecord({"what": name, "count": str(count)}) for name, count in sorted(counts.items())],
        schema=dg.TableSchema([dg.TableColumn("what"), dg.TableColumn("count")]),
    )


def _letters(letters: Iterable[KeptLetter]) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "key": letter.letter.key,
                    "field": letter.letter.field or "",
                    "reason": letter.letter.reason,
                    "message": letter.letter.message,
                    "attempts": letter.attempts,
                }
            )
            for letter in letters
        ]
    )
