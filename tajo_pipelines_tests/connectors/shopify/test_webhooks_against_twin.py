"""What the shop's twin sends, read by the connector: every topic that a shop's day brings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tajo_pipelines.connectors.shopify.subscriptions import Subscriptions
from tajo_pipelines.connectors.shopify.webhooks import LAWFUL, TOPICS, WEBHOOKS
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.sdk.connector import ConnectionConfig
from tajo_pipelines.sdk.webhooks import Delivery, Nothing, Tidings
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import TwinProcess, running_twin
from tajo_pipelines.twin.shopify.access import DEFAULT_CLIENT_SECRET, DEFAULT_SCOPES
from tajo_pipelines.twin.shopify.views import DOMAIN
from tajo_pipelines_tests.connectors.shopify.test_against_twin import opened
from tajo_pipelines_tests.twin.shopify.listener import Heard, Listener

CONFIG = ConnectionConfig("shopify", "shopify", {"shop_url": DOMAIN}, {"api_secret": DEFAULT_CLIENT_SECRET})
BULK = 'mutation { bulkOperationRunQuery(query: "{ products { edges { node { id } } } }") { userErrors { field } } }'
EDITED = {"orders/edited", "orders/partially_fulfilled"}
"""What doesn't happen in the twin's shop."""


@pytest.fixture
def twin() -> Iterator[TwinProcess]:
    with running_twin(halves=("shopify",), options=TwinOptions(customers=80), clock=TwinClock(200.0)) as process:
        yield process


@pytest.fixture
def listener() -> Iterator[Listener]:
    listening = Listener()
    yield listening
    listening.close()


def read(heard: Heard) -> list[Tidings]:
    now = datetime.now(UTC)
    delivery = Delivery(heard.headers, heard.raw, now)
    WEBHOOKS.signature.verify(delivery, WEBHOOKS.secrets(CONFIG))
    envelope = WEBHOOKS.envelope(delivery, CONFIG)
    assert envelope.delivery_id == heard.number
    assert envelope.source_at is not None
    assert abs((envelope.source_at - now).total_seconds()) < 60
    return list(WEBHOOKS.tidings(envelope, heard.raw, now))


def test_every_webhook_of_a_shop_s_day_is_proved_and_understood(twin: TwinProcess, listener: Listener) -> None:
    source = opened(twin, "never")
    subscriptions = Subscriptions(source.client)
    with pytest.raises(ConfigError, match="permission"):
        subscriptions.make("customers/merge", listener.url)
    twin.change("shopify", "set_scopes", scopes=[*DEFAULT_SCOPES, "read_customer_merge"])
    wanted = set(TOPICS) - set(LAWFUL)
    made = {subscriptions.make(topic, listener.url).id for topic in wanted}
    assert {each.id for each in subscriptions.all()} == made
    twin.change("shopify", "traffic", per_second=400, count=400, seed=1)
    while twin.state("shopify")["traffic"]["per_second"]:
        time.sleep(0.05)
    people = [each["id"] for each in twin.shopify.shop.customers.values() if each["emailValid"] and each["phone"]]
    for op, arguments in (
        ("set_consent", {"id": people[0], "state": "UNSUBSCRIBED"}),
        ("set_consent", {"id": people[0], "channel": "sms", "state": "UNSUBSCRIBED"}),
        *(("update_customer", {"id": people[0], "fields": {"state": f"{word}ABLED"}}) for word in ("DIS", "EN", "DIS")),
        ("merge_customers", {"one": people[1], "two": people[2]}),
        (
            "update_product",
            {"id": twin.change("shopify", "create_product")["product"]["id"], "fields": {"title": "Neu"}},
        ),
        ("delete_product", {"id": next(iter(twin.shopify.shop.products))}),
        ("cancel_order", {"id": twin.change("shopify", "create_order")["order"]["id"]}),
        ("delete_order", {"id": twin.change("shopify", "create_order")["order"]["id"]}),
        ("delete_cart", {"id": twin.change("shopify", "create_cart")["cart"]["id"]}),
        ("set_compliance_uri", {"uri": listener.url}),
        ("redact_customer", {"id": people[3], "only_email": True}),
        ("request_data", {"id": people[3]}),
        ("redact_shop", {}),
    ):
        twin.change("shopify", op, **arguments)
    twin.call(lambda: twin.shopify.execute({"query": BULK}))
    listener.wait(1, "bulk_operations/finish")
    while twin.state("shopify")["webhooks"]["waiting"]:
        time.sleep(0.05)
    source.close()
    assert set(listener.topics()) == set(TOPICS) - EDITED
    told = [(each.topic, tidings) for each in listener.heard for tidings in read(each)]
    assert {topic for topic, tidings in told if isinstance(tidings, Nothing)} == {"bulk_operations/finish"}
