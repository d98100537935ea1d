"""One bucket's allowance as we know it: a pure state machine over seconds since the epoch.

A vendor counts calls where they arrive, and we only know when we booked them and when the answer came. So

* **per second** every call occupies its place for one second from its latest possible arrival (its answer, at most
  `FLIGHT` after its booking). Whatever way the vendor cuts its seconds, none of them sees too many.
* **per hour** there is one fixed window from our first call in it. The headers correct its end (``reset``, remaining
  seconds, makes an upper bound of the vendor's own end) and what is used (``limit - remaining``).

Headers of calls that were booked in an earlier window say nothing of this one and change neither.
"""

from __future__ import annotations

import math
from typing import Protocol

import msgspec

HOUR = 3600.0
FLIGHT = 0.25
"""Seconds from booking to arrival that are reckoned with, at most."""

MARGIN = 0.002
"""Seconds by which two clocks of one machine may differ while one is set."""

STRADDLE = 2.0
"""Calls booked so shortly before an hour's end may arrive after it, and count there too."""

KEPT = 64
"""Bookings of a bucket without a limit a second that are remembered for `STRADDLE`."""


class Limits(Protocol):
    """Allowance of one bucket; None where there is no such limit."""

    @property
    def per_second(self) -> int | None:
        """Calls a second."""
        ...

    @property
    def per_hour(self) -> int | None:
        """Calls an hour."""
        ...


class Booked(msgspec.Struct, array_like=True):
    """One call as booked.

    Attributes:
        number: Running number within the bucket.
        at: When it was booked.
        release: When its place in the second is free again.
        answered: When its answer came; 0 before.
    """

    number: int
    at: float
    release: float
    answered: float = 0.0


class Hour(msgspec.Struct):
    """The window of an hour."""

    number: int = 0
    end: float = 0.0
    used: int = 0
    corrected: bool = False


class Ticket(msgspec.Struct, frozen=True):
    """What a booking is recognised by when its answer comes."""

    number: int
    at: float
    hour: int


class Allowance(msgspec.Struct):
    """A limit: as configured, and as the vendor's headers said.

    Attributes:
        configured: From the configured tier; None where there is none.
        learned: From the headers, which know better.
        heard: Whether a header spoke of this very window; else it was derived from the other one.
    """

    configured: int | None = None
    learned: int | None = None
    heard: bool = False

    @property
    def value(self) -> int | None:
        """The limit that counts."""
        return self.configured if self.learned is None else self.learned

    def hear(self, limit: int) -> float:
        """Take a header's word; by what factor it is better than configured (1 where it isn't)."""
        self.learned, self.heard = limit, True
        return max(1.0, limit / self.configured) if self.configured else 1.0

    def derive(self, factor: float) -> None:
        """A better tier raises both limits of a bucket alike."""
        if factor > 1 and self.configured is not None and not self.heard:
            self.learned = round(self.configured * factor)


