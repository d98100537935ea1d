"""Dagster's daemon without its UI, to be killed and started again, with the processes that it starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tajo_pipelines_tests.e2e.dagster_dev import environment

_MARK = "TAJO_TESTS_DAEMON"
_WORKER = "multiprocessing.spawn"


@dataclass(slots=True)
class Daemon:
    """A daemon over a project; its code server and the runs' processes are told apart by a mark that they inherit.

    Attributes:
        project: The project's folder.
        kills: How often what was killed.
    """

    project: Path
    kills: dict[str, int] = field(default_factory=lambda: {"daemon": 0, "worker": 0})
    _mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start one; it works from a few seconds later on."""
        more = {"DAGSTER_HOME": str(self.project), _MARK: self._mark}
        command = [sys.executable, "-m", "dagster._daemon", "run"]
        with (self.project / "daemon.log").open("ab") as out:
            self._process = subprocess.Popen(
                command, cwd=self.project, env=environment(self.project, more), stdout=out, stderr=out
            )

    def kill(self) -> None:
        """End the daemon at once, as a crash would; its code server ends itself a while later, runs go on."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
            self.kills["daemon"] += 1

    def kill_worker(self) -> bool:
        """End the process of a run at once; whether there was one."""
        for pid in self._mine():
            if _WORKER in _command(pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.kills["worker"] += 1
                    return True
        return False

    def end(self) -> None:
        """End all of it."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(15)
        for number in (signal.SIGTERM, signal.SIGKILL):
            until = time.monotonic() + 5
            for pid in self._mine():
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            while self._mine() and time.monotonic() < until:
                time.sleep(0.1)
        if self._process is not None:
            self._process.wait()

    def said(self) -> str:
        """The end of what it printed."""
        return (self.project / "daemon.log").read_text("utf-8", "replace")[-4000:]

    def _mine(self) -> list[int]:
        """Processes that carry the mark, but for the daemon's own."""
        own = self._process.pid if self._process is not None else None
        found = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
        return [pid for pid in found if pid != own and self._mark.encode() in _read(pid, "environ")]


@contextmanager
def running_daemon(project: Path) -> Iterator[Daemon]:
    """One for the length of a ``with`` block."""
    daemon = Daemon(project)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.end()


def _command(pid: int) -> str:
    return _read(pid, "cmdline").replace(b"\0", b" ").decode("utf-8", "replace")


def _read(pid: int, name: str) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""
