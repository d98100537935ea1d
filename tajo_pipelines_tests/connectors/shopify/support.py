"""A shop on loopback: answers the connector's own documents over the pruned schema, executed by graphql-core."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib import resources
from typing import Any

from graphql import GraphQLError, build_schema, execute_sync, parse, validate

from tajo_pipelines.connectors.shopify.connector import ShopifySource, open_source
from tajo_pipelines.model.window import parse_time
from tajo_pipelines.sdk.connector import ConnectionConfig
from tajo_pipelines.sdk.http import decode_json
from tajo_pipelines_tests.sdk.support import Call, HeldClock, Reply, Server, serving

FIXTURES = resources.files("tajo_pipelines.connectors.shopify") / "fixtures"
SCHEMA = build_schema((FIXTURES / "schema_2026-10.graphql").read_text(encoding="utf-8"))
SCOPES = ("read_customers", "read_orders", "read_all_orders", "read_products")
PATH = "/admin/api/2026-10/graphql.json"
_TERM = re.compile(r"(\w+):(>=|<)'([^']+)'")


def fixture(name: str) -> Any:
    return decode_json((FIXTURES / f"{name}.json").read_bytes())


def nodes(stream: str) -> list[dict[str, Any]]:
    """Every raw object of the fixtures, lines complete."""
    found = [node for page in (1, 2) for node in fixture(f"api/{stream}.page_{page}")["data"][stream]["nodes"]]
    more = [
        line
        for page in (1, 2)
        for line in fixture(f"api/order_lines.page_{page}")["data"]["order"]["lineItems"]["nodes"]
    ]
    for node in found:
        lines = node.get("lineItems")
        if lines and lines.pop("pageInfo")["hasNextPage"]:
            lines["nodes"] += more
    return found


@dataclass
class Shop:
    """What the shop holds and how it behaves; any reply put into `instead` goes out first."""

    customers: list[dict[str, Any]] = field(default_factory=lambda: nodes("customers"))
    orders: list[dict[str, Any]] = field(default_factory=lambda: nodes("orders"))
    scopes: tuple[str, ...] = SCOPES
    largest_page: int = 250
    instead: list[Reply] = field(default_factory=list)
    token: str = "shpat_stored"
    tokens_given: int = 0
    too_dear_above: int = 250
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    def answer(self, call: Call) -> Reply:
        if call.path == "/admin/oauth/access_token":
            return self._login(call)
        if self.instead:
            return self.instead.pop(0)
        if call.path != PATH:
            return Reply(404, {"errors": "Not Found"})
        if call.headers.get("x-shopify-access-token") != self.token:
            return Reply(401, {"errors": "[API] Invalid API key or access token"})
        return Reply(200, self._execute(call.json))

    def _login(self, call: Call) -> Reply:
        if b"client_secret=right-secret" not in call.body:
            return Reply(400, {"error": "invalid_client", "error_description": "Client authentication failed."})
        self.tokens_given += 1
        self.token = f"shpua_{self.tokens_given}"
        return Reply(200, {"access_token": self.token, "scope": ",".join(self.scopes), "expires_in": 86399})

    def _execute(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        document = parse(body["query"])
        assert not validate(SCHEMA, document)
        variables = body["variables"]
        self.asked.append(variables)
        if variables.get("first", 0) > self.too_dear_above:
            error = {"message": "Query cost is 1200", "extensions": {"code": "MAX_COST_EXCEEDED"}}
            return {"errors": [error]}
        done = execute_sync(SCHEMA, document, self._root(), variable_values=variables, field_resolver=self._resolve)
        result = done.formatted
        return {"data": result["data"], **({"errors": result["errors"]} if "errors" in result else {})}

    def _root(self) -> Mapping[str, Any]:
        shop = fixture("api/check")["data"]["shop"]
        return {
            "shop": shop,
            "currentAppInstallation": {"accessScopes": [{"handle": scope} for scope in self.scopes]},
        }

    def _resolve(self, source: Any, info: Any, **arguments: Any) -> Any:
        name = info.field_name
        if name in {"customers", "orders"}:
            return self._list(getattr(self, name), arguments)
        if name == "order":
            return next((order for order in self.orders if order["id"] == arguments["id"]), None)
        if name == "lineItems":
            return self._page(source["lineItems"]["nodes"], arguments)
        if name in {"product", "variant"} and "read_products" not in self.scopes:
            raise GraphQLError(
                f"Access denied for {name} field.",
                extensions={"code": "ACCESS_DENIED", "requiredAccess": "`read_products` access scope."},
            )
        return source.get(name)

    def _list(self, held: list[dict[str, Any]], arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        terms = _TERM.findall(arguments.get("query") or "")
        key = {"ID": lambda node: int(node["legacyResourceId"]), "UPDATED_AT": lambda node: node["updatedAt"]}
        found = [node for node in held if all(_matches(node, term) for term in terms)]
        return self._page(sorted(found, key=key[arguments["sortKey"]]), arguments)

    def _page(self, held: list[dict[str, Any]], arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        begin = int((arguments.get("after") or "c0")[1:])
        part = held[begin : begin + min(arguments["first"], self.largest_page)]
        end = begin + len(part)
        return {
            "nodes": part,
            "pageInfo": {"hasNextPage": end < len(held), "endCursor": f"c{end}" if part else None},
        }


def _matches(node: Mapping[str, Any], term: tuple[str, str, str]) -> bool:
    name, operator, value = term
    moment: datetime = parse_time(node["createdAt" if name == "created_at" else "updatedAt"])
    bound = parse_time(value)
    return moment >= bound if operator == ">=" else moment < bound


@contextmanager
def opened(shop: Shop, clock: HeldClock | None = None, **config: Any) -> Iterator[tuple[ShopifySource, Server]]:
    """The connector, opened on a shop."""
    secrets = config.pop("secrets", {"api_key": "shpat_stored"})
    with serving(shop.answer) as server:
        source = open_source(
            ConnectionConfig(
                "shopify", "shopify", {"shop_url": "kaffee.myshopify.com"}, secrets, base_url=server.url, **config
            ),
            clock or HeldClock(),
        )
        try:
            yield source, server
        finally:
            source.close()
