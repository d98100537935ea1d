"""A running Shopify stand-in and a caller of its Admin API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import TwinProcess, running_twin
from tajo_pipelines.twin.shopify.access import DEFAULT_STORED_TOKEN
from tajo_pipelines_tests.twin.shopify.listener import Listener

PATH = "/admin/api/2026-10/graphql.json"
FAST = TwinClock(5000.0)


class Api:
    """Calls one shop over HTTP with its stored token."""

    def __init__(self, twin: TwinProcess) -> None:
        self.twin = twin
        self.session = requests.Session()
        self.session.headers["X-Shopify-Access-Token"] = DEFAULT_STORED_TOKEN

    def post(self, text: str, /, path: str = PATH, **variables: Any) -> requests.Response:
        body = {"query": text, "variables": variables}
        return self.session.post(self.twin.shopify_url + path, json=body, timeout=10)

    def answer(self, text: str, /, **variables: Any) -> dict[str, Any]:
        response = self.post(text, **variables)
        assert response.status_code == 200, response.text
        document: dict[str, Any] = response.json()
        return document

    def data(self, text: str, /, **variables: Any) -> dict[str, Any]:
        answer = self.answer(text, **variables)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def refusal(self, text: str, /, **variables: Any) -> dict[str, Any]:
        errors = self.answer(text, **variables)["errors"]
        first: dict[str, Any] = errors[0]
        return first

    def pages(self, text: str, root: str, /, **variables: Any) -> Iterator[list[dict[str, Any]]]:
        """All pages of a query with ``$after``."""
        after = None
        while True:
            connection = self.data(text, after=after, **variables)[root]
            yield connection["nodes"]
            if not connection["pageInfo"]["hasNextPage"]:
                return
            after = connection["pageInfo"]["endCursor"]

    def change(self, op: str, **arguments: Any) -> dict[str, Any]:
        response = self.session.post(
            self.twin.shopify_url + "/_twin/change", json={"target": "shopify", "op": op, **arguments}, timeout=10
        )
        document: dict[str, Any] = response.json()
        assert response.status_code == 200, document
        return document

    def dump(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.session.get(f"{self.twin.shopify_url}/_twin/shop/{name}", timeout=10).json()[
            name
        ]
        return rows

    def state(self) -> dict[str, Any]:
        document: dict[str, Any] = self.session.get(self.twin.shopify_url + "/_twin/state", timeout=10).json()
        shopify: dict[str, Any] = document["shopify"]
        return shopify


@pytest.fixture(scope="module")
def read_shop() -> Iterator[Api]:
    """A shop that tests only read."""
    with running_twin(halves=("shopify",), options=TwinOptions(customers=300), clock=FAST) as twin:
        api = Api(twin)
        yield api
        api.session.close()


@pytest.fixture
def own_shop() -> Iterator[Api]:
    """A shop of the test's own."""
    with running_twin(halves=("shopify",), options=TwinOptions(customers=60), clock=FAST) as twin:
        api = Api(twin)
        yield api
        api.session.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """An address that is told of what happens."""
    listening = Listener()
    yield listening
    listening.close()
