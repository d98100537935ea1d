"""The rules by which contacts come about, are found, changed, blocked and freed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tajo_pipelines.twin.brevo.errors import duplicate, invalid, not_found
from tajo_pipelines.twin.brevo.state import IDENTIFIERS, PHONES, Account, Contact
from tajo_pipelines.twin.brevo.values import IGNORED, attribute_value, email_or_none, phone_or_none

PHONE_ONLY_DOMAIN = "mailin-sms.com"
_FLAGS = {"email": "emailBlacklisted", "sms": "smsBlacklisted"}
_IDENTIFIER_TYPES = {
    "phone_id": "SMS",
    "whatsapp_id": "WHATSAPP",
    "landline_number_id": "LANDLINE_NUMBER",
    "ext_id": "EXT_ID",
}


@dataclass(slots=True)
class Values:
    """What a write says about a contact, read as Brevo reads it.

    Attributes:
        email: Valid address in lower case, or None where none is given.
        kept: Attributes that are set, by name; identifiers included.
        cleared: Attributes that are emptied.
        bad_phones: Phone attributes whose value isn't a phone number.
    """

    email: str | None = None
    kept: dict[str, Any] = field(default_factory=dict)
    cleared: list[str] = field(default_factory=list)
    bad_phones: list[str] = field(default_factory=list)


def read_values(account: Account, email: str | None, ext_id: str | None, attributes: Mapping[str, Any]) -> Values:
    """Read attributes as the account defines them; unknown names and unfit values vanish."""
    values = Values(email=email)
    for name, value in attributes.items():
        definition = account.attributes.get(name)
        if definition is None:
            continue
        read = attribute_value(value, definition)
        if name in PHONES and read is not None and value is not None:
            read = phone_or_none(value)
            if read is None:
                values.bad_phones.append(name)
                continue
        if read is None:
            values.cleared.append(name)
        elif read is not IGNORED:
            values.kept[name] = read
    if ext_id is not None:
        values.kept["EXT_ID"] = ext_id
    return values


def taken(account: Account, values: Values, own: Contact | None) -> list[str]:
    """Identifiers among the values that belong to another contact than ``own``."""
    names: list[str] = []
    if values.email is not None:
        other = account.by_email(values.email)
        if other is not None and other is not own:
            names.append("email")
    for name in IDENTIFIERS:
        if name in values.kept:
            other = account.by_identifier(name, str(values.kept[name]))
            if other is not None and other is not own:
                names.append(name if name in PHONES else "ext_id")
    return names


def refuse_taken(account: Account, values: Values, own: Contact | None) -> None:
    """Refuse a write whose identifiers belong to someone else, or whose phone isn't one.

    Raises:
        ApiError: 400.
    """
    if values.bad_phones:
        raise invalid("Invalid phone number")
    names = taken(account, values, own)
    if names:
        raise duplicate(names)


def addressed(account: Account, values: Values) -> Contact | None:
    """Whom a write without an id means: by address, else by ext_id, else by a phone."""
    if values.email is not None:
        return account.by_email(values.email)
    for name in ("EXT_ID", *PHONES):
        if name in values.kept:
            found = account.by_identifier(name, str(values.kept[name]))
            if found is not None:
                return found
    return None


def create(account: Account, values: Values, by: str, at: float | None = None) -> Contact:
    """A new contact with these values; one with a phone alone gets an invented address."""
    moment = account.clock.seconds() if at is None else at
    email = values.email
    if email is None and "SMS" in values.kept:
        email = f"{values.kept['SMS']}@{PHONE_ONLY_DOMAIN}"
    contact: Contact = {
        "id": account.next_number("contact"),
        "email": email,
        "attributes": dict(values.kept),
        "emailBlacklisted": False,
        "smsBlacklisted": False,
        "listIds": [],
        "listUnsubscribed": [],
        "createdAt": moment,
        "modifiedAt": moment,
        "causes": {},
        "history": [],
        "created_by": by,
        "smtpBlacklistSender": [],
    }
    account.contacts[str(contact["id"])] = contact
    account.index(contact)
    account.note(contact, "created", by, at)
    return contact


def change(account: Account, contact: Contact, values: Values) -> None:
    """Set and clear attributes; the address is changed by ``rename`` alone."""
    account.unindex(contact)
    contact["attributes"].update(values.kept)
    for name in values.cleared:
        contact["attributes"].pop(name, None)
    account.index(contact)
    account.changed(contact)


def rename(account: Account, contact: Contact, email: str, *, keep_blocked: bool) -> None:
    """Give a contact another address.

    A blocklisted contact is subscribed again by that, unless the same call says
    ``emailBlacklisted: true`` (brevo-python 5.1.0, docstring of update_contact).
    """
    old = contact["email"]
    if old == email:
        return
    account.unindex(contact)
    contact["email"] = email
    account.index(contact)
    account.note(contact, "renamed", "api", old=old)
    if contact["emailBlacklisted"] and not keep_blocked:
        block(account, contact, "email", blocked=False, by="rename")
    account.changed(contact)


def delete(account: Account, contact: Contact, by: str) -> None:
    """Forget a contact, its blocklist state included."""
    account.note(contact, "deleted", by)
    account.unindex(contact)
    del account.contacts[str(contact["id"])]


def block(account: Account, contact: Contact, channel: str, *, blocked: bool, by: str, at: float | None = None) -> None:
    """Put a contact on the channel's blocklist, or take it off."""
    flag = _FLAGS[channel]
    if contact[flag] == blocked:
        return
    contact[flag] = blocked
    if blocked:
        contact["causes"][channel] = by
    else:
        contact["causes"].pop(channel, None)
    account.note(contact, "blocked" if blocked else "freed", by, at, channel=channel)
    account.changed(contact)


