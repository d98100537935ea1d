"""From when on bad records are more than bad luck."""

from __future__ import annotations

ALWAYS_ALLOWED = 20
"""Bad records that are no reason to worry, however few were read."""

MALFORMED_SHARE = 0.10
"""Share of malformed records over which nothing of a read is delivered: the platform answers something else then."""


def over_letters(read: int, rejected: int, threshold: float) -> bool:
    """Whether rejected records are over the account's ``letters.threshold`` of what was read."""
    return rejected > ALWAYS_ALLOWED and rejected > threshold * read


def too_malformed(read: int, malformed: int) -> bool:
    """Whether a read brought so many records without their documented shape that it must not be delivered."""
    return malformed > ALWAYS_ALLOWED and malformed > MALFORMED_SHARE * read
