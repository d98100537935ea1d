"""What the explanation says is what Brevo is told."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tajo_pipelines.mapping.engine import compile_mapping
from tajo_pipelines.mapping.explain import Explanation, StepTaken, Why, as_mapped, explain
from tajo_pipelines.mapping.spec import FieldRule
from tajo_pipelines.model.customer import Customer
from tajo_pipelines_tests.mapping.strategies import customers, raws, rules

_DEFAULTS = {"text": "x", "float": 7, "date": "2026-01-31", "boolean": True, "multiple-choice": ["a", "b"]}


@settings(max_examples=150, deadline=None)
@given(rules(), customers, raws, st.data())
def test_the_explanation_and_what_is_sent_never_disagree(
    drawn: list[FieldRule], customer: Customer, raw: dict[str, Any], data: st.DataObject
) -> None:
    with_defaults = [
        replace(rule, default=_DEFAULTS[rule.type]) if rule.type and data.draw(st.booleans()) else rule
        for rule in drawn
    ]
    mapping = compile_mapping([*with_defaults, FieldRule(None, "SHOP", default="Berlin")])
    explained = explain(mapping, customer, raw)

    assert as_mapped(explained) == mapping.apply(customer, raw)
    assert [found.attribute for found in explained] == sorted(mapping.types)
    for found in explained:
        assert (found.value is None) == (found.why in {Why.LEFT_OUT, Why.CLEARED, Why.PROBLEM})
        assert (found.problem is None) == (found.why is not Why.PROBLEM)


def _one(rule: FieldRule, customer: Customer, raw: dict[str, Any] | None = None) -> Explanation:
    (found,) = explain(compile_mapping([rule]), customer, raw or {})
    return found


def test_every_step_shows_what_came_out() -> None:
    rule = FieldRule("raw.tags", "TAGS", transforms=("strip", "upper", "join:; "))
    found = _one(rule, Customer(id="1"), {"tags": [" vip ", "retail"]})
    assert found.given == [" vip ", "retail"]
    assert found.steps == (
        StepTaken("strip", ("vip", "retail")),
        StepTaken("upper", ("VIP", "RETAIL")),
        StepTaken("join:; ", "VIP; RETAIL"),
    )
    assert (found.why, found.value) == (Why.VALUE, "VIP; RETAIL")


def test_silence_emptiness_and_a_default_are_told_apart() -> None:
    rule = FieldRule("first_name", "FIRSTNAME", transforms=("strip",))
    assert _one(rule, Customer(id="1")).why is Why.LEFT_OUT
    assert _one(rule, Customer(id="1", first_name="")).why is Why.CLEARED
    spaces = _one(rule, Customer(id="1", first_name="  "))
    assert (spaces.steps, spaces.why) == ((StepTaken("strip", ""),), Why.CLEARED)
    spoken = _one(replace(rule, default="you"), Customer(id="1"))
    assert (spoken.given, spoken.why, spoken.value) == (None, Why.DEFAULT, "you")


def test_a_problem_names_the_step_that_failed_and_not_the_value() -> None:
    rule = FieldRule("note", "POINTS", transforms=("strip", "number", "integer"))
    found = _one(rule, Customer(id="1", note=" many "))
    assert found.steps == (StepTaken("strip", "many"), StepTaken("number", None))
    assert found.problem is not None
    assert "many" not in found.problem.message
    assert _one(rule, Customer(id="1", note=" 12.7 ")).steps[1].result == Decimal("12.7")
