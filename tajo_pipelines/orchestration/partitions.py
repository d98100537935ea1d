"""Days as partitions, and windows of time out of them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import dagster as dg

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.model.window import Window, utc
from tajo_pipelines.orchestration.names import RANGE_END_TAG, RANGE_START_TAG

FIRST_DAY = date(2022, 1, 1)
"""First day that can be launched by hand where the connection has no ``start_date``."""


def first_day(start: date | None) -> date:
    """The first day with a partition; never one that is still to come, for today must have one."""
    return min(start or FIRST_DAY, datetime.now(UTC).date())


def daily(start: date | None) -> dg.DailyPartitionsDefinition:
    """A partition a UTC day, today's included, which is provisional."""
    first = datetime.combine(first_day(start), datetime.min.time(), UTC)
    return dg.DailyPartitionsDefinition(start_date=first, end_offset=1, timezone="UTC")


def range_tags(first: date, last: date, start: date | None) -> dict[str, str]:
    """Tags that make one run out of these days, both included.

    Args:
        first: First day; moved to the first that has a partition.
        last: Last day; likewise.
        start: The connection's ``start_date``.
    """
    earliest = first_day(start)
    return {RANGE_START_TAG: max(first, earliest).isoformat(), RANGE_END_TAG: max(last, earliest).isoformat()}


def launched_window(context: dg.AssetExecutionContext, now: datetime) -> Window:
    """The time that a run's partitions span, up to now.

    Raises:
        ConfigError: The run names no day.
    """
    if not (context.has_partition_key or context.has_partition_key_range):
        raise ConfigError(
            "this run names no day",
            code="no_partition",
            where=context.asset_key.to_user_string(),
            hint="launch it for one partition or a range of them, or with mode: full",
        )
    span = context.partition_time_window
    return Window(min(span.start, now), min(span.end, now))


def window_since(text: str, now: datetime) -> Window:
    """The time from an ISO 8601 date or time, UTC where it names no zone, up to now.

    Raises:
        ConfigError: The text is no time, or a time to come.
    """
    try:
        since = datetime.fromisoformat(text)
    except ValueError:
        since = None
    if since is not None:
        since = utc(since if since.tzinfo else since.replace(tzinfo=UTC))
    if since is None or since > now:
        problem = "isn't a time such as 2024-01-31T08:00:00Z" if since is None else "is still to come"
        raise ConfigError(f"since: {text!r} {problem}", code="invalid_since")
    return Window(since, now)
