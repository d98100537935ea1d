from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from brevo.ecommerce.types import CreateUpdateBatchCategoryRequestCategoriesItem as VendorCategory
from brevo.ecommerce.types import CreateUpdateBatchProductsRequestProductsItem as VendorProduct

from tajo_pipelines.brevo.answers import encode
from tajo_pipelines.brevo.client import BrevoRefusal
from tajo_pipelines.brevo.product_documents import (
    MAX_META_CHARACTERS,
    category_document,
    deleted_documents,
    product_documents,
)
from tajo_pipelines.brevo.products import SentProducts, send_categories, send_products
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.model.product import Category, Product, Variant
from tajo_pipelines_tests.brevo.stub import Received, Reply, bench, stub

SHIRT = Product(
    id="9001",
    title="T-Shirt",
    status="active",
    currency="EUR",
    description="Soft and plain",
    brand="Ana & Co",
    product_type="Shirts",
    tags=("summer", "cotton"),
    url="https://shop.example/products/t-shirt",
    image_url="https://cdn.example/t-shirt.jpg",
    updated_at=datetime(2026, 11, 2, tzinfo=UTC),
    categories=(Category(id="77", name="Shirts"),),
    variants=(
        Variant(
            id="9101", title="S / Red", price=Decimal("19.95"), compare_at=Decimal("25.00"), sku="TS-S", stock=3,
            options=("S", "Red"), image_url="https://cdn.example/red.jpg",
        ),
        Variant(id="9102", title="M / Red", price=Decimal("17.50"), sku="TS-M", stock=-1, options=("M", "Red")),
        Variant(id="9103", title="L / Red", sku="TS-L"),
    ),
)  # fmt: skip


def documents(product: Product = SHIRT, **options: Any) -> list[dict[str, Any]]:
    given: dict[str, Any] = {"rate": None, "currency": "EUR"} | options
    return product_documents(product, given["rate"], given["currency"])


# ------------------------------------------------------------------------------------------------ documents


def test_a_product_goes_before_its_variants_and_they_name_it() -> None:
    parent, *variants = documents()
    assert encode(parent).decode() == (
        '{"id":"9001","name":"T-Shirt","url":"https://shop.example/products/t-shirt",'
        '"imageUrl":"https://cdn.example/t-shirt.jpg","categories":["77"],"stock":2,"brand":"Ana & Co",'
        '"description":"Soft and plain","isDeleted":false,'
        '"metaInfo":{"status":"active","product_type":"Shirts","currency":"EUR","tags":"summer, cotton"},'
        '"price":17.50,"alternativePrice":17.50}'
    )
    assert [(item["id"], item["parentId"], item["name"]) for item in variants] == [
        ("9101", "9001", "T-Shirt - S / Red"),
        ("9102", "9001", "T-Shirt - M / Red"),
        ("9103", "9001", "T-Shirt - L / Red"),
    ]
    red = variants[0]
    assert (red["price"], red["alternativePrice"], red["stock"], red["sku"]) == (
        Decimal("19.95"),
        Decimal("25.00"),
        3,
        "TS-S",
    )
    assert red["imageUrl"] == "https://cdn.example/red.jpg"
    assert variants[1]["imageUrl"] == "https://cdn.example/t-shirt.jpg"
    assert red["metaInfo"]["options"] == "S / Red"
    assert not {"price", "alternativePrice", "stock"} & variants[2].keys()


def test_the_vendors_own_models_take_the_documents() -> None:
    for item in [*documents(), *deleted_documents(["9001"], name="T-Shirt", at=SHIRT.updated_at)]:
        taken = VendorProduct.model_validate(msgspec.json.decode(encode(item)))
        assert not taken.model_extra
    category = VendorCategory.model_validate(category_document(SHIRT.categories[0]))
    assert not category.model_extra


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_a_product_that_isnt_sold_stays_with_its_status_past_orders_name_it(status: str) -> None:
    for item in documents(msgspec.structs.replace(SHIRT, status=status)):
        assert item["isDeleted"] is False
        assert item["metaInfo"]["status"] == status


def test_an_only_variant_gives_the_product_its_sku_and_keeps_its_own_id() -> None:
    one = msgspec.structs.replace(SHIRT, variants=(Variant(id="9101", title="Default Title", sku="TS", stock=4),))
    parent, variant = documents(one)
    assert (parent["sku"], parent["stock"]) == ("TS", 4)
    assert (variant["id"], variant["name"]) == ("9101", "T-Shirt")


def test_a_variant_with_the_products_own_id_is_told_once() -> None:
    same = msgspec.structs.replace(SHIRT, variants=(Variant(id="9001", title="T-Shirt", price=Decimal(5), sku="TS"),))
    (only,) = documents(same)
    assert (only["id"], only["sku"], only["price"]) == ("9001", "TS", 5)


def test_more_than_a_hundred_variants_are_all_told() -> None:
    variants = tuple(Variant(id=str(number), title=str(number)) for number in range(500))
    assert len(documents(msgspec.structs.replace(SHIRT, variants=variants))) == 501


