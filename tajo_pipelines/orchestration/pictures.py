"""Small pictures of bars for a materialization, as Dagster's Markdown shows them.

Dagster 1.13 shows an image with a data URI, nothing of SVG or HTML written into the text, and folds Markdown of 1,000
characters and more away behind a click. So a picture is a small SVG; one that doesn't fit is drawn in letters.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

UNFOLDED = 1000
"""Markdown must be shorter than that to be seen without a click."""

_ROW = 18
_BAR = 240
_LETTER = 7.4
_BLUE, _RED, _GREY = "#47c", "#d44", "#789"
_BLOCKS = 24
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        label: Its figure and what it counts: ``293 sent``.
        value: Its length; what fills the width is the picture's own.
        bad: Whether it shows what somebody should look at.
    """

    label: str
    value: float
    bad: bool = False


def picture(bars: Sequence[Bar], most: float | None = None) -> str:
    """Bars one below the other, as Markdown shorter than `UNFOLDED`; their labels are the image's text too.

    Args:
        bars: In the order in which they are shown.
        most: The value that fills the width; left out, the largest.
    """
    most = most or max((bar.value for bar in bars), default=0.0) or 1.0
    told = ", ".join(bar.label for bar in bars)
    image = b64encode(_svg(bars, most).encode()).decode()
    drawn = f"![{told}](data:image/svg+xml;base64,{image})"
    return drawn if len(drawn) < UNFOLDED else _in_letters(bars, most)


def _svg(bars: Sequence[Bar], most: float) -> str:
    left = round(max((len(bar.label) for bar in bars), default=0) * _LETTER) + 10
    texts, paths = [], {_BLUE: "", _RED: ""}
    for number, bar in enumerate(bars):
        top = number * _ROW
        texts.append(f'<text y="{top + 13}">{bar.label}</text>')
        if bar.value > 0:
            width = max(2, round(min(bar.value / most, 1.0) * _BAR))
            paths[_RED if bar.bad else _BLUE] += f"M{left} {top + 3}h{width}v12h-{width}z"
    drawn = "".join(f'<path fill="{colour}" d="{path}"/>' for colour, path in paths.items() if path)
    size = f'width="{left + _BAR}" height="{len(bars) * _ROW}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12" fill="{_GREY}">'
        f"{drawn}{''.join(texts)}</svg>"
    )


def _in_letters(bars: Sequence[Bar], most: float) -> str:
    width = max((len(bar.label) for bar in bars), default=0)
    lines, length = [], 0
    for bar in bars:
        line = f"{bar.label.rjust(width)}  {_blocks(bar.value / most)}".rstrip()
        length += len(line) + 1
        if length > UNFOLDED - 20:
            break
        lines.append(line)
    return "```text\n" + "\n".join(lines) + "\n```"


def _blocks(share: float) -> str:
    whole, rest = divmod(max(round(min(share, 1.0) * _BLOCKS * 8), 1 if share > 0 else 0), 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def span(seconds: int) -> str:
    """A length of time in the largest unit that makes sense: ``45 s``, ``12 min``, ``5.5 h``, ``31 d``."""
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7_200:
        return f"{seconds // 60} min"
    if seconds < 172_800:
        return f"{seconds / 3_600:.1f} h"
    return f"{seconds // 86_400:,} d"
