"""Reads a stream page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import structlog

from tajo_pipelines.connectors.shopify import streams
from tajo_pipelines.connectors.shopify.queries import Nested
from tajo_pipelines.connectors.shopify.records import arranged, inside, record_of
from tajo_pipelines.connectors.shopify.streams import Reading
from tajo_pipelines.model.errors import AuthError, ContractError
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.clock import Clock
from tajo_pipelines.sdk.connector import Page
from tajo_pipelines.sdk.graphql import AccessDeniedError, CostExceededError, Document, GraphQLClient, Result
from tajo_pipelines.sdk.limits import Cost, PageSize

_LOG = structlog.get_logger(__name__)
PROTECTED = "not approved to"
"""Begins what Shopify says, with the code ACCESS_DENIED and no scope, to an app without protected customer data: "This
app is not approved to access the Customer object" (shopify.dev/docs/apps/launch/protected-customer-data)."""
_PROTECTED_HINT = (
    "in the Dev Dashboard request protected customer data for the app, with name, address, phone and e-mail, "
    "then install its new version in the shop"
)
_PRODUCT_FIELDS = frozenset({"product", "variant"})
_NESTED_PAGE = streams.LARGEST_PAGE // 2


@dataclass(slots=True)
class Permissions:
    """What turned out to be closed to the app.

    Attributes:
        products: Whether fields of products may be asked for beside orders and carts.
    """

    products: bool = True

    def without_products(self) -> None:
        """Leave them out from now on."""
        _LOG.warning("shopify.products_closed", needs="read_products", lost="product ids of lines")
        self.products = False


