"""The door through which consent reaches Brevo: the only module that knows the names of Brevo's blocklist flags.

What is decided here follows from `tajo_pipelines.model.consent.judge`; nothing else in the project blocks or frees.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from tajo_pipelines.model.consent import BREVO, Channel, Fact, State, Verdict, judge
from tajo_pipelines.model.ledger import Block
from tajo_pipelines.model.window import format_time, parse_time

CONTACT_FLAG = {Channel.EMAIL: "emailBlacklisted", Channel.SMS: "smsBlacklisted"}
"""Field names on POST and PUT /contacts and in what GET answers (source: Brevo API reference, contacts)."""

IMPORT_FLAG = {Channel.EMAIL: "emailBlacklist", Channel.SMS: "smsBlacklist"}
"""Field names on POST /contacts/import, where they hold for every row (source: Brevo API reference)."""

MARK = "TAJO_BLOCKED"
"""Attribute that says which blocks are ours, so that a lost store doesn't take them for objections."""

UNKNOWN_REASON = "unknown"

FOR_UNKNOWN, AGAINST_OBJECTION = "a", "b"
"""Kinds of freeing: of a block that was ours for want of a yes, and of one that stood for somebody's no."""


class OnUnknown(StrEnum):
    """What becomes of a person whom we would make reachable without a yes."""

    BLOCK = "block"
    UNLISTED = "unlisted"
    SKIP = "skip"


