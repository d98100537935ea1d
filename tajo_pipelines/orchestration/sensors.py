"""One sensor a connector: looks what webhooks told, and asks for one run a connection to deliver it."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from tajo_pipelines.orchestration.failures import clear_failures
from tajo_pipelines.orchestration.names import CONNECTION_TAG, TRIGGER_TAG, Trigger, brevo_key, plain
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.orchestration.schedules import Job
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.inbox import Waiting
from tajo_pipelines.sync.resting import Resting
from tajo_pipelines.sync.workspace import Workspace

SECONDS = 1
"""Wanted between two ticks; Dagster's daemon makes about five of it (measured on 1.13.27)."""

UNDER_WAY = timedelta(seconds=90)
"""How long a run that was asked for is waited for. After that the inbox alone says whether one is at work: a killed
run may call itself running for a day."""

BUCKET = 60
"""Seconds after which a run may be asked for again though nothing changed: one that died before it took anything left
no other trace."""

_IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def inbox_sensor(connector: str, connections: Sequence[Connection], jobs: Sequence[Job]) -> dg.SensorDefinition:
    """The sensor of one connector's connections.

    Args:
        connector: Its name.
        connections: Those that are enabled.
        jobs: Theirs.
    """
    streams = {connection.name: connection.enabled_streams for connection in connections}

    @dg.sensor(
        name=f"{connector}_inbox",
        jobs=list(jobs),
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            f"Hands what {connector}'s webhooks told to Brevo: one run a connection, over all deliveries that wait. "
            "A delivery whose run failed or was killed waits again by itself."
        ),
    )
    def tick(context: dg.SensorEvaluationContext, workspace: WorkspaceResource) -> dg.SensorResult:
        with clear_failures():
            opened = workspace.get()
            returned = opened.store.inbox.requeue_expired()
            if returned:
                context.log.warning("%d deliveries wait again: the run that held them is gone", returned)
            requests = list(_requests(context.instance, opened, streams))
        skip = None if requests else dg.SkipReason("no delivery waits, a run is at it, or an outage is waited out")
        return dg.SensorResult(run_requests=requests, skip_reason=skip)

    return tick


def _requests(
    instance: dg.DagsterInstance, workspace: Workspace, streams: dict[str, tuple[str, ...]]
) -> Iterator[dg.RunRequest]:
    """One run a connection that has work and none under way; the one that has waited longest comes first."""
    work: dict[str, list[Waiting]] = {}
    inbox, resting, now = workspace.store.inbox, Resting(workspace.store), workspace.now()
    for waiting in inbox.waiting():
        names = (waiting.connection, waiting.stream)
        if waiting.stream in streams.get(waiting.connection, ()) and resting.now(*names, now) is None:
            work.setdefault(waiting.connection, []).append(waiting)
    busy = inbox.at_work() if work else frozenset[str]()
    for connection, found in work.items():
        if connection not in busy and not _is_under_way(instance, connection):
            yield _request(connection, found)


def _is_under_way(instance: dg.DagsterInstance, connection: str) -> bool:
    filters = dg.RunsFilter(
        tags={TRIGGER_TAG: Trigger.WEBHOOK.value, CONNECTION_TAG: connection},
        statuses=_IN_PROGRESS,
        created_after=datetime.now(UTC) - UNDER_WAY,
    )
    return bool(instance.get_run_records(filters, limit=1))


def _request(connection: str, found: Sequence[Waiting]) -> dg.RunRequest:
    first, attempts = min(item.first_id for item in found), max(item.attempts for item in found)
    return dg.RunRequest(
        run_key=f"{connection}:{first}:{attempts}:{int(time.time()) // BUCKET}",
        job_name=plain(connection),
        partition_key=datetime.now(UTC).date().isoformat(),
        asset_selection=[brevo_key(connection, item.stream) for item in found],
        tags={TRIGGER_TAG: Trigger.WEBHOOK.value, CONNECTION_TAG: connection},
    )
