"""Schedules as words, turned into cron expressions."""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime, time, timedelta

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: index for index, name in enumerate(_MONTH_NAMES, start=1)}
_DAYS = {name: index for index, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_PART = re.compile(r"(?P<first>\*|[0-9]{1,2}|[a-z]+)(?:-(?P<last>[0-9]{1,2}|[a-z]+))?(?:/(?P<step>[0-9]{1,3}))?")
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_NIGHT_HOURS = 5
_MOST_DAYS = 366 * 9
"""Longest time until a day comes: eight years lie between the 29ths of February around 2100."""


def cron_of(word: str, name: str) -> str:
    """The five-field cron expression (UTC) of a schedule.

    ``hourly`` and ``daily`` get a minute that depends on the connection's name alone, so that many connections
    don't start in the same second and none of them moves at a restart; ``daily`` falls between 0 and 5 o'clock.

    Args:
        word: ``hourly``, ``daily`` or a cron expression.
        name: The connection's name.

    Raises:
        ValueError: What is wrong with the expression.
    """
    spread = zlib.crc32(name.encode())
    if word == "hourly":
        return f"{spread % 60} * * * *"
    if word == "daily":
        return f"{spread % 60} {spread // 60 % _NIGHT_HOURS} * * *"
    return _checked(word)


def next_tick(expression: str, after: datetime) -> datetime:
    """The first minute later than a moment that an expression names, in UTC.

    As cron has it, a day that is bounded both in the month and in the week needs one of the two alone.

    Args:
        expression: Five fields, as `cron_of` gives them.
        after: Aware.
    """
    texts = expression.split()
    minutes, hours, days, months, weekdays = (_field(text, field) for text, field in zip(texts, _FIELDS, strict=True))
    either = texts[2] != "*" and texts[4] != "*"
    start = after.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    for number in range(_MOST_DAYS):
        day = start.date() + timedelta(days=number)
        in_week = day.isoweekday() in weekdays or (day.isoweekday() == 7 and 0 in weekdays)
        fits = (day.day in days or in_week) if either else (day.day in days and in_week)
        if day.month not in months or not fits:
            continue
        for hour in sorted(hours):
            for minute in sorted(minutes):
                moment = datetime.combine(day, time(hour, minute), UTC)
                if moment >= start:
                    return moment
    raise ValueError(f"{expression!r} names a day that never comes")


def _field(text: str, field: tuple[str, int, int, dict[str, int]]) -> set[int]:
    return set().union(*(_values(part, *field) for part in text.split(",")))


def _checked(expression: str) -> str:
    fields = expression.lower().split()
    if len(fields) != len(_FIELDS):
        raise ValueError("must be hourly, daily or a cron expression of five fields")
    _, _, days, months, _ = (_field(text, field) for text, field in zip(fields, _FIELDS, strict=True))
    if fields[4] == "*" and all(min(days) > _LONGEST[month - 1] for month in months):
        raise ValueError("names a day that never comes")
    return " ".join(fields)


def _values(part: str, title: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    """The numbers that one part of a field stands for."""
    match = _PART.fullmatch(part)
    if not match or (match["first"] == "*" and match["last"]):
        raise ValueError(f"{part!r} isn't a {title}")
    if match["first"] == "*":
        first, last = low, high
    else:
        first = _number(match["first"], title, names)
        last = _number(match["last"], title, names) if match["last"] else first
    for bound in (first, last):
        if not low <= bound <= high:
            raise ValueError(f"the {title} {bound} isn't between {low} and {high}")
    if first > last:
        raise ValueError(f"the {title} {part!r} runs backwards")
    step = int(match["step"] or 1)
    if step == 0:
        raise ValueError(f"the {title} {part!r} has a step of 0")
    if match["step"] and match["first"] != "*" and not match["last"]:
        raise ValueError(f"the {title} {part!r} has a step but no range")
    return set(range(first, last + 1, step))


def _number(text: str, title: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not text.isdecimal():
        raise ValueError(f"{text!r} isn't a {title}")
    return int(text)
