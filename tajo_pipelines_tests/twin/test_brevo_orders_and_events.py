from __future__ import annotations

import time
from typing import Any

import pytest

from tajo_pipelines_tests.twin.conftest import Api


def order(number: str = "1", **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "createdAt": "2026-11-01T10:00:00Z",
        "updatedAt": "2026-11-02T10:00:00.000Z",
        "status": "paid",
        "amount": 12.5,
        "products": [{"productId": "7", "quantity": 2, "price": 6.25}],
        **more,
    }


def by_email(email: str) -> dict[str, Any]:
    return {"identifiers": {"email_id": email}}


def wait_for_orders(api: Api, count: int) -> list[dict[str, Any]]:
    for _ in range(200):
        document = api.call("GET", "/orders").json()
        if document["count"] == count:
            orders: list[dict[str, Any]] = document["orders"]
            return orders
        time.sleep(0.01)
    pytest.fail("the batch was not applied")


def test_ecommerce_must_be_active_first(api: Api) -> None:
    api.change("ecommerce", active=False)
    for method, path, body in (
        ("POST", "/orders/status", order()),
        ("GET", "/orders", None),
        ("GET", "/ecommerce/config/displayCurrency", None),
    ):
        answer = api.call(method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied"), path
    assert api.call("POST", "/ecommerce/activate").status_code == 200
    assert api.call("GET", "/orders").status_code == 403
    api.change("ecommerce", active=True)
    assert api.call("POST", "/ecommerce/config/displayCurrency", {"code": "EUR"}).json() == {"code": "EUR"}
    assert api.call("GET", "/ecommerce/config/displayCurrency").json() == {"code": "EUR"}
    assert api.call("POST", "/ecommerce/config/displayCurrency", {"code": "euro"}).status_code == 422


def test_orders_join_the_contact_that_exists_when_they_come(api: Api) -> None:
    number = api.create("a@example.com")
    assert api.call("POST", "/orders/status", order("1", **by_email("A@example.com"))).status_code == 204
    assert api.call("POST", "/orders/status", order("2", **by_email("unknown@example.com"))).status_code == 204
    stored = {entry["id"]: entry for entry in api.call("GET", "/orders", sort="asc").json()["orders"]}
    assert (stored["1"]["contact_id"], stored["1"]["email"]) == (number, "a@example.com")
    assert "contact_id" not in stored["2"]
    assert api.account.orders["2"]["contact_id"] is None


def test_the_later_call_wins_and_only_live_ones_trigger(api: Api) -> None:
    api.call("POST", "/orders/status", order(amount=10, status="pending"))
    api.call("POST", "/orders/status", order(amount=7.25, status="refunded", updatedAt="2020-01-01T00:00:00Z"))
    listed = api.call("GET", "/orders").json()["orders"]
    assert [(entry["amount"], entry["status"]) for entry in listed] == [(7.25, "refunded")]
    assert api.account.number("automation_triggers") == 2
    batch = api.call("POST", "/orders/status/batch", {"orders": [order("8"), order("9")]})
    assert (batch.status_code, batch.json()["count"]) == (202, 2)
    wait_for_orders(api, 3)
    assert api.account.number("automation_triggers") == 2
    api.call("POST", "/orders/status/batch", {"orders": [order("10")], "historical": False})
    wait_for_orders(api, 4)
    assert api.account.number("automation_triggers") == 3


def test_a_batch_takes_a_moment(api: Api) -> None:
    api.call("POST", "/orders/status/batch", {"orders": [order()]})
    assert api.call("GET", "/orders").json()["count"] == 0
    assert wait_for_orders(api, 1)[0]["id"] == "1"


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "12.50"},
        {"products": [{"productId": 7, "price": 1, "quantity": 1}]},
        {"products": [{"productId": "7", "price": 1}]},
        {"createdAt": "yesterday"},
        {"currency": "EUR"},
        {"identifiers": {"email": "a@example.com"}},
        {"billing": {"zip": "1"}},
    ],
)
def test_orders_beyond_the_contract_are_refused(api: Api, change: dict[str, Any]) -> None:
    assert api.call("POST", "/orders/status", order(**change)).status_code == 400
    assert api.call("POST", "/orders/status/batch", {"orders": [order("2"), order(**change)]}).status_code == 400
    assert api.call("GET", "/orders").json()["count"] == 0


def test_sizes_of_batches_and_pages(api: Api) -> None:
    many = [order(str(index)) for index in range(1001)]
    assert api.call("POST", "/orders/status/batch", {"orders": many}).status_code == 400
    assert api.call("POST", "/orders/status/batch", {"orders": []}).status_code == 400
    assert api.call("POST", "/orders/status/batch", {"orders": many[:1000]}).status_code == 202
    assert api.call("GET", "/orders", limit=101).status_code == 400
    assert api.call("GET", "/orders", modifiedSince="2026-11-03T00:00:00Z").json()["count"] == 0