class Bucket(msgspec.Struct):
    """One bucket of one account, for all processes."""

    second: Allowance = msgspec.field(default_factory=Allowance)
    hourly: Allowance = msgspec.field(default_factory=Allowance)
    hour: Hour = msgspec.field(default_factory=Hour)
    recent: list[Booked] = msgspec.field(default_factory=list)
    number: int = 0
    blocked_until: float = 0.0
    too_many: int = 0

    def book(self, now: float, limits: Limits) -> Ticket | float:
        """Book one call now, or say how many seconds to wait before asking again."""
        self.second.configured, self.hourly.configured = limits.per_second, limits.per_hour
        self._turn_hour(now)
        wait = max(self.blocked_until - now, self._hour_wait(now), self._second_wait(now))
        if wait > 0:
            return wait
        self.number += 1
        self.recent = self._kept(now)
        self.recent.append(Booked(self.number, now, now + FLIGHT + 1 + MARGIN))
        self.hour.used += 1
        return Ticket(self.number, now, self.hour.number)

    def _kept(self, now: float) -> list[Booked]:
        """Those that occupy a place in a second, and of the others the last few that may straddle an hour's end."""
        if self.second.value is None:
            return [booked for booked in self.recent[-KEPT:] if booked.at > now - STRADDLE]
        return [booked for booked in self.recent if booked.release > now or booked.at > now - STRADDLE]

    def _turn_hour(self, now: float) -> None:
        if now < self.hour.end:
            return
        straddling = sum(1 for booked in self.recent if booked.at > now - STRADDLE)
        self.hour = Hour(self.hour.number + 1, now + HOUR, straddling)

    def _hour_wait(self, now: float) -> float:
        limit = self.hourly.value
        return self.hour.end - now if limit is not None and self.hour.used >= limit else 0.0

    def _second_wait(self, now: float) -> float:
        limit = self.second.value
        if limit is None:
            return 0.0
        releases = sorted(booked.release for booked in self.recent if booked.release > now)
        return releases[len(releases) - limit] - now if len(releases) >= limit else 0.0

    def ended(self, now: float, ticket: Ticket | None) -> None:
        """A call has its answer, or will get none: it has arrived by now, if ever."""
        if ticket is None:
            return
        for booked in self.recent:
            if booked.number == ticket.number:
                booked.answered = now
                booked.release = min(booked.release, now + 1 + MARGIN)

    def answered(
        self,
        now: float,
        ticket: Ticket | None,
        *,
        limit: int | None,
        remaining: int | None,
        reset: float | None,
    ) -> None:
        """Learn from an answer and its headers; ``reset`` in remaining seconds."""
        self.ended(now, ticket)
        if limit is None or limit <= 0:
            return
        if self._speaks_of_the_hour(limit, reset):
            self.second.derive(self.hourly.hear(limit))
            self._correct_hour(now, ticket, limit, remaining, reset)
        else:
            self.hourly.derive(self.second.hear(limit))
            self._correct_second(now, ticket, limit, remaining, reset)

    def _speaks_of_the_hour(self, limit: int, reset: float | None) -> bool:
        """Which window a header means: no second has more than two left, else the nearer limit by ratio."""
        second, hour = self.second.configured, self.hourly.configured
        if (reset is not None and reset > 2) or second is None:
            return True
        hour = hour or round(second * HOUR)
        return abs(math.log(limit / hour)) <= abs(math.log(limit / second))

    def _correct_hour(
        self, now: float, ticket: Ticket | None, limit: int, remaining: int | None, reset: float | None
    ) -> None:
        if ticket is None or ticket.hour != self.hour.number:
            return
        if reset is not None:
            end = now + reset + (MARGIN if _exact(reset) else 1.0)
            self.hour.end = min(self.hour.end, end) if self.hour.corrected else end
            self.hour.corrected = True
        if remaining is not None:
            self.hour.used = max(self.hour.used, limit - remaining)

    def _correct_second(
        self, now: float, ticket: Ticket | None, limit: int, remaining: int | None, reset: float | None
    ) -> None:
        end = now + 1.0 + MARGIN
        if reset is not None and _exact(reset) and ticket is not None:
            # What was answered before the vendor's second can have ended, arrived in it or before.
            end = min(end, now + reset + MARGIN)
            for booked in self.recent:
                if 0 < booked.answered <= ticket.at + reset:
                    booked.release = min(booked.release, end)
        ours = sum(1 for booked in self.recent if booked.release > now)
        if remaining == 0 and ours < limit:  # somebody else uses the same account
            self.blocked_until = max(self.blocked_until, end)

    def refused(self, now: float, reset: float) -> None:
        """A 429: no call before ``reset`` seconds have passed."""
        self.too_many += 1
        self.blocked_until = max(self.blocked_until, now + reset)
        limit = self.hourly.value
        if reset > 2 and limit is not None and now < self.hour.end:
            self.hour.end = self.blocked_until
            self.hour.used = max(self.hour.used, limit)


def _exact(reset: float) -> bool:
    """Whether a header counts in fractions; a whole number may be rounded either way."""
    return reset > 0 and reset != math.floor(reset)
