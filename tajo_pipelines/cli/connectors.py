"""``tajo connectors``: what can be connected, what is, and the sync itself."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tajo_pipelines.cli.checks import Checks, check_key, check_source
from tajo_pipelines.cli.connecting import connect, source_document
from tajo_pipelines.cli.connection_state import finished_reports, last_success, state_of
from tajo_pipelines.cli.connector_options import with_connector_options
from tajo_pipelines.cli.disconnecting import disconnect
from tajo_pipelines.cli.documents import CONNECT, CONNECTORS, DISCONNECT, STATUS, SYNC, TEST, Document, UsageError
from tajo_pipelines.cli.edge import Outcome, Session, command
from tajo_pipelines.cli.missing_secrets import settings_with_secrets
from tajo_pipelines.cli.moments import moment
from tajo_pipelines.cli.new_connection import ConnectOptions
from tajo_pipelines.cli.status import tell_status
from tajo_pipelines.cli.sync_screen import show_sync
from tajo_pipelines.cli.syncing import SyncOptions, synchronise
from tajo_pipelines.sdk import registry
from tajo_pipelines.settings import Connection
from tajo_pipelines.sync.outcome import time_document
from tajo_pipelines.sync.workspace import Workspace, present

app = typer.Typer(name="connectors", help="What can be connected, what is, and the sync itself.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The connection's name in the configuration.")]


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


@command(app, "install", CONNECT)
@command(app, "connect", CONNECT)
@with_connector_options
def connect_connection(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connection's name: the connector's, or a new one.")],
    connector: Annotated[
        str | None, typer.Option(metavar="NAME", help="The connector, where the connection has a name of its own.")
    ] = None,
    account: Annotated[str | None, typer.Option(metavar="NAME", help="The Brevo account that it feeds.")] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="scheme://host[:port] to call in the place of the platform's own.")
    ] = None,
    **values: str | None,
) -> Outcome:
    """See whether a platform lets us in, then write the connection down: its secrets in .env, the rest in the YAML."""
    return connect(session, ConnectOptions(name, connector, account, base_url, values))


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
    info = check_source(checks, workspace, connection)
    session.body["source"] = None if info is None else source_document(info)
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
    replay: Annotated[
        bool,
        typer.Option(
            "--replay", help="Deliver what was landed again through today's mapping, without asking the platform."
        ),
    ] = False,
) -> Outcome:
    """Read a connection and bring what changed to Brevo."""
    if full and replay:
        raise UsageError("--full reads everything, --replay reads nothing: one of the two", where="--replay")
    if full and since is not None:
        raise UsageError("--full reads everything, --since a part: one of the two", where="--since")
    options = SyncOptions(
        connection=name,
        full=full,
        since=None if since is None else moment(since, present(), "--since"),
        resources=tuple(resource or ()),
        force=force,
        with_events=with_events,
        replay=replay,
    )
    verdict = synchronise(session, options)
    return Outcome(lambda screen: show_sync(screen, session.body), verdict.exit_code, verdict.error)


@command(app, "status", STATUS)
def status_of_connections(
    session: Session,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this connection.")] = None,
) -> Outcome:
    """Tell how far each stream is, what its last run did, what waits, and when it runs next."""
    return tell_status(session, name)


@command(app, "disconnect", DISCONNECT)
def disconnect_connection(
    session: Session,
    name: NameArgument,
    forget_secrets: Annotated[
        bool, typer.Option("--forget-secrets", help="Remove its secrets from .env too, but those that others use.")
    ] = False,
) -> Outcome:
    """Turn a connection off. What was read and sent, and its block in the configuration, stay."""
    return disconnect(session, name, forget_secrets=forget_secrets)


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
    reports = finished_reports(workspace, connection)
    return {
        "name": connection.name,
        "connector": connection.connector,
        "account": connection.account,
        "enabled": connection.enabled,
        "mode": connection.mode,
        "schedule": connection.schedule_word,
        "streams": list(connection.enabled_streams),
        "state": state_of(reports),
        "last_sync": time_document(last_success(reports)),
        "letters_open": workspace.store.letters.count(connection=connection.name),
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