def read_flags(contact: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether a contact, as GET /contacts shows it, is blocked for e-mail and for SMS."""
    return bool(contact[CONTACT_FLAG[Channel.EMAIL]]), bool(contact[CONTACT_FLAG[Channel.SMS]])


def contact_flags(blocked: Iterable[Channel]) -> dict[str, bool]:
    """The fields that block these channels in a single write."""
    return {CONTACT_FLAG[channel]: True for channel in sorted(blocked)}


def import_flags(blocked: Iterable[Channel]) -> dict[str, bool]:
    """The fields that block these channels for every row of an import."""
    return {IMPORT_FLAG[channel]: True for channel in sorted(blocked)}


def freeing_flag(channel: Channel) -> dict[str, bool]:
    """The field that frees a channel. Sent by `tajo_pipelines.brevo.singles` alone, for one person at a time."""
    return {CONTACT_FLAG[channel]: False}


def format_mark(blocks: Mapping[str, Block]) -> str:
    """The mark's text: ``email:unknown@2026-11-24T22:00:00Z sms:denied:shop@...``; empty without blocks.

    A block that stands for another reason by now has that time behind its own: ``...@<set>/<since>``.
    """
    return " ".join(f"{channel}:{block.reason}@{_times(block)}" for channel, block in sorted(blocks.items()))


def _times(block: Block) -> str:
    return "/".join(format_time(moment) for moment in (block.at, block.since) if moment is not None)


def parse_mark(text: str) -> dict[str, Block]:
    """The blocks that a mark names; words that aren't ours are passed over, for anyone may edit an attribute."""
    blocks: dict[str, Block] = {}
    for word in text.split():
        head, _, times = word.rpartition("@")
        channel, _, reason = head.partition(":")
        if channel not in list(Channel) or not (reason == UNKNOWN_REASON or reason.startswith("denied:")):
            continue
        at, _, since = times.partition("/")
        try:
            blocks[channel] = Block(reason=reason, at=parse_time(at), since=parse_time(since) if since else None)
        except ValueError:
            continue
    return blocks


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """What one write does to one channel.

    Attributes:
        verdict: What the facts say.
        flag: Whether the write carries the blocking flag.
        block: The block that the write sets newly, or None.
        free: Whether the channel is to be freed after the write.
        kind: `FOR_UNKNOWN` or `AGAINST_OBJECTION`, of freeing.
        skip: Whether the whole contact is left out (policy ``skip``).
        unlisted: Whether the contact joins no list (policy ``unlisted``).
    """

    verdict: Verdict
    flag: bool = False
    block: Block | None = None
    free: bool = False
    kind: str = ""
    skip: bool = False
    unlisted: bool = False


def plan_channel(
    verdict: Verdict,
    *,
    exists: bool,
    newly_reachable: bool,
    blocked_now: bool,
    ours: Block | None,
    on_unknown: OnUnknown,
    now: datetime,
) -> ChannelPlan:
    """What a write must do to one channel.

    Args:
        verdict: What the facts of the address say.
        exists: Whether the contact is at Brevo already.
        newly_reachable: Whether the write brings this address to the contact.
        blocked_now: Whether Brevo blocks the channel, as far as known.
        ours: Our own block on it, by ledger or mark.
        on_unknown: The account's policy.
        now: Time of the decision.
    """
    if verdict.state is State.DENIED:
        return ChannelPlan(verdict, flag=True, block=_denying(verdict, ours if blocked_now else None, blocked_now, now))
    if verdict.state is State.GRANTED:
        if not blocked_now:
            return ChannelPlan(verdict)
        kind = FOR_UNKNOWN if is_guess(ours) and not verdict.lifted else AGAINST_OBJECTION
        return ChannelPlan(verdict, free=True, kind=kind)
    if blocked_now:
        return ChannelPlan(verdict, flag=True)
    if on_unknown is OnUnknown.UNLISTED and not (exists and newly_reachable):
        return ChannelPlan(verdict, unlisted=True)
    if not newly_reachable:
        return ChannelPlan(verdict)
    if on_unknown is OnUnknown.SKIP and not exists:
        return ChannelPlan(verdict, skip=True)
    return ChannelPlan(verdict, flag=True, block=Block(reason=UNKNOWN_REASON, at=now))


def _denying(verdict: Verdict, ours: Block | None, blocked_now: bool, now: datetime) -> Block | None:
    """The block that a write sets on account of an objection, or None where one stands for it already."""
    if not blocked_now:
        return block_of(verdict, now)
    if ours is not None and is_guess(ours):
        # Set for want of a yes, it stands for the objection from now on: a lost store must find that in the mark.
        return msgspec.structs.replace(ours, reason=block_of(verdict, now).reason, since=now)
    return None


def block_of(verdict: Verdict, now: datetime) -> Block:
    """The block that an objection asks for."""
    source = verdict.objection.source if verdict.objection else BREVO
    return Block(reason=f"denied:{source}", at=now)


def is_guess(block: Block | None) -> bool:
    """Whether a block is ours for want of a yes, not for an objection."""
    return block is not None and block.reason == UNKNOWN_REASON


def new_facts(known: Sequence[Fact], stated: Iterable[Fact]) -> list[Fact]:
    """Those of the stated facts that add something.

    A no that was dated by its reading isn't dated anew while the same source's no stands already: re-reading it
    later doesn't make it younger.
    """
    added = []
    for fact in stated:
        same = [old for old in known if old.source == fact.source and old.channel == fact.channel]
        if not _is_read_again(same, fact) and not any(_says(old, fact) for old in same):
            added.append(fact)
    return added


def _is_read_again(same: Sequence[Fact], fact: Fact) -> bool:
    """Whether a fact is but a later reading of its source's last word."""
    if fact.state is not State.DENIED or fact.at != fact.recorded_at:
        return False
    noes = [old.at for old in same if old.state is State.DENIED and old.at is not None]
    if not noes or fact.at in noes:
        return False
    last_yes = max((old.at for old in same if old.state is State.GRANTED and old.at is not None), default=None)
    return last_yes is None or last_yes <= max(noes)


def _says(old: Fact, new: Fact) -> bool:
    same = (old.state, old.cause, old.confirmed) == (new.state, new.cause, new.confirmed)
    newer = new.at is not None and (old.at is None or new.at > old.at)
    return same and not newer and (old.carried_by_brevo or not new.carried_by_brevo)


def moved_facts(facts: Iterable[Fact], address: str) -> list[Fact]:
    """The standing objections among the facts, for a new address of the same person."""
    verdict_facts = list(facts)
    lifted = judge(verdict_facts).lifted
    return [
        replace(fact, address=address) for fact in verdict_facts if fact.state is State.DENIED and fact not in lifted
    ]
