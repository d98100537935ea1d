"""Objects on disk: children find their parents, and windows their order, in flat memory.

The file of a bulk operation holds one object a line; a child names its parent in ``__parentId`` and may stand anywhere
in the file, hundreds of thousands of lines away (shopify.dev, perform bulk operations; ``groupObjects`` is false by
default since 2026-01; read 2026-11-24). Everything goes through an SQLite database without a name, which lies in the
system's folder for temporary files and is gone with the process, however that ends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Self

import msgspec

from tajo_pipelines.model.errors import ContractError
from tajo_pipelines.model.window import parse_time

_TOGETHER = 500
_CACHE_KIB = 2 * 1024
"""Little, since the C library keeps it for the rest of the run once it is free; 16 MB weren't faster (measured
2026-11-25)."""
_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
CREATE TABLE roots (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, moment REAL, body BLOB NOT NULL);
CREATE TABLE children (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, parent TEXT NOT NULL, body BLOB NOT NULL);
"""
_INDEXES = """
CREATE INDEX roots_by_id ON roots (id, seq);
CREATE INDEX roots_by_moment ON roots (moment, seq);
CREATE INDEX children_by_parent ON children (parent, seq);
"""
_WITHOUT_PARENT = "SELECT count(*) FROM children c WHERE NOT EXISTS (SELECT 1 FROM roots r WHERE r.id = c.parent)"
# An object that changed while the operation ran may come twice: the later one counts.
_ROOTS = "SELECT id, body FROM roots r WHERE NOT EXISTS (SELECT 1 FROM roots n WHERE n.id = r.id AND n.seq > r.seq) "
_CHILDREN = "SELECT id, body FROM children WHERE parent = ? ORDER BY seq"


class _Line(msgspec.Struct):
    """What a line must say for its place; the rest stays text until it is its turn."""

    id: str
    parent: str | None = msgspec.field(name="__parentId", default=None)
    updated: str | None = msgspec.field(name="updatedAt", default=None)


@dataclass(frozen=True, slots=True)
class Group:
    """One object of the stream with what belongs to it, as JSON.

    Attributes:
        children: Id and JSON of each, in the order of the file; one that came twice as it came last.
    """

    id: str
    body: bytes
    children: tuple[tuple[str, bytes], ...]


class Spool:
    """Lines go in in any order, groups come out.

    Args:
        by_change: Whether groups come in the order of ``updatedAt``; else in that in which they went in.
    """

    def __init__(self, *, by_change: bool) -> None:
        self._by_change = by_change
        self._decoder = msgspec.json.Decoder(_Line)
        self._seq = 0
        # No name: a private database on disk, which the system takes away with its last handle.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript(f"PRAGMA cache_size = -{_CACHE_KIB};{_TABLES}BEGIN;")
        self._sealed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, lines: Iterable[bytes]) -> int:
        """Take lines in; how many of them were objects of the stream itself.

        Raises:
            ContractError: A line isn't an object with an id, or an object to be sorted has no time.
        """
        source, roots = iter(lines), 0
        while batch := [self._decoded(line) for line in islice(source, _TOGETHER)]:
            first = self._seq
            self._seq += len(batch)
            numbered = list(enumerate(batch, first))
            top = [(seq, line.id, self._moment(line), body) for seq, (line, body) in numbered if line.parent is None]
            inner = [(seq, line.id, line.parent, body) for seq, (line, body) in numbered if line.parent is not None]
            self._database.executemany("INSERT INTO roots VALUES (?, ?, ?, ?)", top)
            self._database.executemany("INSERT INTO children VALUES (?, ?, ?, ?)", inner)
            roots += len(top)
        return roots

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def groups(self, skip: int = 0) -> Iterator[Group]:
        """Everything that went in, put together. Nothing more can be added.

        Args:
            skip: Groups at the beginning to leave out.

        Raises:
            ContractError: A child's parent isn't there: the file isn't whole.
        """
        self._seal()
        order = "ORDER BY moment, seq" if self._by_change else "ORDER BY seq"
        top = self._database.execute(f"{_ROOTS}{order} LIMIT -1 OFFSET ?", (skip,))
        inner = self._database.cursor()
        for key, body in top:
            children = dict(inner.execute(_CHILDREN, (key,)).fetchall())
            yield Group(key, body, tuple(children.items()))

    def _seal(self) -> None:
        if self._sealed:
            return
        self._sealed = True
        self._database.executescript(_INDEXES)  # which commits first
        (lost,) = self._database.execute(_WITHOUT_PARENT).fetchone()
        if lost:
            message = f"{lost} objects of the file belong to none that is in it"
            raise ContractError(message, code="orphans")

    def _decoded(self, line: bytes) -> tuple[_Line, bytes]:
        try:
            return self._decoder.decode(line), line
        except msgspec.MsgspecError as error:
            raise ContractError("a line of the file isn't an object with an id", code="torn_file") from error

    def _moment(self, line: _Line) -> float | None:
        if not self._by_change:
            return None
        try:
            return parse_time(line.updated or "").timestamp()
        except ValueError as error:
            raise ContractError("an object has no time of change", code="torn_file") from error
