"""What a vendor said, fit to be shown: without secrets, without addresses, not too long."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ADDRESS = re.compile(r"[^\s@\"'<>,;:()]+@[^\s@\"'<>,;:()]+\.[^\s@\"'<>,;:()]+")
_LONGEST = 300


def quoted(text: str, secrets: Iterable[str] = ()) -> str:
    """A vendor's words for a message of ours.

    Args:
        text: As it came.
        secrets: Values that must not be shown, wherever they stand.
    """
    for secret in sorted((secret for secret in secrets if len(secret) >= 4), key=len, reverse=True):
        text = text.replace(secret, "***")
    text = " ".join(_ADDRESS.sub("***@***", text).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
