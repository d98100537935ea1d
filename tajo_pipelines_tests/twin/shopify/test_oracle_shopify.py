"""The shop's schema is a part of the real one, so that the shop doesn't judge itself.

``../contract/shopify_2026-10.graphql`` is what Shopify publishes of the types, fields, arguments and words
that the twin has, written by ``tools/excerpt_contract.py`` from the vendor's introspection answer. What the
twin answers fits its own schema by construction: graphql-core refuses to answer otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    is_required_argument,
    is_required_input_field,
    is_specified_scalar_type,
)

from tajo_pipelines.twin.shopify.graph import load_schema

TWIN_TESTS = Path(__file__).parents[1]
EXCERPT = TWIN_TESTS / "contract" / "shopify_2026-10.graphql"
CONNECTOR = TWIN_TESTS.parents[1] / "tajo_pipelines" / "connectors" / "shopify" / "fixtures" / "schema_2026-10.graphql"

DEVIATIONS: Mapping[str, str] = {}
"""What the twin has and Shopify hasn't, with the reason."""


def _fields(ours: GraphQLSchema, real: GraphQLSchema, name: str) -> Iterator[str]:
    mine, theirs = ours.type_map[name], real.type_map[name]
    assert isinstance(mine, (GraphQLObjectType, GraphQLInterfaceType))
    assert isinstance(theirs, (GraphQLObjectType, GraphQLInterfaceType))
    for field_name, field in mine.fields.items():
        where = f"{name}.{field_name}"
        known = theirs.fields.get(field_name)
        if known is None:
            yield f"{where} doesn't exist"
            continue
        if str(field.type) != str(known.type):
            yield f"{where} is {known.type}, not {field.type}"
        for argument, given in field.args.items():
            theirs_given = known.args.get(argument)
            if theirs_given is None:
                yield f"{where}({argument}) doesn't exist"
            elif (str(given.type), given.default_value) != (str(theirs_given.type), theirs_given.default_value):
                yield f"{where}({argument}) is {theirs_given.type} = {theirs_given.default_value}, not {given.type}"
        for argument, needed in known.args.items():
            if is_required_argument(needed) and argument not in field.args:
                yield f"{where}({argument}) is required"
    yield from (
        f"{name} doesn't implement {each.name}"
        for each in mine.interfaces
        if each.name not in {known.name for known in theirs.interfaces}
    )


def _inputs(mine: GraphQLInputObjectType, theirs: GraphQLInputObjectType) -> Iterator[str]:
    for name, field in mine.fields.items():
        known = theirs.fields.get(name)
        if known is None:
            yield f"{mine.name}.{name} doesn't exist"
        elif (str(field.type), field.default_value) != (str(known.type), known.default_value):
            yield f"{mine.name}.{name} is {known.type} = {known.default_value}, not {field.type}"
    for name, known in theirs.fields.items():
        if is_required_input_field(known) and name not in mine.fields:
            yield f"{mine.name}.{name} is required"


def beyond(ours: GraphQLSchema, real: GraphQLSchema) -> Iterator[str]:
    """Everything in our schema that the real one lacks or has otherwise."""
    for name, mine in ours.type_map.items():
        if name.startswith("__") or is_specified_scalar_type(mine):
            continue
        theirs = real.type_map.get(name)
        if theirs is None:
            yield f"{name} doesn't exist"
        elif type(mine) is not type(theirs):
            yield f"{name} is of another kind"
        elif isinstance(mine, (GraphQLObjectType, GraphQLInterfaceType)):
            yield from _fields(ours, real, name)
        elif isinstance(mine, GraphQLInputObjectType) and isinstance(theirs, GraphQLInputObjectType):
            yield from _inputs(mine, theirs)
        elif isinstance(mine, GraphQLEnumType) and isinstance(theirs, GraphQLEnumType):
            yield from (f"{name}.{word} doesn't exist" for word in mine.values if word not in theirs.values)
        elif isinstance(mine, GraphQLUnionType) and isinstance(theirs, GraphQLUnionType):
            known = {each.name for each in theirs.types}
            yield from (f"{name} isn't {each.name}" for each in mine.types if each.name not in known)


@pytest.fixture(scope="module")
def real() -> GraphQLSchema:
    return build_schema(EXCERPT.read_text(encoding="utf-8"), assume_valid=True)


def test_the_twin_offers_nothing_that_shopify_has_not(real: GraphQLSchema) -> None:
    found = {each for each in beyond(load_schema(), real) if each not in DEVIATIONS}
    assert found == set()


def test_every_deviation_is_still_one(real: GraphQLSchema) -> None:
    assert set(DEVIATIONS) <= set(beyond(load_schema(), real))


def test_what_the_connector_asks_for_is_shopify_s_too_and_the_twin_has_it(real: GraphQLSchema) -> None:
    asked = build_schema(CONNECTOR.read_text(encoding="utf-8"), assume_valid=True)
    twin = load_schema()
    for name, mine in asked.type_map.items():
        for field, each in getattr(mine, "fields", {}).items() if not name.startswith("__") else ():
            for schema in (twin, real):
                known = getattr(schema.type_map[name], "fields")[field]  # noqa: B009  # objects and inputs alike
                assert str(known.type) == str(each.type), f"{name}.{field}"
                arguments = {argument: str(given.type) for argument, given in getattr(each, "args", {}).items()}
                theirs = {argument: str(given.type) for argument, given in getattr(known, "args", {}).items()}
                assert arguments.items() <= theirs.items(), f"{name}.{field}"
        for word in getattr(mine, "values", ()) if not name.startswith("__") else ():
            assert word in getattr(real.type_map[name], "values"), f"{name}.{word}"  # noqa: B009  # as above


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("type Count {", "type Count {\n  guess: Int", "Count.guess doesn't exist"),
        ("defaultCursor: String!", "defaultCursor: String", "AbandonedCheckout.defaultCursor is String!, not String"),
        ("enum CountPrecision {", "enum CountPrecision {\n  ROUGH", "CountPrecision.ROUGH doesn't exist"),
    ],
)
def test_an_invented_field_type_or_word_is_found(real: GraphQLSchema, old: str, new: str, complaint: str) -> None:
    text = EXCERPT.read_text(encoding="utf-8")
    assert old in text
    assert complaint in list(beyond(build_schema(text.replace(old, new), assume_valid=True), real))
