from __future__ import annotations

import copy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tajo_pipelines.connectors.shopify import consent
from tajo_pipelines.connectors.shopify.connector import open_source
from tajo_pipelines.connectors.shopify.goods import slug
from tajo_pipelines.connectors.shopify.records import key_of
from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.consent import State
from tajo_pipelines.model.customer import CUSTOMER_FIELDS, Customer
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.product import Product
from tajo_pipelines.model.record import Record
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.connector import ConnectionConfig
from tajo_pipelines_tests.connectors.shopify.support import SCHEMA, fixture, nodes

SOURCE = open_source(
    ConnectionConfig("shopify", "shopify", {"shop_url": "kaffee.myshopify.com"}, {"api_key": "shpat_x"})
)
READ_AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def canonical(stream: str, raw: dict[str, Any]) -> Any:
    key = key_of(raw.get("id")) or "1"
    return SOURCE.canonical(Record(stream, key, None, READ_AT, raw))


def customer(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(nodes("customers")[0]), **changes}


def order(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(nodes("orders")[1]), **changes}


def product(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(nodes("products")[0]), **changes}


def cart(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(nodes("carts")[0]), **changes}


def bag(amount: str, currency: str = "EUR") -> dict[str, Any]:
    return {"shopMoney": {"amount": amount, "currencyCode": currency}}


@pytest.mark.parametrize(
    ("stream", "kind"), [("customers", Customer), ("orders", Order), ("products", Product), ("carts", Cart)]
)
def test_raw_objects_become_what_is_expected(stream: str, kind: type[msgspec.Struct]) -> None:
    made = msgspec.json.decode(msgspec.json.encode([canonical(stream, raw) for raw in nodes(stream)]))
    assert made == fixture(f"expected/{stream}")
    assert [msgspec.convert(item, kind, strict=False) for item in made]


@pytest.mark.parametrize("state", list(SCHEMA.type_map["CustomerEmailAddressMarketingState"].values))  # type: ignore[attr-defined]  # an enum
def test_every_e_mail_state_of_the_schema_has_a_meaning(state: str) -> None:
    assert state in consent.STATES


@pytest.mark.parametrize("state", list(SCHEMA.type_map["CustomerMarketingConsentState"].values))  # type: ignore[attr-defined]  # an enum
def test_every_sms_state_of_the_schema_has_a_meaning(state: str) -> None:
    assert state in consent.STATES


@pytest.mark.parametrize(
    ("state", "meaning"),
    [
        ("SUBSCRIBED", State.GRANTED),
        ("UNSUBSCRIBED", State.DENIED),
        ("REDACTED", State.DENIED),
        ("INVALID", State.DENIED),
        ("NOT_SUBSCRIBED", State.UNKNOWN),
        ("PENDING", State.UNKNOWN),
    ],
)
def test_states_mean_what_rule_1_says(state: str, meaning: State) -> None:
    email = {**customer()["defaultEmailAddress"], "marketingState": state}
    signal = canonical("customers", customer(defaultEmailAddress=email)).consent[0]
    assert signal.state is meaning
    assert signal.confirmed is (meaning is State.GRANTED)
    assert signal.evidence == f"{state}/CONFIRMED_OPT_IN"


def test_a_consent_without_time_never_borrows_the_record_s() -> None:
    email = {**customer()["defaultEmailAddress"], "marketingUpdatedAt": None}
    assert canonical("customers", customer(defaultEmailAddress=email)).consent[0].at is None


def test_an_unknown_state_is_a_letter_and_no_silent_yes_or_no() -> None:
    email = {**customer()["defaultEmailAddress"], "marketingState": "MAYBE"}
    with pytest.raises(RejectedRecord) as caught:
        canonical("customers", customer(defaultEmailAddress=email))
    assert caught.value.reason == "malformed"


def test_whoever_has_no_address_says_nothing_of_it() -> None:
    made = canonical("customers", customer(defaultEmailAddress=None, defaultPhoneNumber=None))
    assert made.consent == ()
    assert (made.accepts_marketing, made.accepts_sms) == (None, None)


def test_an_unticked_box_at_checkout_unsubscribes_nobody() -> None:
    assert canonical("orders", order(customerAcceptsMarketing=False)).consent == ()
    (signal,) = canonical("orders", order(customerAcceptsMarketing=True)).consent
    assert (signal.state, signal.at) == (State.GRANTED, canonical("orders", order()).placed_at)


def test_an_imported_order_s_yes_is_as_old_as_the_order() -> None:
    """An importing app creates it today: dated so, it would lift a no that was said in between."""
    times = {"createdAt": "2026-11-01T10:00:00Z", "processedAt": "2019-05-01T10:00:00Z"}
    made = canonical("orders", order(customerAcceptsMarketing=True, **times))
    assert [signal.at for signal in made.consent] == [datetime(2019, 5, 1, 10, tzinfo=UTC)]
    assert made.placed_at == datetime(2019, 5, 1, 10, tzinfo=UTC)


def test_an_order_is_worth_its_total_minus_refunds() -> None:
    made = canonical("orders", order(totalPriceSet=bag("100.00"), totalRefundedSet=bag("29.95")))
    assert (made.gross, made.refunded, made.net) == (Decimal("100.00"), Decimal("29.95"), Decimal("70.05"))


