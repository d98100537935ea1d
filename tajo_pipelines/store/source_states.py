"""What the ledger remembers of a source record beyond its digest: small documents to compare the next form with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, select

from tajo_pipelines.store.database import Database, chunks, upsert
from tajo_pipelines.store.schema import source_states

_PART = 1_000

_ENCODER = msgspec.json.Encoder(order="deterministic", decimal_format="string")


class SourceStates:
    """One account's states of source records."""

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account

    def find(self, connection: str, stream: str, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """States by record key; records without one are missing."""
        found: dict[str, dict[str, Any]] = {}
        with self._database.reading() as reading:
            for part in chunks(keys):
                rows = reading.execute(
                    select(source_states.c.key, source_states.c.state).where(
                        source_states.c.account == self._account,
                        source_states.c.connection == connection,
                        source_states.c.stream == stream,
                        source_states.c.key.in_(part),
                    )
                )
                found.update({row.key: msgspec.json.decode(row.state) for row in rows})
        return found

    def forget(self, connection: str, stream: str, before: str) -> int:
        """Drop states whose ``at``, a time in UTC, is earlier, and those that have none; how many went."""
        columns = source_states.c
        of_stream = (columns.account == self._account, columns.connection == connection, columns.stream == stream)
        with self._database.reading() as reading:
            rows = reading.execution_options(yield_per=_PART).execute(
                select(columns.key, columns.state).where(*of_stream)
            )
            old = [row.key for row in rows if msgspec.json.decode(row.state).get("at", "") < before]
        for part in chunks(old):
            with self._database.writing() as writing:
                writing.execute(delete(source_states).where(*of_stream, columns.key.in_(part)))
        return len(old)

    def save(self, connection: str, stream: str, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Add or replace states."""
        rows = (
            {
                "account": self._account,
                "connection": connection,
                "stream": stream,
                "key": key,
                "state": _ENCODER.encode(dict(state)).decode(),
            }
            for key, state in states.items()
        )
        with self._database.writing() as writing:
            upsert(writing, source_states, rows)
