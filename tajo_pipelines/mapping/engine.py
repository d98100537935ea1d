"""Compiles the rules of a field mapping to closures, and applies them to customers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from tajo_pipelines.mapping.column import Column, FieldProblem, Settle, compile_column
from tajo_pipelines.mapping.spec import FULL_NAME, IDENTITY_TARGETS, AttributeType, RuleLike, resolve_source
from tajo_pipelines.mapping.values import AttributeValue, UnfitValue
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import ConfigError, Notice

_BREVO_IDENTITY = {"email": "EMAIL", "phone": "SMS"}


class MappedAttributes(msgspec.Struct, frozen=True):
    """What one record says of a contact's attributes; a name that stands nowhere is left as it is at Brevo.

    Attributes:
        values: Attribute by name, in its type's JSON form.
        cleared: Names of those that the source says are empty, sorted.
        problems: Those that don't fit, by name.
    """

    values: dict[str, AttributeValue]
    cleared: tuple[str, ...]
    problems: tuple[FieldProblem, ...]


class CompiledMapping:
    """A field mapping, ready to be applied to any number of customers from any thread; made by `compile_mapping`.

    Attributes:
        types: Brevo type of every attribute that the mapping writes.
        identity: Canonical fields that the mapping names as the contact's identity: ``email``, ``phone``.
        columns: What it does, by target in order.
        lineage: Pairs of attribute and source, sorted; a source is a canonical field or ``raw.<JMESPath>``.
    """

    def __init__(self, columns: Sequence[Column], identity: frozenset[str]) -> None:
        ordered = sorted(columns, key=lambda column: column.target)
        plain = [column for column in ordered if column.field is not None]
        self.types: Mapping[str, AttributeType] = {column.target: column.kind for column in ordered}
        self.columns: tuple[Column, ...] = tuple(ordered)
        self.identity = identity
        self.lineage: tuple[tuple[str, str], ...] = _lineage(ordered, identity)
        self._plain: tuple[Settle, ...] = tuple(column.settler() for column in plain)
        self._fetch = _fetcher([column.field for column in plain if column.field is not None])
        self._computed = tuple((column, column.get, column.settler()) for column in ordered if column.get is not None)

    def apply(self, customer: Customer, raw: Mapping[str, Any]) -> MappedAttributes:
        """The attributes of one customer.

        A source that says nothing (None) leaves the attribute out, or gives the rule's default; an empty text or
        list clears it; a value that doesn't fit is a problem of that field alone. Never raises for what a record
        holds.

        Args:
            customer: The canonical customer.
            raw: The platform's own object that it came from.
        """
        values: dict[str, AttributeValue] = {}
        cleared: list[str] = []
        problems: list[FieldProblem] = []
        for settle, value in zip(self._plain, self._fetch(customer), strict=True):
            settle(value, values, cleared, problems)
        for column, get, settle in self._computed:
            try:
                value = get(customer, raw)
            except UnfitValue as reason:
                problems.append(column.problem(reason))
            else:
                settle(value, values, cleared, problems)
        if len(problems) > 1:
            problems.sort(key=_field)
        return MappedAttributes(values, tuple(sorted(cleared)), tuple(problems))


def compile_mapping(rules: Sequence[RuleLike]) -> CompiledMapping:
    """Compiles the rules of one connection.

    Args:
        rules: In any order: the result is the same.

    Raises:
        ConfigError: With every finding in ``details``: ``unknown_source``, ``bad_expression``,
            ``unknown_transform``, ``bad_transform``, ``unknown_type``, ``bad_target``, ``reserved_target``,
            ``duplicate_target``, ``bad_default``, ``bad_identity``.
    """
    columns: list[Column] = []
    identity: set[str] = set()
    taken: set[str] = set()
    findings: list[ConfigError] = []
    for rule in rules:
        try:
            _claim(rule, taken)
            field = IDENTITY_TARGETS.get(rule.target)
            if field is None:
                columns.append(compile_column(rule))
            else:
                _check_identity(rule, field)
                identity.add(field)
        except ConfigError as error:
            findings.append(error)
    _raise(findings)
    return CompiledMapping(columns, frozenset(identity))


def _raise(findings: Sequence[ConfigError]) -> None:
    if not findings:
        return
    details = [
        Notice(error.code, f"{error.message} ({error.hint})" if error.hint else error.message, error.where)
        for error in findings
    ]
    if len(findings) == 1:
        only = findings[0]
        raise ConfigError(only.message, code=only.code, where=only.where, hint=only.hint, details=details)
    listed = "".join(f"\n  {note.where + ': ' if note.where else ''}{note.message}" for note in details)
    message = f"{len(details)} rules of the field mapping are wrong:{listed}"
    raise ConfigError(message, code="config_invalid", details=details)


def _claim(rule: RuleLike, taken: set[str]) -> None:
    field = IDENTITY_TARGETS.get(rule.target)
    name = _BREVO_IDENTITY[field] if field else rule.target
    if name in taken:
        message = f"{name} is the target of two rules"
        raise ConfigError(message, code="duplicate_target", where=rule.where)
    taken.add(name)


def _check_identity(rule: RuleLike, field: str) -> None:
    """Consent speaks of the record's own address, so no other address may stand for it."""
    if rule.source is None or resolve_source(rule.source, rule.where) != field:
        message = f"{rule.target} is who the contact is: only {field!r}, of which consent speaks, can feed it"
        raise ConfigError(message, code="bad_identity", where=rule.where)
    if rule.transforms or rule.type is not None or rule.default is not None:
        message = f"{rule.target} is brought to its normal form always: it takes no transform, type or default"
        raise ConfigError(message, code="bad_identity", where=rule.where)


def _fetcher(fields: Sequence[str]) -> Callable[[Customer], tuple[Any, ...]]:
    if not fields:
        return lambda _customer: ()
    if len(fields) == 1:
        only = attrgetter(fields[0])
        return lambda customer: (only(customer),)
    return attrgetter(*fields)


def _lineage(columns: Sequence[Column], identity: frozenset[str]) -> tuple[tuple[str, str], ...]:
    pairs = [(_BREVO_IDENTITY[field], field) for field in identity]
    for column in columns:
        sources = ("first_name", "last_name") if column.source == FULL_NAME else (column.source,)
        pairs.extend((column.target, source) for source in sources if source is not None)
    return tuple(sorted(pairs))


def _field(problem: FieldProblem) -> str:
    return problem.field
