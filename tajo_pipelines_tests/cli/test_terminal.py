"""What only a terminal shows: a hidden question for a secret, and how far a sync is."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tajo_pipelines.cli.progress import figures
from tajo_pipelines_tests.cli.conftest import ROOT, Project, validate
from tajo_pipelines_tests.cli.test_connect import KEY, PRINTED, SECRET

PATIENCE = 60.0


@dataclass(slots=True)
class Terminal:
    """A command whose stdin and stderr are a terminal; its stdout goes to a file."""

    process: subprocess.Popen[bytes]
    master: int
    out: Path
    screen: bytes = b""
    _ends: float = field(default_factory=lambda: time.monotonic() + PATIENCE)

    def until(self, words: str | None) -> str:
        """Read the screen until it shows these words, or to the command's end."""
        while words is None or words.encode() not in self.screen:
            assert time.monotonic() < self._ends, self.screen
            readable, _, _ = select.select([self.master], [], [], 0.2)
            if not readable:
                continue
            try:
                self.screen += os.read(self.master, 65536)
            except OSError:  # how Linux says that the other side has closed
                assert words is None, self.screen
                break
        return self.screen.decode()

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self.master, f"{text}\n".encode())

    def end(self) -> int:
        """Wait for the end; the exit code."""
        self.until(None)
        return self.process.wait(PATIENCE)


@contextmanager
def terminal(project: Project, *arguments: str) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    out = project.folder / "stdout"
    command = [sys.executable, "-m", "tajo_pipelines.cli", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120"}
    with out.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=file,
            stderr=slave,
            cwd=project.folder,
            env=environment,
            start_new_session=True,
        )
    os.close(slave)
    try:
        yield Terminal(process, master, out)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
        os.close(master)


def test_the_printed_line_on_a_terminal_asks_for_the_secret_without_showing_it(fresh: Project) -> None:
    with terminal(fresh, *PRINTED, "--json") as shown:
        shown.until("SHOPIFY_API_SECRET): ")
        shown.type(SECRET)
        assert shown.end() == 0, shown.screen
        assert SECRET not in shown.screen.decode()
        document = json.loads(shown.out.read_text("utf-8"))
    validate(document)
    assert {secret["key"]: secret["source"] for secret in document["secrets"]} == {
        "api_key": "command_line",
        "api_secret": "prompt",
    }
    assert f"SHOPIFY_API_KEY={KEY}\nSHOPIFY_API_SECRET={SECRET}\n" in (fresh.folder / ".env").read_text("utf-8")


def test_who_types_nothing_gets_exit_2_and_nothing_is_written(fresh: Project) -> None:
    with terminal(fresh, *PRINTED) as shown:
        shown.until("SHOPIFY_API_SECRET): ")
        shown.type("")
        assert shown.end() == 2
        assert "--api-secret" in shown.screen.decode()
    assert not (fresh.folder / ".env").exists()


def test_a_sync_shows_each_stream_on_the_terminal_and_the_document_alone_on_stdout(
    connected: Project,
) -> None:
    with terminal(connected, "connectors", "sync", "shopify", "--full", "--json") as shown:
        assert shown.end() == 0, shown.screen
        document = json.loads(shown.out.read_text("utf-8"))
    validate(document)
    screen = shown.screen.decode()
    for stream, numbers in document["streams"].items():
        assert f"{stream} read" in screen
        assert f"{stream} delivered" in screen
        assert f"{numbers['read']:,} of {numbers['read']:,}" in screen


@pytest.mark.parametrize(
    ("done", "total", "seconds", "ended", "shown"),
    [
        (0, 1000, 0.0, False, "0 of 1,000"),
        (1200, 5000, 4.0, False, "1,200 of 5,000, 300/s, 13 s left"),
        (1200, None, 4.0, False, "1,200, 300/s"),
        (5000, 5000, 10.0, True, "5,000 of 5,000, 500/s"),
        (4990, 5000, 10.0, True, "4,990, 499/s"),
        (5010, 5000, 10.0, False, "5,010 of 5,010, 501/s"),
        (1000, 1_000_000, 100.0, False, "1,000 of 1,000,000, 10/s, 27 h 45 min left"),
    ],
)
def test_rate_and_remaining_time_are_shown_where_they_are_known(
    done: int, total: int | None, seconds: float, ended: bool, shown: str
) -> None:
    assert figures(done, total, 0, seconds, ended=ended) == shown


def test_what_an_earlier_run_did_says_nothing_of_the_rate() -> None:
    assert figures(900, 1000, 800, 10.0) == "900 of 1,000, 10/s, 10 s left"
