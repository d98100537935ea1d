"""Writes of one contact at a time: upserts, renames, blocks, and the only place where a channel is freed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.consent_door import (
    AGAINST_OBJECTION,
    FOR_UNKNOWN,
    MARK,
    UNKNOWN_REASON,
    block_of,
    contact_flags,
    format_mark,
    freeing_flag,
    read_flags,
)
from tajo_pipelines.brevo.contact_change import (
    EMAIL,
    SMS,
    ContactPolicy,
    Draft,
    Outcome,
    confirmed,
    settle_letters,
)
from tajo_pipelines.brevo.contact_plan import plan_contacts
from tajo_pipelines.brevo.contact_values import duplicate_kinds, without_part
from tajo_pipelines.brevo.enforcement import absorb, correct
from tajo_pipelines.brevo.learning import READING, STATISTICS, statistics_facts
from tajo_pipelines.brevo.picture import ReadContact, read_contact
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.brevo.refusals import BrevoRefusal
from tajo_pipelines.model.consent import BREVO, Cause, Channel, Fact, State, judge
from tajo_pipelines.model.errors import ContractError
from tajo_pipelines.model.ledger import Block
from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.model.picture import SeenContact

CONTACTS = "/contacts"
CONTACT = "/contacts/{identifier}"
CREATED = 201
NOT_FOUND = 404


@dataclass(slots=True)
class Singles:
    """Writes drafts one by one and keeps what came of each at once.

    Attributes:
        client: The client.
        state: The account's state.
        policy: Its settings.
        run_id: The run that letters are written for.
        clock: Tells the time.
    """

    client: BrevoClient
    state: AccountState
    policy: ContactPolicy
    run_id: str
    clock: Callable[[], datetime]

    def write(self, draft: Draft, *, again: bool = True) -> Outcome:
        """Carry one draft out.

        Args:
            draft: The draft.
            again: Whether a draft that turned out to rest on an old picture may be planned anew.

        Raises:
            TajoError: When Brevo couldn't be reached or doesn't let us in; the draft wasn't noted as sent then.
        """
        try:
            if draft.renamed_from is not None:
                return self._rename(draft)
            if draft.frees:
                return self._free(draft, again=again)
            if not draft.writes:
                return self._done(draft, Outcome.UNCHANGED)
            if self._upsert(draft) and draft.exists:
                return self._made_anew(draft, again=again)
            return self._done(draft, Outcome.SENT)
        except BrevoRefusal as refusal:
            return self._refused(draft, refusal, again=again)

    # -- the calls ----------------------------------------------------------------------------------------------

    def _upsert(self, draft: Draft) -> bool:
        """Create or update; whether the contact was created."""
        return self.client.request("POST", CONTACTS, body=upsert_body(draft)).status == CREATED

    def _put(self, draft: Draft, body: Mapping[str, Any]) -> None:
        identifier, kind = _identifier(draft)
        self.client.request(
            "PUT",
            CONTACT,
            path_vars={"identifier": identifier},
            query={"identifierType": kind},
            body=dict(body),
        )

    def _look(self, identifier: str, kind: str) -> ReadContact | None:
        """Read one contact, and learn from it all that a reading of the account would teach."""
        found = read_contact(self.client, identifier, kind=kind)
        if found is not None:
            number = found.seen.contact_id
            before = self.state.seen_by_id([number]).get(number)
            corrections = absorb([(before, found.seen)], self.state, self.clock())
            self.state.save_picture([found.seen])
            correct(self.client, self.state, corrections)
        return found

    # -- a contact that isn't the one we thought of ---------------------------------------------------------------

    def _made_anew(self, draft: Draft, *, again: bool) -> Outcome:
        """A contact that we took for existing was made just now: nobody is reachable by it without a yes.

        What the old one was given before is told again.
        """
        now = self.clock()
        blocks: dict[str, Block] = {}
        for channel, plan in draft.channels.items():
            if plan.verdict.state is State.DENIED:
                blocks[channel] = draft.blocks.get(channel) or block_of(plan.verdict, now)
            elif plan.verdict.state is State.UNKNOWN:
                blocks[channel] = draft.blocks.get(channel) or Block(reason=UNKNOWN_REASON, at=now)
        blocked = [channel for channel in draft.channels if channel in blocks]
        made = replace(draft, seen=None, renamed_from=None)
        if blocked:
            self._put(made, {"attributes": {MARK: format_mark(blocks)}} | contact_flags(blocked))
        self._forget(draft)
        entry = draft.ledger_entry(now, blocks=blocks, attributes={}, lists=frozenset(), phone=None)
        self.state.save_contacts([confirmed(entry, now)])
        self._look(*_identifier(made))
        if not again:
            self.state.save_sources(draft.source_entries())
            return Outcome.SENT
        outcome = self._replan(draft, Outcome.SENT)
        return Outcome.SENT if outcome is Outcome.UNCHANGED else outcome

    def _forget(self, draft: Draft) -> None:
        keys = [key for key in (draft.renamed_from, draft.key) if key is not None]
        self.state.forget_contacts(keys)
        if draft.seen is not None:
            self.state.forget_seen([draft.seen.contact_id])

    def _replan(self, draft: Draft, otherwise: Outcome) -> Outcome:
        plan = plan_contacts(draft.changes, state=self.state, policy=self.policy, redate=self.redate, now=self.clock())
        outcomes = []
        for fresh in plan.drafts:
            outcomes.append(Outcome.SKIPPED if fresh.skipped else self.write(fresh, again=False))
            draft.leave |= fresh.leave
        return outcomes[0] if outcomes else otherwise

    # -- renames ------------------------------------------------------------------------------------------------

    def _rename(self, draft: Draft) -> Outcome:
        """Give a contact its new address; Brevo frees a blocked one by that, so the block goes along and is read back.

        Source: description of PUT /contacts/{identifier} in Brevo's SDK 5.1.0 (2026-10).
        """
        blocked = draft.flags | set(draft.frees)
        address = {EMAIL: draft.email} if draft.email else {SMS: draft.phone}
        attributes = draft.sent | dict.fromkeys(draft.cleared, "") | address
        body = _known_parts(draft, attributes) | contact_flags(blocked)
        self._put(draft, body)
        settled = replace(draft, renamed_from=None, seen=None if draft.seen is None else _moved(draft))
        identifier, kind = _identifier(settled)
        found = read_contact(self.client, identifier, kind=kind)
        if found is not None and not _holds(found.raw, blocked):
            self._put(settled, contact_flags(blocked))
            found = read_contact(self.client, identifier, kind=kind)
        if found is None or not _holds(found.raw, blocked):
            message = "a renamed contact isn't blocked as it was before"
            raise ContractError(message, code="rename_lost_block", where=f"PUT {CONTACT}")
        with self.state.transaction():
            if draft.renamed_from is not None:
                self.state.rename_contact(draft.renamed_from, draft.key)
            self.state.save_picture([found.seen])
            self._done(draft, Outcome.SENT)
        if draft.frees:
            return self._replan(draft, Outcome.SENT)
        return Outcome.SENT

    # -- freeing ------------------------------------------------------------------------------------------------

    def _free(self, draft: Draft, *, again: bool) -> Outcome:
        """Free channels of one person, after a reading made for it: the only place where that happens."""
        found = self._look(*_identifier(draft))
        if found is None:
            self._forget(draft)
            return self._replan(draft, Outcome.FAILED)
        seen, now = found.seen, self.clock()
        self.state.add_facts(self._statistics(found, _ours(draft, Channel.EMAIL)))
        if again and not self._holds_still(draft, found):
            return self._replan(draft, Outcome.UNCHANGED)
        permits = {channel: self._permit(draft, channel, seen, now) for channel in draft.frees}
        freed = {channel: permit for channel, permit in permits.items() if permit is not None}
        if len(freed) < len(permits):
            return self._keep_blocked(draft, permits.keys() - freed.keys())
        marks = {channel: block for channel, block in replace(draft, seen=seen).marks.items() if channel not in freed}
        attributes = draft.attributes | dict.fromkeys(draft.cleared, "") | {MARK: format_mark(marks)}
        body: dict[str, Any] = _known_parts(draft, attributes) | contact_flags(draft.flags)
        for channel in freed:
            body |= freeing_flag(channel)
        self._put(draft, body)
        with self.state.transaction():
            for channel, (grant, kind) in freed.items():
                self.state.note_freed(grant.address, channel, grant.source, now, kind=kind)
            self.state.save_picture([_after(draft, seen, freed, format_mark(marks))])
            blocks = {name: block for name, block in draft.blocks.items() if name not in freed}
            return self._done(draft, Outcome.SENT, blocks=blocks)

    def _holds_still(self, draft: Draft, found: ReadContact) -> bool:
        """Whether the plan to free still fits what was read: same addresses, blocked, granted."""
        for channel in draft.frees:
            address = _address(draft, channel, found.seen)
            is_same = channel is Channel.SMS or found.seen.email == draft.email
            if address is None or not is_same or not _holds(found.raw, [channel]):
                return False
            if judge(self.state.facts([address]).get((address, channel), [])).state is not State.GRANTED:
                return False
        return True

    def _permit(self, draft: Draft, channel: Channel, seen: SeenContact, now: datetime) -> tuple[Fact, str] | None:
        """The yes on which a channel may be freed now, and the kind of freeing; None where it may not."""
        address = _address(draft, channel, seen)
        if address is None or (channel is Channel.EMAIL and seen.email != draft.email):
            return None
        verdict = judge(self.state.facts([address]).get((address, channel), []))
        if verdict.state is not State.GRANTED or verdict.grant is None:
            return None
        if draft.channels[channel].kind == FOR_UNKNOWN and not verdict.lifted:
            return verdict.grant, FOR_UNKNOWN
        if self.state.freed_today(verdict.grant.source, now) < self.policy.freed_per_day:
            return verdict.grant, AGAINST_OBJECTION
        self._letter(
            draft,
            "many_opt_ins",
            f"more than {self.policy.freed_per_day} people a day said yes after an objection: left blocked",
            field=channel.value,
        )
        return None

    def _keep_blocked(self, draft: Draft, kept: Collection[Channel]) -> Outcome:
        """Some channel stays blocked after all: write the rest, with the block in it, and off the subscriber lists."""
        for channel in kept:
            draft.channels[channel] = replace(draft.channels[channel], free=False, flag=True)
        if Channel.EMAIL in kept:
            draft.lists -= frozenset(self.policy.subscribers.values())
        return self.write(draft, again=False)

    def redate(self, seen: SeenContact) -> list[Fact]:
        """Dates of a contact's objections by Brevo's statistics; its reading's date, as asked, where there are none."""
        found = read_contact(self.client, seen.contact_id)
        if found is None or seen.email is None:
            return []
        told = self._statistics(found, None)
        if any(fact.cause is Cause.OBJECTION for fact in told):
            return told
        facts = self.state.facts([seen.email]).get((seen.email, Channel.EMAIL), [])
        return told + [replace(fact, evidence=STATISTICS) for fact in facts if fact.evidence == READING]

    def _statistics(self, found: ReadContact, ours: Block | None) -> list[Fact]:
        statistics, email = found.raw.get("statistics"), found.seen.email
        if email is None or not isinstance(statistics, Mapping):
            return []
        facts = self.state.facts([email]).get((email, Channel.EMAIL), [])
        opened = [fact.at for fact in facts if fact.source == BREVO and fact.state is State.GRANTED and fact.at]
        freed = self.state.freed_at(email, Channel.EMAIL)
        over = max(opened + ([freed] if freed is not None else []), default=None)
        return statistics_facts(statistics, found.seen, ours, over=over)

    # -- what comes of it ---------------------------------------------------------------------------------------

    def _refused(self, draft: Draft, refusal: BrevoRefusal, *, again: bool) -> Outcome:
        lesser = without_part(draft, refusal)
        if lesser is not None:
            return self.write(lesser, again=again)
        duplicates = duplicate_kinds(refusal)
        joined = EMAIL in duplicates or (draft.email is None and bool(duplicates))
        if again and (joined or (not draft.exists and draft.guesses)):
            # Someone made the contact since the account was read: look at it, then plan anew.
            key = draft.email or draft.key
            if self._look(key, "email_id" if "@" in key else "phone_id") is not None:
                return self._replan(draft, Outcome.FAILED)
        if again and refusal.status == NOT_FOUND and (draft.exists or draft.renamed_from is not None):
            self._forget(draft)
            return self._replan(draft, Outcome.FAILED)
        self._letter(draft, "refused", "Brevo refuses this contact", refusal=refusal)
        return self._done(draft, Outcome.FAILED)

    def _done(self, draft: Draft, outcome: Outcome, **changes: Any) -> Outcome:
        with self.state.transaction():
            if outcome is Outcome.FAILED:
                self.state.write_letters(draft.letters, self.run_id)
                return outcome
            if outcome is Outcome.SENT:
                now = self.clock()
                self.state.save_contacts([confirmed(draft.ledger_entry(now, **changes), now)])
            self.state.save_sources(draft.source_entries())
            settle_letters(self.state, [draft], self.run_id)
        return outcome

    def _letter(
        self,
        draft: Draft,
        reason: str,
        message: str,
        *,
        field: str | None = None,
        refusal: BrevoRefusal | None = None,
    ) -> None:
        draft.letters += [
            Letter(
                connection=change.connection,
                stream=change.stream,
                key=change.key,
                kind=LetterKind.RECORD,
                field=field,
                reason=reason,
                message=message,
                vendor=refusal.vendor if refusal else None,
            )
            for change in draft.changes
        ]


