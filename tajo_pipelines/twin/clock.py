"""Time as the twin sees it: real instants, shortened durations."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime


class TwinClock:
    """A clock whose instants are real and whose durations are shortened.

    ``now()`` is the real time in UTC. ``scaled(seconds)`` is how many real seconds a delay, a rate
    window or a process of that length lasts: with factor 60 an hour is over after a minute.

    Args:
        factor: How many times faster durations pass; greater than zero.
        source: Seconds since the epoch; tests inject their own.
    """

    def __init__(self, factor: float = 1.0, source: Callable[[], float] = time.time) -> None:
        """See the class."""
        if factor <= 0:
            msg = "the clock's factor must be greater than zero"
            raise ValueError(msg)
        self.factor = factor
        self._source = source

    def seconds(self) -> float:
        """Real seconds since the epoch."""
        return self._source()

    def now(self) -> datetime:
        """The real instant, aware, in UTC."""
        return datetime.fromtimestamp(self._source(), UTC)

    def scaled(self, seconds: float) -> float:
        """Real seconds that a duration of ``seconds`` lasts on this clock."""
        return seconds / self.factor
