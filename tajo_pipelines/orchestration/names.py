"""Names that Dagster knows things by; each derives from connection and stream."""

from __future__ import annotations

from enum import StrEnum

import dagster as dg

TRIGGER_TAG = "tajo/trigger"
CONNECTION_TAG = "tajo/connection"
PROCESS_TAG = "tajo/process"
PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"

BREVO = "brevo"


class Trigger(StrEnum):
    """What launched a run, as its tag says; a run that a person launched in the UI has none."""

    SCHEDULE = "schedule"
    CLI = "cli"
    WEBHOOK = "webhook"


def landing_key(connection: str, stream: str) -> dg.AssetKey:
    """Key of what is read: ``[connection, stream]``."""
    return dg.AssetKey([connection, stream])


def brevo_key(connection: str, stream: str) -> dg.AssetKey:
    """Key of what Brevo is given: ``["brevo", connection, stream]``."""
    return dg.AssetKey([BREVO, connection, stream])


def platform_key(connection: str, stream: str) -> dg.AssetKey:
    """What stands for the platform's own objects where a column's origin is told; no asset of ours has it."""
    return dg.AssetKey(["platform", connection, stream])


def plain(connection: str) -> str:
    """The connection's name as Dagster takes it for jobs, schedules, groups and steps: ``-`` becomes ``_``."""
    return connection.replace("-", "_")


def landing_step(connection: str, stream: str) -> str:
    """Name of the step that reads."""
    return f"{plain(connection)}__{stream}"


def brevo_step(connection: str, stream: str) -> str:
    """Name of the step that delivers."""
    return f"{BREVO}__{plain(connection)}__{stream}"
