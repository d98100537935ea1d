"""Dead letters. Their texts come masked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import uuid4

from sqlalchemy import Connection, Select, func, select, text, update

from tajo_pipelines.model.letter import Letter, LetterKind, VendorAnswer
from tajo_pipelines.store.database import Database, chunks, insert_into, present, turns
from tajo_pipelines.store.schema import OPEN_LETTERS, letters

_CAUSE = ("connection", "stream", "key", "kind", "field", "reason")

Cause: TypeAlias = tuple[str, ...]


class LetterState(StrEnum):
    """What became of a letter."""

    OPEN = "open"
    RETRYING = "retrying"
    CLOSED = "closed"
    DROPPED = "dropped"


_OPEN = (LetterState.OPEN, LetterState.RETRYING)


@dataclass(frozen=True, slots=True)
class KeptLetter:
    """A letter as the store has it.

    Attributes:
        id: Short text, unique.
        attempts: How often the same was found.
        run_id: The run that found it last.
    """

    id: str
    state: LetterState
    letter: Letter
    attempts: int
    first_seen: datetime
    last_seen: datetime
    run_id: str

    @property
    def call_id(self) -> int | None:
        """The kept call whose answer refused it; None where there was none, or it is kept no more."""
        return self.letter.vendor.call_id if self.letter.vendor is not None else None


class Letters:
    """Letters of all connections."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = present) -> None:
        self._database = database
        self._clock = clock

    def write(self, found: Iterable[Letter], run_id: str) -> int:
        """Keep letters; how many are new (not open before). One that is being retried is open again."""
        now = self._clock()
        new = 0
        with self._database.writing() as connection:
            for part in chunks(found):
                rows = [_row(letter, run_id, now) for letter in part]
                known = self._open_causes(connection, {row["key"] for row in rows})
                new += len({_cause(row) for row in rows} - known.keys())
                statement = insert_into(connection, letters)
                again = {name: statement.excluded[name] for name in _AGAIN}
                statement = statement.on_conflict_do_update(
                    index_elements=list(_CAUSE),
                    index_where=text(OPEN_LETTERS),
                    set_=again | {"attempts": letters.c.attempts + 1},
                )
                for turn in turns(rows, _CAUSE):
                    connection.execute(statement, turn)
        return new

    def close(
        self,
        connection: str,
        stream: str,
        keys: Sequence[str],
        *,
        kinds: Collection[LetterKind] = tuple(LetterKind),
        keep: Iterable[Letter] = (),
    ) -> int:
        """Close the open letters of these records and kinds, but for those in ``keep``; how many were closed."""
        kept = {_cause(_identity(letter)) for letter in keep}
        kind_at = _CAUSE.index("kind")
        closed = 0
        with self._database.writing() as writing:
            for part in chunks(keys):
                known = self._open_causes(writing, set(part), connection, stream)
                closed += self._set(
                    writing,
                    [id_ for cause, id_ in known.items() if cause not in kept and cause[kind_at] in kinds],
                    LetterState.CLOSED,
                )
        return closed

    def set_state(self, ids: Sequence[str], state: LetterState) -> int:
        """Mark open letters: retrying, dropped, closed or open again; how many were open."""
        with self._database.writing() as connection:
            return self._set(connection, ids, state)

    def _set(self, connection: Connection, ids: Sequence[str], state: LetterState) -> int:
        changed = 0
        for part in chunks(ids):
            changed += connection.execute(
                update(letters).where(letters.c.id.in_(part), letters.c.state.in_(_OPEN)).values(state=state)
            ).rowcount
        return changed

    def get(self, letter_id: str) -> KeptLetter | None:
        """One letter."""
        with self._database.reading() as connection:
            row = connection.execute(select(letters).where(letters.c.id == letter_id)).first()
        return _kept(row) if row is not None else None

    def list(
        self,
        *,
        connection: str | None = None,
        stream: str | None = None,
        states: Sequence[LetterState] = _OPEN,
        reason: str | None = None,
        key: str | None = None,
        limit: int = 1000,
        offset: int = 0,
    ) -> list[KeptLetter]:
        """Letters, the last seen first."""
        statement = _filtered(select(letters), connection, stream, states, reason)
        if key is not None:
            statement = statement.where(letters.c.key == key)
        ordered = statement.order_by(letters.c.last_seen.desc(), letters.c.id).limit(limit).offset(offset)
        with self._database.reading() as reading:
            return [_kept(row) for row in reading.execute(ordered)]

    def count(
        self,
        *,
        connection: str | None = None,
        stream: str | None = None,
        states: Sequence[LetterState] = _OPEN,
        reason: str | None = None,
        since: datetime | None = None,
    ) -> int:
        """How many letters there are; with ``since``, how many of them were first seen then or later."""
        statement = _filtered(select(func.count()), connection, stream, states, reason).select_from(letters)
        if since is not None:
            statement = statement.where(letters.c.first_seen >= since)
        with self._database.reading() as reading:
            return int(reading.execute(statement).scalar_one())

    def counts(self, connection: str | None = None, stream: str | None = None) -> dict[str, int]:
        """Open letters by reason."""
        statement = _filtered(select(letters.c.reason, func.count().label("letters")), connection, stream, _OPEN, None)
        with self._database.reading() as reading:
            rows = reading.execute(statement.group_by(letters.c.reason).order_by(letters.c.reason))
            return {row.reason: int(row.letters) for row in rows}

    def _open_causes(
        self, connection: Connection, keys: set[str], of: str | None = None, stream: str | None = None
    ) -> dict[Cause, str]:
        columns = [letters.c[name] for name in _CAUSE]
        statement = _filtered(select(letters.c.id, *columns), of, stream, _OPEN, None)
        rows = connection.execute(statement.where(letters.c.key.in_(keys)))
        return {tuple(row[1:]): row.id for row in rows}


