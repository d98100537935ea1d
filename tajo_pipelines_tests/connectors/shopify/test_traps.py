"""Known traps of Shopify's Admin API, version 2026-10: each has a test of its name."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from graphql import parse, validate

from tajo_pipelines.connectors.shopify import streams
from tajo_pipelines.connectors.shopify.queries import FOLDER, FRAGMENTS
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.product import Product
from tajo_pipelines.model.window import Window, parse_time
from tajo_pipelines.sdk.connector import Page
from tajo_pipelines_tests.connectors.shopify.support import SCHEMA, Shop, fixture, nodes, opened
from tajo_pipelines_tests.sdk.support import Reply

NEVER = {"bulk": "never"}


def keys(pages: Iterable[Page]) -> list[str]:
    return [record.key for page in pages for record in page.records]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def read(shop: Shop, stream: str, window: Window | None = None) -> list[str]:
    with opened(shop, options=NEVER) as (source, _):
        return keys(source.read(stream, window))


def test_the_version_is_pinned_and_its_end_is_known() -> None:
    assert streams.MANIFEST.api_version == "2026-10"
    assert streams.API_PATH == "/admin/api/2026-10/graphql.json"
    assert streams.MANIFEST.sunset == date(2027, 10, 16)


def test_deprecated_contact_fields_of_a_customer_are_not_asked_for() -> None:
    fields = re.search(r"fragment CustomerFields on Customer \{\n(.*?)\n\}", _fragments(), re.DOTALL)
    assert fields is not None
    top = {line.strip().split(" ")[0] for line in fields[1].splitlines() if re.match(r"  \w", line)}
    assert {"defaultEmailAddress", "defaultPhoneNumber"} <= top
    assert not {"email", "phone", "emailMarketingConsent", "smsMarketingConsent"} & top


def test_flat_money_of_an_order_is_deprecated_and_not_asked_for() -> None:
    for field in ("totalPrice", "totalRefunded", "subtotalPrice", "totalTax"):
        assert validate(SCHEMA, parse(f"{{ orders(first: 1) {{ nodes {{ {field} }} }} }}"))
        assert not re.search(rf"\b{field}\b", _fragments())


def test_the_image_of_a_product_is_its_featured_media() -> None:
    assert not re.search(r"\b(featuredImage|images)\b", _fragments())
    with opened(Shop()) as (source, _):
        product = source.canonical(next(iter(source.read("products", None))).records[0])
    assert isinstance(product, Product)
    assert product.image_url == "https://cdn.kaffee.example/espresso.jpg"


def test_customers_updated_at_may_match_whole_days_and_loses_nobody() -> None:
    """A shop that compares ``updated_at`` of customers by the day, in a zone of its own."""
    for offset in (-11, 0, 13):
        shop = Shop()
        shop._found = _by_day(shop, timedelta(hours=offset))  # type: ignore[method-assign]  # another reading of bounds
        window = Window(at("2026-10-02T06:00:00"), at("2026-10-04T18:00:00"))
        changed = sorted(nodes("customers"), key=lambda node: node["updatedAt"])
        expected = [node["legacyResourceId"] for node in changed if parse_time(node["updatedAt"]) in window]
        assert read(shop, "customers", window) == expected
        assert expected


def _by_day(shop: Shop, offset: timedelta) -> Any:
    def day(text: str) -> Any:
        return (parse_time(text) + offset).date()

    def found(held: list[dict[str, Any]], name: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        terms = re.findall(r"updated_at:(>=|<)'([^']+)'", arguments["query"])
        return [
            node
            for node in held
            if all(
                day(node["updatedAt"]) >= day(bound) if operator == ">=" else day(node["updatedAt"]) < day(bound)
                for operator, bound in terms
            )
        ]

    return found


def test_a_widened_window_ends_with_the_page_that_leaves_it() -> None:
    shop = Shop(largest_page=2)
    window = Window(at("2026-01-01T00:00:00"), parse_time(sorted(node["updatedAt"] for node in shop.customers)[1]))
    assert len(read(shop, "customers", window)) == 1
    assert len(shop.asked) == 1


def test_orders_are_sorted_by_change_though_their_default_is_another() -> None:
    shop = Shop()
    read(shop, "orders", Window(at("2026-10-01T00:00:00"), at("2026-10-02T00:00:00")))
    assert shop.asked[0]["sortKey"] == "UPDATED_AT"


def test_orders_of_60_days_alone_are_said_without_read_all_orders() -> None:
    with opened(Shop(scopes=("read_customers", "read_orders", "read_products"))) as (source, _):
        assert [notice.code for notice in source.check().notices] == ["orders_60_days"]


def test_products_of_every_status_come_though_the_filter_s_default_is_active() -> None:
    shop = Shop()
    with opened(shop, options=NEVER) as (source, _):
        made = [source.canonical(record) for page in source.read("products", None) for record in page.records]
        window = Window(at("2026-10-01T00:00:00"), at("2026-10-31T00:00:00"))
        assert len(keys(source.read("products", window))) == 6
    assert {product.status for product in made} == {"active", "archived", "draft", "unlisted"}  # type: ignore[union-attr]  # products
    assert all(
        asked["query"].startswith("status:active,draft,archived,unlisted")
        for asked in shop.asked
        if "first" in asked and "query" in asked
    )
    assert {str(status).lower() for status in SCHEMA.type_map["ProductStatus"].values} == {  # type: ignore[attr-defined]  # an enum
        "active",
        "archived",
        "draft",
        "unlisted",
    }


@pytest.mark.parametrize("mode", ["never", "always"])
def test_a_product_with_more_than_100_variants_comes_whole(mode: str) -> None:
    product = copy.deepcopy(nodes("products")[5])
    first = product["variants"]["nodes"][0]
    product["variants"]["nodes"] = [
        {**first, "id": f"gid://shopify/ProductVariant/{number}", "legacyResourceId": str(number), "position": place}
        for place, number in enumerate(range(5047, 2999, -1), 1)
    ]
    shop = Shop(products=[product])
    with opened(shop, options={"bulk": mode}) as (source, _):
        (record,) = [record for page in source.read("products", None) for record in page.records]
        made = source.canonical(record)
    assert isinstance(made, Product)
    assert [variant.id for variant in made.variants] == [str(number) for number in range(5047, 2999, -1)]
    if mode == "never":
        assert shop.operations_asked.count("ProductVariants") == 17
        assert all(asked["first"] <= streams.LARGEST_PAGE for asked in shop.asked)


def test_a_product_in_more_collections_than_come_with_it_keeps_them_all() -> None:
    product = copy.deepcopy(nodes("products")[0])
    one = product["collections"]["nodes"][0]
    product["collections"]["nodes"] = [
        {**one, "id": f"gid://shopify/Collection/{number}", "legacyResourceId": str(number)} for number in range(300)
    ]
    with opened(Shop(products=[product]), options=NEVER) as (source, _):
        (record,) = [record for page in source.read("products", None) for record in page.records]
        assert len(source.canonical(record).categories) == 300  # type: ignore[union-attr]  # a product


def test_a_product_deleted_while_its_variants_are_read_is_left_out() -> None:
    shop = Shop()
    whole = shop._top

    def gone(source: Any, name: str, arguments: Any) -> Any:
        return None if name == "product" else whole(source, name, arguments)

    shop._top = gone  # type: ignore[method-assign]  # deleted between two calls
    assert read(shop, "products") == ["901", "902", "903", "904", "905"]


def test_products_and_lines_of_orders_and_carts_have_the_same_ids() -> None:
    products = {product.id: product for product in _canonical("products")}
    line = _canonical("carts")[0].lines[0]
    assert line.variant_id in {variant.id for variant in products[line.product_id].variants}
    assert _canonical("orders")[0].lines[0].product_id in products


def test_carts_have_no_sort_by_change_and_come_in_that_order_all_the_same() -> None:
    assert "UPDATED_AT" not in SCHEMA.type_map["AbandonedCheckoutSortKeys"].values  # type: ignore[attr-defined]  # an enum
    shop = Shop(largest_page=2)
    window = Window(at("2026-10-05T00:00:00"), at("2026-10-08T00:00:00"))
    with opened(shop, options=NEVER) as (source, _):
        records = [record for page in source.read("carts", window) for record in page.records]
    assert [record.key for record in records] == ["6004", "6003", "6002"]
    assert [record.updated_at for record in records] == sorted(record.updated_at for record in records)  # type: ignore[type-var]  # all have one
    assert {asked["sortKey"] for asked in shop.asked} == {"ID"}
    whole = {node["id"]: node for node in nodes("carts")}
    assert all(record.raw == whole[record.raw["id"]] for record in records)


def test_a_window_of_carts_out_of_order_is_exact() -> None:
    found: list[str] = []
    begin = at("2026-10-01T00:00:00")
    for day in range(12):
        start = begin + timedelta(days=day)
        found += read(Shop(largest_page=1), "carts", Window(start, start + timedelta(days=1)))
    assert sorted(found) == ["6001", "6002", "6003", "6004", "6005"]


def test_numbers_of_a_cart_survive_the_sort_exactly() -> None:
    shop = Shop()
    shop.carts[0]["lineItems"]["nodes"][0]["quantity"] = 2**31 - 1
    with opened(shop, options=NEVER) as (source, _):
        window = Window(at("2026-10-01T00:00:00"), at("2026-10-30T00:00:00"))
        (record,) = [r for page in source.read("carts", window) for r in page.records if r.key == "6001"]
    assert record.raw["lineItems"]["nodes"][0]["quantity"] == 2**31 - 1
    assert type(record.raw["lineItems"]["nodes"][0]["quantity"]) is int


def test_a_cart_has_no_email_of_its_own_and_gets_its_customer_s() -> None:
    with opened(Shop(), options=NEVER) as (source, _):
        made = {record.key: source.canonical(record) for page in source.read("carts", None) for record in page.records}
    assert [(cart.email, cart.phone) for cart in made.values()] == [  # type: ignore[union-attr]  # carts
        ("ana@example.com", "+4915112345678"),
        (None, "+4915112345679"),
        ("ben@example.com", None),
        (None, None),
        ("ana@example.com", "+4915112345678"),
    ]


def test_recovered_carts_are_read_and_say_when_they_were_completed() -> None:
    with opened(Shop(), options=NEVER) as (source, _):
        made = [source.canonical(record) for page in source.read("carts", None) for record in page.records]
    assert {cart.id for cart in made if cart.completed_at is not None} == {"6003"}  # type: ignore[union-attr]  # carts


def test_a_cart_can_be_rebuilt_by_its_url() -> None:
    with opened(Shop(), options=NEVER) as (source, _):
        cart = source.canonical(next(iter(source.read("carts", None))).records[0])
    assert cart.recovery_url == "https://kaffee.example/1/checkouts/ac/6001/recover?key=k6001&locale=de"  # type: ignore[union-attr]  # a cart


def test_a_gid_becomes_the_number_that_webhooks_name() -> None:
    shop = Shop()
    shop.carts[0]["id"] += "?key=abc"
    assert read(shop, "carts") == ["6001", "6002", "6003", "6004", "6005"]


def test_money_is_a_decimal_text_and_stays_exact() -> None:
    shop = Shop()
    shop.orders[0]["totalPriceSet"]["shopMoney"]["amount"] = "12345678901234.567"
    with opened(shop, options=NEVER) as (source, _):
        order = source.canonical(next(iter(source.read("orders", None))).records[0])
    assert isinstance(order, Order)
    assert order.gross == Decimal("12345678901234.567")


def test_the_shop_s_money_is_kept_apart_from_the_buyer_s() -> None:
    raw = copy.deepcopy(nodes("orders")[1])
    raw["totalPriceSet"] = {
        "shopMoney": {"amount": "50.0", "currencyCode": "EUR"},
        "presentmentMoney": {"amount": "54.3", "currencyCode": "USD"},
    }
    with opened(Shop(orders=[raw]), options=NEVER) as (source, _):
        order = source.canonical(next(iter(source.read("orders", None))).records[0])
    assert isinstance(order, Order)
    assert (order.gross, order.currency) == (Decimal("50.0"), "EUR")
    assert (order.presentment_gross, order.presentment_currency) == (Decimal("54.3"), "USD")


def test_a_page_holds_250_at_most_however_cheap_it_is() -> None:
    shop = Shop(page_cost=1.0, largest_page=2)
    read(shop, "customers")
    assert [asked["first"] for asked in shop.asked] == [120, 250, 250, 250]


def test_limits_are_taken_from_answers_and_not_from_old_guides() -> None:
    shop = Shop(page_cost=60.0, largest_page=4)
    with opened(shop, options=NEVER) as (source, _):
        list(source.read("customers", None))
    assert shop.clock.slept == []  # 1,990 points are there; a guide's 50 a second would have waited


@pytest.mark.parametrize("status", [200, 429])
def test_throttling_comes_as_200_or_429(status: int) -> None:
    body = {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}
    shop = Shop(instead=[Reply(status, body)])
    assert len(read(shop, "customers")) == 8
    assert shop.clock.slept


def test_deletions_come_by_events_and_not_by_the_deprecated_query() -> None:
    assert "deletionEvents" not in "".join(path.read_text(encoding="utf-8") for path in FOLDER.iterdir())
    window = Window(at("2026-10-01T00:00:00"), at("2026-11-01T00:00:00"))
    with opened(Shop()) as (source, _):
        assert len(list(source.deleted("products", window))) == len(
            fixture("api/deletions.page_1")["data"]["events"]["nodes"]
        )


def test_the_deprecated_current_operation_is_not_asked_for() -> None:
    assert "currentBulkOperation" not in "".join(path.read_text(encoding="utf-8") for path in FOLDER.iterdir())


def test_an_order_s_checkbox_unticked_says_nothing() -> None:
    raw = {**nodes("orders")[1], "customerAcceptsMarketing": False}
    with opened(Shop(orders=[raw]), options=NEVER) as (source, _):
        order = source.canonical(next(iter(source.read("orders", None))).records[0])
    assert isinstance(order, Order)
    assert order.consent == ()


def _canonical(stream: str) -> list[Any]:
    with opened(Shop(), options=NEVER) as (source, _):
        return [source.canonical(record) for page in source.read(stream, None) for record in page.records]


def _fragments() -> str:
    return (FOLDER / f"{FRAGMENTS}.graphql").read_text(encoding="utf-8")
