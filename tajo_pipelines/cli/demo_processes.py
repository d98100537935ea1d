"""What a live demo needs beside itself: a receiver and Dagster, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import requests

from tajo_pipelines.model.errors import ConfigError, RetryableError

RECEIVER_PORT = 8787
UI_PORT = 3000
_PATIENCE = 90.0
"""Seconds until Dagster answers; 15 on a machine with nothing else to do."""

_STOPS = ((signal.SIGINT, 20.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Beside:
    """What runs.

    Attributes:
        receiver_url: Where the shop sends its webhooks to, without a path.
        ui_url: Dagster's UI.
    """

    receiver_url: str
    ui_url: str


@contextmanager
def beside(project: Path, home: Path) -> Iterator[Beside]:
    """A receiver and Dagster, with its daemon, for the length of a ``with`` block; both write a log in the home.

    Raises:
        RetryableError: One of them doesn't start; the sentence names its log.
    """
    with (
        _process(project, home / "receiver.log", _receiver(_free(RECEIVER_PORT))) as receiver,
        _process(project, home / "dagster.log", _dagster(port := _free(UI_PORT))) as dagster,
    ):
        url = _until(lambda: _receiver_url(receiver), receiver)
        ui = f"http://127.0.0.1:{port}"
        _until(lambda: _answers(ui), dagster)
        yield Beside(url, ui)


@dataclass(frozen=True, slots=True)
class _Process:
    popen: subprocess.Popen[bytes]
    log: Path

    def fail(self, what: str) -> RetryableError:
        return RetryableError(f"{what}; its log says why", code="not_started", where=str(self.log))


def _receiver(port: int) -> list[str]:
    return ["tajo_pipelines.cli", "webhooks", "serve", "--port", str(port), "--admin-port", "0", "--json"]


def _dagster(port: int) -> list[str]:
    return ["dagster", "dev", "-h", "127.0.0.1", "-p", str(port)]


@contextmanager
def _process(project: Path, log: Path, line: list[str]) -> Iterator[_Process]:
    """A module in a process group of its own: Ctrl-C reaches the demo alone, which stops it when it is through."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        popen = subprocess.Popen(  # noqa: S603  this project's own programs
            [sys.executable, "-m", *line], cwd=project, stdout=out, stderr=out, start_new_session=True
        )
        try:
            yield _Process(popen, log)
        finally:
            _stop(popen)


def _stop(popen: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started, gently first."""
    for number, patience in _STOPS:
        with suppress(ProcessLookupError):
            os.killpg(popen.pid, number)
        end = time.monotonic() + patience
        while _lives(popen):
            if time.monotonic() > end:
                break
            time.sleep(0.05)
        else:
            return


def _lives(popen: subprocess.Popen[bytes]) -> bool:
    popen.poll()
    try:
        os.killpg(popen.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _until(look: Callable[[], T | None], process: _Process) -> T:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if process.popen.poll() is not None:
            raise process.fail(f"{process.log.stem} ended with exit code {process.popen.returncode}")
        found = look()
        if found is not None:
            return found
        time.sleep(0.1)
    raise process.fail(f"{process.log.stem} didn't answer within {_PATIENCE:.0f} s")


def _receiver_url(receiver: _Process) -> str | None:
    """The address in the document that it prints once it answers."""
    with suppress(ValueError):
        document = json.loads(receiver.log.read_text("utf-8"))
        if not document["ok"]:
            error = document["error"]
            raise ConfigError(
                error["message"], code=error["code"], where=error["where"] or "", hint=error["hint"] or ""
            )
        return str(document["url"])
    return None


def _answers(ui: str) -> bool | None:
    try:
        return requests.get(f"{ui}/server_info", timeout=5).ok or None
    except requests.RequestException:
        return None


def _free(wanted: int) -> int:
    """The port, or another one where it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found: int = probe.getsockname()[1]
            return found
    raise RetryableError("no port can be opened", code="port_taken")
