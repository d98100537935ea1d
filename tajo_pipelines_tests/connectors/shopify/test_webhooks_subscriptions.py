"""Subscriptions of the app in the shop."""

from __future__ import annotations

import pytest

from tajo_pipelines.connectors.shopify.subscriptions import enum_of
from tajo_pipelines.connectors.shopify.webhooks import LAWFUL, TOPICS
from tajo_pipelines.model.errors import ConfigError, ContractError, RetryableError
from tajo_pipelines.sdk.webhooks import Subscribes
from tajo_pipelines_tests.connectors.shopify.support import SCHEMA, Shop, opened
from tajo_pipelines_tests.sdk.support import Reply

URL = "https://hooks.example/webhooks/shopify"


@pytest.mark.parametrize("topic", [name for name in TOPICS if name not in LAWFUL])
def test_every_topic_is_one_of_the_schema(topic: str) -> None:
    assert enum_of(topic) in SCHEMA.type_map["WebhookSubscriptionTopic"].values  # type: ignore[attr-defined]  # an enum


@pytest.mark.parametrize("topic", LAWFUL)
def test_what_the_law_asks_for_isn_t_in_the_schema(topic: str) -> None:
    assert enum_of(topic) not in SCHEMA.type_map["WebhookSubscriptionTopic"].values  # type: ignore[attr-defined]  # an enum


def test_a_subscription_is_made_listed_and_taken_back() -> None:
    shop = Shop()
    with opened(shop) as (source, _):
        assert isinstance(source, Subscribes)
        made = source.subscribe("customer.tags_added", URL)
        assert source.subscriptions() == [made]
        source.unsubscribe(made)
        assert source.subscriptions() == []
        source.unsubscribe(made)
    assert (made.topic, made.url, made.whole) == ("customer.tags_added", URL, True)
    assert made.details == {"format": "JSON", "api_version": "2026-10"}
    assert shop.asked[0] == {"topic": "CUSTOMER_TAGS_ADDED", "subscription": {"uri": URL, "format": "JSON"}}


def test_every_page_of_subscriptions_is_read() -> None:
    shop = Shop(largest_page=2)
    for topic in ("ORDERS_CREATE", "ORDERS_PAID", "THEMES_PUBLISH", "CARTS_CREATE", "CARTS_UPDATE"):
        shop.hook(topic, URL)
    with opened(shop) as (source, _):
        found = [each.topic for each in source.subscriptions()]
    assert found == ["orders/create", "orders/paid", "THEMES_PUBLISH", "carts/create", "carts/update"]


@pytest.mark.parametrize(
    "less",
    [{"format": "XML"}, {"filter": "id:1"}, {"includeFields": ["id", "updated_at"]}],
    ids=lambda less: next(iter(less)),
)
def test_a_subscription_that_sends_less_than_everything_isn_t_whole(less: dict[str, object]) -> None:
    shop = Shop()
    shop.hook("ORDERS_CREATE", URL, **less)
    with opened(shop) as (source, _):
        assert [each.whole for each in source.subscriptions()] == [False]


def test_a_refusal_is_quoted_without_secrets() -> None:
    shop = Shop(hooks_refused={"ORDERS_CREATE": "Address is not allowed, said shpat_stored"})
    with opened(shop) as (source, _), pytest.raises(ConfigError) as refused:
        source.subscribe("orders/create", URL)
    assert refused.value.code == "subscription_refused"
    assert "Address is not allowed, said ***" in refused.value.message


def test_a_subscription_that_is_kept_against_our_will_isn_t_called_gone() -> None:
    shop = Shop()
    shop.hook("ORDERS_CREATE", URL)
    shop.hooks_kept.add(shop.hooks[0]["id"])
    with opened(shop) as (source, _):
        (made,) = source.subscriptions()
        with pytest.raises(ConfigError) as refused:
            source.unsubscribe(made)
    assert refused.value.code == "subscription_kept"


def test_a_lost_answer_is_in_doubt_and_isn_t_asked_twice() -> None:
    shop = Shop(instead=[Reply(hang_up=True)])
    with opened(shop, options={"patience": 1}) as (source, _), pytest.raises(RetryableError) as lost:
        source.subscribe("orders/create", URL)
    assert lost.value.in_doubt
    assert shop.hooks == []


@pytest.mark.parametrize("answer", [None, {"webhookSubscription": None, "userErrors": []}])
def test_an_answer_without_subscription_isn_t_one(answer: object) -> None:
    shop = Shop(instead=[Reply(200, {"data": {"webhookSubscriptionCreate": answer}})])
    with opened(shop) as (source, _), pytest.raises(ContractError):
        source.subscribe("orders/create", URL)
