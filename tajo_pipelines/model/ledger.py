"""What Brevo was last given: entries of the ledger."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Delivered(StrEnum):
    """How far a delivery got."""

    SENT = "sent"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"


class AttributeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One attribute as last given.

    Attributes:
        hash: Digest of the value's JSON form.
        owner: Connection that gave it.
        source_time: The record's own time.
    """

    hash: str
    owner: str
    source_time: datetime


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A block that we set on a channel.

    Attributes:
        reason: ``unknown`` (nobody said yes) or ``denied:<source>``.
        at: When the call was made.
        until: When it was known to have taken effect; None before.
        since: When it came to stand for this reason, where it was set for want of a yes at first.
    """

    reason: str
    at: datetime
    until: datetime | None = None
    since: datetime | None = None


class ContactEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One contact as last given.

    Attributes:
        key: The contact's address: normal e-mail, or the E.164 number of a contact without one.
        phone: The number given with it, or None.
        attributes: By Brevo's attribute name.
        lists: Ids of the lists it was put on by us.
        sources: The records that feed it, as ``connection:key``.
        blocks: By channel: what we blocked.
        state: How far it got.
        sent_at: When.
    """

    key: str
    phone: str | None = None
    attributes: dict[str, AttributeEntry] = {}
    lists: frozenset[int] = frozenset()
    sources: frozenset[str] = frozenset()
    blocks: dict[str, Block] = {}
    state: Delivered = Delivered.SENT
    sent_at: datetime | None = None


class SourceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One source record as last delivered: keeps order, and ties a record to its contact.

    Attributes:
        contact_key: The contact that it feeds; None for an order without identifier.
        source_time: The newest source time that was delivered.
        hash: Digest of the document that was sent (orders); empty for customers.
    """

    connection: str
    stream: str
    key: str
    contact_key: str | None
    source_time: datetime
    hash: str = ""


class ImportRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of an import: what the ledger will say once it is done."""

    entry: ContactEntry
    sources: tuple[SourceEntry, ...] = ()


class PendingImport(msgspec.Struct, frozen=True, kw_only=True):
    """An import that was, or is about to be, handed to Brevo.

    Attributes:
        id: Our own id.
        body_hash: Digest of the request.
        last_process: Newest process id at Brevo seen before the call, to find the process again after a crash.
        process_id: Brevo's; None until the call was answered.
        rows: What it carries.
        created_at: When it was stored.
    """

    id: str
    body_hash: str
    last_process: int
    process_id: int | None
    rows: tuple[ImportRow, ...]
    created_at: datetime
