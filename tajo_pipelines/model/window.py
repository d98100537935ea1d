"""Half-open windows of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta


def utc(value: datetime) -> datetime:
    """The same instant in UTC.

    Raises:
        ValueError: When ``value`` has no zone: a naive time is never guessed.
    """
    if value.tzinfo is None:
        message = f"a time without zone can't be placed: {value.isoformat()}"
        raise ValueError(message)
    return value.astimezone(UTC)


def parse_time(text: str) -> datetime:
    """An ISO 8601 time with offset or ``Z``, as UTC.

    Raises:
        ValueError: When the text isn't such a time.
    """
    return utc(datetime.fromisoformat(text))


def format_time(value: datetime) -> str:
    """RFC 3339 in UTC with ``Z``, to the microsecond only where there is one."""
    return utc(value).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Window:
    """Times t with ``start <= t < end``; ``start`` None means from the beginning.

    Both bounds are aware and in UTC.
    """

    start: datetime | None
    end: datetime

    def __post_init__(self) -> None:
        """Bring both bounds to UTC and refuse an inverted window."""
        object.__setattr__(self, "end", utc(self.end))
        if self.start is not None:
            object.__setattr__(self, "start", utc(self.start))
            if self.start > self.end:
                message = f"a window can't end before it starts: {self.start} to {self.end}"
                raise ValueError(message)

    def __contains__(self, moment: datetime) -> bool:
        """Whether the moment lies in the window."""
        return (self.start is None or self.start <= moment) and moment < self.end

    def overlapping(self, overlap: timedelta) -> Window:
        """The same window, begun earlier by the overlap."""
        return Window(None if self.start is None else self.start - overlap, self.end)

    @property
    def days(self) -> tuple[date, date]:
        """First and last UTC day that the window touches; the first is the last where start is None."""
        last = (self.end - timedelta(microseconds=1)).date()
        return (self.start.date() if self.start is not None else last, last)
