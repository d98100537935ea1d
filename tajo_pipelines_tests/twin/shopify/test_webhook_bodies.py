"""What the shop's webhooks carry, judged by the fields of the vendor's sample payloads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines.twin.shopify.access import DEFAULT_CLIENT_SECRET, DEFAULT_SCOPES
from tajo_pipelines.twin.shopify.webhooks.topics import TOPICS
from tajo_pipelines_tests.twin.shopify.conftest import Api
from tajo_pipelines_tests.twin.shopify.listener import SUBSCRIBE, Heard, Listener

DOCUMENTED = json.loads((Path(__file__).parents[1] / "contract" / "shopify_webhooks.json").read_text(encoding="utf-8"))
MAY_LACK = {("customer", "default_address"), ("buyer", "default_address"), ("checkout", "customer")}
"""Fields that are left out where there is nothing, by shape."""

MOVED = ("tags", "email_marketing_consent", "sms_marketing_consent", "orders_count", "total_spent", "last_order_id")

Subscribed = Callable[..., None]


def wrong(shape: str, body: Any, where: str = "") -> Iterator[str]:
    """What a body has that the vendor's hasn't, or the other way round."""
    if not isinstance(body, dict):
        yield f"{where} is no {shape}"
        return
    fields = DOCUMENTED["shapes"][shape]
    yield from (f"{where}.{name} isn't documented" for name in body.keys() - fields.keys())
    lacking = {name for name in fields.keys() - body.keys() if (shape, name) not in MAY_LACK}
    yield from (f"{where}.{name} is missing" for name in lacking)
    for name, inner in fields.items():
        value = body.get(name)
        if isinstance(inner, str) and value is not None:
            yield from wrong(inner, value, f"{where}.{name}")
        elif isinstance(inner, list):
            for each in value or ():
                yield from wrong(inner[0], each, f"{where}.{name}[]")


@pytest.fixture
def subscribed(own_shop: Api, listener: Listener) -> Subscribed:
    """Subscribes to all topics, or to some."""

    def subscribe(*topics: str) -> None:
        own_shop.change("set_scopes", scopes=[*DEFAULT_SCOPES, "read_customer_merge"])
        own_shop.change("set_compliance_uri", uri=listener.url)
        for word, topic in TOPICS.items():
            if not topics or topic in topics:
                answer = own_shop.data(SUBSCRIBE, topic=word, uri=listener.url)["webhookSubscriptionCreate"]
                assert answer["userErrors"] == []

    return subscribe


def heard_of(own_shop: Api, listener: Listener, op: str, count: int, **arguments: Any) -> list[Heard]:
    """What is told of one change, once ``count`` deliveries have come; the order isn't promised."""
    listener.heard.clear()
    own_shop.change(op, **arguments)
    heard = listener.wait(count)
    assert len(heard) == count, listener.topics()
    return heard


def test_everything_that_happens_is_told_in_the_documented_shape(
    own_shop: Api, listener: Listener, subscribed: Subscribed
) -> None:
    subscribed()
    people = [each for each in own_shop.dump("customers") if each["emailValid"] and each["phone"]]
    one, two, three = (each["id"] for each in people[:3])
    product = own_shop.dump("products")[0]["id"]
    changes: list[tuple[str, dict[str, Any]]] = [
        ("create_customer", {"email": "neu@example.com", "fields": {"tags": ["vip"]}}),
        ("update_customer", {"id": one, "fields": {"state": "INVITED"}}),
        ("update_customer", {"id": one, "fields": {"state": "ENABLED", "tags": ["vip", "b2b"]}}),
        ("update_customer", {"id": one, "fields": {"state": "DISABLED", "tags": []}}),
        ("set_consent", {"id": one, "state": "SUBSCRIBED", "level": "CONFIRMED_OPT_IN"}),
        ("set_consent", {"id": one, "channel": "sms", "state": "PENDING"}),
        ("create_order", {"customer": one, "paid": 0, "code": ["TEN", 10], "lines": [{}, {"title": "Gravur"}]}),
        ("buy", {"customer": two, "lines": [{"quantity": 3}]}),
        ("create_cart", {"customer": two}),
        ("create_product", {"title": "Tasse", "variants": 3}),
        ("update_product", {"id": product, "fields": {"tags": ["neu"], "images": 2}}),
        ("merge_customers", {"one": two, "two": three}),
        ("redact_customer", {"id": one}),
        ("request_data", {"id": one}),
        ("redact_shop", {}),
    ]
    made = [own_shop.change(op, **arguments) for op, arguments in changes]
    order, cart = made[6]["order"]["id"], made[8]["cart"]["id"]
    token = own_shop.change("fill_cart")["cart"]["token"]
    for op, arguments in (
        ("change_cart", {"token": token, "quantity": 2}),
        ("pay_order", {"id": order}),
        ("fulfil_order", {"id": order}),
        ("refund_order", {"id": order, "quantities": {"0": 1}}),
        ("cancel_order", {"id": order}),
        ("delete_order", {"id": order}),
        ("delete_cart", {"id": cart}),
        ("delete_product", {"id": product}),
        ("delete_collection", {"id": own_shop.dump("collections")[0]["id"]}),
        ("delete_customer", {"id": one}),
    ):
        own_shop.change(op, **arguments)
    own_shop.data(
        'mutation { bulkOperationRunQuery(query: "{ products { edges { node { id } } } }") { userErrors { message } } }'
    )
    listener.wait(1, "bulk_operations/finish")
    listener.wait(1, "customers/delete")
    told = set(listener.topics())
    assert told == set(DOCUMENTED["topics"])
    found = [
        f"{each.topic}{complaint}"
        for each in listener.heard
        for complaint in wrong(DOCUMENTED["topics"][each.topic], each.body)
    ]
    assert found == []
    assert all(each.signed_by(DEFAULT_CLIENT_SECRET) for each in listener.heard)


