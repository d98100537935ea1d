"""One rule of a field mapping, compiled: how an attribute is read from a record, and where its value goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from tajo_pipelines.mapping.expressions import compile_expression
from tajo_pipelines.mapping.spec import (
    FULL_NAME,
    RAW,
    SOURCE_TYPES,
    AttributeType,
    RuleLike,
    check_target,
    resolve_source,
    resolve_type,
    type_of,
)
from tajo_pipelines.mapping.transforms import Step, resolve_transform
from tajo_pipelines.mapping.values import AttributeValue, UnfitValue, fit, is_empty
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import ConfigError

UNFIT_VALUE = "unfit_value"
"""Reason of a problem: the value can't become the attribute's type."""


class FieldProblem(msgspec.Struct, frozen=True):
    """One field that can't be sent; the rest of the record can.

    Attributes:
        field: Brevo's attribute name.
        reason: Stable name: ``unfit_value``.
        message: One sentence for a person, without personal data.
    """

    field: str
    reason: str
    message: str


Finish: TypeAlias = Callable[[Any], AttributeValue | None]
Settle: TypeAlias = Callable[[Any, dict[str, AttributeValue], list[str], list[FieldProblem]], None]
Get: TypeAlias = Callable[[Customer, Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute's rule, compiled.

    Attributes:
        source: Its source as named; None where the default alone speaks.
        field: The canonical field that it reads; None where ``get`` has to compute.
        get: Reads the source; may raise `UnfitValue`.
        steps: Its transforms as the rule names them, each with what it does.
        fitted: Brings what comes out to the type; answers None where that is empty.
        default: Makes the value for when the source says nothing.
    """

    target: str
    source: str | None
    kind: AttributeType
    field: str | None
    get: Get | None
    steps: tuple[tuple[str, Step], ...]
    fitted: Finish
    default: Callable[[], AttributeValue] | None

    def problem(self, reason: UnfitValue) -> FieldProblem:
        """The problem that a value poses."""
        message = f"{self.target} takes {self.kind}, and the value of {self.source} {reason}"
        return FieldProblem(self.target, UNFIT_VALUE, message)

    def settler(self) -> Settle:
        """The function that puts a source's value where it belongs."""
        target, default, problem = self.target, self.default, self.problem
        finish = _finisher([step for _, step in self.steps], self.fitted)

        def settle(
            value: Any, values: dict[str, AttributeValue], cleared: list[str], problems: list[FieldProblem]
        ) -> None:
            if value is None:
                if default is not None:
                    values[target] = default()
                return
            try:
                fitted = finish(value)
            except UnfitValue as reason:
                problems.append(problem(reason))
                return
            if fitted is None:
                cleared.append(target)
            else:
                values[target] = fitted

        return settle


def compile_column(rule: RuleLike) -> Column:
    """Compiles a rule that writes an attribute.

    Raises:
        ConfigError: With the first thing that is wrong.
    """
    check_target(rule.target, rule.where)
    if rule.source is None:
        return _constant(rule)
    source = resolve_source(rule.source, rule.where)
    resolved = [resolve_transform(text, rule.where) for text in rule.transforms]
    kind = SOURCE_TYPES.get(source, AttributeType.TEXT)
    for transform, _ in resolved:
        kind = transform.result or kind
    if rule.type is not None:
        kind = resolve_type(rule.type, rule.where)
    get = _getter(source, rule.where)
    return Column(
        target=rule.target,
        source=source,
        kind=kind,
        field=source if get is None else None,
        get=get,
        steps=tuple((text, step) for text, (_, step) in zip(rule.transforms, resolved, strict=True)),
        fitted=fit(kind),
        default=_default(rule, kind),
    )


def _constant(rule: RuleLike) -> Column:
    """A rule without source: its default is what every contact gets."""
    if rule.default is None or rule.transforms:
        message = f"{rule.target} has no source" + (" to transform" if rule.transforms else " and no default")
        raise ConfigError(message, code="unknown_source", where=rule.where)
    kind = type_of(type(rule.default)) if rule.type is None else resolve_type(rule.type, rule.where)
    return Column(rule.target, None, kind, None, lambda _customer, _raw: None, (), fit(kind), _default(rule, kind))


def _getter(source: str, where: str) -> Get | None:
    if source == FULL_NAME:
        return _full_name
    if source.startswith(RAW):
        read = compile_expression(source.removeprefix(RAW), where)
        return lambda _customer, raw: read(raw)
    return None


def _full_name(customer: Customer, _raw: Mapping[str, Any]) -> str | None:
    """First and last name joined; empty only where both are said to be."""
    first, last = customer.first_name, customer.last_name
    joined = " ".join(part for part in (first, last) if part)
    return joined if joined or not (first is None or last is None) else None


def _finisher(steps: Sequence[Step], fitted: Finish) -> Finish:
    if not steps:
        return fitted

    def finish(value: Any) -> AttributeValue | None:
        for step in steps:
            if is_empty(value):
                return None
            value = step(value)
        return fitted(value)

    return finish


def _default(rule: RuleLike, kind: AttributeType) -> Callable[[], AttributeValue] | None:
    if rule.default is None:
        return None
    try:
        value = fit(kind)(rule.default)
    except UnfitValue as reason:
        message = f"{rule.target} takes {kind}, and the default {reason}"
        raise ConfigError(message, code="bad_default", where=rule.where) from None
    if value is None:
        message = f"the default of {rule.target} is empty"
        hint = "leave it out: a source that says nothing changes nothing"
        raise ConfigError(message, code="bad_default", where=rule.where, hint=hint)
    if isinstance(value, list):
        choices = tuple(value)
        return lambda: list(choices)
    return lambda: value
