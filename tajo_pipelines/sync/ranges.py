"""Ranges of days: which parts of one are still to be read, and what an interrupted run needn't read again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import msgspec

from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.connector import Stream

MOST_PARTS = 30
"""Parts into which a range is cut at most: a month goes day by day then."""

PART = 10
"""Records of such a part, about: what an interruption costs at most, and what a question of its own is worth."""

SAME_END = timedelta(hours=1)
"""How much later a range that ends now may end and still be the same one: what changed since is the schedule's."""

_DAY = timedelta(days=1)


class _Text(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place as the cursor of a read holds it."""

    end: datetime
    run: str
    start: datetime | None = None
    cursor: str | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """How far the read of a range is.

    Attributes:
        part: What is being read, or was read last; everything before it is landed.
        cursor: Where the platform goes on inside of it; None at its beginning.
        done: Whether the part is landed to its end.
        run_id: The run that came so far.
    """

    part: Window
    cursor: str | None
    done: bool
    run_id: str

    @property
    def text(self) -> str:
        """As the cursor of a read."""
        found = _Text(self.part.end, self.run_id, self.part.start, self.cursor, self.done)
        return msgspec.json.encode(found).decode()

    @classmethod
    def parse(cls, text: str | None) -> Place | None:
        """The place in a read's cursor; None at its beginning, and where the cursor says something else."""
        if text is None:
            return None
        try:
            found = msgspec.json.decode(text, type=_Text)
        except msgspec.DecodeError:
            return None
        return cls(Window(found.start, found.end), found.cursor, found.done, found.run)


def parts(
    window: Window, stream: Stream, place: Place | None, count: Callable[[Window], int | None]
) -> Iterator[tuple[Window, str | None]]:
    """What is still to be read, oldest first, each with the cursor to go on with.

    Args:
        window: The whole range.
        stream: What is read.
        place: How far an earlier run came, over a range with the same start that ended no later.
        count: How many records a window has, where the platform tells; asked where a range may be cut.
    """
    start = window.start
    if place is not None:
        if not place.done:
            yield place.part, place.cursor
        if _same_end(place.part.end, window.end):
            return
        start = place.part.end
        if start != _midnight(start):
            # It ended when it was read: the platform's index may have been late.
            start = max(start - stream.overlap, window.start or start)
    if start is None or window.start is None or stream.by_change:
        yield Window(start, window.end), None
        return
    step = _DAY * _days(Window(start, window.end), count)
    while True:
        end = min(_midnight(start) + step, window.end)
        yield Window(start, end), None
        if end == window.end:
            return
        start = end


def _same_end(earlier: datetime, end: datetime) -> bool:
    """Whether a range that an earlier run read to there has been read to its end."""
    return earlier >= end or (earlier != _midnight(earlier) and end - earlier <= SAME_END)


def _days(window: Window, count: Callable[[Window], int | None]) -> int:
    """Days of each part of a window whose start is known."""
    first, last = window.days
    days = (last - first).days + 1
    records = count(window) if days > 1 else None
    wanted = MOST_PARTS if records is None else min(MOST_PARTS, math.ceil(records / PART))
    return math.ceil(days / max(1, wanted))


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time(), UTC)
