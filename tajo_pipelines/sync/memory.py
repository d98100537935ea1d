"""Memory that is free but still held by the C library."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache


@cache
def _trim() -> Callable[[int], int] | None:
    """What malloc_trim of glibc is; None with other C libraries, which have none."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return trim


def give_back() -> None:
    """Hand free memory back to the system, between pieces of work that each need much for a moment.

    What is in use after each part of a delivery is the same from the first to the last (53 MB of C heap with 100,000
    customers, measured 2026-11-25), but the bodies and documents of several megabytes leave gaps behind, which glibc
    keeps by default: 10 to 20 MB after some parts (man 3 malloc_trim, mallopt). Where there is no such call, nothing
    happens.
    """
    trim = _trim()
    if trim is not None:
        trim(0)
