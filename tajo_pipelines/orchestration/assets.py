"""Assets of one stream: what is read, and what Brevo is given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import dagster as dg

from tajo_pipelines.model.window import Window
from tajo_pipelines.orchestration.columns import brevo_columns, field_table, landing_columns
from tajo_pipelines.orchestration.descriptions import (
    BREVO_KINDS,
    asset_tags,
    brevo_description,
    landing_description,
    landing_kinds,
)
from tajo_pipelines.orchestration.failures import clear_failures
from tajo_pipelines.orchestration.names import TRIGGER_TAG, Trigger, brevo_key, landing_key, plain
from tajo_pipelines.orchestration.partitions import daily, launched_window, window_since
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.sdk import registry
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.landed_forms import kept_batches
from tajo_pipelines.sync.modes import may_be_told
from tajo_pipelines.sync.reading import Reading, ReadMode, ReadRequest
from tajo_pipelines.sync.reports import ALREADY_RUNNING
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines.sync.workspace import Workspace

OWNERS = ("team:integrations",)
GOES_ON = frozenset({Trigger.SCHEDULE, Trigger.CLI, Trigger.WEBHOOK})
"""Triggers whose runs go on from the watermark; any other run reads just the days that it names."""

FRESH_FOR = {"hourly": timedelta(hours=1), "daily": timedelta(days=1)}
"""Time between two runs by the schedule as written; a cron expression of one's own has no freshness policy."""

READS_FIRST = {"orders": ("customers",), "carts": ("customers", "orders")}
"""Streams whose delivery waits for others of the connection: a contact goes before its orders, and an order before
carts, since whoever has bought isn't told of the cart any more."""


class ReadConfig(dg.Config):
    """What a run reads: ``auto`` goes by what launched it, ``full`` reads everything, ``range`` takes its window.

    ``since`` (ISO 8601) begins the window of a ``range`` earlier or later than its first day.
    """

    mode: Literal["auto", "full", "range"] = "auto"
    since: str | None = None


class DeliverConfig(dg.Config):
    """What a run delivers.

    ``force`` sends what hasn't changed too; ``with_events`` lets old causes start automations; ``replay`` delivers the
    batches of the run's own days again, through today's mapping. ``since`` (ISO 8601) begins a replay earlier or later
    than the run's first day.
    """

    force: bool = False
    with_events: bool = False
    replay: bool = False
    since: str | None = None


@dataclass(frozen=True, slots=True)
class StreamAssets:
    """The assets of one stream."""

    landing: dg.AssetsDefinition
    brevo: dg.AssetsDefinition


def stream_assets(loaded: Workspace, connection: Connection, stream: str, streams: Sequence[str]) -> StreamAssets:
    """Build both assets of a stream.

    Args:
        loaded: Settings and connectors; its store isn't opened.
        connection: The connection.
        stream: The stream.
        streams: All enabled streams of the connection.
    """
    return StreamAssets(_landing(loaded, connection, stream), _brevo(loaded, connection, stream, streams))


def _landing(loaded: Workspace, connection: Connection, stream: str) -> dg.AssetsDefinition:
    manifest, account = registry.manifest(connection.connector), loaded.account(connection)

    @dg.asset(
        key=landing_key(connection.name, stream),
        io_manager_key="landing_io_manager",
        partitions_def=daily(connection.start_date),
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=plain(connection.name),
        owners=list(OWNERS),
        kinds=landing_kinds(manifest),
        tags=asset_tags(connection, manifest, stream),
        metadata=landing_columns(loaded, connection, manifest, stream),
        freshness_policy=_freshness(connection, stream),
        description=landing_description(connection, manifest, account, stream),
    )
    def read(context: dg.AssetExecutionContext, config: ReadConfig, workspace: WorkspaceResource) -> Reading:
        with clear_failures():
            opened = workspace.get()
            mode, window = _what_to_read(context, config, opened.now())
            names = (connection.name, stream)
            return Reading(opened, ReadRequest(*names, mode, context.run.run_id, window, _ended_well(context.instance)))

    return read


def _brevo(loaded: Workspace, connection: Connection, stream: str, streams: Sequence[str]) -> dg.AssetsDefinition:
    manifest, account = registry.manifest(connection.connector), loaded.account(connection)
    first = [other for other in READS_FIRST.get(stream, ()) if other in streams]

    @dg.asset(
        key=brevo_key(connection.name, stream),
        deps=[landing_key(connection.name, stream), *(brevo_key(connection.name, other) for other in first)],
        io_manager_key="brevo_io_manager",
        partitions_def=daily(connection.start_date),
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=plain(connection.name),
        owners=list(OWNERS),
        kinds=BREVO_KINDS,
        tags=asset_tags(connection, manifest, stream),
        metadata=brevo_columns(loaded, connection, manifest, stream)
        | field_table(loaded, connection, manifest, stream),
        freshness_policy=_freshness(connection, stream),
        description=brevo_description(connection, manifest, account, stream),
    )
    def deliver(
        context: dg.AssetExecutionContext, config: DeliverConfig, workspace: WorkspaceResource
    ) -> DeliveryRequest | None:
        with clear_failures():
            opened, run_id = workspace.get(), context.run.run_id
            if context.run.tags.get(TRIGGER_TAG) == Trigger.WEBHOOK:
                return DeliveryRequest(connection.name, stream, run_id, with_events=config.with_events, inbox=True)
            report = opened.store.reports.get(run_id, connection.name, stream)
            if report is not None and report.status == ALREADY_RUNNING:
                context.log.info("another run reads this stream, and delivers it")
                return None
            replay = None
            if config.replay:
                window = launched_window(context, opened.now())
                if config.since is not None:
                    window = Window(window_since(config.since, opened.now()).start, window.end)
                replay = tuple(kept_batches(opened, connection.name, stream, *window.days))
            return DeliveryRequest(
                connection=connection.name,
                stream=stream,
                run_id=run_id,
                force=config.force,
                with_events=config.with_events,
                replay=replay,
            )

    return deliver


def _ended_well(instance: dg.DagsterInstance) -> Callable[[str], bool]:
    """Whether a run did; of one that nobody knows any more that is assumed."""

    def ended_well(run_id: str) -> bool:
        run = instance.get_run_by_id(run_id)
        return run is None or run.status is dg.DagsterRunStatus.SUCCESS

    return ended_well


def _freshness(connection: Connection, stream: str) -> dg.FreshnessPolicy | None:
    """An asset warns once a run is an hour overdue, and fails once the next one is too.

    What comes by webhook alone is as fresh as the shop's last change, however old that is.
    """
    gap = FRESH_FOR.get(connection.streams[stream].schedule_word)
    unscheduled = connection.streams[stream].mode == "realtime" and may_be_told(connection, stream)
    if gap is None or unscheduled:
        return None
    grace = timedelta(hours=1)
    return dg.FreshnessPolicy.time_window(fail_window=2 * gap + grace, warn_window=gap + grace)


def _what_to_read(
    context: dg.AssetExecutionContext, config: ReadConfig, now: datetime
) -> tuple[ReadMode, Window | None]:
    if config.mode == "full":
        return ReadMode.FULL, None
    if config.mode == "range" and config.since is not None:
        return ReadMode.RANGE, window_since(config.since, now)
    if config.mode == "auto" and context.run.tags.get(TRIGGER_TAG) in GOES_ON:
        return ReadMode.INCREMENTAL, None
    return ReadMode.RANGE, launched_window(context, now)
