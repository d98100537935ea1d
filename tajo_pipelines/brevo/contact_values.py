"""Which values a contact is given: attributes and the phone number, each by its owner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from tajo_pipelines.brevo.consent_door import ChannelPlan
from tajo_pipelines.brevo.contact_change import SMS, ContactPolicy, Draft, phone_letters
from tajo_pipelines.brevo.identities import Known
from tajo_pipelines.brevo.refusals import BrevoRefusal
from tajo_pipelines.model.consent import Channel
from tajo_pipelines.model.digest import digest
from tajo_pipelines.model.ledger import AttributeEntry
from tajo_pipelines.model.letter import Letter, LetterKind, VendorAnswer

MENTIONED = datetime(1970, 1, 1, tzinfo=UTC)
"""Age of what a mere mention says of a person: older than any record of their own."""

EXT_ID = "ext_id"
"""Name under which the ledger keeps that a contact was given its ext_id; no attribute can be called so."""

BAD_REQUEST = 400
PHONE_REFUSED = "Brevo refuses the contact with this phone number; the rest was sent without it"
PHONE_NOT_TAKEN = "Brevo was given this phone number and doesn't show it; it isn't sent again before it changes"


def plan_phones(drafts: Iterable[Draft], known: Known, policy: ContactPolicy) -> None:
    """Give each number to one contact: Brevo refuses a whole contact over a number that another one holds."""
    taken: dict[str, str] = {}
    for draft in drafts:
        owner = _choose_phone(draft, policy)
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
            draft.given |= {SMS: owner} if owner is not None else {}


def _choose_phone(draft: Draft, policy: ContactPolicy) -> AttributeEntry | None:
    """Take the number of the change that owns it into the draft; the ledger's entry for it, if there is one."""
    chosen = None
    for change in sorted(draft.changes, key=lambda change: change.source_time):
        if change.phone is None or draft.email is None or (draft.exists and not change.primary):
            continue
        entry = AttributeEntry(hash=digest(change.phone), owner=change.connection, source_time=change.source_time)
        if _owns(entry, chosen or draft.given.get(SMS), SMS, policy):
            draft.phone, chosen = change.phone, entry
    return chosen


def _not_taken(draft: Draft) -> bool:
    """Whether the number was given before and isn't there: it was refused, or dropped by an import without a word."""
    entry, seen = draft.entry, draft.seen
    if entry is None or seen is None or entry.sent_at is None or draft.phone is None:
        return False
    tried = entry.attributes.get(SMS)
    if entry.phone != draft.phone and (tried is None or tried.hash != digest(draft.phone)):
        return False
    return seen.phone != draft.phone and seen.read_at > entry.sent_at


def held_phone(draft: Draft) -> str | None:
    """The number that the contact has now, as far as known."""
    if draft.seen is not None:
        return draft.seen.phone
    return draft.entry.phone if draft.entry else None


def plan_attributes(draft: Draft, policy: ContactPolicy) -> None:
    """Fill in the attributes that the draft sends or clears."""
    for change in sorted(draft.changes, key=lambda change: change.source_time):
        wanted = [(name, value, False) for name, value in change.attributes.items()]
        wanted += [(name, "", True) for name in change.cleared]
        for name, value, clears in wanted:
            if not change.primary and draft.exists:
                continue
            said_at = change.source_time if change.primary else MENTIONED
            entry = AttributeEntry(hash=digest(value), owner=change.connection, source_time=said_at)
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
    if draft.phone is not None and (policy.force or draft.phone != held_phone(draft) or not draft.exists):
        draft.attributes[SMS] = draft.phone
    _plan_ext_id(draft, policy)


def _plan_ext_id(draft: Draft, policy: ContactPolicy) -> None:
    """Give the contact the id that its record has at the connection named in ``ext_id_from``."""
    for change in sorted(draft.changes, key=lambda change: change.source_time):
        if change.connection != policy.ext_id_from or not change.primary:
            continue
        entry = AttributeEntry(hash=digest(change.key), owner=change.connection, source_time=change.source_time)
        given = draft.given.get(EXT_ID)
        draft.ext_id = change.key if policy.force or given is None or given.hash != entry.hash else None
        draft.given[EXT_ID] = entry


def _owns(new: AttributeEntry, old: AttributeEntry | None, name: str, policy: ContactPolicy) -> bool:
    """Whether a value may replace the last one: by precedence, then the newest, whatever the order of arrival."""
    if old is None:
        return True
    mine, theirs = policy.rank(name, new.owner), policy.rank(name, old.owner)
    if mine != theirs:
        return mine < theirs
    return (new.source_time, new.owner) >= (old.source_time, old.owner)


def without_phone(draft: Draft, letters: Sequence[Letter]) -> Draft:
    """The same draft without the number that Brevo refused; that it was tried stays noted."""
    attributes = {name: value for name, value in draft.attributes.items() if name != SMS}
    channels: dict[Channel, ChannelPlan] = {
        channel: plan for channel, plan in draft.channels.items() if channel is not Channel.SMS
    }
    letters = [*draft.letters, *letters]
    return replace(draft, phone=None, attributes=attributes, channels=channels, letters=letters)


def without_ext_id(draft: Draft, vendor: VendorAnswer | None = None) -> Draft:
    """The same draft without the ext_id that another contact holds."""
    letters = [
        Letter(
            connection=change.connection,
            stream=change.stream,
            key=change.key,
            kind=LetterKind.FIELD,
            field=EXT_ID,
            reason="duplicate_ext_id",
            message="another contact of the account holds this ext_id; the rest was sent without it",
            vendor=vendor,
        )
        for change in draft.changes
        if change.primary
    ]
    given = {name: entry for name, entry in draft.given.items() if name != EXT_ID}
    return replace(draft, ext_id=None, given=given, letters=[*draft.letters, *letters])


def duplicate_kinds(refusal: BrevoRefusal) -> set[str]:
    """Identifiers that Brevo says another contact holds: ``EMAIL``, ``SMS``, ``EXT`` ..."""
    return {name.upper().removesuffix("_ID") for name in refusal.duplicates}


def without_part(draft: Draft, refusal: BrevoRefusal) -> Draft | None:
    """The draft without the part that Brevo refuses, with a letter for it; None where no part of it is to blame."""
    duplicates = duplicate_kinds(refusal)
    if draft.ext_id is not None and "EXT" in duplicates:
        return without_ext_id(draft, refusal.vendor)
    if draft.email is None or SMS not in draft.attributes:
        return None
    if duplicates & {SMS, "PHONE"}:
        return without_phone(draft, phone_letters(draft.changes, refusal.vendor))
    if refusal.status == BAD_REQUEST and not duplicates and "email" not in refusal.vendor.message.lower():
        # Brevo doesn't say which field it refuses; a number is what it checks hardest.
        letters = phone_letters(draft.changes, refusal.vendor, "phone_refused", PHONE_REFUSED)
        return without_phone(draft, letters)
    return None
