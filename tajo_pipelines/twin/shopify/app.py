"""The Shopify half of the twin: token endpoint and GraphQL endpoint over the seeded shop."""

from __future__ import annotations

import html
import uuid
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values
from starlette.applications import Starlette
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tajo_pipelines.twin.half import ChangeError, TwinParts
from tajo_pipelines.twin.shopify.access import Access, GrantError, allows
from tajo_pipelines.twin.shopify.bulk import FILES_PATH, Bulk
from tajo_pipelines.twin.shopify.changes import Changes
from tajo_pipelines.twin.shopify.cost import MAX_QUERY_COST, Bucket, Price
from tajo_pipelines.twin.shopify.facts import said_yes
from tajo_pipelines.twin.shopify.graph import load_schema
from tajo_pipelines.twin.shopify.listing import Listing
from tajo_pipelines.twin.shopify.resolving import ORDERS_OF_DAYS, Asked
from tajo_pipelines.twin.shopify.seed import stamp
from tajo_pipelines.twin.shopify.settings import Settings
from tajo_pipelines.twin.shopify.shop import Kind, public, seed_shop
from tajo_pipelines.twin.shopify.storefront import Storefront
from tajo_pipelines.twin.shopify.traffic import Traffic
from tajo_pipelines.twin.shopify.webhooks.service import Webhooks
from tajo_pipelines.twin.shopify.wire import LIMITS, body_of, served, too_dear, variable_error

GRAPHQL_PATH = "/admin/api/{version}/graphql.json"
_NO_LOGIN = "[API] Invalid API key or access token (unrecognized login or wrong password)"
_DUMPS: Mapping[str, Kind] = {
    "customers": "Customer",
    "orders": "Order",
    "products": "Product",
    "collections": "Collection",
    "carts": "AbandonedCheckout",
}
"""Under ``/_twin/shop/`` by name."""

_KEPT_QUERIES = 5000
_SHOWN_QUERIES = 500


def build(parts: TwinParts) -> ShopifyHalf:
    """The half, over the shop that the twin's home holds or a new one."""
    return ShopifyHalf(parts)


