"""How far a sync is, on a terminal: a line a stream and phase, with rate and remaining time; on stderr alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text

from tajo_pipelines.sync.progress import Phase, Work, observed_by

_WORDS = {Phase.READING: "read", Phase.DELIVERING: "delivered"}
_MINUTE, _HOUR = 60, 3600
_SURE_AFTER = 0.5
"""Seconds after which a rate says something."""


@contextmanager
def progress(connection: str) -> Iterator[Callable[[str], None]]:
    """Show how far the runs of this thread are, where stderr is a terminal.

    Args:
        connection: Whose sync it is.

    Yields:
        Sets what is said beside the connection's name until the first stream runs.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    # Dagster turns the process's stderr into a step's log while the step runs; these lines stay on the terminal.
    with os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8") as terminal, _lines(terminal) as lines:
        bars = Bars(lines, lines.add_task(connection, total=None))
        with observed_by(bars):
            yield lambda text: lines.update(bars.general, description=f"{connection}: {text}")


class Bars:
    """Draws what it hears; see `sync.progress.Observer`.

    Attributes:
        general: The line that says what happens before the first stream.
    """

    wants_totals = True

    def __init__(self, lines: Progress, general: TaskID) -> None:
        self._lines = lines
        self.general = general
        self._tasks: dict[Work, TaskID] = {}

    def begin(self, work: Work, total: int | None, done: int) -> None:
        """Add a line."""
        self._lines.update(self.general, visible=False)
        description = f"{work.stream} {_WORDS[work.phase]}"
        self._tasks[work] = self._lines.add_task(description, total=total, completed=done, before=done)

    def advance(self, work: Work, records: int) -> None:
        """Move a line on."""
        self._lines.advance(self._tasks[work], records)

    def end(self, work: Work) -> None:
        """Stop a line where it is."""
        self._lines.stop_task(self._tasks[work])


class _Figures(ProgressColumn):
    """Records, rate and remaining time."""

    def render(self, task: Task) -> Text:
        """The figures of one line; none for the general one."""
        if "before" not in task.fields:
            return Text("")
        end = task.stop_time if task.stop_time is not None else task.get_time()
        seconds = end - (task.start_time if task.start_time is not None else end)
        total = None if task.total is None else int(task.total)
        return Text(
            figures(int(task.completed), total, task.fields["before"], seconds, ended=task.stop_time is not None)
        )


def figures(done: int, total: int | None, before: int, seconds: float, *, ended: bool = False) -> str:
    """``1,200 of 5,000, 300/s, 13 s left``.

    Args:
        done: Records so far.
        total: Of how many; None where nobody knows.
        before: Those that an earlier run did, which say nothing of this one's rate.
        seconds: For how long it has been going on.
        ended: Whether it is over: what is left then was never there.
    """
    parts = [f"{done:,}" if total is None or (ended and done != total) else f"{done:,} of {max(total, done):,}"]
    rate = (done - before) / seconds if seconds > _SURE_AFTER else 0.0
    if rate > 0:
        parts.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
        if total is not None and total > done and not ended:
            parts.append(f"{span((total - done) / rate)} left")
    return ", ".join(parts)


def span(seconds: float) -> str:
    """A time that is only estimated: ``40 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / _MINUTE)
    if seconds < _HOUR:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _lines(terminal: TextIO) -> Progress:
    return Progress(
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        _Figures(),
        console=Console(file=terminal, markup=False, highlight=False),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
