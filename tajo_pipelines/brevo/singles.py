"""Writes of one contact at a time: upserts, renames, blocks, and the only place where a channel is freed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.consent_door import (
    MARK,
    contact_flags,
    format_mark,
    freeing_flag,
    parse_mark,
    read_flags,
)
from tajo_pipelines.brevo.contact_change import EMAIL, SMS, ContactPolicy, Draft, Outcome, phone_letters, settle_letters
from tajo_pipelines.brevo.contact_plan import plan_contacts, without_phone
from tajo_pipelines.brevo.learning import STATISTICS, statistics_facts
from tajo_pipelines.brevo.picture import ReadContact, read_contact
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.brevo.refusals import BrevoRefusal
from tajo_pipelines.model.consent import BREVO, Channel, Fact, State, judge
from tajo_pipelines.model.errors import ContractError
from tajo_pipelines.model.ledger import Block, Delivered
from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.model.picture import SeenContact

CONTACTS = "/contacts"
CONTACT = "/contacts/{identifier}"
BAD_REQUEST = 400
NOT_FOUND = 404
PHONE_REFUSED = "Brevo refuses the contact with this phone number; the rest was sent without it"


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
            if draft.writes:
                self._upsert(draft)
                return self._done(draft, Outcome.SENT)
            return self._done(draft, Outcome.UNCHANGED)
        except BrevoRefusal as refusal:
            return self._refused(draft, refusal, again=again)

    # -- the calls ----------------------------------------------------------------------------------------------

    def _upsert(self, draft: Draft) -> None:
        body: dict[str, Any] = {"updateEnabled": draft.exists or not draft.guesses}
        if draft.email is not None:
            body["email"] = draft.email
        attributes = draft.attributes | dict.fromkeys(draft.cleared, "")
        if draft.email is None and draft.phone is not None:
            attributes = {SMS: draft.phone} | attributes
        body |= _known_parts(attributes, draft.lists) | contact_flags(draft.flags)
        answer = self.client.request("POST", CONTACTS, body=body)
        created = answer.status == 201
        if created and draft.exists:
            self._block_surprise(draft)

    def _block_surprise(self, draft: Draft) -> None:
        """A contact that we took for existing was made just now: nobody is reachable by it without a yes."""
        now = self.clock()
        open_channels = [
            channel
            for channel, plan in draft.channels.items()
            if plan.verdict.state is not State.GRANTED and not plan.flag
        ]
        if not open_channels:
            return
        blocks = draft.blocks | {channel.value: Block(reason="unknown", at=now) for channel in open_channels}
        self._put(draft, {"attributes": {MARK: format_mark(blocks)}} | contact_flags(open_channels))
        for channel in open_channels:
            draft.channels[channel] = replace(draft.channels[channel], flag=True, block=blocks[channel.value])

    def _put(self, draft: Draft, body: Mapping[str, Any]) -> None:
        identifier, kind = _identifier(draft)
        self.client.request(
            "PUT",
            CONTACT,
            path_vars={"identifier": identifier},
            query={"identifierType": kind},
            body=dict(body),
        )

    def _read(self, draft: Draft) -> ReadContact | None:
        identifier, kind = _identifier(draft)
        return read_contact(self.client, identifier, kind=kind)

    # -- renames ------------------------------------------------------------------------------------------------

    def _rename(self, draft: Draft) -> Outcome:
        """Give a contact its new address; Brevo frees a blocked one by that, so the block goes along and is read back.

        Source: description of PUT /contacts/{identifier} in Brevo's SDK 5.1.0 (2026-10).
        """
        blocked = draft.flags | set(draft.frees)
        address = {EMAIL: draft.email} if draft.email else {SMS: draft.phone}
        attributes = draft.attributes | dict.fromkeys(draft.cleared, "") | address
        body = _known_parts(attributes, draft.lists) | contact_flags(blocked)
        self._put(draft, body)
        settled = replace(draft, renamed_from=None, seen=None if draft.seen is None else _moved(draft))
        found = self._read(settled)
        if found is not None and not _holds(found.raw, blocked):
            self._put(settled, contact_flags(blocked))
            found = self._read(settled)
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
        found = self._read(draft)
        if found is None:
            self._forget(draft)
            return self._replan(draft, Outcome.FAILED) if again else self._done(draft, Outcome.FAILED)
        now = self.clock()
        seen = found.seen
        self.state.add_facts(_statistics(found, _ours(draft, Channel.EMAIL), now))
        freed = [channel for channel in draft.frees if self._may_free(draft, channel, seen, now)]
        if len(freed) < len(draft.frees):
            return self._keep_blocked(draft, freed)
        marks = {channel: block for channel, block in parse_mark(seen.mark).items() if channel not in freed}
        attributes = draft.attributes | dict.fromkeys(draft.cleared, "") | {MARK: format_mark(marks)}
        body: dict[str, Any] = _known_parts(attributes, draft.lists) | contact_flags(draft.flags)
        for channel in freed:
            body |= freeing_flag(channel)
        self._put(draft, body)
        with self.state.transaction():
            for channel in freed:
                plan = draft.channels[channel]
                grant = plan.verdict.grant
                address = (draft.email if channel is Channel.EMAIL else seen.phone) or draft.key
                self.state.note_freed(address, channel, grant.source if grant else BREVO, now, kind=plan.kind)
            self.state.save_picture([_freed(seen, freed, draft.lists, format_mark(marks))])
            blocks = {name: block for name, block in draft.blocks.items() if name not in freed}
            return self._done(draft, Outcome.SENT, blocks=blocks)

    def _may_free(self, draft: Draft, channel: Channel, seen: SeenContact, now: datetime) -> bool:
        address = draft.email if channel is Channel.EMAIL else draft.phone or seen.phone
        if address is None:
            return False
        verdict = judge(self.state.facts([address]).get((address, channel), []))
        if verdict.state is not State.GRANTED:
            return False
        if draft.channels[channel].kind == "a" and not verdict.lifted:
            return True
        source = verdict.grant.source if verdict.grant else BREVO
        if source == BREVO or self.state.freed_today(source, now) < self.policy.freed_per_day:
            return True
        self._letter(
            draft,
            "many_opt_ins",
            f"more than {self.policy.freed_per_day} people a day said yes after an objection: left blocked",
            field=channel.value,
        )
        return False

    def _keep_blocked(self, draft: Draft, freed: list[Channel]) -> Outcome:
        """Some channel stays blocked after all: write the rest, with the block in it, and off the subscriber lists."""
        kept = [channel for channel in draft.frees if channel not in freed]
        for channel in kept:
            draft.channels[channel] = replace(draft.channels[channel], free=False, flag=True)
        for channel in freed:
            draft.channels[channel] = replace(draft.channels[channel], free=Channel.EMAIL not in kept)
        if Channel.EMAIL in kept:
            draft.lists -= frozenset(self.policy.subscribers.values())
        return self.write(draft, again=False)

    # -- what comes of it ---------------------------------------------------------------------------------------

    def _refused(self, draft: Draft, refusal: BrevoRefusal, *, again: bool) -> Outcome:
        duplicates = {name.upper().removesuffix("_ID") for name in refusal.duplicates}
        if draft.email is not None and SMS in draft.attributes:
            if duplicates & {SMS, "PHONE"}:
                letters = phone_letters(draft.changes, refusal.vendor)
                return self.write(without_phone(draft, letters), again=again)
            if refusal.status == BAD_REQUEST and not duplicates:
                # Brevo doesn't say which field it refuses; a number is what it checks hardest.
                letters = phone_letters(draft.changes, refusal.vendor, "phone_refused", PHONE_REFUSED)
                return self.write(without_phone(draft, letters), again=again)
        joined = EMAIL in duplicates or (draft.email is None and bool(duplicates))
        if again and (joined or (not draft.exists and draft.guesses)):
            # Someone made the contact since the account was read: look at it, then plan anew.
            key = draft.email or draft.key
            found = read_contact(self.client, key, kind="email_id" if "@" in key else "phone_id")
            if found is not None:
                self.state.save_picture([found.seen])
                return self._replan(draft, Outcome.FAILED)
        if again and refusal.status == NOT_FOUND and draft.exists:
            self._forget(draft)
            return self._replan(draft, Outcome.FAILED)
        self._letter(draft, "refused", "Brevo refuses this contact", refusal=refusal)
        return self._done(draft, Outcome.FAILED)

    def _forget(self, draft: Draft) -> None:
        keys = [key for key in (draft.renamed_from, draft.key) if key is not None]
        self.state.forget_contacts(keys)
        if draft.seen is not None:
            self.state.forget_seen([draft.seen.contact_id])

    def _replan(self, draft: Draft, otherwise: Outcome) -> Outcome:
        plan = plan_contacts(draft.changes, state=self.state, policy=self.policy, redate=self.redate, now=self.clock())
        outcomes = [self.write(fresh, again=False) for fresh in plan.drafts]
        return outcomes[0] if outcomes else otherwise

    def redate(self, seen: SeenContact) -> list[Fact]:
        """Dates of a contact's objections by Brevo's statistics; its reading's date, as asked, where there are none."""
        found = read_contact(self.client, seen.contact_id)
        if found is None or seen.email is None:
            return []
        told = _statistics(found, None, self.clock())
        if told:
            return told
        facts = self.state.facts([seen.email]).get((seen.email, Channel.EMAIL), [])
        return [
            replace(fact, evidence=STATISTICS) for fact in facts if fact.source == BREVO and fact.state is State.DENIED
        ]

    def _done(self, draft: Draft, outcome: Outcome, **changes: Any) -> Outcome:
        with self.state.transaction():
            if outcome is Outcome.FAILED:
                self.state.write_letters(draft.letters, self.run_id)
                return outcome
            if outcome is Outcome.SENT:
                entry = draft.ledger_entry(self.clock(), state=Delivered.CONFIRMED, **changes)
                self.state.save_contacts([entry])
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


