"""What is still to come: what waits for Brevo, when the next run is, and how far the data reach."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import dagster as dg

from tajo_pipelines.settings.cron import next_tick
from tajo_pipelines.sync.modes import by_webhook_alone
from tajo_pipelines.sync.workspace import Workspace


def tick_metadata(workspace: Workspace, connection: str, stream: str) -> dict[str, Any]:
    """How far the data reach, and when the schedule ticks next."""
    settings = workspace.connection(connection).streams[stream]
    found: dict[str, Any] = {"schedule": dg.MetadataValue.text("none: each change comes by webhook")}
    if not by_webhook_alone(workspace, workspace.connection(connection), stream):
        found = {
            "next run": dg.MetadataValue.timestamp(next_tick(settings.schedule, workspace.now())),
            "schedule": dg.MetadataValue.text(f"{settings.schedule} (cron, UTC)"),
        }
    watermark = workspace.store.batches.watermark(connection, stream)
    return found if watermark is None else {"data until": dg.MetadataValue.timestamp(watermark)} | found


def waiting_metadata(workspace: Workspace, connection: str, stream: str) -> dict[str, Any]:
    """The same, and what waits: batches and records that Brevo hasn't got, open letters."""
    store, settings = workspace.store, workspace.connection(connection).streams[stream]
    waiting = store.batches.undelivered(connection, stream)
    letters = store.letters.counts(connection, stream)
    records = sum(batch.rows for batch in waiting)
    deliveries = store.inbox.count_pending(connection, stream)
    tick = None
    if not by_webhook_alone(workspace, workspace.connection(connection), stream):
        tick = next_tick(settings.schedule, workspace.now())
    found = {
        "what comes next": dg.MetadataValue.md(_next(tick, len(waiting), records, deliveries, letters)),
        "waiting batches": dg.MetadataValue.int(len(waiting)),
        "waiting records": dg.MetadataValue.int(records),
        "waiting deliveries": dg.MetadataValue.int(deliveries),
        "open letters": dg.MetadataValue.int(sum(letters.values())),
    }
    return found | tick_metadata(workspace, connection, stream)


def _next(tick: datetime | None, batches: int, records: int, deliveries: int, letters: dict[str, int]) -> str:
    lines = ["Next run: **with the next webhook**, if the sensor is on."]
    if tick is not None:
        at = f"{tick:%Y-%m-%d %H:%M} UTC"
        lines = [f"Next run: **{at}**, if the schedule is on. It sends what has changed in the shop by then."]
    if deliveries:
        lines.append(f"Told by webhooks already: **{deliveries:,} deliveries**, which the sensor asks a run for.")
    if batches:
        lines.append(f"Waiting already: **{records:,} records** in {batches} batches, which go out with it.")
    else:
        lines.append("Nothing that was read waits for Brevo.")
    if letters:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in letters.items())
        lines.append(f"Parked as letters until they are mended in the shop or dropped: **{reasons}**.")
    return "\n\n".join(lines)
