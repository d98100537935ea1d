"""What another mapping would change at Brevo, reckoned from landed records and the ledger; nobody is asked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import islice

import msgspec

from tajo_pipelines.brevo.attributes import AttributePlan, foresee
from tajo_pipelines.brevo.contact_change import ContactChange, ContactPolicy, Draft
from tajo_pipelines.brevo.contact_values import plan_attributes
from tajo_pipelines.brevo.identities import Known, resolve
from tajo_pipelines.mapping.engine import CompiledMapping, compile_mapping
from tajo_pipelines.mapping.spec import IDENTITY_TARGETS, RuleLike
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import ConfigError, Notice, RejectedRecord
from tajo_pipelines.model.ledger import ContactEntry
from tajo_pipelines.model.record import Record
from tajo_pipelines.sdk.connector import Source
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.account_state import AccountState
from tajo_pipelines.sync.account import names_in_store
from tajo_pipelines.sync.contacts import ContactMapper, NoIdentifier, Origin
from tajo_pipelines.sync.landed_forms import kept_batches, newest_forms
from tajo_pipelines.sync.mapping_difference import (
    Difference,
    Said,
    Samples,
    Tally,
    between,
    merged,
    said_by,
    since_given,
)
from tajo_pipelines.sync.mapping_memory import KeptRule, kept_rules, remembered
from tajo_pipelines.sync.one_record import source_without_calls
from tajo_pipelines.sync.workspace import Workspace

CHUNK = 2_000
"""Records that are compared together."""


class Before(StrEnum):
    """What today's mapping is compared with.

    ``delivered``: the mapping that was last delivered with. ``file``: one out of another file. ``ledger``: what Brevo
    was given by a release that didn't remember its mapping. ``nothing``: Brevo was given nothing yet.
    """

    DELIVERED = "delivered"
    FILE = "file"
    LEDGER = "ledger"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule that is another now; None where there is none."""

    attribute: str
    old: KeptRule | None
    new: KeptRule | None


