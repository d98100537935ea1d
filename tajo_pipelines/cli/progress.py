"""A line on stderr that says what a sync is doing, where stderr is a terminal."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

from tajo_pipelines.sync.workspace import Workspace

EVERY = 1.0
"""Seconds between two looks at how far it is."""

_WORDS = {
    "running": "being read",
    "landed": "read, being delivered",
    "done": "done",
    "failed": "failed",
    "already_running": "another run is at it",
}


@contextmanager
def progress(workspace: Workspace, connection: str, streams: tuple[str, ...]) -> Iterator[Callable[[str], None]]:
    """A status line for the length of a sync.

    Args:
        workspace: Whose store tells how far the streams are.
        connection: The connection.
        streams: The streams that run.

    Yields:
        Sets what is said beside the connection's name.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    # Dagster turns the process's stderr into a step's log while the step runs; the line stays on the terminal.
    with os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8") as terminal:
        console = Console(file=terminal, markup=False, highlight=False)
        began = workspace.now()
        over = threading.Event()
        with console.status(connection) as status:

            def show(text: str) -> None:
                status.update(f"{connection}: {text}")

            def watch() -> None:
                while not over.wait(EVERY):
                    _look(workspace, connection, streams, began.timestamp(), status)

            watching = threading.Thread(target=watch, name="progress", daemon=True)
            watching.start()
            try:
                yield show
            finally:
                over.set()
                watching.join()


def _look(workspace: Workspace, connection: str, streams: tuple[str, ...], began: float, status: Status) -> None:
    latest = [report for stream in streams for report in workspace.store.reports.latest(connection, stream)]
    found = [
        f"{report.stream} {_WORDS.get(report.status, report.status)}"
        for report in latest
        if report.started_at.timestamp() >= began
    ]
    if found:
        status.update(f"{connection}: {', '.join(found)}")
