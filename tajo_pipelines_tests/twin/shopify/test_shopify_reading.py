from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from tajo_pipelines_tests.twin.shopify.conftest import Api

ORDERS = """query Orders($first: Int!, $after: String, $query: String, $sortKey: OrderSortKeys!, $reverse: Boolean) {
  orders(first: $first, after: $after, query: $query, sortKey: $sortKey, reverse: $reverse) {
    nodes { id updatedAt createdAt processedAt test }
    pageInfo { hasNextPage endCursor }
  }
}"""
CUSTOMERS = """query Customers($first: Int!, $after: String, $query: String) {
  customers(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { id updatedAt }
    pageInfo { hasNextPage endCursor }
  }
}"""


@pytest.mark.parametrize(
    ("sort_key", "field"), [("UPDATED_AT", "updatedAt"), ("CREATED_AT", "createdAt"), ("PROCESSED_AT", "processedAt")]
)
@pytest.mark.parametrize("reverse", [False, True])
def test_pages_hold_every_order_once_and_in_order(read_shop: Api, sort_key: str, field: str, reverse: bool) -> None:
    pages = list(read_shop.pages(ORDERS, "orders", first=250, sortKey=sort_key, reverse=reverse))
    rows = [row for page in pages for row in page]
    assert [len(page) for page in pages] == [250, 250, 250, 150]
    assert len({row["id"] for row in rows}) == 900
    values = [row[field] for row in rows]
    assert values == sorted(values, reverse=reverse)


def test_windows_are_cut_at_the_second_asked_for(read_shop: Api) -> None:
    rows = [row["updatedAt"] for page in read_shop.pages(CUSTOMERS, "customers", first=250) for row in page]
    border = rows[len(rows) // 2]
    same = rows.count(border)

    def count(query: str) -> int:
        return sum(len(page) for page in read_shop.pages(CUSTOMERS, "customers", first=250, query=query))

    low, high = sum(row < border for row in rows), sum(row > border for row in rows)
    assert count(f"updated_at:>={border}") == same + high
    assert count(f"updated_at:>{border}") == high
    assert count(f"updated_at:<'{border}'") == low
    assert count(f'updated_at:<="{border}"') == low + same
    assert count(f"updated_at:>={border} AND updated_at:<={border}") == same
    assert count(f"updated_at:>={border} updated_at:<={border}") == same
    assert count(f"NOT updated_at:>={border}") == low
    assert count(f"updated_at:<{border} OR updated_at:>{border}") == low + high
    assert count("updated_at:>now") == 0


def test_a_bound_with_an_offset_or_a_fraction_means_that_instant(read_shop: Api) -> None:
    rows = [row["updatedAt"] for page in read_shop.pages(CUSTOMERS, "customers", first=250) for row in page]
    border = rows[100]
    count = "query ($q: String) { customersCount(query: $q) { count precision } }"
    wanted = read_shop.data(count, q=f"updated_at:>={border}")["customersCount"]["count"]
    fraction = border.replace("Z", ".250Z")
    after = read_shop.data(count, q=f"updated_at:>={fraction}")["customersCount"]["count"]
    assert (wanted, after) == (sum(row >= border for row in rows), sum(row > border for row in rows))
    zoned = border.replace("Z", "+00:00")
    assert read_shop.data(count, q=f"updated_at:>='{zoned}'")["customersCount"]["count"] == wanted


def test_an_unknown_search_field_is_ignored_with_a_warning_as_at_shopify(read_shop: Api) -> None:
    answer = read_shop.answer(CUSTOMERS, first=3, query="created_at:>=2999-01-01")
    assert len(answer["data"]["customers"]["nodes"]) == 3
    assert answer["extensions"]["search"][0]["warnings"][0]["field"] == "created_at"


def test_filters_name_tests_statuses_and_ids(read_shop: Api) -> None:
    def found(query: str) -> int:
        return sum(len(page) for page in read_shop.pages(ORDERS, "orders", first=250, sortKey="ID", query=query))

    dump = read_shop.dump("orders")
    assert found("test:true") == sum(order["test"] for order in dump) > 0
    assert found("status:cancelled") == sum(order["cancelledAt"] is not None for order in dump) > 0
    refunded = sum(order["financialStatus"] == "PARTIALLY_REFUNDED" for order in dump)
    assert found("financial_status:partially_refunded") == refunded > 0
    middle = sorted(order["id"] for order in dump)[450]
    assert found(f"id:>={middle}") == 450


def test_ids_and_counts_are_texts_as_unsigned_int64_is(read_shop: Api) -> None:
    row = read_shop.data("{ customers(first: 1) { nodes { id legacyResourceId numberOfOrders } } }")["customers"][
        "nodes"
    ][0]
    assert row["id"] == f"gid://shopify/Customer/{row['legacyResourceId']}"
    assert isinstance(row["legacyResourceId"], str)
    assert isinstance(row["numberOfOrders"], str)


def test_long_orders_are_read_by_pages_of_lines(read_shop: Api) -> None:
    big = max(read_shop.dump("orders"), key=lambda order: len(order["items"]))
    assert len(big["items"]) == 120
    query = """query ($id: ID!, $after: String) { order(id: $id) { lineItems(first: 50, after: $after) {
      nodes { id } pageInfo { hasNextPage endCursor } } } }"""
    seen: list[str] = []
    sizes, after = [], None
    while True:
        lines = read_shop.data(query, id=f"gid://shopify/Order/{big['id']}", after=after)["order"]["lineItems"]
        seen += [line["id"] for line in lines["nodes"]]
        sizes.append(len(lines["nodes"]))
        after = lines["pageInfo"]["endCursor"]
        if not lines["pageInfo"]["hasNextPage"]:
            break
    assert sizes == [50, 50, 20]
    assert len(set(seen)) == 120


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ customers { nodes { id } } }", "you must provide one of first or last"),
        ("{ customers(first: 251) { nodes { id } } }", "first must be between 0 and 250"),
        ('{ customers(first: 1, after: "bm9uc2Vuc2U=") { nodes { id } } }', "Invalid cursor"),
        ('{ order(id: "17") { id } }', "Invalid global id"),
        ('{ orders(first: 1, query: "updated_at:>=soon") { nodes { id } } }', "not a time"),
        ("{ customers(first: 1) { nodes { email } } }", "Cannot query field 'email'"),
        ("{ customers(first: ", "Syntax Error"),
        ("query ($n: Int!) { customers(first: $n) { nodes { id } } }", "$n"),
    ],
)
def test_what_shopify_refuses_is_an_error_in_http_200(read_shop: Api, query: str, message: str) -> None:
    assert message in read_shop.refusal(query)["message"]