def test_a_customer_s_body_is_thin_and_what_left_it_has_topics_of_its_own(
    own_shop: Api, listener: Listener, subscribed: Subscribed
) -> None:
    subscribed()
    person = next(each for each in own_shop.dump("customers") if each["emailValid"] and not each["tags"])
    heard = heard_of(own_shop, listener, "update_customer", 2, id=person["id"], fields={"tags": ["vip", "b2b"]})
    by_topic = {each.topic: each.body for each in heard}
    assert set(by_topic) == {"customers/update", "customer.tags_added"}
    assert not set(MOVED) & set(by_topic["customers/update"])
    assert by_topic["customer.tags_added"]["tags"] == ["vip", "b2b"]
    assert by_topic["customer.tags_added"]["customerId"] == f"gid://shopify/Customer/{person['id']}"
    heard = heard_of(own_shop, listener, "set_consent", 2, id=person["id"], state="UNSUBSCRIBED")
    by_topic = {each.topic: each.body for each in heard}
    consent = by_topic["customers_email_marketing_consent/update"]
    assert (consent["customer_id"], consent["email_marketing_consent"]["state"]) == (person["id"], "unsubscribed")
    assert len({each.headers["x-shopify-event-id"] for each in heard}) == 1
    assert len({each.number for each in heard}) == 2


def test_an_order_of_a_cart_names_cart_and_checkout_and_no_checkout_id(
    own_shop: Api, listener: Listener, subscribed: Subscribed
) -> None:
    subscribed("carts/create", "carts/update", "checkouts/create", "checkouts/update", "orders/create")
    owner = next(each for each in own_shop.dump("customers") if each["emailValid"])
    token = own_shop.change("fill_cart", lines=[{"quantity": 2}])["cart"]["token"]
    begun = own_shop.change("begin_checkout", token=token, customer=owner["id"])["checkout"]
    paid = own_shop.change("complete_checkout", checkout=begun["id"])
    listener.wait(4)
    bodies = {each.topic: each.body for each in listener.heard}
    cart, checkout, order = bodies["carts/create"], bodies["checkouts/create"], bodies["orders/create"]
    assert "email" not in listener.of("carts/create")[0].raw.decode()
    assert cart["token"] == checkout["cart_token"] == order["cart_token"] == token
    assert checkout["token"] == order["checkout_token"] == bodies["checkouts/update"]["token"]
    assert (checkout["email"], checkout["customer"]["id"], checkout["completed_at"]) == (
        owner["email"],
        owner["id"],
        None,
    )
    assert bodies["checkouts/update"]["completed_at"] is not None
    assert "id" not in checkout
    assert "checkout_id" not in order
    gid = f"gid://shopify/Order/{paid['order']['id']}"
    found = own_shop.data("query Q($id: ID!) { order(id: $id) { cartToken checkoutToken } }", id=gid)["order"]
    assert found == {"cartToken": token, "checkoutToken": checkout["token"]}


def test_before_2026_04_checkouts_and_orders_had_the_checkout_s_id(
    own_shop: Api, listener: Listener, subscribed: Subscribed
) -> None:
    subscribed("checkouts/create", "orders/create")
    own_shop.change("set_webhooks", version="2026-01")
    own_shop.change("buy", email="gast@example.com")
    listener.wait(2)
    checkout, order = listener.of("checkouts/create")[0], listener.of("orders/create")[0]
    assert checkout.body["id"] == order.body["checkout_id"]
    assert checkout.body["name"] == f"#{checkout.body['id']}"
    assert {each.headers["x-shopify-api-version"] for each in listener.heard} == {"2026-01"}


