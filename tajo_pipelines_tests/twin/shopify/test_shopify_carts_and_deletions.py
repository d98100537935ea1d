from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines.twin.half import ChangeError, TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines.twin.shopify.merging import kept_of
from tajo_pipelines_tests.twin.shopify.conftest import FAST, Api

CARTS = """query Carts($after: String, $query: String) {
  abandonedCheckouts(first: 40, after: $after, query: $query, sortKey: CREATED_AT) {
    nodes { id createdAt updatedAt completedAt abandonedCheckoutUrl customer { legacyResourceId }
      totalPriceSet { shopMoney { amount } } lineItems(first: 10) { nodes { quantity product { legacyResourceId }
      originalUnitPriceSet { shopMoney { amount } } } } }
    pageInfo { hasNextPage endCursor } } }"""
DESTROYED = """query Destroyed($query: String) { events(first: 50, query: $query) { nodes { id action createdAt message
  ... on BasicEvent { subjectType subjectId } } } }"""


def carts(api: Api, query: str | None = None) -> list[dict[str, Any]]:
    return [row for page in api.pages(CARTS, "abandonedCheckouts", query=query) for row in page]


def destroyed(api: Api, query: str = "action:destroy") -> list[tuple[str, str]]:
    rows = api.data(DESTROYED, query=query)["events"]["nodes"]
    return [(row["subjectType"], row["subjectId"].rsplit("/", 1)[-1]) for row in rows]


def test_carts_have_no_updated_at_order_and_no_email_of_their_own(read_shop: Api) -> None:
    sorted_by = "{ abandonedCheckouts(first: 1, sortKey: UPDATED_AT) { nodes { id } } }"
    assert "UPDATED_AT" in read_shop.refusal(sorted_by)["message"]
    assert "email" in read_shop.refusal("{ abandonedCheckouts(first: 1) { nodes { email } } }")["message"]


def test_recovered_carts_are_among_them_and_some_have_no_customer(read_shop: Api) -> None:
    dump = {f"gid://shopify/AbandonedCheckout/{row['id']}": row for row in read_shop.dump("carts")}
    rows = carts(read_shop)
    assert [row["id"] for row in rows] == list(dump)
    for row in rows:
        held = dump[row["id"]]
        assert row["completedAt"] == held["completedAt"]
        assert (row["customer"] or {}).get("legacyResourceId") == (held["customer"] and str(held["customer"]))
        assert row["abandonedCheckoutUrl"].startswith("https://")
    assert 0 < sum(row["completedAt"] is not None for row in rows) < len(rows)
    assert any(row["customer"] is None for row in rows)
    open_ones = carts(read_shop, "recovery_state:not_recovered")
    assert {row["id"] for row in open_ones} == {row["id"] for row in rows if row["completedAt"] is None}
    assert len(carts(read_shop, "status:closed")) == len(rows) - len(open_ones)


def test_a_window_over_updates_finds_the_fresh_ones_and_more(read_shop: Api) -> None:
    since = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    lately = {row["id"].rsplit("/", 1)[-1] for row in carts(read_shop, f"updated_at:>='{since}'")}
    fresh = {str(row["id"]) for row in read_shop.dump("carts") if row["class"] == "fresh"}
    assert fresh < lately
    counted = read_shop.state()["shop"]
    assert counted["carts"]["fresh"] == len(fresh) == counted["events"]["cart_updated"] == 6


