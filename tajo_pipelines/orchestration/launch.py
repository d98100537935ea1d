"""Runs a connection's job in this process, on the instance that the UI shows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import dagster as dg
import msgspec
from dagster._core.instance.ref import InstanceRef

from tajo_pipelines.orchestration.build import build_definitions
from tajo_pipelines.orchestration.names import (
    PROCESS_TAG,
    TRIGGER_TAG,
    brevo_key,
    brevo_step,
    landing_key,
    landing_step,
    plain,
)
from tajo_pipelines.orchestration.partitions import FIRST_DAY, range_tags
from tajo_pipelines.orchestration.schedules import incremental_tags
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.processes import ProcessMark
from tajo_pipelines.sync.workspace import Workspace

CLI = "cli"
_LIVE = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What to run.

    Attributes:
        streams: None for all of the connection.
        mode: ``incremental`` goes on from the watermark, ``full`` reads everything, ``range`` from ``since`` to now.
    """

    connection: str
    streams: tuple[str, ...] | None = None
    mode: Literal["incremental", "full", "range"] = "incremental"
    since: datetime | None = None
    force: bool = False
    with_events: bool = False


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """How it ended; the numbers are in the store's reports of this run."""

    run_id: str
    success: bool


def project_instance(project: Path) -> dg.DagsterInstance:
    """The project's Dagster instance: DAGSTER_HOME where that is set, else what the project's dagster.yaml says."""
    home = os.environ.get("DAGSTER_HOME")
    if home:
        return dg.DagsterInstance.get()
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(project), config_dir=str(project)))


def run_connection(workspace: Workspace, request: LaunchRequest) -> LaunchResult:
    """Run the connection's job in this process.

    Raises:
        ConfigError: When there is no such enabled connection or stream.
    """
    connection = workspace.connection(request.connection)
    streams = _streams(connection, request)
    with project_instance(workspace.settings.project_dir) as instance:
        end_dead_runs(instance)
        job = build_definitions(workspace.settings).resolve_job_def(plain(connection.name))
        result = job.execute_in_process(
            instance=instance,
            run_config=_run_config(connection, streams, request),
            tags=_tags(workspace, connection, streams, request),
            asset_selection=[make(connection.name, name) for name in streams for make in (landing_key, brevo_key)],
            raise_on_error=False,
        )
    return LaunchResult(result.run_id, result.success)


def _streams(connection: Connection, request: LaunchRequest) -> tuple[str, ...]:
    enabled = connection.enabled_streams
    return enabled if request.streams is None else tuple(name for name in enabled if name in request.streams)


def _run_config(connection: Connection, streams: tuple[str, ...], request: LaunchRequest) -> dict[str, Any]:
    read: dict[str, Any] = {"mode": "auto" if request.mode == "incremental" else request.mode}
    if request.since is not None:
        read["since"] = request.since.isoformat()
    deliver = {"force": request.force, "with_events": request.with_events}
    steps = {landing_step(connection.name, name): {"config": read} for name in streams}
    steps |= {brevo_step(connection.name, name): {"config": deliver} for name in streams}
    # The terminal belongs to the command; Dagster's own lines stand in its event log.
    return {"ops": steps, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def _tags(
    workspace: Workspace, connection: Connection, streams: tuple[str, ...], request: LaunchRequest
) -> dict[str, str]:
    now = workspace.now()
    if request.mode == "range" and request.since is not None:
        days = range_tags(max(request.since.date(), connection.start_date or FIRST_DAY), now.date())
    elif request.mode == "full":
        days = range_tags(now.date(), now.date())
    else:
        days = incremental_tags(workspace, connection, streams, now)
    return days | {TRIGGER_TAG: CLI, PROCESS_TAG: msgspec.json.encode(ProcessMark.own()).decode()}


def end_dead_runs(instance: dg.DagsterInstance) -> None:
    """Mark runs as failed whose command was killed on this machine: nobody else would, for a day."""
    filters = dg.RunsFilter(tags={TRIGGER_TAG: CLI}, statuses=_LIVE)
    for run in instance.get_runs(filters):
        mark = run.tags.get(PROCESS_TAG)
        if mark is not None and msgspec.json.decode(mark, type=ProcessMark).is_gone():
            instance.report_run_failed(run, message="the command that ran this was killed")
