"""How long it took from a change at the platform until it was at Brevo."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Lag:
    """The whole seconds from source time to sending, of every record in groups of which something was sent.

    Eight bytes a record. By batch the figure is large and true: a record waits for the schedule first, and in a first
    sync it may be years old.
    """

    seconds: array[int] = field(default_factory=lambda: array("q"))

    def add(self, times: Iterable[datetime], sent_at: datetime) -> None:
        """Note records with these source times as sent now; one from the future counts as sent at once."""
        self.seconds.extend(max(0, int((sent_at - moment).total_seconds())) for moment in times)

    def document(self) -> dict[str, int | None]:
        """As JSON."""
        found = self.percentiles(50, 95) or (None, None)
        return {"p50_s": found[0], "p95_s": found[1]}

    def percentiles(self, *shares: int) -> tuple[int, ...] | None:
        """The nearest-rank percentiles in seconds; None where nothing was sent."""
        if not self.seconds:
            return None
        ordered = sorted(self.seconds)
        return tuple(ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)] for share in shares)
