"""Intents: events that are about to be sent, stored before the call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select, update

from tajo_pipelines.store.database import Database, insert_into
from tajo_pipelines.store.schema import intents

OPEN = "open"


@dataclass(frozen=True, slots=True)
class Intent:
    """An event that was, or is about to be, sent.

    Attributes:
        tajo_id: Its id, the same for the same cause.
        state: ``open`` until finished, then what became of it.
    """

    tajo_id: str
    name: str
    payload: Mapping[str, object]
    state: str
    created_at: datetime


class Intents:
    """One account's intents."""

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account

    def add(self, tajo_id: str, name: str, payload: Mapping[str, object], now: datetime) -> bool:
        """Keep an intent; False where it was known before, whatever became of it."""
        with self._database.writing() as connection:
            result = connection.execute(
                insert_into(connection, intents)
                .values(
                    account=self._account,
                    tajo_id=tajo_id,
                    name=name,
                    payload=msgspec.json.encode(dict(payload)).decode(),
                    state=OPEN,
                    created_at=now,
                )
                .on_conflict_do_nothing(index_elements=["account", "tajo_id"])
            )
        return result.rowcount == 1

    def finish(self, tajo_id: str, state: str) -> None:
        """Note what became of it."""
        with self._database.writing() as connection:
            connection.execute(
                update(intents)
                .where(intents.c.account == self._account, intents.c.tajo_id == tajo_id)
                .values(state=state)
            )

    def open(self) -> list[Intent]:
        """All that aren't finished, oldest first."""
        statement = (
            select(intents)
            .where(intents.c.account == self._account, intents.c.state == OPEN)
            .order_by(intents.c.created_at, intents.c.tajo_id)
        )
        with self._database.reading() as connection:
            return [_intent(row) for row in connection.execute(statement)]


def _intent(row: Any) -> Intent:
    payload: dict[str, object] = msgspec.json.decode(row.payload, type=dict[str, object])
    return Intent(row.tajo_id, row.name, payload, row.state, row.created_at)
