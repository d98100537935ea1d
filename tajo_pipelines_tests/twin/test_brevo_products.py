from __future__ import annotations

import time
from typing import Any

import pytest

from tajo_pipelines.twin.brevo.limits import bucket_of
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines_tests.twin.conftest import Api


def product(number: str = "1", **more: Any) -> dict[str, Any]:
    return {"id": number, "name": f"Tasse {number}", "price": 12.9, "url": "https://shop.example/1", **more}


def held(api: Api, number: str) -> dict[str, Any]:
    document: dict[str, Any] = api.call("GET", f"/products/{number}").json()
    return document


def test_a_product_is_made_once_and_updated_only_where_asked(api: Api) -> None:
    made = api.call("POST", "/products", product())
    assert (made.status_code, made.json()) == (201, {"id": "1"})
    again = api.call("POST", "/products", product(price=5))
    assert (again.status_code, again.json()["code"]) == (400, "invalid_parameter")
    assert held(api, "1")["price"] == 12.9
    updated = api.call("POST", "/products", {"id": "1", "price": 5, "updateEnabled": True})
    assert (updated.status_code, updated.content) == (204, b"")
    assert (held(api, "1")["price"], held(api, "1")["name"]) == (5, "Tasse 1")
    assert api.call("POST", "/products", product("2", updateEnabled=True)).status_code == 201


def test_variants_name_their_parent_and_deleted_products_stay_as_deleted(api: Api) -> None:
    api.call("POST", "/products", product("1"))
    api.call("POST", "/products", product("2", parentId="1", stock=-2, sku="T-2", metaInfo={"colour": "blau", "n": 3}))
    api.call(
        "POST", "/products", {"id": "1", "isDeleted": True, "deletedAt": "2026-11-01T10:00:00Z", "updateEnabled": True}
    )
    assert (held(api, "2")["parentId"], held(api, "2")["stock"]) == ("1", -2)
    assert held(api, "1")["isDeleted"] is True
    listed = api.call("GET", "/products", isDeleted="false").json()
    assert [entry["id"] for entry in listed["products"]] == ["2"]
    totals = api.twin.call(lambda: api.twin.twin.control.state("brevo"))["brevo"]["organizations"][api.organization]
    assert [entry["id"] for entry in totals["products"]] == ["1", "2"]


@pytest.mark.parametrize(
    "body",
    [
        {"id": "1"},
        {"name": "ohne"},
        {"id": "", "name": "leer"},
        {"id": 1, "name": "Zahl"},
        product(price="12.90"),
        product(currency="EUR"),
        product(imageUrl="/bild.png"),
        product(categories=[7]),
        product(metaInfo={"a": "x" * 20_001}),
        product(metaInfo={f"k{number}": 1 for number in range(21)}),
        product(metaInfo={"a": {"b": 1}}),
        product(isDeleted="true"),
    ],
)
def test_products_beyond_the_contract_are_refused_alone_and_in_batches(api: Api, body: dict[str, Any]) -> None:
    assert api.call("POST", "/products", body).status_code == 400
    batch = {"products": [product("7"), body], "updateEnabled": True}
    assert api.call("POST", "/products/batch", batch).status_code == 400
    assert api.call("GET", "/products").json()["count"] == 0


def test_a_batch_counts_what_it_made_and_changed(api: Api) -> None:
    batch = api.call("POST", "/products/batch", {"products": [product("1"), product("2")]})
    assert (batch.status_code, batch.json()) == (201, {"createdCount": 2, "updatedCount": 0})
    more = {"products": [{"id": "2", "price": 1}, product("3")]}
    assert api.call("POST", "/products/batch", more).status_code == 400
    assert api.call("GET", "/products").json()["count"] == 2
    answer = api.call("POST", "/products/batch", {**more, "updateEnabled": True}).json()
    assert answer == {"createdCount": 1, "updatedCount": 1}


def test_the_same_id_twice_in_a_batch_is_refused(api: Api) -> None:
    for path, name in (("/products/batch", "products"), ("/categories/batch", "categories")):
        body = {name: [{"id": "1", "name": "a"}, {"id": "1", "name": "b"}], "updateEnabled": True}
        refused = api.call("POST", path, body)
        assert (refused.status_code, "Duplicate" in refused.json()["message"]) == (400, True)


def test_more_than_100_products_need_updates_and_a_raised_limit(api: Api) -> None:
    many = [product(str(number)) for number in range(1001)]

    def status(count: int, *, update: bool) -> int:
        return api.call("POST", "/products/batch", {"products": many[:count], "updateEnabled": update}).status_code

    assert (status(0, update=True), status(101, update=True), status(100, update=False)) == (400, 400, 201)
    api.change("raise_products_limit")
    assert (status(101, update=False), status(1000, update=True), status(1001, update=True)) == (400, 201, 400)
    api.change("raise_products_limit", raised=False)
    assert status(101, update=True) == 400