_AGAIN = ("state", "message", "vendor_status", "vendor_code", "vendor_message", "last_seen", "run_id", "call_id")
"""What the newest attempt says anew."""


def _filtered(
    statement: Select[Any],
    connection: str | None,
    stream: str | None,
    states: Sequence[LetterState],
    reason: str | None,
) -> Select[Any]:
    statement = statement.where(letters.c.state.in_(states))
    for column, value in ((letters.c.connection, connection), (letters.c.stream, stream), (letters.c.reason, reason)):
        if value is not None:
            statement = statement.where(column == value)
    return statement


def _identity(letter: Letter) -> dict[str, Any]:
    return {
        "connection": letter.connection,
        "stream": letter.stream,
        "key": letter.key,
        "kind": letter.kind.value,
        "field": letter.field or "",
        "reason": letter.reason,
    }


def _cause(row: dict[str, Any]) -> Cause:
    return tuple(row[name] for name in _CAUSE)


def _row(letter: Letter, run_id: str, now: datetime) -> dict[str, Any]:
    vendor = letter.vendor
    return _identity(letter) | {
        "id": uuid4().hex[:16],
        "state": LetterState.OPEN,
        "message": letter.message,
        "vendor_status": vendor.status if vendor else None,
        "vendor_code": vendor.code if vendor else None,
        "vendor_message": vendor.message if vendor else None,
        "attempts": 1,
        "first_seen": now,
        "last_seen": now,
        "run_id": run_id,
        "call_id": vendor.call_id if vendor else None,
    }


def _kept(row: Any) -> KeptLetter:
    vendor = None
    if row.vendor_status is not None:
        vendor = VendorAnswer(row.vendor_status, row.vendor_code or "", row.vendor_message or "", row.call_id)
    letter = Letter(
        connection=row.connection,
        stream=row.stream,
        key=row.key,
        kind=LetterKind(row.kind),
        reason=row.reason,
        message=row.message,
        field=row.field or None,
        vendor=vendor,
    )
    return KeptLetter(
        id=row.id,
        state=LetterState(row.state),
        letter=letter,
        attempts=row.attempts,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        run_id=row.run_id,
    )
