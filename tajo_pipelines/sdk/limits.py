"""Limits of platforms, kept before they are hit."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tajo_pipelines.sdk.clock import SYSTEM_CLOCK, Clock

FULLEST = 0.9
"""Part of the highest cost of a query that a page may take."""


@dataclass(frozen=True, slots=True)
class Cost:
    """``extensions.cost`` of a GraphQL answer.

    Attributes:
        requested: Points that the query could cost: what the bucket must hold before it runs.
        actual: Points that it did cost; None where it didn't run.
        maximum: Size of the bucket.
        available: Points left.
        restore: Points a second that come back.
    """

    requested: float
    actual: float | None
    maximum: float
    available: float
    restore: float

    @classmethod
    def read(cls, answer: Any) -> Cost | None:
        """The cost that an answer tells of, or None where it tells of none."""
        extensions = answer.get("extensions") if isinstance(answer, dict) else None
        cost = extensions.get("cost") if isinstance(extensions, dict) else None
        status = cost.get("throttleStatus") if isinstance(cost, dict) else None
        if not isinstance(cost, dict) or not isinstance(status, dict):
            return None
        requested = _number(cost.get("requestedQueryCost"))
        maximum = _number(status.get("maximumAvailable"))
        available = _number(status.get("currentlyAvailable"))
        restore = _number(status.get("restoreRate"))
        if requested is None or maximum is None or available is None or restore is None:
            return None
        return cls(requested, _number(cost.get("actualQueryCost")), maximum, available, restore)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return float(value)


@dataclass(slots=True)
class CostThrottle:
    """A leaky bucket of points as its owner describes it in every answer; nothing about it is assumed.

    Attributes:
        clock: Waits and measures.
    """

    clock: Clock = SYSTEM_CLOCK
    _last: Cost | None = field(init=False, default=None)
    _at: float = field(init=False, default=0.0)
    _known: dict[str, tuple[int, float]] = field(init=False, default_factory=dict)

    def before(self, query: str, size: int = 1) -> float:
        """Wait until the bucket should hold what a query asks for; the seconds waited.

        Args:
            query: Its name; what it asked for last is expected again, scaled up for a larger page.
            size: Of its page.
        """
        known = self._known.get(query)
        if known is None:
            return 0.0
        wait = self._missing(known[1] * max(1.0, size / known[0]))
        self.clock.sleep(wait)
        return wait

    def learn(self, query: str, cost: Cost | None, size: int = 1) -> None:
        """Take over what an answer says."""
        if cost is None:
            return
        self._known[query] = (size, cost.requested)
        self._last, self._at = cost, self.clock.monotonic()

    def refused(self, query: str) -> float:
        """Seconds to wait after a refusal whose cost was learned: (requested - available) / restore."""
        if query not in self._known:
            return 1.0
        return max(self._missing(self._known[query][1]), 0.1)

    def _missing(self, points: float) -> float:
        last = self._last
        if last is None or last.restore <= 0:
            return 0.0
        now = min(last.maximum, last.available + (self.clock.monotonic() - self._at) * last.restore)
        return max(0.0, (min(points, last.maximum) - now) / last.restore)


@dataclass(slots=True)
class PageSize:
    """How many objects to ask for, so that one query stays under its highest cost.

    The cost of a query grows at most with its size, so a size scaled by what the last one cost is safe, and a
    platform whose lists cost less than their length gets larger pages.

    Attributes:
        size: To ask for next.
        largest: The platform's own bound.
        limit: Points that one query may cost.
    """

    size: int
    largest: int
    limit: float

    def learn(self, cost: Cost | None) -> None:
        """Scale by what a query of this size was said to cost."""
        if cost is None or cost.requested <= 0:
            return
        bound = min(self.limit, cost.maximum) * FULLEST
        self.size = max(1, min(self.largest, int(self.size * bound / cost.requested)))

    def halve(self) -> bool:
        """After a refusal for its cost; whether there is a smaller size."""
        if self.size == 1:
            return False
        self.size //= 2
        return True
