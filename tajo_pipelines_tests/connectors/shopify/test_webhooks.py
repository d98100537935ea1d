"""Traps of Shopify's webhooks: headers that lie, bodies that leave things out, ids by three names."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tajo_pipelines.connectors.shopify import glances
from tajo_pipelines.connectors.shopify.webhooks import LAWFUL, TOPICS, WEBHOOKS
from tajo_pipelines.model.errors import RejectedRecord, SignatureError
from tajo_pipelines.sdk.connector import ConnectionConfig
from tajo_pipelines.sdk.webhooks import (
    Carried,
    CartClosed,
    Delivery,
    Envelope,
    ErasureAsked,
    Gone,
    Nothing,
    Tidings,
    Touched,
)
from tajo_pipelines_tests.connectors.shopify.support import FIXTURES

RECEIVED = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
CONFIG = ConnectionConfig(
    "shopify",
    "shopify",
    {"shop_url": "https://kaffee.myshopify.com/"},
    {"api_secret": "client-secret", "webhook_secret": ""},
)
HEADERS = {
    "x-shopify-topic": "customers/update",
    "x-shopify-shop-domain": "kaffee.myshopify.com",
    "x-shopify-api-version": "2026-10",
    "x-shopify-webhook-id": "545ebdd4-b7be-4d3d-b14e-54aa78e0e0f9",
    "x-shopify-event-id": "59d6d79c-595f-4e7e-bc6f-72f5c3d0c66f",
    "x-shopify-triggered-at": "2026-11-25T09:29:58.123456789Z",
}


def body(name: str) -> bytes:
    return (FIXTURES / "webhooks" / f"{name}.json").read_bytes()


def delivery(content: bytes = b'{"id": 1}', **headers: str | None) -> Delivery:
    changed = {f"x-shopify-{name.replace('_', '-')}": value for name, value in headers.items()}
    known = {name: value for name, value in {**HEADERS, **changed}.items() if value is not None}
    return Delivery(known, content, RECEIVED)


def named(content: bytes = b'{"id": 1}', **headers: str | None) -> Envelope:
    return WEBHOOKS.envelope(delivery(content, **headers), CONFIG)


def refused(content: bytes = b'{"id": 1}', **headers: str | None) -> str:
    with pytest.raises(SignatureError) as problem:
        named(content, **headers)
    return problem.value.code


def told(topic: str, content: bytes | dict[str, Any]) -> list[Tidings]:
    found = content if isinstance(content, bytes) else json.dumps(content).encode()
    return list(WEBHOOKS.tidings(Envelope("1", topic, RECEIVED, TOPICS[topic].stream), found, RECEIVED))


# -- what names a delivery -----------------------------------------------------------------------------------------


def test_the_event_id_isn_t_the_delivery_s_id() -> None:
    paid = named(body("orders-paid__from_a_cart"), topic="orders/paid", webhook_id="a")
    updated = named(body("orders-updated__later"), topic="orders/updated", webhook_id="b")
    assert paid.delivery_id == "a"
    assert updated.delivery_id == "b"


def test_without_a_webhook_id_the_event_id_doesn_t_stand_in() -> None:
    assert refused(webhook_id=None) == "unnamed"
    assert refused(webhook_id="  ") == "unnamed"


@pytest.mark.parametrize("header", ["topic", "shop_domain", "webhook_id"])
def test_each_naming_header_is_needed(header: str) -> None:
    names: dict[str, Any] = {header: None}
    assert refused(**names) == "unnamed"


def test_nanoseconds_are_a_time_too() -> None:
    assert named().source_at == datetime(2026, 11, 25, 9, 29, 58, 123456, tzinfo=UTC)


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-11-25T09:29:58", "0"])
def test_a_time_that_isn_t_one_is_unknown_and_refuses_nothing(text: str | None) -> None:
    assert named(triggered_at=text).source_at is None


def test_another_shop_is_foreign_though_the_same_app_s_secret_signs_for_it() -> None:
    assert refused(shop_domain="andere.myshopify.com") == "foreign"
    assert refused(shop_domain="kaffee.myshopify.com.evil.example") == "foreign"


def test_our_shop_is_ours_however_it_is_written() -> None:
    assert named(shop_domain="Kaffee.MyShopify.com ").key == "1"


@pytest.mark.parametrize("topic", LAWFUL)
def test_what_the_law_asks_for_another_shop_is_foreign_by_its_signed_body(topic: str) -> None:
    foreign = json.dumps({"shop_domain": "andere.myshopify.com", "customer": {"id": 1}}).encode()
    assert refused(foreign, topic=topic) == "foreign"
    ours = json.dumps({"shop_domain": "KAFFEE.myshopify.com", "customer": {"id": 1}}).encode()
    assert named(ours, topic=topic).stream == "customers"


@pytest.mark.parametrize("topic", LAWFUL)
def test_what_the_law_asks_for_without_naming_a_shop_is_kept_and_not_carried_out(topic: str) -> None:
    content = b'{"customer": {"id": 1}}'
    assert named(content, topic=topic).stream == "customers"
    with pytest.raises(RejectedRecord):
        told(topic, content)


def test_an_unknown_topic_has_a_name_and_no_stream() -> None:
    found = named(topic="themes/publish")
    assert (found.topic, found.stream, found.key) == ("themes/publish", None, None)


def test_an_authentic_body_that_can_t_be_read_is_named_all_the_same() -> None:
    assert named(b"\xff\xfe", topic="orders/create") == Envelope(
        HEADERS["x-shopify-webhook-id"], "orders/create", named().source_at, "orders", None
    )


# -- the signature -------------------------------------------------------------------------------------------------


def signed(content: bytes, secret: str) -> Delivery:
    digest = hmac.new(secret.encode(), content, hashlib.sha256).digest()
    return delivery(content, hmac_sha256=base64.b64encode(digest).decode())


@pytest.mark.parametrize("secret", ["client-secret", "the-next-one"])
def test_while_a_secret_is_rotated_both_sign(secret: str) -> None:
    config = ConnectionConfig("s", "shopify", secrets={"api_secret": "client-secret", "webhook_secret": "the-next-one"})
    WEBHOOKS.signature.verify(signed(body("customers-update__thin"), secret), WEBHOOKS.secrets(config))


def test_the_bytes_are_signed_not_what_they_mean() -> None:
    content = body("customers-update__thin")
    again = json.dumps(json.loads(content)).encode()
    digest = signed(content, "client-secret").headers["x-shopify-hmac-sha256"]
    with pytest.raises(SignatureError) as problem:
        WEBHOOKS.signature.verify(delivery(again, hmac_sha256=digest), ("client-secret",))
    assert problem.value.code == "bad_signature"


# -- what bodies leave out -----------------------------------------------------------------------------------------


def test_a_thin_customer_carries_nothing_so_that_it_clears_nothing() -> None:
    for name in ("create__new", "update__thin", "enable__account", "disable__account"):
        content = body(f"customers-{name}")
        assert not {"tags", "email_marketing_consent", "total_spent", "orders_count"} & set(json.loads(content))
        (found,) = told(f"customers/{name.partition('__')[0]}", content)
        assert isinstance(found, Touched)


def test_a_product_with_part_of_its_variants_is_read_whole() -> None:
    content = body("products-update__partial_variants")
    assert len(json.loads(content)["variants"]) < len(json.loads(content)["variant_gids"])
    assert isinstance(told("products/update", content)[0], Touched)


def test_consent_topics_name_the_customer_by_two_names() -> None:
    (email,) = told("customers_email_marketing_consent/update", {"customer_id": 7, "id": 8})
    (sms,) = told("customers_marketing_consent/update", {"id": 7, "customer_id": 8})
    assert isinstance(email, Touched)
    assert isinstance(sms, Touched)
    assert (email.key, sms.key) == ("7", "7")


@pytest.mark.parametrize("topic", ["customer.tags_added", "customer.tags_removed", "customers/purchasing_summary"])
def test_camel_case_topics_name_the_customer_by_its_global_id(topic: str) -> None:
    (found,) = told(topic, {"customerId": "gid://shopify/Customer/706405506930370084", "occurredAt": None})
    assert found == Touched("customers", "706405506930370084", RECEIVED)


def test_ids_beyond_what_a_float_holds_stay_exact() -> None:
    content = b'{"id": 706405506930370085, "updated_at": "2026-11-25T09:00:00Z"}'
    (found,) = told("customers/update", content)
    assert isinstance(found, Touched)
    assert found.key == glances.of_id(content) == "706405506930370085"


def test_a_merge_keeps_the_one_and_is_one_only_once_it_is_completed() -> None:
    deleted, kept = told("customers/merge", body("customers-merge__completed"))
    assert isinstance(deleted, Gone)
    assert (deleted.deleted.key, deleted.deleted.merged_into) == ("12", "11")
    assert kept == Touched("customers", "11", RECEIVED)
    for name in ("failed", "in_progress"):
        assert [type(each) for each in told("customers/merge", body(f"customers-merge__{name}"))] == [Nothing]


def test_a_refund_and_an_edit_tell_of_their_order_not_of_themselves() -> None:
    (refund,) = told("refunds/create", body("refunds-create__part"))
    (edit,) = told("orders/edited", body("orders-edited__one_more"))
    assert isinstance(refund, Touched)
    assert isinstance(edit, Touched)
    assert (refund.stream, refund.key, edit.stream, edit.key) == ("orders", "5501", "orders", "5501")


# -- carts ---------------------------------------------------------------------------------------------------------


def test_a_cart_s_body_has_no_customer_and_is_known_by_its_token() -> None:
    content = body("carts-update__more")
    assert not {"customer", "email"} & set(json.loads(content))
    (found,) = told("carts/update", content)
    assert isinstance(found, Carried)
    assert found.record.key == json.loads(content)["token"]


def test_a_token_s_key_keeps_no_cart_from_its_order() -> None:
    (cart,) = told("carts/update", body("carts-update__token_with_key"))
    (_, closed) = told("orders/create", body("orders-create__token_with_key"))
    assert isinstance(cart, Carried)
    assert isinstance(closed, CartClosed)
    assert cart.record.key in closed.keys


def test_a_checkout_without_id_has_it_in_its_name() -> None:
    (without,) = told("checkouts/create", body("checkouts-create__id_in_the_name"))
    (within,) = told("checkouts/create", body("checkouts-create__id"))
    (gone,) = told("checkouts/delete", body("checkouts-delete__id"))
    assert isinstance(without, Carried)
    assert isinstance(within, Carried)
    assert isinstance(gone, Gone)
    assert without.record.key == within.record.key == gone.deleted.key == "9818200792"


def test_a_checkout_s_money_stays_decimal_and_its_offset_counts() -> None:
    (found,) = told("checkouts/update", body("checkouts-update__completed"))
    assert isinstance(found, Carried)
    assert found.record.raw["total_price"] == "42.15"
    assert str(found.record.raw["line_items"][0]["tax_lines"][0]["rate"]) == "0.19"
    assert found.record.updated_at == datetime(2026, 11, 25, 7, 20, tzinfo=UTC)


def test_an_order_closes_the_cart_by_all_that_it_names_it_by() -> None:
    _, closed = told("orders/create", body("orders-create__from_a_cart"))
    assert isinstance(closed, CartClosed)
    assert closed.keys == (
        "9818200792",
        "c1-7a2abe82733a34e84aa472d57fb5c3c1",
        "bd5a8aa1ecd019dd3520ff791ee3a24c",
    )
    assert len(told("orders/create", body("orders-create__without_a_cart"))) == 1


# -- what the law asks for -----------------------------------------------------------------------------------------


def test_a_person_may_be_an_e_mail_alone() -> None:
    (asked,) = told("customers/redact", body("customers-redact__e_mail_alone"))
    assert isinstance(asked, ErasureAsked)
    assert (asked.person.key, asked.person.email, asked.person.orders) == (None, "gast@example.com", ())


@pytest.mark.parametrize("customer", [None, {}, {"id": None, "email": "", "phone": None}, [], "Ana"])
def test_a_request_about_nobody_is_malformed(customer: object) -> None:
    with pytest.raises(RejectedRecord):
        told("customers/redact", {"shop_domain": "kaffee.myshopify.com", "customer": customer, "orders_to_redact": []})


def test_an_order_that_can_t_be_read_isn_t_left_out_of_an_erasure_in_silence() -> None:
    asked = {"shop_domain": "kaffee.myshopify.com", "customer": {"id": 1}, "orders_to_redact": [1, "two"]}
    with pytest.raises(RejectedRecord):
        told("customers/redact", asked)


@pytest.mark.parametrize("topic", LAWFUL)
def test_a_body_of_another_topic_doesn_t_erase_anybody(topic: str) -> None:
    # The header that names the topic isn't signed.
    with pytest.raises(RejectedRecord):
        told(topic, body("customers-update__thin"))


def test_what_the_law_asks_for_is_never_subscribed_to() -> None:
    assert {name for name, topic in TOPICS.items() if not topic.wanted} == {*LAWFUL, "bulk_operations/finish"}
