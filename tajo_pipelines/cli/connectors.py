"""``tajo connectors``: what can be connected, what is, and the sync itself."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tajo_pipelines.cli.checks import Checks, check_key, check_source
from tajo_pipelines.cli.documents import CONNECTORS, SYNC, TEST, Document, UsageError
from tajo_pipelines.cli.edge import Outcome, Session, command
from tajo_pipelines.cli.missing_secrets import settings_with_secrets
from tajo_pipelines.cli.moments import moment
from tajo_pipelines.cli.sync_screen import show_sync
from tajo_pipelines.cli.syncing import SyncOptions, synchronise
from tajo_pipelines.model.errors import AuthError
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.connector import SourceInfo
from tajo_pipelines.settings import Connection
from tajo_pipelines.store.reports import RunReport
from tajo_pipelines.sync.outcome import time_document
from tajo_pipelines.sync.reports import DONE
from tajo_pipelines.sync.reports import FAILED as RUN_FAILED
from tajo_pipelines.sync.workspace import Workspace, present

app = typer.Typer(name="connectors", help="What can be connected, what is, and the sync itself.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The connection's name in the configuration.")]

_LOOKED_AT = 5
"""Reports of a stream among which the last finished one is looked for."""


@app.callback()
def connectors() -> None:
    """What can be connected, what is, and the sync itself."""


@command(app, "list", CONNECTORS)
def list_connectors(session: Session) -> Outcome:
    """List the connectors, and the connections with how they fare."""
    settings = session.settings()
    workspace = session.workspace(settings)
    session.warnings += [notice for notice in settings.warnings if notice.code != "missing_variable"]
    session.body |= {
        "connectors": [_connector(name) for name in registry.connector_names()],
        "connections": [_connection(workspace, connection) for connection in settings.connections.values()],
    }
    return Outcome(lambda screen: _show_list(screen, session.body))


@command(app, "test", TEST)
def test_connection(session: Session, name: NameArgument) -> Outcome:
    """See whether a connection and its Brevo account let us in. Nothing is changed."""
    session.body["connection"] = name
    connection = session.settings().connection(name)
    session.body |= {"connector": connection.connector, "account": connection.account}
    settings = settings_with_secrets(session, name)
    session.warnings += settings.warnings
    workspace = session.workspace(settings)
    connection = settings.connection(name)
    checks = Checks()
    session.body["checks"] = checks.found
    session.body["source"] = _source(check_source(checks, workspace, connection))
    check_key(checks, workspace, settings.account_of(connection))
    return checks.outcome()


@command(app, "sync", SYNC)
def sync_connection(
    session: Session,
    name: NameArgument,
    full: Annotated[bool, typer.Option("--full", help="Read everything, not just what changed.")] = False,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Read what changed since: 2026-11-24, 2026-11-24T08:00:00Z or 36h."),
    ] = None,
    resource: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this stream; may be given several times.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Send what hasn't changed too.")] = False,
    with_events: Annotated[
        bool, typer.Option("--with-events", help="Let causes older than the live window start automations too.")
    ] = False,
) -> Outcome:
    """Read a connection and bring what changed to Brevo."""
    if full and since is not None:
        raise UsageError("--full reads everything, --since a part: one of the two", where="--since")
    options = SyncOptions(
        connection=name,
        full=full,
        since=None if since is None else moment(since, present(), "--since"),
        resources=tuple(resource or ()),
        force=force,
        with_events=with_events,
    )
    verdict = synchronise(session, options)
    return Outcome(lambda screen: show_sync(screen, session.body), verdict.exit_code, verdict.error)


def _connector(name: str) -> Document:
    manifest = registry.manifest(name)
    return {
        "name": name,
        "title": manifest.title,
        "category": manifest.category,
        "origin": registry.find(name).origin,
        "api_version": manifest.api_version,
        "sunset": manifest.sunset.isoformat() if manifest.sunset else None,
        "auth": list(manifest.auth),
        "streams": [
            {
                "name": stream.name,
                "incremental": stream.incremental,
                "deletes": stream.deletes,
                "realtime": stream.realtime,
            }
            for stream in manifest.streams
        ],
        "capabilities": manifest.capabilities.model_dump(),
    }


def _connection(workspace: Workspace, connection: Connection) -> Document:
    finished = [_finished(workspace, connection.name, stream) for stream in connection.streams]
    reports = [report for report in finished if report is not None]
    done = [report.finished_at for report in reports if report.status == DONE and report.finished_at is not None]
    return {
        "name": connection.name,
        "connector": connection.connector,
        "account": connection.account,
        "enabled": connection.enabled,
        "mode": connection.mode,
        "schedule": connection.schedule_word,
        "streams": list(connection.enabled_streams),
        "state": _state(reports),
        "last_sync": time_document(max(done, default=None)),
        "letters_open": workspace.store.letters.count(connection=connection.name),
    }


def _finished(workspace: Workspace, connection: str, stream: str) -> RunReport | None:
    """The last report of a stream that came to an end."""
    latest = workspace.store.reports.latest(connection, stream, _LOOKED_AT)
    return next((report for report in latest if report.finished_at is not None), None)


def _state(reports: list[RunReport]) -> str:
    """``new``, ``ok``, ``failing`` or ``unauthorized``, by the last end of each stream."""
    failed = [report for report in reports if report.status == RUN_FAILED]
    if any((report.details.get("error") or {}).get("exit_code") == AuthError.exit_code for report in failed):
        return "unauthorized"
    if failed:
        return "failing"
    return "ok" if reports else "new"


def _source(info: SourceInfo | None) -> Document | None:
    if info is None:
        return None
    return {
        "name": info.name,
        "domain": info.domain,
        "currency": info.currency,
        "timezone": info.timezone,
        "scopes": sorted(info.scopes),
    }


def _show_list(screen: Console, body: Document) -> None:
    table = Table("connector", "title", "API", "streams", "log-in", box=None)
    for connector in body["connectors"]:
        table.add_row(
            connector["name"],
            connector["title"],
            connector["api_version"] or "",
            ", ".join(stream["name"] for stream in connector["streams"]),
            ", ".join(connector["auth"]),
        )
    screen.print(table)
    screen.print()
    if not body["connections"]:
        screen.print("No connection is configured.")
        return
    table = Table("connection", "connector", "account", "state", "last sync", "streams", "open letters", box=None)
    for connection in body["connections"]:
        table.add_row(
            connection["name"],
            connection["connector"],
            connection["account"],
            connection["state"] if connection["enabled"] else "not enabled",
            connection["last_sync"] or "never",
            ", ".join(connection["streams"]),
            str(connection["letters_open"]),
        )
    screen.print(table)