@dataclass(slots=True)
class MappingChange:
    """What would differ.

    Attributes:
        before: What it is compared with.
        at: When that was last delivered with.
        rules: Rules that differ, by target.
        attributes: How many people each attribute differs for.
        samples: Some of the differences.
        contacts: How many contacts a replay would write.
        compared: Records whose newest form was looked at.
        undelivered: Of them those that Brevo hasn't been given yet in this form: no matter of the mapping.
        superseded: Of them those of which Brevo was given a newer form already.
        not_landed: Records that Brevo was given, and that aren't landed any more: only the platform can tell of them.
            None where a part of the landing was looked at.
        skipped: Of them those that are nobody's, by reason.
        rejected: Of them those that can't be sent, by reason.
        plan: What the account takes, as far as known.
        notices: What a person should know.
    """

    before: Before
    at: datetime | None
    rules: tuple[RuleChange, ...]
    samples: Samples
    plan: AttributePlan
    attributes: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    contacts: int = 0
    compared: int = 0
    undelivered: int = 0
    superseded: int = 0
    not_landed: int | None = None
    skipped: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    notices: list[Notice] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether anything would differ for anybody."""
        return any(tally.differs for tally in self.attributes.values())


def compare(
    workspace: Workspace,
    connection: Connection,
    stream: str,
    *,
    against: Sequence[RuleLike] | None = None,
    since: datetime | None = None,
    limit: int = 10,
) -> MappingChange:
    """Compare today's mapping with the one before, over the newest landed form of each record.

    Args:
        workspace: Settings and store.
        connection: The connection.
        stream: A stream of people.
        against: Rules to be compared with; None for those that were last delivered with.
        since: Only records that are landed under this day or a later one.
        limit: How many samples are kept.

    Raises:
        ConfigError: A mapping can't be compiled, or the connection can't be opened.
        ContractError: ``landing_lost``: a landed file is gone.
    """
    first = since.date() if since is not None else date.min
    batches = kept_batches(workspace, connection.name, stream, first, workspace.now().date())
    comparison = _Comparison.prepare(workspace, connection, stream, against, limit)
    with source_without_calls(connection) as source:
        records = newest_forms(workspace, batches)
        while part := list(islice(records, CHUNK)):
            comparison.take(part, source)
    return comparison.finish(whole=since is None)


@dataclass(slots=True)
class _Comparison:
    """A comparison on its way."""

    connection: Connection
    stream: str
    state: AccountState | None
    mapper: ContactMapper
    earlier: tuple[CompiledMapping, ...]
    policy: ContactPolicy
    found: MappingChange
    met: int = 0
    _written: dict[str, ContactEntry] = field(default_factory=dict)

    @classmethod
    def prepare(
        cls, workspace: Workspace, connection: Connection, stream: str, against: Sequence[RuleLike] | None, limit: int
    ) -> _Comparison:
        account = workspace.account(connection)
        identity = next((name for name in names_in_store(workspace, account) if not name.startswith("key:")), None)
        state = workspace.store.account(identity) if identity is not None else None
        mapping, rules = workspace.mapping(connection), kept_rules(workspace.rules(connection))
        before, at, kept = Before.NOTHING, None, [kept_rules(against)] if against is not None else []
        if against is not None:
            before = Before.FILE
        elif identity is not None and (known := remembered(workspace, identity, connection.name, stream)):
            before, at, kept = Before.DELIVERED, known[0].at, [one.rules for one in known]
        notices: list[Notice] = []
        earlier = list(_compiled(kept, notices, strict=against is not None))
        wanted = {name: str(kind) for one in (*earlier, mapping) for name, kind in one.types.items()}
        plan = foresee(state, wanted, create=account.create_attributes, now=workspace.now())
        notices += _own_notices(plan, mapping)
        confirmed_only = connection.opt_in == "confirmed"
        change = MappingChange(before, at, _rule_changes(kept[0] if kept else (), rules), Samples(limit), plan)
        change.notices = notices
        return cls(
            connection=connection,
            stream=stream,
            state=state,
            mapper=ContactMapper(mapping, plan, connection.region, confirmed_only),
            earlier=tuple(earlier),
            policy=ContactPolicy(all_contacts=0, subscribers={}, precedence=account.precedence),
            found=change,
        )

    def take(self, records: Sequence[Record], source: Source) -> None:
        """Compare some records."""
        self.found.compared += len(records)
        read = dict(self._read(records, source))
        changes = [change for change, _ in read.values()]
        known = Known.load(changes, self.state) if self.state is not None else _nobody()
        known.entries |= {key: entry for key, entry in self._written.items() if key in known.entries}
        kept = [change for change in changes if self._matters(change, known)]
        claimed = {change.email for change in kept if change.email is not None}
        people: dict[str, list[ContactChange]] = defaultdict(list)
        for change in kept:
            people[resolve(change, known, claimed).key].append(change)
        for key, members in people.items():
            members.sort(key=lambda change: (change.source_time, len(change.key), change.key))
            self._person(key, members, known, {change.key: read[change.key][1] for change in members})

    def finish(self, *, whole: bool) -> MappingChange:
        """The result; ``whole`` where all that is landed was looked at."""
        if whole:
            given = self.state.count_sources(self.connection.name, self.stream) if self.state is not None else 0
            self.found.not_landed = max(0, given - self.met)
        if self.found.before is Before.NOTHING and self.met:
            self.found.before = Before.LEDGER
        return self.found

    def _read(
        self, records: Iterable[Record], source: Source
    ) -> Iterator[tuple[str, tuple[ContactChange, tuple[Said, ...]]]]:
        for record in records:
            time_of = record.updated_at or record.read_at
            origin = Origin(self.connection.name, self.stream, record.key, time_of, record.read_at)
            try:
                customer = source.canonical(record)
                if not isinstance(customer, Customer):
                    raise TypeError(f"{self.stream} holds no people")
                change = self.mapper.customer(customer, record.raw, origin)
            except NoIdentifier:
                self.found.skipped["no_identifier"] += 1
                continue
            except RejectedRecord as problem:
                self.found.rejected[problem.reason] += 1
                continue
            said = tuple(said_by(mapping, self.found.plan, customer, record.raw) for mapping in self.earlier)
            yield record.key, (change, said)

    def _matters(self, change: ContactChange, known: Known) -> bool:
        """Whether a difference in this record would be the mapping's, and be sent."""
        last = known.sources.get((change.connection, change.stream, change.key))
        self.met += last is not None
        if last is not None and last.source_time > change.source_time:
            self.found.superseded += 1
            return False
        delivered = last is not None and last.source_time == change.source_time
        if self.found.before is Before.DELIVERED and not delivered:
            self.found.undelivered += 1
            return False
        return True

    def _person(
        self, key: str, changes: list[ContactChange], known: Known, earlier: Mapping[str, tuple[Said, ...]]
    ) -> None:
        entry = known.entry(key)
        if entry is None and self.found.before is Before.DELIVERED:
            self.found.undelivered += len(changes)
            return
        given = dict(entry.attributes) if entry is not None else {}
        draft = self._planned(key, changes, known, entry)
        sent = Said(draft.attributes, frozenset(draft.cleared))
        new = merged(Said(change.attributes, frozenset(change.cleared)) for change in changes)
        if self.found.before is Before.FILE:
            old = merged(said for change in changes for said in earlier[change.key])
            differences = between(old, new)
        else:
            before = [said for change in reversed(changes) for said in earlier[change.key]]
            differences = since_given(sent, new, given, before, self.connection.name)
        self._count(changes[-1].key, differences, sent, new)
        self._count_unfit(changes)
        if entry is not None and len(entry.sources) > 1:
            # Another record of the same person may come in a later part.
            self._written[key] = msgspec.structs.replace(entry, attributes=draft.given)

    def _planned(self, key: str, changes: list[ContactChange], known: Known, entry: ContactEntry | None) -> Draft:
        """The write that a replay would plan, as far as attributes go."""
        seen = known.seen(key)
        draft = Draft(
            key=key,
            email=key if "@" in key else None,
            phone=None,
            seen=seen,
            entry=entry,
            exists=seen is not None or entry is not None,
            changes=changes,
            given=dict(entry.attributes) if entry is not None else {},
        )
        plan_attributes(draft, self.policy)
        return draft

    def _count(self, key: str, differences: Mapping[str, Difference], sent: Said, new: Said) -> None:
        tallies = self.found.attributes
        for name, difference in differences.items():
            tallies[name].add(difference.kind)
            self.found.samples.add(key, name, difference)
        for name in sent.names:
            tallies[name].to_send += 1
        for name in new.names - differences.keys():
            tallies[name].stays += 1
        self.found.contacts += bool(sent.names)

    def _count_unfit(self, changes: Iterable[ContactChange]) -> None:
        fields = {letter.field for change in changes for letter in change.letters}
        for name in fields & self.mapper.mapping.types.keys():
            self.found.attributes[str(name)].unfit += 1


