"""Facts of consent, and who was freed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, distinct, func, insert, not_, or_, select
from sqlalchemy.sql.elements import ColumnElement

from tajo_pipelines.model.consent import Cause, Channel, Fact, State
from tajo_pipelines.store.database import Database, chunks, upsert
from tajo_pipelines.store.schema import consent_facts, freed

AGAINST_AN_OBJECTION = "b"
"""Kind of freeing that lifts somebody's no; ``a`` undoes a block of our own."""


READING = "reading"
"""Evidence of an objection that is dated by the reading that found it."""

STATISTICS = "statistics"
"""Evidence of the same objection once the vendor's statistics have dated it."""


class Consent:
    """One account's facts of consent."""

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account

    def facts(self, addresses: Sequence[str]) -> dict[tuple[str, Channel], list[Fact]]:
        """All facts of these addresses; an address or channel without one isn't in it."""
        found: dict[tuple[str, Channel], list[Fact]] = {}
        with self._database.reading() as connection:
            for part in chunks(addresses):
                rows = connection.execute(
                    select(consent_facts)
                    .where(consent_facts.c.account == self._account, consent_facts.c.address.in_(part))
                    .order_by(*consent_facts.primary_key)
                )
                for row in rows:
                    fact = _fact(row)
                    found.setdefault((fact.address, fact.channel), []).append(fact)
        return found

    def add(self, facts: Iterable[Fact]) -> None:
        """Add facts. One row per (address, channel, source, state, cause, confirmed): the newest ``at`` stays.

        A fact without time never replaces one with a time; ``carried_by_brevo`` stays once set for the same ``at``.
        A stored fact with evidence ``reading`` yields to one with evidence ``statistics``, even an older one: it was
        dated by the reading only for want of a better date.
        """
        with self._database.writing() as connection:
            upsert(
                connection,
                consent_facts,
                (self._row(fact) for fact in facts),
                newer=_tells_more,
                values=_merged,
            )

    def freed_today(self, source: str, now: datetime) -> int:
        """How many people were freed against an objection in the last 24 hours on this source's word."""
        statement = select(func.count(distinct(freed.c.address))).where(
            freed.c.account == self._account,
            freed.c.source == source,
            freed.c.kind == AGAINST_AN_OBJECTION,
            freed.c.at > now - timedelta(hours=24),
        )
        with self._database.reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def freed_at(self, address: str, channel: Channel) -> datetime | None:
        """When an address was last freed by us, whatever the kind."""
        statement = select(func.max(freed.c.at)).where(
            freed.c.account == self._account, freed.c.address == address, freed.c.channel == channel
        )
        with self._database.reading() as connection:
            found: datetime | None = connection.execute(statement).scalar_one()
            return found

    def note_freed(self, address: str, channel: Channel, source: str, now: datetime, *, kind: str) -> None:
        """Keep that a person was freed; kind ``a`` or ``b``."""
        with self._database.writing() as connection:
            connection.execute(
                insert(freed).values(
                    account=self._account, address=address, channel=channel, source=source, kind=kind, at=now
                )
            )

    def _row(self, fact: Fact) -> dict[str, Any]:
        return {
            "account": self._account,
            "address": fact.address,
            "channel": fact.channel,
            "source": fact.source,
            "state": fact.state,
            "cause": fact.cause,
            "confirmed": fact.confirmed,
            "at": fact.at,
            "recorded_at": fact.recorded_at,
            "evidence": fact.evidence,
            "carried_by_brevo": fact.carried_by_brevo,
        }


def _replaces(standing: Any, given: Any) -> ColumnElement[bool]:
    """Whether the fact given is the newer one, or has the date that the standing one's reading lacked."""
    newer = or_(standing.c.at.is_(None), given.at > standing.c.at)
    redated = and_(standing.c.evidence == READING, given.evidence == STATISTICS)
    return and_(given.at.is_not(None), or_(newer, redated))


def _tells_more(standing: Any, given: Any) -> ColumnElement[bool]:
    carried_now = and_(given.carried_by_brevo, not_(standing.c.carried_by_brevo))
    return or_(_replaces(standing, given), and_(_same_time(standing, given), carried_now))


def _same_time(standing: Any, given: Any) -> ColumnElement[bool]:
    same: ColumnElement[bool] = given.at.is_not_distinct_from(standing.c.at)
    return same


def _merged(standing: Any, given: Any) -> Mapping[str, Any]:
    """What stands once `_tells_more` let a fact in."""
    replaces = _replaces(standing, given)
    merged: dict[str, Any] = {
        name: case((replaces, given[name]), else_=standing.c[name]) for name in ("at", "recorded_at", "evidence")
    }
    merged["carried_by_brevo"] = case(
        (_same_time(standing, given), or_(given.carried_by_brevo, standing.c.carried_by_brevo)),
        else_=given.carried_by_brevo,
    )
    return merged


def _fact(row: Any) -> Fact:
    return Fact(
        address=row.address,
        channel=Channel(row.channel),
        source=row.source,
        state=State(row.state),
        at=row.at,
        recorded_at=row.recorded_at,
        confirmed=row.confirmed,
        cause=Cause(row.cause),
        evidence=row.evidence,
        carried_by_brevo=row.carried_by_brevo,
    )
