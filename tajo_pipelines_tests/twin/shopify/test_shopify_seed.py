from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from typing import get_args

import phonenumbers
import pytest
from email_validator import validate_email

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.shopify import facts, people, pricing
from tajo_pipelines.twin.shopify.shop import Document, Kind, Shop, public, seed_shop

NOW = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop() -> Shop:
    """A shop for which it is still the hour it was made in."""
    return seed_shop(1000, seed=1, now=NOW, clock=TwinClock(source=NOW.timestamp))


def test_a_seed_makes_the_same_shop_again(shop: Shop) -> None:
    again = seed_shop(1000, seed=1, now=NOW, clock=TwinClock(source=NOW.timestamp))
    for kind in get_args(Kind):
        assert list(public(shop, kind)) == list(public(again, kind))
    assert list(seed_shop(1000, seed=2, now=NOW).orders.values()) != list(shop.orders.values())


def test_a_thousand_customers_are_made_while_one_waits() -> None:
    start = time.process_time()
    seed_shop(1000, seed=3)
    assert time.process_time() - start < 4.0


def test_kinds_of_identity_and_consent_are_as_documented(shop: Shop) -> None:
    counted = shop.facts()
    assert counted.customers["total"] == 1000
    assert counted.customers["mappable"] == 985
    assert counted.customers["no_identifier"] == 12
    assert counted.customers["invalid_email"] == 3
    assert counted.customers["invalid_email_with_phone"] == 2
    assert counted.customers["invalid_phone_with_email"] == 4
    assert counted.customers["sharing_a_phone"] == 10
    assert counted.customers["mixed_case_email"] > 50
    assert counted.email_consent == {
        "INVALID": 8,
        "NOT_SUBSCRIBED": 260,
        "NOT_SUBSCRIBED/SINGLE_OPT_IN": 25,
        "PENDING/CONFIRMED_OPT_IN": 30,
        "SUBSCRIBED/CONFIRMED_OPT_IN": 90,
        "SUBSCRIBED/SINGLE_OPT_IN": 380,
        "SUBSCRIBED/UNKNOWN": 20,
        "UNSUBSCRIBED": 10,
        "UNSUBSCRIBED/SINGLE_OPT_IN": 100,
    }
    assert set(counted.sms_consent) == {"NEVER_SUBSCRIBED", "PENDING", "REDACTED", "SUBSCRIBED", "UNSUBSCRIBED"}
    assert counted.orders["total"] == 3000
    assert counted.orders["created_last_24h"] == 0
    assert min(number for name, number in counted.orders.items() if name != "created_last_24h") >= 3
    assert {"EUR", "USD", "CHF"} == set(counted.presentment)
    assert set(counted.statuses) >= {"PAID", "PENDING", "PARTIALLY_REFUNDED", "REFUNDED", "VOIDED", "PARTIALLY_PAID"}


def test_products_and_carts_are_as_documented(shop: Shop) -> None:
    counted = shop.facts()
    assert {name: counted.products[name] for name in ("total", "active", "archived", "draft", "unlisted")} == {
        "total": 200,
        "active": 172,
        "archived": 10,
        "draft": 12,
        "unlisted": 6,
    }
    assert 450 <= counted.products["variants"] <= 550
    assert counted.products["most_variants"] == 120
    for name in ("default_variant_only", "without_collection", "without_page", "without_picture", "updated_last_24h"):
        assert counted.products[name] > 0, name
    carts = counted.carts
    assert (carts["total"], carts["fresh"], counted.events["cart_updated"]) == (150, 20, 20)
    assert carts["recovered"] + carts["fresh"] + carts["old"] + carts["no_customer"] + carts["no_identifier"] == 150
    assert min(carts["recovered"], carts["old"], carts["no_customer"], carts["no_identifier"]) > 0
    assert carts["updated_last_24h"] > carts["fresh"]


def test_fresh_carts_are_twenty_different_people_who_can_be_reached(shop: Shop) -> None:
    fresh = [cart for cart in public(shop, "AbandonedCheckout") if cart["class"] == "fresh"]
    owners = [shop.customers[cart["customer"]] for cart in fresh]
    assert len({owner["id"] for owner in owners}) == 20
    assert all(facts.reachable(owner) for owner in owners)
    assert any(owner["email"] is None for owner in owners)
    assert any(cart["createdAt"] < "2026-11-23T22:00:00Z" <= cart["updatedAt"] for cart in fresh)


def test_lines_name_products_of_the_same_catalogue(shop: Shop) -> None:
    named = [item for kind in (shop.orders, shop.carts) for each in kind.values() for item in each["items"]]
    sold = [item for item in named if item["product"] is not None]
    assert len(sold) > 5000
    for item in sold:
        variant = shop.variants[item["variant"]]
        assert variant["product"] == item["product"]
        assert shop.products[item["product"]]["title"] == item["title"]
    assert {shop.products[item["product"]]["status"] for item in sold} == {"ACTIVE", "ARCHIVED", "UNLISTED"}
    ids = [variant["id"] for product in shop.products.values() for variant in product["variants"]]
    assert len(ids) == len(set(ids)) == len(shop.variants)


