"""Intents: events that are about to be sent, stored before the call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import delete, select, update

from tajo_pipelines.model.event import Event
from tajo_pipelines.model.intent import Intent, IntentState
from tajo_pipelines.store.database import Database, chunks, insert_into
from tajo_pipelines.store.schema import intents

_WHOLE = (IntentState.OPEN, IntentState.SENDING, IntentState.IN_DOUBT)
"""States in which an event may be needed again; in all others it is forgotten but for its id."""

_FORGOTTEN = "{}"
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_EVENT = msgspec.json.Decoder(Event)


class Intents:
    """One account's intents."""

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account

    def add(self, events: Sequence[Event], now: datetime) -> frozenset[str]:
        """Keep events that are to be sent.

        One that is new, was never handed over, or was refused for certain may go; any other is left as it is.

        Returns:
            The ids of those that may go.
        """
        free: set[str] = set()
        with self._database.writing() as connection:
            known = self.states([event.tajo_id for event in events])
            for event in events:
                state = known.get(event.tajo_id)
                if state is IntentState.OPEN or event.tajo_id in free:
                    free.add(event.tajo_id)
                    continue
                statement = insert_into(connection, intents).values(
                    account=self._account,
                    tajo_id=event.tajo_id,
                    name=event.name,
                    payload=_ENCODER.encode(event).decode(),
                    state=IntentState.OPEN.value,
                    created_at=now,
                )
                again = {name: statement.excluded[name] for name in ("payload", "state")}
                result = connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=["account", "tajo_id"],
                        set_=again,
                        where=intents.c.state == IntentState.FAILED.value,
                    )
                )
                if result.rowcount == 1:
                    free.add(event.tajo_id)
        return frozenset(free)

    def mark(self, tajo_ids: Sequence[str], state: IntentState) -> None:
        """Note what is known of events now."""
        values = {"state": state.value} | ({} if state in _WHOLE else {"payload": _FORGOTTEN})
        with self._database.writing() as connection:
            for part in chunks(tajo_ids):
                connection.execute(
                    update(intents)
                    .where(intents.c.account == self._account, intents.c.tajo_id.in_(part))
                    .values(**values)
                )

    def forget(self, tajo_ids: Sequence[str]) -> None:
        """Drop events that were never handed over."""
        with self._database.writing() as connection:
            for part in chunks(tajo_ids):
                connection.execute(
                    delete(intents).where(
                        intents.c.account == self._account,
                        intents.c.tajo_id.in_(part),
                        intents.c.state == IntentState.OPEN.value,
                    )
                )

    def states(self, tajo_ids: Sequence[str]) -> dict[str, IntentState]:
        """What is known of events, by id; those never stored are missing."""
        found: dict[str, IntentState] = {}
        with self._database.reading() as connection:
            for part in chunks(tajo_ids):
                statement = select(intents.c.tajo_id, intents.c.state)
                rows = connection.execute(
                    statement.where(intents.c.account == self._account, intents.c.tajo_id.in_(part))
                )
                found.update({row.tajo_id: IntentState(row.state) for row in rows})
        return found

    def unfinished(self) -> list[Intent]:
        """Events whose fate isn't settled, the first stored first."""
        statement = (
            select(intents)
            .where(
                intents.c.account == self._account,
                intents.c.state.in_([IntentState.OPEN.value, IntentState.SENDING.value]),
            )
            .order_by(intents.c.created_at, intents.c.tajo_id)
        )
        with self._database.reading() as connection:
            return [
                Intent(event=_EVENT.decode(row.payload), state=IntentState(row.state), created_at=row.created_at)
                for row in connection.execute(statement)
            ]
