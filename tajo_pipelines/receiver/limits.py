"""How much the receiver takes on, whoever asks."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

MB = 1024 * 1024

UNCLAIMED = 16 * 1024
"""Bytes of a body that need no room claimed: most deliveries are smaller, and so go on beside a flood of large ones."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one process.

    Attributes:
        body: Bytes of a body; a longer one is refused with 413.
        body_seconds: Until when a body has to be there; 408 after that.
        header_seconds: Until when a request's head has to be there; its connection is cut after that.
        room: Bytes of all bodies that are being read, as far as they are large.
        waiting: Deliveries that wait for a commit; 429 beyond that.
        waiting_bytes: Bytes of them.
        least_free: Bytes that stay free on the disk of the database; 429 below that.
        retry_after: Seconds after which somebody put off may come again.
        drain: Bytes of a refused body that are read on and thrown away, so that its sender reads why.
        drain_seconds: For how long.
    """

    body: int = 10 * MB
    body_seconds: float = 10.0
    header_seconds: float = 10.0
    room: int = 32 * MB
    waiting: int = 4000
    waiting_bytes: int = 64 * MB
    least_free: int = 256 * MB
    retry_after: int = 10
    drain: int = 32 * MB
    drain_seconds: float = 2.0


LIMITS = Limits()
"""Those that hold where nobody says otherwise."""


class Room:
    """Bytes that all bodies share while they are read."""

    def __init__(self, size: int) -> None:
        self.free = size

    def claim(self) -> Claim:
        """A claim of nothing yet, to grow as a body comes."""
        return Claim(self)


class Claim:
    """One body's part of a `Room`."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._held = 0

    def holds(self, size: int) -> bool:
        """Grow to a body of that size; whether there was room."""
        more = max(0, size - UNCLAIMED) - self._held
        if more > self._room.free:
            return False
        self._room.free -= more
        self._held += more
        return True

    def release(self) -> None:
        """Give all of it back."""
        self._room.free += self._held
        self._held = 0


class Disk:
    """Whether the database's disk has room left; asked once a second, not once a delivery.

    Args:
        folder: Where the database is; None where it is on another machine, which looks after itself.
        least_free: Bytes.
    """

    def __init__(self, folder: Path | None, least_free: int) -> None:
        self.is_full = False
        self._folder = folder
        self._least_free = least_free
        self.look()

    def look(self) -> None:
        """Look again. A folder that can't be asked says nothing: the next commit will."""
        if self._folder is None:
            return
        try:
            self.is_full = shutil.disk_usage(self._folder).free < self._least_free
        except OSError:
            self.is_full = False
