"""What a term of a search filter may mean: times, numbers, ids, flags, words.

A builder gets how to read the value, the comparison, the text asked for, and the context of the search.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Document = dict[str, Any]
Test = Callable[[Document], bool]

_OPEN_DAY = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


class SearchError(ValueError):
    """A filter that this stand-in can't read; the message says what it can."""


@dataclass(frozen=True, slots=True)
class Context:
    """What ``now`` means, and the zone in which times without an offset are read."""

    now: datetime
    zone: ZoneInfo


Read = Callable[[Document], Any]
Build = Callable[[Read, str, str, Context], Test]


def _compare(read: Read, op: str, bound: Any) -> Test:
    if op == ">=":
        return lambda document: bool((value := read(document)) is not None and value >= bound)
    if op == "<=":
        return lambda document: bool((value := read(document)) is not None and value <= bound)
    if op == ">":
        return lambda document: bool((value := read(document)) is not None and value > bound)
    if op == "<":
        return lambda document: bool((value := read(document)) is not None and value < bound)
    return lambda document: bool(read(document) == bound)


def time(read: Read, op: str, value: str, context: Context) -> Test:
    """A time; equality, and bounds given as a day, month or year, mean that whole span in the shop's zone."""
    if ".." in value:
        first, last = value.split("..", 1)
        low, high = _span(first, context)[0], _span(last, context)[1]
        return lambda document: bool((at := read(document)) is not None and low <= at < high)
    start, end = _span(value, context)
    instant = start == end
    if op in (">=", "<"):
        return _compare(read, op, _ceil(value, context) if instant else start)
    if op in (">", "<=") and not instant:
        return _compare(read, ">=" if op == ">" else "<", end)
    if op or instant:
        return _compare(read, op, start)
    return lambda document: bool((at := read(document)) is not None and start <= at < end)


def _span(value: str, context: Context) -> tuple[str, str]:
    """First second of what was meant and the first after it; the same second where it is an instant."""
    if value == "now":
        return _stamp(context.now), _stamp(context.now)
    if _OPEN_DAY.fullmatch(value):
        start = datetime.fromisoformat(value + "-01-01"[len(value) - 4 :])
        start = start.replace(tzinfo=context.zone)
        if len(value) == 4:
            end = start.replace(year=start.year + 1)
        elif len(value) == 7:
            end = (start + timedelta(days=32)).replace(day=1)
        else:
            end = start + timedelta(days=1)
        return _stamp(start), _stamp(end)
    at = _instant(value, context)
    return _stamp(at), _stamp(at)


def _instant(value: str, context: Context) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise SearchError(f"not a time: {value!r}") from error
    return at if at.tzinfo is not None else at.replace(tzinfo=context.zone)


def _ceil(value: str, context: Context) -> str:
    """The first whole second at or after an instant, as documents have whole seconds."""
    at = context.now if value == "now" else _instant(value, context)
    return _stamp(at + timedelta(microseconds=999_999) if at.microsecond else at)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def number(read: Read, op: str, value: str, _context: Context) -> Test:
    """A number, or one of a list of numbers."""
    try:
        bound = float(value)
    except ValueError as error:
        raise SearchError(f"not a number: {value!r}") from error
    test = _compare(lambda each: each, op, bound)

    def matches(document: Document) -> bool:
        found = read(document)
        return any(test(each) for each in found) if isinstance(found, list) else test(found)

    return matches


def identity(read: Read, op: str, value: str, context: Context) -> Test:
    """A numeric id, also where a global one is given."""
    return number(read, op, value.rsplit("/", 1)[-1], context)


def flag(read: Read, _op: str, value: str, _context: Context) -> Test:
    """True or false."""
    wanted = value.lower() == "true"
    return lambda document: bool(read(document)) is wanted


def word(read: Read, _op: str, value: str, _context: Context) -> Test:
    """One of the words given, divided by commas, or any at all for ``*``; case doesn't count."""
    wanted = [part.strip().lower() for part in value.split(",")]

    def matches(document: Document) -> bool:
        found = read(document)
        if found is None or found == []:
            return False
        if "*" in wanted:
            return True
        texts = [str(each).lower() for each in found] if isinstance(found, list) else [str(found).lower()]
        return any(text in wanted for text in texts)

    return matches


def other_word(read: Read, op: str, value: str, context: Context) -> Test:
    """None of the words given."""
    return turned(word(read, op, value, context))


def turned(test: Test) -> Test:
    """The opposite."""
    return lambda document: not test(document)
