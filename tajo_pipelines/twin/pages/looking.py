"""What a browser asks the page for, and what every tab needs: paging, filters, times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

ADDRESS = "/_twin"
ROWS = 50
_MOST_TEXT = 200
_MOST_SHOWN = 120
_MOST_JSON = 20_000

Values = dict[str, Any]
"""What a tab gives its template."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the page.

    Attributes:
        tab: Which one.
        query: The query's parameters.
    """

    tab: str
    query: Mapping[str, str]

    def text(self, name: str) -> str:
        """A parameter without its outer blanks, empty where it isn't given."""
        return self.query.get(name, "").strip()[:_MOST_TEXT]

    def number(self, name: str) -> int | None:
        """A parameter as a whole number, or None."""
        given = self.text(name)
        return int(given) if given.isascii() and given.isdigit() and len(given) < 16 else None

    def link(self, **changes: str | int | None) -> str:
        """The address of this look with some parameters changed; None leaves one out."""
        query = {"tab": self.tab, **{name: self.text(name) for name in self.query if name != "tab"}, **changes}
        return f"{ADDRESS}?{urlencode({name: value for name, value in query.items() if value not in (None, '')})}"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of many.

    Attributes:
        rows: Those of this page.
        total: How many there are in all.
        number: Of this page, from 1.
        pages: How many there are.
    """

    rows: Sequence[T]
    total: int
    number: int
    pages: int

    @property
    def first(self) -> int:
        """Position of the first row shown, from 1; 0 where there is none."""
        return (self.number - 1) * ROWS + 1 if self.total else 0

    @property
    def last(self) -> int:
        """Position of the last row shown."""
        return min(self.number * ROWS, self.total)


def paged(found: Sequence[T], look: Look) -> Page[T]:
    """The page that the look asks for, the last one where it asks beyond."""
    pages = max(1, -(-len(found) // ROWS))
    number = min(max(look.number("page") or 1, 1), pages)
    return Page(found[(number - 1) * ROWS : number * ROWS], len(found), number, pages)


def holds(text: str, wanted: str) -> bool:
    """Whether a text holds the wanted one, in any case; every text holds an empty one."""
    return wanted.casefold() in text.casefold()


def moment(value: object) -> str:
    """An instant, in seconds since the epoch or ISO 8601, for a person: UTC to the second."""
    if isinstance(value, (int, float)):
        at = datetime.fromtimestamp(value, UTC)
    else:
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            return plain(value)
        at = at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S")


def plain(value: object) -> str:
    """A value as short text."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def pretty(value: object) -> str:
    """A value as indented JSON; bytes are read as JSON where they are, as text otherwise."""
    if isinstance(value, bytes):
        text = value.decode("utf-8", "replace")
        try:
            value = json.loads(text)
        except ValueError:
            return text
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return text if len(text) <= _MOST_JSON else f"{text[:_MOST_JSON]}\n…"
