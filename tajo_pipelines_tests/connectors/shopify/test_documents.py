from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLInputObjectType, TypeInfo, TypeInfoVisitor, Visitor, parse, validate, visit

from tajo_pipelines.connectors.shopify import deletions, fetching, operation, queries, streams, subscriptions
from tajo_pipelines.connectors.shopify.streams import Reading
from tajo_pipelines.sdk.graphql import Document
from tajo_pipelines_tests.connectors.shopify.support import SCHEMA, fixture

READINGS = streams.READINGS.values()
DOCUMENTS = [
    streams.CHECK,
    operation.RUN,
    operation.LOOK,
    operation.LIST,
    operation.CANCEL,
    deletions.DELETIONS,
    subscriptions.LIST,
    subscriptions.SUBSCRIBE,
    subscriptions.UNSUBSCRIBE,
    *(document for _, document in fetching.FETCHES.values()),
    *(reading.document for reading in READINGS),
    *(reading.count[0] for reading in READINGS),
    *(nested.more for reading in READINGS for nested in reading.nested),
]
FOLDER = Path(str(queries.FOLDER))


def bulk_text(reading: Reading, *, products: bool = True) -> str:
    arguments = {"sortKey": "ID", "query": queries.literal("updated_at:<'2026-11-24T00:00:00Z'")}
    return queries.bulk_query(
        reading.connection, reading.fragment, reading.nested, arguments=arguments, products=products
    )


TEXTS = [document.text for document in DOCUMENTS] + [bulk_text(reading) for reading in READINGS]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_document_is_valid_in_2026_10(document: Document) -> None:
    assert validate(SCHEMA, parse(document.text)) == []


@pytest.mark.parametrize("products", [True, False])
@pytest.mark.parametrize("reading", READINGS, ids=streams.READINGS)
def test_every_bulk_query_is_valid_and_keeps_to_the_restrictions(reading: Reading, products: bool) -> None:
    text = bulk_text(reading, products=products)
    assert validate(SCHEMA, parse(text)) == []
    assert "$" not in text
    assert text.count("edges {") <= 5
    assert max(_depths(text)) <= 2
    assert "node(" not in text
    assert "nodes" not in text


def test_a_search_is_quoted_for_the_query_that_holds_it() -> None:
    odd = "a:\"b\" AND c:'d\\e'\n"
    document = parse(f"{{ orders(query: {queries.literal(odd)}) {{ edges {{ node {{ id }} }} }} }}")
    (operation_node,) = document.definitions
    (argument,) = operation_node.selection_set.selections[0].arguments  # type: ignore[attr-defined]  # one field
    assert argument.value.value == odd


def test_a_bulk_query_asks_for_what_a_page_asks_for() -> None:
    for reading in READINGS:
        paged = {field for field in _reached([reading.document.text]) if field[0] not in _PAGING}
        bulk = {field for field in _reached([bulk_text(reading)]) if field[0] not in _PAGING}
        assert {field for field in paged if not field[0].endswith("Connection")} == {
            field for field in bulk if not field[0].endswith(("Connection", "Edge"))
        }


def test_no_document_is_left_out_of_the_check() -> None:
    files = {path.stem for path in FOLDER.glob("*.graphql")} - {queries.FRAGMENTS}
    assert files == {document.name for document in DOCUMENTS}


def test_the_schema_holds_nothing_that_no_document_reaches() -> None:
    held, inherited = set(), set()
    for name, kind in SCHEMA.type_map.items():
        if name.startswith("__") or isinstance(kind, GraphQLInputObjectType):
            continue
        inherited |= {(name, field) for one in getattr(kind, "interfaces", ()) for field in one.fields}
        if name not in {"Node", "MediaImage"}:
            held |= {(name, field) for field in getattr(kind, "fields", {})}
    assert held - inherited == _reached(TEXTS) - inherited


_PAGING = frozenset({"PageInfo"})


def _reached(texts: list[str]) -> set[tuple[str, str]]:
    reached: set[tuple[str, str]] = set()
    for text in texts:
        info = TypeInfo(SCHEMA)

        class Reach(Visitor):
            def enter_field(self, node: Any, *_: Any, info: TypeInfo = info) -> None:
                parent = info.get_parent_type()
                assert parent is not None
                reached.add((parent.name, node.name.value))

        visit(parse(text), TypeInfoVisitor(info, Reach()))
    return reached


def _depths(text: str) -> list[int]:
    """How many connections a connection lies in, the stream itself not counted."""
    indents = [len(line) - len(line.lstrip()) for line in text.splitlines() if line.strip() == "edges {"]
    return [(indent - indents[0]) // 6 for indent in indents]


def test_deprecated_fields_aren_t_in_the_schema() -> None:
    for field in ("email", "phone", "emailMarketingConsent", "smsMarketingConsent"):
        (error,) = validate(SCHEMA, parse(f"{{ customers(first: 1) {{ nodes {{ {field} }} }} }}"))[-1:]
        assert isinstance(error, GraphQLError)


PAGES = [f"{stream}.page_{page}" for stream in streams.READINGS for page in (1, 2)]


@pytest.mark.parametrize("name", ["check", "deletions.page_1", *PAGES])
def test_fixtures_have_the_form_of_answers(name: str) -> None:
    answer = fixture(f"api/{name}")
    assert set(answer) == {"data", "extensions"}
    assert answer["extensions"]["cost"]["throttleStatus"]["restoreRate"] == 100
