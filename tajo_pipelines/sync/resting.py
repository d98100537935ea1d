"""Where an outage was met, the inbox rests for a while, longer each time; deliveries wait, and none is given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from tajo_pipelines.store.facade import Store

FIRST = timedelta(seconds=30)
LONGEST = timedelta(minutes=15)


class Rest(msgspec.Struct, frozen=True):
    """One stream's rest.

    Attributes:
        until: Until when the sensor asks for no run of it; a person may launch one at any time.
        seconds: How long it is; 0 after it has worked again.
        why: What was met, for a person.
    """

    until: datetime
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Resting:
    """The rests of all streams, kept as notes of the store."""

    store: Store

    def begin(self, connection: str, stream: str, why: str, now: datetime) -> datetime:
        """Let a stream rest, twice as long as the last time; until when."""
        last = self._kept(connection, stream)
        wanted = max(FIRST, 2 * timedelta(seconds=last.seconds)) if last is not None else FIRST
        length = min(LONGEST, wanted)
        self._keep(connection, stream, Rest(now + length, length.total_seconds(), why))
        return now + length

    def end(self, connection: str, stream: str) -> None:
        """It works again: the next outage begins with a short rest."""
        last = self._kept(connection, stream)
        if last is not None and last.seconds:
            self._keep(connection, stream, Rest(last.until, 0.0, ""))

    def now(self, connection: str, stream: str, now: datetime) -> Rest | None:
        """The rest that lasts; None where the stream works."""
        last = self._kept(connection, stream)
        return last if last is not None and last.seconds and last.until > now else None

    def _kept(self, connection: str, stream: str) -> Rest | None:
        text = self.store.note(_name(connection, stream))
        return None if text is None else msgspec.json.decode(text, type=Rest)

    def _keep(self, connection: str, stream: str, rest: Rest) -> None:
        self.store.set_note(_name(connection, stream), msgspec.json.encode(rest).decode())


def _name(connection: str, stream: str) -> str:
    return f"inbox_rest/{connection}/{stream}"
