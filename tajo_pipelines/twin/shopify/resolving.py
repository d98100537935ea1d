"""How fields with arguments are answered: lists, counts, single documents, and parts of a document by pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from graphql import GraphQLError, GraphQLResolveInfo

from tajo_pipelines.twin.shopify import search, views
from tajo_pipelines.twin.shopify.bulk import Bulk
from tajo_pipelines.twin.shopify.listing import EVERYTHING, Cut, Listing, Page, PageError, slice_page
from tajo_pipelines.twin.shopify.seed import stamp
from tajo_pipelines.twin.shopify.shop import Document, Kind, Shop
from tajo_pipelines.twin.shopify.terms import SearchError, Test
from tajo_pipelines.twin.shopify.webhooks.subscriptions import Subscriptions

API_VERSION = "2026-10"
ZONE = ZoneInfo("Europe/Berlin")
ORDERS_OF_DAYS = 60
"""Orders older than this need the scope ``read_all_orders``."""

EVENTS_KEPT = timedelta(days=365)

Resolver = Callable[..., Any]


@dataclass(slots=True)
class Asked:
    """What the execution of one request needs and leaves behind.

    Attributes:
        bulk: The shop's bulk operations.
        subscriptions: Who is told of what.
        oldest_order: Orders created before are out of sight; None for none.
        base_url: Scheme, host and port that the request came to.
        rows: Per connection at the root: its field, arguments and how many nodes it gave.
        warnings: ``extensions.search``.
    """

    shop: Shop
    listing: Listing
    bulk: Bulk
    subscriptions: Subscriptions
    scopes: tuple[str, ...]
    now: datetime
    oldest_order: str | None
    base_url: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)


def refused(error: ValueError) -> GraphQLError:
    """The answer to arguments that don't fit."""
    return GraphQLError(str(error), extensions={"code": "BAD_REQUEST"})


def list_page(
    info: GraphQLResolveInfo, kind: Kind, arguments: dict[str, Any], among: Sequence[Document] | None = None
) -> Page:
    """A page of a kind, or of some of its documents.

    Raises:
        GraphQLError: Arguments that don't fit.
    """
    asked: Asked = info.context
    query = arguments.get("query")
    cut = _cut(arguments)
    try:
        test = _filter(info, kind, query, whole=among is None)
        page = asked.listing.page(kind, arguments["sortKey"], cut, test, among)
    except (PageError, SearchError) as error:
        raise refused(error) from error
    if info.path.prev is None:
        asked.rows.append(
            {
                "field": info.field_name,
                "query": query,
                "sortKey": arguments["sortKey"],
                "first": cut.first,
                "after": cut.after,
                "rows": len(page.nodes),
            }
        )
    return page


def _filter(info: GraphQLResolveInfo, kind: Kind, query: str | None, *, whole: bool) -> Test | None:
    """The filter asked for; what it finds by default counts only for ``whole`` kinds."""
    asked: Asked = info.context
    found = search.parse(kind, query, asked.now, ZONE)
    if found.warnings:
        asked.warnings.append({"path": info.path.as_list(), "query": query, "warnings": found.warnings})
    since = _oldest(asked, kind)
    if found.everything or not (whole or query):
        return None if since is None else lambda document: document["createdAt"] >= since
    return lambda document: (since is None or document["createdAt"] >= since) and found.matches(document)


def _oldest(asked: Asked, kind: Kind) -> str | None:
    """Since when documents of a kind are in sight; events are kept for a year."""
    if kind == "BasicEvent":
        return stamp(asked.now - EVENTS_KEPT)
    return asked.oldest_order if kind == "Order" else None


def _cut(arguments: dict[str, Any]) -> Cut:
    if arguments.get("first") is EVERYTHING:
        return Cut(whole=True, reverse=bool(arguments.get("reverse")))
    first, last, after, before = (arguments.get(name) for name in ("first", "last", "after", "before"))
    return Cut(first, last, after, before, reverse=bool(arguments.get("reverse")))


def lister(kind: Kind) -> Resolver:
    """A connection over all documents of a kind."""
    return lambda _root, info, **arguments: list_page(info, kind, arguments)


def part_lister(kind: Kind, read: Callable[[Shop, Document], Sequence[Document]]) -> Resolver:
    """A connection over the documents that belong to another one."""
    return lambda source, info, **arguments: list_page(info, kind, arguments, read(info.context.shop, source))


def counter(kind: Kind) -> Resolver:
    """The number of documents of a kind."""

    def count(_root: Any, info: GraphQLResolveInfo, query: str | None = None, limit: int | None = 10_000) -> Any:
        try:
            test = _filter(info, kind, query, whole=True)
        except SearchError as error:
            raise refused(error) from error
        counted, exact = info.context.listing.count(kind, test, limit)
        return {"count": counted, "precision": "EXACT" if exact else "AT_LEAST"}

    return count


def finder(kind: Kind) -> Resolver:
    """One document by its global id."""

    def find(_root: Any, info: GraphQLResolveInfo, id: str) -> Document | None:  # noqa: A002  # the argument's name
        return by_gid(info, id, kind)

    return find


def by_gid(info: GraphQLResolveInfo, text: str, kind: Kind) -> Document | None:
    """The document of that kind with that global id.

    Raises:
        GraphQLError: A text that is no global id.
    """
    asked: Asked = info.context
    number = numbered(text)
    found = asked.shop.all(kind).get(number) if views.number_of(text, kind) is not None else None
    hidden = found is not None and kind == "Order" and (asked.oldest_order or "") > found["createdAt"]
    return None if hidden else found


def numbered(text: str) -> int:
    """The number in a global id of any kind.

    Raises:
        GraphQLError: A text that is no global id.
    """
    number = views.number_of(text)
    if number is None:
        raise GraphQLError(
            f"Invalid global id '{text}'",
            extensions={"code": "argumentLiteralsIncompatible", "typeName": "CoercionError"},
        )
    return number


def sliced(read: Callable[[Any], Sequence[Any]]) -> Resolver:
    """A connection over a list that is read from its source."""

    def resolve(source: Any, _info: GraphQLResolveInfo, **arguments: Any) -> Page:
        try:
            return slice_page(read(source), _cut(arguments))
        except PageError as error:
            raise refused(error) from error

    return resolve


def first_of(read: Callable[[Any], list[Any]]) -> Resolver:
    """The first entries of a list that is read from its source."""
    return lambda source, _info, first=None, **_arguments: read(source)[: first if first is not None else None]
