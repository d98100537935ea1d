from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from brevo.types.order import Order as VendorOrder

from tajo_pipelines.brevo import orders
from tajo_pipelines.brevo.answers import encode
from tajo_pipelines.brevo.client import BrevoRefusal
from tajo_pipelines.brevo.orders import group_orders, order_document, send_orders
from tajo_pipelines.model.errors import ConfigError, RejectedRecord
from tajo_pipelines.model.order import Address, Order, OrderLine
from tajo_pipelines_tests.brevo.stub import Received, Reply, bench, stub

ORDER = Order(
    id="5501234567890",
    name="#1001",
    currency="EUR",
    gross=Decimal("100.10"),
    refunded=Decimal("0.20"),
    tax=Decimal("15.98"),
    shipping=Decimal("4.90"),
    created_at=datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1))),
    updated_at=datetime(2026, 11, 2, tzinfo=UTC),
    status="partially_refunded",
    fulfillment_status="fulfilled",
    presentment_currency="USD",
    presentment_gross=Decimal("110.00"),
    coupons=("EASTER15",),
    payment_method="paypal",
    store="ana.myshopify.com",
    billing=Address(
        address1="Hauptstr. 5", address2="Hinterhaus", city="Köln", country="Germany", country_code="DE", zip="50667",
        province="Nordrhein-Westfalen", phone="0151 12345",
    ),
    lines=(
        OrderLine(title="T-Shirt", quantity=2, unit_price=Decimal("19.95"), product_id="1", variant_id="11"),
        OrderLine(title="Gift wrap", quantity=1, unit_price=Decimal("2.5"), sku="WRAP-1"),
        OrderLine(title="Grüße — Größe M!", quantity=1, unit_price=Decimal(0)),
        OrderLine(title="Taken out", quantity=0, unit_price=Decimal(5), product_id="2"),
    ),
)  # fmt: skip


def document(order: Order = ORDER, **options: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"email": "ana@example.com", "phone": "+4915112345678", "rate": None, "currency": "EUR"}
    return order_document(order, **given | options)


def test_an_order_holds_the_fields_of_brevos_own_shopify_app_to_the_cent() -> None:
    assert encode(document()).decode() == (
        '{"id":"5501234567890","createdAt":"2026-11-01T11:00:00.123Z","updatedAt":"2026-11-02T00:00:00.000Z",'
        '"status":"partially_refunded","amount":99.90,"storeId":"ana.myshopify.com",'
        '"identifiers":{"email_id":"ana@example.com"},"coupons":["EASTER15"],'
        '"billing":{"address":"Hauptstr. 5, Hinterhaus","city":"Köln","countryCode":"DE","country":"Germany",'
        '"postCode":"50667","region":"Nordrhein-Westfalen","phone":"0151 12345","paymentMethod":"paypal"},'
        '"products":[{"productId":"1","quantity":2,"price":19.95,"variantId":"11"},'
        '{"productId":"line:WRAP-1","quantity":1,"price":2.5},'
        '{"productId":"line:grüsse-grösse-m","quantity":1,"price":0}],'
        '"metaInfo":{"gross":"100.10","refunded":"0.20","tax":"15.98","shipping":"4.90","currency":"EUR",'
        '"presentment_amount":"110.00","presentment_currency":"USD","name":"#1001","fulfillment_status":"fulfilled"}}'
    )


def test_the_vendors_own_model_takes_the_document() -> None:
    sent = msgspec.json.decode(encode(document()))
    order = VendorOrder.model_validate(sent)
    assert order.amount == 99.9
    assert not order.model_extra
    assert not order.billing or not order.billing.model_extra
    assert all(not product.model_extra for product in order.products)


def test_an_order_that_is_worth_nothing_and_says_little_keeps_its_required_fields() -> None:
    bare = Order(
        id="1", currency="EUR", gross=Decimal("10.00"), created_at=ORDER.created_at, updated_at=ORDER.updated_at,
        status="voided", cancelled_at=ORDER.updated_at,
    )  # fmt: skip
    sent = document(bare, email=None)
    assert sent["amount"] == 0
    assert sent["identifiers"] == {"phone_id": "+4915112345678"}
    assert sent["products"] == []
    assert not {"billing", "coupons", "storeId"} & sent.keys()
    VendorOrder.model_validate(msgspec.json.decode(encode(sent)))