def test_a_cursor_of_another_sort_is_refused(read_shop: Api) -> None:
    page = read_shop.data("{ customers(first: 1, sortKey: ID) { pageInfo { endCursor } } }")["customers"]
    query = "query ($a: String) { customers(first: 1, after: $a, sortKey: UPDATED_AT) { nodes { id } } }"
    assert "Invalid cursor" in read_shop.refusal(query, a=page["pageInfo"]["endCursor"])["message"]


def test_what_was_asked_is_in_the_state(own_shop: Api) -> None:
    list(own_shop.pages(CUSTOMERS, "customers", first=40, query="updated_at:>=2020-01-01"))
    state = own_shop.state()
    assert state["operations"] == {"Customers": 2}
    assert state["root_fields"] == {"customers": 2}
    connections = [entry["connections"][0] for entry in state["log"]]
    assert [(each["field"], each["query"], each["rows"]) for each in connections] == [
        ("customers", "updated_at:>=2020-01-01", 40),
        ("customers", "updated_at:>=2020-01-01", 20),
    ]
    assert connections[0]["after"] is None
    assert connections[1]["after"] is not None


def test_amounts_in_answers_are_those_of_the_dump(read_shop: Api) -> None:
    query = """query ($after: String) { orders(first: 100, after: $after) { nodes { legacyResourceId
      totalPriceSet { shopMoney { amount } presentmentMoney { currencyCode amount } }
      totalRefundedSet { shopMoney { amount } } }
      pageInfo { hasNextPage endCursor } } }"""
    answers = {row["legacyResourceId"]: row for page in read_shop.pages(query, "orders") for row in page}
    currencies: Counter[str] = Counter()
    for order in read_shop.dump("orders"):
        row = answers[str(order["id"])]
        total = order["totals"]["total"]
        assert row["totalPriceSet"]["shopMoney"]["amount"] == f"{total[0] // 100}.{total[0] % 100:02d}"
        assert row["totalPriceSet"]["presentmentMoney"]["amount"] == f"{total[1] // 100}.{total[1] % 100:02d}"
        currencies[row["totalPriceSet"]["presentmentMoney"]["currencyCode"]] += 1
    assert currencies["USD"] > 10
    assert currencies["CHF"] > 10


def test_neighbours_with_equal_times_are_neither_lost_nor_doubled(own_shop: Api) -> None:
    at = "2030-01-01T00:00:00Z"
    ids = [row["id"] for row in own_shop.dump("customers")[:9]]
    for number in ids:
        own_shop.change("touch", id=number, at=at)
    pages = list(own_shop.pages(CUSTOMERS, "customers", first=2, query=f"updated_at:>={at}"))
    found = [row["id"] for page in pages for row in page]
    assert found == [f"gid://shopify/Customer/{number}" for number in sorted(ids)]
    assert all(first != second for first, second in pairwise(found))
