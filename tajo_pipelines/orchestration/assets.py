"""Assets of one stream: what is read, and what Brevo is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from tajo_pipelines.model.window import Window
from tajo_pipelines.orchestration.names import (
    TRIGGER_TAG,
    brevo_key,
    landing_key,
    plain,
)
from tajo_pipelines.orchestration.partitions import daily, window_of
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.sdk.manifest import Manifest
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.delivery import DeliveryRequest
from tajo_pipelines.sync.reading import Reading, ReadMode, ReadRequest

OWNERS = ("team:integrations",)
GOES_ON = frozenset({"schedule", "cli", "webhook"})
"""Triggers whose runs go on from the watermark; any other run reads just the days that it names."""

READS_FIRST = {"orders": ("customers",)}
"""Streams whose delivery waits for others of the connection: a contact goes before its orders."""


class ReadConfig(dg.Config):
    """What a run reads: ``auto`` goes by what launched it, ``full`` reads everything, ``range`` takes its window.

    ``since`` (ISO 8601) begins the window of a ``range`` earlier or later than its first day.
    """

    mode: str = "auto"
    since: str | None = None


class DeliverConfig(dg.Config):
    """What a run delivers.

    ``force`` sends what hasn't changed too; ``with_events`` lets old causes start automations; ``replay`` delivers the
    batches of the run's own days again, through today's mapping.
    """

    force: bool = False
    with_events: bool = False
    replay: bool = False


@dataclass(frozen=True, slots=True)
class StreamAssets:
    """The assets of one stream."""

    landing: dg.AssetsDefinition
    brevo: dg.AssetsDefinition


def stream_assets(connection: Connection, manifest: Manifest, stream: str, streams: Sequence[str]) -> StreamAssets:
    """Build both assets of a stream.

    Args:
        connection: The connection.
        manifest: Its connector's manifest.
        stream: The stream.
        streams: All enabled streams of the connection.
    """
    partitions = daily(connection.start_date)
    common: dict[str, Any] = {
        "partitions_def": partitions,
        "backfill_policy": dg.BackfillPolicy.single_run(),
        "group_name": plain(connection.name),
        "owners": list(OWNERS),
    }
    landing = landing_key(connection.name, stream)
    first = [other for other in READS_FIRST.get(stream, ()) if other in streams]

    @dg.asset(
        key=landing,
        io_manager_key="landing_io_manager",
        kinds={manifest.name, "parquet"},
        description=(
            f"{stream.capitalize()} of {manifest.title} as they were read, in append-only files by day. "
            "A partition is a log, not a snapshot; today's is provisional."
        ),
        **common,
    )
    def read(context: dg.AssetExecutionContext, config: ReadConfig, workspace: WorkspaceResource) -> Reading:
        opened = workspace.get()
        mode, window = _what_to_read(context, config, opened.now())
        return Reading(opened, ReadRequest(connection.name, stream, mode, context.run_id, window))

    @dg.asset(
        key=brevo_key(connection.name, stream),
        deps=[landing, *(brevo_key(connection.name, other) for other in first)],
        io_manager_key="brevo_io_manager",
        kinds={"brevo"},
        description=(
            f"{stream.capitalize()} of {manifest.title} at Brevo: every landed batch that Brevo hasn't got yet, "
            "whatever its day, goes out; an outage heals itself."
        ),
        **common,
    )
    def deliver(
        context: dg.AssetExecutionContext, config: DeliverConfig, workspace: WorkspaceResource
    ) -> DeliveryRequest:
        replay = None
        if config.replay:
            opened = workspace.get()
            first_day, last_day = window_of(context, opened.now()).days
            replay = tuple(opened.store.batches.in_days(connection.name, stream, first_day, last_day))
        return DeliveryRequest(
            connection=connection.name,
            stream=stream,
            run_id=context.run_id,
            force=config.force,
            with_events=config.with_events,
            replay=replay,
        )

    return StreamAssets(read, deliver)


def _what_to_read(
    context: dg.AssetExecutionContext, config: ReadConfig, now: datetime
) -> tuple[ReadMode, Window | None]:
    trigger = context.run.tags.get(TRIGGER_TAG, "")
    if config.mode == "full":
        return ReadMode.FULL, None
    if config.mode == "range" and config.since is not None:
        since = datetime.fromisoformat(config.since)
        return ReadMode.RANGE, Window(since if since.tzinfo else since.replace(tzinfo=UTC), now)
    if config.mode == "auto" and trigger in GOES_ON:
        return ReadMode.INCREMENTAL, None
    return ReadMode.RANGE, window_of(context, now)
