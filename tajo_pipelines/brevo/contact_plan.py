"""From changes to drafts: who a record speaks of, what of it is new, and what consent asks of the write.

Reads state and adds consent facts to it (knowledge, whatever becomes of the write); sends nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tajo_pipelines.brevo.consent_door import OnUnknown, moved_facts, new_facts, plan_channel
from tajo_pipelines.brevo.contact_change import SOURCES, ContactChange, ContactPolicy, Draft
from tajo_pipelines.brevo.contact_values import held_phone, plan_attributes, plan_phones
from tajo_pipelines.brevo.identities import Known, Resolved, resolve
from tajo_pipelines.brevo.learning import READING
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.model.consent import BREVO, Channel, Fact, State, Verdict, judge
from tajo_pipelines.model.digest import digest
from tajo_pipelines.model.ledger import AttributeEntry, Block
from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.model.picture import SeenContact

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
    claimed = {change.email for change in current if change.email is not None and change.primary}
    drafts: dict[str, Draft] = {}
    moves = _outdated(superseded, current, known)
    for change in sorted(current, key=lambda change: (change.connection, len(change.key), change.key)):
        resolved = resolve(change, known, claimed)
        draft = drafts.get(resolved.key) or _new_draft(resolved, known)
        drafts[resolved.key] = draft
        draft.changes.append(change)
        draft.letters += change.letters
        if resolved.old_key and resolved.old_key != resolved.key:
            moves.append(resolved)
    plan_phones(drafts.values(), known, policy)
    facts = _gather_facts(drafts.values(), superseded, moves, known, state)
    for draft in drafts.values():
        _plan_consent(draft, facts, policy, redate, state, now)
        plan_attributes(draft, policy)
        _plan_lists(draft, facts, policy)
        _plan_sources(draft)
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


def _outdated(superseded: Iterable[ContactChange], current: Iterable[ContactChange], known: Known) -> list[Resolved]:
    """Moves of people whom an outdated record still knows by another address."""
    now = {(change.connection, change.stream, change.key): change.email for change in current}
    moves = []
    for change in superseded:
        name = (change.connection, change.stream, change.key)
        delivered = known.sources.get(name)
        address = now.get(name) or (delivered.contact_key if delivered is not None else None)
        if change.primary and change.email and address and address != change.email:
            moves.append(Resolved(address, change.email))
    return moves


def _new_draft(resolved: Resolved, known: Known) -> Draft:
    key = resolved.old_key if resolved.renames and resolved.old_key else resolved.key
    entry, seen = known.entry(key), known.seen(key)
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


Facts = dict[tuple[str, Channel], list[Fact]]


def _gather_facts(
    drafts: Iterable[Draft],
    superseded: Iterable[ContactChange],
    moves: Sequence[Resolved],
    known: Known,
    state: AccountState,
) -> Facts:
    """All facts of the drafts' addresses, after what the changes and moves add was stored."""
    facts: Facts = defaultdict(list, {name: list(found) for name, found in known.facts.items()})
    added: list[Fact] = []

    def learn(found: Iterable[Fact]) -> None:
        for fact in found:
            name = (fact.address, fact.channel)
            fresh = new_facts(facts[name], [fact])
            facts[name] += fresh
            added.extend(fresh)

    # What an older record says counts as well: the newer one may say nothing.
    learn(_as_old_as_its_record(fact, change) for change in superseded for fact in change.facts)
    learn(fact for draft in drafts for change in draft.changes for fact in change.facts)
    for old, new, channel in _moved_addresses(drafts, moves):
        learn(moved_facts(facts[(old, channel)], new))
    state.add_facts(added)
    return facts


def _as_old_as_its_record(fact: Fact, change: ContactChange) -> Fact:
    """A no without a time of its own, out of a record that was outdated when it was read."""
    if fact.state is State.DENIED and fact.at == fact.recorded_at and change.source_time < fact.recorded_at:
        return replace(fact, at=change.source_time)
    return fact


def _moved_addresses(drafts: Iterable[Draft], moves: Sequence[Resolved]) -> Iterator[tuple[str, str, Channel]]:
    """Old and new addresses of people who changed one: their objections go along."""
    for move in moves:
        if move.old_key is not None and "@" in move.old_key and "@" in move.key:
            yield move.old_key, move.key, Channel.EMAIL
    for draft in drafts:
        old = held_phone(draft)
        if draft.phone and old and old != draft.phone:
            yield old, draft.phone, Channel.SMS


def _plan_consent(
    draft: Draft, facts: Facts, policy: ContactPolicy, redate: Redate, state: AccountState, now: datetime
) -> None:
    held = draft.entry.blocks if draft.entry else {}
    judged: dict[Channel, Verdict] = {}
    for channel, address in ((Channel.EMAIL, draft.email), (Channel.SMS, draft.phone or held_phone(draft))):
        if address is None:
            continue
        judged[channel] = judge(facts[(address, channel)])
        if _wants_date(draft, channel, judged[channel], facts[(address, channel)]) and draft.seen is not None:
            told = [fact for fact in redate(draft.seen) if fact.channel is channel]
            state.add_facts(told)
            facts[(address, channel)] = _redated(facts[(address, channel)], told)
            judged[channel] = judge(facts[(address, channel)])
    # Whoever said yes to one channel gets a contact and its lists; the other channel is blocked.
    welcome = any(verdict.state is State.GRANTED for verdict in judged.values())
    for channel, verdict in judged.items():
        draft.channels[channel] = plan_channel(
            verdict,
            exists=draft.exists,
            newly_reachable=_newly_reachable(draft, channel),
            blocked_now=_blocked_now(draft, channel, held),
            ours=draft.marks.get(channel),
            on_unknown=OnUnknown.BLOCK if welcome else policy.on_unknown,
            now=now,
        )
        if verdict.contested:
            draft.letters += _contested(draft, channel, verdict.objection)


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
    return draft.phone is not None and draft.phone != held_phone(draft)


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
        address = draft.email if channel is Channel.EMAIL else draft.phone or held_phone(draft)
        for connection in {change.connection for change in draft.changes}:
            own = judge(fact for fact in facts[(address or "", channel)] if fact.source == connection)
            if own.state is State.GRANTED and connection in policy.subscribers:
                wanted.add(policy.subscribers[connection])
    elif main.verdict.state is State.DENIED:
        draft.leave = subscriber_lists & (seen_lists | given)
    draft.lists = frozenset(wanted) - seen_lists - given - left


def _plan_sources(draft: Draft) -> None:
    shown = set(draft.seen.sources.split()) if draft.seen else set()
    given = draft.entry.sources if draft.entry else frozenset()
    own = [change for change in draft.changes if change.primary]
    words = shown | given | {change.source for change in own}
    if own and words != shown:
        text = " ".join(sorted(words))
        entry = AttributeEntry(hash=digest(text), owner=own[-1].connection, source_time=own[-1].source_time)
        last = draft.given.get(SOURCES)
        if last is None or last.hash != entry.hash:
            # Once: an account without the attribute never shows it.
            draft.given[SOURCES] = entry
            draft.attributes[SOURCES] = text
