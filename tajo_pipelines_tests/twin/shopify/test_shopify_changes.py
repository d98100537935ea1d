from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import ChangeError, TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines_tests.twin.shopify.conftest import FAST, Api

CHANGED = """query ($query: String) { customers(first: 250, query: $query) { nodes { legacyResourceId note
  defaultEmailAddress { emailAddress marketingState marketingOptInLevel marketingUpdatedAt } } } }"""
ORDER = """query ($id: ID!) { order(id: $id) { displayFinancialStatus cancelledAt updatedAt
  totalPriceSet { shopMoney { amount } } totalRefundedSet { shopMoney { amount } }
  currentTotalPriceSet { shopMoney { amount } } customer { id } } }"""


def with_email(api: Api) -> dict[str, Any]:
    return next(row for row in api.dump("customers") if row["emailValid"] and row["emailState"] == "NOT_SUBSCRIBED")


def paid_order(api: Api) -> dict[str, Any]:
    return next(
        row
        for row in api.dump("orders")
        if row["financialStatus"] == "PAID" and row["customer"] and row["totals"]["total"][0] > 1000
    )


def look(api: Api, number: int) -> dict[str, Any]:
    order: dict[str, Any] = api.data(ORDER, id=f"gid://shopify/Order/{number}")["order"]
    return order


def test_a_changed_customer_is_found_by_its_new_time(own_shop: Api) -> None:
    customer = with_email(own_shop)
    changed = own_shop.change("update_customer", email=customer["email"].upper(), fields={"note": "neu"})["customer"]
    assert changed["updatedAt"] > customer["updatedAt"]
    rows = own_shop.data(CHANGED, query=f"updated_at:>={changed['updatedAt']}")["customers"]["nodes"]
    assert [(row["legacyResourceId"], row["note"]) for row in rows] == [(str(customer["id"]), "neu")]


def test_consent_is_set_with_its_own_time_or_without(own_shop: Api) -> None:
    customer = with_email(own_shop)
    own_shop.change(
        "set_consent", id=customer["id"], state="SUBSCRIBED", level="CONFIRMED_OPT_IN", at="2024-05-01T10:00:00Z"
    )
    query = f"id:{customer['id']}"
    address = own_shop.data(CHANGED, query=query)["customers"]["nodes"][0]["defaultEmailAddress"]
    assert address["marketingState"] == "SUBSCRIBED"
    assert address["marketingOptInLevel"] == "CONFIRMED_OPT_IN"
    assert address["marketingUpdatedAt"] == "2024-05-01T10:00:00Z"
    own_shop.change("set_consent", id=customer["id"], state="UNSUBSCRIBED", at=None)
    address = own_shop.data(CHANGED, query=query)["customers"]["nodes"][0]["defaultEmailAddress"]
    assert (address["marketingState"], address["marketingUpdatedAt"]) == ("UNSUBSCRIBED", None)


def test_a_changed_email_keeps_its_consent_and_cant_be_anothers(own_shop: Api) -> None:
    customer = with_email(own_shop)
    other = next(row for row in own_shop.dump("customers") if row["emailValid"] and row["id"] != customer["id"])
    with pytest.raises(ChangeError, match="already been taken"):
        own_shop.twin.change("shopify", "change_email", id=customer["id"], to=other["email"].upper())
    changed = own_shop.change("change_email", id=customer["id"], to="New.Name@example.com")["customer"]
    assert (changed["email"], changed["emailState"]) == ("New.Name@example.com", "NOT_SUBSCRIBED")


def test_customers_come_and_go_and_their_orders_stay(own_shop: Api) -> None:
    made = own_shop.change(
        "create_customer", fields={"email": "neu@example.com", "firstName": "Neu"}, email_state="PENDING"
    )
    assert made["customer"]["emailState"] == "PENDING"
    order = paid_order(own_shop)
    own_shop.change("delete_customer", id=order["customer"])
    assert look(own_shop, order["id"])["customer"] is None
    assert own_shop.state()["customers"] == 60
    another = own_shop.change("create_customer", fields={"email": "neu2@example.com"})
    assert another["customer"]["id"] > made["customer"]["id"]


def test_people_who_never_said_anything_opt_in(own_shop: Api) -> None:
    silent = {
        row["email"].lower()
        for row in own_shop.dump("customers")
        if row["emailState"] == "NOT_SUBSCRIBED" and row["emailValid"]
    }
    emails = own_shop.change("opt_in", count=5)["emails"]
    assert len(set(emails)) == 5
    assert set(emails) <= silent
    assert own_shop.state()["shop"]["email_consent_undated"].keys() >= {"NOT_SUBSCRIBED"}
    states = {row["email"].lower(): row["emailState"] for row in own_shop.dump("customers") if row["emailValid"]}
    assert {states[email] for email in emails} == {"SUBSCRIBED"}


