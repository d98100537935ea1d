"""Who a record speaks of: which contact it feeds, and whether that contact changed its address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tajo_pipelines.brevo.contact_change import SETTLING, ContactChange
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.model.consent import Channel, Fact
from tajo_pipelines.model.ledger import ContactEntry, SourceEntry
from tajo_pipelines.model.picture import SeenContact


@dataclass(frozen=True, slots=True)
class Resolved:
    """A change's contact.

    Attributes:
        key: The contact that it feeds.
        old_key: The contact that the record fed before, if another.
        renames: Whether the old contact takes the new address, instead of leaving it to the new one.
    """

    key: str
    old_key: str | None = None
    renames: bool = False


@dataclass(slots=True)
class Known:
    """All that is known of the people whom some changes speak of, read in few queries."""

    sources: dict[tuple[str, str, str], SourceEntry]
    by_email: dict[str, SeenContact]
    by_phone: dict[str, SeenContact]
    by_source: dict[str, SeenContact]
    entries: dict[str, ContactEntry]
    entries_by_phone: dict[str, ContactEntry]
    facts: dict[tuple[str, Channel], list[Fact]]
    whole_read_at: datetime | None

    @classmethod
    def load(cls, changes: Sequence[ContactChange], state: AccountState) -> Known:
        """Read what is known of these changes' people."""
        by_stream: dict[tuple[str, str], list[str]] = defaultdict(list)
        for change in changes:
            if change.primary:
                by_stream[(change.connection, change.stream)].append(change.key)
        sources = {
            (connection, stream, key): entry
            for (connection, stream), keys in by_stream.items()
            for key, entry in state.sources(connection, stream, keys).items()
        }
        by_source = state.seen_by_source(sorted({change.source for change in changes if change.primary}))
        old_keys = {entry.contact_key for entry in sources.values() if entry.contact_key}
        old_keys |= {key for seen in by_source.values() if (key := seen.email or seen.phone)}
        emails = {change.email for change in changes if change.email} | {key for key in old_keys if "@" in key}
        phones = {change.phone for change in changes if change.phone} | {key for key in old_keys if "@" not in key}
        by_email = state.seen_by_email(sorted(emails))
        entries = state.contacts(sorted(emails | phones | old_keys))
        phones |= _phones(by_email.values(), entries.values())
        by_phone = state.seen_by_phone(sorted(phones))
        by_given_phone = state.contacts_by_phone(sorted(phones))
        # Whoever holds one of the numbers is known as well as those who are named.
        holders = {seen.email for seen in by_phone.values() if seen.email}
        holders |= {entry.key for entry in by_given_phone.values() if "@" in entry.key}
        more = sorted(holders - emails)
        by_email |= state.seen_by_email(more)
        entries |= state.contacts(more) | {entry.key: entry for entry in by_given_phone.values()}
        phones |= _phones(by_email.values(), entries.values())
        return cls(
            sources=sources,
            by_email=by_email,
            by_phone=by_phone,
            by_source=by_source,
            entries=entries,
            entries_by_phone=by_given_phone,
            facts=state.facts(sorted(emails | holders | phones)),
            whole_read_at=state.picture_read_at()[0],
        )

    def seen(self, key: str) -> SeenContact | None:
        """The contact with this key, in the picture."""
        return self.by_email.get(key) if "@" in key else self.by_phone.get(key)

    def entry(self, key: str) -> ContactEntry | None:
        """The ledger's entry with this key, unless its contact was deleted at Brevo since.

        A whole reading that didn't show it, a while after it was given, is how we learn of that.
        """
        entry = self.entries.get(key)
        if entry is None or self.seen(key) is not None or self.whole_read_at is None:
            return entry
        is_gone = entry.sent_at is None or entry.sent_at < self.whole_read_at - SETTLING
        return None if is_gone else entry

    def exists(self, key: str) -> bool:
        """Whether a contact with this key is at Brevo, as far as known."""
        return self.seen(key) is not None or self.entry(key) is not None

    def phone_holder(self, phone: str) -> str | None:
        """Key of the contact that holds a number."""
        seen = self.by_phone.get(phone)
        if seen is not None:
            return seen.email or phone
        entry = self.entries_by_phone.get(phone)
        if entry is None or self.entry(entry.key) is None:
            return None
        seen = self.seen(entry.key)
        # What was given isn't what is there, once the contact was read again.
        return entry.key if seen is None or entry.sent_at is None or seen.read_at <= entry.sent_at else None

    def feeds_alone(self, key: str, source: str) -> bool:
        """Whether no other record feeds the contact."""
        entry, seen = self.entry(key), self.seen(key)
        feeders = set(entry.sources) if entry else set()
        feeders |= set(seen.sources.split()) if seen else set()
        return feeders <= {source}


def resolve(change: ContactChange, known: Known, claimed: Collection[str] = ()) -> Resolved:
    """The contact that a change feeds. A changed address renames it; it doesn't make a second one.

    Args:
        change: The change.
        known: What is known.
        claimed: Addresses that records have now, by their own word: a contact whose old address somebody else has
            now isn't renamed away from them.
    """
    old_key = _old_key(change, known)
    if change.email is not None:
        key = change.email
    elif old_key is not None and ("@" in old_key or change.phone is None):
        # The source dropped the address: the person stays who they were.
        return Resolved(old_key)
    elif change.phone is not None:
        key = known.phone_holder(change.phone) or change.phone
    else:
        message = f"{change.source} has no identifier and was never delivered"
        raise ValueError(message)
    if old_key is None or old_key == key:
        return Resolved(key)
    renames = (
        not known.exists(key)
        and known.exists(old_key)
        and old_key not in claimed
        and known.feeds_alone(old_key, change.source)
    )
    return Resolved(key, old_key, renames)


def _old_key(change: ContactChange, known: Known) -> str | None:
    if not change.primary:
        return None
    entry = known.sources.get((change.connection, change.stream, change.key))
    if entry is not None and entry.contact_key is not None:
        return entry.contact_key
    own = known.by_email.get(change.email) if change.email is not None else None
    if own is not None and change.source in own.sources.split():
        return change.email
    seen = known.by_source.get(change.source)
    return (seen.email or seen.phone) if seen is not None else None


def _phones(seen: Iterable[SeenContact], entries: Iterable[ContactEntry]) -> set[str]:
    found = [contact.phone for contact in seen] + [entry.phone for entry in entries]
    return {phone for phone in found if phone}
