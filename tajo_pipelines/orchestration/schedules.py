"""One job and one schedule a connection."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._utils.schedules import cron_string_iterator

from tajo_pipelines.orchestration.names import TRIGGER_TAG, brevo_key, landing_key, plain
from tajo_pipelines.orchestration.partitions import FIRST_DAY, range_tags
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.workspace import Workspace


def connection_job(connection: Connection, streams: Sequence[str]) -> UnresolvedAssetJobDefinition:
    """The job that reads and delivers all streams of a connection, in one process."""
    keys = [make(connection.name, stream) for stream in streams for make in (landing_key, brevo_key)]
    return dg.define_asset_job(
        plain(connection.name),
        selection=dg.AssetSelection.assets(*keys),
        executor_def=dg.in_process_executor,
        description=f"Reads {connection.name} and hands what changed to Brevo.",
        tags={"tajo/connection": connection.name},
    )


def connection_schedule(connection: Connection, job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """The schedule that ticks whenever a stream of the connection is due, and runs those that are."""
    crons = {name: connection.streams[name].schedule for name in connection.enabled_streams}

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
        keys = [make(connection.name, stream) for stream in due for make in (landing_key, brevo_key)]
        return dg.RunRequest(
            run_key=f"{connection.name}:{moment.isoformat()}",
            asset_selection=keys,
            tags=incremental_tags(workspace.get(), connection, due, moment) | {TRIGGER_TAG: "schedule"},
        )

    return tick


def due_streams(crons: Mapping[str, str], moment: datetime) -> list[str]:
    """The streams whose cron expression names this minute."""
    minute = moment.replace(second=0, microsecond=0)
    before = minute - timedelta(minutes=1)
    return [
        name
        for name, cron in crons.items()
        if next(cron_string_iterator(before.timestamp() + 1, cron, "UTC")).timestamp() == minute.timestamp()
    ]


def incremental_tags(
    workspace: Workspace, connection: Connection, streams: Sequence[str], now: datetime
) -> dict[str, str]:
    """The days that a run from the watermark to now touches, as one run's range of partitions."""
    connector = workspace.connector(connection)
    days = [now.date()]
    for name in streams:
        watermark = workspace.store.batches.watermark(connection.name, name)
        if watermark is not None:
            days.append((watermark - connector.stream(name).overlap).date())
    first = min(days)
    return range_tags(max(first, _first_day(connection)), now.date())


def _first_day(connection: Connection) -> date:
    return connection.start_date or FIRST_DAY