@pytest.mark.parametrize("customers", [0, 1, 3, 20, 100, 101])
def test_small_shops_work_too(customers: int) -> None:
    shop = seed_shop(customers, seed=5, now=NOW)
    assert len(shop.customers) == customers
    assert len(shop.orders) == 3 * customers
    if customers >= 100:
        assert shop.facts().customers["no_identifier"] >= 1


def test_good_addresses_and_phones_are_good_for_the_libraries_too(shop: Shop) -> None:
    for customer in shop.customers.values():
        if customer["emailValid"]:
            validate_email(customer["email"], check_deliverability=False)
        phone = customer["phone"]
        if phone is not None:
            assert _dialable(phone) is people.valid_phone(phone), phone


def _dialable(phone: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(phone, None))
    except phonenumbers.NumberParseException:
        return False


def test_nobody_shares_an_email_and_every_order_is_younger_than_its_customer(shop: Shop) -> None:
    emails = Counter((c["email"] or "").lower() for c in shop.customers.values() if c["emailValid"])
    assert set(emails.values()) == {1}
    for order in shop.orders.values():
        if order["customer"] is not None:
            customer = shop.customers[order["customer"]]
            assert customer["createdAt"] <= order["createdAt"]
            assert customer["updatedAt"] >= order["createdAt"]


def test_times_lie_in_order_and_in_the_past(shop: Shop) -> None:
    now = "2026-11-24T22:00:00Z"
    for order in shop.orders.values():
        times = [order["createdAt"], *(refund["at"] for refund in order["refunds"]), order["cancelledAt"] or ""]
        assert order["updatedAt"] >= max(times)
        assert order["updatedAt"] <= now
    for customer in shop.customers.values():
        assert customer["createdAt"] <= customer["updatedAt"] <= now
        assert (customer["emailAt"] or "") <= now


def test_totals_add_up_in_both_currencies(shop: Shop) -> None:
    for order in shop.orders.values():
        for column in (0, 1):
            _check(order, column)


def _check(order: Document, column: int) -> None:
    totals = {name: pair[column] for name, pair in order["totals"].items()}
    lines = sum(item["price"][column] * item["quantity"] for item in order["items"])
    added = 0 if order["taxesIncluded"] else totals["tax"]
    assert totals["subtotal"] == lines - totals["discounts"]
    assert totals["total"] == totals["subtotal"] + totals["shipping"] + added
    assert totals["refunded"] == sum(refund["amount"][column] for refund in order["refunds"])
    assert 0 <= totals["refunded"] <= order["received"][column] <= totals["total"]
    assert 0 <= totals["currentTotal"] <= totals["total"]
    if all(item["removed"] == item["quantity"] for item in order["items"]):
        assert totals["currentSubtotal"] == 0
        assert totals["currentTax"] == 0


def test_classes_of_money_are_all_orders_and_net_follows_the_rule(shop: Shop) -> None:
    classes = shop.facts().money["EUR"]
    assert sum(money.orders for money in classes.values()) == 3000
    gross = sum(order["totals"]["total"][0] for order in shop.orders.values())
    assert sum(money.gross for money in classes.values()) == gross
    sent = [order for order in shop.orders.values() if facts.identity(order) == "sent"]
    assert all(not order["test"] for order in sent)
    cancelled = [order for order in sent if order["cancelledAt"] is not None]
    assert cancelled
    assert {pricing.brevo_amount(order) for order in cancelled} == {0}
    kept = [order for order in sent if order["cancelledAt"] is None]
    net = sum(order["totals"]["total"][0] - order["totals"]["refunded"][0] for order in kept)
    assert classes["sent"].net == net
    assert classes["no_identifier"].orders > 0
    assert classes["invalid_identifier"].orders > 0


def test_refunds_without_a_return_leave_the_current_total(shop: Shop) -> None:
    goodwill = [
        order
        for order in shop.orders.values()
        if order["totals"]["refunded"][0] and not any(refund["items"] for refund in order["refunds"])
    ]
    assert len(goodwill) > 20
    for order in goodwill:
        assert order["totals"]["currentTotal"] == order["totals"]["total"]


def test_those_who_left_at_brevo_are_subscribed_in_the_shop_and_said_so_before(shop: Shop) -> None:
    emails = shop.brevo_unsubscribed_emails()
    by_email = {(c["email"] or "").lower(): c for c in shop.customers.values()}
    assert len(set(emails)) == len(emails) == 50
    levels = Counter(by_email[email]["emailLevel"] for email in emails)
    assert levels == {"SINGLE_OPT_IN": 45, "CONFIRMED_OPT_IN": 5}
    for email in emails:
        assert by_email[email]["emailState"] == "SUBSCRIBED"
        assert (by_email[email]["emailAt"] or "") < "2026-11-22T22:00:00Z"
    assert any(by_email[email]["emailAt"] is None for email in emails)
    assert seed_shop(40, now=NOW).brevo_unsubscribed_emails(2) != []
