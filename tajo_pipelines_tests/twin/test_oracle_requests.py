"""Every request of a shop's way into Brevo, judged by the vendor's contract and by its official client.

The stand-in took them all, so it may be as wrong as they are; these two judges know neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tajo_pipelines.brevo import division
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import TwinProcess, running_twin
from tajo_pipelines_tests.e2e.expectations import expected
from tajo_pipelines_tests.e2e.project import FACTOR, Project, hurry, small_shop
from tajo_pipelines_tests.twin.brevo_contract import template_of, wrong_request
from tajo_pipelines_tests.twin.official_client import objections

STREAMS = ("customers", "orders", "products", "carts")
NEEDED = {
    "GET /account",
    "GET /contacts",
    "POST /contacts",
    "GET /contacts/{identifier}",
    "PUT /contacts/{identifier}",
    "POST /contacts/import",
    "GET /contacts/attributes",
    "POST /contacts/attributes/{attributeCategory}/{attributeName}",
    "GET /contacts/lists",
    "POST /contacts/lists",
    "POST /contacts/lists/{listId}/contacts/remove",
    "GET /processes",
    "POST /events",
    "POST /events/batch",
    "POST /orders/status/batch",
    "POST /products",
    "POST /products/batch",
    "POST /categories",
    "POST /categories/batch",
    "GET /ecommerce/config/displayCurrency",
}
"""Operations without which the whole way isn't the whole way."""


@dataclass(frozen=True, slots=True)
class Said:
    """One request as it came over the wire."""

    method: str
    path: str
    query: dict[str, str]
    body: Any

    @property
    def name(self) -> str:
        return template_of(self.method, self.path) or f"{self.method} {self.path}"


def said(twin: TwinProcess) -> Iterator[Said]:
    exchanges = twin.twin.parts.calls.exchanges
    for call in twin.calls("brevo"):
        if not call["path"].startswith("/v3/"):
            continue
        exchange = exchanges.of(call["number"])
        assert exchange is not None, "every request is kept"
        assert exchange.request_bytes == len(exchange.request), "and whole"
        body = json.loads(exchange.request) if exchange.request.strip() else None
        yield Said(call["method"], call["path"].removeprefix("/v3"), dict(parse_qsl(call["query"])), body)


def four_streams(project: Project) -> None:
    file = project.folder / "config" / "connectors.yaml"
    text = file.read_text(encoding="utf-8")
    two = "sync: {customers: true, orders: true}"
    assert two in text
    four = "sync: {customers: true, orders: true, products: true, carts: true}"
    file.write_text(text.replace(two, four), encoding="utf-8")


@pytest.fixture(scope="module")
def requests_made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Said]]:
    folder: Path = tmp_path_factory.mktemp("whole-way")
    with pytest.MonkeyPatch.context() as monkeypatch:
        hurry(monkeypatch, import_from=5)
        small_shop(monkeypatch)
        monkeypatch.delenv("TAJO_HOME", raising=False)
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        options = TwinOptions(customers=40, products=20, tier="unlimited")
        with running_twin(options=options, clock=TwinClock(FACTOR)) as twin:
            kept = twin.twin.parts.calls.exchanges
            kept.keep, kept.most = 100_000, 100_000_000
            project = Project.make(folder / "project", twin)
            four_streams(project)
            the_whole_way(project, monkeypatch)
            yield list(said(twin))


def the_whole_way(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first reading, then changes: few of each kind, which go alone, and many, which go together."""
    monkeypatch.setattr(division, "ALONE_SECONDS", 0.01)  # ten at the pace that hurry allows
    project.sync("full", streams=STREAMS)
    few_changes(project)
    project.twin.faults(
        {"target": "brevo", "path": "/categories/batch$", "status": 400, "times": 1},
        {"target": "brevo", "path": "/events$", "method": "POST", "action": "after_effect_reset", "times": 1},
    )
    project.sync(streams=STREAMS)
    many_changes(project)
    project.sync(streams=STREAMS)
    project.sync("full", streams=STREAMS, force=True)


def few_changes(project: Project) -> None:
    """One change of each kind."""
    change = partial(project.twin.change, "shopify")
    granted = sorted(expected(project).granted)
    change("update_customer", email=granted[0], fields={"firstName": "Zoë", "lastName": None})
    change("set_consent", email=granted[1], state="UNSUBSCRIBED")
    change("change_email", email=granted[2], to="renamed@example.com")
    change("delete_customer", email=granted[3])
    change("opt_in", count=1)
    made = change("create_customer", email="new@example.com", email_state="SUBSCRIBED", fields={"firstName": "Łucja"})
    number = made["customer"]["id"]
    order = change("create_order", customer=number, lines=[{"cents": 1999, "quantity": 2, "title": "Gravur"}])["order"]
    change("refund_order", id=order["id"], cents=500)
    change("create_order", email="guest@example.com", presentment="USD", rate=1.1, code=["SPRING", 10])
    cancelled = change("create_order", customer=number)["order"]
    change("cancel_order", id=cancelled["id"])
    product = project.twin.call(lambda: next(iter(project.twin.shopify.shop.products)))
    change("update_product", id=product, fields={"title": "Tasse, blau"})
    change("create_product", title="Kanne", variants=2, type="Neue Sorte")
    cart = change("create_cart", customer=number, lines=[{"cents": 700, "quantity": 1}])["cart"]
    change("update_cart", id=cart["id"], quantity=3)


def many_changes(project: Project) -> None:
    """More than go one by one."""
    change = partial(project.twin.change, "shopify")
    customer = change("create_customer", email="many@example.com", email_state="SUBSCRIBED")["customer"]["id"]
    for _ in range(12):
        change("create_cart", customer=customer, lines=[{"cents": 700, "quantity": 1}])
        change("create_order", customer=customer)


def test_the_whole_way_is_taken(requests_made: list[Said]) -> None:
    assert sorted(NEEDED - {each.name for each in requests_made}) == []


def test_every_request_is_one_of_the_contract(requests_made: list[Said]) -> None:
    wrong = {text for each in requests_made for text in wrong_request(each.method, each.path, each.query, each.body)}
    assert wrong == set()


def test_the_official_client_would_say_the_same(requests_made: list[Said]) -> None:
    wrong = {text for each in requests_made for text in objections(each.method, each.path, each.query, each.body)}
    assert wrong == set()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/contacts", {"email": "a@example.com", "emailBlocked": True}),
        ("POST", "/contacts", {"email": "a@example.com", "listIds": "1"}),
        ("PUT", "/contacts/a@example.com", {"email": "b@example.com"}),
        ("POST", "/contacts/import", {"jsonBody": [{"email": "a@example.com", "name": "A"}], "listIds": [1]}),
        ("POST", "/events", {"event_name": "x", "identifiers": {"mail": "a@example.com"}}),
        ("POST", "/orders/status/batch", {"orders": [{"id": "1"}]}),
        ("POST", "/products/batch", {"products": [{"id": "1", "name": "A", "colour": "blue"}]}),
        ("POST", "/carts", {"id": "1"}),
    ],
)
def test_both_judges_refuse_what_brevo_doesn_t_know(method: str, path: str, body: Any) -> None:
    assert wrong_request(method, path, {}, body)
    assert objections(method, path, {}, body)