def enlist(account: Account, contact: Contact, lists: Iterable[int], by: str) -> None:
    """Add a contact to lists; one that it had left takes it back, which the journal calls relisted."""
    for number in lists:
        if number in contact["listUnsubscribed"]:
            contact["listUnsubscribed"].remove(number)
            account.note(contact, "relisted", by, list=number)
        if number not in contact["listIds"]:
            contact["listIds"].append(number)
            account.changed(contact)


def unlist(account: Account, contact: Contact, lists: Iterable[int]) -> None:
    """Take a contact out of lists."""
    for number in lists:
        if number in contact["listIds"]:
            contact["listIds"].remove(number)
            account.changed(contact)


def find(account: Account, identifier: str, kind: str | None) -> Contact:
    """The contact that a path names.

    Args:
        account: Where to look.
        identifier: Address, id, phone or ext_id.
        kind: The parameter identifierType; without it an address, an id or a phone is recognised.

    Raises:
        ApiError: 400 for an unknown kind or an identifier that doesn't fit it, 404 for nobody.
    """
    contact: Contact | None
    if kind is None:
        kind = "email_id" if "@" in identifier else "contact_id"
        if kind == "contact_id" and not identifier.isdigit():
            raise invalid("Invalid identifier")
    if kind == "email_id":
        if email_or_none(identifier) is None:
            raise invalid("Invalid email address")
        contact = account.by_email(identifier)
    elif kind == "contact_id":
        if not identifier.isdigit():
            raise invalid("Invalid contact id")
        contact = account.by_id(int(identifier))
    elif kind in _IDENTIFIER_TYPES:
        name = _IDENTIFIER_TYPES[kind]
        value = identifier if name == "EXT_ID" else phone_or_none(identifier)
        if value is None:
            raise invalid("Invalid phone number")
        contact = account.by_identifier(name, value)
    else:
        raise invalid("Invalid identifierType")
    if contact is None:
        raise not_found("Contact does not exist")
    return contact
