"""Which process this is, and whether another one still runs."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """What tells a process from every other, also from a later one with the same number.

    Attributes:
        machine: Host, its boot and its table of processes: a container has one of its own.
        pid: Number of the process there.
        started: The kernel's start time of it; empty where the system doesn't say.
    """

    machine: str
    pid: int
    started: str

    @classmethod
    def own(cls) -> ProcessMark:
        """Of this process."""
        return cls(_machine(), os.getpid(), _started(os.getpid()) or "")

    def is_gone(self) -> bool:
        """Whether it is certain that the process has ended; of another machine nothing is certain."""
        if self.machine != _machine():
            return False
        started = _started(self.pid)
        if started is not None and self.started:
            return started != self.started
        return not _exists(self.pid)


@lru_cache(maxsize=1)
def _machine() -> str:
    return f"{platform.node()}/{_boot()}/{_namespace()}"


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Field 22 of Linux' ``/proc/<pid>/stat``, "ended" for a zombie; None where that can't be read."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return "ended" if fields[0] in ("Z", "X") else fields[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is there, and belongs to somebody else
        return True
    return True
