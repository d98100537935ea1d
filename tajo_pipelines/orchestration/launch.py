"""Runs a connection's job in this process, on the instance that the UI shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import dagster as dg
import msgspec

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.model.window import utc
from tajo_pipelines.orchestration.build import build_definitions
from tajo_pipelines.orchestration.names import (
    PROCESS_TAG,
    TRIGGER_TAG,
    Trigger,
    brevo_key,
    brevo_step,
    landing_step,
    plain,
)
from tajo_pipelines.orchestration.partitions import range_tags
from tajo_pipelines.orchestration.schedules import incremental_tags, stream_keys
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.processes import ProcessMark
from tajo_pipelines.sync.landed_forms import first_landed_day
from tajo_pipelines.sync.workspace import Workspace

_LIVE = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What to run.

    Attributes:
        streams: None for all of the connection.
        mode: ``incremental`` goes on from the watermark, ``full`` reads everything, ``range`` from ``since`` to now;
            ``replay`` reads nothing and delivers again what is landed, of ``since`` and later or all of it.
    """

    connection: str
    streams: tuple[str, ...] | None = None
    mode: Literal["incremental", "full", "range", "replay"] = "incremental"
    since: datetime | None = None
    force: bool = False
    with_events: bool = False


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """How it ended; the numbers are in the store's reports of this run."""

    run_id: str
    success: bool


@contextmanager
def project_instance(project: Path) -> Iterator[dg.DagsterInstance]:
    """The project's Dagster instance: DAGSTER_HOME where that is set, else what the project's dagster.yaml says.

    The working directory is the project's meanwhile: dagster.yaml names its folders relative to that.

    Raises:
        ConfigError: There is no such instance, or its dagster.yaml is wrong.
    """
    home = os.environ.get("DAGSTER_HOME")
    where = f"DAGSTER_HOME {home}" if home else str(project / "dagster.yaml")
    with chdir(project):
        try:
            instance = dg.DagsterInstance.get() if home else dg.DagsterInstance.from_config(str(project))
        except (dg.DagsterInvariantViolationError, dg.DagsterInvalidConfigError) as error:
            message = f"Dagster can't open its instance: {str(error).splitlines()[0]}"
            raise ConfigError(message, code="dagster_instance", where=where) from error
        with instance:
            yield instance


def run_connection(workspace: Workspace, request: LaunchRequest) -> LaunchResult:
    """Run the connection's job in this process.

    Raises:
        ConfigError: When there is no such enabled connection or stream.
    """
    connection = workspace.connection(request.connection)
    streams = _streams(connection, request)
    first = _first_day(workspace, connection, streams, request)
    with project_instance(workspace.settings.project_dir) as instance:
        end_dead_runs(instance)
        job = build_definitions(workspace.settings).resolve_job_def(plain(connection.name))
        result = job.execute_in_process(
            instance=instance,
            run_config=_run_config(connection, streams, request, first),
            tags=_tags(workspace, connection, streams, request, first),
            asset_selection=_selected(connection, streams, request),
            raise_on_error=False,
        )
    return LaunchResult(result.run_id, result.success)


def _streams(connection: Connection, request: LaunchRequest) -> tuple[str, ...]:
    enabled = connection.enabled_streams
    unknown = [name for name in request.streams or () if name not in enabled]
    if unknown or not enabled:
        found = ", ".join(repr(name) for name in unknown) or "any stream"
        message = f"the connection {connection.name!r} doesn't read {found}"
        hint = f"it reads {', '.join(enabled)}" if enabled else "name one under sync"
        raise ConfigError(message, code="unknown_stream", where=connection.where, hint=hint)
    return enabled if request.streams is None else tuple(name for name in enabled if name in request.streams)


def _selected(connection: Connection, streams: tuple[str, ...], request: LaunchRequest) -> list[dg.AssetKey]:
    if request.mode == "replay":
        return [brevo_key(connection.name, name) for name in streams]
    return stream_keys(connection.name, streams)


def _run_config(
    connection: Connection, streams: tuple[str, ...], request: LaunchRequest, first: date
) -> dict[str, Any]:
    deliver: dict[str, Any] = {"force": request.force, "with_events": request.with_events}
    steps: dict[str, Any] = {}
    if request.mode == "replay":
        deliver |= {"replay": True, "since": first.isoformat()}
    else:
        read: dict[str, Any] = {"mode": "auto" if request.mode == "incremental" else request.mode}
        if request.since is not None:
            read["since"] = request.since.isoformat()
        steps = {landing_step(connection.name, name): {"config": read} for name in streams}
    steps |= {brevo_step(connection.name, name): {"config": deliver} for name in streams}
    # The terminal belongs to the command; Dagster's own lines stand in its event log.
    return {"ops": steps, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def _first_day(workspace: Workspace, connection: Connection, streams: tuple[str, ...], request: LaunchRequest) -> date:
    """The first day that a run is about; an incremental one finds its own."""
    if request.mode in ("range", "replay") and request.since is not None:
        return utc(request.since).date()
    if request.mode == "replay":
        starts = [first_landed_day(workspace, connection.name, name) for name in streams]
        return min((day for day in starts if day is not None), default=workspace.now().date())
    return workspace.now().date()


def _tags(
    workspace: Workspace, connection: Connection, streams: tuple[str, ...], request: LaunchRequest, first: date
) -> dict[str, str]:
    now = workspace.now()
    if request.mode == "incremental" or (request.mode == "range" and request.since is None):
        days = incremental_tags(workspace, connection, streams, now)
    else:
        days = range_tags(first, now.date(), connection.start_date)
    return days | {TRIGGER_TAG: Trigger.CLI.value, PROCESS_TAG: msgspec.json.encode(ProcessMark.own()).decode()}


def end_dead_runs(instance: dg.DagsterInstance) -> None:
    """Mark runs as failed whose command was killed on this machine: nobody else would, for a day."""
    filters = dg.RunsFilter(tags={TRIGGER_TAG: Trigger.CLI.value}, statuses=_LIVE)
    for run in instance.get_runs(filters):
        mark = run.tags.get(PROCESS_TAG)
        if mark is not None and msgspec.json.decode(mark, type=ProcessMark).is_gone():
            instance.report_run_failed(run, message="the command that ran this was killed")
