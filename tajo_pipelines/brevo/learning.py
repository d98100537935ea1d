"""What readings of an account teach about consent: objections, opt-ins at Brevo, blocks that are gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tajo_pipelines.brevo.consent_door import MARK, is_guess, moved_facts, new_facts, parse_mark
from tajo_pipelines.model.consent import BREVO, SKEW, Cause, Channel, Fact, State
from tajo_pipelines.model.ledger import Block
from tajo_pipelines.model.picture import SeenContact
from tajo_pipelines.model.window import parse_time

READING = "reading"
"""Evidence of an objection that is dated by the reading that found it."""

STATISTICS = "statistics"
"""Evidence of an objection that Brevo's own statistics date."""

BLOCK_SETTLES = timedelta(minutes=15)
"""How long after our call Brevo may date the block that the call set."""


MADE_BLOCKED = timedelta(minutes=1)
"""How long after its creation a contact that is made blocked counts as blocked."""

MOMENT = timedelta(microseconds=1)
"""What lies between a reading and the earliest change that it didn't show."""


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


@dataclass(frozen=True, slots=True)
class _Look:
    """One channel of a contact, as it was read last and as it is read now.

    Attributes:
        before: The contact as read last; None when it is new to the picture.
        old_address: Its address then.
        was_blocked: Whether the channel was blocked then.
        given: Our block by the ledger.
        marked: Our block by the mark.
    """

    channel: Channel
    before: SeenContact | None
    after: SeenContact
    old_address: str | None
    address: str
    was_blocked: bool
    is_blocked: bool
    given: Block | None
    marked: Block | None

    @property
    def ours(self) -> Block | None:
        return self.given or self.marked

    @property
    def stayed(self) -> bool:
        """Whether the address is the one that was read last."""
        return self.old_address == self.address


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
    if before is None:
        own = {channel: block for channel, block in blocks.items() if _may_be_on(after, block)}
        seen.dropped |= {Channel(channel) for channel in blocks.keys() - own.keys()}
        blocks = own
    for look in _looks(before, after, blocks):
        facts = known.get((look.address, look.channel), [])
        seen.facts += new_facts(facts, _double_opt_in(look))
        if look.is_blocked:
            seen.facts += _of_block(look, facts)
            continue
        seen.dropped |= {look.channel} if look.given else set()
        seen.marked |= {look.channel} if look.marked else set()
        if look.was_blocked and not look.stayed and look.old_address is not None:
            seen.facts += moved_facts(known.get((look.old_address, look.channel), []), look.address)
            seen.reblock.add(look.channel)
        else:
            seen.facts += _freed_there(look)
    return seen


def _may_be_on(contact: SeenContact, block: Block) -> bool:
    """Whether a block of the ledger can be this contact's, not that of one with its address that was deleted since."""
    return contact.created_at <= (block.until or block.at) + BLOCK_SETTLES


def _looks(before: SeenContact | None, after: SeenContact, blocks: Mapping[str, Block]) -> Iterator[_Look]:
    marks = parse_mark(after.mark)
    for channel in Channel:
        old, was_blocked = _channel(before, channel) if before is not None else (None, False)
        address, is_blocked = _channel(after, channel)
        if address is not None:
            given, marked = blocks.get(channel), marks.get(channel)
            yield _Look(channel, before, after, old, address, was_blocked, is_blocked, given, marked)


def _channel(contact: SeenContact, channel: Channel) -> tuple[str | None, bool]:
    if channel is Channel.EMAIL:
        return contact.email, contact.email_blocked
    return contact.phone, contact.sms_blocked


def _of_block(look: _Look, known: Sequence[Fact]) -> list[Fact]:
    """The facts that a block at Brevo stands for, whoever set it."""
    if is_guess(look.ours):
        return []
    facts = new_facts(known, _carried(look, known))
    if look.ours is None:
        at = look.after.read_at
        objection = _fact(look, BREVO, State.DENIED, at, evidence=READING)
        # Read as open before: this is no old objection read again, even if a known one was lifted since.
        is_new = look.before is None or (look.stayed and not look.was_blocked)
        return facts + ([objection] if is_new else new_facts(known, [objection]))
    source = look.ours.reason.partition(":")[2]
    if not any(fact.state is State.DENIED and fact.source == source for fact in known):
        objection = _fact(look, source, State.DENIED, look.ours.since or look.ours.at, evidence=MARK)
        facts.append(replace(objection, carried_by_brevo=source != BREVO))
    return facts


