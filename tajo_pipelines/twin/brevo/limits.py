"""Brevo's rate limits: fixed windows per bucket, and the three headers that report them.

Numbers: developers.brevo.com/docs/api-limits, as of August 2026; the headers:
developers.brevo.com/docs/limit-headers. Which endpoints share "every other endpoint" isn't
documented; here they share one bucket, the stricter reading.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tajo_pipelines.twin.clock import TwinClock

SECOND = 1.0
HOUR = 3600.0

_GENERAL = {
    "contacts": {SECOND: 10, HOUR: 36_000},
    "events": {SECOND: 10, HOUR: 36_000},
    "orders": {SECOND: 5, HOUR: 18_000},
    "products": {SECOND: 2, HOUR: 7_200},
    "other": {HOUR: 100},
}
_ADVANCED = {
    "contacts": {SECOND: 20, HOUR: 72_000},
    "events": {SECOND: 20, HOUR: 72_000},
    "orders": {SECOND: 10, HOUR: 36_000},
    "products": {SECOND: 4, HOUR: 14_400},
    "other": {HOUR: 200},
}
_EXTENDED = {
    "contacts": {SECOND: 60},
    "events": {SECOND: 60},
    "orders": {SECOND: 15},
    "products": {HOUR: 21_600},
    "other": {HOUR: 600},
}
TIERS: Mapping[str, Mapping[str, Mapping[float, int]]] = {
    "general": _GENERAL,
    "advanced": _ADVANCED,
    "extended": _EXTENDED,
    "unlimited": {},
}
_DEDICATED = {
    ("POST", "/events"): "events",
    ("POST", "/orders/status"): "orders",
    ("POST", "/products"): "products",
}


def bucket_of(method: str, template: str) -> str:
    """Name of the bucket that a call counts in."""
    if template == "/contacts" or template.startswith("/contacts/"):
        return "contacts"
    return _DEDICATED.get((method, template), "other")


@dataclass(slots=True)
class _Window:
    length: float
    limit: int
    opened: float = -math.inf
    used: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call may pass, and the headers of its answer."""

    allowed: bool
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a window stands now.

    Attributes:
        bucket: Whose.
        seconds: Its length in real seconds.
        limit: Calls that it allows.
        used: Calls that it has taken.
        reset: Real seconds until it is full again; 0 where it isn't open.
    """

    bucket: str
    seconds: float
    limit: int
    used: int
    reset: float

    @property
    def remaining(self) -> int:
        """Calls that it still takes."""
        return self.limit - self.used


class Limits:
    """The windows of one account. A window opens with the first call after the last one's end."""

    def __init__(self, tier: str, clock: TwinClock) -> None:
        """Start with full buckets.

        Raises:
            KeyError: Unknown tier.
        """
        self._clock = clock
        self.tier = tier
        self._windows = {
            bucket: [_Window(clock.scaled(length), limit) for length, limit in windows.items()]
            for bucket, windows in TIERS[tier].items()
        }

    def take(self, bucket: str) -> Verdict:
        """Count one call; a refused one counts nowhere."""
        windows = self._windows.get(bucket, [])
        if not windows:
            return Verdict(allowed=True, headers={})
        now = self._clock.seconds()
        for window in windows:
            if now >= window.opened + window.length or now < window.opened:
                window.opened, window.used = now, 0
        allowed = all(window.used < window.limit for window in windows)
        if allowed:
            for window in windows:
                window.used += 1
        tightest = min(windows, key=lambda window: (window.limit - window.used, -window.length))
        return Verdict(
            allowed,
            {
                "x-sib-ratelimit-limit": str(tightest.limit),
                "x-sib-ratelimit-remaining": str(tightest.limit - tightest.used),
                "x-sib-ratelimit-reset": str(max(1, math.ceil(tightest.opened + tightest.length - now))),
            },
        )

    def standing(self) -> list[Standing]:
        """All windows as they stand, by bucket."""
        now = self._clock.seconds()
        standings: list[Standing] = []
        for bucket, windows in self._windows.items():
            for window in windows:
                left = window.opened + window.length - now
                is_open = 0 < left <= window.length
                used, reset = (window.used, left) if is_open else (0, 0.0)
                standings.append(Standing(bucket, window.length, window.limit, used, reset))
        return standings
