"""Records as read, and the changes that they become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.product import Product

Canonical: TypeAlias = Customer | Order | Product | Cart


@dataclass(frozen=True, slots=True)
class Record:
    """One object of a stream as it was read.

    Attributes:
        stream: Name of the stream.
        key: The platform's id as text.
        updated_at: The platform's own time of the last change; None where the platform has none.
        read_at: When we read it.
        raw: The platform's object, decoded from JSON with decimals exact (numbers as Decimal or int).
    """

    stream: str
    key: str
    updated_at: datetime | None
    read_at: datetime
    raw: Mapping[str, Any]


class Origin(StrEnum):
    """The path on which a change came."""

    BATCH = "batch"
    WEBHOOK = "webhook"
    REPLAY = "replay"
    WAY_BACK = "way_back"


class ChangeKind(StrEnum):
    """What a change asks for."""

    UPSERT = "upsert"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """Upsert or delete of one record.

    Attributes:
        source_time: The record's own update time, or the time of reading where it has none. The ledger orders by it.
        cause_at: When the thing happened that this change tells of (an order's creation, say): rule of history.
        record: The canonical object; None for a delete.
    """

    connection: str
    stream: str
    key: str
    kind: ChangeKind
    origin: Origin
    source_time: datetime
    cause_at: datetime
    record: Canonical | None = None
