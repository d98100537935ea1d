"""Times as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from tajo_pipelines.cli.documents import UsageError

_AGO = re.compile(r"(?P<count>\d{1,6})(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime, option: str) -> datetime:
    """A past time: ``2026-11-24``, ``2026-11-24T08:00:00Z`` or ``36h`` ago; without zone it is UTC.

    Args:
        text: As typed.
        now: The present.
        option: The option's name, for errors.

    Raises:
        UsageError: It is no such time, or lies ahead.
    """
    ago = _AGO.fullmatch(text.strip().lower())
    try:
        if ago:
            found = now - timedelta(**{_UNITS[ago["unit"]]: int(ago["count"])})
        else:
            found = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text!r} is no time", where=option, hint="like 2026-11-24, 2026-11-24T08:00:00Z or 36h (s, m, h, d, w)"
        ) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    if found > now:
        raise UsageError(f"{text!r} lies ahead", where=option)
    return found.astimezone(UTC)