def test_another_currency_is_converted_in_every_amount_and_kept_beside() -> None:
    shop = msgspec.structs.replace(ORDER, currency="USD", refunded=Decimal(0), gross=Decimal("10.125"))
    sent = document(shop, rate=Decimal("1.00"))
    assert sent["amount"] == Decimal("10.12")
    assert document(msgspec.structs.replace(shop, gross=Decimal("10.135")), rate=Decimal(1))["amount"] == Decimal(
        "10.14"
    )
    sent = document(shop, rate=Decimal("0.92"))
    assert sent["products"][0]["price"] == Decimal("18.35")
    assert sent["metaInfo"]["gross"] == "10.125"
    assert (sent["metaInfo"]["currency"], sent["metaInfo"]["rate"]) == ("USD", "0.92")
    yen = document(shop, rate=Decimal("150.33"), currency="JPY")
    assert encode(yen["amount"]) == b"1522"


def test_the_same_currency_ignores_a_rate() -> None:
    assert document(rate=Decimal(2))["amount"] == Decimal("99.90")


def test_a_currency_without_rate_is_the_configurations_matter() -> None:
    with pytest.raises(ConfigError, match=r"sells in USD, the Brevo account shows EUR.*brevo\.rates\.USD"):
        document(msgspec.structs.replace(ORDER, currency="USD"))


def test_an_order_of_nobody_isnt_sent() -> None:
    with pytest.raises(RejectedRecord) as raised:
        document(email=None, phone=None)
    assert raised.value.reason == "no_identifier"


@dataclass
class Batches:
    """An account that takes batches and refuses those with a bad order in them."""

    bad: set[str] = field(default_factory=set)
    taken: list[str] = field(default_factory=list)
    flags: list[bool] = field(default_factory=list)

    def __call__(self, received: Received) -> Reply:
        assert received.path == "/v3/orders/status/batch"
        ids = [order["id"] for order in received.body["orders"]]
        self.flags.append(received.body["historical"])
        assert set(received.body) == {"orders", "historical"}
        if self.bad & set(ids):
            return Reply(400, {"code": "invalid_parameter", "message": "Invalid order in batch"})
        self.taken += ids
        return Reply(202, {"batchId": len(self.taken), "count": len(ids)})


def many(count: int) -> list[dict[str, Any]]:
    return [document(msgspec.structs.replace(ORDER, id=str(number), lines=())) for number in range(count)]


@pytest.mark.parametrize("historical", [True, False])
def test_orders_go_in_batches_of_a_thousand_in_their_order(historical: bool) -> None:
    account = Batches()
    with stub(account) as served:
        b = bench(served.url)
        sent = send_orders(b.client, many(2500), historical=historical)
        b.client.close()
    assert account.taken == sent.accepted == [str(number) for number in range(2500)]
    assert [len(received.body["orders"]) for received in served.received] == [1000, 1000, 500]
    assert set(account.flags) == {historical}
    assert len(sent.batches) == 3
    assert b.client.usage.used == {"other": 3}


def test_batches_stay_below_the_size_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "MAX_BYTES", 20_000)
    groups = list(group_orders(many(300)))
    assert sum(len(group) for group in groups) == 300
    assert all(len(encode({"orders": group, "historical": False})) <= 20_000 for group in groups)
    assert list(group_orders([])) == []


def test_one_bad_order_refuses_itself_alone() -> None:
    account = Batches(bad={"17", "803"})
    with stub(account) as served:
        b = bench(served.url)
        sent = send_orders(b.client, many(1200), historical=True)
        b.client.close()
    assert {number for number, _ in sent.refused} == {"17", "803"}
    assert sent.refused[0][1].message == "Invalid order in batch"
    assert len(sent.accepted) == 1198
    assert len(served.received) <= 45


def test_when_nothing_at_all_is_taken_the_call_fails_before_the_hour_is_spent() -> None:
    with stub([Reply(400, {"code": "bad_request", "message": "eCommerce app is not activated"})]) as served:
        b = bench(served.url)
        with pytest.raises(BrevoRefusal, match="not activated"):
            send_orders(b.client, many(1000), historical=True)
        b.client.close()
    assert len(served.received) < 30


def test_a_batch_in_doubt_is_sent_again() -> None:
    with stub([Reply(502, b""), Reply(202, {"batchId": 1, "count": 1})]) as served:
        b = bench(served.url)
        assert send_orders(b.client, many(1), historical=True).batches == ["1"]
        b.client.close()
    assert len(served.received) == 2
