"""What two mappings say differently of one person, and what of it Brevo would be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain, zip_longest
from typing import Any

from tajo_pipelines.brevo.attributes import AttributePlan, fit
from tajo_pipelines.mapping.engine import CompiledMapping
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.digest import digest
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.ledger import AttributeEntry

EMPTY = digest("")


class Kind(StrEnum):
    """How an attribute differs for a person."""

    NEW = "new"
    CHANGED = "changed"
    CLEARED = "cleared"
    NO_LONGER_SENT = "no_longer_sent"


@dataclass(frozen=True, slots=True)
class Said:
    """What a mapping says of a person: values by attribute, and attributes that are empty at the source."""

    values: Mapping[str, Any]
    cleared: frozenset[str] = frozenset()

    @property
    def names(self) -> set[str]:
        """All attributes of which it says something."""
        return {*self.values, *self.cleared}


@dataclass(frozen=True, slots=True)
class Difference:
    """One attribute of one person.

    Attributes:
        old: What was given before; None for nothing, and where it isn't known.
        old_known: Whether ``old`` is what Brevo was given: the ledger keeps digests alone.
        new: What would be given; None for nothing.
    """

    kind: Kind
    old: Any
    new: Any
    old_known: bool = True


def said_by(mapping: CompiledMapping, attributes: AttributePlan, customer: Customer, raw: Mapping[str, Any]) -> Said:
    """What a mapping says of a customer, as far as the account's attributes take it."""
    mapped = mapping.apply(customer, raw)
    values: dict[str, Any] = {}
    for name, value in mapped.values.items():
        kind = attributes.known.get(name)
        if kind is None:
            continue
        try:
            values[name] = fit(value, kind, name=name)
        except RejectedRecord:
            continue  # a letter of today's mapping, where it is counted; of an earlier one it was never given
    return Said(values, frozenset(name for name in mapped.cleared if name in attributes.known))


def merged(parts: Iterable[Said]) -> Said:
    """What several records say of one person, the newest last."""
    values: dict[str, Any] = {}
    cleared: set[str] = set()
    for part in parts:
        cleared = (cleared - part.values.keys()) | part.cleared
        values = {name: value for name, value in values.items() if name not in part.cleared} | dict(part.values)
    return Said(values, frozenset(cleared))


def between(old: Said, new: Said) -> dict[str, Difference]:
    """What two mappings say differently, whatever Brevo was given."""
    found: dict[str, Difference] = {}
    for name, value in new.values.items():
        if name not in old.values:
            found[name] = Difference(Kind.NEW, None, value)
        elif digest(old.values[name]) != digest(value):
            found[name] = Difference(Kind.CHANGED, old.values[name], value)
    for name in old.values.keys() - new.values.keys():
        kind = Kind.CLEARED if name in new.cleared else Kind.NO_LONGER_SENT
        found[name] = Difference(kind, old.values[name], None)
    return found


def since_given(
    sent: Said, new: Said, given: Mapping[str, AttributeEntry], earlier: Sequence[Said], connection: str
) -> dict[str, Difference]:
    """What differs from what Brevo was last given.

    Args:
        sent: What would be sent.
        new: All that today's mapping says.
        given: What the ledger holds of the person.
        earlier: What mappings say with which the person may have been delivered.
        connection: Whose mappings these are: what others give isn't theirs to leave out.
    """
    found: dict[str, Difference] = {}
    for name, value in sent.values.items():
        kind = Kind.CHANGED if _holds(given, name) else Kind.NEW
        found[name] = Difference(kind, *_recalled(given.get(name), name, earlier, value))
    for name in sent.cleared:
        found[name] = Difference(Kind.CLEARED, *_recalled(given.get(name), name, earlier, None))
    for name in {name for said in earlier for name in said.values} - new.names - found.keys():
        if _holds(given, name) and given[name].owner == connection:
            found[name] = Difference(Kind.NO_LONGER_SENT, *_recalled(given[name], name, earlier, None))
    return found


def _holds(given: Mapping[str, AttributeEntry], name: str) -> bool:
    return name in given and given[name].hash != EMPTY


def _recalled(entry: AttributeEntry | None, name: str, earlier: Sequence[Said], new: Any) -> tuple[Any, Any, bool]:
    """Old value, new value, and whether the old one is known: an earlier mapping must say what the ledger holds."""
    if entry is None or entry.hash == EMPTY:
        return None, new, True
    for said in earlier:
        if name in said.values and digest(said.values[name]) == entry.hash:
            return said.values[name], new, True
    return None, new, False


@dataclass(slots=True)
class Tally:
    """How many people one attribute differs for.

    Attributes:
        new: They get it for the first time.
        changed: They get another value.
        cleared: It is emptied.
        no_longer_sent: Nothing gives it any more; what is at Brevo stays there.
        to_send: A replay would send it: what Brevo was given already isn't sent again.
        stays: It is said, and nothing changes.
        unfit: The value doesn't fit the attribute; a letter.
    """

    new: int = 0
    changed: int = 0
    cleared: int = 0
    no_longer_sent: int = 0
    to_send: int = 0
    stays: int = 0
    unfit: int = 0

    @property
    def differs(self) -> bool:
        """Whether anybody's differs."""
        return bool(self.new or self.changed or self.cleared or self.no_longer_sent)

    def add(self, kind: Kind) -> None:
        """Count one person."""
        setattr(self, kind.value, getattr(self, kind.value) + 1)


@dataclass(frozen=True, slots=True)
class Sample:
    """One difference of one record."""

    key: str
    attribute: str
    difference: Difference


@dataclass(slots=True)
class Samples:
    """At most so many differences, of all attributes alike.

    Attributes:
        limit: How many in all.
    """

    limit: int
    _found: dict[str, list[Sample]] = field(default_factory=dict)

    def add(self, key: str, attribute: str, difference: Difference) -> None:
        """Keep one if there is room."""
        kept = self._found.setdefault(attribute, [])
        if len(kept) < self.limit:
            kept.append(Sample(key, attribute, difference))

    def __iter__(self) -> Iterator[Sample]:
        """Those that are kept, by attribute."""
        rounds = zip_longest(*(self._found[name] for name in sorted(self._found)))
        kept = [sample for sample in chain.from_iterable(rounds) if sample is not None][: self.limit]
        return iter(sorted(kept, key=lambda sample: (sample.attribute, len(sample.key), sample.key)))
