"""Pages of the shop's documents: sorted, filtered, cut by cursors."""

from __future__ import annotations

import base64
import json
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tajo_pipelines.twin.shopify.shop import Kind, Shop
from tajo_pipelines.twin.shopify.terms import Document, Test

MAX_PAGE = 250
EVERYTHING = object()
"""Stands for ``first`` in a bulk operation."""

Position = tuple[Any, int]


class PageError(ValueError):
    """Arguments of a connection that Shopify refuses."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The paging arguments of a connection; ``whole`` is a bulk operation, which knows no pages."""

    first: int | None = None
    last: int | None = None
    after: str | None = None
    before: str | None = None
    reverse: bool = False
    whole: bool = False

    def size(self) -> int:
        """How many nodes are wanted.

        Raises:
            PageError: Neither or both of first and last, or more than 250.
        """
        if self.whole:
            return sys.maxsize
        if self.first is None and self.last is None:
            raise PageError("you must provide one of first or last")
        if self.first is not None and self.last is not None:
            raise PageError("providing both first and last is not supported")
        size = self.first if self.first is not None else self.last
        if size is None or size < 0 or size > MAX_PAGE:
            name = "first" if self.first is not None else "last"
            raise PageError(f"{name} must be between 0 and {MAX_PAGE}, {size} was given")
        return size


@dataclass(frozen=True, slots=True)
class Page:
    """Nodes with their cursors."""

    nodes: Sequence[Any]
    cursors: Sequence[str]
    has_next: bool
    has_previous: bool


_SORT_KEYS: Mapping[str, Callable[[Document], Any]] = {
    "ID": lambda document: document["id"],
    "CREATED_AT": lambda document: document["createdAt"],
    "UPDATED_AT": lambda document: document["updatedAt"],
    "PROCESSED_AT": lambda order: order["processedAt"],
    "PUBLISHED_AT": lambda product: product["publishedAt"] or "",
    "ORDER_NUMBER": lambda order: order["number"],
    "CHECKOUT_ID": lambda cart: cart["id"],
    "TITLE": lambda document: document["title"].lower(),
    "VENDOR": lambda product: product["vendor"].lower(),
    "PRODUCT_TYPE": lambda product: product["productType"].lower(),
    "INVENTORY_TOTAL": lambda product: sum(variant["stock"] for variant in product["variants"]),
    "INVENTORY_QUANTITY": lambda variant: variant["stock"],
    "SKU": lambda variant: variant["sku"] or "",
    "POSITION": lambda variant: variant["position"],
    "NAME": lambda customer: f"{customer['lastName'] or ''} {customer['firstName'] or ''}".lower(),
    "TOTAL_PRICE": lambda document: document["totals"]["total"][0],
    "CURRENT_TOTAL_PRICE": lambda order: order["totals"]["currentTotal"][0],
}
_OF_KIND: Mapping[tuple[Kind, str], Callable[[Document], Any]] = {
    ("ProductVariant", "NAME"): lambda variant: variant["title"].lower(),
}


class Listing:
    """Lists a shop's documents; keeps each order of them until something changes."""

    def __init__(self, shop: Shop) -> None:
        """List this shop."""
        self._shop = shop
        self._sorted: dict[tuple[Kind, str], tuple[int, list[Position]]] = {}

    def page(
        self,
        kind: Kind,
        sort_key: str,
        cut: Cut,
        test: Test | None = None,
        among: Iterable[Document] | None = None,
    ) -> Page:
        """One page.

        Args:
            kind: What to list.
            sort_key: By what; equal values go by id.
            cut: Paging arguments.
            test: The filter; it is asked about what the search index holds, which may lag behind.
            among: Of which documents; of all where left out.

        Raises:
            PageError: A sort key that this stand-in doesn't know, or arguments that Shopify refuses.
        """
        size = cut.size()
        positions = self._positions(kind, sort_key) if among is None else _ordered(kind, sort_key, among)
        low, high = self._range(positions, cut, sort_key)
        forward = cut.last is None
        indices = range(low, high) if forward != cut.reverse else range(high - 1, low - 1, -1)
        documents = self._shop.all(kind)
        found: list[Position] = []
        for index in indices:
            if self._passes(documents[positions[index][1]], test):
                found.append(positions[index])
                if len(found) > size:
                    break
        more, found = len(found) > size, found[:size]
        if not forward:
            found.reverse()
        return Page(
            [documents[number] for _, number in found],
            [_cursor(sort_key, position) for position in found],
            has_next=more if forward else cut.before is not None,
            has_previous=cut.after is not None if forward else more,
        )

    def count(self, kind: Kind, test: Test | None, limit: int | None) -> tuple[int, bool]:
        """How many pass the filter, up to the limit, and whether that is all."""
        count = sum(1 for document in self._shop.all(kind).values() if self._passes(document, test))
        return (limit, False) if limit is not None and count > limit else (count, True)

    def _passes(self, document: Document, test: Test | None) -> bool:
        if test is None:
            return True
        indexed = self._shop.indexed(document)
        return indexed is not None and test(indexed)

    def _positions(self, kind: Kind, sort_key: str) -> list[Position]:
        version, positions = self._sorted.get((kind, sort_key), (-1, []))
        if version != self._shop.version[kind]:
            positions = _ordered(kind, sort_key, self._shop.all(kind).values())
            self._sorted[kind, sort_key] = (self._shop.version[kind], positions)
        return positions

    def _range(self, positions: list[Position], cut: Cut, sort_key: str) -> tuple[int, int]:
        low, high = 0, len(positions)
        after, before = (cut.before, cut.after) if cut.reverse else (cut.after, cut.before)
        if after is not None:
            low = bisect_right(positions, _position(after, sort_key))
        if before is not None:
            high = bisect_left(positions, _position(before, sort_key))
        return low, high


def _ordered(kind: Kind, sort_key: str, documents: Iterable[Document]) -> list[Position]:
    key = _OF_KIND.get((kind, sort_key)) or _SORT_KEYS.get(sort_key)
    if key is None:
        raise PageError(f"this stand-in sorts by {', '.join(_SORT_KEYS)}, not by {sort_key}")
    return sorted((key(document), document["id"]) for document in documents)


def slice_page(nodes: Sequence[Any], cut: Cut) -> Page:
    """One page of a short list; its cursors are places in it."""
    size = cut.size()
    ordered = list(reversed(nodes)) if cut.reverse else list(nodes)
    low = int(_position(cut.after, "PLACE")[1]) + 1 if cut.after is not None else 0
    high = int(_position(cut.before, "PLACE")[1]) if cut.before is not None else len(ordered)
    if cut.last is None:
        start, end = low, min(high, low + size)
    else:
        start, end = max(low, high - size), high
    return Page(
        ordered[start:end],
        [_cursor("PLACE", (0, place)) for place in range(start, max(start, end))],
        has_next=end < len(ordered),
        has_previous=start > 0,
    )


def _cursor(sort_key: str, position: Position) -> str:
    text = json.dumps({"last_id": position[1], "last_value": position[0], "by": sort_key}, separators=(",", ":"))
    return base64.b64encode(text.encode()).decode()


def _position(cursor: str, sort_key: str) -> Position:
    try:
        found = json.loads(base64.b64decode(cursor, validate=True))
        position = (found["last_value"], int(found["last_id"]))
        by = found["by"]
    except (ValueError, KeyError, TypeError) as error:
        raise PageError("Invalid cursor for current pagination sort.") from error
    if by != sort_key:
        raise PageError("Invalid cursor for current pagination sort.")
    return position
