"""``tajo connectors status``: how far each stream is, what its last run did, and when it runs next."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.table import Table

from tajo_pipelines.cli.connection_state import finished_reports, last_success, state_of
from tajo_pipelines.cli.documents import Document
from tajo_pipelines.cli.edge import Outcome, Session
from tajo_pipelines.cli.inbox_status import inbox_status, show_inbox
from tajo_pipelines.cli.sync_screen import reasons
from tajo_pipelines.model.window import format_time
from tajo_pipelines.settings import Connection
from tajo_pipelines.settings.cron import next_tick
from tajo_pipelines.store.reports import RunReport
from tajo_pipelines.sync.modes import by_webhook_alone
from tajo_pipelines.sync.outcome import money_document, time_document
from tajo_pipelines.sync.workspace import Workspace

_COUNTS = ("read", "mapped", "sent", "unchanged", "superseded", "in_doubt", "failed", "deleted")


def tell_status(session: Session, name: str | None) -> Outcome:
    """The status of one connection, or of all.

    Raises:
        ConfigError: There is no such connection, or the configuration is wrong.
    """
    settings = session.settings()
    chosen = [settings.connection(name)] if name is not None else list(settings.connections.values())
    session.warnings += [notice for notice in settings.warnings if notice.code != "missing_variable"]
    workspace = session.workspace(settings)
    now = workspace.now()
    documents = [_connection(workspace, connection, now) for connection in chosen]
    session.body |= {"at": format_time(now), "connections": documents}
    return Outcome(lambda screen: _show(screen, documents))


def _connection(workspace: Workspace, connection: Connection, now: datetime) -> Document:
    reports = finished_reports(workspace, connection)
    streams = {name: _stream(workspace, connection, name, now) for name in connection.streams}
    ticks = [stream["next_tick"] for stream in streams.values() if stream["next_tick"] is not None]
    return {
        "name": connection.name,
        "connector": connection.connector,
        "account": connection.account,
        "enabled": connection.enabled,
        "mode": connection.mode,
        "state": state_of(reports),
        "last_sync": time_document(last_success(reports)),
        "next_tick": min(ticks, default=None),
        "letters_open": workspace.store.letters.count(connection=connection.name),
        "streams": streams,
        "absent_streams": list(connection.absent_streams),
        "inbox": inbox_status(workspace, connection, now),
    }


def _stream(workspace: Workspace, connection: Connection, name: str, now: datetime) -> Document:
    settings, store = connection.streams[name], workspace.store
    waiting = store.batches.undelivered(connection.name, name)
    last = next(iter(store.reports.latest(connection.name, name)), None)
    told = by_webhook_alone(workspace, connection, name)
    runs = connection.enabled and settings.enabled and not told
    return {
        "enabled": settings.enabled,
        "mode": settings.mode,
        "by_webhook": told,
        "schedule": settings.schedule_word,
        "next_tick": format_time(next_tick(settings.schedule, now)) if runs else None,
        "watermark": time_document(store.batches.watermark(connection.name, name)),
        "undelivered": {"batches": len(waiting), "records": sum(batch.rows for batch in waiting)},
        "letters_open": store.letters.count(connection=connection.name, stream=name),
        "last_run": None if last is None else _run(last),
    }


def _run(report: RunReport) -> Document:
    numbers, error = report.report, report.details.get("error")
    return {
        "run_id": report.run_id,
        "status": report.status,
        "started_at": format_time(report.started_at),
        "finished_at": time_document(report.finished_at),
        **{count: getattr(numbers, count) for count in _COUNTS},
        "skipped": dict(sorted(numbers.skipped.items())),
        "rejected": dict(sorted(numbers.rejected.items())),
        "money": money_document(numbers.money),
        "deliveries": (report.details.get("inbox") or {}).get("deliveries"),
        "missed_by_webhooks": report.details.get("missed_by_webhooks"),
        "error": None if not error else {key: error[key] or None for key in ("code", "message", "where", "hint")},
    }


def _show(screen: Console, connections: list[Document]) -> None:
    if not connections:
        screen.print("No connection is configured.")
        return
    for connection in connections:
        _show_connection(screen, connection)


def _show_connection(screen: Console, connection: Document) -> None:
    state = connection["state"] if connection["enabled"] else "not enabled"
    screen.print(
        f"{connection['name']} ({connection['connector']}) to the Brevo account {connection['account']!r}: {state}; "
        f"{connection['letters_open']} open letters",
        style="bold",
    )
    table = Table("stream", "last run", "", "read", "sent", "not sent", "read until", "waiting", "next", box=None)
    for name, stream in connection["streams"].items():
        table.add_row(name, *_row(stream))
    for name in connection["absent_streams"]:
        table.add_row(name, "", "the connector doesn't have it yet")
    screen.print(table)
    for name, stream in connection["streams"].items():
        error = (stream["last_run"] or {}).get("error")
        if error:
            screen.print(f"  {name}: {error['message']}", style="red")
    show_inbox(screen, connection["inbox"])
    screen.print()


def _row(stream: Document) -> list[str]:
    last = stream["last_run"]
    waiting = stream["undelivered"]
    until = [
        _minute(stream["watermark"]),
        f"{waiting['records']:,} in {waiting['batches']} batches" if waiting["batches"] else "nothing",
        _next(stream),
    ]
    if last is None:
        return ["never", "", "", "", "", *until]
    missing = reasons(last["skipped"] | last["rejected"])
    at = _minute(last["finished_at"] or last["started_at"])
    return [at, last["status"], f"{last['read']:,}", f"{last['sent']:,}", missing, *until]


def _next(stream: Document) -> str:
    if not stream["enabled"]:
        return "turned off"
    return "by webhook" if stream["by_webhook"] else _minute(stream["next_tick"])


def _minute(moment: str | None) -> str:
    return "" if moment is None else f"{moment[:16].replace('T', ' ')}Z"
