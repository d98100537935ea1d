"""Known traps of limits, counts and bulk operations at Shopify: each has a test of its name."""

from __future__ import annotations

import re
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import get_operation_ast, parse

from tajo_pipelines.connectors.shopify import fetching, operation, paging, streams
from tajo_pipelines.connectors.shopify.deletions import DELETIONS
from tajo_pipelines.connectors.shopify.queries import FOLDER
from tajo_pipelines.connectors.shopify.spool import Spool
from tajo_pipelines.model.errors import AuthError, TajoError
from tajo_pipelines.sdk.graphql import Document
from tajo_pipelines.twin.shopify.cost import MAX_QUERY_COST, Price
from tajo_pipelines.twin.shopify.graph import load_schema
from tajo_pipelines_tests.connectors.shopify.support import SCHEMA, Bulk, Shop, nodes, opened
from tajo_pipelines_tests.sdk.support import Reply


def read(shop: Shop, stream: str = "customers", bulk: str = "never") -> list[str]:
    with opened(shop, options={"bulk": bulk}) as (source, _):
        return [record.key for page in source.read(stream, None) for record in page.records]


def price(document: Document, **variables: Any) -> int:
    asked = get_operation_ast(parse(document.text))
    assert asked is not None
    return Price(load_schema(), {}, {"products": True, **variables}).requested(asked)


@pytest.mark.parametrize("stream", streams.READINGS)
def test_no_query_asks_for_more_than_1000_points(stream: str) -> None:
    reading = streams.READINGS[stream]
    inside = {nested.field: nested.asked for nested in reading.nested}
    assert 0 < price(reading.document, first=reading.first_size, **inside) <= MAX_QUERY_COST
    # If every object of every object costs its point, too.
    assert reading.first_size * (1 + sum(inside.values())) <= MAX_QUERY_COST
    for nested in reading.nested:
        assert 0 < price(nested.more, first=paging._NESTED_PAGE) <= MAX_QUERY_COST
    assert price(DELETIONS, first=streams.LARGEST_PAGE) <= MAX_QUERY_COST


@pytest.mark.parametrize("stream", streams.READINGS)
def test_no_page_asks_for_more_than_250(stream: str) -> None:
    shop = Shop(page_cost=1.0, largest_page=1)
    read(shop, stream)
    sizes = [size for asked in shop.asked for name, size in asked.items() if name == "first" or name in _NESTED]
    assert max(sizes) == streams.LARGEST_PAGE == 250


_NESTED = {nested.field for reading in streams.READINGS.values() for nested in reading.nested}


def test_the_one_list_of_input_that_is_sent_holds_250_at_most() -> None:
    lists = {path.name: re.findall(r"\$(\w+): \[", path.read_text(encoding="utf-8")) for path in FOLDER.iterdir()}
    fetches = {f"{document.name}.graphql": ["ids"] for _, document in fetching.FETCHES.values()}
    assert {name: found for name, found in lists.items() if found} == fetches
    shop = Shop(page_cost=0.01)
    with opened(shop) as (source, _):
        assert list(source.fetch("customers", [str(number) for number in range(10_000, 10_700)])) == []
    assert max(len(asked["ids"]) for asked in shop.asked) == streams.LARGEST_PAGE == 250


@pytest.mark.parametrize("stream", streams.READINGS)
def test_a_count_isn_t_cut_at_10_000(stream: str) -> None:
    _, field = streams.READINGS[stream].count
    assert SCHEMA.query_type is not None
    assert SCHEMA.query_type.fields[field].args["limit"].default_value == 10_000
    with opened(Shop(counts_at_least=123_456)) as (source, _):
        assert source.count(stream, None) == 123_456


@pytest.mark.parametrize("restore", [50, 100, 200, 1000, 2000])
@pytest.mark.parametrize("status", [200, 429])
def test_throttling_waits_for_the_points_that_are_missing_at_the_plan_s_own_rate(status: int, restore: int) -> None:
    bucket = {"maximumAvailable": 20 * restore, "currentlyAvailable": 10, "restoreRate": restore}
    cost = {"requestedQueryCost": 610, "actualQueryCost": None, "throttleStatus": bucket}
    error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
    refused = Reply(status, {"errors": [error], "extensions": {"cost": cost}}, {} if status == 200 else _retry(restore))
    shop = Shop(instead=[refused])
    assert len(read(shop)) == 8
    missing = 600 / restore
    assert missing - 0.01 <= sum(shop.clock.slept) <= missing + 1.01  # and a little more, so that callers spread out