def test_prices_are_in_the_accounts_currency() -> None:
    shop = msgspec.structs.replace(SHIRT, currency="USD")
    parent, red, *_ = documents(shop, rate=Decimal("0.92"))
    assert (parent["price"], red["price"], red["alternativePrice"]) == (
        Decimal("16.10"),
        Decimal("18.35"),
        Decimal("23.00"),
    )
    assert red["metaInfo"]["currency"] == "USD"
    with pytest.raises(ConfigError, match=r"brevo\.rates\.USD"):
        documents(shop)


def test_prices_without_a_currency_are_no_prices() -> None:
    assert all("price" not in item for item in documents(msgspec.structs.replace(SHIRT, currency=None)))


def test_what_is_said_beside_the_fields_stays_below_brevos_limit() -> None:
    wordy = msgspec.structs.replace(SHIRT, tags=tuple(f"tag {number}" for number in range(4000)))
    meta = documents(wordy)[0]["metaInfo"]
    assert len(encode(meta).decode()) <= MAX_META_CHARACTERS
    assert meta["status"] == "active"
    assert len(meta["tags"]) > 19_000


def test_a_deleted_product_says_when() -> None:
    assert deleted_documents(["1", "2"], name="T-Shirt", at=datetime(2026, 11, 24, 12, tzinfo=UTC)) == [
        {"id": "1", "name": "T-Shirt", "isDeleted": True, "deletedAt": "2026-11-24T12:00:00.000Z"},
        {"id": "2", "name": "T-Shirt", "isDeleted": True, "deletedAt": "2026-11-24T12:00:00.000Z"},
    ]


# ------------------------------------------------------------------------------------------------ sending


@dataclass
class Shop:
    """An account that takes products and refuses what holds a bad one, or one twice."""

    bad: set[str] = field(default_factory=set)
    taken: list[str] = field(default_factory=list)

    def __call__(self, received: Received) -> Reply:
        name = received.path.split("/")[2]
        items = received.body[name] if received.path.endswith("/batch") else [received.body]
        assert received.body["updateEnabled"] is True
        ids = [item["id"] for item in items]
        if self.bad & set(ids) or len(set(ids)) < len(ids) or len(ids) > 100:
            return Reply(400, {"code": "invalid_parameter", "message": "Invalid product"})
        self.taken += ids
        if received.path.endswith("/batch"):
            return Reply(201, {"createdCount": len(ids), "updatedCount": 0})
        return Reply(204)


def plain(count: int) -> list[dict[str, Any]]:
    return [{"id": str(number), "name": "T-Shirt"} for number in range(count)]


def test_few_products_go_alone_and_many_by_the_hundred() -> None:
    shop = Shop()
    with stub(shop) as served:
        b = bench(served.url)
        assert len(send_products(b.client, plain(20)).accepted) == 20
        assert b.client.usage.used == {"products": 20}
        sent = send_products(b.client, plain(250))
        b.client.close()
    assert b.client.usage.used == {"products": 20, "other": 3}
    assert sent.accepted == [str(number) for number in range(250)]
    assert not sent.refused


def test_a_batch_never_holds_an_id_twice_the_last_form_counts() -> None:
    shop = Shop()
    with stub(shop) as served:
        b = bench(served.url)
        send_products(b.client, [*plain(40), {"id": "7", "name": "Newest"}])
        b.client.close()
    assert sorted(shop.taken, key=int) == [str(number) for number in range(40)]
    (batch,) = served.received
    assert [item["name"] for item in batch.body["products"] if item["id"] == "7"] == ["Newest"]


def test_the_one_bad_product_of_a_batch_is_found_without_spending_the_batches() -> None:
    shop = Shop(bad={"61"})
    with stub(shop) as served:
        b = bench(served.url)
        sent = send_products(b.client, plain(200))
        b.client.close()
    assert [number for number, _ in sent.refused] == ["61"]
    assert sent.refused[0][1].message == "Invalid product"
    assert sorted(shop.taken, key=int) == [str(number) for number in range(200) if number != 61]
    assert b.client.usage.used["other"] <= 10
    assert b.client.usage.used["products"] <= 8


def test_where_no_product_is_taken_nobody_goes_on() -> None:
    with stub(Shop(bad={str(number) for number in range(300)})) as served:
        b = bench(served.url)
        sent = SentProducts()
        with pytest.raises(BrevoRefusal):
            send_products(b.client, plain(300), sent=sent)
        b.client.close()
    assert len(served.received) < 30


def test_an_upsert_in_doubt_is_repeated() -> None:
    replies = iter([Reply(502), Reply(500)])
    shop = Shop()
    with stub(lambda received: next(replies, None) or shop(received)) as served:
        b = bench(served.url)
        assert send_products(b.client, plain(1)).accepted == ["0"]
        b.client.close()
    assert len(served.received) == 3


def test_categories_go_in_batches_each_once() -> None:
    shop = Shop(bad={"c3"})
    groups = [Category(id=f"c{number % 120}", name=f"Group {number}") for number in range(240)]
    with stub(shop) as served:
        b = bench(served.url)
        sent = send_categories(b.client, groups)
        assert send_categories(b.client, []).accepted == []
        b.client.close()
    assert (len(sent.accepted), [number for number, _ in sent.refused]) == (119, ["c3"])
    assert {received.path.split("/")[2] for received in served.received} == {"categories"}
