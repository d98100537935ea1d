from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tajo_pipelines.connectors.shopify import bulk, streams
from tajo_pipelines.connectors.shopify.bulk import BulkCursor
from tajo_pipelines.connectors.shopify.connector import ShopifySource
from tajo_pipelines.connectors.shopify.reading import WORTH, seconds_of_paging
from tajo_pipelines.model.errors import AuthError, ConfigError, ContractError, RetryableError
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.connector import Page
from tajo_pipelines.sdk.limits import Cost
from tajo_pipelines_tests.connectors.shopify.support import Bulk, Shop, nodes, opened
from tajo_pipelines_tests.sdk.support import Reply

ALWAYS = {"bulk": "always"}
OCTOBER = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))


def records(pages: Iterable[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def keys(pages: Iterable[Page]) -> list[str]:
    return [record.key for record in records(pages)]


def read(shop: Shop, stream: str = "orders", window: Window | None = None, **config: Any) -> list[Page]:
    with opened(shop, options=config.pop("options", ALWAYS), **config) as (source, _):
        return list(source.read(stream, window))


@pytest.mark.parametrize("window", [None, OCTOBER], ids=["whole", "window"])
@pytest.mark.parametrize("stream", streams.READINGS)
def test_bulk_brings_exactly_what_pages_bring(stream: str, window: Window | None) -> None:
    paged = records(read(Shop(largest_page=3), stream, window, options={"bulk": "never"}))
    by_bulk = records(read(Shop(), stream, window))
    assert [(record.key, record.updated_at, record.raw) for record in by_bulk] == [
        (record.key, record.updated_at, record.raw) for record in paged
    ]
    assert paged


def test_children_far_from_their_parents_come_back_to_them() -> None:
    shop = Shop()
    (long,) = [record for record in records(read(shop)) if record.key == "8007"]
    assert [line["title"] for line in long.raw["lineItems"]["nodes"]] == [f"Postkarte {n}" for n in range(1, 24)]
    file = shop.bulk.files["1"]
    place = {line.split('"')[3]: number for number, line in enumerate(file)}
    assert any(place[line["id"]] - place[long.raw["id"]] not in range(1, 24) for line in long.raw["lineItems"]["nodes"])
    assert not any("__parentId" in line for line in long.raw["lineItems"]["nodes"])


def test_children_beside_their_parents_do_too() -> None:
    assert records(read(Shop(bulk=Bulk(grouped=True))))[0].raw == nodes("orders")[0]


def test_a_collection_belongs_to_each_of_its_products() -> None:
    products = {record.key: record.raw for record in records(read(Shop(), "products"))}
    for key in ("901", "903"):
        assert "Kaffee" in [each["title"] for each in products[key]["collections"]["nodes"]]


def test_an_empty_result_has_no_url_and_no_records() -> None:
    shop = Shop(customers=[])
    pages = read(shop, "customers")
    assert keys(pages) == []
    assert [page.last for page in pages] == [False, True]
    assert shop.bulk.downloads == []


def test_the_download_carries_no_token() -> None:
    shop = Shop()
    read(shop)
    (headers,) = shop.bulk.downloads
    assert not any("token" in name or name in {"authorization", "cookie"} for name in headers)
    assert "shpat_stored" not in str(headers)


def test_a_download_that_breaks_off_is_repeated_and_nothing_doubled() -> None:
    shop = Shop(bulk=Bulk(cut=2))
    assert keys(read(shop)) == [str(number) for number in range(8001, 8008)]
    assert (len(shop.bulk.downloads), len(shop.bulk.operations)) == (3, 1)


def test_a_file_that_is_short_without_a_word_is_not_taken_for_whole() -> None:
    shop = Shop()
    whole = shop._lines

    def short(data: Any) -> tuple[list[str], int]:
        lines, roots = whole(data)
        return [line for line in lines if "__parentId" in line][:0] + lines[:1], roots

    shop._lines = short  # type: ignore[method-assign]  # the shop loses most of the file
    with pytest.raises(RetryableError) as caught:
        read(shop)
    assert caught.value.code == "bulk_failed"


def test_orphans_are_said_aloud() -> None:
    shop = Shop()
    whole = shop._lines

    def orphaned(data: Any) -> tuple[list[str], int]:
        lines, roots = whole(data)
        return [line for line in lines if "Order/8007" not in line or "__parentId" in line], roots - 1

    shop._lines = orphaned  # type: ignore[method-assign]  # a parent is missing
    with pytest.raises(RetryableError, match="belong to none"):
        read(shop)


@pytest.mark.parametrize("end", [("FAILED", "INTERNAL_SERVER_ERROR"), ("CANCELED", None), ("EXPIRED", None)])
def test_a_failed_operation_is_run_once_more(end: tuple[str, str | None]) -> None:
    shop = Shop(bulk=Bulk(fate=[end]))
    assert keys(read(shop)) == [str(number) for number in range(8001, 8008)]
    assert len(shop.bulk.operations) == 2


def test_a_partial_result_is_never_taken_for_the_whole() -> None:
    shop = Shop(bulk=Bulk(fate=[("FAILED", "TIMEOUT")] * 2))
    with pytest.raises(RetryableError, match="partial file isn't used") as caught:
        read(shop)
    assert caught.value.code == "bulk_failed"
    assert shop.bulk.downloads == []


def test_an_expired_url_leads_to_another_run() -> None:
    shop = Shop(bulk=Bulk(gone=True))
    answer = shop.answer

    def recovers(call: Any) -> Reply:
        reply = answer(call)
        shop.bulk.gone = shop.bulk.gone and not call.path.startswith("/files/")
        return reply

    shop.answer = recovers  # type: ignore[method-assign]  # the first address is refused, the second isn't
    assert keys(read(shop)) == [str(number) for number in range(8001, 8008)]
    assert len(shop.bulk.operations) == 2


def test_auto_goes_by_pages_where_bulk_operations_fail() -> None:
    shop = Shop(bulk=Bulk(fate=[("FAILED", "TIMEOUT")] * 2), largest_page=2, page_cost=50.0, counts_at_least=1_000_000)
    assert keys(read(shop, options={})) == [str(number) for number in range(8001, 8008)]
    assert len(shop.bulk.operations) == 2


def first_of(source: ShopifySource, count: int, cursor: str | None = None) -> tuple[list[Page], Iterator[Page]]:
    pages = iter(source.read("customers", None, cursor))
    return [next(pages) for _ in range(count)], pages


def test_an_interrupted_full_read_takes_up_the_same_operation() -> None:
    shop = Shop(bulk=Bulk(looks=3))
    with opened(shop, options=ALWAYS) as (source, _):
        (started,), _ = first_of(source, 1)
    assert (started.records, started.last, started.checkpoint) == ((), False, True)
    with opened(shop, options=ALWAYS) as (source, _):
        pages = list(source.read("customers", None, started.cursor))
    assert keys(pages) == [str(number) for number in range(7001, 7009)]
    assert len(shop.bulk.operations) == 1


def test_reading_out_of_a_file_goes_on_after_the_page_that_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "PAGE", 3)
    shop = Shop()
    with opened(shop, options=ALWAYS) as (source, _):
        (_, page), _ = first_of(source, 2)
        assert keys([page]) == ["7001", "7002", "7003"]
        rest = list(source.read("customers", None, page.cursor))
    assert keys(rest) == ["7004", "7005", "7006", "7007", "7008"]
    assert [page.last for page in rest] == [False, False, True]
    assert len(shop.bulk.operations) == 1


@pytest.mark.parametrize("lost", ["expired", "unknown", "other"])
def test_an_operation_that_is_of_no_use_any_longer_is_replaced(lost: str) -> None:
    shop = Shop()
    with opened(shop, options=ALWAYS) as (source, _):
        (_, page), _ = first_of(source, 2)
        cursor = page.cursor
        (operation,) = shop.bulk.operations.values()
        if lost == "expired":
            operation["_end"] = {"status": "EXPIRED", "url": None}
        elif lost == "unknown":
            cursor = BulkCursor("gid://shopify/BulkOperation/99", 3).text
        else:
            operation["query"] = "{ customers { edges { node { id } } } }"
        assert len(keys(source.read("customers", None, cursor))) == 8
    assert len(shop.bulk.operations) == 2


def test_a_cursor_of_pages_goes_on_by_pages() -> None:
    shop = Shop(largest_page=3)
    with opened(shop, options={"bulk": "never"}) as (source, _):
        first = next(iter(source.read("customers", None)))
    with opened(shop, options=ALWAYS) as (source, _):
        assert len(keys(source.read("customers", None, first.cursor))) == 5
    assert not shop.bulk.operations


def test_a_lost_answer_to_the_start_finds_the_operation_instead_of_a_second() -> None:
    shop = Shop()
    answer = shop.answer
    lost: list[Any] = []

    def loses(call: Any) -> Reply:
        reply = answer(call)
        if b"BulkRun" in call.body and not lost:
            lost.append(call)
            return Reply(hang_up=True)
        return reply

    shop.answer = loses  # type: ignore[method-assign]  # the operation is started, its answer is lost
    with opened(shop, options=ALWAYS) as (source, _):
        source.check()
        assert len(keys(source.read("customers", None))) == 8
    assert len(shop.bulk.operations) == 1


def test_an_older_operation_of_the_same_text_is_not_taken_for_this_one() -> None:
    shop = Shop()
    read(shop, "customers")
    shop.clock.sleep(3600)
    with opened(shop, options=ALWAYS) as (source, _):
        source.check()
        shop.instead = [Reply(500, {})]
        with pytest.raises(RetryableError) as caught:
            list(source.read("customers", None))
    assert caught.value.in_doubt


def test_a_full_house_is_waited_for() -> None:
    shop = Shop(bulk=Bulk(refused=["LIMIT_REACHED", "OPERATION_IN_PROGRESS"]))
    assert len(keys(read(shop, "customers"))) == 8
    assert sum(shop.clock.slept) > 5


def test_a_house_that_stays_full_is_left_to_pages() -> None:
    full = Bulk(refused=["LIMIT_REACHED"] * 1000)
    with pytest.raises(RetryableError) as caught:
        read(Shop(bulk=full), "customers")
    assert caught.value.code == "bulk_limit"
    shop = Shop(bulk=full, largest_page=2, page_cost=50.0, counts_at_least=1_000_000)
    assert len(keys(read(shop, "customers", options={}))) == 8


def test_a_query_that_is_refused_is_no_reason_to_ask_again() -> None:
    shop = Shop(bulk=Bulk(refused=["INVALID"]))
    with pytest.raises(ContractError) as caught:
        read(shop)
    assert caught.value.code == "bulk_refused"


def test_an_operation_that_never_ends_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "LONGEST_WAIT", 60)
    shop = Shop(bulk=Bulk(looks=10**6))
    with pytest.raises(RetryableError, match="cancelled"):
        read(shop, "customers")
    assert shop.bulk.cancelled == list(shop.bulk.operations)