def test_orders_are_refunded_and_cancelled(own_shop: Api) -> None:
    order = paid_order(own_shop)
    total = order["totals"]["total"][0]
    own_shop.change("refund_order", id=order["id"], cents=250)
    after = look(own_shop, order["id"])
    assert after["displayFinancialStatus"] == "PARTIALLY_REFUNDED"
    assert after["totalRefundedSet"]["shopMoney"]["amount"] == "2.50"
    assert after["currentTotalPriceSet"] == after["totalPriceSet"]
    own_shop.change("refund_order", id=order["id"])
    after = look(own_shop, order["id"])
    assert after["displayFinancialStatus"] == "REFUNDED"
    assert after["totalRefundedSet"] == after["totalPriceSet"]
    net = own_shop.state()["shop"]["money"]["EUR"]["sent"]["net"]
    fresh = own_shop.change(
        "create_order", customer=order["customer"], lines=[{"cents": total, "quantity": 2}], shipping=0
    )
    assert fresh["order"]["brevoAmount"] == f"{2 * total // 100}.{2 * total % 100:02d}"
    own_shop.change("cancel_order", id=fresh["order"]["id"], reason="FRAUD")
    assert look(own_shop, fresh["order"]["id"])["cancelledAt"] is not None
    assert own_shop.state()["shop"]["money"]["EUR"]["sent"]["net"] == net
    with pytest.raises(ChangeError, match="cancelled already"):
        own_shop.twin.change("shopify", "cancel_order", id=fresh["order"]["id"])


def test_an_order_of_a_guest_counts_for_its_customer_only_where_it_has_one(own_shop: Api) -> None:
    before = own_shop.state()["shop"]["guests"]["orders"]
    own_shop.change("create_order", email="Gast@example.com", accepts_marketing=True, presentment="USD", rate=1.1)
    assert own_shop.state()["shop"]["guests"]["orders"] == before + 1
    customer = with_email(own_shop)
    own_shop.change("create_order", customer=customer["id"])
    row = next(each for each in own_shop.dump("customers") if each["id"] == customer["id"])
    assert row["numberOfOrders"] == customer["numberOfOrders"] + 1
    assert row["updatedAt"] > customer["updatedAt"]


def test_filters_lag_behind_where_ordered() -> None:
    now = [1_800_000_000.0]
    with running_twin(
        halves=("shopify",), options=TwinOptions(customers=60), clock=TwinClock(10.0, lambda: now[0])
    ) as twin:
        api = Api(twin)
        api.change("set_index_lag", seconds=30)
        customer = with_email(api)
        changed = api.change("update_customer", id=customer["id"], fields={"note": "neu"})["customer"]
        order = api.change("create_order", email="spaet@example.com")["order"]
        recent = f"updated_at:>={changed['updatedAt']}"
        count = "query ($q: String) { customersCount(query: $q) { count } ordersCount(query: $q) { count } }"
        assert api.data(count, q=recent) == {"customersCount": {"count": 0}, "ordersCount": {"count": 0}}
        assert look(api, order["id"])["displayFinancialStatus"] == "PAID"
        now[0] += 3.1
        assert api.data(count, q=recent) == {"customersCount": {"count": 1}, "ordersCount": {"count": 1}}
        api.session.close()


@pytest.mark.parametrize(
    ("op", "arguments"),
    [
        ("nonsense", {}),
        ("touch", {"id": 17}),
        ("update_customer", {"email": "nobody@example.com", "fields": {"note": "x"}}),
        ("update_customer", {"id": 17, "fields": {"emailState": "SUBSCRIBED"}}),
        ("set_consent", {"id": 17, "state": "MAYBE"}),
        ("opt_in", {"count": 10_000}),
        ("create_order", {"lines": [{"sku": "unknown"}]}),
        ("set_scopes", {}),
    ],
)
def test_changes_that_cant_be_made_are_refused(read_shop: Api, op: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ChangeError):
        read_shop.twin.change("shopify", op, **arguments)


def test_the_shop_and_its_changes_survive_a_restart(tmp_path: Path) -> None:
    options = TwinOptions(customers=60, seed=7)
    with running_twin(tmp_path, halves=("shopify",), options=options, clock=FAST) as twin:
        api = Api(twin)
        customer = with_email(api)
        api.change("change_email", id=customer["id"], to="anders@example.com")
        api.change("create_order", customer=customer["id"])
        gone = next(row for row in api.dump("customers") if row["id"] != customer["id"])
        api.change("delete_customer", id=gone["id"])
        api.change("set_scopes", scopes=["read_orders"])
        before = (api.dump("customers"), api.dump("orders"), api.state()["shop"])
        api.session.close()
    with running_twin(tmp_path, halves=("shopify",), options=TwinOptions(customers=5, seed=1), clock=FAST) as twin:
        api = Api(twin)
        assert (api.dump("customers"), api.dump("orders")) == before[:2]
        assert api.state()["shop"]["money"] == before[2]["money"]
        assert api.state()["scopes"] == ["read_orders"]
        api.session.close()
