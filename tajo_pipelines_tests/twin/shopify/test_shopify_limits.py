from __future__ import annotations

import time

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines.twin.shopify.cost import Bucket, growth
from tajo_pipelines_tests.twin.shopify.conftest import Api

DEAR = """query ($n: Int!) { orders(first: $n) { nodes { lineItems(first: 250) { nodes {
  originalUnitPriceSet { shopMoney { amount } presentmentMoney { amount } }
  discountedUnitPriceSet { shopMoney { amount } presentmentMoney { amount } }
  totalDiscountSet { shopMoney { amount } presentmentMoney { amount } } product { id } variant { id } } } } } }"""


def test_a_query_costs_what_was_measured_at_shopify(read_shop: Api) -> None:
    number = read_shop.dump("orders")[0]["id"]
    answer = read_shop.answer(
        "query ($id: ID!) { order(id: $id) { lineItems(first: 250) { nodes { product { id } } } } }",
        id=f"gid://shopify/Order/{number}",
    )
    assert answer["extensions"]["cost"]["requestedQueryCost"] == 25
    missing = read_shop.answer(
        'query { order(id: "gid://shopify/Order/1") { lineItems(first: 250) { nodes { product { id } } } } }'
    )
    assert missing["data"] == {"order": None}
    assert missing["extensions"]["cost"]["actualQueryCost"] == 1


def test_cost_grows_with_the_page_but_slower() -> None:
    assert [growth(size) for size in (0, 1, 2, 10, 100, 250, 1000)] == [0, 1, 1, 4, 9, 11, 11]


def test_a_too_dear_query_is_refused_before_it_runs(read_shop: Api) -> None:
    error = read_shop.refusal(DEAR, n=250)
    assert error["extensions"]["code"] == "MAX_COST_EXCEEDED"
    assert error["extensions"]["maxCost"] == 1000
    assert error["extensions"]["cost"] > 1000
    assert "errors" not in read_shop.answer(DEAR, n=20)


def test_throttling_comes_inside_http_200_and_ends_after_the_wait_it_names() -> None:
    with running_twin(halves=("shopify",), options=TwinOptions(customers=30), clock=TwinClock(2.0)) as twin:
        api = Api(twin)
        api.change("drain_bucket")
        answer = api.answer(DEAR, n=20)
        assert answer["errors"][0]["extensions"]["code"] == "THROTTLED"
        assert "data" not in answer
        cost = answer["extensions"]["cost"]
        assert cost["actualQueryCost"] is None
        status = cost["throttleStatus"]
        assert status["restoreRate"] == 100 * 2
        time.sleep((cost["requestedQueryCost"] - status["currentlyAvailable"]) / status["restoreRate"] + 0.01)
        assert "errors" not in api.answer(DEAR, n=20)
        assert api.state()["throttled"] == 1
        api.session.close()


def test_what_a_query_did_not_use_comes_back() -> None:
    now = [1000.0]
    bucket = Bucket(TwinClock(1.0, lambda: now[0]), 2000.0, 100.0)
    assert bucket.take(900)
    bucket.give_back(600)
    assert bucket.status()["currentlyAvailable"] == 1700
    assert not bucket.take(1701)
    now[0] += 2
    assert bucket.status()["currentlyAvailable"] == 1900
    now[0] += 60
    assert bucket.status()["currentlyAvailable"] == 2000