def test_waits_between_looks_grow_to_half_a_minute() -> None:
    shop = Shop(bulk=Bulk(looks=20))
    read(shop, "customers")
    assert shop.clock.slept[0] < 1.5
    assert max(shop.clock.slept) <= 30
    assert len(shop.clock.slept) == 21


def test_a_shop_without_read_products_still_gives_its_orders() -> None:
    shop = Shop(scopes=("read_customers", "read_orders"))
    found = records(read(shop))
    assert len(found) == 7
    assert not any("product" in line for record in found for line in record.raw["lineItems"]["nodes"])


def test_products_without_read_products_are_an_error_of_the_credentials() -> None:
    shop = Shop(bulk=Bulk(fate=[("FAILED", "ACCESS_DENIED")] * 3))
    with pytest.raises(AuthError) as caught:
        read(shop, "products")
    assert caught.value.code == "missing_scope"


def test_start_date_bounds_the_operation() -> None:
    shop = Shop()
    assert keys(read(shop, start_date=date(2026, 10, 4))) == ["8004", "8005", "8006", "8007"]


def test_auto_asks_nothing_beside_pages_for_short_windows_and_small_shops() -> None:
    shop = Shop(largest_page=3, page_cost=50.0)
    day = Window(OCTOBER.start, datetime(2026, 10, 2, tzinfo=UTC))
    with opened(shop) as (source, _):
        list(source.read("customers", day))
        assert set(shop.operations_asked) == {"Customers"}
        list(source.read("customers", None))
    assert shop.operations_asked.count("CountCustomers") == 1
    assert not shop.bulk.operations


