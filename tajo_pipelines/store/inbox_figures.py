"""The inbox in figures, for whoever asks every few seconds: cheap however many deliveries were kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text

from tajo_pipelines.store.appending import DeliveryState
from tajo_pipelines.store.database import Database
from tajo_pipelines.store.schema import OPEN_DELIVERIES, deliveries

LOOKED_AT = 5000
"""How many of the deliveries received last are looked at."""


@dataclass(frozen=True, slots=True)
class InboxFigures:
    """What the inbox holds.

    Attributes:
        waiting: How many are pending or leased, by connection and state.
        oldest: When the oldest of them was received, by connection.
        recent: States of the `LOOKED_AT` deliveries received last, by connection and state.
        lags: Seconds from the happening (the receipt, where its time isn't told) to Brevo's answer of those among them
            that were delivered, by connection, sorted.
    """

    waiting: Mapping[tuple[str, str], int]
    oldest: Mapping[str, datetime]
    recent: Mapping[tuple[str, str], int]
    lags: Mapping[str, list[float]]


def inbox_figures(database: Database) -> InboxFigures:
    """The figures now.

    Raises:
        RetryableError: The database can't be reached.
    """
    columns = deliveries.c
    with database.reading() as connection:
        # The index of open deliveries is known by its own words alone.
        waiting = connection.execute(
            select(columns.connection, columns.state, func.count(), func.min(columns.id))
            .where(text(OPEN_DELIVERIES))
            .group_by(columns.connection, columns.state)
        ).all()
        oldest = connection.execute(
            select(columns.connection, columns.received_at).where(columns.id.in_([row[3] for row in waiting]))
        ).all()
        last = connection.execute(
            select(columns.connection, columns.state, columns.source_at, columns.received_at, columns.delivered_at)
            .order_by(columns.id.desc())
            .limit(LOOKED_AT)
        ).all()
    first: dict[str, datetime] = {}
    for name, at in oldest:
        first[name] = min(at, first.get(name, at))
    lags: dict[str, list[float]] = {}
    for row in last:
        if row.state == DeliveryState.DONE and row.delivered_at is not None:
            began = row.source_at or row.received_at
            lags.setdefault(row.connection, []).append((row.delivered_at - began).total_seconds())
    return InboxFigures(
        waiting={(row[0], row[1]): row[2] for row in waiting},
        oldest=first,
        recent=Counter((row.connection, row.state) for row in last),
        lags={name: sorted(found) for name, found in lags.items()},
    )
