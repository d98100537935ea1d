"""A shop on loopback: answers the connector's own documents over the pruned schema, executed by graphql-core."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, build_schema, execute_sync, parse, validate

from tajo_pipelines.connectors.shopify.connector import ShopifySource, open_source
from tajo_pipelines.connectors.shopify.records import kind_of
from tajo_pipelines.connectors.shopify.streams import READINGS
from tajo_pipelines.model.window import format_time, parse_time
from tajo_pipelines.sdk.connector import ConnectionConfig
from tajo_pipelines.sdk.http import decode_json
from tajo_pipelines_tests.connectors.shopify.hooks import Hooks
from tajo_pipelines_tests.sdk.support import Call, HeldClock, Reply, Server, serving

FIXTURES = resources.files("tajo_pipelines.connectors.shopify") / "fixtures"
SCHEMA = build_schema((FIXTURES / "schema_2026-10.graphql").read_text(encoding="utf-8"))
SCOPES = ("read_customers", "read_orders", "read_all_orders", "read_products")
PATH = "/admin/api/2026-10/graphql.json"
COST = {"maximumAvailable": 2000, "currentlyAvailable": 1990, "restoreRate": 100}
STREAM_OF = {reading.connection: stream for stream, reading in READINGS.items()}
COUNTED = {reading.count[1]: reading.connection for reading in READINGS.values()}
NESTED = {nested.field for reading in READINGS.values() for nested in reading.nested}
TYPES = {"Media": "MediaImage", "Event": "BasicEvent"}
_TERM = re.compile(r"(\w+):(>=|<|)'?([^'\s]+)'?")


@lru_cache(maxsize=256)
def valid(query: str) -> DocumentNode:
    """A document that the schema allows."""
    document = parse(query)
    assert not validate(SCHEMA, document)
    return document


def fixture(name: str) -> Any:
    return decode_json((FIXTURES / f"{name}.json").read_bytes())


def nodes(stream: str) -> list[dict[str, Any]]:
    """Every raw object of the fixtures, whole."""
    connection = READINGS[stream].connection
    found = [node for page in (1, 2) for node in fixture(f"api/{stream}.page_{page}")["data"][connection]["nodes"]]
    more = {
        "orders": [("lineItems", "order", "order_lines", 2)],
        "products": [("variants", "product", "product_variants", 1)],
        "carts": [("lineItems", "node", "cart_lines", 1)],
    }
    for node in found:
        for name in NESTED & set(node):
            if node[name].pop("pageInfo")["hasNextPage"]:
                ((_, holder, document, pages),) = more[stream]
                for page in range(1, pages + 1):
                    node[name]["nodes"] += fixture(f"api/{document}.page_{page}")["data"][holder][name]["nodes"]
    return found


@dataclass
class Bulk:
    """How bulk operations go in this shop.

    Attributes:
        looks: How often an operation says that it is running.
        fate: Status and error of the operations to come, one after another; then all complete.
        grouped: Whether children follow their parents, or stand anywhere.
        gone: Whether the files can't be had any longer.
        cut: How many downloads end in the middle.
        refused: Codes of user errors of the calls to come.
    """

    looks: int = 1
    fate: list[tuple[str, str | None]] = field(default_factory=list)
    grouped: bool = False
    gone: bool = False
    cut: int = 0
    refused: list[str] = field(default_factory=list)
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    downloads: list[Mapping[str, str]] = field(default_factory=list)


@dataclass
class Shop(Hooks):
    """What the shop holds and how it behaves; any reply put into `instead` goes out first."""

    customers: list[dict[str, Any]] = field(default_factory=lambda: nodes("customers"))
    orders: list[dict[str, Any]] = field(default_factory=lambda: nodes("orders"))
    products: list[dict[str, Any]] = field(default_factory=lambda: nodes("products"))
    carts: list[dict[str, Any]] = field(default_factory=lambda: nodes("carts"))
    events: list[dict[str, Any]] = field(
        default_factory=lambda: fixture("api/deletions.page_1")["data"]["events"]["nodes"]
    )
    scopes: tuple[str, ...] = SCOPES
    largest_page: int = 250
    instead: list[Reply] = field(default_factory=list)
    token: str = "shpat_stored"
    tokens_given: int = 0
    too_dear_above: int = 250
    page_cost: float | None = None
    counts_at_least: int = 0
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    operations_asked: list[str] = field(default_factory=list)
    bulk: Bulk = field(default_factory=Bulk)
    clock: HeldClock = field(default_factory=HeldClock)
    url: str = ""

    def answer(self, call: Call) -> Reply:
        if call.path == "/admin/oauth/access_token":
            return self._login(call)
        if call.path.startswith("/files/"):
            return self._file(call)
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

    def _file(self, call: Call) -> Reply:
        self.bulk.downloads.append(call.headers)
        number = call.path.rpartition("/")[2]
        if self.bulk.gone or number not in self.bulk.files:
            return Reply(403, b"<Error><Code>ExpiredToken</Code></Error>")
        body = "".join(f"{line}\n" for line in self.bulk.files[number]).encode()
        if self.bulk.cut:
            self.bulk.cut -= 1
            return Reply(200, body[: len(body) // 2], length=len(body))
        return Reply(200, body)

    def _execute(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        document = valid(body["query"])
        variables = body["variables"]
        operation = next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
        self.operations_asked.append(operation.name.value if operation.name else "")
        self.asked.append(variables)
        if max(variables.get("first", 0), len(variables.get("ids", ()))) > self.too_dear_above:
            error = {"message": "Query cost is 1200", "extensions": {"code": "MAX_COST_EXCEEDED"}}
            return {"errors": [error]}
        done = self._run(body["query"], variables)
        found: dict[str, Any] = {"data": done["data"]}
        if done.get("errors"):
            found["errors"] = done["errors"]
        if self.page_cost is not None:
            status = {"requestedQueryCost": self.page_cost, "actualQueryCost": self.page_cost, "throttleStatus": COST}
            found["extensions"] = {"cost": status}
        return found

    def _run(self, query: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        return execute_sync(
            SCHEMA,
            valid(query),
            self._root(),
            variable_values=dict(variables),
            field_resolver=self._resolve,
            type_resolver=lambda value, _info, abstract: TYPES.get(abstract.name) or kind_of(value["id"]),
        ).formatted

    def _root(self) -> Mapping[str, Any]:
        shop = fixture("api/check")["data"]["shop"]
        return {
            "shop": shop,
            "currentAppInstallation": {"accessScopes": [{"handle": scope} for scope in self.scopes]},
        }

    def _resolve(self, source: Any, info: Any, **arguments: Any) -> Any:
        name = info.field_name
        parent = info.parent_type.name
        if parent in {"QueryRoot", "Mutation"}:
            return self._top(source, name, arguments)
        if name in NESTED:
            return self._page(source[name]["nodes"], arguments)
        if name == "edges":
            return [{"node": node} for node in source["nodes"]]
        if name in {"product", "variant"} and "read_products" not in self.scopes:
            raise GraphQLError(
                f"Access denied for {name} field.",
                extensions={"code": "ACCESS_DENIED", "requiredAccess": "`read_products` access scope."},
            )
        return source.get(name)

    def _top(self, source: Any, name: str, arguments: Mapping[str, Any]) -> Any:
        if name in STREAM_OF:
            return self._list(getattr(self, STREAM_OF[name]), name, arguments)
        if name in COUNTED:
            found = self._found(getattr(self, STREAM_OF[COUNTED[name]]), COUNTED[name], arguments)
            count, limit = max(len(found), self.counts_at_least), arguments["limit"]
            return {"count": count if limit is None else min(count, limit)}
        if name in {"order", "product", "node"}:
            held = {"order": self.orders, "product": self.products, "node": self.carts}[name]
            return next((each for each in held if each["id"] == arguments["id"]), None)
        if name == "nodes":
            held = [*self.customers, *self.orders, *self.products, *self.carts]
            by_id = {each["id"].partition("?")[0]: each for each in held}
            return [by_id.get(number) for number in arguments["ids"]]
        if name == "events":
            return self._page([event for event in self.events if _event_matches(event, arguments)], arguments)
        bulk = {
            "bulkOperation": self._look,
            "bulkOperations": lambda _: {"nodes": list(reversed(self.bulk.operations.values()))},
            "bulkOperationRunQuery": self._start,
            "bulkOperationCancel": self._cancel,
            "webhookSubscriptions": lambda given: self._page(self.hooks, given),
            "webhookSubscriptionCreate": self.subscribe,
            "webhookSubscriptionDelete": self.unsubscribe,
        }
        return bulk[name](arguments) if name in bulk else source.get(name)

    def _start(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        assert arguments["groupObjects"] is False
        if self.bulk.refused:
            code = self.bulk.refused.pop(0)
            return {"bulkOperation": None, "userErrors": [{"field": None, "message": "no", "code": code}]}
        number = str(len(self.bulk.operations) + 1)
        status, error = self.bulk.fate.pop(0) if self.bulk.fate else ("COMPLETED", None)
        done = self._run(arguments["query"], {})
        lines: list[str] = []
        roots = 0
        if done.get("errors"):
            status, error = "FAILED", "ACCESS_DENIED"
        else:
            lines, roots = self._lines(done["data"])
        self.bulk.files[number] = lines
        file = f"/files/{number}"
        operation = {
            "id": f"gid://shopify/BulkOperation/{number}",
            "status": "CREATED",
            "errorCode": None,
            "createdAt": format_time(self.clock.now()),
            "completedAt": None,
            "rootObjectCount": "0",
            "objectCount": "0",
            "url": None,
            "partialDataUrl": None,
            "query": arguments["query"],
        }
        end = {
            "status": status,
            "errorCode": error,
            "rootObjectCount": str(roots),
            "objectCount": str(len(lines)),
            "completedAt": format_time(self.clock.now()) if status == "COMPLETED" else None,
            "url": file if status == "COMPLETED" and lines else None,
            "partialDataUrl": f"{self.url}{file}" if status == "FAILED" and lines else None,
        }
        self.bulk.operations[operation["id"]] = operation
        operation["_end"], operation["_looks"] = end, self.bulk.looks
        return {"bulkOperation": operation, "userErrors": []}

    def _look(self, arguments: Mapping[str, Any]) -> Any:
        operation = self.bulk.operations.get(arguments["id"])
        if operation is None:
            return None
        operation["_looks"] -= 1
        operation.update({"status": "RUNNING"} if operation["_looks"] >= 0 else operation["_end"])
        file = operation["url"]
        return {**operation, "url": file and f"{self.url}{file}"}

    def _cancel(self, arguments: Mapping[str, Any]) -> Any:
        self.bulk.cancelled.append(arguments["id"])
        operation = self.bulk.operations[arguments["id"]]
        operation["_end"] = {"status": "CANCELED"}
        return {"bulkOperation": {**operation, "status": "CANCELING"}, "userErrors": []}

    def _lines(self, data: Mapping[str, Any]) -> tuple[list[str], int]:
        """The file of an operation: parents and children on lines of their own, children anywhere."""
        ((_, connection),) = data.items()
        parents, children = [], []
        for edge in connection["edges"]:
            node = dict(edge["node"])
            for name in NESTED & set(node):
                children += [{**each["node"], "__parentId": node["id"]} for each in node.pop(name)["edges"]]
            parents.append(node)
        lines = [
            *(
                each
                for parent in parents
                for each in (parent, *(c for c in children if c["__parentId"] == parent["id"]))
            )
        ]
        if not self.bulk.grouped:
            # Parents keep their order; children stand anywhere, in any order.
            draw = random.Random(7)
            draw.shuffle(children)
            places = set(draw.sample(range(len(parents) + len(children)), len(parents)))
            inner, outer = iter(children), iter(parents)
            lines = [next(outer) if place in places else next(inner) for place in range(len(parents) + len(children))]
        written = [json.dumps(node, ensure_ascii=False) for node in lines]
        return written, len(parents)

    def _list(self, held: list[dict[str, Any]], name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        key = {"ID": lambda node: int(re.findall(r"\d+", node["id"])[0]), "UPDATED_AT": lambda node: node["updatedAt"]}
        found = self._found(held, name, arguments)
        return self._page(sorted(found, key=key[arguments["sortKey"]]), arguments)

    def _found(self, held: list[dict[str, Any]], name: str, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
        terms = _TERM.findall(arguments.get("query") or "")
        if name == "products" and not any(term[0] == "status" for term in terms):
            terms.append(("status", "", "active"))
        return [node for node in held if all(_matches(node, term) for term in terms)]

    def _page(self, held: list[dict[str, Any]], arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        begin = int((arguments.get("after") or "c0")[1:])
        part = held[begin : begin + min(arguments["first"], self.largest_page)] if "first" in arguments else held
        end = begin + len(part)
        return {
            "nodes": part,
            "pageInfo": {"hasNextPage": end < len(held), "endCursor": f"c{end}" if part else None},
        }


def _matches(node: Mapping[str, Any], term: tuple[str, str, str]) -> bool:
    name, operator, value = term
    if name == "status":
        return str(node["status"]).lower() in value.split(",")
    moment = parse_time(node["createdAt" if name == "created_at" else "updatedAt"])
    bound = parse_time(value)
    return moment >= bound if operator == ">=" else moment < bound


def _event_matches(event: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    for name, operator, value in _TERM.findall(arguments["query"]):
        if name == "action" and event["action"] != value:
            return False
        if name == "subject_type" and event["subjectType"] != value:
            return False
        if name == "created_at" and not _matches(event, (name, operator, value)):
            return False
    return True


@contextmanager
def opened(shop: Shop, clock: HeldClock | None = None, **config: Any) -> Iterator[tuple[ShopifySource, Server]]:
    """The connector, opened on a shop."""
    secrets = config.pop("secrets", {"api_key": "shpat_stored"})
    options = {"shop_url": "kaffee.myshopify.com", **config.pop("options", {})}
    shop.clock = clock or shop.clock
    with serving(shop.answer) as server:
        shop.url = server.url
        source = open_source(
            ConnectionConfig("shopify", "shopify", options, secrets, base_url=server.url, **config), shop.clock
        )
        try:
            yield source, server
        finally:
            source.close()
