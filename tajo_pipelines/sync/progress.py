"""Who watches a run hears how far it is; nobody does unless somebody asks for it in the same process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Phase(StrEnum):
    """What is done with a stream."""

    READING = "reading"
    DELIVERING = "delivering"


@dataclass(frozen=True, slots=True)
class Work:
    """One phase of one stream."""

    connection: str
    stream: str
    phase: Phase


class Observer(Protocol):
    """Hears how far a run is. It is called by the run's own thread, so it must be quick and mustn't raise."""

    @property
    def wants_totals(self) -> bool:
        """Whether it is worth a call to learn how many records there are."""
        ...

    def begin(self, work: Work, total: int | None, done: int) -> None:
        """A phase begins.

        Args:
            work: Which.
            total: Records in all, as far as anybody knows.
            done: Those that an earlier run did.
        """
        ...

    def advance(self, work: Work, records: int) -> None:
        """So many more records are done: landed, or handed to Brevo."""
        ...

    def end(self, work: Work) -> None:
        """A phase is over, well or not."""
        ...


class _Nobody:
    """Watches nothing."""

    wants_totals = False

    def begin(self, work: Work, total: int | None, done: int) -> None:
        """Pass."""

    def advance(self, work: Work, records: int) -> None:
        """Pass."""

    def end(self, work: Work) -> None:
        """Pass."""


_WATCHING: ContextVar[Observer] = ContextVar("tajo_observer", default=_Nobody())  # noqa: B039 - it has no state


@contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Let somebody watch whatever runs in this thread meanwhile."""
    token = _WATCHING.set(observer)
    try:
        yield
    finally:
        _WATCHING.reset(token)


def observer() -> Observer:
    """Who watches this thread."""
    return _WATCHING.get()


@contextmanager
def told(work: Work, total: int | None, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Tell whoever watches of one phase; yields what is called with each number of records done."""
    watching = observer()
    watching.begin(work, total, done)
    try:
        yield lambda records: watching.advance(work, records)
    finally:
        watching.end(work)
