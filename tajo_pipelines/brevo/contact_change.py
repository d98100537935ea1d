"""What the contact plan works on, and what it comes to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from tajo_pipelines.brevo.consent_door import MARK, ChannelPlan, OnUnknown, format_mark, is_guess, parse_mark
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.model.consent import Channel, Fact
from tajo_pipelines.model.ledger import AttributeEntry, Block, ContactEntry, Delivered, SourceEntry
from tajo_pipelines.model.letter import Letter, LetterKind, VendorAnswer
from tajo_pipelines.model.picture import SeenContact

SMS = "SMS"
EMAIL = "EMAIL"
SOURCES = "TAJO_SOURCES"
"""Attribute that names the records behind a contact, as ``connection:key``: it outlives a lost store."""

CONTACT_LETTERS = (LetterKind.RECORD, LetterKind.FIELD)
"""Kinds of letters that are about a contact."""

SETTLING = timedelta(minutes=10)
"""How long a contact may be missing from a reading after it was accepted."""

DUPLICATE_PHONE = "another contact of the account holds this phone number; the rest was sent without it"


@dataclass(frozen=True, slots=True)
class ContactChange:
    """What one record says of one person.

    Attributes:
        email: Normal form; None where the record has none that is valid.
        phone: E.164; None likewise.
        attributes: Values by Brevo's name, fit for the account's types.
        cleared: Attributes that the source says are empty.
        facts: What the record says of consent.
        source_time: The record's own time.
        primary: Whether the record is the person's own (a customer), not a mere mention (an order).
        letters: Fields of the record that can't be sent, to be kept with whatever becomes of the rest.
    """

    connection: str
    stream: str
    key: str
    email: str | None
    phone: str | None
    attributes: Mapping[str, Any]
    cleared: tuple[str, ...]
    facts: tuple[Fact, ...]
    source_time: datetime
    primary: bool
    letters: tuple[Letter, ...] = ()

    @property
    def source(self) -> str:
        """The record's name in `SOURCES`."""
        return f"{self.connection}:{self.key}"


class Outcome(StrEnum):
    """What became of a change."""

    SENT = "sent"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    IN_DOUBT = "in_doubt"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class ContactPolicy:
    """The account's settings that the plan follows.

    Attributes:
        all_contacts: Id of the list that every contact joins.
        subscribers: By connection: id of the list that its granted contacts join.
        precedence: By attribute, or ``default``: connections, the first is the owner.
        ext_id_from: Connection whose ids contacts get as ext_id; None sends no ext_id.
        on_unknown: What becomes of new people without a yes.
        force: Whether equal values are sent again.
        freed_per_day: How many people a day and source may be freed against an objection.
        import_from: From how many rows on a group goes by import.
    """

    all_contacts: int
    subscribers: Mapping[str, int]
    precedence: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ext_id_from: str | None = None
    on_unknown: OnUnknown = OnUnknown.BLOCK
    force: bool = False
    freed_per_day: int = 100
    import_from: int = 50

    def rank(self, attribute: str, connection: str) -> int:
        """Place of a connection among the owners of an attribute; those not named come last, together."""
        order = self.precedence.get(attribute) or self.precedence.get("default", ())
        return order.index(connection) if connection in order else len(order)


