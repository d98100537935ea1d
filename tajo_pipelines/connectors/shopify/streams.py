"""The streams: what is asked for, in which order, how much at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from tajo_pipelines.connectors.shopify import queries
from tajo_pipelines.connectors.shopify.queries import Nested
from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.product import Product
from tajo_pipelines.model.record import Canonical
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

OVERLAP = timedelta(minutes=10)
"""Shopify's search index follows its database late, by seconds as a rule; no bound is documented (2026-11-24)."""

ALL_PRODUCTS = "status:active,draft,archived,unlisted"
"""Every status there is: the filter's default is active alone (Admin GraphQL reference 2026-10, products: query)."""

CHECK = queries.load("check")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a stream is read.

    Attributes:
        connection: Field of the answer that holds the page.
        fragment: Fields of its objects, without the connections inside them.
        record: The canonical type that they become.
        document: Query with ``$first $after $query $sortKey`` and how many of each nested connection.
        count: Query that counts what a search finds, and the field that it answers with.
        first_size: Objects of the first page: what stays under `MOST_POINTS` if each object of each object costs a
            point. Later pages follow what Shopify says a query costs, which is less for long lists.
        nested: Connections inside the objects.
        products: Whether some of its fields need ``read_products``, which the stream itself doesn't.
        narrowed: Part of every search.
        subject: What events call its objects; None where deletions aren't told.
        from_start_date: Whether the connection's ``start_date`` bounds it, by the time of creation.
        by_change: Whether the platform sorts it by the time of change.
        whole_days: Whether a bound of ``updated_at`` may be taken for its whole day.
    """

    connection: str
    fragment: str
    record: type[Canonical]
    document: Document
    count: tuple[Document, str]
    first_size: int
    nested: tuple[Nested, ...] = ()
    products: bool = False
    narrowed: str | None = None
    subject: str | None = None
    from_start_date: bool = False
    by_change: bool = True
    whole_days: bool = False

    def sort_key(self, window: Window | None) -> str:
        """Windows go by the time of change where they can; all else by id, which no sale alters while it is read."""
        return "UPDATED_AT" if window is not None and self.by_change else "ID"

    def search(self, window: Window | None, start_date: date | None) -> str | None:
        """The ``query`` argument, or None where nothing bounds the read.

        Shopify compares whole seconds (times of the API carry none finer, read 2026-11-24), and of customers it says
        that ``updated_at`` matches a whole day: the window is widened to what holds under either reading, in any zone,
        and whoever reads drops what lies outside.

        Args:
            window: Of ``updated_at``.
            start_date: Lower bound of ``created_at``, from midnight UTC on.
        """
        terms: list[str] = [] if self.narrowed is None else [self.narrowed]
        if start_date is not None and self.from_start_date:
            terms.append(f"created_at:>='{start_date.isoformat()}T00:00:00Z'")
        if window is not None:
            if window.start is not None:
                terms.append(f"updated_at:>='{format_time(floor_second(window.start))}'")
            end = _days_later(window.end) if self.whole_days else ceil_second(window.end)
            terms.append(f"updated_at:<'{format_time(end)}'")
        return " AND ".join(terms) or None


def _count(stream: str, field: str) -> tuple[Document, str]:
    return queries.load(f"count_{stream}"), field


READINGS: Mapping[str, Reading] = {
    "customers": Reading(
        "customers",
        "CustomerFields",
        Customer,
        queries.load("customers"),
        _count("customers", "customersCount"),
        first_size=120,
        subject="CUSTOMER",
        whole_days=True,
    ),
    "orders": Reading(
        "orders",
        "OrderFields",
        Order,
        queries.load("orders"),
        _count("orders", "ordersCount"),
        first_size=12,
        nested=(Nested("lineItems", "LineFields", "LineItem", 10, "order", queries.load("order_lines")),),
        products=True,
        subject="ORDER",
        from_start_date=True,
    ),
    "products": Reading(
        "products",
        "ProductFields",
        Product,
        queries.load("products"),
        _count("products", "productsCount"),
        first_size=14,
        nested=(
            Nested(
                "variants",
                "VariantFields",
                "ProductVariant",
                25,
                "product",
                queries.load("product_variants"),
                position="position",
            ),
            Nested("collections", "CollectionFields", "Collection", 5, "product", queries.load("product_collections")),
        ),
        narrowed=ALL_PRODUCTS,
        subject="PRODUCT",
    ),
    "carts": Reading(
        "abandonedCheckouts",
        "CartFields",
        Cart,
        queries.load("carts"),
        _count("carts", "abandonedCheckoutsCount"),
        first_size=12,
        nested=(
            Nested("lineItems", "CartLineFields", "AbandonedCheckoutLineItem", 10, "node", queries.load("cart_lines")),
        ),
        products=True,
        from_start_date=True,
        by_change=False,
    ),
}

STREAMS = tuple(
    Stream.declared(MANIFEST, name, record=reading.record, overlap=OVERLAP, by_change=reading.by_change)
    for name, reading in READINGS.items()
)


def floor_second(moment: datetime) -> datetime:
    """The whole second at or before a moment."""
    return moment.replace(microsecond=0)


def ceil_second(moment: datetime) -> datetime:
    """The whole second at or after a moment."""
    return floor_second(moment) + timedelta(seconds=1) if moment.microsecond else moment


def _days_later(moment: datetime) -> datetime:
    """Midnight UTC, so late that its day begins after the moment in every zone."""
    return datetime.combine(moment.date() + timedelta(days=2), time(), UTC)
