from __future__ import annotations

import json
import random
from datetime import date
from typing import Any

import jmespath
from hypothesis import given, settings
from hypothesis import strategies as st

from tajo_pipelines.mapping.engine import compile_mapping
from tajo_pipelines.mapping.expressions import compile_expression
from tajo_pipelines.mapping.spec import CANONICAL_SOURCES, AttributeType, FieldRule
from tajo_pipelines.mapping.values import AttributeValue
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.digest import digest
from tajo_pipelines_tests.mapping.strategies import customers, raws, rules


def _has_type(value: AttributeValue, kind: str) -> bool:
    if kind == AttributeType.TEXT:
        return isinstance(value, str) and value != ""
    if kind == AttributeType.FLOAT:
        return type(value) in {int, float} and digest(value) != digest(None)
    if kind == AttributeType.BOOLEAN:
        return isinstance(value, bool)
    if kind == AttributeType.DATE:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    return isinstance(value, list) and value != [] and "" not in value


@settings(max_examples=150, deadline=None)
@given(rules(), customers, raws)
def test_whatever_a_record_holds_is_mapped_typed_or_named(
    drawn: list[FieldRule], customer: Customer, raw: dict[str, Any]
) -> None:
    mapping = compile_mapping(drawn)
    mapped = mapping.apply(customer, raw)

    for name, value in mapped.values.items():
        assert _has_type(value, mapping.types[name]), (name, value)
        assert digest(value) == digest(json.loads(json.dumps(value)))
    spoken = [*mapped.values, *mapped.cleared, *(problem.field for problem in mapped.problems)]
    assert len(spoken) == len(set(spoken))
    assert set(spoken) <= set(mapping.types)


@settings(max_examples=100, deadline=None)
@given(customers)
def test_every_canonical_source_maps_without_any_setting(customer: Customer) -> None:
    mapping = compile_mapping([FieldRule(source, f"F_{source.upper()}") for source in CANONICAL_SOURCES])
    mapped = mapping.apply(customer, {})
    silent = {f"F_{name.upper()}" for name in CANONICAL_SOURCES if getattr(customer, name, None) is None} - {"F_NAME"}
    spoken = {*mapped.values, *mapped.cleared, *(problem.field for problem in mapped.problems)}
    assert spoken - {"F_NAME"} == set(mapping.types) - silent - {"F_NAME"}


@settings(max_examples=100, deadline=None)
@given(rules(), customers, raws, st.randoms(use_true_random=False))
def test_the_order_of_rules_changes_nothing(
    drawn: list[FieldRule], customer: Customer, raw: dict[str, Any], shuffler: random.Random
) -> None:
    shuffled = list(drawn)
    shuffler.shuffle(shuffled)
    one, other = compile_mapping(drawn), compile_mapping(shuffled)

    assert one.apply(customer, raw) == other.apply(customer, raw) == one.apply(customer, raw)
    assert list(one.apply(customer, raw).values) == list(other.apply(customer, raw).values)
    assert (one.types, one.identity, one.lineage) == (other.types, other.identity, other.lineage)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["a", "a.b", "a.b.c", "b.a"]), raws)
def test_the_fast_path_of_plain_fields_equals_the_library(expression: str, raw: dict[str, Any]) -> None:
    found = compile_expression(expression)(raw)
    assert found is jmespath.search(expression, raw)
