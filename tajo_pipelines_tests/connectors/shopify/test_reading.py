from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, NoReturn

import pytest

from tajo_pipelines.connectors.shopify import reading, streams
from tajo_pipelines.connectors.shopify.bulk import BulkReader
from tajo_pipelines.connectors.shopify.connector import ShopifySource
from tajo_pipelines.connectors.shopify.reading import Reader
from tajo_pipelines.model.errors import AuthError, ConfigError, ContractError, RetryableError
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.connector import Page
from tajo_pipelines_tests.connectors.shopify.support import Shop, nodes, opened
from tajo_pipelines_tests.sdk.support import HeldClock, Reply


def keys(pages: Iterable[Page]) -> list[str]:
    return [record.key for page in pages for record in page.records]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wait(error: str) -> Reply:
    return Reply(200, {"errors": [{"message": "no", "extensions": {"code": error}}]})


def test_a_whole_read_goes_by_id_and_brings_everything_once() -> None:
    shop = Shop(largest_page=3)
    with opened(shop, options={"bulk": "never"}) as (source, _):
        pages = list(source.read("customers", None))
    assert keys(pages) == [str(number) for number in range(7001, 7009)]
    assert [page.last for page in pages] == [False, False, True]
    assert {asked["sortKey"] for asked in shop.asked} == {"ID"}
    assert {asked["query"] for asked in shop.asked} == {None}


def test_reading_goes_on_after_the_page_whose_cursor_was_kept() -> None:
    with opened(Shop(largest_page=3)) as (source, _):
        first = next(iter(source.read("orders", None)))
        assert keys([first]) == ["8001", "8002", "8003"]
        assert keys(source.read("orders", None, first.cursor)) == ["8004", "8005", "8006", "8007"]


def test_a_window_is_half_open_to_the_microsecond_though_shopify_knows_seconds() -> None:
    shop = Shop()
    times = ["2026-10-01T00:00:00Z", "2026-10-01T00:00:01Z", "2026-10-01T00:00:02Z", "2026-10-01T00:00:03Z"]
    shop.customers, shop.orders = (
        [{**kind[0], "legacyResourceId": str(number), "updatedAt": text} for number, text in enumerate(times)]
        for kind in (shop.customers, shop.orders)
    )
    window = Window(at("2026-10-01T00:00:00.5"), at("2026-10-01T00:00:02.5"))
    later = Window(at("2026-10-01T00:00:01"), at("2026-10-01T00:00:03"))
    with opened(shop) as (source, _):
        for stream in ("orders", "customers"):
            assert keys(source.read(stream, window)) == ["1", "2"]
            assert keys(source.read(stream, later)) == ["1", "2"]
    assert shop.asked[0]["query"] == ("updated_at:>='2026-10-01T00:00:00Z' AND updated_at:<'2026-10-01T00:00:03Z'")
    assert shop.asked[0]["sortKey"] == "UPDATED_AT"


def test_customers_of_today_are_found_though_their_filter_may_match_whole_days() -> None:
    """Described so in the reference: a bound of this evening must not leave out all of today, in any zone."""
    shop = Shop()
    with opened(shop) as (source, _):
        list(source.read("customers", Window(at("2026-10-01T20:00:00"), at("2026-10-01T21:30:00"))))
    assert shop.asked[0]["query"] == "updated_at:>='2026-10-01T20:00:00Z' AND updated_at:<'2026-10-03T00:00:00Z'"


def test_adjacent_windows_bring_every_record_exactly_once() -> None:
    found: list[str] = []
    with opened(Shop()) as (source, _):
        begin = at("2026-10-01T00:00:00")
        for day in range(8):
            start = begin + timedelta(days=day)
            found += keys(source.read("orders", Window(start, start + timedelta(days=1))))
    assert sorted(found) == [str(number) for number in range(8001, 8008)]


def test_start_date_bounds_orders_and_leaves_customers_whole() -> None:
    shop = Shop()
    with opened(shop, start_date=date(2026, 10, 4)) as (source, _):
        assert keys(source.read("orders", None)) == ["8004", "8005", "8006", "8007"]
        assert len(keys(source.read("customers", None))) == 8
        window = Window(None, at("2026-10-06T11:00:00"))
        assert keys(source.read("orders", window)) == ["8004", "8005"]
    assert shop.asked[0]["query"] == "created_at:>='2026-10-04T00:00:00Z'"


def test_an_order_with_many_lines_comes_whole() -> None:
    shop = Shop(largest_page=10)
    with opened(shop) as (source, server):
        pages = list(source.read("orders", None))
        long = next(record for page in pages for record in page.records if record.key == "8007")
        assert [line["title"] for line in long.raw["lineItems"]["nodes"]] == [
            f"Postkarte {number}" for number in range(1, 24)
        ]
        assert len(source.canonical(long).lines) == 23  # type: ignore[union-attr]  # an order
    assert len(server.calls) == 3


def test_every_stream_comes_whole_by_small_pages() -> None:
    for stream in streams.READINGS:
        with opened(Shop(largest_page=2), options={"bulk": "never"}) as (source, _):
            records = [record for page in source.read(stream, None) for record in page.records]
        assert [record.raw for record in records] == nodes(stream)


