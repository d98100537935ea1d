from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLError, TypeInfo, TypeInfoVisitor, Visitor, parse, validate, visit

from tajo_pipelines.connectors.shopify import streams
from tajo_pipelines.sdk.graphql import Document
from tajo_pipelines_tests.connectors.shopify.support import SCHEMA, fixture

DOCUMENTS = [streams.CHECK, streams.ORDER_LINES, *(reading.document for reading in streams.READINGS.values())]
FOLDER = Path(str(streams._FOLDER))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_document_is_valid_in_2026_10(document: Document) -> None:
    assert validate(SCHEMA, parse(document.text)) == []


def test_no_document_is_left_out_of_the_check() -> None:
    assert {path.stem for path in FOLDER.glob("*.graphql")} == {document.name for document in DOCUMENTS}


def test_the_schema_holds_nothing_that_no_document_reaches() -> None:
    reached: set[tuple[str, str]] = set()
    for document in DOCUMENTS:
        info = TypeInfo(SCHEMA)

        class Reach(Visitor):
            def enter_field(self, node: Any, *_: Any, info: TypeInfo = info) -> None:
                parent = info.get_parent_type()
                assert parent is not None
                reached.add((parent.name, node.name.value))

        visit(parse(document.text), TypeInfoVisitor(info, Reach()))
    held = {
        (name, field)
        for name, kind in SCHEMA.type_map.items()
        if not name.startswith("__")
        for field in getattr(kind, "fields", {})
    }
    assert held == reached


def test_deprecated_fields_aren_t_in_the_schema() -> None:
    for field in ("email", "phone", "emailMarketingConsent", "smsMarketingConsent"):
        (error,) = validate(SCHEMA, parse(f"{{ customers(first: 1) {{ nodes {{ {field} }} }} }}"))[-1:]
        assert isinstance(error, GraphQLError)


@pytest.mark.parametrize("name", ["check", "customers.page_1", "customers.page_2", "orders.page_1", "orders.page_2"])
def test_fixtures_have_the_form_of_answers(name: str) -> None:
    answer = fixture(f"api/{name}")
    assert set(answer) == {"data", "extensions"}
    assert answer["extensions"]["cost"]["throttleStatus"]["restoreRate"] == 100
