"""What is shown as the next run is the minute in which Dagster's daemon starts it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dagster._utils.schedules import cron_string_iterator

from tajo_pipelines.settings.cron import cron_of, next_tick

MOMENTS = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=17 * n, hours=5 * n, minutes=7 * n) for n in range(40)]


@pytest.mark.parametrize(
    "word",
    [
        "hourly",
        "daily",
        "*/15 * * * *",
        "5 4 * * sun",
        "0 0 1,15 * *",
        "30 6 * 2-11/3 1-5",
        "0 12 13 * 5",
        "59 23 31 * *",
    ],
)
def test_it_is_the_minute_of_dagsters_own_reading(word: str) -> None:
    expression = cron_of(word, "shopify")
    for moment in MOMENTS:
        ticks = cron_string_iterator((moment + timedelta(seconds=1)).timestamp(), expression, "UTC")
        expected = next(tick for tick in ticks if tick > moment)
        assert next_tick(expression, moment) == expected.astimezone(UTC)


def test_the_29th_of_february_is_found_across_a_century() -> None:
    assert next_tick("0 0 29 2 *", datetime(2096, 3, 1, tzinfo=UTC)) == datetime(2104, 2, 29, tzinfo=UTC)
