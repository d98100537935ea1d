"""Who somebody is: every address, number, record and contact that is theirs, from whichever of them one starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tajo_pipelines.brevo.picture import ReadContact, read_contact
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.identity import held_email, normal_email, normal_phone
from tajo_pipelines.model.picture import SeenContact
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.traces import RecordName, Traces
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.erasing import Erasing
from tajo_pipelines.sync.account import OpenAccount
from tajo_pipelines.sync.keeping_out import CUSTOMERS
from tajo_pipelines.sync.landed_traces import LandedTraces
from tajo_pipelines.sync.workspace import Workspace

ORDERS = "orders"


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a request names.

    Attributes:
        connection: The connection whose keys are meant; None where the request names none.
        key: Key of the customer's record there.
        orders: Keys of orders there.
    """

    connection: Connection | None = None
    key: str | None = None
    email: str | None = None
    phone: str | None = None
    orders: tuple[str, ...] = ()

    def traces(self) -> Traces:
        """The same in normal forms; what can't be an address or a number isn't among it."""
        name = self.connection.name if self.connection is not None else ""
        records = {(name, ORDERS, key) for key in self.orders}
        records |= {(name, CUSTOMERS, self.key)} if self.key else set()
        region = self.connection.region if self.connection is not None else None
        emails, written = _emails([self.email] if self.email else [])
        phones = frozenset(_phones([self.phone] if self.phone else [], region))
        return Traces(emails=emails, written=written, phones=phones, records=frozenset(records))


@dataclass(slots=True)
class Person:
    """What is known of somebody.

    Attributes:
        traces: By what they are known.
        contacts: Their contacts at Brevo, by id.
        newest: The newest landed form of each of their records.
    """

    traces: Traces
    contacts: dict[int, ReadContact] = field(default_factory=dict)
    newest: dict[RecordName, Record] = field(default_factory=dict)


def connections_of(workspace: Workspace, opened: OpenAccount) -> tuple[str, ...]:
    """Names of the connections that feed an account: by the configuration, and by what the ledger remembers."""
    configured = {each.name: each.account for each in workspace.settings.connections.values()}
    remembered = workspace.store.erasing(opened.identity).remembered_connections()
    ours = {name for name, account in configured.items() if account == opened.settings.name}
    return tuple(sorted(ours | {name for name in remembered if name not in configured}))


def identify(workspace: Workspace, opened: OpenAccount, asked: Traces) -> Person:
    """Everything that is the person's, at Brevo and here.

    An address, or a number, that another customer's record or another contact has is left to that one.

    Args:
        workspace: Settings and store.
        opened: The account.
        asked: By what a request names the person.

    Raises:
        TajoError: Brevo can't be reached or used.
    """
    names = connections_of(workspace, opened)
    erasing = workspace.store.erasing(opened.identity)
    search = _Search(workspace, opened, erasing, LandedTraces(workspace, names), Person(asked))
    while search.step():
        pass
    return search.person


@dataclass(slots=True)
class _Search:
    workspace: Workspace
    opened: OpenAccount
    erasing: Erasing
    landed: LandedTraces
    person: Person
    _asked: set[str] = field(default_factory=set)

    def step(self) -> bool:
        """Look once more, with all that is known by now; whether something was found."""
        before = self.person.traces
        self._ask_brevo()
        self._ask_ledger()
        if self.person.traces != before:
            # Reading the landing costs the most: it is looked at once nothing else leads on.
            return True
        self._ask_landing()
        return self.person.traces != before

    def _add(self, emails: Iterable[str] = (), phones: Iterable[str] = (), region: str | None = None) -> None:
        """Addresses that lead to the person, as far as they are nobody else's."""
        normal, written = _emails(emails)
        traces = self.person.traces
        own = frozenset(email for email in normal - traces.emails if not self._is_anothers(email))
        spelt = frozenset(text for text in written if held_email(text) in traces.emails | own)
        traces = self.person.traces = traces | Traces(emails=own, written=spelt)
        numbers = {number for number in _phones(phones, region) if number not in traces.phones}
        free = frozenset(number for number in numbers if not self._holders(number))
        self.person.traces = traces | Traces(phones=free)

    def _is_anothers(self, address: str) -> bool:
        """Whether another customer's record feeds the contact of this address."""
        records = self.erasing.rows_of(Traces(emails=frozenset({address}))).records
        return any(stream == CUSTOMERS for _, stream, _ in records - self.person.traces.records)

    def _holders(self, phone: str) -> set[str]:
        """Contacts of other people that hold a number."""
        return self.erasing.holders_of(phone) - self.person.traces.emails

    def _ask_brevo(self) -> None:
        traces, state = self.person.traces, self.opened.state
        for address in [address for address in traces.addresses if address not in self._asked]:
            self._asked.add(address)
            kind = "email_id" if "@" in address else "phone_id"
            self._take(read_contact(self.opened.client, address, kind=kind))
        named = [f"{where}:{key}" for where, stream, key in sorted(traces.records) if stream == CUSTOMERS]
        seen = state.seen_by_source(named) | state.seen_by_email(sorted(traces.emails))
        for contact in seen.values():
            if contact.contact_id not in self.person.contacts and not self._is_foreign(contact):
                self._take(read_contact(self.opened.client, contact.contact_id))

    def _is_foreign(self, seen: SeenContact) -> bool:
        email = seen.email
        return email is not None and email not in self.person.traces.emails and self._is_anothers(email)

    def _take(self, read: ReadContact | None) -> None:
        if read is None or self._is_foreign(read.seen):
            return
        seen = read.seen
        self.person.contacts[seen.contact_id] = read
        known = set(self.landed.connections)
        records = {
            (connection, CUSTOMERS, key)
            for connection, mark, key in (word.partition(":") for word in seen.sources.split())
            if mark and connection in known
        }
        self.person.traces |= Traces(contacts=frozenset({seen.contact_id}), records=frozenset(records))
        self._add([seen.email] if seen.email else [], [seen.phone] if seen.phone else [])

    def _ask_ledger(self) -> None:
        state = self.opened.state
        self.person.traces |= self.erasing.rows_of(self.person.traces)
        traces = self.person.traces
        customers = {name for name in traces.records if name[1] == CUSTOMERS}
        keys = set(self.erasing.contact_of(customers).values())
        self._add([key for key in keys if "@" in key], [key for key in keys if "@" not in key])
        entries = state.contacts(self.person.traces.addresses)
        given = state.contacts_by_phone(sorted(self.person.traces.phones))
        self._add([entry.key for entry in given.values() if "@" in entry.key])
        self._add((), [entry.phone for entry in entries.values() if entry.phone])

    def _ask_landing(self) -> None:
        found = self.landed.look(self.person.traces)
        self.person.newest = found.newest
        self.person.traces |= Traces(records=frozenset(found.records))
        self._add(found.emails)
        for connection, phone in found.phones:
            known = self.workspace.settings.connections.get(connection)
            self._add((), [phone], known.region if known is not None else None)


def _emails(written: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Normal addresses, and those spellings that aren't."""
    normal, spelt = set(), set()
    for text in written:
        try:
            address = normal_email(text)
        except RejectedRecord:
            address = held_email(text)
        if "@" in address:
            normal.add(address)
            spelt |= {text.strip()} if text.strip().lower() != address else set()
    return frozenset(normal), frozenset(spelt)


def _phones(written: Iterable[str], region: str | None) -> set[str]:
    found = set()
    for text in written:
        try:
            found.add(normal_phone(text, region))
        except RejectedRecord:
            continue
    return found
