"""``tajo demo --live``: the shop changes every few seconds, and one sees each change reach Brevo."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tajo_pipelines.cli.demo_changes import Changes, Happening
from tajo_pipelines.cli.demo_processes import Beside
from tajo_pipelines.cli.documents import Document
from tajo_pipelines.model.window import format_time
from tajo_pipelines.store.inbox import DeliveryFilter, Inbox
from tajo_pipelines.sync.outcome import time_document

PACE = 3.0
"""Seconds between two changes."""

LOOK = 0.5
"""Seconds between two looks at the inbox."""

LAST = 60.0
"""Seconds for which the last changes are waited for, once no new ones are made."""

_SHOWN = 14


@dataclass(slots=True)
class LiveDemo:
    """Changes on their way from shop to Brevo.

    Attributes:
        connection: The shop's.
        changes: Makes them.
        inbox: Where it is seen how far each got.
        happened: All of them, the first one first.
    """

    connection: str
    changes: Changes
    inbox: Inbox
    happened: list[Happening] = field(default_factory=list)
    _began: float = 0.0
    _ended: float = 0.0

    def run(self, seconds: float | None, show: Callable[[LiveDemo], None]) -> None:
        """Make changes until the time is up or Ctrl-C is pressed, then wait for those that are under way.

        A second Ctrl-C ends the waiting, too.

        Args:
            seconds: For how long; None until Ctrl-C.
            show: Called at every look.
        """
        self._began = time.monotonic()
        with suppress(KeyboardInterrupt):
            self._change_for(seconds, show)
        self._ended = time.monotonic()
        end = self._ended + LAST
        while self.under_way and time.monotonic() < end:
            time.sleep(LOOK)
            self._look(show)

    @property
    def under_way(self) -> list[Happening]:
        """Changes that aren't at Brevo yet."""
        return [each for each in self.happened if each.delivered_at is None]

    @property
    def waits(self) -> list[float]:
        """Seconds of all that are, the shortest first."""
        return sorted(each.seconds for each in self.happened if each.seconds is not None)

    def quantile(self, share: float) -> float | None:
        """Seconds within which that share was at Brevo; None where nothing is."""
        waits = self.waits
        return waits[min(len(waits) - 1, int(share * len(waits)))] if waits else None

    def document(self, around: Beside | None) -> Document:
        """As JSON."""
        p50, p95 = self.quantile(0.5), self.quantile(0.95)
        return {
            "seconds": round(self._ended - self._began, 1),
            "receiver_url": around.receiver_url if around is not None else None,
            "ui_url": around.ui_url if around is not None else None,
            "arrived": len(self.waits),
            "p50_s": None if p50 is None else round(p50, 1),
            "p95_s": None if p95 is None else round(p95, 1),
            "changes": [_document(each) for each in self.happened],
        }

    def _change_for(self, seconds: float | None, show: Callable[[LiveDemo], None]) -> None:
        due = self._began
        while seconds is None or time.monotonic() < self._began + seconds:
            if time.monotonic() >= due:
                self.happened.append(self.changes.next())
                due = max(due + PACE, time.monotonic())
            self._look(show)
            time.sleep(LOOK)

    def _look(self, show: Callable[[LiveDemo], None]) -> None:
        for each in self.under_way:
            chosen = DeliveryFilter(self.connection, each.stream, key=each.key, since=each.at)
            found = self.inbox.list(chosen)
            each.received_at = min((kept.received_at for kept in found), default=None)
            each.delivered_at = min((kept.delivered_at for kept in found if kept.delivered_at), default=None)
        show(self)


@contextmanager
def shown(
    screen: Console, around: Beside | None, shop_url: str, *, quiet: bool
) -> Iterator[Callable[[LiveDemo], None]]:
    """Show a live demo for the length of a ``with`` block: a table that moves, or a line a change where nobody looks.

    Args:
        screen: Where.
        around: What was started for it.
        shop_url: Address of the stand-in.
        quiet: Show nothing.
    """
    if quiet:
        yield lambda _: None
    elif screen.is_terminal:
        with Live(console=screen, auto_refresh=False, vertical_overflow="crop") as live:
            yield lambda demo: live.update(_picture(demo, around, shop_url), refresh=True)
    else:
        yield _Lines(screen).show


class _Lines:
    """A line for each change that has arrived."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._said: set[int] = set()

    def show(self, demo: LiveDemo) -> None:
        for number, each in enumerate(demo.happened):
            if each.seconds is not None and number not in self._said:
                self._said.add(number)
                self._screen.print(f"{each.what}: at Brevo after {each.seconds:.1f} s", soft_wrap=True)


def _picture(demo: LiveDemo, around: Beside | None, shop_url: str) -> Group:
    table = Table(box=None, title="Live: what happens in the shop, until it is at Brevo", title_justify="left")
    table.add_column("in the shop", min_width=46, no_wrap=True)
    for name in ("happened", "received", "at Brevo"):
        table.add_column(name, no_wrap=True)
    table.add_column("seconds", justify="right")
    for each in demo.happened[-_SHOWN:]:
        seconds = "" if each.seconds is None else f"{each.seconds:.1f}"
        times = (_clock(moment) for moment in (each.at, each.received_at, each.delivered_at))
        table.add_row(each.what, *times, seconds, style="" if seconds else "dim")
    lines = [summary(demo), f"What both stand-ins hold: {shop_url}/_twin"]
    if around is not None:
        lines.append(f"Sensor and runs: {around.ui_url}/automation and {around.ui_url}/runs")
    return Group(table, Text(), *(Text(line) for line in lines), Text("Ctrl-C ends it.", style="dim"))


def summary(demo: LiveDemo) -> str:
    """How far all of it is, in a sentence."""
    p50, p95 = demo.quantile(0.5), demo.quantile(0.95)
    said = f"{len(demo.happened)} changes, {len(demo.waits)} at Brevo"
    return said if p50 is None or p95 is None else f"{said}: half of them within {p50:.1f} s, 95 % within {p95:.1f} s"


def names(happened: Sequence[Happening]) -> str:
    """The first few of them, for a sentence."""
    few = ", ".join(f"{each.what} ({each.stream} {each.key})" for each in happened[:3])
    return f"{few}, ..." if len(happened) > 3 else few


def _document(each: Happening) -> Document:
    return {
        "what": each.what,
        "stream": each.stream,
        "key": each.key,
        "happened_at": format_time(each.at),
        "received_at": time_document(each.received_at),
        "delivered_at": time_document(each.delivered_at),
        "seconds": None if each.seconds is None else round(each.seconds, 1),
    }


def _clock(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone():%H:%M:%S}"
