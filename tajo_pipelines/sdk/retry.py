"""Repeats what may succeed later, for a bounded time.

A loop of our own because waits must honour the vendor's wish and run on the clock that was passed in.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tajo_pipelines.model.errors import RetryableError
from tajo_pipelines.sdk.clock import Clock

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the n-th repetition: exponential, capped, with full jitter above a floor.

    Attributes:
        first: Seconds before the first repetition, at most.
        longest: Seconds that no wait exceeds, but for a vendor's own wish.
        draw: A number in [0, 1); a test passes its own.
    """

    first: float = 0.5
    longest: float = 30.0
    # Spreads callers out; nothing secret hangs on it.
    draw: Callable[[], float] = field(default=random.random)

    def wait(self, repetition: int, asked: float | None) -> float:
        """Seconds to wait.

        Args:
            repetition: 0 before the first repetition.
            asked: What the vendor asked for; then exactly that and a little jitter.
        """
        ceiling: float = min(self.longest, self.first * 2.0 ** min(repetition, 30))
        if asked is not None:
            return asked + self.draw() * min(1.0, ceiling)
        return ceiling / 2 + self.draw() * ceiling / 2


def persist(call: Callable[[], ResultT], *, clock: Clock, patience: Callable[[], float], backoff: Backoff) -> ResultT:
    """The call's result, however often it takes within the patience.

    Args:
        call: Raises RetryableError where a repetition may help.
        clock: Waits and measures.
        patience: Seconds from the first call on, asked anew after each failure.
        backoff: Length of the waits.

    Raises:
        RetryableError: The last one, when the next wait would exceed the patience.
    """
    began = clock.monotonic()
    repetition = 0
    while True:
        try:
            return call()
        except RetryableError as error:
            wait = backoff.wait(repetition, error.retry_after)
            if clock.monotonic() - began + wait > patience():
                raise
            clock.sleep(wait)
            repetition += 1
