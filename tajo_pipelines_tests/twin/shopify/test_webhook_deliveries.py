"""How the shop's webhooks are subscribed to, sent, sent again, and what goes wrong when it is ordered to."""

from __future__ import annotations

import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines.twin.shopify.access import DEFAULT_CLIENT_SECRET
from tajo_pipelines.twin.shopify.views import DOMAIN
from tajo_pipelines.twin.shopify.webhooks.outbox import RETRIED_FOR, WAITS
from tajo_pipelines_tests.twin.shopify.conftest import FAST, Api
from tajo_pipelines_tests.twin.shopify.listener import SUBSCRIBE, Listener

LIST = """
query List($first: Int!, $after: String, $topics: [WebhookSubscriptionTopic!], $uri: String) {
  webhookSubscriptions(first: $first, after: $after, topics: $topics, uri: $uri) {
    nodes { id topic uri format filter includeFields apiVersion { handle } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
UPDATE = """
mutation Update($id: ID!, $uri: String) {
  webhookSubscriptionUpdate(id: $id, webhookSubscription: {uri: $uri}) {
    webhookSubscription { id uri }
    userErrors { field message }
  }
}
"""
DELETE = """
mutation Delete($id: ID!) {
  webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId userErrors { field message } }
}
"""


def subscribe(api: Api, topic: str, uri: str | None) -> dict[str, Any]:
    answer: dict[str, Any] = api.data(SUBSCRIBE, topic=topic, uri=uri)["webhookSubscriptionCreate"]
    return answer


def message(answer: dict[str, Any]) -> str:
    return str(answer["userErrors"][0]["message"])


def listed(api: Api, **wanted: Any) -> list[dict[str, Any]]:
    return [node for page in api.pages(LIST, "webhookSubscriptions", first=2, **wanted) for node in page]


def until(test: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < end
        time.sleep(0.02)


def counts(api: Api) -> Counter[str]:
    summed: Counter[str] = Counter()
    for each in api.state()["webhooks"]["counts"].values():
        summed.update(each)
    return summed


def settled(api: Api) -> Counter[str]:
    """The counts once nothing waits any more."""
    until(lambda: api.state()["webhooks"]["waiting"] == 0)
    return counts(api)


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody answers the call for a connection."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{deaf.getsockname()[1]}/"


def test_subscriptions_are_made_listed_moved_and_ended(own_shop: Api, listener: Listener) -> None:
    made = [subscribe(own_shop, topic, listener.url) for topic in ("CUSTOMERS_UPDATE", "ORDERS_CREATE", "CARTS_UPDATE")]
    assert (
        message(subscribe(own_shop, "ORDERS_CREATE", listener.url)) == "Address for this topic has already been taken"
    )
    assert "https" not in listener.url
    assert "not supported" in message(subscribe(own_shop, "ORDERS_CREATE", "http://shop.example/hook"))
    assert "invalid" in message(subscribe(own_shop, "ORDERS_CREATE", "pubsub://project:topic"))
    assert "blank" in message(subscribe(own_shop, "ORDERS_CREATE", None))
    assert "permission" in message(subscribe(own_shop, "CUSTOMERS_MERGE", listener.url))
    ids = [each["webhookSubscription"]["id"] for each in made]
    found = listed(own_shop)
    assert [each["id"] for each in found] == ids
    assert found[0]["apiVersion"]["handle"] == "2026-10"
    assert (found[0]["format"], found[0]["filter"], found[0]["includeFields"]) == ("JSON", None, [])
    moved = own_shop.data(UPDATE, id=ids[0], uri=f"{listener.url}/moved")["webhookSubscriptionUpdate"]
    assert moved["webhookSubscription"] == {"id": ids[0], "uri": f"{listener.url}/moved"}
    assert [each["id"] for each in listed(own_shop, uri=f"{listener.url}/moved")] == [ids[0]]
    assert [each["id"] for each in listed(own_shop, topics=["CARTS_UPDATE", "CARTS_CREATE"])] == [ids[2]]
    ended = own_shop.data(DELETE, id=ids[1])["webhookSubscriptionDelete"]
    assert ended == {"deletedWebhookSubscriptionId": ids[1], "userErrors": []}
    assert own_shop.data(DELETE, id=ids[1])["webhookSubscriptionDelete"]["userErrors"]
    own_shop.change("create_order")
    own_shop.change("change_customers", count=1)
    assert listener.wait(1)[0].path.endswith("/moved")
    assert settled(own_shop)["told"] == 1


def test_the_signature_is_over_the_bytes_and_the_headers_are_the_vendor_s(own_shop: Api, listener: Listener) -> None:
    subscribe(own_shop, "CUSTOMERS_UPDATE", listener.url)
    customer = own_shop.dump("customers")[0]["id"]
    own_shop.change("update_customer", id=customer, fields={"note": "Größe <M> & Farbe"})
    heard = listener.wait(1)[0]
    assert heard.signed_by(DEFAULT_CLIENT_SECRET)
    assert not heard.signed_by("another")
    assert heard.body["note"] == "Größe <M> & Farbe"
    assert b"gid:\\/\\/shopify\\/Customer" in heard.raw
    headers = {name: value for name, value in heard.headers.items() if name.startswith("x-shopify-")}
    assert headers["x-shopify-topic"] == "customers/update"
    assert headers["x-shopify-shop-domain"] == DOMAIN
    assert headers["x-shopify-api-version"] == "2026-10"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", headers["x-shopify-triggered-at"])
    assert headers["x-shopify-webhook-id"] != headers["x-shopify-event-id"]
    assert heard.headers["content-type"] == "application/json"


def test_a_failed_delivery_comes_again_with_its_old_body_and_id(own_shop: Api, listener: Listener) -> None:
    subscription = subscribe(own_shop, "CUSTOMERS_UPDATE", listener.url)["webhookSubscription"]["id"]
    customer = own_shop.dump("customers")[0]["id"]
    statuses = iter((500, 302, 404))
    listener.answer = lambda _heard: next(statuses, 204)
    own_shop.change("update_customer", id=customer, fields={"note": "first"})
    listener.wait(1)
    own_shop.data(UPDATE, id=subscription, uri=f"{listener.url}/moved")
    heard = listener.wait(4)
    assert len({(each.number, each.raw, each.path) for each in heard}) == 1
    assert {each.path for each in heard} == {"/webhooks/shopify"}
    assert settled(own_shop) == {"told": 1, "failed": 3, "retried": 3, "sent": 1}
    assert [each["status"] for each in own_shop.state()["webhooks"]["log"]] == [500, 302, 404, 204]


def test_after_the_eighth_retry_the_subscription_is_deleted(own_shop: Api, listener: Listener) -> None:
    assert (len(WAITS), round(sum(WAITS))) == (8, RETRIED_FOR)
    subscribe(own_shop, "CUSTOMERS_UPDATE", listener.url)
    subscribe(own_shop, "ORDERS_CREATE", listener.url)
    listener.answer = lambda heard: 500 if heard.topic == "customers/update" else 200
    own_shop.change("change_customers", count=1)
    own_shop.change("create_order")
    until(lambda: len(listed(own_shop)) == 1)
    assert listed(own_shop)[0]["topic"] == "ORDERS_CREATE"
    assert len(listener.of("customers/update")) == 9
    webhooks = own_shop.state()["webhooks"]
    assert [each["topic"] for each in webhooks["deleted"]] == ["CUSTOMERS_UPDATE"]
    assert webhooks["counts"]["customers/update"] == {"told": 1, "failed": 9, "retried": 8, "given_up": 1}
    own_shop.change("change_customers", count=1)
    assert settled(own_shop)["told"] == 2


def test_one_that_arrives_meanwhile_saves_the_subscription(own_shop: Api, listener: Listener) -> None:
    subscribe(own_shop, "CUSTOMERS_UPDATE", listener.url)
    one, two = (each["id"] for each in own_shop.dump("customers")[:2])
    listener.answer = lambda heard: 500 if heard.body["id"] == one else 200
    own_shop.change("update_customer", id=one, fields={"note": "never arrives"})
    listener.wait(1)
    own_shop.change("update_customer", id=two, fields={"note": "arrives"})
    assert settled(own_shop)["given_up"] == 1
    assert len(listed(own_shop)) == 1


def test_who_is_silent_for_too_long_has_not_been_told(
    own_shop: Api, listener: Listener, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tajo_pipelines.twin.shopify.webhooks.courier.ANSWER_SECONDS", 0.1)
    listener.slowness = 0.3
    subscribe(own_shop, "CUSTOMERS_UPDATE", listener.url)
    subscribe(own_shop, "ORDERS_CREATE", nobody)
    own_shop.change("change_customers", count=1)
    own_shop.change("create_order")

    def errors() -> dict[str, str]:
        return {each["topic"]: each["error"] for each in own_shop.state()["webhooks"]["log"]}

    until(lambda: len(errors()) == 2)
    assert errors() == {"customers/update": "TimeoutError", "orders/create": "ConnectionRefusedError"}


def test_ordered_disorder_loses_doubles_and_shuffles(own_shop: Api, listener: Listener) -> None:
    subscribe(own_shop, "CUSTOMERS_UPDATE", listener.url)
    own_shop.change("set_webhooks", lost=0.2, duplicates=0.2, late=0.5, window=3000, seed=7)
    customer = own_shop.dump("customers")[0]["id"]
    for number in range(60):
        own_shop.change("update_customer", id=customer, fields={"note": f"{number:02d}"})
    made = settled(own_shop)
    assert made["told"] == 60
    assert 3 <= made["lost"] <= 25
    assert 3 <= made["doubled"] <= 25
    assert made["sent"] == 60 - made["lost"] + made["doubled"]
    ids = [each.number for each in listener.heard]
    assert len(ids) - len(set(ids)) == made["doubled"]
    first = list(dict.fromkeys(each.body["note"] for each in listener.heard))
    assert first != sorted(first)
    assert Counter(each.raw for each in listener.heard).most_common(1)[0][1] == 2


def test_deliveries_signed_with_another_secret_are_ordered(own_shop: Api, listener: Listener) -> None:
    subscribe(own_shop, "CUSTOMERS_UPDATE", listener.url)
    own_shop.change("set_webhooks", forged=1.0)
    own_shop.change("change_customers", count=1)
    assert not listener.wait(1)[0].signed_by(DEFAULT_CLIENT_SECRET)
    own_shop.change("set_webhooks", secret="rotated", delay=100, domain="other.myshopify.com")
    own_shop.change("change_customers", count=1)
    rotated = listener.wait(2)[1]
    assert rotated.signed_by("rotated")
    assert rotated.headers["x-shopify-shop-domain"] == "other.myshopify.com"
    state = own_shop.state()["webhooks"]
    assert "rotated" not in str(state)
    assert all("body" not in each for each in state["log"])


@pytest.mark.parametrize("wrong", [{"lost": 2}, {"window": -1}, {"version": "2019-04"}, {"lsot": 0.1}])
def test_disorder_that_cannot_be_understood_is_refused(own_shop: Api, wrong: dict[str, Any]) -> None:
    body = {"target": "shopify", "op": "set_webhooks", **wrong}
    assert own_shop.session.post(f"{own_shop.twin.shopify_url}/_twin/change", json=body, timeout=5).status_code == 400


def test_without_the_scope_nothing_is_told(own_shop: Api, listener: Listener) -> None:
    subscribe(own_shop, "CUSTOMERS_UPDATE", listener.url)
    own_shop.change("set_scopes", scopes=["read_orders"])
    own_shop.change("change_customers", count=1)
    assert settled(own_shop)["told"] == 0


def test_what_has_not_arrived_is_sent_after_a_restart(tmp_path: Path, listener: Listener) -> None:
    slow, options = TwinClock(0.001), TwinOptions(customers=20)
    listener.answer = lambda _heard: 503
    with running_twin(tmp_path, halves=("shopify",), options=options, clock=slow) as twin:
        api = Api(twin)
        subscribe(api, "CUSTOMERS_UPDATE", listener.url)
        api.change("change_customers", count=2)
        until(lambda: counts(api)["failed"] == 2)
        api.session.close()
    listener.answer = lambda _heard: 200
    with running_twin(tmp_path, halves=("shopify",), clock=slow) as twin:
        api = Api(twin)
        assert settled(api)["sent"] == 2
        assert len(listed(api)) == 1
        api.session.close()
    numbers = [each.number for each in listener.heard]
    assert sorted(numbers[:2]) == sorted(numbers[2:])


def test_traffic_comes_at_its_rate_in_its_mix_until_it_is_stopped(listener: Listener) -> None:
    with running_twin(halves=("shopify",), options=TwinOptions(customers=60), clock=TwinClock(1.0)) as twin:
        api = Api(twin)
        for topic in ("CUSTOMERS_UPDATE", "ORDERS_CREATE", "CARTS_CREATE", "CHECKOUTS_CREATE"):
            subscribe(api, topic, listener.url)
        api.change("traffic", per_second=200, count=120, seed=3)
        until(lambda: api.state()["traffic"]["per_second"] == 0)
        made = api.state()["traffic"]["made"]
        assert sum(made.values()) == 120
        assert made["customers"] > made["orders"]
        assert made.keys() >= {"customers", "orders", "carts"}
        settled(api)
        assert set(listener.topics()) == {"customers/update", "orders/create", "carts/create", "checkouts/create"}
        events = Counter(each.headers["x-shopify-event-id"] for each in listener.of("customers/update"))
        assert max(events.values()) == 1
        api.change("traffic", per_second=5)
        time.sleep(0.5)
        assert 1 <= sum(api.change("traffic", per_second=0)["made"].values()) - 120 <= 5
        api.session.close()


def test_every_id_of_many_costs(read_shop: Api) -> None:
    ids = [f"gid://shopify/Customer/{each['id']}" for each in read_shop.dump("customers")[:100]]
    query = "query Many($ids: [ID!]!) { nodes(ids: $ids) { ... on Customer { id defaultAddress { id } } } }"
    answer = read_shop.answer(query, ids=[*ids, "gid://shopify/Order/1", "gid://shopify/Customer/1"])
    assert answer["extensions"]["cost"]["requestedQueryCost"] == 102
    assert answer["data"]["nodes"][100:] == [None, None]
    assert [node["id"] for node in answer["data"]["nodes"][:100]] == ids
    dear = "query Dear($ids: [ID!]!) { nodes(ids: $ids) { ... on Customer { orders(first: 250) { nodes { id } } } } }"
    assert read_shop.refusal(dear, ids=ids)["extensions"]["code"] == "MAX_COST_EXCEEDED"


def test_the_twin_s_clock_shortens_the_waits_between_retries() -> None:
    assert FAST.scaled(WAITS[-1]) < 2
