"""How long it took from a change at the platform until it was at Brevo."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

_STEPS = ((3_600, 1), (172_800, 60))
"""Below an hour each second counts, below two days each minute, and each hour beyond: memory stays bounded."""

_COARSEST = 3_600


@dataclass(slots=True)
class Lag:
    """Whole seconds from source time to sending, of every record in groups of which something was sent.

    By batch the figure is large and true: a record waits for the schedule first, and in a first sync it may be years
    old.

    Attributes:
        seconds: How many records took so long.
    """

    seconds: Counter[int] = field(default_factory=Counter)

    def add(self, times: Iterable[datetime], sent_at: datetime) -> None:
        """Note records with these source times as sent now; one from the future counts as sent at once."""
        self.seconds.update(_rounded(max(0, int((sent_at - moment).total_seconds()))) for moment in times)

    def document(self) -> dict[str, int | None]:
        """As JSON."""
        found = self.percentiles(50, 95) or (None, None)
        return {"p50_s": found[0], "p95_s": found[1]}

    def percentiles(self, *shares: int) -> tuple[int, ...] | None:
        """The nearest-rank percentiles in seconds; None where nothing was sent."""
        total = self.seconds.total()
        if not total:
            return None
        return tuple(self._at(max(1, math.ceil(share / 100 * total))) for share in shares)

    def _at(self, rank: int) -> int:
        passed = 0
        for seconds, records in sorted(self.seconds.items()):
            passed += records
            if passed >= rank:
                return seconds
        return max(self.seconds)


def _rounded(seconds: int) -> int:
    step = next((step for limit, step in _STEPS if seconds < limit), _COARSEST)
    return seconds - seconds % step
