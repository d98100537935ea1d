"""Consent: what is known of one address on one channel, and what follows from it.

The whole rule is `judge`: a pure function from facts to a verdict. Storage keeps the facts, nothing else decides.

* A *yes* without a time of its own is older than every objection. Whether a single opt-in is a yes at all, the
  connection's ``opt_in`` says (`signal_to_fact`).
* An *objection* is lifted by a newer yes from a source that carries it, or by a newer confirmed yes from anywhere
  (with `SKEW` against it). A complaint or a hard bounce is never lifted. Of an erased person the objection stays, and
  any newer yes lifts it, for it is another person's.
* Silence is no fact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

SKEW = timedelta(minutes=5)
"""How far two clocks may disagree: counts against whoever would mail."""

BREVO = "brevo"
"""Source name of what Brevo itself says."""

ERASED = "erased"
"""Source name of the objection that outlives an erased person: whoever has the address now must say yes anew."""


class Channel(StrEnum):
    """A way to reach a person."""

    EMAIL = "email"
    SMS = "sms"


class State(StrEnum):
    """What a source says of a channel."""

    GRANTED = "granted"
    DENIED = "denied"
    UNKNOWN = "unknown"


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """What one record says of one channel.

    Attributes:
        channel: The channel.
        state: GRANTED or DENIED; UNKNOWN where the platform says that nobody was asked.
        at: The consent's own time; None where the platform gives none (never the record's update time).
        confirmed: Whether the yes was confirmed by the address's owner (double opt-in).
        evidence: The platform's own words for it: ``SUBSCRIBED/SINGLE_OPT_IN``.
    """

    channel: Channel
    state: State
    at: datetime | None = None
    confirmed: bool = False
    evidence: str = ""


class Cause(StrEnum):
    """Why an objection stands."""

    OBJECTION = "objection"
    COMPLAINT = "complaint"
    HARD_BOUNCE = "hard_bounce"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known of an address on a channel, kept for good.

    Attributes:
        address: Normal form of the e-mail address or the phone number.
        source: Connection that said it, or ``brevo``.
        state: GRANTED or DENIED.
        at: The consent's own time. A denial without one is dated by its reading; a grant without one has None.
        recorded_at: When we learned of it.
        carried_by_brevo: For a denial elsewhere: Brevo was read back holding the block for it.
    """

    address: str
    channel: Channel
    source: str
    state: State
    at: datetime | None
    recorded_at: datetime
    confirmed: bool = False
    cause: Cause = Cause.OBJECTION
    evidence: str = ""
    carried_by_brevo: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from the facts.

    Attributes:
        state: DENIED while an objection stands; GRANTED by a valid yes otherwise; else UNKNOWN.
        objection: The objection that stands, the newest.
        grant: The yes that counts: the newest of those that lift an objection, else the newest.
        lifted: Objections that a newer yes has lifted: freeing leans on them (kind b).
        contested: There is a yes that was read after an objection, but it can't lift it: a letter's matter.
    """

    state: State
    objection: Fact | None
    grant: Fact | None
    lifted: tuple[Fact, ...]
    contested: bool


def signal_to_fact(
    signal: Signal, *, address: str, source: str, read_at: datetime, confirmed_only: bool = False
) -> Fact | None:
    """The fact that a record's signal states, or None where it states none.

    Args:
        signal: What the record says.
        address: Normal form of the address or number that it speaks of.
        source: Name of the connection.
        read_at: When the record was read: the date of a no that has none of its own.
        confirmed_only: Whether the connection's ``opt_in`` is ``confirmed``: then a single yes is no yes.
    """
    if signal.state is State.UNKNOWN:
        return None
    if signal.state is State.GRANTED and confirmed_only and not signal.confirmed:
        return None
    at = signal.at
    if signal.state is State.DENIED and at is None:
        at = read_at
    return Fact(
        address=address,
        channel=signal.channel,
        source=source,
        state=signal.state,
        at=at,
        recorded_at=read_at,
        confirmed=signal.confirmed,
        evidence=signal.evidence,
    )


def lifts(yes: Fact, objection: Fact) -> bool:
    """Whether a yes lifts an objection."""
    if objection.cause is not Cause.OBJECTION or yes.at is None or objection.at is None:
        return False
    carries = yes.source == objection.source or (yes.source == BREVO and objection.carried_by_brevo)
    if carries and yes.at > objection.at:
        return True
    return (yes.confirmed or objection.source == ERASED) and yes.at - SKEW > objection.at


def judge(facts: Iterable[Fact]) -> Verdict:
    """The verdict over all facts of one address and channel, whatever their order."""
    known = list(facts)
    yeses = [fact for fact in known if fact.state is State.GRANTED]
    objections = [fact for fact in known if fact.state is State.DENIED]
    lifted = tuple(no for no in objections if any(lifts(yes, no) for yes in yeses))
    standing = [no for no in objections if no not in lifted]
    lifting = [yes for yes in yeses if any(lifts(yes, no) for no in lifted)]
    grant = max(lifting or yeses, key=_newest, default=None)
    if standing:
        newest = max(standing, key=_newest)
        contested = any(yes.at is not None and newest.at is not None and yes.at > newest.at for yes in yeses)
        return Verdict(State.DENIED, newest, grant, lifted, contested)
    return Verdict(State.GRANTED if grant else State.UNKNOWN, None, grant, lifted, contested=False)


def _newest(fact: Fact) -> tuple[bool, float, str, bool]:
    return (fact.at is not None, fact.at.timestamp() if fact.at else 0.0, fact.source, fact.confirmed)
