"""What readings of an account teach about consent: objections, opt-ins at Brevo, blocks that are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tajo_pipelines.brevo.consent_door import MARK, UNKNOWN_REASON, moved_facts, new_facts, parse_mark
from tajo_pipelines.model.consent import BREVO, Cause, Channel, Fact, State
from tajo_pipelines.model.ledger import Block
from tajo_pipelines.model.picture import SeenContact
from tajo_pipelines.model.window import parse_time

READING = "reading"
"""Evidence of an objection that is dated by the reading that found it."""

STATISTICS = "statistics"
"""Evidence of an objection that Brevo's own statistics date."""

BLOCK_SETTLES = timedelta(minutes=15)
"""How long after our call Brevo may date the block that the call set."""


@dataclass(slots=True)
class Seen:
    """What one reading of one contact teaches about consent.

    Attributes:
        facts: Facts to add.
        dropped: Channels of which our own block is gone at Brevo.
        marked: Channels of which the mark must be taken off, since the block that it names is gone.
        reblock: Channels that lost their block by a rename at Brevo.
    """

    facts: list[Fact] = field(default_factory=list)
    dropped: set[Channel] = field(default_factory=set)
    marked: set[Channel] = field(default_factory=set)
    reblock: set[Channel] = field(default_factory=set)


def learn(
    before: SeenContact | None,
    after: SeenContact,
    known: Mapping[tuple[str, Channel], list[Fact]],
    blocks: Mapping[str, Block],
) -> Seen:
    """What a contact's reading says beyond what is known.

    Args:
        before: The contact as read last, by the same id; None when it is new to the picture.
        after: The contact as read now.
        known: Facts of its addresses, old and new.
        blocks: Our blocks on it by the ledger, by channel.
    """
    seen = Seen()
    marks = parse_mark(after.mark)
    for channel, old_address, address, was_blocked, is_blocked in _channels(before, after):
        if address is None:
            continue
        facts = known.get((address, channel), [])
        if is_blocked:
            ours = blocks.get(channel) or marks.get(channel)
            seen.facts += new_facts(facts, _blocked_facts(channel, address, after, ours, facts))
            continue
        seen.dropped |= {channel} if channel in blocks else set()
        seen.marked |= {channel} if channel in marks else set()
        if channel is Channel.EMAIL and after.double_opted_in:
            seen.facts += new_facts(facts, [_brevo_yes(channel, address, after.created_at, after, confirmed=True)])
        if not was_blocked:
            continue
        if old_address == address:
            # Freed there, not by us: ours are noted in the picture as they are made.
            seen.facts.append(_brevo_yes(channel, address, after.read_at, after, confirmed=False))
        elif old_address is not None:
            seen.facts += moved_facts(known.get((old_address, channel), []), address)
            seen.reblock.add(channel)
    return seen


def _channels(
    before: SeenContact | None, after: SeenContact
) -> tuple[tuple[Channel, str | None, str | None, bool, bool], ...]:
    return (
        (
            Channel.EMAIL,
            before.email if before else None,
            after.email,
            before.email_blocked if before else False,
            after.email_blocked,
        ),
        (
            Channel.SMS,
            before.phone if before else None,
            after.phone,
            before.sms_blocked if before else False,
            after.sms_blocked,
        ),
    )


def _blocked_facts(
    channel: Channel, address: str, after: SeenContact, ours: Block | None, known: Sequence[Fact]
) -> list[Fact]:
    """The facts that a block at Brevo stands for, whoever set it."""
    if ours is not None and ours.reason == UNKNOWN_REASON:
        return []
    carried = [fact for fact in known if fact.state is State.DENIED and fact.source != BREVO]
    facts = [
        replace(fact, carried_by_brevo=True)
        for fact in carried
        if not fact.carried_by_brevo and fact.recorded_at <= after.read_at
    ]
    if ours is not None:
        source = ours.reason.partition(":")[2]
        if source != BREVO and not any(fact.source == source for fact in carried):
            facts.append(
                Fact(
                    address=address,
                    channel=channel,
                    source=source,
                    state=State.DENIED,
                    at=ours.at,
                    recorded_at=after.read_at,
                    evidence=MARK,
                    carried_by_brevo=True,
                )
            )
        return facts
    facts.append(
        Fact(
            address=address,
            channel=channel,
            source=BREVO,
            state=State.DENIED,
            at=after.read_at,
            recorded_at=after.read_at,
            evidence=READING,
        )
    )
    return facts


def _brevo_yes(channel: Channel, address: str, at: datetime, after: SeenContact, *, confirmed: bool) -> Fact:
    return Fact(
        address=address,
        channel=channel,
        source=BREVO,
        state=State.GRANTED,
        at=at,
        recorded_at=after.read_at,
        confirmed=confirmed,
        evidence="double opt-in" if confirmed else "freed at Brevo",
    )


def statistics_facts(statistics: Mapping[str, Any], address: str, ours: Block | None, now: datetime) -> list[Fact]:
    """Objections that a contact's statistics record, of e-mail.

    Brevo lists a block set through the API among the admin's unsubscriptions, so those in the time that our own block
    needed to take effect are taken for ours. (Inferred from the names in Brevo's API reference, 2026-11; no account
    was asked.)

    Args:
        statistics: The ``statistics`` of GET /contacts/{identifier}.
        address: The contact's e-mail address.
        ours: Our own block, if there is one.
        now: Time of the reading.
    """
    unsubscriptions = statistics.get("unsubscriptions") or {}
    told: list[tuple[Cause, datetime]] = [
        (Cause.OBJECTION, _event_time(item)) for item in unsubscriptions.get("userUnsubscription") or []
    ]
    told += [
        (Cause.OBJECTION, moment)
        for moment in map(_event_time, unsubscriptions.get("adminUnsubscription") or [])
        if not _set_by(ours, moment)
    ]
    told += [(Cause.COMPLAINT, _event_time(item)) for item in statistics.get("complaints") or []]
    told += [(Cause.HARD_BOUNCE, _event_time(item)) for item in statistics.get("hardBounces") or []]
    return [
        Fact(
            address=address,
            channel=Channel.EMAIL,
            source=BREVO,
            state=State.DENIED,
            at=moment,
            recorded_at=now,
            cause=cause,
            evidence=STATISTICS,
        )
        for cause, moment in told
    ]


def _set_by(ours: Block | None, moment: datetime) -> bool:
    if ours is None:
        return False
    until = (ours.until or ours.at) + BLOCK_SETTLES
    return ours.at - timedelta(minutes=5) <= moment <= until


def _event_time(item: Mapping[str, Any]) -> datetime:
    return parse_time(str(item["eventTime"]))
