"""Reads an account's contacts and sets blocks again that an objection on record asks for and Brevo doesn't hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.consent_door import (
    MARK,
    UNKNOWN_REASON,
    block_of,
    contact_flags,
    format_mark,
    parse_mark,
)
from tajo_pipelines.brevo.contact_change import SETTLING
from tajo_pipelines.brevo.learning import Seen, learn
from tajo_pipelines.brevo.picture import Pair, refresh
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.model.consent import Channel, Fact, State, judge
from tajo_pipelines.model.ledger import Block, ContactEntry
from tajo_pipelines.model.picture import SeenContact

NOT_FOUND = 404

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
        TajoError: When Brevo can't be reached or used. The reading doesn't count then: the next one reads the same.
    """
    corrections: list[Correction] = []

    def take(pairs: Sequence[Pair]) -> None:
        corrections.extend(absorb(pairs, state, clock()))

    refresh(client, state, clock(), on_page=take, before_end=lambda: correct(client, state, corrections))
    return sum(bool(correction.channels) for correction in corrections)


def absorb(pairs: Sequence[Pair], state: AccountState, now: datetime) -> list[Correction]:
    """Learn from contacts that were read, before they enter the picture; what has to be corrected at Brevo."""
    addresses = {address for pair in pairs for seen in pair if seen for address in _addresses(seen)}
    facts = state.facts(sorted(addresses))
    entries = state.contacts(sorted({key for _, after in pairs if (key := after.email or after.phone)}))
    learned: list[tuple[Pair, ContactEntry | None, Seen]] = []
    for before, after in pairs:
        entry = entries.get(after.email or after.phone or "")
        seen = learn(before, after, facts, entry.blocks if entry else {})
        for fact in seen.facts:
            facts.setdefault((fact.address, fact.channel), []).append(fact)
        learned.append(((before, after), entry, seen))
    with state.transaction():
        state.add_facts(fact for _, _, seen in learned for fact in seen.facts)
        state.save_contacts(
            corrected
            for pair, entry, seen in learned
            if entry is not None and (corrected := _corrected(entry, pair, seen)) != entry
        )
    corrections = (_correction(pair, entry, seen, facts, now) for pair, entry, seen in learned)
    return [correction for correction in corrections if correction is not None]


def correct(client: BrevoClient, state: AccountState, corrections: Sequence[Correction]) -> None:
    """Carry corrections out and note them; contacts that are gone meanwhile need none."""
    done = [found for found in corrections if _put(client, found)]
    if done:
        _note(done, state)


def hold(client: BrevoClient, state: AccountState, denied: Iterable[tuple[str, Channel]], now: datetime) -> None:
    """Block what is denied at the contacts that hold it, where no write of theirs does.

    Args:
        client: The client.
        state: The account's state.
        denied: Addresses to which somebody said no: a number that is another contact's, an address that only an
            outdated record speaks of.
        now: The present.
    """
    wanted = set(denied)
    emails = sorted(address for address, channel in wanted if channel is Channel.EMAIL)
    phones = sorted(address for address, channel in wanted if channel is Channel.SMS)
    holders = {seen.contact_id: seen for seen in state.seen_by_email(emails).values()}
    holders |= {seen.contact_id: seen for seen in state.seen_by_phone(phones).values()}
    facts = state.facts(sorted(address for address, _ in wanted))
    entries = state.contacts(sorted({key for seen in holders.values() if (key := seen.email or seen.phone)}))
    corrections = []
    for seen in holders.values():
        entry = entries.get(seen.email or seen.phone or "")
        marks = parse_mark(seen.mark)
        channels = []
        for channel, address in _open(seen):
            given = entry.blocks.get(channel) if entry is not None else None
            verdict = judge(facts.get((address, channel), []))
            if verdict.state is State.DENIED and not (given is not None and given.at > seen.read_at):
                marks[channel.value] = block_of(verdict, now)
                channels.append(channel)
        if channels:
            corrections.append(Correction(seen.contact_id, tuple(channels), marks))
    correct(client, state, corrections)


def _put(client: BrevoClient, correction: Correction) -> bool:
    answer = client.request(
        "PUT",
        "/contacts/{identifier}",
        path_vars={"identifier": str(correction.contact_id)},
        query={"identifierType": "contact_id"},
        body={"attributes": {MARK: format_mark(correction.marks)}} | contact_flags(correction.channels),
        accept=(NOT_FOUND,),
    )
    return answer.status != NOT_FOUND


def _correction(pair: Pair, entry: ContactEntry | None, seen: Seen, facts: Facts, now: datetime) -> Correction | None:
    _, after = pair
    marks = {name: block for name, block in parse_mark(after.mark).items() if name not in seen.marked}
    channels = []
    for channel, address in _open(after):
        verdict = judge(facts.get((address, channel), []))
        if verdict.state is State.DENIED:
            block = block_of(verdict, now)
        elif verdict.state is State.UNKNOWN and (channel in seen.reblock or _made_by_mistake(pair, entry, channel)):
            block = Block(reason=UNKNOWN_REASON, at=now)
        else:
            continue
        marks[channel.value] = block
        channels.append(channel)
    if not channels and not seen.marked:
        return None
    return Correction(after.contact_id, tuple(channels), marks)


def _made_by_mistake(pair: Pair, entry: ContactEntry | None, channel: Channel) -> bool:
    """Whether an import made the contact, that took it for one which exists: so it set no block.

    Its row would be in the picture, and an import of new people blocks them and notes it.
    """
    before, after = pair
    if before is not None or entry is None or entry.sent_at is None or channel in entry.blocks or not entry.lists:
        return False
    given = channel is Channel.EMAIL or after.phone == entry.phone
    return given and after.created_at <= entry.sent_at + SETTLING


def _corrected(entry: ContactEntry, pair: Pair, seen: Seen) -> ContactEntry:
    """The ledger's entry after a reading: blocks that are gone left out, and what another contact was given."""
    blocks = {channel: block for channel, block in entry.blocks.items() if channel not in seen.dropped}
    kept = msgspec.structs.replace(entry, blocks=blocks)
    before, after = pair
    if before is not None or not (seen.dropped or _is_another(entry, after)):
        return kept
    if after.phone != entry.phone:
        blocks.pop(Channel.SMS, None)
    return msgspec.structs.replace(kept, attributes={}, lists=frozenset(), phone=None)


def _is_another(entry: ContactEntry, after: SeenContact) -> bool:
    """Whether a contact that is read for the first time isn't what we gave: it was made later, or joined meanwhile."""
    made_later = entry.sent_at is not None and after.created_at > entry.sent_at + SETTLING
    if entry.sources and entry.sources <= set(after.sources.split()):
        # It carries what we wrote last of all: a number that it lacks was dropped, as imports do without a word.
        return made_later
    lacks_phone = entry.phone is not None and after.phone != entry.phone
    return made_later or lacks_phone or not entry.lists <= after.lists | after.left_lists


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
                channel.value: msgspec.structs.replace(correction.marks[channel], until=correction.marks[channel].at)
                for channel in correction.channels
            }
            changed.append(msgspec.structs.replace(entry, blocks=blocks))
    with state.transaction():
        state.save_picture(rows)
        state.save_contacts(changed)


def _open(seen: SeenContact) -> Iterator[tuple[Channel, str]]:
    if seen.email is not None and not seen.email_blocked:
        yield Channel.EMAIL, seen.email
    if seen.phone is not None and not seen.sms_blocked:
        yield Channel.SMS, seen.phone


def _addresses(seen: SeenContact) -> list[str]:
    return [address for address in (seen.email, seen.phone) if address is not None]
