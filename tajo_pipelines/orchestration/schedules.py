"""One job and one schedule a connection."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

import dagster as dg

from tajo_pipelines.orchestration.cron import due_streams
from tajo_pipelines.orchestration.failures import clear_failures
from tajo_pipelines.orchestration.names import CONNECTION_TAG, TRIGGER_TAG, Trigger, brevo_key, landing_key, plain
from tajo_pipelines.orchestration.partitions import range_tags
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.modes import by_webhook_alone
from tajo_pipelines.sync.workspace import Workspace

Job: TypeAlias = Any
"""A job over assets that aren't known yet: Dagster 1.13 gives its class no public name."""


def stream_keys(connection: str, streams: Sequence[str]) -> list[dg.AssetKey]:
    """Keys of both assets of each stream."""
    return [make(connection, stream) for stream in streams for make in (landing_key, brevo_key)]


def connection_job(connection: Connection, streams: Sequence[str]) -> Job:
    """The job that reads and delivers all streams in one process."""
    return dg.define_asset_job(
        plain(connection.name),
        selection=dg.AssetSelection.assets(*stream_keys(connection.name, streams)),
        executor_def=dg.in_process_executor,
        description=_description(connection),
        tags={CONNECTION_TAG: connection.name},
    )


def connection_schedule(connection: Connection, streams: Sequence[str], job: Job) -> dg.ScheduleDefinition:
    """The schedule that runs the streams that are due, but for those whose changes webhooks alone bring."""
    crons = {name: connection.streams[name].schedule for name in streams}

    @dg.schedule(
        name=plain(connection.name),
        job=job,
        cron_schedule=sorted(set(crons.values())),
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Runs the streams of {connection.name} that are due.",
    )
    def tick(context: dg.ScheduleEvaluationContext, workspace: WorkspaceResource) -> dg.RunRequest | dg.SkipReason:
        moment = context.scheduled_execution_time.astimezone(UTC)
        due = due_streams(crons, moment)
        if not due:
            return dg.SkipReason("no stream is due")
        with clear_failures():
            opened = workspace.get()
            due = [name for name in due if not by_webhook_alone(opened, connection, name)]
            if not due:
                return dg.SkipReason("webhooks bring what is due")
            days = incremental_tags(opened, connection, due, moment)
        return dg.RunRequest(
            run_key=f"{connection.name}:{moment.isoformat()}",
            asset_selection=stream_keys(connection.name, due),
            tags=days | {TRIGGER_TAG: Trigger.SCHEDULE.value},
        )

    return tick


def _description(connection: Connection) -> str:
    text = f"Reads {connection.name} and hands what changed to Brevo."
    if connection.absent_streams:
        text += f" Left out, for the connector doesn't have them yet: {', '.join(connection.absent_streams)}."
    return text


def incremental_tags(
    workspace: Workspace, connection: Connection, streams: Sequence[str], now: datetime
) -> dict[str, str]:
    """The days that a run from the watermark to now touches, as one run's range of partitions."""
    connector = workspace.connector(connection)
    days: list[date] = [now.date()]
    for name in streams:
        watermark = workspace.store.batches.watermark(connection.name, name)
        if watermark is not None:
            days.append((watermark - connector.stream(name).overlap).date())
    return range_tags(min(days), now.date(), connection.start_date)