def _carried(look: _Look, known: Sequence[Fact]) -> list[Fact]:
    """Objections elsewhere of which Brevo is now read back holding the block.

    Not those that are older than a yes at Brevo: it would have been given without knowing of them.
    """
    yeses = [fact.at for fact in known if fact.source == BREVO and fact.state is State.GRANTED and fact.at]
    return [
        replace(fact, carried_by_brevo=True)
        for fact in known
        if fact.state is State.DENIED
        and fact.source != BREVO
        and not fact.carried_by_brevo
        and fact.recorded_at <= look.after.read_at
        and not any(fact.at is not None and yes > fact.at for yes in yeses)
    ]


def _freed_there(look: _Look) -> list[Fact]:
    """An opt-in at Brevo: a block is gone that we didn't take off, for ours are noted in the picture as they are made.

    It is dated by what is known to be earlier, so that it outdoes no objection that came after it.
    """
    times = [look.before.read_at] if look.before is not None and look.was_blocked and look.stayed else []
    times += _took_effect(look)
    if not times:
        return []
    return [_fact(look, BREVO, State.GRANTED, max(times) + MOMENT, evidence="freed at Brevo")]


def _took_effect(look: _Look) -> list[datetime]:
    """When this contact is known to have held our block of the ledger, if ever.

    An import that guesses leaves whoever joined meanwhile alone, so its blocks prove nothing.
    """
    given = look.given
    if given is None or is_guess(given) or given.until is None or look.after.created_at > given.until:
        return []
    return [given.until]


def _double_opt_in(look: _Look) -> list[Fact]:
    """The confirmed yes of a contact that Brevo marks so, as old as it may be.

    It is read once, with the address that was confirmed: a contact keeps the mark when its address is changed. Where
    the channel is blocked, the mark counts against our own denial alone, which may be older than the contact.
    """
    before, after = look.before, look.after
    if (
        look.channel is not Channel.EMAIL
        or not after.double_opted_in
        or (before is not None and before.double_opted_in)
    ):
        return []
    if look.is_blocked and (look.ours is None or is_guess(look.ours)):
        return []
    times = [after.created_at, *([before.read_at] if before is not None else [])]
    times += [] if look.is_blocked else _took_effect(look)
    return [replace(_fact(look, BREVO, State.GRANTED, max(times), evidence="double opt-in"), confirmed=True)]


def _fact(look: _Look, source: str, state: State, at: datetime, *, evidence: str) -> Fact:
    return Fact(
        address=look.address,
        channel=look.channel,
        source=source,
        state=state,
        at=at,
        recorded_at=look.after.read_at,
        evidence=evidence,
    )


def statistics_facts(
    statistics: Mapping[str, Any], seen: SeenContact, ours: Block | None, *, over: datetime | None = None
) -> list[Fact]:
    """Objections that a contact's statistics record, of e-mail.

    Brevo lists a block set through the API among the admin's unsubscriptions, so those in the time that our own block
    needed to take effect are taken for ours. (Inferred from the names in Brevo's API reference, 2026-11; no account
    was asked.)

    Args:
        statistics: The ``statistics`` of GET /contacts/{identifier}.
        seen: The contact as that call showed it.
        ours: Our own block, if there is one.
        over: When the address was last known to be freed: unsubscriptions before that are history, with the facts
            that they left.
    """
    if seen.email is None:
        return []
    unsubscriptions = statistics.get("unsubscriptions") or {}
    by_admin = [moment for moment in _times(unsubscriptions.get("adminUnsubscription")) if not _is(ours, moment, seen)]
    left = by_admin + _times(unsubscriptions.get("userUnsubscription"))
    told = [(Cause.OBJECTION, moment) for moment in left if over is None or moment > over]
    told += [(Cause.COMPLAINT, moment) for moment in _times(statistics.get("complaints"))]
    told += [(Cause.HARD_BOUNCE, moment) for moment in _times(statistics.get("hardBounces"))]
    return [
        Fact(
            address=seen.email,
            channel=Channel.EMAIL,
            source=BREVO,
            state=State.DENIED,
            at=moment,
            recorded_at=seen.read_at,
            cause=cause,
            evidence=STATISTICS,
        )
        for cause, moment in told
    ]


def _is(ours: Block | None, moment: datetime, seen: SeenContact) -> bool:
    """Whether an unsubscription is our own block: set in its time, or as the contact was made."""
    if ours is None:
        return False
    until = (ours.until or ours.at) + BLOCK_SETTLES
    return ours.at - SKEW <= moment <= until or abs(moment - seen.created_at) <= MADE_BLOCKED


def _times(events: Sequence[Mapping[str, Any]] | None) -> list[datetime]:
    return [parse_time(str(event["eventTime"])) for event in events or ()]
