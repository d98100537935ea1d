"""Carts that webhooks carry: whose they are, in which money, and what their bodies leave open."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tajo_pipelines.connectors.shopify.live_carts import token_in_link
from tajo_pipelines.connectors.shopify.webhooks import WEBHOOKS
from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.sdk.http import decode_json
from tajo_pipelines.sdk.webhooks import Carried, Envelope
from tajo_pipelines_tests.connectors.shopify.support import FIXTURES, fixture, nodes
from tajo_pipelines_tests.connectors.shopify.test_canonical import SOURCE

RECEIVED = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
NAMES = sorted(
    name
    for path in (FIXTURES / "webhooks").iterdir()
    if (name := path.name.removesuffix(".json")).startswith(("carts-", "checkouts-"))
    and not name.startswith("checkouts-delete")
)


def body(name: str, **changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(decode_json((FIXTURES / "webhooks" / f"{name}.json").read_bytes())), **changes}


def cart(raw: dict[str, Any], topic: str = "checkouts/update") -> Cart:
    """The canonical form of a body, on its whole way."""
    envelope = Envelope("1", topic, None, "carts")
    (told,) = WEBHOOKS.tidings(envelope, json.dumps(raw, default=str).encode(), RECEIVED)
    assert isinstance(told, Carried)
    made = SOURCE.canonical(told.record)
    assert isinstance(made, Cart)
    return made


def checkout(**changes: Any) -> Cart:
    return cart(body("checkouts-create__id", **changes))


def store_cart(**changes: Any) -> Cart:
    return cart(body("carts-update__more", **changes), "carts/update")


def line(**changes: Any) -> list[dict[str, Any]]:
    return [{**body("checkouts-create__id")["line_items"][0], **changes}]


def test_bodies_become_what_is_expected() -> None:
    made = {name: cart(body(name), name.partition("__")[0].replace("-", "/")) for name in NAMES}
    assert msgspec.json.decode(msgspec.json.encode(made)) == fixture("expected/live_carts")


def test_a_checkout_says_whose_it_is_and_how_it_comes_back() -> None:
    made = checkout()
    assert (made.id, made.email, made.language) == ("9818200792", "ana.mueller@example.com", "de")
    assert made.recovery_url == "https://kaffee.myshopify.com/548380009/checkouts/bd5a8aa1/recover?key=fixture"
    assert made.token == "c1-7a2abe82733a34e84aa472d57fb5c3c1"
    assert made.checkout_token == "bd5a8aa1ecd019dd3520ff791ee3a24c"
    assert made.keys == (made.id, made.token, made.checkout_token)
    assert (made.carried, made.by_token) == (True, False)


def test_times_with_an_offset_are_the_same_instant() -> None:
    assert checkout().updated_at == datetime(2026, 11, 25, 7, 17, tzinfo=UTC)


def test_a_ticked_box_of_an_unfinished_checkout_is_no_consent() -> None:
    made = checkout(
        buyer_accepts_marketing=True, buyer_accepts_sms_marketing=True, sms_marketing_phone="+4915112345678"
    )
    assert (made.consent, made.phone) == ((), None)


def test_amounts_are_in_the_money_that_the_buyer_sees() -> None:
    """`currency` names the shop's, and the amounts aren't in it: a cart of 46 francs is none of 46 euros."""
    made = checkout(currency="EUR", presentment_currency="CHF", total_price="46.00")
    assert (made.currency, made.total) == ("CHF", Decimal("46.00"))
    assert checkout(presentment_currency=None).currency == "EUR"


def test_an_online_stores_cart_is_in_the_money_of_the_shop() -> None:
    raw = body("carts-update__more")
    for item in raw["line_items"]:
        item["discounted_price_set"] = {
            "shop_money": {"amount": "14.05", "currency_code": "EUR"},
            "presentment_money": {"amount": "13.20", "currency_code": "CHF"},
        }
    made = cart(raw, "carts/update")
    units = sum(item["quantity"] for item in raw["line_items"])
    assert (made.currency, made.total) == ("EUR", Decimal("14.05") * units)
    assert {each.unit_price for each in made.lines} == {Decimal("14.05")}


def test_an_online_stores_cart_is_known_by_its_token_alone() -> None:
    made = store_cart()
    assert made.by_token
    assert (made.email, made.phone, made.customer_id, made.recovery_url) == (None, None, None, None)
    assert made.keys == (made.token,)


def test_an_emptied_cart_has_no_lines_and_no_money() -> None:
    made = cart(body("carts-update__emptied"), "carts/update")
    assert (made.lines, made.total, made.currency) == ((), Decimal(0), "")


def test_a_line_that_was_set_to_nothing_is_none() -> None:
    assert checkout(line_items=line(quantity=0)).lines == ()


@pytest.mark.parametrize(
    ("changes", "unit"),
    [
        ({}, "14.05"),
        ({"applied_discounts": [{"amount": "3.00", "title": "Staff"}]}, "13.05"),
        ({"discount_allocations": [{"amount": "4.21", "application_type": "automatic"}]}, "12.65"),
        ({"discount_allocations": [{"amount": "4.21", "application_type": "discount_code"}]}, "14.05"),
        ({"applied_discounts": [{"amount": "99.00"}]}, "0"),
        ({"price": "1405", "applied_discounts": [{"amount": "10"}]}, "1402"),
    ],
    ids=["none", "manual", "automatic", "code", "more_than_all", "yen"],
)
def test_a_units_price_is_what_the_lines_own_reductions_leave(changes: dict[str, Any], unit: str) -> None:
    """As `discountedUnitPriceSet` of a checkout that is read: a code reduces the cart."""
    (made,) = checkout(line_items=line(**changes)).lines
    assert made.unit_price == Decimal(unit)


def test_codes_are_named() -> None:
    made = checkout(discount_codes=[{"code": "HERBST10", "amount": "4.21", "type": "percentage"}])
    assert made.coupons == ("HERBST10",)


def test_ids_are_numbers_as_text_and_exact() -> None:
    number = 2**53 + 1
    (made,) = checkout(line_items=line(product_id=number, variant_id=number)).lines
    assert (made.product_id, made.variant_id) == ("9007199254740993", "9007199254740993")


def test_names_are_the_customers_else_the_addresses() -> None:
    address = {"first_name": "Bo", "last_name": "Li"}
    known = checkout(customer={"id": 7, "first_name": "Ana", "last_name": "Müller", "email": "a@example.com"})
    assert (known.first_name, known.customer_id) == ("Ana", "7")
    named = checkout(customer=None, billing_address=None, shipping_address=address)
    assert (named.first_name, named.last_name, named.customer_id) == ("Bo", "Li", None)
    # Empty lists stand for an address in some bodies.
    assert checkout(customer=None, billing_address=[], shipping_address=[]).first_name is None


def test_whoever_gave_no_address_is_the_customer_that_is_logged_in() -> None:
    made = checkout(email="", phone=None, customer={"id": 7, "email": "ana@example.com", "phone": "+4915112345678"})
    assert (made.email, made.phone) == ("ana@example.com", "+4915112345678")


def test_a_paid_checkout_says_when() -> None:
    made = cart(body("checkouts-update__completed"))
    assert made.completed_at is not None


@pytest.mark.parametrize(
    "raw",
    [
        body("checkouts-create__id", total_price="much"),
        body("checkouts-create__id", total_price=None),
        body("checkouts-create__id", currency=None, presentment_currency=None),
        body("checkouts-create__id", line_items=None),
        body("checkouts-create__id", line_items=["x"]),
        body("checkouts-create__id", line_items=line(price=None)),
        body("checkouts-create__id", line_items=line(quantity=None)),
        body("checkouts-create__id", created_at=None),
        body("carts-update__more", line_items=[{"title": "x", "quantity": 1}]),
        body("carts-update__more", created_at="yesterday"),
    ],
)
def test_a_malformed_body_is_a_letter_and_no_crash(raw: dict[str, Any]) -> None:
    with pytest.raises(RejectedRecord) as caught:
        cart(raw, "carts/update" if "total_price" not in raw else "checkouts/update")
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize(
    ("link", "token"),
    [
        (
            "https://shop.example/80371122466/checkouts/ac/Z2NwLXVzLWNlbnRyYWwxOjAx/recover?key=fb80",
            "Z2NwLXVzLWNlbnRyYWwxOjAx",
        ),
        ("https://shop.example/1/checkouts/123123123/recover?key=secret&locale=de", "123123123"),
        ("https://shop.example/cart/c/123", None),
        (None, None),
    ],
)
def test_a_recovery_link_names_the_cart(link: str | None, token: str | None) -> None:
    """A checkout that is read has no tokens: without the link, an order that is read couldn't name it."""
    assert token_in_link(link) == token


def test_a_checkout_that_is_read_is_told_apart_from_one_that_is_carried() -> None:
    assert [raw for raw in nodes("carts") if "line_items" in raw] == []