def test_an_emptied_cart_has_no_lines_and_a_checkout_is_queried_once_abandoned(
    own_shop: Api, listener: Listener, subscribed: Subscribed
) -> None:
    subscribed("carts/update", "checkouts/create", "checkouts/update")
    owner = next(each for each in own_shop.dump("customers") if each["emailValid"])
    token = own_shop.change("fill_cart")["cart"]["token"]
    own_shop.change("empty_cart", token=token)
    assert listener.wait(1)[0].body["line_items"] == []
    begun = own_shop.change("begin_checkout", customer=owner["id"])["checkout"]
    own_shop.change("begin_checkout")
    listener.wait(3)
    query = "query Q($ids: [ID!]!) { nodes(ids: $ids) { ... on AbandonedCheckout { id customer { id } } } }"
    gid = f"gid://shopify/AbandonedCheckout/{begun['id']}"
    node = None
    for _ in range(200):
        node = node or own_shop.data(query, ids=[gid])["nodes"][0]
    assert node is not None
    assert node["customer"]["id"] == f"gid://shopify/Customer/{owner['id']}"
    assert own_shop.state()["store"]["checkouts"] == 1
    assert len(listener.heard) == 3


def test_a_merge_tells_who_stayed_and_moves_orders_without_a_word(
    own_shop: Api, listener: Listener, subscribed: Subscribed
) -> None:
    subscribed()
    one, two = [each["id"] for each in own_shop.dump("customers") if each["emailValid"] and each["lastOrder"]][:2]
    heard = heard_of(own_shop, listener, "merge_customers", 2, one=one, two=two, keep_email_of=one, event=None)
    body = {each.topic: each.body for each in heard}["customers/merge"]
    assert {each.topic for each in heard} == {"customers/merge", "customers/update"}
    assert body["admin_graphql_api_customer_kept_id"] == f"gid://shopify/Customer/{one}"
    assert (body["admin_graphql_api_customer_deleted_id"], body["status"]) == (
        f"gid://shopify/Customer/{two}",
        "completed",
    )
    assert own_shop.change("delete_customer", id=one)
    assert listener.wait(1, "customers/delete")[0].body["id"] == one


def test_of_many_variants_a_product_s_body_has_a_hundred(
    own_shop: Api, listener: Listener, subscribed: Subscribed
) -> None:
    subscribed("products/create")
    own_shop.change("create_product", variants=120)
    body = listener.wait(1)[0].body
    assert (len(body["variants"]), len(body["variant_gids"])) == (100, 120)


def test_a_compliance_topic_may_name_an_email_alone_and_needs_an_address(own_shop: Api, listener: Listener) -> None:
    customer = next(each for each in own_shop.dump("customers") if each["emailValid"] and each["lastOrder"])
    refused = own_shop.session.post(
        own_shop.twin.shopify_url + "/_twin/change", json={"target": "shopify", "op": "redact_shop"}, timeout=10
    )
    assert refused.status_code == 400
    own_shop.change("set_compliance_uri", uri=listener.url)
    own_shop.change("redact_customer", email=customer["email"].upper(), only_email=True)
    body = listener.wait(1)[0].body
    assert body["customer"] == {"email": customer["email"]}
    assert customer["lastOrder"] in body["orders_to_redact"]
    own_shop.change("request_data", id=customer["id"])
    assert listener.wait(2)[1].body["customer"]["id"] == customer["id"]


def test_a_refund_and_a_fulfilment_change_what_a_customer_has_bought(
    own_shop: Api, listener: Listener, subscribed: Subscribed
) -> None:
    subscribed("customers/purchasing_summary", "orders/updated", "refunds/create")
    owner = own_shop.dump("customers")[0]["id"]
    order = own_shop.change("create_order", customer=owner, lines=[{"title": "Tee", "cents": 5000}], shipping=0)[
        "order"
    ]
    before = listener.wait(1, "customers/purchasing_summary")[0].body
    own_shop.change("refund_order", id=order["id"], cents=1250)
    after = listener.wait(2, "customers/purchasing_summary")[1].body
    own_shop.change("fulfil_order", id=order["id"])
    listener.wait(3, "orders/updated")
    assert float(before["amountSpent"]["amount"]) - float(after["amountSpent"]["amount"]) == 12.5
    assert before["lastOrderId"] == f"gid://shopify/Order/{order['id']}"
    assert len(listener.of("customers/purchasing_summary")) == 2
    assert listener.of("refunds/create")[0].body["order_id"] == order["id"]
