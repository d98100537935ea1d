"""The inbox of a connection, as ``tajo connectors status`` shows it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Console

from tajo_pipelines.cli.documents import Document
from tajo_pipelines.model.window import format_time
from tajo_pipelines.sdk import registry
from tajo_pipelines.settings import Connection
from tajo_pipelines.store.inbox import DeliveryState
from tajo_pipelines.store.inbox_figures import inbox_figures
from tajo_pipelines.sync.log_masking import masked
from tajo_pipelines.sync.resting import Resting
from tajo_pipelines.sync.workspace import Workspace

_REFUSED_FOR = timedelta(days=7)
"""How far back refusals are told."""

_RECENT = (DeliveryState.DONE, DeliveryState.DEAD, DeliveryState.IGNORED)


def inbox_status(workspace: Workspace, connection: Connection, now: datetime) -> Document | None:
    """What waits, what became of the deliveries received last, and what was refused; None without webhooks."""
    if registry.manifest(connection.connector).capabilities.webhooks != "yes":
        return None
    store, name = workspace.store, connection.name
    figures = inbox_figures(store.database)
    oldest, lags = figures.oldest.get(name), figures.lags.get(name, [])
    refused = store.refusals.since((now - _REFUSED_FOR).date())
    resting = Resting(store)
    rests = [(stream, resting.now(name, stream, now)) for stream in connection.streams]
    return {
        "pending": figures.waiting.get((name, DeliveryState.PENDING), 0),
        "leased": figures.waiting.get((name, DeliveryState.LEASED), 0),
        "oldest_pending_s": None if oldest is None else max(0, round((now - oldest).total_seconds())),
        **{state.value: figures.recent.get((name, state), 0) for state in _RECENT},
        "lag_p50_s": _rank(lags, 0.5),
        "lag_p95_s": _rank(lags, 0.95),
        "refused": [
            {"reason": each.reason, "count": each.count, "last_at": format_time(each.last_at)}
            for each in refused
            if each.connection == name
        ],
        "rests": [
            {"stream": stream, "until": format_time(rest.until), "why": masked(rest.why)}
            for stream, rest in rests
            if rest is not None
        ],
    }


def show_inbox(screen: Console, inbox: Document | None) -> None:
    """The same for a person; nothing where no webhook ever came."""
    if inbox is None:
        return
    waiting = inbox["pending"] + inbox["leased"]
    if waiting or inbox["done"] or inbox["dead"]:
        since = f", the oldest for {inbox['oldest_pending_s']:,} s" if inbox["oldest_pending_s"] is not None else ""
        lag = ""
        if inbox["lag_p50_s"] is not None:
            lag = f"; {inbox['lag_p50_s']:.1f} s to Brevo for half, {inbox['lag_p95_s']:.1f} s for 95 %"
        screen.print(f"  webhooks: {waiting:,} wait{since}{lag}", soft_wrap=True)
    if inbox["dead"]:
        screen.print(f"  {inbox['dead']:,} deliveries are dead: tajo webhooks list --state dead", style="red")
    for each in inbox["refused"]:
        screen.print(f"  refused: {each['count']:,} {each['reason']}, the last at {each['last_at']}", style="red")
    for rest in inbox["rests"]:
        screen.print(f"  {rest['stream']} rests until {rest['until']}: {rest['why']}", style="red", soft_wrap=True)


def _rank(ordered: Sequence[float], share: float) -> float | None:
    """The nearest rank of sorted seconds."""
    if not ordered:
        return None
    return max(0.0, round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3))
