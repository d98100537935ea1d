from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import ChangeError, TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines_tests.twin.shopify.conftest import FAST, Api

RUN = """mutation Run($query: String!, $group: Boolean!) {
  bulkOperationRunQuery(query: $query, groupObjects: $group) {
    bulkOperation { id status type url objectCount createdAt } userErrors { field message code } } }"""
LOOK = """query Look($id: ID!) { bulkOperation(id: $id) { id status errorCode url partialDataUrl objectCount
  rootObjectCount fileSize completedAt query } }"""
CANCEL = """mutation Cancel($id: ID!) { bulkOperationCancel(id: $id) { bulkOperation { id status }
  userErrors { field message } } }"""
LIST = "{ bulkOperations(first: 20) { nodes { id status } } }"
ORDERS = """{ orders(sortKey: ID) { edges { node { __typename id legacyResourceId note
  total: currentTotalPriceSet { shopMoney { amount } } shippingAddress { city } refunds { id note }
  customer { id } lineItems { edges { node { id title quantity product { id } } } } } } } }"""
CUSTOMERS = "{ customers { edges { node { id defaultEmailAddress { emailAddress } } } } }"


def started(api: Api, query: str, *, group: bool = False) -> str:
    answer = api.data(RUN, query=query, group=group)["bulkOperationRunQuery"]
    assert answer["userErrors"] == []
    assert (answer["bulkOperation"]["status"], answer["bulkOperation"]["url"]) == ("CREATED", None)
    return str(answer["bulkOperation"]["id"])


def look(api: Api, operation: str) -> dict[str, Any]:
    found: dict[str, Any] = api.data(LOOK, id=operation)["bulkOperation"]
    return found


def ended(api: Api, operation: str) -> dict[str, Any]:
    for _ in range(500):
        found = look(api, operation)
        if found["status"] not in ("CREATED", "RUNNING", "CANCELING"):
            return found
        time.sleep(0.01)
    pytest.fail("the operation did not end")


def lines(url: str) -> list[dict[str, Any]]:
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.content.splitlines()]


def refused(api: Api, query: str) -> list[str]:
    answer = api.data(RUN, query=query, group=False)["bulkOperationRunQuery"]
    assert answer["bulkOperation"] is None
    assert {error["code"] for error in answer["userErrors"]} == {"INVALID"}
    assert {tuple(error["field"]) for error in answer["userErrors"]} == {("query",)}
    return [error["message"] for error in answer["userErrors"]]


@contextmanager
def held_shop(customers: int = 60, factor: float = 1.0) -> Iterator[tuple[Api, list[float]]]:
    """A shop whose time stands still until a test moves it."""
    now = [1_800_000_000.0]
    clock = TwinClock(factor, lambda: now[0])
    with running_twin(halves=("shopify",), options=TwinOptions(customers=customers), clock=clock) as twin:
        api = Api(twin)
        yield api, now
        api.session.close()


