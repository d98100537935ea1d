"""From changes to drafts: who a record speaks of, what of it is new, and what consent asks of the write.

Reads state and adds consent facts to it (knowledge, whatever becomes of the write); sends nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tajo_pipelines.brevo.consent_door import (
    MARK,
    ChannelPlan,
    format_mark,
    moved_facts,
    new_facts,
    parse_mark,
    plan_channel,
)
from tajo_pipelines.brevo.contact_change import (
    SETTLING,
    SMS,
    SOURCES,
    ContactChange,
    ContactPolicy,
    Draft,
    phone_letters,
)
from tajo_pipelines.brevo.identities import Known, Resolved, resolve
from tajo_pipelines.brevo.learning import READING
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.model.consent import BREVO, Channel, Fact, State, Verdict, judge
from tajo_pipelines.model.digest import digest
from tajo_pipelines.model.ledger import AttributeEntry, Block
from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.model.picture import SeenContact

PHONE_NOT_TAKEN = "Brevo was given this phone number and doesn't show it; it isn't sent again before it changes"

Redate = Callable[[SeenContact], Sequence[Fact]]
"""Asks Brevo's statistics for the dates of a contact's objections."""


@dataclass(frozen=True, slots=True)
class ContactPlan:
    """Drafts to be written, and changes that need no write because a newer one came first."""

    drafts: tuple[Draft, ...]
    superseded: tuple[ContactChange, ...]


def plan_contacts(
    changes: Sequence[ContactChange],
    *,
    state: AccountState,
    policy: ContactPolicy,
    redate: Redate,
    now: datetime,
) -> ContactPlan:
    """Plan the writes that these changes ask for.

    Args:
        changes: In the order in which they were read; of equal source times the later reading wins.
        state: The account's state.
        policy: Its settings.
        redate: Dates objections that only a reading found, where that decides.
        now: Time of the plan.
    """
    known = Known.load(changes, state)
    current, superseded = _in_order(changes, known)
    drafts: dict[str, Draft] = {}
    moves: list[Resolved] = []
    for change in sorted(current, key=lambda change: (change.connection, len(change.key), change.key)):
        resolved = resolve(change, known)
        draft = drafts.get(resolved.key) or _new_draft(resolved, known)
        drafts[resolved.key] = draft
        draft.changes.append(change)
        draft.letters += change.letters
        draft.phone = draft.phone or change.phone
        if resolved.old_key and resolved.old_key != resolved.key:
            moves.append(resolved)
    facts = _gather_facts(drafts.values(), moves, known, state)
    _share_phones(drafts.values(), known, policy)
    for draft in drafts.values():
        _plan_consent(draft, facts, policy, redate, state, now)
        _plan_attributes(draft, policy)
        _plan_lists(draft, facts, policy)
        _plan_marks(draft)
    return ContactPlan(tuple(drafts.values()), tuple(superseded))


def _in_order(changes: Sequence[ContactChange], known: Known) -> tuple[list[ContactChange], list[ContactChange]]:
    """The newest change of each record, and those that are older than it or than the ledger."""
    newest: dict[tuple[str, str, str], ContactChange] = {}
    superseded = []
    for change in changes:
        name = (change.connection, change.stream, change.key)
        delivered = known.sources.get(name) if change.primary else None
        rival = newest.get(name)
        if any(change.source_time < other.source_time for other in (delivered, rival) if other is not None):
            superseded.append(change)
        else:
            if rival is not None:
                superseded.append(rival)
            newest[name] = change
    return list(newest.values()), superseded


def _new_draft(resolved: Resolved, known: Known) -> Draft:
    key = resolved.old_key if resolved.renames and resolved.old_key else resolved.key
    entry = known.entries.get(key)
    seen = known.seen(key)
    if entry is not None and seen is None and known.whole_read_at is not None:
        # A whole reading after the write didn't show it: it was deleted at Brevo.
        gone = entry.sent_at is None or entry.sent_at < known.whole_read_at - SETTLING
        entry = None if gone else entry
    email = resolved.key if "@" in resolved.key else None
    return Draft(
        key=resolved.key,
        email=email,
        phone=None if email else resolved.key,
        seen=seen,
        entry=entry,
        exists=seen is not None or entry is not None,
        renamed_from=resolved.old_key if resolved.renames else None,
        given=dict(entry.attributes) if entry else {},
    )


def _share_phones(drafts: Iterable[Draft], known: Known, policy: ContactPolicy) -> None:
    """Give each number to one contact: Brevo refuses a whole contact over a number that another one holds."""
    taken: dict[str, str] = {}
    for draft in drafts:
        if draft.phone is None:
            continue
        if _not_taken(draft) and not policy.force:
            draft.letters += phone_letters(draft.changes, None, "phone_not_taken", PHONE_NOT_TAKEN)
            draft.phone = None
            continue
        mine = {draft.key, draft.renamed_from}
        holders = {taken.get(draft.phone), known.phone_holder(draft.phone)} - {None}
        if draft.email is not None and holders and not holders <= mine:
            draft.letters += phone_letters(change for change in draft.changes if change.phone == draft.phone)
            draft.phone = None
        else:
            taken[draft.phone] = draft.key


def _not_taken(draft: Draft) -> bool:
    """Whether the number was given before and isn't there: an import drops what it can't read, without a word."""
    entry, seen = draft.entry, draft.seen
    if entry is None or seen is None or entry.sent_at is None or entry.phone != draft.phone:
        return False
    return seen.phone != draft.phone and seen.read_at > entry.sent_at


Facts = dict[tuple[str, Channel], list[Fact]]


def _gather_facts(drafts: Iterable[Draft], moves: Sequence[Resolved], known: Known, state: AccountState) -> Facts:
    """All facts of the drafts' addresses, after what the changes and moves add was stored."""
    facts: Facts = defaultdict(list, {name: list(found) for name, found in known.facts.items()})
    added: list[Fact] = []

    def learn(found: Iterable[Fact]) -> None:
        for fact in found:
            name = (fact.address, fact.channel)
            fresh = new_facts(facts[name], [fact])
            facts[name] += fresh
            added.extend(fresh)

    for draft in drafts:
        learn(fact for change in draft.changes for fact in change.facts)
    for old, new, channel in _moved_addresses(drafts, moves):
        learn(moved_facts(facts[(old, channel)], new))
    state.add_facts(added)
    return facts


