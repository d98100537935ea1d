"""Which streams are due, read out of their cron expressions just as Dagster's daemon reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

# Private, and the one that the daemon ticks by: a second reading of cron could find no stream due at a tick.
from dagster._utils.schedules import cron_string_iterator


def due_streams(crons: Mapping[str, str], moment: datetime) -> list[str]:
    """The streams whose cron expression (UTC) names this minute.

    Args:
        crons: Expression by stream.
        moment: The tick's own time.
    """
    minute = moment.replace(second=0, microsecond=0)
    start = minute.timestamp()
    return [name for name, cron in crons.items() if next(cron_string_iterator(start, cron, "UTC")) == minute]