def test_test_orders_are_read_and_marked() -> None:
    with opened(Shop()) as (source, _):
        made = [source.canonical(record) for page in source.read("orders", None) for record in page.records]
    assert [order.id for order in made if order.test] == ["8005"]  # type: ignore[union-attr]  # orders


def test_endless_pages_end() -> None:
    body = {
        "data": {"customers": {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "same"}}},
    }
    shop = Shop(instead=[Reply(200, body), Reply(200, body), Reply(200, body)])
    with opened(shop, options={"bulk": "never"}) as (source, server), pytest.raises(ContractError) as caught:
        list(source.read("customers", None))
    assert caught.value.code == "repeated_cursor"
    assert len(server.calls) == 2


@pytest.mark.parametrize(
    "page",
    [
        None,
        {"nodes": None, "pageInfo": {"hasNextPage": False, "endCursor": None}},
        {"nodes": [None], "pageInfo": {"hasNextPage": False, "endCursor": None}},
        {"nodes": [], "pageInfo": {}},
        {"nodes": [{}], "pageInfo": {"hasNextPage": False, "endCursor": None}},
        {"nodes": [{"legacyResourceId": "1"}], "pageInfo": {"hasNextPage": False, "endCursor": None}},
        {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": 5}},
    ],
)
def test_a_page_of_another_shape_is_said_aloud(page: Any) -> None:
    shop = Shop(instead=[Reply(200, {"data": {"customers": page}})])
    with opened(shop) as (source, _), pytest.raises(ContractError):
        list(source.read("customers", None))


def test_a_query_that_is_too_dear_is_asked_in_smaller_pages() -> None:
    shop = Shop(too_dear_above=20)
    with opened(shop) as (source, _):
        assert len(keys(source.read("customers", None))) == 8
    assert [asked["first"] for asked in shop.asked] == [120, 60, 30, 15]


def test_a_shop_without_read_products_still_gives_its_orders() -> None:
    shop = Shop(scopes=("read_customers", "read_orders"), largest_page=4)
    with opened(shop, options={"bulk": "never"}) as (source, _):
        records = [record for page in source.read("orders", None) for record in page.records]
        assert len(records) == 7
        assert {line.product_id for record in records for line in source.canonical(record).lines} == {None}  # type: ignore[union-attr]  # orders
    assert [asked["products"] for asked in shop.asked][:2] == [True, False]
    assert not any(asked["products"] for asked in shop.asked[1:])


def test_any_other_closed_field_is_an_error_of_the_credentials() -> None:
    with opened(Shop(instead=[wait("ACCESS_DENIED")])) as (source, _), pytest.raises(AuthError) as caught:
        list(source.read("orders", None))
    assert caught.value.code == "missing_scope"


def test_a_shop_that_fails_for_a_while_is_read_to_its_end() -> None:
    failing = [Reply(500, {}), Reply(503, b"busy"), wait("THROTTLED"), Reply(200, b"{"), Reply(hang_up=True)]
    with opened(Shop(instead=failing)) as (source, _):
        assert len(keys(source.read("customers", None))) == 8


def test_patience_is_configured() -> None:
    clock = HeldClock()
    with opened(Shop(instead=[Reply(500, {})] * 40), clock) as (source, _):
        source.http.patience = 20
        with pytest.raises(RetryableError):
            list(source.read("customers", None))
    assert sum(clock.slept) <= 20


def test_an_unknown_stream_is_refused() -> None:
    with opened(Shop()) as (source, _), pytest.raises(ConfigError) as caught:
        source.read("subscriptions", None)
    assert caught.value.code == "unknown_stream"


def test_every_stream_of_the_manifest_is_read_and_looks_back() -> None:
    assert {stream.name for stream in streams.STREAMS} == set(streams.READINGS)
    assert [spec.name for spec in streams.MANIFEST.streams] == list(streams.READINGS)
    assert all(stream.overlap >= timedelta(minutes=1) for stream in streams.STREAMS)


def test_raw_and_read_at_stand_beside_each_other() -> None:
    clock = HeldClock()
    with opened(Shop(), clock) as (source, _):
        record = _first(source)
    assert record.read_at == clock.moment
    assert record.raw["firstName"] == nodes("customers")[0]["firstName"]


def _first(source: ShopifySource) -> Any:
    return next(iter(source.read("customers", None))).records[0]


def test_a_count_is_what_a_read_brings_or_nothing() -> None:
    window = Window(at("2026-01-01T00:00:00"), at("2027-01-01T00:00:00"))
    with opened(Shop()) as (source, _):
        for stream in streams.READINGS:
            assert source.count(stream, None) == len(keys(source.read(stream, None)))
        assert source.count("orders", window) == len(keys(source.read("orders", window)))
        assert source.count("customers", window) is None  # their search takes whole days


def _refuse(*_: object) -> NoReturn:
    raise ContractError("not served", where="there")


@pytest.mark.parametrize("missing", [(Reader, "count"), (BulkReader, "pages")], ids=["count", "bulk"])
def test_what_a_platform_cant_count_or_export_is_read_by_pages(
    monkeypatch: pytest.MonkeyPatch, missing: tuple[type, str]
) -> None:
    monkeypatch.setattr(reading, "WORTH", -1.0)
    monkeypatch.setattr(*missing, _refuse)
    with opened(Shop(largest_page=3)) as (source, _):
        assert keys(source.read("orders", None)) == [str(number) for number in range(8001, 8008)]