@dataclass(slots=True)
class Draft:
    """One contact's write in the making.

    Attributes:
        key: The contact's key once the write is done.
        email: The address that the contact will have.
        phone: The number that the contact will have by us; None where none is to be given.
        seen: The contact in the picture.
        entry: The contact in the ledger, if it still holds.
        exists: Whether the contact is at Brevo, as far as known.
        renamed_from: Key that it had before, where the write renames it.
        changes: The changes that it answers.
        attributes: Values to be sent, `SMS`, `SOURCES` and the mark included.
        given: The ledger's attributes after the write.
        cleared: Attributes to be cleared.
        ext_id: The ext_id to be given; None where there is none, or it was given before.
        channels: What happens to each channel.
        lists: Lists to join.
        leave: Lists to leave.
        letters: Letters to be kept whatever becomes of the write.
    """

    key: str
    email: str | None
    phone: str | None
    seen: SeenContact | None
    entry: ContactEntry | None
    exists: bool
    renamed_from: str | None = None
    changes: list[ContactChange] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    given: dict[str, AttributeEntry] = field(default_factory=dict)
    cleared: list[str] = field(default_factory=list)
    ext_id: str | None = None
    channels: dict[Channel, ChannelPlan] = field(default_factory=dict)
    lists: frozenset[int] = frozenset()
    leave: frozenset[int] = frozenset()
    letters: list[Letter] = field(default_factory=list)

    @property
    def addresses(self) -> set[tuple[str, Channel]]:
        """The address and the number that the write brings."""
        found = ((self.email, Channel.EMAIL), (self.phone, Channel.SMS))
        return {(address, channel) for address, channel in found if address is not None}

    @property
    def flags(self) -> frozenset[Channel]:
        """Channels that the write blocks, newly or again."""
        return frozenset(channel for channel, plan in self.channels.items() if plan.flag)

    @property
    def frees(self) -> tuple[Channel, ...]:
        """Channels to be freed."""
        return tuple(channel for channel, plan in self.channels.items() if plan.free)

    @property
    def blocks(self) -> dict[str, Block]:
        """Our blocks after the write, before any freeing; those that it sets again take effect again."""
        held = dict(self.entry.blocks) if self.entry else {}
        held |= {channel.value: plan.block for channel, plan in self.channels.items() if plan.block}
        return {
            name: msgspec.structs.replace(block, until=None) if name in self.flags else block
            for name, block in held.items()
        }

    @property
    def marks(self) -> dict[str, Block]:
        """Our blocks as the contact's mark will name them: what it names already may outlive the ledger."""
        return (parse_mark(self.seen.mark) if self.seen else {}) | self.blocks

    @property
    def sent(self) -> dict[str, Any]:
        """The attributes as they are sent: whoever is blocked by us takes the mark along, for they may be made anew."""
        marked = self.flags and self.marks and self.writes
        return self.attributes | ({MARK: format_mark(self.marks)} if marked else {})

    @property
    def skipped(self) -> bool:
        """Whether the policy leaves the contact out."""
        return any(plan.skip for plan in self.channels.values())

    @property
    def unlisted(self) -> bool:
        """Whether the policy keeps the contact off every list and off imports."""
        return any(plan.unlisted for plan in self.channels.values())

    @property
    def sets_block(self) -> bool:
        """Whether the write blocks a channel that is open now."""
        return any(plan.block for plan in self.channels.values())

    @property
    def guesses(self) -> bool:
        """Whether it blocks for want of a yes: then it mustn't hit a contact that joined meanwhile."""
        return any(is_guess(plan.block) for plan in self.channels.values())

    @property
    def idle(self) -> bool:
        """Whether nothing is to be sent."""
        return not (self.writes or self.frees or self.leave)

    @property
    def writes(self) -> bool:
        """Whether there is anything to send besides leaving lists and freeing."""
        changed = bool(self.attributes or self.cleared or self.ext_id or self.lists or self.renamed_from)
        return changed or self.sets_block or not self.exists

    def ledger_entry(self, now: datetime, **changes: Any) -> ContactEntry:
        """The ledger's entry once the write is done."""
        before = self.entry
        values: dict[str, Any] = {
            "key": self.key,
            "phone": self.phone or (before.phone if before else None),
            "attributes": self.given,
            "lists": ((before.lists if before else frozenset()) | self.lists) - self.leave,
            "sources": (before.sources if before else frozenset())
            | {change.source for change in self.changes if change.primary},
            "blocks": self.blocks,
            "sent_at": now,
        }
        return ContactEntry(**(values | changes))

    def source_entries(self) -> tuple[SourceEntry, ...]:
        """The ledger's entries of the records behind it."""
        return tuple(
            SourceEntry(
                connection=change.connection,
                stream=change.stream,
                key=change.key,
                contact_key=self.key,
                source_time=change.source_time,
            )
            for change in self.changes
            if change.primary
        )


def confirmed(entry: ContactEntry, now: datetime) -> ContactEntry:
    """A ledger's entry whose write is known to have taken effect."""
    blocks = {
        channel: msgspec.structs.replace(block, until=block.until or now) for channel, block in entry.blocks.items()
    }
    return msgspec.structs.replace(entry, state=Delivered.CONFIRMED, blocks=blocks, sent_at=now)


def settle_letters(state: AccountState, drafts: Sequence[Draft], run_id: str) -> None:
    """Keep the letters of drafts that were settled, and close those of their records that no longer hold."""
    letters = [letter for draft in drafts for letter in draft.letters]
    keys: dict[tuple[str, str], list[str]] = defaultdict(list)
    for draft in drafts:
        for change in draft.changes:
            keys[(change.connection, change.stream)].append(change.key)
    state.write_letters(letters, run_id)
    for (connection, stream), of_stream in keys.items():
        state.close_letters(connection, stream, of_stream, kinds=CONTACT_LETTERS, keep=letters)


def phone_letters(
    changes: Iterable[ContactChange],
    vendor: VendorAnswer | None = None,
    reason: str = "duplicate_phone",
    message: str = DUPLICATE_PHONE,
) -> list[Letter]:
    """Letters for a number that can't be given to the contact; that another one holds it, unless said."""
    return [
        Letter(
            connection=change.connection,
            stream=change.stream,
            key=change.key,
            kind=LetterKind.FIELD,
            field=SMS,
            reason=reason,
            message=message,
            vendor=vendor,
        )
        for change in changes
    ]
