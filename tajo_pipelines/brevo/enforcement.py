"""Reads an account's contacts and sets blocks again that an objection on record asks for and Brevo doesn't hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.consent_door import UNKNOWN_REASON, denied_reason, format_mark, parse_mark
from tajo_pipelines.brevo.learning import Seen, learn
from tajo_pipelines.brevo.picture import refresh
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.brevo.singles import block_contact
from tajo_pipelines.model.consent import BREVO, Channel, Fact, State, judge
from tajo_pipelines.model.ledger import Block, ContactEntry
from tajo_pipelines.model.picture import SeenContact

Pair = tuple[SeenContact | None, SeenContact]
Facts = Mapping[tuple[str, Channel], list[Fact]]


@dataclass(frozen=True, slots=True)
class Correction:
    """A contact whose blocks, or whose mark, at Brevo aren't what they must be.

    Attributes:
        channels: Channels to be blocked; none where only the mark is stale.
        marks: The blocks that the mark is to name.
    """

    contact_id: int
    channels: tuple[Channel, ...]
    marks: dict[str, Block]


def read_account(client: BrevoClient, state: AccountState, clock: Callable[[], datetime]) -> int:
    """Bring the picture up to date and correct what contradicts the objections on record.

    Returns:
        How many contacts were blocked again.

    Raises:
        TajoError: When Brevo can't be reached or used.
    """
    corrections: list[Correction] = []

    def absorb(pairs: Sequence[Pair]) -> None:
        corrections.extend(_absorb(pairs, state, clock()))

    refresh(client, state, clock(), on_page=absorb)
    for correction in corrections:
        block_contact(client, correction.contact_id, correction.channels, correction.marks)
    if corrections:
        _note(corrections, state)
    return sum(bool(correction.channels) for correction in corrections)


def _absorb(pairs: Sequence[Pair], state: AccountState, now: datetime) -> list[Correction]:
    """Learn from a page of the picture; what has to be corrected at Brevo."""
    addresses = {address for pair in pairs for seen in pair if seen for address in _addresses(seen)}
    facts = state.facts(sorted(addresses))
    entries = state.contacts(sorted({key for _, after in pairs if (key := after.email or after.phone)}))
    learned: list[tuple[SeenContact, ContactEntry | None, Seen]] = []
    for before, after in pairs:
        entry = entries.get(after.email or after.phone or "")
        seen = learn(before, after, facts, entry.blocks if entry else {})
        for fact in seen.facts:
            facts.setdefault((fact.address, fact.channel), []).append(fact)
        learned.append((after, entry, seen))
    with state.transaction():
        state.add_facts(fact for _, _, seen in learned for fact in seen.facts)
        state.save_contacts(
            _without_blocks(entry, seen) for _, entry, seen in learned if entry is not None and seen.dropped
        )
    return [found for after, _, seen in learned if (found := _correction(after, seen, facts, now)) is not None]


def _correction(after: SeenContact, seen: Seen, facts: Facts, now: datetime) -> Correction | None:
    marks = {name: block for name, block in parse_mark(after.mark).items() if name not in seen.marked}
    channels = []
    for channel, address, blocked in (
        (Channel.EMAIL, after.email, after.email_blocked),
        (Channel.SMS, after.phone, after.sms_blocked),
    ):
        if address is None or blocked:
            continue
        verdict = judge(facts.get((address, channel), []))
        if verdict.state is State.DENIED:
            source = verdict.objection.source if verdict.objection else BREVO
            marks[channel.value] = Block(reason=denied_reason(source), at=now)
            channels.append(channel)
        elif channel in seen.reblock and verdict.state is State.UNKNOWN:
            marks[channel.value] = Block(reason=UNKNOWN_REASON, at=now)
            channels.append(channel)
    if not channels and not seen.marked:
        return None
    return Correction(after.contact_id, tuple(channels), marks)


def _note(corrections: Sequence[Correction], state: AccountState) -> None:
    """Write down in the picture and the ledger what was corrected."""
    seen = state.seen_by_id([correction.contact_id for correction in corrections])
    keys = {number: contact.email or contact.phone or "" for number, contact in seen.items()}
    entries = state.contacts(sorted(filter(None, keys.values())))
    rows, changed = [], []
    for correction in corrections:
        row = seen[correction.contact_id]
        rows.append(
            replace(
                row,
                email_blocked=row.email_blocked or Channel.EMAIL in correction.channels,
                sms_blocked=row.sms_blocked or Channel.SMS in correction.channels,
                mark=format_mark(correction.marks),
            )
        )
        entry = entries.get(keys[correction.contact_id])
        if entry is not None:
            blocks = dict(entry.blocks) | {
                channel.value: correction.marks[channel.value] for channel in correction.channels
            }
            changed.append(msgspec.structs.replace(entry, blocks=blocks))
    with state.transaction():
        state.save_picture(rows)
        state.save_contacts(changed)


def _without_blocks(entry: ContactEntry, seen: Seen) -> ContactEntry:
    blocks = {channel: block for channel, block in entry.blocks.items() if channel not in seen.dropped}
    return msgspec.structs.replace(entry, blocks=blocks)


def _addresses(seen: SeenContact) -> list[str]:
    return [address for address in (seen.email, seen.phone) if address is not None]
