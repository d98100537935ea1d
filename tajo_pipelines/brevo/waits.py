"""How long one call is repeated.

Three parties make a call wait: the shared budget, Brevo's reset header and our own back-off. They share one clock and
one patience here, which is why the back-off isn't left to a retrying decorator with a clock of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST_RESET = 3_660.0
"""Seconds: an hourly allowance is waited for, nothing longer."""

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_UNREACHED_TRIES = 4
_DICE = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why one attempt gave no answer.

    Attributes:
        sentence: What happened, for a person, with METHOD and template.
        reached: Whether the request may have been carried out.
        limited: Whether it was refused for want of allowance (429).
        reset: Seconds until the allowance is renewed, where Brevo said so.
    """

    sentence: str
    reached: bool
    limited: bool = False
    reset: float | None = None


class Waits:
    """The patience of one call."""

    def __init__(self, clock: Callable[[], datetime], patience: float) -> None:
        self._clock = clock
        self._patience = timedelta(seconds=patience)
        self._until: datetime | None = None
        self._resets = 0
        self._tries = 0

    def closed_for(self, reset: float | None) -> float | None:
        """Seconds for which the bucket is closed after a 429, or None once the patience is used up.

        Without a reset from Brevo: 1 s, doubled each time.
        """
        now = self._clock()
        self._resets += 1
        seconds = min(2.0 ** (self._resets - 1), 60.0) if reset is None else max(reset, 0.1)
        if seconds > LONGEST_RESET:
            return None
        known = timedelta(seconds=seconds)
        if self._until is None or known > self._patience:
            self._until = max(self._until or now, now + known + self._patience)
        return seconds if now + known <= self._until and self._resets <= 1_000 else None

    def pause(self, *, hopeless: bool) -> float | None:
        """Seconds to wait before the next attempt after other trouble, or None once the patience is used up.

        Args:
            hopeless: Whether no connection was ever made: then a few tries are enough.
        """
        now = self._clock()
        self._tries += 1
        if self._until is None:
            self._until = now + self._patience
        longest = min(_FIRST_PAUSE * 2.0 ** (self._tries - 1), _LONGEST_PAUSE)
        seconds = longest * (0.5 + _DICE.random() / 2)
        if hopeless and self._tries >= _UNREACHED_TRIES:
            return None
        return seconds if now + timedelta(seconds=seconds) <= self._until else None