def test_carts_are_begun_changed_and_recovered(own_shop: Api) -> None:
    before = own_shop.state()["shop"]["carts"]
    owner = next(row for row in own_shop.dump("customers") if row["emailValid"])
    made = own_shop.change("create_cart", customer=owner["id"], lines=[{"quantity": 2}])["cart"]
    assert (made["class"], made["totals"]["total"][0]) == ("fresh", 2 * made["items"][0]["price"][0])
    nobody = own_shop.change("create_cart")["cart"]
    assert nobody["class"] == "no_customer"
    old = own_shop.change("create_cart", customer=owner["id"], at="2026-01-01T10:00:00Z")["cart"]
    assert old["class"] == "old"
    assert own_shop.change("update_cart", id=old["id"], quantity=5)["cart"]["class"] == "fresh"
    assert own_shop.state()["shop"]["carts"]["fresh"] == before["fresh"] + 2
    own_shop.change("recover_cart", id=made["id"])
    after = own_shop.state()["shop"]["carts"]
    assert (after["fresh"], after["recovered"]) == (before["fresh"] + 1, before["recovered"] + 1)
    (row,) = carts(own_shop, f"id:{old['id']}")
    assert row["totalPriceSet"]["shopMoney"]["amount"] == f"{5 * old['items'][0]['price'][0] / 100:.2f}"
    own_shop.change("delete_cart", id=old["id"])
    assert carts(own_shop, f"id:{old['id']}") == []


def test_deletions_are_told_by_events_with_the_vendors_words(own_shop: Api) -> None:
    assert destroyed(own_shop) == []
    product, other = own_shop.dump("products")[:2]
    order = own_shop.dump("orders")[0]
    own_shop.change("delete_product", id=product["id"])
    own_shop.change("delete_variant", id=other["variants"][0]["id"])
    own_shop.change("delete_order", id=order["id"])
    customer = own_shop.dump("customers")[3]
    own_shop.change("delete_customer", id=customer["id"], at="2026-11-01T00:00:00Z")
    collection = own_shop.dump("collections")[0]
    own_shop.change("delete_collection", id=collection["id"])
    assert destroyed(own_shop) == [
        ("PRODUCT", str(product["id"])),
        ("PRODUCT_VARIANT", str(other["variants"][0]["id"])),
        ("ORDER", str(order["id"])),
        ("CUSTOMER", str(customer["id"])),
        ("COLLECTION", str(collection["id"])),
    ]
    assert destroyed(own_shop, "action:'destroy' AND subject_type:'PRODUCT'") == [("PRODUCT", str(product["id"]))]
    early = destroyed(own_shop, "action:destroy created_at:<2026-11-02")
    assert early == [("CUSTOMER", str(customer["id"]))]
    assert destroyed(own_shop, "action:create") == []
    assert own_shop.state()["events"][0]["subjectType"] == "PRODUCT"