def test_products_are_listed_by_pages_and_filters(api: Api) -> None:
    batch = [product(str(n), price=n, sku=f"S{n}", categories=["a" if n % 2 else "b"]) for n in range(60)]
    api.call("POST", "/products/batch", {"products": batch})
    first = api.call("GET", "/products").json()
    assert (first["count"], len(first["products"]), first["products"][0]["id"]) == (60, 50, "59")
    rest = api.call("GET", "/products", offset=50, sort="asc").json()["products"]
    assert [entry["id"] for entry in rest] == [str(n) for n in range(50, 60)]
    assert api.call("GET", "/products", limit=1000).status_code == 200
    assert api.call("GET", "/products", limit=1001).status_code == 400

    def ids(**query: Any) -> list[str]:
        return [
            entry["id"] for entry in api.call("GET", "/products", sort="asc", limit=100, **query).json()["products"]
        ]

    assert ids(ids=["3", "5"]) == ["3", "5"]
    assert ids(**{"price[gte]": 58}) == ["58", "59"]
    assert ids(categories="a", **{"price[lt]": 4}) == ["1", "3"]
    assert ids(search="s42") == ["42"]
    assert len(ids(name="tasse")) == 60
    assert ids(modifiedSince="2999-01-01T00:00:00Z") == []
    assert api.call("GET", "/products", name="ta").status_code == 400
    assert api.call("GET", "/products", nonsense="1").status_code == 400
    assert api.call("GET", "/products/99").status_code == 404


def test_categories_are_made_updated_and_listed(api: Api) -> None:
    assert api.call("POST", "/categories", {"id": "kaffee", "name": "Kaffee"}).json() == {"id": "kaffee"}
    assert api.call("POST", "/categories", {"id": "kaffee", "name": "Café"}).status_code == 400
    assert api.call("POST", "/categories", {"id": "kaffee", "name": "Café", "updateEnabled": True}).status_code == 204
    assert api.call("POST", "/categories", {"id": "tee", "updateEnabled": True}).status_code == 400
    many = [{"id": str(number), "name": f"C {number}"} for number in range(101)]
    assert api.call("POST", "/categories/batch", {"categories": many}).status_code == 400
    answer = api.call("POST", "/categories/batch", {"categories": many[:100]})
    assert (answer.status_code, answer.json()) == (201, {"createdCount": 100, "updatedCount": 0})
    listed = api.call("GET", "/categories", limit=100, sort="asc").json()
    assert (listed["count"], listed["categories"][0]["name"]) == (101, "Café")
    assert api.call("GET", "/categories", limit=101).status_code == 400
    assert api.call("GET", "/categories/kaffee").json()["isDeleted"] is False
    assert api.call("GET", "/categories/none").status_code == 404


def test_products_need_active_ecommerce(api: Api) -> None:
    api.change("ecommerce", active=False)
    for method, path, body in (
        ("POST", "/products", product()),
        ("POST", "/products/batch", {"products": [product()]}),
        ("GET", "/products", None),
        ("POST", "/categories", {"id": "a", "name": "a"}),
        ("GET", "/categories", None),
    ):
        assert api.call(method, path, body).json()["code"] == "permission_denied", path


def test_products_have_a_bucket_of_their_own_and_batches_share_the_rest() -> None:
    assert bucket_of("POST", "/products") == "products"
    for path in ("/products/batch", "/categories", "/categories/batch"):
        assert bucket_of("POST", path) == "other"
    assert bucket_of("GET", "/products") == "other"
    options = TwinOptions(tier="general", brevo_unsubscribed=[])
    with running_twin(halves=("brevo",), options=options, clock=TwinClock(0.1)) as twin:
        api = Api(twin)
        api.session.headers["api-key"] = "twin-brevo-key"
        answers = [api.call("POST", "/products", product(str(number))) for number in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 429]
        assert answers[0].headers["x-sib-ratelimit-limit"] == "2"
        batch = api.call("POST", "/products/batch", {"products": [product("9")]})
        assert (batch.status_code, batch.headers["x-sib-ratelimit-limit"]) == (201, "100")
        api.close()


def test_the_page_and_the_state_show_products_categories_and_doubled_events() -> None:
    options = TwinOptions(tier="unlimited", brevo_unsubscribed=[], customers=20)
    with running_twin(options=options, clock=TwinClock(50.0)) as twin:
        api = Api(twin)
        api.session.headers["api-key"] = "twin-brevo-key"
        api.call("POST", "/products/batch", {"products": [product("1"), product("2", parentId="1", isDeleted=True)]})
        api.call("POST", "/categories", {"id": "a", "name": "A"})
        for mark in ("x", "y", "x", "x", None):
            properties = {} if mark is None else {"tajo_id": mark}
            event = {"event_name": "cart_updated", "identifiers": {"email_id": "a@example.com"}}
            api.call("POST", "/events", {**event, "event_properties": properties})
        totals = twin.state("brevo")["totals"]
        assert (totals["products"], totals["products with parent"], totals["products deleted"]) == (2, 1, 1)
        assert (totals["categories"], totals["events"], totals["events doubled"]) == (1, 5, 2)
        assert totals["events cart_updated"] == 5
        page = api.session.get(twin.brevo_url.removesuffix("/v3") + "/_twin", timeout=5).text
        for word in ("products with parent", "events doubled", "carts fresh", "bulk operations", "variants"):
            assert word in page
        api.close()


def test_events_are_shown_as_late_as_ordered(api: Api) -> None:
    event = {"event_name": "x", "identifiers": {"email_id": "a@example.com"}}
    api.change("set_event_delay", seconds=0)
    api.call("POST", "/events", event)
    assert api.call("GET", "/events").json()["count"] == 1
    api.change("set_event_delay", seconds=1_000)
    api.call("POST", "/events", event)
    time.sleep(0.05)
    assert api.call("GET", "/events").json()["count"] == 1
    assert len(api.account.events) == 2