def _retry(restore: int) -> dict[str, str]:
    return {"Retry-After": str(600 / restore)}


def test_data_beside_an_error_is_half_an_object_and_not_used() -> None:
    half = {**nodes("customers")[0], "defaultEmailAddress": None}
    page = {"nodes": [half], "pageInfo": {"hasNextPage": False, "endCursor": None}}
    errors = [{"message": "broken", "path": ["customers"], "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]
    shop = Shop(instead=[Reply(200, {"data": {"customers": page}, "errors": errors})])
    with opened(shop, options={"bulk": "never"}) as (source, _):
        found = [record.raw for page in source.read("customers", None) for record in page.records]
    assert found == nodes("customers")


def test_a_bulk_operation_asks_for_ungrouped_children_outright() -> None:
    assert "groupObjects: false" in operation.RUN.text


@pytest.mark.parametrize("state", list(SCHEMA.type_map["BulkOperationStatus"].values))  # type: ignore[attr-defined]  # an enum
def test_every_state_of_a_bulk_operation_leads_to_all_records(state: str) -> None:
    shop = Shop(bulk=Bulk(looks=2))
    going_on = {"CREATED", "RUNNING", "CANCELING"}
    if state in going_on:
        look = shop._look

        def first(arguments: Any) -> Any:
            found = look(arguments)
            return {**found, "status": state} if found["status"] == "RUNNING" else found

        shop._look = first  # type: ignore[method-assign]  # stays in this state for two looks
    else:
        shop.bulk.fate = [(state, None)]
    assert read(shop, bulk="always") == [str(number) for number in range(7001, 7009)]
    assert len(shop.bulk.operations) == (1 if state in going_on | {"COMPLETED"} else 2)


@pytest.mark.parametrize("code", list(SCHEMA.type_map["BulkOperationErrorCode"].values))  # type: ignore[attr-defined]  # an enum
def test_every_error_of_a_bulk_operation_has_its_way_out(code: str) -> None:
    shop = Shop(bulk=Bulk(fate=[("FAILED", code)]))
    if code == "ACCESS_DENIED":
        with pytest.raises(AuthError):
            read(shop, bulk="always")
        assert len(shop.bulk.operations) == 1
    else:
        assert len(read(shop, bulk="always")) == 8
        assert len(shop.bulk.operations) == 2


def test_a_result_that_is_gone_after_seven_days_is_never_taken_for_an_empty_one() -> None:
    shop = Shop(bulk=Bulk(gone=True))
    with pytest.raises(TajoError) as caught:
        read(shop, bulk="always")
    assert caught.value.code == "bulk_failed"
    assert len(shop.bulk.operations) == 2


def _held_on_disk() -> int:
    """Bytes in files of SQLite's that have no name any longer; Linux alone tells of them."""
    folder = Path("/proc/self/fd")
    if not folder.exists():
        return sys.maxsize
    return sum(one.stat().st_size for one in folder.iterdir() if "etilqs_" in str(one.resolve()))


def test_a_large_file_is_joined_on_disk_and_not_in_memory() -> None:
    """20 MB of children, all before their parents: the most that can be waiting at once."""
    orders, each = 500, 40

    def lines() -> Iterator[bytes]:
        for number in range(orders * each):
            parent = f"gid://shopify/Order/{number % orders}"
            yield f'{{"id":"gid://shopify/LineItem/{number}","t":"{"x" * 900}","__parentId":"{parent}"}}'.encode()
        for number in range(orders):
            yield f'{{"id":"gid://shopify/Order/{number}"}}'.encode()

    tracemalloc.start()
    try:
        with Spool(by_change=False) as spool:
            assert spool.add(lines()) == orders
            assert _held_on_disk() > 4 * 1024 * 1024  # what SQLite may keep in memory is not counted
            assert sum(len(group.children) for group in spool.groups()) == orders * each
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * 1024 * 1024