def test_events_are_kept_for_a_year(own_shop: Api) -> None:
    now = datetime.now(UTC)
    for product, days in zip(own_shop.dump("products"), (400, 360), strict=False):
        own_shop.change(
            "delete_product", id=product["id"], at=(now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        )
    assert len(destroyed(own_shop)) == 1
    assert len(own_shop.state()["events"]) == 2


def test_lines_of_a_deleted_product_lose_it_and_keep_their_title(own_shop: Api) -> None:
    made = own_shop.change("create_product", title="Kurz da")["product"]
    line = {"variant": made["variants"][0]["id"]}
    order = own_shop.change("create_order", email="a@example.com", lines=[line])["order"]
    own_shop.change("delete_product", id=made["id"])
    query = (
        "query ($id: ID!) { order(id: $id) { lineItems(first: 1) { nodes { title product { id } variant { id } } } } }"
    )
    lines = own_shop.data(query, id=f"gid://shopify/Order/{order['id']}")["order"]["lineItems"]["nodes"]
    assert lines == [{"title": "Kurz da", "product": None, "variant": None}]


def test_a_deleted_order_counts_for_its_customer_no_more(own_shop: Api) -> None:
    customer = next(row for row in own_shop.dump("customers") if row["numberOfOrders"] > 1)
    order = next(row for row in own_shop.dump("orders") if row["customer"] == customer["id"] and not row["test"])
    own_shop.change("delete_order", id=order["id"])
    after = next(row for row in own_shop.dump("customers") if row["id"] == customer["id"])
    assert after["numberOfOrders"] == customer["numberOfOrders"] - 1


def new(api: Api, email: str | None, **more: Any) -> int:
    fields = {"email": email, **more.pop("fields", {})}
    return int(api.change("create_customer", fields=fields, **more)["customer"]["id"])


A, B = "a@example.com", "b@example.com"


@pytest.mark.parametrize(
    ("one", "two", "kept"),
    [
        ({"email": A}, {"email": None}, 1),
        ({"email": None}, {"email": B}, 2),
        ({"email": A}, {"email": B}, 2),
        ({"email": None}, {"email": None}, 2),
        ({"email": A, "state": "ENABLED"}, {"email": B}, 1),
        ({"email": A, "state": "ENABLED"}, {"email": B, "emailState": "SUBSCRIBED"}, 1),
        ({"email": A, "emailState": "SUBSCRIBED"}, {"email": B}, 1),
        ({"email": A, "emailState": "PENDING"}, {"email": B, "state": "INVITED"}, 1),
        ({"email": A, "state": "INVITED"}, {"email": B}, 1),
    ],
)
def test_which_of_two_merged_customers_stays(one: dict[str, Any], two: dict[str, Any], kept: int) -> None:
    silent = {"state": "DISABLED", "emailState": "NOT_SUBSCRIBED"}
    assert kept_of({**silent, **one, "id": 1}, {**silent, **two, "id": 2})["id"] == kept
    assert kept_of({**silent, **one, "id": 1}, {**silent, **two, "id": 2}, 1)["id"] == 1


def test_a_merge_moves_orders_and_carts_and_tells_of_the_one_that_is_gone(own_shop: Api) -> None:
    first = new(own_shop, "a@example.com", email_state="UNSUBSCRIBED", fields={"tags": ["x"]})
    second = new(own_shop, "b@example.com", fields={"phone": "+4915550000001", "tags": ["y"]}, sms_state="SUBSCRIBED")
    order = own_shop.change("create_order", customer=second, at="2026-10-01T00:00:00Z")["order"]
    cart = own_shop.change("create_cart", customer=second)["cart"]
    merged = own_shop.change("merge_customers", one=first, two=second, keep_email_of=first)["customer"]
    assert (merged["id"], merged["email"], merged["emailState"]) == (first, "a@example.com", "UNSUBSCRIBED")
    assert (merged["phone"], merged["smsState"], merged["tags"]) == ("+4915550000001", "SUBSCRIBED", ["x", "y"])
    assert merged["numberOfOrders"] == 1
    moved = next(row for row in own_shop.dump("orders") if row["id"] == order["id"])
    assert (moved["customer"], moved["updatedAt"]) == (first, order["updatedAt"])
    assert next(row for row in own_shop.dump("carts") if row["id"] == cart["id"])["customer"] == first
    assert destroyed(own_shop) == [("CUSTOMER", str(second))]
    gone = own_shop.data("query ($id: ID!) { customer(id: $id) { id } }", id=f"gid://shopify/Customer/{second}")
    assert gone == {"customer": None}
    with pytest.raises(ChangeError, match="itself"):
        own_shop.twin.change("shopify", "merge_customers", one=first, two=first)


def test_products_carts_and_events_survive_a_restart(tmp_path: Path) -> None:
    with running_twin(tmp_path, halves=("shopify",), options=TwinOptions(customers=40), clock=FAST) as twin:
        api = Api(twin)
        product = api.change("create_product", title="Neu", variants=2)["product"]
        api.change("delete_variant", id=product["variants"][1]["id"])
        api.change("delete_product", id=api.dump("products")[0]["id"])
        api.change("create_cart", lines=[{"variant": product["variants"][0]["id"]}])
        before = (api.dump("products"), api.dump("carts"), destroyed(api), len(twin.shopify.shop.variants))
        api.session.close()
    with running_twin(tmp_path, halves=("shopify",), options=TwinOptions(customers=40), clock=FAST) as twin:
        api = Api(twin)
        assert (api.dump("products"), api.dump("carts"), destroyed(api), len(twin.shopify.shop.variants)) == before
        assert api.change("create_product", title="Noch")["product"]["id"] > product["id"]
        api.session.close()
