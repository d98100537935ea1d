"""One Brevo account: its documents, the indexes over them, and its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tajo_pipelines.twin.brevo.limits import Limits
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.state_file import Documents, StateFile

Contact = dict[str, Any]
"""Keys: id, email, attributes, emailBlacklisted, smsBlacklisted, listIds, listUnsubscribed, createdAt,
modifiedAt (seconds since the epoch), causes (why blocked, by channel), history, created_by,
smtpBlacklistSender."""

PHONES = ("SMS", "WHATSAPP", "LANDLINE_NUMBER")
IDENTIFIERS = (*PHONES, "EXT_ID")
"""Attributes that identify a contact, beside its e-mail address."""

DEFAULT_ATTRIBUTES: tuple[dict[str, Any], ...] = (
    {"name": "LASTNAME", "category": "normal", "type": "text"},
    {"name": "FIRSTNAME", "category": "normal", "type": "text"},
    {"name": "SMS", "category": "normal", "type": "text"},
    {"name": "EXT_ID", "category": "normal", "type": "text"},
    {"name": "WHATSAPP", "category": "normal", "type": "text"},
    {"name": "LANDLINE_NUMBER", "category": "normal", "type": "text"},
    {
        "name": "DOUBLE_OPT-IN",
        "category": "category",
        "enumeration": [
            {"value": 1, "label": "Yes", "valueStr": "1"},
            {"value": 2, "label": "No", "valueStr": "2"},
        ],
    },
)


class Account:
    """An organisation's data at Brevo."""

    def __init__(self, organization: str, file: StateFile, clock: TwinClock, tier: str) -> None:
        """Load what the file holds for this organisation, or start it with Brevo's default attributes."""
        self.organization = organization
        self.clock = clock
        self.limits = Limits(tier, clock)
        prefix = f"brevo.{organization}"
        self.contacts: Documents = file.documents(f"{prefix}.contacts")
        self.lists: Documents = file.documents(f"{prefix}.lists")
        self.folders: Documents = file.documents(f"{prefix}.folders")
        self.attributes: Documents = file.documents(f"{prefix}.attributes")
        self.processes: Documents = file.documents(f"{prefix}.processes")
        self.orders: Documents = file.documents(f"{prefix}.orders")
        self.batches: Documents = file.documents(f"{prefix}.batches")
        self.products: Documents = file.documents(f"{prefix}.products")
        self.categories: Documents = file.documents(f"{prefix}.categories")
        self.events: Documents = file.documents(f"{prefix}.events")
        self.journal: Documents = file.documents(f"{prefix}.journal")
        self.numbers: Documents = file.documents(f"{prefix}.numbers")
        self._by_email: dict[str, str] = {}
        self._by_identifier: dict[str, dict[str, str]] = {name: {} for name in IDENTIFIERS}
        for contact in self.contacts.values():
            self.index(contact)
        if not self.attributes:
            for attribute in DEFAULT_ATTRIBUTES:
                self.attributes[attribute["name"]] = {**attribute}
            self.folders["1"] = {"id": 1, "name": "Your First Folder"}
            self.numbers["folder"] = 1

    def next_number(self, name: str) -> int:
        """The next number of a series that never goes back."""
        number = int(self.numbers.get(name, 0)) + 1
        self.numbers[name] = number
        return number

    def count(self, name: str, more: int = 1) -> None:
        """Add to one of the account's counts."""
        self.numbers[name] = int(self.numbers.get(name, 0)) + more

    def number(self, name: str) -> int:
        """One of the account's counts, 0 where nothing was counted."""
        return int(self.numbers.get(name, 0))

    def index(self, contact: Contact) -> None:
        """Make a contact findable by what it holds now."""
        key = str(contact["id"])
        if contact["email"]:
            self._by_email[contact["email"]] = key
        for name, known in self._by_identifier.items():
            value = contact["attributes"].get(name)
            if value:
                known[str(value)] = key

    def unindex(self, contact: Contact) -> None:
        """Forget by what a contact was findable; called before it is changed or deleted."""
        if contact["email"]:
            self._by_email.pop(contact["email"], None)
        for name, known in self._by_identifier.items():
            known.pop(str(contact["attributes"].get(name)), None)

    def by_email(self, email: str) -> Contact | None:
        """The contact with that address, in any case."""
        return self._contact(self._by_email.get(email.strip().lower()))

    def by_identifier(self, name: str, value: str) -> Contact | None:
        """The contact whose attribute SMS, WHATSAPP, LANDLINE_NUMBER or EXT_ID is that value."""
        return self._contact(self._by_identifier[name].get(value))

    def by_id(self, number: int) -> Contact | None:
        """The contact with that id."""
        return self._contact(str(number))

    def people(self) -> Iterator[Contact]:
        """All contacts, oldest first."""
        yield from self.contacts.values()

    def note(self, contact: Contact, what: str, by: str, at: float | None = None, **more: Any) -> None:
        """Write down what happened to a contact's consent or identity, in its history and the journal.

        Args:
            contact: To whom.
            what: blocked, freed, renamed, relisted, list_unsubscribed, opted_in, created, deleted.
            by: user, admin, complaint, hard_bounce, api, import, rename or event.
            at: Seconds since the epoch; now where left out.
            more: Such as channel, list or the old address.
        """
        entry = {"at": self.clock.seconds() if at is None else at, "what": what, "by": by, **more}
        contact["history"].append(entry)
        number = self.next_number("journal")
        self.journal[str(number)] = {**entry, "contact": contact["id"], "email": contact["email"]}

    def changed(self, contact: Contact) -> None:
        """Say that a contact was changed now."""
        contact["modifiedAt"] = self.clock.seconds()
        self.contacts.touch(str(contact["id"]))

    def _contact(self, key: str | None) -> Contact | None:
        return None if key is None else self.contacts.get(key)
