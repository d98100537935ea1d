"""Receipts: what was done about requests for privacy. They name nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, delete, func, select, update

from tajo_pipelines.model.erasure import Receipt, ReceiptKind
from tajo_pipelines.store.database import Database, upsert
from tajo_pipelines.store.schema import meta, receipts

UNSWEPT = "erasing/unswept"
"""Note that stands as long as the database's files may still hold what was deleted from its tables."""


class Receipts:
    """Receipts of all accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, receipt: Receipt) -> None:
        """Keep one."""
        row = {
            "id": receipt.id,
            "kind": receipt.kind.value,
            "account": receipt.account,
            "connection": receipt.connection,
            "request": receipt.request,
            "at": receipt.at,
            "doc": _encoded(receipt.doc),
        }
        with self._database.writing() as connection:
            upsert(connection, receipts, [row])

    def get(self, receipt_id: str) -> Receipt | None:
        """One receipt."""
        return next(iter(self._select(select(receipts).where(receipts.c.id == receipt_id))), None)

    def of_request(self, kind: ReceiptKind, connection: str, request: str) -> Receipt | None:
        """The last receipt of a platform's numbered request."""
        statement = select(receipts).where(
            receipts.c.kind == kind.value, receipts.c.connection == connection, receipts.c.request == request
        )
        return next(iter(self._select(statement.order_by(receipts.c.at.desc()).limit(1))), None)

    def list(
        self, *, account: str | None = None, connection: str | None = None, limit: int = 1000
    ) -> Sequence[Receipt]:
        """Receipts, the newest first."""
        statement = _chosen(select(receipts), account, connection)
        return self._select(statement.order_by(receipts.c.at.desc(), receipts.c.id).limit(limit))

    def count(self, *, account: str | None = None, connection: str | None = None) -> int:
        """How many there are."""
        statement = _chosen(select(func.count()).select_from(receipts), account, connection)
        with self._database.reading() as reading:
            return int(reading.execute(statement).scalar_one())

    def note_swept(self, known: Mapping[str, Any], *, done: bool) -> None:
        """Write into the receipts that wait for it what became of the database's files.

        Args:
            known: Keys of the document.
            done: Whether nothing is left to do.
        """
        with self._database.writing() as connection:
            waiting = connection.execute(select(meta.c.value).where(meta.c.name == UNSWEPT)).scalar()
            for receipt_id in msgspec.json.decode(waiting, type=list[str]) if waiting else ():
                receipt = self.get(receipt_id)
                if receipt is not None:
                    doc = _encoded({**receipt.doc, **known})
                    connection.execute(update(receipts).where(receipts.c.id == receipt_id).values(doc=doc))
            if done:
                connection.execute(delete(meta).where(meta.c.name == UNSWEPT))

    def await_sweeping(self, receipt_id: str) -> None:
        """Let a receipt wait for the sweeping of the database's files."""
        with self._database.writing() as connection:
            waiting = connection.execute(select(meta.c.value).where(meta.c.name == UNSWEPT)).scalar()
            ids = [*(msgspec.json.decode(waiting, type=list[str]) if waiting else ()), receipt_id]
            upsert(connection, meta, [{"name": UNSWEPT, "value": msgspec.json.encode(ids).decode()}])

    def await_any(self) -> bool:
        """Whether a receipt waits for it."""
        with self._database.reading() as connection:
            return connection.execute(select(meta.c.value).where(meta.c.name == UNSWEPT)).first() is not None

    def _select(self, statement: Select[Any]) -> Sequence[Receipt]:
        with self._database.reading() as connection:
            return [
                Receipt(
                    id=row.id,
                    kind=ReceiptKind(row.kind),
                    account=row.account,
                    connection=row.connection,
                    request=row.request,
                    at=row.at,
                    doc=msgspec.json.decode(row.doc),
                )
                for row in connection.execute(statement)
            ]


def _chosen(statement: Select[Any], account: str | None, connection: str | None) -> Select[Any]:
    for column, value in ((receipts.c.account, account), (receipts.c.connection, connection)):
        if value is not None:
            statement = statement.where(column == value)
    return statement


def _encoded(document: Mapping[str, Any]) -> str:
    return msgspec.json.encode(dict(document)).decode()
