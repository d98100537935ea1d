"""The picture of an account: every contact as Brevo holds it, read whole once a day and by changes in between."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.consent_door import MARK, read_flags
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.model.errors import ContractError
from tajo_pipelines.model.identity import held_email
from tajo_pipelines.model.picture import SeenContact
from tajo_pipelines.model.window import parse_time, utc

WHOLE_EVERY = timedelta(hours=24)
"""How old the last whole reading may be."""

OVERLAP = timedelta(minutes=10)
"""How far a reading of changes reaches back before the start of the last reading."""

PAGE = 1000
"""Most contacts in one page (Brevo API reference, GET /contacts)."""

SOURCES = "TAJO_SOURCES"
"""Attribute that names the records which feed a contact."""

_INVENTED = "@mailin-sms.com"
_TRUE = {"1", "yes", "true"}
_NO_DIGIT = re.compile(r"\D")

Pair: TypeAlias = tuple[SeenContact | None, SeenContact]
"""A contact as it was in the picture, None where it is new, and as it was read now."""


@dataclass(slots=True)
class PictureDelta:
    """What a reading brought.

    Attributes:
        whole: Whether the account was read whole.
        began: When the reading began.
        contacts: How many contacts were read.
        new: How many of them the picture didn't have.
    """

    whole: bool
    began: datetime
    contacts: int = 0
    new: int = 0


@dataclass(frozen=True, slots=True)
class ReadContact:
    """One contact read alone.

    Attributes:
        seen: The row of the picture.
        raw: The answer as Brevo gave it, ``statistics`` included.
    """

    seen: SeenContact
    raw: Mapping[str, Any]


class _Contact(msgspec.Struct, rename="camel"):
    id: int
    created_at: str
    modified_at: str
    list_ids: list[int]
    attributes: dict[str, Any] = {}
    email: str | None = None
    list_unsubscribed: list[int] | None = None


class _Page(msgspec.Struct):
    contacts: list[dict[str, Any]]
    count: int


@dataclass(slots=True)
class _Reading:
    """The place of a paged reading.

    Pages are sorted by creation, so new contacts stand behind the last page and shift nothing, but a deletion moves
    later contacts forward, past the page that is read next, and a creation hides it from the count. So each page
    begins with the last rows of the one before; one that doesn't is read again from further in front. Rows that come
    twice are told apart by the ids of the last pages.

    The count may be of more than what the pages hold, since it isn't documented whether a filter bounds it: a page
    that isn't full and brings nobody new is the last one too.
    """

    offset: int = 0
    previous: frozenset[int] = frozenset()
    recent: list[frozenset[int]] = field(default_factory=list)
    done: bool = False

    def take(self, page: _Page) -> list[dict[str, Any]]:
        """The rows of a page that weren't on one of the last pages; moves on."""
        known = frozenset().union(*self.recent)
        rows = [row for row in page.contacts if row.get("id") not in known]
        ids = frozenset(row["id"] for row in page.contacts if "id" in row)
        self.recent = [*self.recent[-3:], ids]
        joined = self.offset == 0 or (bool(page.contacts) and page.contacts[0].get("id") in self.previous)
        end = self.offset + len(page.contacts)
        if not joined:
            self.offset = max(self.offset - PAGE // 2, 0)
        elif end >= page.count or (len(page.contacts) < PAGE and not rows):
            self.done = True
        else:
            self.previous = ids
            self.offset = max(end - max(PAGE // 50, 1), self.offset + 1)
        return rows


def is_whole_due(state: AccountState, now: datetime) -> bool:
    """Whether the account must be read whole: never done, or 24 h ago."""
    whole_at, _ = state.picture_read_at()
    return whole_at is None or now - whole_at >= WHOLE_EVERY


def refresh(
    client: BrevoClient,
    state: AccountState,
    now: datetime,
    on_page: Callable[[Sequence[Pair]], None],
    *,
    whole: bool = False,
    before_end: Callable[[], None] | None = None,
) -> PictureDelta:
    """Read what changed at Brevo since the last reading, or everything where that is due.

    Args:
        client: The client.
        state: Where the picture is kept.
        now: When the reading begins.
        on_page: Called with each page before it is saved, in the same transaction.
        whole: Read everything even where it isn't due.
        before_end: Called once everything is saved; where it fails, the reading doesn't count as done.

    Raises:
        ContractError: When a contact doesn't have the documented shape.
    """
    whole_at, any_at = state.picture_read_at()
    whole = whole or is_whole_due(state, now)
    since = None if whole else (any_at or whole_at)
    delta = PictureDelta(whole=since is None, began=now)
    query: dict[str, object] = {"limit": PAGE, "sort": "asc"}
    if since is not None:
        query["modifiedSince"] = _milliseconds(since - OVERLAP)
    reading = _Reading()
    while not reading.done:
        page = client.request("GET", "/contacts", query=query | {"offset": reading.offset}).to(_Page)
        read_at = max(now, client.clock())
        _save(state, [parse_contact(row, read_at) for row in reading.take(page)], on_page, delta)
    if before_end is not None:
        before_end()
    state.finish_picture(now, whole=delta.whole)
    return delta


def _save(
    state: AccountState,
    seen: Sequence[SeenContact],
    on_page: Callable[[Sequence[Pair]], None],
    delta: PictureDelta,
) -> None:
    if not seen:
        return
    with state.transaction():
        before = state.seen_by_id([contact.contact_id for contact in seen])
        pairs: list[Pair] = [(before.get(contact.contact_id), contact) for contact in seen]
        on_page(pairs)
        state.save_picture(seen)
    delta.contacts += len(seen)
    delta.new += sum(old is None for old, _ in pairs)


def read_contact(client: BrevoClient, identifier: str | int, *, kind: str = "contact_id") -> ReadContact | None:
    """One contact as Brevo holds it now, None where there is none.

    Args:
        client: The client.
        identifier: Brevo's id, an address, or a phone number with ``+``.
        kind: ``contact_id``, ``email_id`` or ``phone_id``.
    """
    answer = client.request(
        "GET",
        "/contacts/{identifier}",
        path_vars={"identifier": identifier},
        query={"identifierType": kind},
        accept=(404,),
    )
    if answer.status == 404:
        return None
    if not isinstance(answer.body, dict):
        raise ContractError("Brevo's contact is no object", where=answer.where)
    return ReadContact(parse_contact(answer.body, client.clock()), answer.body)


def parse_contact(row: Mapping[str, Any], read_at: datetime) -> SeenContact:
    """A contact of GET /contacts or GET /contacts/{identifier}.

    Raises:
        ContractError: When it doesn't have the documented shape.
    """
    try:
        contact = msgspec.convert(row, _Contact)
        email_blocked, sms_blocked = read_flags(row)
        created_at, modified_at = parse_time(contact.created_at), parse_time(contact.modified_at)
    except (msgspec.ValidationError, ValueError, KeyError) as error:
        message = f"a contact has another shape than documented ({type(error).__name__}: {error})"
        raise ContractError(message, where="GET /contacts") from error
    invented = contact.email is not None and contact.email.lower().endswith(_INVENTED)
    attributes = contact.attributes
    return SeenContact(
        contact_id=contact.id,
        email=None if invented or not contact.email else held_email(contact.email),
        phone=_phone(attributes.get("SMS") or (contact.email if invented else None)),
        email_blocked=email_blocked,
        sms_blocked=sms_blocked,
        lists=frozenset(contact.list_ids),
        left_lists=frozenset(contact.list_unsubscribed or ()),
        double_opted_in=str(attributes.get("DOUBLE_OPT-IN", "")).strip().lower() in _TRUE,
        mark=_text(attributes.get(MARK)),
        sources=_text(attributes.get(SOURCES)),
        created_at=created_at,
        modified_at=modified_at,
        read_at=read_at,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _phone(value: object) -> str | None:
    """``+`` and digits, from digits with or without ``+`` or ``00``, or from an invented address."""
    if not isinstance(value, str | int):
        return None
    digits = _NO_DIGIT.sub("", str(value).partition("@")[0])
    digits = digits.removeprefix("00")
    return f"+{digits}" if digits else None


def _milliseconds(moment: datetime) -> str:
    """YYYY-MM-DDTHH:mm:ss.SSSZ, as Brevo documents it for its filters."""
    return utc(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")