class ShopifyHalf:
    """One shop; a ``Half`` and a ``Shop`` of the twin.

    Attributes:
        shop: Its documents.
        bulk: Its bulk operations.
        access: Its app's tokens and scopes.
        bucket: The points that queries are paid from.
        webhooks: Who is told of what happens, and what is on its way.
        storefront: The online store's carts and young checkouts.
        traffic: Changes that happen by themselves.
        queries: The last GraphQL requests with what they asked and got.
    """

    name = "shopify"

    def __init__(self, parts: TwinParts) -> None:
        """Make or open the shop."""
        self._clock = parts.clock
        options = parts.options
        self.shop = seed_shop(
            options.customers,
            options.orders,
            options.seed,
            products=options.products,
            clock=parts.clock,
            file=parts.file,
        )
        self.access = Access(parts.file.documents("shopify.access"), parts.clock)
        self.bucket = Bucket(parts.clock)
        self.queries: deque[dict[str, Any]] = deque(maxlen=_KEPT_QUERIES)
        self._roots: Counter[str] = Counter()
        self._operations: Counter[str] = Counter()
        self._throttled = 0
        self._documents: dict[str, DocumentNode | list[GraphQLError]] = {}
        self._schema = load_schema()
        self._listing = Listing(self.shop)
        self._changes = Changes(self.shop)
        self.webhooks = Webhooks(self.shop, self.access, parts.file)
        self.storefront = Storefront(self.shop, parts.file.documents("shopify.storefront"))
        self.traffic = Traffic(self.shop, self.storefront, parts.clock, self.change)
        self.bulk = Bulk(
            parts.file.documents("shopify.bulk"), parts.clock, self._schema, self._asked, self.webhooks.bulk_ended
        )
        self._settings = Settings(self, parts.clock)
        self.app: ASGIApp = Starlette(
            routes=[
                Route("/admin/oauth/access_token", self._token, methods=["POST"]),
                Route(GRAPHQL_PATH, self._graphql, methods=["POST"]),
                Route(f"{FILES_PATH}/{{token}}.jsonl", self._bulk_file),
            ]
        )
        self.control_routes = [Route(f"/_twin/shop/{name}", self._dump(name, kind)) for name, kind in _DUMPS.items()]

    def settle(self) -> None:
        """Go on with what happens by itself; restoring points and lagging indexes are reckoned when asked for."""
        self.bulk.settle()
        self.storefront.settle()
        self.traffic.settle()
        self.webhooks.settle()

    def close(self) -> None:
        """Send no webhooks any more."""
        self.webhooks.close()

    def summary(self) -> dict[str, Any]:
        """Facts, who said yes to e-mail, counts of queries by operation and root field, and the last queries."""
        return {
            "shop": self.shop.facts().as_json(),
            "said_yes": said_yes(self.shop.customers.values(), self.shop.orders.values()),
            "customers": len(self.shop.customers),
            "orders": len(self.shop.orders),
            "products": len(self.shop.products),
            "carts": len(self.shop.carts),
            "events": list(self.shop.all("BasicEvent").values()),
            "bulk": self.bulk.all(),
            "store": self.storefront.summary(),
            "traffic": self.traffic.summary(),
            "webhooks": self.webhooks.summary(),
            "operations": dict(self._operations),
            "root_fields": dict(self._roots),
            "throttled": self._throttled,
            "throttle_status": self.bucket.status(),
            "scopes": list(self.access.scopes),
            "log": list(self.queries)[-_SHOWN_QUERIES:],
        }

    def totals(self) -> Mapping[str, int | str]:
        """A few figures for the page."""
        facts = self.shop.facts()
        money = facts.as_json()["money"]
        return {
            "customers": len(self.shop.customers),
            "orders": len(self.shop.orders),
            **{f"orders for Brevo, {currency}": each["sent"]["net"] for currency, each in money.items()},
            "products": len(self.shop.products),
            "variants": len(self.shop.variants),
            "carts": len(self.shop.carts),
            "carts open": facts.carts["open"],
            "carts fresh": facts.carts["fresh"],
            "deletions told by events": sum(
                event["action"] == "destroy" for event in self.shop.all("BasicEvent").values()
            ),
            "bulk operations": len(self.bulk.all()),
            "GraphQL queries": sum(self._operations.values()),
            "throttled": self._throttled,
        }

    def change(self, op: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Change the shop, or how it answers (``Settings.ops``) and tells (``Webhooks.ops``).

        Raises:
            ChangeError: Unknown op, or arguments that don't fit.
        """
        known = {
            **self._changes.ops,
            **self.storefront.ops,
            **self.traffic.ops,
            **self._settings.ops,
            **self.webhooks.ops,
        }
        if op not in known:
            raise ChangeError(f"op is one of {', '.join(known)}; found {op}")
        try:
            # Of many changes each is an action of its own.
            with nullcontext() if op in self.traffic.ops else self.webhooks.action():
                return known[op](arguments)
        except (TypeError, KeyError, AttributeError) as error:
            raise ChangeError(f"{op} can't be done with these arguments: {error}") from error

    def brevo_unsubscribed_emails(self) -> list[str]:
        """Addresses of people whom the shop calls subscribed and who left at Brevo before the start."""
        return self.shop.brevo_unsubscribed_emails()

    def execute(self, body: Mapping[str, Any], base_url: str = "") -> dict[str, Any]:
        """Answer one GraphQL request, without looking at its token.

        Args:
            body: ``query``, ``variables``, ``operationName``.
            base_url: Scheme, host and port that it came to, for URLs in the answer.
        """
        text = str(body.get("query") or "")
        document = self._document(text)
        if isinstance(document, list):
            return {"errors": [error.formatted for error in document]}
        operation = get_operation_ast(document, body.get("operationName"))
        if operation is None:
            return {"errors": [{"message": "No operation named, or none of that name"}]}
        variables = get_variable_values(self._schema, operation.variable_definitions, dict(body.get("variables") or {}))
        if isinstance(variables, list):
            return {"errors": [variable_error(error) for error in variables]}
        return self._priced(document, operation, {**body, "base_url": base_url}, variables)

    def run(self, query: str) -> ExecutionResult:
        """Execute a document without token, price or log; for looking at the shop from inside."""
        return self._run(parse(query), {}, self._asked())

    def _run(self, document: DocumentNode, body: Mapping[str, Any], asked: Asked) -> ExecutionResult:
        return execute_sync(
            self._schema,
            document,
            context_value=asked,
            variable_values=dict(body.get("variables") or {}),
            operation_name=body.get("operationName"),
        )

    def _priced(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        body: Mapping[str, Any],
        variables: dict[str, Any],
    ) -> dict[str, Any]:
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        price = Price(self._schema, fragments, variables)
        requested = price.requested(operation)
        if requested > MAX_QUERY_COST:
            return {"errors": [too_dear(requested)]}
        if not self.bucket.take(requested):
            self._throttled += 1
            self._note(operation, [], requested, None)
            error = {"message": "Throttled", "extensions": {"code": "THROTTLED", "documentation": LIMITS}}
            return {"errors": [error], "extensions": {"cost": self._cost(requested, None)}}
        asked = self._asked(body["base_url"])
        result = self._run(document, body, asked)
        actual = min(requested, price.actual(operation, result.data))
        self.bucket.give_back(requested - actual)
        self._note(operation, asked.rows, requested, actual)
        return self._answer(result, asked, requested, actual)

    def _answer(self, result: ExecutionResult, asked: Asked, requested: int, actual: int) -> dict[str, Any]:
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        answer["extensions"] = {"cost": self._cost(requested, actual)}
        if asked.warnings:
            answer["extensions"]["search"] = asked.warnings
        return answer

    def _asked(self, base_url: str = "") -> Asked:
        scopes = self.access.scopes
        now = self._clock.now()
        oldest = None if allows(scopes, "read_all_orders") else stamp(now - timedelta(days=ORDERS_OF_DAYS))
        subscriptions = self.webhooks.subscriptions
        return Asked(self.shop, self._listing, self.bulk, subscriptions, scopes, now, oldest, base_url)

    def _cost(self, requested: int, actual: int | None) -> dict[str, Any]:
        return {
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": self.bucket.status(),
        }

    def _document(self, text: str) -> DocumentNode | list[GraphQLError]:
        """A parsed and validated document, or what is wrong with it."""
        known = self._documents.get(text)
        if known is None:
            try:
                document = parse(text)
            except GraphQLError as error:
                return [error]
            known = validate(self._schema, document) or document
            if len(self._documents) < 256:
                self._documents[text] = known
        return known

    def _note(
        self, operation: OperationDefinitionNode, rows: list[dict[str, Any]], requested: int, actual: int | None
    ) -> None:
        name = operation.name.value if operation.name else ""
        roots = [
            node.name.value
            for node in operation.selection_set.selections
            if hasattr(node, "name") and operation.operation is not OperationType.SUBSCRIPTION
        ]
        self._operations[name or "anonymous"] += 1
        self._roots.update(roots)
        self.queries.append(
            {
                "at": self.shop.now(),
                "operation": name or None,
                "root": roots,
                "connections": rows,
                "requested": requested,
                "actual": actual,
                "throttled": actual is None,
            }
        )

    async def _graphql(self, request: Request) -> Response:
        version = served(request.path_params["version"])
        call = request.scope["twin.call"]
        call.template, call.bucket = GRAPHQL_PATH, "graphql"
        headers = {"X-Request-ID": str(uuid.uuid4()), "X-Shopify-API-Version": version or ""}
        if version is None:
            return JSONResponse({"errors": "Not Found"}, 404)
        if not self.access.knows(request.headers.get("X-Shopify-Access-Token")):
            return JSONResponse({"errors": _NO_LOGIN}, 401, headers)
        body = await body_of(request)
        if not isinstance(body.get("query"), str) or not isinstance(body.get("variables") or {}, dict):
            return JSONResponse({"errors": {"query": "Required parameter missing or invalid"}}, 400, headers)
        self.settle()
        answer = self.execute(body, str(URL(scope=request.scope).replace(path="", query="")))
        if answer.get("extensions") and self.queries:
            last = self.queries[-1]
            call.detail = last["operation"] or ",".join(last["root"])
        return JSONResponse(answer, headers=headers)

    async def _token(self, request: Request) -> Response:
        request.scope["twin.call"].template = "/admin/oauth/access_token"
        try:
            return JSONResponse(self.access.grant({**request.query_params, **await body_of(request)}))
        except GrantError as error:
            if "application/json" in request.headers.get("Accept", ""):
                return JSONResponse({"error": error.code, "error_description": str(error)}, error.status)
            title = html.escape(f"{error.status} - Oauth error {error.code}")
            text = html.escape(f"Oauth error {error.code}: {error}")
            return HTMLResponse(
                f"<!DOCTYPE html><html><head><title>{title}</title></head><body><p>{text}</p></body></html>",
                error.status,
            )

    async def _bulk_file(self, request: Request) -> Response:
        """A result, for everybody who knows its address, until its time is up."""
        request.scope["twin.call"].template = f"{FILES_PATH}/{{token}}.jsonl"
        try:
            path = self.bulk.file(request.path_params["token"])
        except LookupError:
            return _storage_error(400, "ExpiredToken", "The provided token has expired.")
        if path is None:
            return _storage_error(404, "NoSuchKey", "The specified key does not exist.")
        return FileResponse(path, media_type="application/jsonl")

    def _dump(self, name: str, kind: Kind) -> Callable[[Request], Response]:
        def dump(_request: Request) -> Response:
            return JSONResponse({name: list(public(self.shop, kind))})

        return dump


def _storage_error(status: int, code: str, message: str) -> Response:
    """A refusal as the storage behind results gives it."""
    text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(text, status, media_type="application/xml")
