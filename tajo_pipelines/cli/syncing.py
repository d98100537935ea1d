"""One sync of one connection, as ``connectors sync`` and the demo run it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tajo_pipelines.cli.documents import UsageError
from tajo_pipelines.cli.edge import Session
from tajo_pipelines.cli.missing_secrets import settings_with_secrets
from tajo_pipelines.cli.preflight import preflight
from tajo_pipelines.cli.progress import progress
from tajo_pipelines.cli.sync_document import SyncFacts, Verdict, sync_body
from tajo_pipelines.model.errors import ConfigError, Notice
from tajo_pipelines.model.window import format_time
from tajo_pipelines.settings import Connection
from tajo_pipelines.sync.landed_forms import first_landed_day
from tajo_pipelines.sync.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What is asked for.

    Attributes:
        since: Read what changed since then, and leave the watermark alone; of a replay, where it begins.
        resources: Streams; empty for all.
        force: Send what hasn't changed too.
        with_events: Let old causes start automations.
        replay: Deliver what was landed again, and read nothing.
    """

    connection: str
    full: bool = False
    since: datetime | None = None
    resources: tuple[str, ...] = ()
    force: bool = False
    with_events: bool = False
    replay: bool = False

    @property
    def mode(self) -> Literal["full", "range", "incremental", "replay"]:
        """``full``, ``range``, ``incremental`` or ``replay``."""
        if self.replay:
            return "replay"
        if self.full:
            return "full"
        return "incremental" if self.since is None else "range"


def synchronise(session: Session, options: SyncOptions) -> Verdict:
    """Run a sync; its document lands in the session's body.

    Raises:
        TajoError: It couldn't start: what it lacks is said in one sentence.
        UsageError: A stream is asked for that no connector knows, or a secret is missing.
    """
    body = session.body
    body |= {"connection": options.connection, "mode": options.mode}
    connection = session.settings().connection(options.connection)
    body |= {"connector": connection.connector, "account": connection.account}
    _require_enabled(connection)
    streams = _chosen(connection, options.resources)
    settings = settings_with_secrets(session, options.connection)
    workspace = session.workspace(settings)
    began = workspace.now()
    body["started_at"] = format_time(began)
    session.warnings += settings.warnings
    session.warnings += _absent(connection, options.resources)
    if options.replay:
        session.warnings += _nothing_landed(workspace, connection, streams)
    facts = SyncFacts(workspace, connection, options.mode, streams, began)
    with contextlib.chdir(session.project):
        if streams:
            _run(session, workspace, facts, options)
    done, verdict = sync_body(facts)
    body |= done
    session.warnings += facts.warnings
    return verdict


def _run(session: Session, workspace: Workspace, facts: SyncFacts, options: SyncOptions) -> None:
    connection = facts.connection
    with progress(connection.name) as show:
        show("looking whether both sides are ready")
        found = preflight(workspace, connection, facts.streams, reads=not options.replay)
        session.warnings += found.source.notices if found.source is not None else ()
        facts.usage = found.usage
        show("starting")
        # Dagster takes a second to import, which no other command should pay.
        from tajo_pipelines.orchestration.launch import LaunchRequest, run_connection

        request = LaunchRequest(
            connection=connection.name,
            streams=facts.streams,
            mode=options.mode,
            since=options.since,
            force=options.force,
            with_events=options.with_events,
        )
        result = run_connection(workspace, request)
    facts.run_id, facts.success = result.run_id, result.success
    if facts.interrupted:
        raise KeyboardInterrupt


def _require_enabled(connection: Connection) -> None:
    if not connection.enabled:
        raise ConfigError(
            f"the connection {connection.name!r} isn't enabled",
            code="connection_disabled",
            where=connection.where,
            hint="set enabled: true there",
        )


def _chosen(connection: Connection, resources: tuple[str, ...]) -> tuple[str, ...]:
    """The streams that run.

    Raises:
        UsageError: One is unknown.
        ConfigError: One is turned off, or none is left.
    """
    if not resources:
        if not connection.enabled_streams and not connection.absent_streams:
            message = f"every stream of {connection.name} is turned off"
            raise ConfigError(message, code="no_stream", where=connection.where, hint="turn one on under sync")
        return connection.enabled_streams
    known = [*connection.streams, *connection.absent_streams]
    for name in resources:
        if name not in known:
            listed = ", ".join(known)
            raise UsageError(f"{connection.name} has no stream {name!r}; it has {listed}", where="--resource")
        if name in connection.streams and not connection.streams[name].enabled:
            message = f"the stream {name!r} of {connection.name} is turned off"
            raise ConfigError(message, code="stream_disabled", where=connection.where, hint=f"set sync.{name} to true")
    return tuple(name for name in connection.enabled_streams if name in resources)


def _nothing_landed(workspace: Workspace, connection: Connection, streams: tuple[str, ...]) -> list[Notice]:
    return [
        Notice("nothing_landed", f"nothing of {name} is landed, so there is nothing to deliver again", name)
        for name in streams
        if first_landed_day(workspace, connection.name, name) is None
    ]


def _absent(connection: Connection, resources: tuple[str, ...]) -> list[Notice]:
    return [
        Notice(
            "stream_absent",
            f"the connector {connection.connector} has no stream {name} yet; it is skipped",
            f"connectors.{connection.name}.sync.{name}",
        )
        for name in connection.absent_streams
        if not resources or name in resources
    ]