def _compiled(
    mappings: Iterable[Sequence[RuleLike]], notices: list[Notice], *, strict: bool
) -> Iterator[CompiledMapping]:
    for rules in mappings:
        try:
            yield compile_mapping(rules)
        except ConfigError as error:
            if strict:
                raise
            message = f"a mapping that was delivered with can't be read any more, so old values stay unknown: {error}"
            notices.append(Notice("earlier_mapping_unreadable", message, ""))


def _own_notices(plan: AttributePlan, mapping: CompiledMapping) -> list[Notice]:
    """Warnings about attributes that today's mapping fills."""
    missing = [name for name in plan.missing if name in mapping.types]
    mistyped = [item for item in plan.mistyped if item.name in mapping.types]
    return AttributePlan(missing=missing, mistyped=mistyped).notices()


def _nobody() -> Known:
    return Known({}, {}, {}, {}, {}, {}, {}, None)


def _rule_changes(old: Iterable[KeptRule], new: Iterable[KeptRule]) -> tuple[RuleChange, ...]:
    """Rules that differ, identities left out: no rule changes who a contact is."""
    before = {rule.target: rule for rule in old if rule.target not in IDENTITY_TARGETS}
    after = {rule.target: rule for rule in new if rule.target not in IDENTITY_TARGETS}
    return tuple(
        RuleChange(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )
