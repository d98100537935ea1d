"""Single records by their ids: what reaches the engine is what a page brings."""

from __future__ import annotations

import copy

import pytest

from tajo_pipelines.connectors.shopify import fetching, streams
from tajo_pipelines.connectors.shopify.connector import CONNECTOR
from tajo_pipelines.model.errors import AuthError, ConfigError, ContractError
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines_tests.connectors.shopify.support import Shop, nodes, opened
from tajo_pipelines_tests.connectors.shopify.test_against_twin import opened as opened_on_twin
from tajo_pipelines_tests.sdk.support import HeldClock, Reply

STREAMS = list(streams.READINGS)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_fetched_record_is_what_a_page_brings(stream: str) -> None:
    clock = HeldClock()
    with opened(Shop(), clock, options={"bulk": "never"}) as (source, _):
        read = {record.key: record for page in source.read(stream, None) for record in page.records}
        found = {record.key: record for record in source.fetch(stream, list(read))}
    assert found == read


@pytest.mark.parametrize("stream", STREAMS)
def test_a_deleted_record_is_left_out(stream: str) -> None:
    with opened(Shop()) as (source, _):
        known = [record.key for page in source.read(stream, None) for record in page.records]
        assert [record.key for record in source.fetch(stream, ["1", known[0], "2"])] == known[:1]
        assert list(source.fetch(stream, [])) == []


def test_many_are_read_with_few_queries_none_over_1000_points() -> None:
    held = [copy.deepcopy(nodes("customers")[0]) | {"id": f"gid://shopify/Customer/{n}"} for n in range(100, 700)]
    for node in held:
        node["legacyResourceId"] = node["id"].rpartition("/")[2]
    shop = Shop(customers=held, page_cost=120.0)
    with opened(shop) as (source, _):
        found = list(source.fetch("customers", [node["legacyResourceId"] for node in held]))
    assert len({record.key for record in found}) == len(found) == 600
    assert [len(asked["ids"]) for asked in shop.asked] == [120, 250, 230]


@pytest.mark.parametrize("stream", STREAMS)
def test_the_first_list_costs_less_than_1000_if_each_object_of_each_object_costs_a_point(stream: str) -> None:
    reading = streams.READINGS[stream]
    assert reading.first_size * (1 + sum(nested.asked for nested in reading.nested)) <= streams.MOST_POINTS


def test_too_dear_a_list_is_halved() -> None:
    shop = Shop(too_dear_above=1)
    keys = [node["legacyResourceId"] for node in shop.customers]
    with opened(shop) as (source, _):
        assert {record.key for record in source.fetch("customers", keys)} == set(keys)
    sizes = [len(asked["ids"]) for asked in shop.asked]
    assert sizes[0] == len(keys) > 1
    assert sizes[-len(keys) :] == [1] * len(keys)


def test_throttling_inside_a_200_waits_and_repeats() -> None:
    refused = Reply(200, {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]})
    shop = Shop(instead=[refused])
    key = shop.customers[0]["legacyResourceId"]
    with opened(shop) as (source, _):
        assert [record.key for record in source.fetch("customers", [key])] == [key]
    assert shop.clock.slept


def test_a_cart_s_token_leads_nowhere_and_asks_nothing() -> None:
    shop = Shop()
    with opened(shop) as (source, _):
        assert (
            list(source.fetch("carts", ["c1-7a2abe82733a34e84aa472d57fb5c3c1", "", "1/2", "gid://shopify/X/1"])) == []
        )
    assert shop.asked == []


def test_an_order_s_lines_come_without_products_where_those_are_closed() -> None:
    shop = Shop(scopes=("read_customers", "read_orders"))
    with opened(shop) as (source, _):
        (found,) = source.fetch("orders", [shop.orders[0]["legacyResourceId"]])
    assert "product" not in found.raw["lineItems"]["nodes"][0]


def test_people_that_are_closed_to_the_app_end_the_fetch_with_what_to_click() -> None:
    error = {
        "message": "This app is not approved to access the Customer object.",
        "extensions": {"code": "ACCESS_DENIED"},
        "path": ["nodes", 0],
    }
    shop = Shop(instead=[Reply(200, {"data": None, "errors": [error]})])
    with opened(shop) as (source, _), pytest.raises(AuthError) as refused:
        list(source.fetch("customers", ["1"]))
    assert refused.value.code == "protected_data"


@pytest.mark.parametrize("answer", [None, [], [None, None], ["text"], {"nodes": []}])
def test_an_answer_of_another_length_isn_t_taken_for_deletions(answer: object) -> None:
    shop = Shop(instead=[Reply(200, {"data": {"nodes": answer}})])
    with opened(shop) as (source, _), pytest.raises(ContractError):
        list(source.fetch("customers", ["1"]))


def test_every_stream_can_be_fetched_and_no_other() -> None:
    assert set(fetching.FETCHES) == {stream.name for stream in CONNECTOR.streams if stream.realtime}
    with opened(Shop()) as (source, _), pytest.raises(ConfigError):
        source.fetch("moons", ["1"])


@pytest.mark.parametrize("stream", STREAMS)
def test_the_twin_s_shop_gives_by_ids_what_it_gives_by_pages(stream: str) -> None:
    with running_twin(halves=("shopify",), options=TwinOptions(customers=80), clock=TwinClock(200.0)) as twin:
        source = opened_on_twin(twin, "never")
        read = {record.key: record.raw for page in source.read(stream, None) for record in page.records}
        found = {record.key: record.raw for record in source.fetch(stream, [*read, "999999999"])}
        source.close()
    assert len(found) > 10
    assert found == read