def upsert_body(draft: Draft) -> dict[str, Any]:
    """What POST /contacts is told of a draft."""
    body: dict[str, Any] = {"updateEnabled": draft.exists or not draft.guesses}
    if draft.email is not None:
        body["email"] = draft.email
    attributes = draft.sent | dict.fromkeys(draft.cleared, "")
    if draft.email is None and draft.phone is not None:
        attributes = {SMS: draft.phone} | attributes
    return body | _known_parts(draft, attributes) | contact_flags(draft.flags)


def _known_parts(draft: Draft, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a body that have something in them."""
    parts: dict[str, Any] = {"ext_id": draft.ext_id, "attributes": dict(attributes), "listIds": sorted(draft.lists)}
    return {name: value for name, value in parts.items() if value}


def _identifier(draft: Draft) -> tuple[str, str]:
    if draft.seen is not None:
        return str(draft.seen.contact_id), "contact_id"
    key = draft.renamed_from or draft.key
    return key, "email_id" if "@" in key else "phone_id"


def _moved(draft: Draft) -> SeenContact | None:
    if draft.seen is None:
        return None
    return replace(draft.seen, email=draft.email or draft.seen.email)


def _holds(found: Mapping[str, Any], blocked: Iterable[Channel]) -> bool:
    email, sms = read_flags(found)
    held = {Channel.EMAIL: email, Channel.SMS: sms}
    return all(held[channel] for channel in blocked)


def _ours(draft: Draft, channel: Channel) -> Block | None:
    return draft.marks.get(channel)


def _address(draft: Draft, channel: Channel, seen: SeenContact) -> str | None:
    return draft.email if channel is Channel.EMAIL else draft.phone or seen.phone


def _after(draft: Draft, seen: SeenContact, freed: Collection[Channel], mark: str) -> SeenContact:
    """The contact as a write that frees channels leaves it."""
    return replace(
        seen,
        phone=draft.phone or seen.phone,
        email_blocked=(seen.email_blocked or Channel.EMAIL in draft.flags) and Channel.EMAIL not in freed,
        sms_blocked=(seen.sms_blocked or Channel.SMS in draft.flags) and Channel.SMS not in freed,
        lists=seen.lists | draft.lists,
        mark=mark,
    )
