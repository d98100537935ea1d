"""Reads a stream page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import structlog

from tajo_pipelines.connectors.shopify import streams
from tajo_pipelines.connectors.shopify.streams import Reading
from tajo_pipelines.model.errors import ContractError
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.window import Window, parse_time
from tajo_pipelines.sdk.clock import Clock
from tajo_pipelines.sdk.connector import Page
from tajo_pipelines.sdk.graphql import AccessDeniedError, CostExceededError, Document, GraphQLClient, Result
from tajo_pipelines.sdk.limits import PageSize

_LOG = structlog.get_logger(__name__)
_PRODUCT_FIELDS = frozenset({"product", "variant"})


@dataclass(slots=True)
class Reader:
    """Reads the streams of one shop.

    Attributes:
        client: Its API.
        clock: Dates the records.
        start_date: Orders placed earlier aren't asked for.
    """

    client: GraphQLClient
    clock: Clock
    start_date: date | None
    _products: bool = field(init=False, default=True)
    _sizes: dict[str, PageSize] = field(init=False, default_factory=dict)

    def pages(self, stream: str, window: Window | None, cursor: str | None) -> Iterator[Page]:
        """Every page from the cursor on; see `Source.read`."""
        reading = streams.READINGS[stream]
        size = self._sizes.setdefault(stream, PageSize(reading.first_size, streams.LARGEST_PAGE, streams.MOST_POINTS))
        start_date = self.start_date if reading.from_start_date else None
        query = streams.search(window, start_date, whole_days=reading.whole_days)
        variables: dict[str, Any] = {"query": query, "sortKey": streams.sort_key(window)}
        if reading.lines:
            variables["lines"] = streams.LINES
        seen = {cursor}
        while True:
            nodes, cursor, more = self._page(reading, {**variables, "after": cursor}, size)
            read_at = self.clock.now()
            records = (self._record(stream, reading, node, read_at) for node in nodes)
            kept = tuple(record for record in records if record is not None and _inside(record, window))
            if more:
                _refuse_repeated(cursor, seen, reading.document)
                seen.add(cursor)
            yield Page(kept, cursor, last=not more)
            if not more:
                return

    def _page(
        self, reading: Reading, variables: Mapping[str, Any], size: PageSize
    ) -> tuple[list[dict[str, Any]], str | None, bool]:
        while True:
            asked = size.size
            try:
                result = self._query(reading.document, {**variables, "first": asked}, reading.lines, asked)
            except CostExceededError:
                if not size.halve():
                    raise
                continue
            size.learn(result.cost)
            return _connection(result.data, reading.connection, reading.document)

    def _query(self, document: Document, variables: Mapping[str, Any], lines: bool, size: int) -> Result:
        """Ask with products, and without them from the first refusal on: they need a permission of their own."""
        if not lines:
            return self.client.query(document, variables, size=size)
        try:
            return self.client.query(document, {**variables, "products": self._products}, size=size)
        except AccessDeniedError as error:
            if not (self._products and _PRODUCT_FIELDS & set(error.path)):
                raise
            _LOG.warning("shopify.products_closed", needs="read_products", lost="product ids of order lines")
            self._products = False
            return self.client.query(document, {**variables, "products": False}, size=size)

    def _record(self, stream: str, reading: Reading, node: dict[str, Any], read_at: datetime) -> Record | None:
        key = node.get("legacyResourceId")
        if not isinstance(key, str | int) or isinstance(key, bool):
            raise ContractError(f"one of the {stream} has no id", where=reading.document.name)
        if reading.lines:
            whole = self._with_all_lines(node)
            if whole is None:
                return None
            node = whole
        return Record(stream, str(key), _updated_at(node, reading.document), read_at, node)

    def _with_all_lines(self, order: dict[str, Any]) -> dict[str, Any] | None:
        """The order with every line; None where it was deleted while its lines were read."""
        nodes, cursor, more = _connection(order, "lineItems", streams.READINGS["orders"].document)
        lines = list(nodes)
        seen: set[str | None] = set()
        while more:
            _refuse_repeated(cursor, seen, streams.ORDER_LINES)
            seen.add(cursor)
            asked = {"id": order.get("id"), "first": streams.LARGEST_PAGE // 2, "after": cursor}
            data = self._query(streams.ORDER_LINES, asked, True, streams.LARGEST_PAGE // 2).data
            if data.get("order") is None:
                return None
            nodes, cursor, more = _connection(data["order"], "lineItems", streams.ORDER_LINES)
            lines += nodes
        return {**order, "lineItems": {"nodes": lines}}


def _connection(holder: Any, name: str, document: Document) -> tuple[list[dict[str, Any]], str | None, bool]:
    """Nodes, cursor and whether there is more, of a connection in an answer."""
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


def _refuse_repeated(cursor: str | None, seen: set[str | None], document: Document) -> None:
    if cursor is None or cursor in seen:
        raise ContractError(
            "the platform promises more but gives a cursor that was used before",
            code="repeated_cursor",
            where=document.name,
        )


def _updated_at(node: Mapping[str, Any], document: Document) -> datetime:
    text = node.get("updatedAt")
    try:
        return parse_time(text if isinstance(text, str) else "")
    except ValueError as error:
        raise ContractError("an object has no time of change", where=document.name) from error


def _inside(record: Record, window: Window | None) -> bool:
    return window is None or (record.updated_at is not None and record.updated_at in window)
