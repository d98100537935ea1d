"""Deliveries as the inbox has them, and how they are chosen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement

from tajo_pipelines.store.appending import DeliveryState
from tajo_pipelines.store.schema import deliveries


@dataclass(frozen=True, slots=True)
class KeptDelivery:
    """A delivery as the inbox has it; further attributes as in `NewDelivery`.

    Attributes:
        attempts: How often it was leased.
        duplicates: How often it came again.
        error: Why the last attempt failed, or why it is dead or ignored.
    """

    id: int
    connection: str
    delivery_id: str
    topic: str
    stream: str | None
    key: str | None
    state: DeliveryState
    attempts: int
    bytes: int
    source_at: datetime | None
    received_at: datetime
    delivered_at: datetime | None
    duplicates: int
    error: str | None

    @property
    def lag(self) -> timedelta | None:
        """From the happening, or the receipt where its time isn't told, to Brevo's answer."""
        return None if self.delivered_at is None else self.delivered_at - (self.source_at or self.received_at)


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery with its body, in the hands of one run."""

    delivery: KeptDelivery
    body: bytes


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries; what isn't given is any.

    Attributes:
        since: Received then or later.
        until: Received before.
    """

    connection: str | None = None
    stream: str | None = None
    topic: str | None = None
    states: tuple[DeliveryState, ...] = ()
    key: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL."""
        columns = deliveries.c
        equal = (
            (columns.connection, self.connection),
            (columns.stream, self.stream),
            (columns.topic, self.topic),
            (columns.key, self.key),
        )
        found = [column == value for column, value in equal if value is not None]
        if self.states:
            found.append(columns.state.in_(self.states))
        if self.since is not None:
            found.append(columns.received_at >= self.since)
        if self.until is not None:
            found.append(columns.received_at < self.until)
        return found


SHOWN = tuple(deliveries.c[name] for name in KeptDelivery.__dataclass_fields__)


def kept_delivery(row: Any) -> KeptDelivery:
    """A row as a delivery."""
    values = {name: getattr(row, name) for name in KeptDelivery.__dataclass_fields__}
    return KeptDelivery(**values | {"state": DeliveryState(row.state)})