def _moved_addresses(drafts: Iterable[Draft], moves: Sequence[Resolved]) -> Iterator[tuple[str, str, Channel]]:
    """Old and new addresses of people who changed one: their objections go along."""
    for move in moves:
        if move.old_key is not None and "@" in move.old_key and "@" in move.key:
            yield move.old_key, move.key, Channel.EMAIL
    for draft in drafts:
        old = _held_phone(draft)
        if draft.phone and old and old != draft.phone:
            yield old, draft.phone, Channel.SMS


def _plan_consent(
    draft: Draft, facts: Facts, policy: ContactPolicy, redate: Redate, state: AccountState, now: datetime
) -> None:
    marks = parse_mark(draft.seen.mark) if draft.seen else {}
    held = draft.entry.blocks if draft.entry else {}
    for channel, address in ((Channel.EMAIL, draft.email), (Channel.SMS, draft.phone or _held_phone(draft))):
        if address is None:
            continue
        verdict = judge(facts[(address, channel)])
        if _wants_date(draft, channel, verdict, facts[(address, channel)]) and draft.seen is not None:
            told = [fact for fact in redate(draft.seen) if fact.channel is channel]
            state.add_facts(told)
            facts[(address, channel)] = _redated(facts[(address, channel)], told)
            verdict = judge(facts[(address, channel)])
        ours = held.get(channel.value) or marks.get(channel.value)
        draft.channels[channel] = plan_channel(
            verdict,
            exists=draft.exists,
            newly_reachable=_newly_reachable(draft, channel),
            blocked_now=_blocked_now(draft, channel, held),
            ours=ours,
            on_unknown=policy.on_unknown,
            now=now,
        )
        if verdict.contested:
            draft.letters += _contested(draft, channel, verdict.objection)


def _held_phone(draft: Draft) -> str | None:
    if draft.seen is not None:
        return draft.seen.phone
    return draft.entry.phone if draft.entry else None


def _wants_date(draft: Draft, channel: Channel, verdict: Verdict, facts: Sequence[Fact]) -> bool:
    """Whether a better date of Brevo's objection could let a confirmed yes lift it."""
    objection = verdict.objection
    return (
        channel is Channel.EMAIL
        and draft.seen is not None
        and objection is not None
        and objection.source == BREVO
        and objection.evidence == READING
        and any(fact.state is State.GRANTED and fact.confirmed and fact.at is not None for fact in facts)
    )


def _redated(facts: Sequence[Fact], told: Sequence[Fact]) -> list[Fact]:
    if not told:
        return list(facts)
    return [fact for fact in facts if not (fact.source == BREVO and fact.evidence == READING)] + list(told)


def _newly_reachable(draft: Draft, channel: Channel) -> bool:
    if not draft.exists:
        return channel is Channel.EMAIL or draft.phone is not None
    if channel is Channel.EMAIL:
        return draft.renamed_from is not None
    return draft.phone is not None and draft.phone != _held_phone(draft)


def _blocked_now(draft: Draft, channel: Channel, held: dict[str, Block]) -> bool:
    block = held.get(channel.value)
    if draft.seen is None:
        return block is not None
    seen = draft.seen.email_blocked if channel is Channel.EMAIL else draft.seen.sms_blocked
    return seen or (block is not None and block.at > draft.seen.read_at)


