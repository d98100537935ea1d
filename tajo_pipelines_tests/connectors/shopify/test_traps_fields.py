"""Known traps of ids, times, carts, variants and deletions at Shopify: each has a test of its name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from graphql import GraphQLObjectType
from structlog.testing import capture_logs

from tajo_pipelines.connectors.shopify import streams
from tajo_pipelines.connectors.shopify.connector import open_source
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.connector import ConnectionConfig
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines.twin.shopify.access import DEFAULT_STORED_TOKEN
from tajo_pipelines.twin.shopify.graph import load_schema
from tajo_pipelines_tests.connectors.shopify.support import Shop, nodes, opened

NEVER = {"bulk": "never"}
BERLIN = timezone(timedelta(hours=2))


def type_of(name: str) -> GraphQLObjectType:
    found = load_schema().type_map[name]
    assert isinstance(found, GraphQLObjectType)
    return found


def test_carts_that_never_reached_the_checkout_come_by_no_query() -> None:
    assert not [field for field in type_of("QueryRoot").fields if field.lower().startswith("cart")]
    assert streams.READINGS["carts"].connection == "abandonedCheckouts"


def test_a_cart_has_no_token_and_no_address_of_its_own_to_be_joined_by() -> None:
    assert not {"email", "phone", "token", "cartToken"} & set(type_of("AbandonedCheckout").fields)
    assert not {"email", "phone", "token"} & set(nodes("carts")[0])
    without = {**nodes("carts")[0], "customer": None}
    with opened(Shop(carts=[without]), options=NEVER) as (source, _):
        (record,) = [record for page in source.read("carts", None) for record in page.records]
        cart = source.canonical(record)
    assert (record.key, cart.id) == ("6001", "6001")
    assert (cart.email, cart.phone, cart.customer_id) == (None, None, None)  # type: ignore[union-attr]  # a cart


def test_times_with_the_shop_s_offset_are_the_same_moment_in_utc() -> None:
    order = {**nodes("orders")[0], "updatedAt": "2026-10-02T01:30:00+02:00"}
    day = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC))
    with opened(Shop(orders=[order]), options=NEVER) as (source, _):
        (record,) = [record for page in source.read("orders", day) for record in page.records]
    assert record.updated_at == datetime(2026, 10, 1, 23, 30, tzinfo=UTC)
    assert record.updated_at.tzinfo is UTC


@pytest.mark.parametrize("stream", streams.READINGS)
def test_bounds_are_asked_for_in_utc_whatever_the_window_s_zone(stream: str) -> None:
    shop = Shop()
    window = Window(datetime(2026, 10, 1, tzinfo=BERLIN), datetime(2026, 10, 2, tzinfo=BERLIN))
    with opened(shop, options=NEVER) as (source, _):
        list(source.read(stream, window))
    assert "updated_at:>='2026-09-30T22:00:00Z'" in shop.asked[0]["query"]


def test_ids_beyond_the_exact_numbers_of_javascript_stay_exact() -> None:
    number = 2**53 + 1
    order = {**nodes("orders")[0], "id": f"gid://shopify/Order/{number}", "legacyResourceId": str(number)}
    cart = {**nodes("carts")[0], "id": f"gid://shopify/AbandonedCheckout/{number}"}
    for stream, shop in (("orders", Shop(orders=[order])), ("carts", Shop(carts=[cart]))):
        for mode in ("never", "always"):
            with opened(shop, options={"bulk": mode}) as (source, _):
                made = [source.canonical(record) for page in source.read(stream, None) for record in page.records]
            assert [each.id for each in made] == ["9007199254740993"]


def test_a_variant_that_changes_alone_brings_its_product() -> None:
    with running_twin(halves=("shopify",), options=TwinOptions(customers=20)) as twin:
        options = {"shop_url": "tajo-demo.myshopify.com", "bulk": "never"}
        secrets = {"api_key": DEFAULT_STORED_TOKEN}
        source = open_source(ConnectionConfig("shopify", "shopify", options, secrets, base_url=twin.shopify_url))
        try:
            product = next(iter(source.read("products", None))).records[0]
            variant = product.raw["variants"]["nodes"][0]["legacyResourceId"]
            now = datetime.now(UTC)
            twin.change("shopify", "update_variant", id=variant, fields={"cents": 4711})
            changed = Window(now - timedelta(seconds=5), now + timedelta(hours=1))
            found = {record.key: record for page in source.read("products", changed) for record in page.records}
            prices = {each["legacyResourceId"]: each["price"] for each in found[product.key].raw["variants"]["nodes"]}
        finally:
            source.close()
    assert prices[variant] == "47.11"


def test_deletions_older_than_a_year_are_told_no_more_and_that_is_said() -> None:
    shop = Shop()
    now = shop.clock.moment
    with opened(shop) as (source, _):
        with capture_logs() as said:
            list(source.deleted("products", Window(now - timedelta(days=364), now)))
        assert said == []
        with capture_logs() as said:
            list(source.deleted("products", Window(now - timedelta(days=400), now)))
    assert [(each["event"], each["log_level"]) for each in said] == [("shopify.deletions_out_of_reach", "warning")]
