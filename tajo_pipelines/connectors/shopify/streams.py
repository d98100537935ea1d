"""The streams: what is asked for, in which order, how much at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import resources

from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.window import Window, format_time
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.connector import Stream
from tajo_pipelines.sdk.graphql import Document

MANIFEST = registry.manifest("shopify")
API_PATH = f"/admin/api/{MANIFEST.api_version}/graphql.json"

MOST_POINTS = 1000.0
"""Points that a single query may cost (shopify.dev, API limits, read 2026-11-24)."""

LARGEST_PAGE = 250
"""Objects that one page of a connection may hold (shopify.dev, pagination with GraphQL, read 2026-11-24)."""

LINES = 10
"""Lines asked for with each order; longer orders are completed one by one."""

OVERLAP = timedelta(minutes=10)
"""Shopify's search index follows its database late, by seconds as a rule; no bound is documented (2026-11-24)."""

_FOLDER = resources.files("tajo_pipelines.connectors.shopify") / "documents"

CHECK = Document.load(_FOLDER, "check")
ORDER_LINES = Document.load(_FOLDER, "order_lines")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a stream is read.

    Attributes:
        connection: Field of the answer that holds the page.
        document: Query with ``$first $after $query $sortKey``.
        first_size: Objects of the first page: what stays under `MOST_POINTS` if each object of each object costs a
            point. Later pages follow what Shopify says a query costs, which is less for long lists.
        from_start_date: Whether the connection's ``start_date`` bounds it, by the time of creation.
        lines: Whether its objects carry lines.
        whole_days: Whether the filter of ``updated_at`` may take the whole day for a moment of it.
    """

    connection: str
    document: Document
    first_size: int
    from_start_date: bool = False
    lines: bool = False
    whole_days: bool = False


READINGS: Mapping[str, Reading] = {
    "customers": Reading("customers", Document.load(_FOLDER, "customers"), first_size=120, whole_days=True),
    "orders": Reading("orders", Document.load(_FOLDER, "orders"), first_size=12, from_start_date=True, lines=True),
}

STREAMS = (
    Stream.declared(MANIFEST, "customers", record=Customer, overlap=OVERLAP),
    Stream.declared(MANIFEST, "orders", record=Order, overlap=OVERLAP),
)


def sort_key(window: Window | None) -> str:
    """Windows go by the time of change; a whole read goes by id, which no sale alters while it runs."""
    return "ID" if window is None else "UPDATED_AT"


def search(window: Window | None, start_date: date | None, *, whole_days: bool = False) -> str | None:
    """The ``query`` argument, or None where nothing bounds the read.

    Shopify compares whole seconds (times of the API carry none finer, read 2026-11-24): the window is widened to
    them, and whoever reads drops what lies outside.

    Args:
        window: Of ``updated_at``.
        start_date: Lower bound of ``created_at``, from midnight UTC on.
        whole_days: Whether a bound may stand for its whole day, in whatever zone: then the end is put behind all of
            them.
    """
    terms: list[str] = []
    if start_date is not None:
        terms.append(f"created_at:>='{start_date.isoformat()}T00:00:00Z'")
    if window is not None:
        if window.start is not None:
            terms.append(f"updated_at:>='{format_time(_floor(window.start))}'")
        end = _two_midnights_on(window.end) if whole_days else _ceiling(window.end)
        terms.append(f"updated_at:<'{format_time(end)}'")
    return " AND ".join(terms) or None


def _floor(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _ceiling(moment: datetime) -> datetime:
    return _floor(moment) + timedelta(seconds=1) if moment.microsecond else moment


def _two_midnights_on(moment: datetime) -> datetime:
    """A midnight that lies on a later day than the moment in every zone.

    2026-11-24: the filter ``updated_at`` of ``customers`` is described as "matching a whole day", that of ``orders``
    isn't (Admin GraphQL reference 2026-10, QueryRoot.customers). Taken by its word, a bound of this evening would leave
    out all of today.
    """
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
