"""Keeps erased people out: their records are neither landed nor delivered, until they are somebody else's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.identity import held_email, normal_email, normal_phone
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.record import Canonical, Record
from tajo_pipelines.model.report import StreamReport
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.database import chunks
from tajo_pipelines.store.tombstones import Mark, Tombstone, Tombstones, address_mark, record_mark
from tajo_pipelines.sync.parquet import encode_raw

CUSTOMERS = "customers"
REASON = "erased"
"""Why a record is skipped."""

_EMAIL = re.compile(r"[^\s@<>\"',;:()\[\]{}=/\\]+@[^\s@<>\"',;:()\[\]{}=/\\]+")

Form = TypeVar("Form")


def addresses_of(form: Any, region: str | None) -> tuple[str | None, str | None]:
    """Normal address and number that a canonical record names; None where it names none that could be one."""
    return _email(getattr(form, "email", None)), _phone(getattr(form, "phone", None), _country(form) or region)


def _country(form: Any) -> str | None:
    if isinstance(form, Customer):
        return form.country_code
    address = form.billing or form.shipping_address if isinstance(form, Order) else None
    return address.country_code if address is not None else None


def _email(written: str | None) -> str | None:
    if not written:
        return None
    try:
        return normal_email(written)
    except RejectedRecord:
        return held_email(written)


def _phone(written: str | None, region: str | None) -> str | None:
    try:
        return normal_phone(written, region) if written else None
    except RejectedRecord:
        return None


@dataclass(slots=True)
class KeepingOut:
    """Keeps the erased people of one account out of one connection.

    Attributes:
        tombstones: The account's.
        connection: The connection.
        kept_out: Keys of the records that were kept out.
    """

    tombstones: Tombstones
    connection: Connection
    kept_out: list[str] = field(default_factory=list)

    def passed(self, parsed: Iterable[tuple[Record, Form]]) -> Iterator[tuple[Record, Form]]:
        """The records that aren't an erased person's.

        Nothing is gathered, and no digest made, as long as nobody was erased.

        Raises:
            ConfigError: People were erased, and TAJO_SECRET_KEY isn't there to tell them by.
        """
        if not self.tombstones.exist():
            yield from parsed
            return
        for part in chunks(parsed):
            for item, erased in zip(part, self._erased(part), strict=True):
                if erased:
                    self.kept_out.append(item[0].key)
                else:
                    yield item

    def count_into(self, report: StreamReport) -> None:
        """Count those that were kept out as skipped."""
        if self.kept_out:
            report.skipped[REASON] += len(self.kept_out)

    def _erased(self, part: Sequence[tuple[Record, Any]]) -> list[bool]:
        wanted = [self._marks(record, form) for record, form in part]
        stones = self.tombstones.find({mark for own, others in wanted for mark in (own, *others)})
        return [
            own in stones or any(_before(form, stones.get(mark)) for mark in others)
            for (own, others), (_, form) in zip(wanted, part, strict=True)
        ]

    def _marks(self, record: Record, form: Canonical | None) -> tuple[Mark, list[Mark]]:
        """The record's own mark, and those of whom it speaks of."""
        own = record_mark(self.connection.name, record.stream, record.key)
        if form is None:
            return own, [address_mark(held_email(found)) for found in set(_EMAIL.findall(encode_raw(record.raw)))]
        email, phone = addresses_of(form, self.connection.region)
        customer = getattr(form, "customer_id", None)
        marks = [record_mark(self.connection.name, CUSTOMERS, customer)] if customer else []
        # Whoever has an address is told by it: a number may be a family's.
        return own, marks + [address_mark(address) for address in (email or phone,) if address]


def _before(form: Any, stone: Tombstone | None) -> bool:
    """Whether a record was made before the erasure; one that doesn't tell when counts as older."""
    if stone is None:
        return False
    made: datetime | None = form.placed_at if isinstance(form, Order) else getattr(form, "created_at", None)
    return made is None or made < stone.erased_at
