"""Which streams are due, read out of their cron expressions just as Dagster's daemon reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

# Private, and the one that the daemon ticks by: a second reading of cron could find no stream due at a tick.
from dagster._utils.schedules import cron_string_iterator


def due_streams(crons: Mapping[str, str], moment: datetime) -> list[str]:
    """The streams whose cron expression (UTC) names this minute.

    Args:
        crons: Expression by stream.
        moment: The tick's own time.
    """
    minute = moment.replace(second=0, microsecond=0)
    return [name for name, cron in crons.items() if _next(cron, minute) == minute]


def _next(cron: str, moment: datetime) -> datetime:
    """The first tick at or after a moment. Asked for from that day on, Dagster 1.13 misses the 29th of February."""
    day_before = (moment - timedelta(days=1)).timestamp()
    return next(tick for tick in cron_string_iterator(day_before, cron, "UTC") if tick >= moment)