@dataclass(slots=True)
class Paging:
    """Pages of the streams of one shop.

    Attributes:
        client: Its API.
        clock: Dates the records.
        start_date: Orders and carts created earlier aren't asked for.
        permissions: Of the app, as far as they are known.
    """

    client: GraphQLClient
    clock: Clock
    start_date: date | None
    permissions: Permissions
    _sizes: dict[str, PageSize] = field(init=False, default_factory=dict)
    _costs: dict[str, Cost] = field(init=False, default_factory=dict)

    def pages(self, stream: str, window: Window | None, cursor: str | None) -> Iterator[Page]:
        """Every page from the cursor on, in the platform's order."""
        reading = streams.READINGS[stream]
        size = self.size(stream)
        variables: dict[str, Any] = {
            "query": reading.search(window, self.start_date),
            "sortKey": reading.sort_key(window),
            **{nested.field: nested.asked for nested in reading.nested},
        }
        seen = {cursor}
        while True:
            nodes, cursor, more = self._page(stream, reading, {**variables, "after": cursor}, size)
            read_at = self.clock.now()
            whole = (self.whole(reading, node) for node in nodes)
            records = [record_of(stream, node, read_at, reading.document.name) for node in whole if node is not None]
            more = more and not _past(records, reading, window)
            if more:
                refuse_repeated(cursor, seen, reading.document)
                seen.add(cursor)
            yield Page(tuple(record for record in records if inside(record, window)), cursor, last=not more)
            if not more:
                return

    def size(self, stream: str) -> PageSize:
        """How many objects the next page asks for."""
        first = streams.READINGS[stream].first_size
        return self._sizes.setdefault(stream, PageSize(first, streams.LARGEST_PAGE, streams.MOST_POINTS))

    def cost(self, stream: str) -> Cost | None:
        """What the last page of a stream cost."""
        return self._costs.get(stream)

    def _page(
        self, stream: str, reading: Reading, variables: Mapping[str, Any], size: PageSize
    ) -> tuple[list[dict[str, Any]], str | None, bool]:
        while True:
            asked = size.size
            try:
                result = self.ask(reading.document, {**variables, "first": asked}, reading.products, asked)
            except CostExceededError:
                if not size.halve():
                    raise
                continue
            size.learn(result.cost)
            if result.cost is not None:
                self._costs[stream] = result.cost
            return connection_of(result.data, reading.connection, reading.document)

    def ask(self, document: Document, variables: Mapping[str, Any], products: bool, size: int) -> Result:
        """Ask; where the app may not see people at all, say what to click.

        Args:
            document: What is asked.
            variables: For it.
            products: Whether it has ``$products``, and so fields that need a permission of their own.
            size: How many objects it asks for.
        """
        try:
            return self._permitted(document, variables, products, size)
        except AccessDeniedError as error:
            if PROTECTED not in error.message:
                raise
            message = "the shop keeps protected customer data from the app"
            raise AuthError(message, code="protected_data", where=error.where, hint=_PROTECTED_HINT) from error

    def _permitted(self, document: Document, variables: Mapping[str, Any], products: bool, size: int) -> Result:
        """Ask with products, and without them from the first refusal on: they need a permission of their own."""
        if not products:
            return self.client.query(document, variables, size=size)
        allowed = self.permissions.products
        try:
            return self.client.query(document, {**variables, "products": allowed}, size=size)
        except AccessDeniedError as error:
            if not (allowed and _PRODUCT_FIELDS & set(error.path)):
                raise
            self.permissions.without_products()
            return self.client.query(document, {**variables, "products": False}, size=size)

    def whole(self, reading: Reading, node: dict[str, Any]) -> dict[str, Any] | None:
        """The object with all that is inside it; None where it was deleted meanwhile."""
        for nested in reading.nested:
            inner = self._all(reading, nested, node)
            if inner is None:
                return None
            node = {**node, nested.field: arranged(nested, inner, reading.document.name)}
        return node

    def _all(self, reading: Reading, nested: Nested, node: dict[str, Any]) -> list[dict[str, Any]] | None:
        found, cursor, more = connection_of(node, nested.field, reading.document)
        found = list(found)
        seen: set[str | None] = set()
        while more:
            refuse_repeated(cursor, seen, nested.more)
            seen.add(cursor)
            asked = {"id": node.get("id"), "first": _NESTED_PAGE, "after": cursor}
            data = self.ask(nested.more, asked, reading.products, _NESTED_PAGE).data
            if data.get(nested.holder) is None:
                return None
            nodes, cursor, more = connection_of(data[nested.holder], nested.field, nested.more)
            found += nodes
        return found


def _past(records: list[Record], reading: Reading, window: Window | None) -> bool:
    """Whether a sorted read has left its window behind: its upper bound was widened."""
    if window is None or not reading.by_change or not records:
        return False
    last = records[-1].updated_at
    return last is not None and last >= window.end


def connection_of(holder: Any, name: str, document: Document) -> tuple[list[dict[str, Any]], str | None, bool]:
    """Nodes, cursor and whether there is more, of a connection in an answer.

    Raises:
        ContractError: It hasn't the shape of one.
    """
    page = holder.get(name) if isinstance(holder, dict) else None
    nodes = page.get("nodes") if isinstance(page, dict) else None
    info = page.get("pageInfo") if isinstance(page, dict) else None
    if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
        raise ContractError(f"{name} isn't a list of objects", where=document.name)
    if not isinstance(info, dict) or not isinstance(info.get("hasNextPage"), bool):
        raise ContractError(f"{name} doesn't say whether there is more", where=document.name)
    cursor = info.get("endCursor")
    if cursor is not None and not isinstance(cursor, str):
        raise ContractError(f"the cursor of {name} is no text", where=document.name)
    return nodes, cursor, info["hasNextPage"]


def refuse_repeated(cursor: str | None, seen: set[str | None], document: Document) -> None:
    """Stop a list that would have no end.

    Raises:
        ContractError: There is more, but the cursor to it is none, or was used before.
    """
    if cursor is None or cursor in seen:
        raise ContractError(
            "the platform promises more but gives a cursor that was used before",
            code="repeated_cursor",
            where=document.name,
        )