@pytest.mark.parametrize(("count", "by_bulk"), [(1_000, False), (100_000, True)])
def test_auto_chooses_by_count_and_cost(count: int, by_bulk: bool) -> None:
    shop = Shop(largest_page=3, page_cost=80.0, counts_at_least=count)
    assert len(keys(read(shop, "customers", options={}))) == 8
    assert bool(shop.bulk.operations) is by_bulk


def test_paging_takes_as_long_as_its_points_come_back() -> None:
    dear = Cost(requested=300, actual=200, maximum=2000, available=0, restore=100)
    assert seconds_of_paging(10_000, 250, dear) == 80
    cheap = Cost(requested=10, actual=None, maximum=2000, available=0, restore=1000)
    assert seconds_of_paging(10_000, 250, cheap) == pytest.approx(16)
    assert seconds_of_paging(100_000, 250, dear) > WORTH


def test_a_record_out_of_a_file_was_read_when_the_file_was_made() -> None:
    shop = Shop()
    with opened(shop, options=ALWAYS) as (source, _):
        pages = iter(source.read("customers", None))
        started = next(pages)
        made_at = shop.clock.moment
        shop.clock.sleep(timedelta(hours=20).total_seconds())
        found = records(source.read("customers", None, started.cursor))
    assert {record.read_at for record in found} == {made_at}


def test_bulk_is_one_of_three_words() -> None:
    with pytest.raises(ConfigError) as caught, opened(Shop(), options={"bulk": "sometimes"}):
        pass
    assert (caught.value.code, caught.value.where) == ("invalid_value", "shopify.bulk")
