"""The picture: what an account was last seen to hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, case, delete, select

from tajo_pipelines.model.picture import SeenContact
from tajo_pipelines.store.database import Database, chunks, upsert
from tajo_pipelines.store.schema import picture, picture_readings, picture_sources

_SEPARATOR = re.compile(r"[\s,;|]+")
_LISTS = msgspec.json.Decoder(frozenset[int])


class Picture:
    """Rows of one account's picture."""

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account

    def read_at(self) -> tuple[datetime | None, datetime | None]:
        """When the last whole reading began, and when the last reading of any kind began."""
        statement = select(picture_readings).where(picture_readings.c.account == self._account)
        with self._database.reading() as connection:
            row = connection.execute(statement).first()
        return (row.whole_began, row.last_began) if row is not None else (None, None)

    def save(self, contacts: Iterable[SeenContact]) -> None:
        """Add or replace rows by contact id."""
        with self._database.writing() as connection:
            for part in chunks(contacts):
                self._save(connection, list({contact.contact_id: contact for contact in part}.values()))

    def _save(self, connection: Connection, contacts: list[SeenContact]) -> None:
        upsert(connection, picture, [self._row(contact) for contact in contacts])
        connection.execute(
            delete(picture_sources).where(
                picture_sources.c.account == self._account,
                picture_sources.c.contact_id.in_([contact.contact_id for contact in contacts]),
            )
        )
        sources = [
            {"account": self._account, "source": source, "contact_id": contact.contact_id}
            for contact in contacts
            if contact.sources
            for source in sorted(set(_SEPARATOR.split(contact.sources)))
            if source
        ]
        upsert(connection, picture_sources, sources)

    def finish(self, began: datetime, *, whole: bool) -> None:
        """Note a finished reading; after a whole one, rows read before ``began`` are gone."""
        row = {"account": self._account, "whole_began": began if whole else None, "last_began": began}
        with self._database.writing() as connection:
            upsert(connection, picture_readings, [row], values=_later_reading)
            if whole:
                connection.execute(delete(picture).where(picture.c.account == self._account, picture.c.read_at < began))

    def by_id(self, contact_ids: Sequence[int]) -> dict[int, SeenContact]:
        """Rows by Brevo's id."""
        found = self._find(picture.c.contact_id, contact_ids)
        return {contact.contact_id: contact for contact in found}

    def by_email(self, emails: Sequence[str]) -> dict[str, SeenContact]:
        """Rows by address; of several the one read last, because the others have changed theirs."""
        return {contact.email: contact for contact in self._find(picture.c.email, emails) if contact.email}

    def by_phone(self, phones: Sequence[str]) -> dict[str, SeenContact]:
        """Rows by E.164 number; of several the one read last."""
        return {contact.phone: contact for contact in self._find(picture.c.phone, phones) if contact.phone}

    def by_source(self, sources: Sequence[str]) -> dict[str, SeenContact]:
        """Rows whose sources name ``connection:key``, by that name; of several the one read last."""
        found: dict[str, SeenContact] = {}
        joined = picture.join(picture_sources)
        with self._database.reading() as connection:
            for part in chunks(sources):
                rows = connection.execute(
                    select(picture, picture_sources.c.source)
                    .select_from(joined)
                    .where(picture_sources.c.account == self._account, picture_sources.c.source.in_(part))
                    .order_by(picture.c.read_at, picture.c.contact_id)
                )
                found.update({row.source: _seen(row) for row in rows})
        return found

    def forget(self, contact_ids: Sequence[int]) -> None:
        """Drop rows."""
        with self._database.writing() as connection:
            for part in chunks(contact_ids):
                connection.execute(
                    delete(picture).where(picture.c.account == self._account, picture.c.contact_id.in_(part))
                )

    def _find(self, column: Any, values: Sequence[Any]) -> list[SeenContact]:
        found: list[SeenContact] = []
        with self._database.reading() as connection:
            for part in chunks(values):
                rows = connection.execute(
                    select(picture)
                    .where(picture.c.account == self._account, column.in_(part))
                    .order_by(picture.c.read_at, picture.c.contact_id)
                )
                found.extend(_seen(row) for row in rows)
        return found

    def _row(self, contact: SeenContact) -> dict[str, Any]:
        return {
            "account": self._account,
            "contact_id": contact.contact_id,
            "email": contact.email,
            "phone": contact.phone,
            "email_blocked": contact.email_blocked,
            "sms_blocked": contact.sms_blocked,
            "lists": _ids(contact.lists),
            "left_lists": _ids(contact.left_lists),
            "double_opted_in": contact.double_opted_in,
            "mark": contact.mark,
            "sources": contact.sources,
            "created_at": contact.created_at,
            "modified_at": contact.modified_at,
            "read_at": contact.read_at,
        }


def _later_reading(standing: Any, given: Any) -> dict[str, Any]:
    whole, last = standing.c.whole_began, standing.c.last_began
    return {
        "whole_began": case(
            (given.whole_began.is_(None), whole),
            (whole.is_(None), given.whole_began),
            (whole > given.whole_began, whole),
            else_=given.whole_began,
        ),
        "last_began": case((last > given.last_began, last), else_=given.last_began),
    }


def _ids(numbers: frozenset[int]) -> str:
    return msgspec.json.encode(sorted(numbers)).decode()


def _seen(row: Any) -> SeenContact:
    return SeenContact(
        contact_id=row.contact_id,
        email=row.email,
        phone=row.phone,
        email_blocked=row.email_blocked,
        sms_blocked=row.sms_blocked,
        lists=_LISTS.decode(row.lists),
        left_lists=_LISTS.decode(row.left_lists),
        double_opted_in=row.double_opted_in,
        mark=row.mark,
        sources=row.sources,
        created_at=row.created_at,
        modified_at=row.modified_at,
        read_at=row.read_at,
    )
