"""Tombstones: digests by which an erased person is told when a source brings them again. They name nobody."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import case, func, or_, select, text

from tajo_pipelines.model.consent import ERASED, Cause, Channel, Fact, State
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.store.database import Database, chunks, upsert
from tajo_pipelines.store.schema import meta, tombstones

EMAIL, PHONE, RECORD = "email", "phone", "record"
"""Kinds of marks: of an address, of a number, and of a record by connection, stream and key."""

Mark: TypeAlias = tuple[str, str]
"""Kind and text of what a tombstone stands for."""

_CHANNELS = {EMAIL: Channel.EMAIL, PHONE: Channel.SMS}
_CHECK = "tombstones/key"
_MAKE = "tajo connectors connect makes it, or: echo TAJO_SECRET_KEY=$(head -c 32 /dev/urandom | base64) >> .env"


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is known of an erased mark.

    Attributes:
        objection: Why the person mustn't be reached on the mark's channel; None where nothing was said.
        erased_at: When. What was made later is somebody else's.
    """

    objection: Cause | None
    erased_at: datetime


def record_mark(connection: str, stream: str, key: str) -> Mark:
    """The mark of a record."""
    return RECORD, f"{connection}\n{stream}\n{key}"


def address_mark(address: str) -> Mark:
    """The mark of an address or a number in its normal form."""
    return (EMAIL if "@" in address else PHONE), address


class Tombstones:
    """One account's tombstones.

    Args:
        database: Where they are kept.
        account: The account's identity.
        key: TAJO_SECRET_KEY; without it they can neither be laid nor read.
    """

    def __init__(self, database: Database, account: str, key: bytes | None) -> None:
        self._database = database
        self._account = account
        self._key = key
        self._proved = False

    def require_key(self) -> bytes:
        """The key under which tombstones are laid.

        Raises:
            ConfigError: There is none, or it isn't the one under which people were erased before.
        """
        if self._key is None:
            message = "TAJO_SECRET_KEY isn't set: without it an erased person couldn't be kept out, or would be let in"
            raise ConfigError(message, code="secret_key_missing", where="TAJO_SECRET_KEY", hint=_MAKE)
        if not self._proved:
            self._prove(self._key)
        return self._key

    def _prove(self, key: bytes) -> None:
        with self._database.reading() as connection:
            kept = connection.execute(select(meta.c.value).where(meta.c.name == _CHECK)).scalar()
        if kept is not None and not hmac.compare_digest(kept, _check(key)):
            message = "TAJO_SECRET_KEY isn't the one under which people were erased: they wouldn't be told again"
            raise ConfigError(
                message, code="secret_key_changed", where="TAJO_SECRET_KEY", hint="set the key that was set then"
            )
        self._proved = True

    def version(self) -> tuple[int, datetime | None]:
        """Changes whenever tombstones are laid: how many there are, and when the last one was laid."""
        latest = func.max(tombstones.c.erased_at, type_=tombstones.c.erased_at.type)
        statement = select(func.count(), latest).where(tombstones.c.account == self._account)
        with self._database.reading() as connection:
            count, at = connection.execute(statement).one()
            return int(count), at

    def exist(self, *, objected: bool = False) -> bool:
        """Whether there are any; with ``objected``, any of people who had said no."""
        statement = select(tombstones.c.hash).where(tombstones.c.account == self._account).limit(1)
        if objected:
            statement = statement.where(tombstones.c.objection.is_not(None))
        with self._database.reading() as connection:
            return connection.execute(statement).first() is not None

    def lay(self, marks: Mapping[Mark, Cause | None], at: datetime) -> list[str]:
        """Lay tombstones; an objection that stands on one stays.

        Returns:
            Their digests.

        Raises:
            ConfigError: See `require_key`.
        """
        key = self.require_key()
        rows = [self._row(key, mark, objection, at) for mark, objection in sorted(marks.items())]
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                # Whoever lands records has looked here within their own transaction: it ends before this goes on.
                connection.execute(text("LOCK TABLE tombstones IN ACCESS EXCLUSIVE MODE"))
            upsert(connection, meta, [{"name": _CHECK, "value": _check(key)}])
            upsert(connection, tombstones, rows, values=_merged)
        return [row["hash"] for row in rows]

    def digests(self, marks: Iterable[Mark]) -> list[str]:
        """What stands for these marks."""
        key = self.require_key()
        return sorted(_digest(key, mark) for mark in marks)

    def find(self, marks: Iterable[Mark]) -> dict[Mark, Tombstone]:
        """Tombstones of these marks; the others are missing.

        Raises:
            ConfigError: There are tombstones, and no key to read them by.
        """
        if not self.exist():
            return {}
        key = self.require_key()
        wanted = {_digest(key, mark): mark for mark in marks}
        found: dict[Mark, Tombstone] = {}
        with self._database.reading() as connection:
            for part in chunks(wanted):
                rows = connection.execute(
                    select(tombstones).where(tombstones.c.account == self._account, tombstones.c.hash.in_(part))
                )
                for row in rows:
                    objection = Cause(row.objection) if row.objection is not None else None
                    found[wanted[row.hash]] = Tombstone(objection, row.erased_at)
        return found

    def objections(self, addresses: Sequence[str]) -> list[Fact]:
        """What erased people had said no to, as facts that the judge of consent sees.

        Raises:
            ConfigError: There are some, and no key to read them by.
        """
        if not self.exist(objected=True):
            return []
        stones = self.find(address_mark(address) for address in addresses)
        return [
            Fact(
                address=address,
                channel=_CHANNELS[kind],
                source=ERASED,
                state=State.DENIED,
                at=stone.erased_at,
                recorded_at=stone.erased_at,
                cause=stone.objection,
                evidence="said no before they were erased",
            )
            for (kind, address), stone in stones.items()
            if stone.objection is not None
        ]

    def _row(self, key: bytes, mark: Mark, objection: Cause | None, at: datetime) -> dict[str, Any]:
        return {
            "account": self._account,
            "hash": _digest(key, mark),
            "kind": mark[0],
            "objection": objection.value if objection is not None else None,
            "erased_at": at,
        }


def _merged(standing: Any, given: Any) -> dict[str, Any]:
    newer = given.erased_at > standing.c.erased_at
    was = standing.c.objection
    lasting = or_(was == Cause.COMPLAINT.value, was == Cause.HARD_BOUNCE.value)
    kept = case((lasting, was), else_=func.coalesce(given.objection, was))
    return {
        "objection": kept,
        "erased_at": case((newer, given.erased_at), else_=standing.c.erased_at),
    }


def _digest(key: bytes, mark: Mark) -> str:
    return hmac.digest(key, f"{mark[0]}\n{mark[1]}".encode(), "sha256").hex()


def _check(key: bytes) -> str:
    return hmac.digest(key, b"which key this is", "sha256").hex()
