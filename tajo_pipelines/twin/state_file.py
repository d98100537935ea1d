"""The twin's memory on disk: one SQLite file of JSON documents.

Working set is plain dictionaries; what changed is written in one transaction by ``flush()``, which
the server calls every 0.1 s and at its end. A document that is changed in place is announced with
``Documents.touch``.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

Document = Any
"""Whatever JSON can hold; most documents are objects."""


class Documents(MutableMapping[str, Document]):
    """The documents of one namespace, by key, in the order of their first writing."""

    def __init__(self, name: str) -> None:
        """Start empty; ``StateFile.documents`` is the usual way to get one."""
        self.name = name
        self._items: dict[str, Document] = {}
        self._dirty: dict[str, None] = {}

    def __getitem__(self, key: str) -> Document:
        return self._items[key]

    def __setitem__(self, key: str, document: Document) -> None:
        self._items[key] = document
        self._dirty[key] = None

    def __delitem__(self, key: str) -> None:
        del self._items[key]
        self._dirty[key] = None

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def touch(self, key: str) -> None:
        """Say that the document under ``key`` was changed in place."""
        self._dirty[key] = None

    def load(self, key: str, document: Document) -> None:
        """Put a document that stands on disk already."""
        self._items[key] = document

    def take_dirty(self) -> list[tuple[str, str | None]]:
        """Keys changed since the last call, each with its JSON text, or None where it was deleted."""
        taken = [
            (key, json.dumps(self._items[key], ensure_ascii=False) if key in self._items else None)
            for key in self._dirty
        ]
        self._dirty.clear()
        return taken


class StateFile:
    """All documents of one twin; ``None`` as path keeps them in memory alone.

    Not safe for several threads: the server's event loop is its only writer.
    """

    def __init__(self, path: Path | None) -> None:
        """Open the file, create its table where absent, and read everything."""
        self._spaces: dict[str, Documents] = {}
        self.path = None if path is None else path.resolve()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS documents (number INTEGER PRIMARY KEY, namespace TEXT NOT NULL,"
            " key TEXT NOT NULL, doc TEXT NOT NULL, UNIQUE (namespace, key))"
        )
        self._db.commit()
        for name, key, text in self._db.execute("SELECT namespace, key, doc FROM documents ORDER BY number"):
            self.documents(name).load(key, json.loads(text))

    def documents(self, name: str) -> Documents:
        """The namespace ``name``, created where absent; the same object at every call."""
        if name not in self._spaces:
            self._spaces[name] = Documents(name)
        return self._spaces[name]

    def clear(self) -> None:
        """Forget every document, on disk too."""
        for space in self._spaces.values():
            space.clear()
        self.flush()

    def flush(self) -> int:
        """Write what changed since the last flush in one transaction; returns the number of documents."""
        written = 0
        with self._db:
            for space in self._spaces.values():
                for key, text in space.take_dirty():
                    written += 1
                    if text is None:
                        self._db.execute("DELETE FROM documents WHERE namespace = ? AND key = ?", (space.name, key))
                        continue
                    self._db.execute(
                        "INSERT INTO documents (namespace, key, doc) VALUES (?, ?, ?)"
                        " ON CONFLICT (namespace, key) DO UPDATE SET doc = excluded.doc",
                        (space.name, key, text),
                    )
        return written

    def close(self) -> None:
        """Flush and close the file."""
        self.flush()
        self._db.close()
