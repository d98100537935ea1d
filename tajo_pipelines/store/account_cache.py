"""Documents of an account that are asked for rarely: its attributes, lists, tier."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import select

from tajo_pipelines.store.database import Database, upsert
from tajo_pipelines.store.schema import account_cache

_DOCUMENT = msgspec.json.Decoder(dict[str, object])


class AccountCache:
    """One account's cached documents: JSON objects."""

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account

    def get(self, name: str, now: datetime, max_age: float) -> Mapping[str, object] | None:
        """A document, if it is at most ``max_age`` seconds old."""
        statement = select(account_cache.c.doc).where(
            account_cache.c.account == self._account,
            account_cache.c.name == name,
            account_cache.c.at >= now - timedelta(seconds=max_age),
        )
        with self._database.reading() as connection:
            found: str | None = connection.execute(statement).scalar()
        return None if found is None else _DOCUMENT.decode(found)

    def put(self, name: str, document: Mapping[str, object], now: datetime) -> None:
        """Keep a document."""
        encoded = msgspec.json.encode(dict(document)).decode()
        row = {"account": self._account, "name": name, "doc": encoded, "at": now}
        with self._database.writing() as connection:
            upsert(connection, account_cache, [row])
