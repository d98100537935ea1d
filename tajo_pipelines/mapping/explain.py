"""Why an attribute has its value: what `CompiledMapping.apply` does to one record, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from tajo_pipelines.mapping.column import Column, FieldProblem
from tajo_pipelines.mapping.engine import CompiledMapping, MappedAttributes
from tajo_pipelines.mapping.spec import AttributeType
from tajo_pipelines.mapping.values import AttributeValue, UnfitValue, is_empty
from tajo_pipelines.model.customer import Customer


class Why(StrEnum):
    """What became of one attribute."""

    VALUE = "value"
    DEFAULT = "default"
    LEFT_OUT = "left_out"
    CLEARED = "cleared"
    PROBLEM = "problem"


class StepTaken(msgspec.Struct, frozen=True):
    """One transform on its way.

    Attributes:
        transform: As the rule names it: ``truncate:200``.
        result: What came out; None where it couldn't read its value.
    """

    transform: str
    result: Any


class Explanation(msgspec.Struct, frozen=True):
    """One attribute and why it is so.

    Attributes:
        attribute: Brevo's name.
        source: Canonical field or ``raw.<JMESPath>``; None where the rule's default alone speaks.
        type: The attribute's type.
        given: What the source holds; None where it says nothing.
        steps: The transforms that were reached, in order. None is reached by an empty value.
        why: What became of it.
        value: What Brevo is told; None where it is told nothing.
        problem: What is wrong, where something is.
    """

    attribute: str
    source: str | None
    type: AttributeType
    given: Any
    steps: tuple[StepTaken, ...]
    why: Why
    value: AttributeValue | None = None
    problem: FieldProblem | None = None


def explain(mapping: CompiledMapping, customer: Customer, raw: Mapping[str, Any]) -> tuple[Explanation, ...]:
    """What the mapping makes of one record, attribute by attribute, in the order of their names.

    Args:
        mapping: The compiled mapping.
        customer: The canonical customer.
        raw: The platform's own object that it came from.
    """
    return tuple(_explained(column, customer, raw) for column in mapping.columns)


def as_mapped(explanations: Iterable[Explanation]) -> MappedAttributes:
    """The explanations without their reasons: what `CompiledMapping.apply` answers."""
    values: dict[str, AttributeValue] = {}
    cleared: list[str] = []
    problems: list[FieldProblem] = []
    for found in explanations:
        if found.value is not None:
            values[found.attribute] = found.value
        if found.why is Why.CLEARED:
            cleared.append(found.attribute)
        if found.problem is not None:
            problems.append(found.problem)
    return MappedAttributes(values, tuple(sorted(cleared)), tuple(sorted(problems, key=lambda found: found.field)))


def _explained(column: Column, customer: Customer, raw: Mapping[str, Any]) -> Explanation:
    taken: list[StepTaken] = []
    given: Any = None
    value: AttributeValue | None = None
    problem: FieldProblem | None = None
    try:
        given = column.get(customer, raw) if column.get is not None else getattr(customer, column.field or "")
        value, why = _finished(column, given, taken)
    except UnfitValue as reason:
        why, problem = Why.PROBLEM, column.problem(reason)
    return Explanation(column.target, column.source, column.kind, given, tuple(taken), why, value, problem)


def _finished(column: Column, given: Any, taken: list[StepTaken]) -> tuple[AttributeValue | None, Why]:
    """The value, and by which way it came about; the steps are noted as they are taken.

    Raises:
        UnfitValue: The value can't become what it should.
    """
    if given is None:
        return (None, Why.LEFT_OUT) if column.default is None else (column.default(), Why.DEFAULT)
    value = given
    for transform, step in column.steps:
        if is_empty(value):
            return None, Why.CLEARED
        try:
            value = step(value)
        except UnfitValue:
            taken.append(StepTaken(transform, None))
            raise
        taken.append(StepTaken(transform, value))
    fitted = column.fitted(value)
    return fitted, Why.CLEARED if fitted is None else Why.VALUE
