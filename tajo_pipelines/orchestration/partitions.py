"""Days as partitions, and windows of time out of them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import dagster as dg

from tajo_pipelines.model.window import Window
from tajo_pipelines.orchestration.names import RANGE_END_TAG, RANGE_START_TAG

FIRST_DAY = date(2022, 1, 1)
"""First day that can be launched by hand where the connection has no ``start_date``."""


def daily(start: date | None) -> dg.DailyPartitionsDefinition:
    """A partition a UTC day, today's included, which is provisional."""
    first = datetime.combine(start or FIRST_DAY, datetime.min.time(), UTC)
    return dg.DailyPartitionsDefinition(start_date=first, end_offset=1, timezone="UTC")


def range_tags(first: date, last: date) -> dict[str, str]:
    """Tags that make one run out of these days, both included."""
    return {RANGE_START_TAG: first.isoformat(), RANGE_END_TAG: last.isoformat()}


def window_of(context: dg.AssetExecutionContext, now: datetime) -> Window:
    """The time that a run's partitions span, up to now."""
    span = context.partition_time_window
    return Window(min(span.start, now), min(span.end, now))
