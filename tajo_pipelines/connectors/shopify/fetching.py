"""Reads single records by their ids, many with one query: the same raw objects that pages bring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tajo_pipelines.connectors.shopify import queries, streams
from tajo_pipelines.connectors.shopify.paging import Paging
from tajo_pipelines.connectors.shopify.records import key_of, record_of
from tajo_pipelines.model.errors import ContractError
from tajo_pipelines.model.record import Record
from tajo_pipelines.sdk.graphql import CostExceededError, Document
from tajo_pipelines.sdk.limits import PageSize

FETCHES: Mapping[str, tuple[str, Document]] = {
    "customers": ("Customer", queries.load("fetch_customers")),
    "orders": ("Order", queries.load("fetch_orders")),
    "products": ("Product", queries.load("fetch_products")),
    "carts": ("AbandonedCheckout", queries.load("fetch_carts")),
}
"""By stream: what its global ids call its objects, and the query, with ``$ids``."""


@dataclass(slots=True)
class Fetching:
    """Single records of one shop.

    Attributes:
        paging: Asks, and completes what is inside the objects.
    """

    paging: Paging
    _sizes: dict[str, PageSize] = field(init=False, default_factory=dict)

    def records(self, stream: str, keys: Sequence[str]) -> Iterator[Record]:
        """Those of the keys that the shop knows; see `Source.fetch`.

        A key that is no number leads nowhere: a cart's token, say, by which no query finds a cart.
        """
        kind, document = FETCHES[stream]
        left = [f"gid://shopify/{kind}/{key}" for key in keys if key_of(key) == key]
        while left:
            asked, nodes = self._nodes(stream, document, left)
            left = left[asked:]
            read_at = self.paging.clock.now()
            for node in nodes:
                whole = self.paging.whole(streams.READINGS[stream], node)
                if whole is not None:
                    yield record_of(stream, whole, read_at, document.name)

    def _nodes(self, stream: str, document: Document, ids: Sequence[str]) -> tuple[int, list[dict[str, Any]]]:
        """The objects of the first ids, and how many ids were asked for."""
        reading, size = streams.READINGS[stream], self._size(stream)
        inside = {nested.field: nested.asked for nested in reading.nested}
        while True:
            part = ids[: size.size]
            try:
                result = self.paging.ask(document, {"ids": list(part), **inside}, reading.products, len(part))
            except CostExceededError:
                if not size.halve():
                    raise
                continue
            if len(part) == size.size:
                # What a shorter list costs says nothing of how long one may be.
                size.learn(result.cost)
            return len(part), _found(result.data.get("nodes"), part, document)

    def _size(self, stream: str) -> PageSize:
        first = streams.READINGS[stream].first_size
        return self._sizes.setdefault(stream, PageSize(first, streams.LARGEST_PAGE, streams.MOST_POINTS))


def _found(nodes: Any, ids: Sequence[str], document: Document) -> list[dict[str, Any]]:
    """The objects of an answer that has null where an id leads nowhere."""
    if not isinstance(nodes, list) or len(nodes) != len(ids):
        raise ContractError("the answer isn't as long as the list of ids", where=document.name)
    found = [node for node in nodes if node is not None]
    if not all(isinstance(node, dict) for node in found):
        raise ContractError("the answer holds something that is no object", where=document.name)
    return found