def _contested(draft: Draft, channel: Channel, objection: Fact | None) -> list[Letter]:
    """A letter for the record whose yes is the newest of those that came after the objection."""
    since = objection.at if objection is not None else None
    said = [
        (fact.at, change)
        for change in draft.changes
        for fact in change.facts
        if fact.channel is channel and fact.state is State.GRANTED and fact.at and since and fact.at > since
    ]
    if not said:
        return []
    _, change = max(said, key=lambda pair: pair[0])
    return [
        Letter(
            connection=change.connection,
            stream=change.stream,
            key=change.key,
            kind=LetterKind.RECORD,
            field=channel.value,
            reason="opt_in_after_objection",
            message=f"said yes to {channel.value} after an objection elsewhere, unconfirmed: left blocked",
        )
    ]


def _plan_attributes(draft: Draft, policy: ContactPolicy) -> None:
    for change in sorted(draft.changes, key=lambda change: change.source_time):
        wanted = [(name, value, False) for name, value in change.attributes.items()]
        wanted += [(name, "", True) for name in change.cleared]
        for name, value, clears in wanted:
            if not change.primary and draft.exists:
                continue
            entry = AttributeEntry(hash=digest(value), owner=change.connection, source_time=change.source_time)
            if not _owns(entry, draft.given.get(name), name, policy):
                continue
            last = draft.given.get(name)
            draft.attributes.pop(name, None)
            draft.cleared = [other for other in draft.cleared if other != name]
            sent_before = draft.entry.attributes.get(name) if draft.entry else None
            if clears and sent_before is None and (last is None or last.hash == entry.hash):
                continue
            draft.given[name] = entry
            if sent_before is not None and sent_before.hash == entry.hash and not policy.force:
                continue
            if clears:
                draft.cleared.append(name)
            else:
                draft.attributes[name] = value
    if draft.phone is not None and (policy.force or draft.phone != _held_phone(draft) or not draft.exists):
        draft.attributes[SMS] = draft.phone


def _owns(new: AttributeEntry, old: AttributeEntry | None, name: str, policy: ContactPolicy) -> bool:
    """Whether a value may replace the last one: by precedence, then the newest, whatever the order of arrival."""
    if old is None:
        return True
    mine, theirs = policy.rank(name, new.owner), policy.rank(name, old.owner)
    if mine != theirs:
        return mine < theirs
    return (new.source_time, new.owner) >= (old.source_time, old.owner)


def _plan_lists(draft: Draft, facts: Facts, policy: ContactPolicy) -> None:
    seen_lists = draft.seen.lists if draft.seen else frozenset()
    given = draft.entry.lists if draft.entry else frozenset()
    left = draft.seen.left_lists if draft.seen else frozenset()
    main = draft.channels.get(Channel.EMAIL) or draft.channels.get(Channel.SMS)
    if main is None or draft.unlisted:
        return
    wanted = {policy.all_contacts}
    subscriber_lists = frozenset(policy.subscribers.values())
    if main.verdict.state is State.GRANTED:
        channel = Channel.EMAIL if Channel.EMAIL in draft.channels else Channel.SMS
        address = draft.email if channel is Channel.EMAIL else draft.phone or _held_phone(draft)
        for connection in {change.connection for change in draft.changes}:
            own = judge(fact for fact in facts[(address or "", channel)] if fact.source == connection)
            if own.state is State.GRANTED and connection in policy.subscribers:
                wanted.add(policy.subscribers[connection])
    elif main.verdict.state is State.DENIED:
        draft.leave = subscriber_lists & (seen_lists | given)
    draft.lists = frozenset(wanted) - seen_lists - given - left


def _plan_marks(draft: Draft) -> None:
    before = draft.seen.sources if draft.seen else " ".join(sorted(draft.entry.sources)) if draft.entry else ""
    words = set(before.split()) | (draft.entry.sources if draft.entry else set())
    after = words | {change.source for change in draft.changes if change.primary}
    if after != set(before.split()) and not after <= (draft.entry.sources if draft.entry else set()):
        draft.attributes[SOURCES] = " ".join(sorted(after))
    if draft.sets_block:
        marks = (parse_mark(draft.seen.mark) if draft.seen else {}) | draft.blocks
        draft.attributes[MARK] = format_mark(marks)


def without_phone(draft: Draft, letters: Sequence[Letter]) -> Draft:
    """The same draft without the number that Brevo refused."""
    attributes = {name: value for name, value in draft.attributes.items() if name != SMS}
    channels: dict[Channel, ChannelPlan] = {
        channel: plan for channel, plan in draft.channels.items() if channel is not Channel.SMS
    }
    clone = replace(draft, phone=None, attributes=attributes, channels=channels, letters=[*draft.letters, *letters])
    if clone.sets_block:
        clone.attributes[MARK] = format_mark(clone.blocks)
    else:
        clone.attributes.pop(MARK, None)
    return clone