def block_contact(
    client: BrevoClient, contact_id: int, channels: Iterable[Channel], marks: Mapping[str, Block]
) -> None:
    """Block channels of one contact, or only rewrite its mark where no channel is named."""
    client.request(
        "PUT",
        CONTACT,
        path_vars={"identifier": str(contact_id)},
        query={"identifierType": "contact_id"},
        body={"attributes": {MARK: format_mark(marks)}} | contact_flags(channels),
    )


def _statistics(found: ReadContact, ours: Block | None, now: datetime) -> list[Fact]:
    statistics = found.raw.get("statistics")
    if found.seen.email is None or not isinstance(statistics, Mapping):
        return []
    return statistics_facts(statistics, found.seen.email, ours, now)


def _known_parts(attributes: Mapping[str, Any], lists: Iterable[int]) -> dict[str, Any]:
    """The parts of a body that have something in them."""
    parts: dict[str, Any] = {"attributes": dict(attributes), "listIds": sorted(lists)}
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
    marks = parse_mark(draft.seen.mark) if draft.seen else {}
    return draft.blocks.get(channel.value) or marks.get(channel.value)


def _freed(seen: SeenContact, freed: Iterable[Channel], lists: frozenset[int], mark: str) -> SeenContact:
    free = set(freed)
    return replace(
        seen,
        email_blocked=seen.email_blocked and Channel.EMAIL not in free,
        sms_blocked=seen.sms_blocked and Channel.SMS not in free,
        lists=seen.lists | lists,
        mark=mark,
    )