def test_children_stand_far_from_their_parents_and_name_them(read_shop: Api) -> None:
    operation = ended(read_shop, started(read_shop, ORDERS))
    found = lines(operation["url"])
    parents = [line for line in found if "__parentId" not in line]
    children = [line for line in found if "__parentId" in line]
    dump = {f"gid://shopify/Order/{order['id']}": order for order in read_shop.dump("orders")}
    assert [line["id"] for line in parents] == list(dump)
    assert found[: len(parents)] == parents
    assert int(operation["objectCount"]) == len(found)
    assert int(operation["rootObjectCount"]) == len(parents) == 900
    wanted = {f"gid://shopify/LineItem/{item['id']}": key for key, order in dump.items() for item in order["items"]}
    assert {line["id"]: line["__parentId"] for line in children} == wanted
    places = {line["id"]: place for place, line in enumerate(found)}
    gaps = sorted(places[line["id"]] - places[line["__parentId"]] for line in children)
    assert gaps[len(gaps) // 2] > 500
    neighbours = sum(one["__parentId"] == two["__parentId"] for one, two in pairwise(children))
    assert neighbours < len(children) / 10


def test_lines_hold_what_pages_hold(read_shop: Api) -> None:
    fields = """__typename id legacyResourceId note total: currentTotalPriceSet { shopMoney { amount } }
      shippingAddress { city } refunds { id note } customer { id }"""
    paged = """query ($after: String) { orders(first: 50, after: $after, sortKey: ID) { nodes { FIELDS }
      pageInfo { hasNextPage endCursor } } }""".replace("FIELDS", fields)
    read_shop.change("set_rate", maximum=1e9, restore_rate=1e9)
    rows = [row for page in read_shop.pages(paged, "orders") for row in page]
    found = lines(ended(read_shop, started(read_shop, ORDERS))["url"])
    assert [line for line in found if "__parentId" not in line] == rows


def test_two_kinds_of_children_and_fragments_over_interfaces(read_shop: Api) -> None:
    query = """query { products(query: "status:active,draft,archived,unlisted") { edges { node { ...Ids
      variants { edges { node { ...Ids price } } } collections { edges { node { id title } } }
      featuredMedia { alt ... on MediaImage { mimeType } } } } } }
      fragment Ids on Node { id }"""
    found = lines(ended(read_shop, started(read_shop, query))["url"])
    dump = read_shop.dump("products")
    kinds = [line["id"].split("/")[3] for line in found]
    assert kinds.count("Product") == len(dump)
    assert kinds.count("ProductVariant") == sum(len(product["variants"]) for product in dump)
    assert kinds.count("Collection") == sum(len(product["collections"]) for product in dump)
    first = found[0]
    assert set(first) == {"id", "featuredMedia"}
    assert any(
        line.get("featuredMedia") == {"alt": dump[0]["title"], "mimeType": "image/png"} for line in found[:1]
    ) or (dump[0]["images"] == 0)


def test_grouped_children_follow_their_parents(read_shop: Api) -> None:
    found = lines(ended(read_shop, started(read_shop, ORDERS, group=True))["url"])
    parent = None
    for line in found:
        if "__parentId" in line:
            assert line["__parentId"] == parent
        else:
            parent = line["id"]


def test_children_may_be_put_before_their_parents(own_shop: Api) -> None:
    own_shop.change("set_bulk", children="anywhere")
    found = lines(ended(own_shop, started(own_shop, ORDERS))["url"])
    places = {line["id"]: place for place, line in enumerate(found)}
    assert any(places[line["__parentId"]] > places[line["id"]] for line in found if "__parentId" in line)


def test_an_empty_result_has_no_url(read_shop: Api) -> None:
    query = '{ orders(query: "updated_at:>=2999-01-01") { edges { node { id } } } }'
    operation = ended(read_shop, started(read_shop, query))
    assert (operation["status"], operation["url"], operation["partialDataUrl"]) == ("COMPLETED", None, None)
    assert (operation["objectCount"], operation["fileSize"]) == ("0", None)
    assert operation["completedAt"] is not None


def test_the_file_needs_no_token_and_can_be_read_in_parts(read_shop: Api) -> None:
    operation = ended(read_shop, started(read_shop, CUSTOMERS))
    whole = requests.get(operation["url"], timeout=10)
    assert len(whole.content) == int(operation["fileSize"])
    rest = requests.get(operation["url"], headers={"Range": "bytes=1000-"}, timeout=10)
    assert (rest.status_code, rest.content) == (206, whole.content[1000:])
    missing = requests.get(f"{read_shop.twin.shopify_url}/bulk/unknown.jsonl", timeout=10)
    assert (missing.status_code, "NoSuchKey" in missing.text) == (404, True)


@pytest.mark.parametrize(
    ("query", "messages"),
    [
        ("{ shop { id } }", ["must contain at least one connection"]),
        ('{ node(id: "gid://shopify/Product/1") { id } }', ["top level `node`", "at least one connection"]),
        ("{ nodes(ids: []) { id } }", ["top level `nodes`", "at least one connection"]),
        (
            "{ orders { nodes { id } } }",
            ["Selecting via 'nodes' is not supported. Invalid connection fields: 'orders'"],
        ),
        (
            """{ collections { edges { node { id products { edges { node { id
            variants { edges { node { id } } } } } } } } } }""",
            ["nesting depth greater than 2"],
        ),
        (
            """{ products { edges { node { id variants { edges { node { id } } } media { edges { node { id } } }
            collections { edges { node { id } } } a: variants { edges { node { id } } }
            b: variants { edges { node { id } } } } } } }""",
            ["more than 5 connections"],
        ),
        (
            "{ orders { edges { node { name lineItems { edges { node { id } } } } } } }",
            ["must select the 'id' field without an alias", "lineItems"],
        ),
        (
            "{ orders { edges { node { id refunds { id refundLineItems { edges { node { id } } } } } } } }",
            ["connection field within a list field"],
        ),
        ("{ orders { edges { node { id } } } customers { edges { node { id } } } }", ["exactly one top level field"]),
        ("{ orders { edges { node { nonsense } } } }", ["Cannot query field 'nonsense'"]),
        ("{ orders ", ["Invalid bulk query: Syntax Error"]),
        ("mutation { bulkOperationCancel(id: 1) { bulkOperation { id } } }", ["Only `query` operations"]),
        ("query ($q: String) { orders(query: $q) { edges { node { id } } } }", ["variables are not supported"]),
    ],
)
def test_documents_that_cant_run_in_bulk_are_user_errors(read_shop: Api, query: str, messages: list[str]) -> None:
    found = " ".join(refused(read_shop, query))
    for message in messages:
        assert message in found
    assert len(refused(read_shop, query)) <= 2


def test_five_run_at_once_and_the_sixth_is_refused() -> None:
    with held_shop() as (api, now):
        operations = [started(api, CUSTOMERS) for _ in range(5)]
        answer = api.data(RUN, query=CUSTOMERS, group=False)["bulkOperationRunQuery"]
        assert answer["bulkOperation"] is None
        assert [error["code"] for error in answer["userErrors"]] == ["LIMIT_REACHED"]
        now[0] += 1.5
        assert {row["status"] for row in api.data(LIST)["bulkOperations"]["nodes"]} == {"RUNNING"}
        now[0] += 60
        assert ended(api, operations[0])["status"] == "COMPLETED"
        started(api, CUSTOMERS)
        assert len(api.data(LIST)["bulkOperations"]["nodes"]) == 6
        running = 'query { bulkOperations(first: 9, query: "status:created", reverse: true) { nodes { id } } }'
        assert len(api.data(running)["bulkOperations"]["nodes"]) == 1


def test_operations_take_their_time_on_the_twins_clock() -> None:
    with held_shop(factor=10.0) as (api, now):
        operation = started(api, CUSTOMERS)
        now[0] += 0.09
        assert look(api, operation)["status"] == "CREATED"
        now[0] += 0.02
        assert look(api, operation)["status"] == "RUNNING"
        time.sleep(0.15)
        halfway = look(api, operation)
        assert (halfway["status"], halfway["objectCount"], halfway["url"]) == ("RUNNING", "60", None)
        now[0] += 0.4
        assert look(api, operation)["status"] == "COMPLETED"
        api.change("set_bulk", seconds=1000)
        slow = started(api, CUSTOMERS)
        now[0] += 99
        assert look(api, slow)["status"] == "RUNNING"


def test_results_expire_after_a_week_or_when_ordered() -> None:
    with held_shop() as (api, now):
        operation = started(api, CUSTOMERS)
        now[0] += 60
        url = ended(api, operation)["url"]
        now[0] += 7 * 86_400 - 60
        assert requests.get(url, timeout=10).status_code == 200
        now[0] += 120
        gone = look(api, operation)
        assert (gone["status"], gone["url"]) == ("EXPIRED", None)
        late = requests.get(url, timeout=10)
        assert (late.status_code, "ExpiredToken" in late.text) == (400, True)
        second = started(api, CUSTOMERS)
        now[0] += 60
        url = ended(api, second)["url"]
        api.change("expire_bulk", id=second)
        assert requests.get(url, timeout=10).status_code == 400


def test_failures_leave_what_was_read(own_shop: Api) -> None:
    own_shop.change("fail_bulk", code="TIMEOUT", after=20)
    operation = ended(own_shop, started(own_shop, CUSTOMERS))
    assert (operation["status"], operation["errorCode"], operation["url"]) == ("FAILED", "TIMEOUT", None)
    assert len(lines(operation["partialDataUrl"])) == 20
    own_shop.change("fail_bulk", times=1)
    operation = ended(own_shop, started(own_shop, CUSTOMERS))
    assert (operation["status"], operation["errorCode"]) == ("FAILED", "INTERNAL_SERVER_ERROR")
    assert (operation["partialDataUrl"], operation["completedAt"]) == (None, None)
    assert ended(own_shop, started(own_shop, CUSTOMERS))["status"] == "COMPLETED"
    with pytest.raises(ChangeError, match="code is one of"):
        own_shop.twin.change("shopify", "fail_bulk", code="BORED")


def test_a_missing_scope_fails_the_operation(own_shop: Api) -> None:
    own_shop.change("set_scopes", scopes=["read_orders"])
    operation = ended(own_shop, started(own_shop, CUSTOMERS))
    assert (operation["status"], operation["errorCode"]) == ("FAILED", "ACCESS_DENIED")


def test_an_operation_is_cancelled_once() -> None:
    with held_shop() as (api, now):
        operation = started(api, CUSTOMERS)
        now[0] += 2
        assert look(api, operation)["status"] == "RUNNING"
        answer = api.data(CANCEL, id=operation)["bulkOperationCancel"]
        assert (answer["bulkOperation"]["status"], answer["userErrors"]) == ("CANCELING", [])
        now[0] += 2
        assert look(api, operation)["status"] == "CANCELED"
        again = api.data(CANCEL, id=operation)["bulkOperationCancel"]["userErrors"]
        assert again[0]["message"] == "A bulk operation cannot be canceled when it is canceled"
        unknown = api.data(CANCEL, id="gid://shopify/BulkOperation/99")["bulkOperationCancel"]
        assert unknown["userErrors"][0]["message"] == "Bulk operation does not exist"


def test_a_node_can_be_an_operation_and_a_start_costs_ten_points(own_shop: Api) -> None:
    answer = own_shop.answer(RUN, query=CUSTOMERS, group=False)
    assert answer["extensions"]["cost"]["requestedQueryCost"] == 10
    number = answer["data"]["bulkOperationRunQuery"]["bulkOperation"]["id"]
    query = "query ($id: ID!) { node(id: $id) { id ... on BulkOperation { query } } }"
    assert own_shop.data(query, id=number)["node"] == {"id": number, "query": CUSTOMERS}


def test_a_torn_download_can_be_taken_up_again(own_shop: Api) -> None:
    url = ended(own_shop, started(own_shop, CUSTOMERS))["url"]
    whole = requests.get(url, timeout=10).content
    own_shop.twin.faults({"target": "shopify", "action": "torn", "path": "/bulk/", "times": 1})
    with pytest.raises(requests.RequestException):
        requests.get(url, timeout=10)
    assert requests.get(url, timeout=10).content == whole


def test_results_are_gone_after_a_restart_and_what_ran_goes_on(tmp_path: Path) -> None:
    with running_twin(tmp_path, halves=("shopify",), options=TwinOptions(customers=40), clock=FAST) as twin:
        api = Api(twin)
        done = started(api, CUSTOMERS)
        ended(api, done)
        api.change("set_bulk", seconds=1e9)
        running = started(api, CUSTOMERS)
        time.sleep(0.05)
        assert look(api, running)["status"] == "RUNNING"
        api.session.close()
    with running_twin(tmp_path, halves=("shopify",), options=TwinOptions(customers=40), clock=FAST) as twin:
        api = Api(twin)
        assert look(api, done)["status"] == "EXPIRED"
        assert len(lines(ended(api, running)["url"])) == 40
        api.session.close()
