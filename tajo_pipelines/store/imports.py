"""Imports that were handed to Brevo, or are about to be."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import select, update

from tajo_pipelines.model.ledger import ImportRow, PendingImport
from tajo_pipelines.store.database import Database, upsert
from tajo_pipelines.store.schema import imports

PENDING = "pending"
FINISHED = "finished"

_ROWS = msgspec.json.Decoder(tuple[ImportRow, ...])


class Imports:
    """One account's imports."""

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account

    def save(self, pending: PendingImport) -> None:
        """Add or replace a pending import; a finished one stays as it is."""
        row = {
            "account": self._account,
            "id": pending.id,
            "body_hash": pending.body_hash,
            "last_process": pending.last_process,
            "process_id": pending.process_id,
            "rows": msgspec.json.encode(pending.rows).decode(),
            "state": PENDING,
            "created_at": pending.created_at,
        }
        with self._database.writing() as connection:
            upsert(
                connection,
                imports,
                [row],
                newer=lambda standing, _given: standing.c.state == PENDING,
                values=lambda _standing, given: {name: given[name] for name in row if name not in ("account", "id")},
            )

    def pending(self) -> list[PendingImport]:
        """All that aren't finished, oldest first."""
        statement = (
            select(imports)
            .where(imports.c.account == self._account, imports.c.state == PENDING)
            .order_by(imports.c.created_at, imports.c.id)
        )
        with self._database.reading() as connection:
            return [_pending(row) for row in connection.execute(statement)]

    def finish(self, import_id: str, status: str) -> None:
        """Close one: it is no longer pending, and its rows, which the ledger has by now, are dropped."""
        with self._database.writing() as connection:
            connection.execute(
                update(imports)
                .where(imports.c.account == self._account, imports.c.id == import_id)
                .values(state=FINISHED, status=status, rows="[]")
            )


def _pending(row: Any) -> PendingImport:
    return PendingImport(
        id=row.id,
        body_hash=row.body_hash,
        last_process=row.last_process,
        process_id=row.process_id,
        rows=_ROWS.decode(row.rows),
        created_at=row.created_at,
    )