@pytest.mark.parametrize(
    ("refunded", "current", "gross"),
    [
        ("0.0", "40.0", "40.0"),  # removed before it was paid
        ("30.0", "40.0", "70.0"),  # removed and paid back
        ("0.0", "70.0", "70.0"),  # edited without a change of price
        ("40.0", "40.0", "70.0"),  # more paid back than removed
    ],
)
def test_lines_removed_from_an_order_are_not_counted_twice_nor_kept(refunded: str, current: str, gross: str) -> None:
    raw = order(
        edited=True,
        totalPriceSet=bag("70.0"),
        totalRefundedSet=bag(refunded),
        currentTotalPriceSet=bag(current),
    )
    made = canonical("orders", raw)
    assert made.gross == Decimal(gross)
    assert made.net == min(Decimal("70.0") - Decimal(refunded), Decimal(current))


def test_an_order_that_was_never_edited_keeps_its_total() -> None:
    made = canonical("orders", order(edited=False, currentTotalPriceSet=bag("0.0"), totalPriceSet=bag("100.0")))
    assert made.gross == Decimal("100.0")


def test_a_unit_price_is_a_unit_s() -> None:
    (coffee, _) = canonical("orders", nodes("orders")[0]).lines
    assert (coffee.quantity, coffee.unit_price) == (2, Decimal("8.90"))


def test_ids_are_numbers_as_text() -> None:
    made = canonical("orders", nodes("orders")[0])
    assert (made.id, made.customer_id) == ("8001", "7001")
    assert (made.lines[0].product_id, made.lines[0].variant_id) == ("901", "1901")
    assert made.lines[1].product_id is None


@pytest.mark.parametrize(
    ("stream", "raw"),
    [
        ("customers", {}),
        ("customers", customer(legacyResourceId=None)),
        ("customers", customer(amountSpent={"amount": 12.5, "currencyCode": "EUR"})),
        ("customers", customer(tags="VIP")),
        ("customers", customer(updatedAt="yesterday")),
        ("orders", {}),
        ("orders", order(totalPriceSet=None)),
        ("orders", order(totalPriceSet=bag("much"))),
        ("orders", order(lineItems=None)),
        ("orders", order(lineItems={"nodes": [{}]})),
        ("orders", order(billingAddress="Hafenstraße 1")),
        ("orders", order(createdAt=None)),
        ("orders", order(test="yes")),
        ("products", {}),
        ("products", product(variants=None)),
        ("products", product(collections={"nodes": [None]})),
        ("products", product(variants={"nodes": [{"legacyResourceId": "1", "title": "x", "selectedOptions": "red"}]})),
        ("carts", {}),
        ("carts", cart(totalPriceSet=None)),
        ("carts", cart(lineItems={"nodes": [{"title": "x", "quantity": 1}]})),
    ],
)
def test_a_malformed_object_is_a_letter_and_no_crash(stream: str, raw: dict[str, Any]) -> None:
    with pytest.raises(RejectedRecord) as caught:
        canonical(stream, raw)
    assert caught.value.reason == "malformed"


def test_categories_are_the_collections_else_the_product_type() -> None:
    assert [(each.id, each.name) for each in canonical("products", product()).categories] == [
        ("501", "Kaffee"),
        ("502", "Bestseller"),
    ]
    typed = product(collections={"nodes": []}, productType=" Gutschein & Karte ")
    assert [(each.id, each.name) for each in canonical("products", typed).categories] == [
        ("gutschein-karte", "Gutschein & Karte")
    ]
    assert canonical("products", product(collections={"nodes": []}, productType="")).categories == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Café Größe", "cafe-grosse"), ("コーヒー", "30b3-30fc-30d2-30fc"), ("  ", ""), ("--", "2d-2d")],
)
def test_a_slug_is_there_for_every_name(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_stock_that_nobody_counts_is_unknown_and_not_zero() -> None:
    counted = canonical("products", product(tracksInventory=True))
    assert [variant.stock for variant in counted.variants] == [40, -2]
    assert {variant.stock for variant in canonical("products", product(tracksInventory=False)).variants} == {None}


def test_prices_are_in_the_currency_of_the_shop_and_exact() -> None:
    made = canonical("products", product())
    assert made.currency == "EUR"
    assert [(variant.price, variant.compare_at) for variant in made.variants] == [
        (Decimal("8.90"), Decimal("9.90")),
        (Decimal("29.00"), None),
    ]


def test_a_cart_says_nothing_of_consent() -> None:
    assert all(canonical("carts", raw).consent == () for raw in nodes("carts"))


def test_a_cart_s_unit_price_is_a_unit_s_and_its_total_the_cart_s() -> None:
    made = canonical("carts", cart())
    assert sum(line.unit_price * line.quantity for line in made.lines) == made.total == Decimal("46.80")


def test_of_a_single_order_the_last_is_the_first() -> None:
    one = canonical("customers", customer(numberOfOrders="1"))
    assert one.first_order_date == one.last_order_date is not None
    assert canonical("customers", customer(numberOfOrders="2")).first_order_date is None
    assert canonical("customers", customer(numberOfOrders="1", lastOrder=None)).first_order_date is None


def test_the_average_of_no_orders_is_none() -> None:
    made = canonical("customers", customer(numberOfOrders="0", amountSpent={"amount": "0.0", "currencyCode": "EUR"}))
    assert (made.total_orders, made.total_spent, made.average_order_value) == (0, Decimal("0.0"), None)


def test_letters_hold_no_personal_data() -> None:
    with pytest.raises(RejectedRecord) as caught:
        canonical("customers", customer(firstName={"odd": "Ana"}))
    assert "Ana" not in str(caught.value)


def test_default_attributes_name_fields_that_there_are() -> None:
    attributes = registry.default_attributes("shopify")
    assert {attribute.source for attribute in attributes} <= set(CUSTOMER_FIELDS)
    assert len({attribute.target for attribute in attributes}) == len(attributes)
    assert {attribute.type for attribute in attributes} <= {"text", "float", "boolean", "date"}