def event(name: str = "cart_updated", **more: Any) -> dict[str, Any]:
    return {"event_name": name, "identifiers": {"email_id": "a@example.com"}, **more}


def wait_for_events(api: Api, count: int) -> list[dict[str, Any]]:
    for _ in range(300):
        document = api.call("GET", "/events").json()
        if document["count"] == count:
            events: list[dict[str, Any]] = document["events"]
            return events
        time.sleep(0.01)
    pytest.fail("the events did not show")


def test_events_are_kept_twice_when_sent_twice(api: Api) -> None:
    number = api.create("a@example.com")
    body = event(event_properties={"value": 12.5, "live": True}, event_date="2026-11-20T10:00:00Z")
    for _ in range(2):
        assert api.call("POST", "/events", body).status_code == 204
    shown = wait_for_events(api, 2)
    assert {entry["contact_id"] for entry in shown} == {number}
    assert shown[0]["event_properties"] == {"value": 12.5, "live": True}
    assert shown[0]["event_date"] == "2026-11-20T10:00:00.000Z"
    assert api.call("GET", "/events", event_name="other").json()["count"] == 0
    assert api.call("GET", "/events", contact_id=number, event_name="cart_updated").json()["count"] == 2


def test_an_event_of_an_unknown_address_makes_a_mailable_contact(api: Api) -> None:
    api.call("POST", "/events", event())
    held = api.account.by_email("a@example.com")
    assert held is not None
    assert (held["created_by"], held["emailBlacklisted"]) == ("event", False)


@pytest.mark.parametrize(
    "body",
    [
        {"event_name": "x"},
        {"event_name": "x", "identifiers": {}},
        {"event_name": "x y", "identifiers": {"email_id": "a@example.com"}},
        {"event_name": "x", "identifiers": {"email_id": "a@example.com"}, "historical": True},
        {"event_name": "x", "identifiers": {"email_id": "a@example.com"}, "event_properties": {"x": "y" * 50_001}},
        {"event_name": "x", "identifiers": {"email_id": "a@example.com"}, "event_properties": {"x" * 256: 1}},
        {"event_name": "x" * 256, "identifiers": {"email_id": "a@example.com"}},
        {"event_name": "cart.updated", "identifiers": {"email_id": "a@example.com"}},
        {"event_name": "x", "identifiers": {"email_id": "no address"}},
    ],
)
def test_events_beyond_the_contract_are_refused(api: Api, body: dict[str, Any]) -> None:
    assert api.call("POST", "/events", body).status_code == 400


def test_batches_of_events_say_which_failed(api: Api) -> None:
    assert api.call("POST", "/events/batch", {"events": [event(), event()]}).status_code == 202
    partly = api.call("POST", "/events/batch", {"events": [event(), {"event_name": "x"}]})
    assert partly.status_code == 207
    assert partly.json()["errors"][0]["eventIndex"] == [1]
    assert api.call("POST", "/events/batch", {"events": [{"event_name": "x"}]}).status_code == 400
    assert api.call("POST", "/events/batch", {"events": [event()] * 201}).status_code == 400
    assert api.call("POST", "/events/batch", [event()]).status_code == 400


def test_a_batch_of_events_has_at_most_512_kilobytes(api: Api) -> None:
    large = [event(event_properties={"x": "y" * 49_000}) for _ in range(11)]
    assert api.call("POST", "/events/batch", {"events": large}).status_code == 400
    assert api.call("POST", "/events/batch", {"events": large[:10]}).json() == {
        "message": "Events accepted",
        "count": 10,
    }
    assert len(api.account.events) == 10


def test_events_are_found_by_contact_name_and_time(api: Api) -> None:
    first, second = api.create("a@example.com"), api.create("b@example.com")
    api.change("set_event_delay", seconds=0)
    for name, email, day in (("x", "a", "10"), ("y", "a", "11"), ("x", "b", "12"), ("x", "b", "13")):
        api.call(
            "POST",
            "/events",
            event(name, identifiers={"email_id": f"{email}@example.com"}, event_date=f"2026-11-{day}"),
        )

    def count(**query: Any) -> int:
        return int(api.call("GET", "/events", **query).json()["count"])

    assert (count(), count(event_name="x"), count(event_name=["x", "y"])) == (4, 3, 4)
    assert (count(contact_id=first), count(contact_id=second), count(contact_id=[first, second])) == (2, 2, 4)
    assert count(startDate="2026-11-11T00:00:00Z", endDate="2026-11-12T12:00:00Z") == 2
    page = api.call("GET", "/events", limit=2, offset=3).json()
    assert (page["count"], len(page["events"])) == (4, 1)
    assert api.call("GET", "/events", limit=10_001).status_code == 400
    assert api.call("GET", "/events", email="a@example.com").status_code == 400
