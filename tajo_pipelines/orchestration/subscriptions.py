"""Looks after a connection's subscriptions: platforms delete those whose deliveries fail for too long."""

from collections.abc import Mapping

import dagster as dg

from tajo_pipelines.orchestration.failures import clear_failures
from tajo_pipelines.orchestration.names import CONNECTION_TAG, TRIGGER_TAG, Trigger, brevo_key, plain
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.orchestration.schedules import Job
from tajo_pipelines.settings.cron import cron_of
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.modes import subscribed
from tajo_pipelines.sync.subscriptions import Registration, check_subscriptions


def subscription_watch(connection: Connection) -> dg.Definitions:
    """The job that makes deleted subscriptions again, and its hourly schedule."""
    name = f"{plain(connection.name)}_subscriptions"
    job = _job(connection, name)

    @dg.schedule(
        name=name,
        job=job,
        cron_schedule=cron_of("hourly", connection.name),
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Looks each hour whether the platform still tells {connection.name} by webhooks.",
    )
    def tick(context: dg.ScheduleEvaluationContext, workspace: WorkspaceResource) -> dg.RunRequest | dg.SkipReason:
        with clear_failures():
            if subscribed(workspace.get(), connection) is None:
                return dg.SkipReason("no subscriptions were registered: tajo webhooks register makes them")
        moment = context.scheduled_execution_time.isoformat()
        return dg.RunRequest(run_key=f"{name}:{moment}", tags={TRIGGER_TAG: Trigger.SCHEDULE.value})

    return dg.Definitions(jobs=[job], schedules=[tick])


def _job(connection: Connection, name: str) -> Job:
    @dg.op(name=f"look_after_{name}", description="Asks the platform for its subscriptions and makes what is missing.")
    def look(context: dg.OpExecutionContext, workspace: WorkspaceResource) -> None:
        with clear_failures():
            found = check_subscriptions(workspace.get(), connection)
            topics = workspace.get().connector(connection).webhooks
            streams = {} if topics is None else {topic: each.stream for topic, each in topics.topics.items()}
        if found is None:
            context.log.info("no subscriptions were registered")
            return
        context.add_output_metadata(_metadata(found))
        for notice in found.notices:
            context.log.warning("%s: %s", notice.where, notice.message)
        if found.recreated:
            _tell(context, found, streams)

    @dg.job(
        name=name,
        executor_def=dg.in_process_executor,
        tags={CONNECTION_TAG: connection.name},
        description=f"Makes again what the platform deleted of the subscriptions of {connection.name}.",
    )
    def watch() -> None:
        look()

    return watch


def _tell(context: dg.OpExecutionContext, found: Registration, streams: Mapping[str, str | None]) -> None:
    """Say on each asset of a stream of which nothing was told, for a time that nobody knows."""
    topics = ", ".join(found.recreated)
    context.log.warning("the platform had deleted subscriptions of %s; made again: %s", found.connection, topics)
    silent: dict[str, list[str]] = {}
    for topic in found.recreated:
        stream = streams.get(topic)
        if stream is not None:
            silent.setdefault(stream, []).append(topic)
    for stream, names in silent.items():
        context.log_event(
            dg.AssetObservation(
                brevo_key(found.connection, stream),
                description="The platform had deleted these subscriptions; the next batch brings what they missed.",
                metadata={"subscriptions made again": ", ".join(names)},
            )
        )


def _metadata(found: Registration) -> dict[str, str | int]:
    told: dict[str, str | int] = {"subscriptions": len(found.topics), "address": found.url}
    named = {
        "made again": found.recreated,
        "new": [topic for topic in found.created if topic not in found.recreated],
        "refused": [refusal.topic for refusal in found.refused],
    }
    return told | {name: ", ".join(topics) for name, topics in named.items() if topics}
