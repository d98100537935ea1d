"""The executable schema: ``schema.graphql`` with a resolver for every field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from graphql import (
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
)

from tajo_pipelines.twin.shopify import catalogue, order_views, pricing, search, views
from tajo_pipelines.twin.shopify.access import allows
from tajo_pipelines.twin.shopify.facts import CURRENCY
from tajo_pipelines.twin.shopify.listing import Cut, Listing, Page, PageError, slice_page
from tajo_pipelines.twin.shopify.shop import Document, Kind, Shop
from tajo_pipelines.twin.shopify.views import Bag, Discount, Line

API_VERSION = "2026-10"
ZONE = ZoneInfo("Europe/Berlin")
ORDERS_OF_DAYS = 60
"""Orders older than this need the scope ``read_all_orders``."""

Resolver = Callable[..., Any]


@dataclass(slots=True)
class Asked:
    """What the execution of one request needs and leaves behind.

    Attributes:
        rows: Per connection at the root: its field, arguments and how many nodes it gave.
        warnings: ``extensions.search``.
    """

    shop: Shop
    listing: Listing
    scopes: tuple[str, ...]
    now: datetime
    oldest_order: str | None
    rows: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)


NEEDS: Mapping[str, str] = {
    "QueryRoot.customers": "read_customers",
    "QueryRoot.customersCount": "read_customers",
    "QueryRoot.customer": "read_customers",
    "QueryRoot.customerByIdentifier": "read_customers",
    "QueryRoot.orders": "read_orders",
    "QueryRoot.ordersCount": "read_orders",
    "QueryRoot.order": "read_orders",
    "QueryRoot.orderByIdentifier": "read_orders",
    "Customer.orders": "read_orders",
    "Customer.lastOrder": "read_orders",
    "Order.customer": "read_customers",
    "LineItem.product": "read_products",
    "LineItem.variant": "read_products",
}
"""Scopes by field."""


@cache
def load_schema() -> GraphQLSchema:
    """The schema with its resolvers; one for all shops, which come to them in the context."""
    text = resources.files(__package__).joinpath("schema.graphql").read_text(encoding="utf-8")
    schema = build_schema(text)
    for name, table in _tables().items():
        named = schema.type_map[name]
        for field_name, read in table.items():
            named.fields[field_name].resolve = _plain(read)  # type: ignore[attr-defined]  # object types only
    for path, resolver in _with_arguments().items():
        type_name, field_name = path.split(".")
        schema.type_map[type_name].fields[field_name].resolve = resolver  # type: ignore[attr-defined]  # likewise
    for path, scope in NEEDS.items():
        type_name, field_name = path.split(".")
        definition = schema.type_map[type_name].fields[field_name]  # type: ignore[attr-defined]  # likewise
        definition.resolve = _guarded(definition.resolve, scope)
    schema.type_map["UnsignedInt64"].serialize = str  # type: ignore[attr-defined]  # a scalar
    for named in schema.type_map.values():
        if isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
            named.resolve_type = _type_of
        if isinstance(named, GraphQLObjectType) and named.name.endswith("Connection"):
            named.fields["nodes"].resolve = lambda page, _info: page.nodes
            named.fields["edges"].resolve = _edges
            named.fields["pageInfo"].resolve = lambda page, _info: page
    return schema


def _plain(read: Callable[[Any], Any]) -> Resolver:
    return lambda source, _info, **_arguments: read(source)


def _guarded(resolve: Resolver, scope: str) -> Resolver:
    def guarded(source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        if not allows(info.context.scopes, scope):
            access = f"`{scope}` access scope."
            raise GraphQLError(
                f"Access denied for {info.field_name} field. Required access: {access}",
                extensions={
                    "code": "ACCESS_DENIED",
                    "documentation": "https://shopify.dev/api/usage/access-scopes",
                    "requiredAccess": access,
                },
            )
        return resolve(source, info, **arguments)

    return guarded


def _edges(page: Page, _info: GraphQLResolveInfo) -> list[dict[str, Any]]:
    return [{"cursor": cursor, "node": node} for node, cursor in zip(page.nodes, page.cursors, strict=True)]


def _type_of(value: Any, _info: GraphQLResolveInfo, _type: Any) -> str:
    if isinstance(value, Discount):
        return str(value.discount["kind"])
    if isinstance(value, catalogue.Variant):
        return "ProductVariant"
    return "Product" if isinstance(value, list) else str(value["kind"])


def _refused(error: ValueError) -> GraphQLError:
    return GraphQLError(str(error), extensions={"code": "BAD_REQUEST"})


def _list(info: GraphQLResolveInfo, kind: Kind, arguments: dict[str, Any], only: set[int] | None = None) -> Page:
    asked: Asked = info.context
    query = arguments.get("query")
    cut = _cut(arguments)
    try:
        test = _filter(info, kind, query, only)
        page = asked.listing.page(kind, arguments["sortKey"], cut, test)
    except (PageError, search.SearchError) as error:
        raise _refused(error) from error
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


def _filter(info: GraphQLResolveInfo, kind: Kind, query: str | None, only: set[int] | None) -> search.Test | None:
    asked: Asked = info.context
    found = search.parse(kind, query, asked.now, ZONE)
    if found.warnings:
        asked.warnings.append({"path": info.path.as_list(), "query": query, "warnings": found.warnings})
    since = asked.oldest_order if kind == "Order" else None
    if not query and since is None and only is None:
        return None
    return lambda document: (
        (since is None or document["createdAt"] >= since)
        and (only is None or document["id"] in only)
        and found.matches(document)
    )


def _cut(arguments: dict[str, Any]) -> Cut:
    names = ("first", "last", "after", "before")
    return Cut(**{name: arguments.get(name) for name in names}, reverse=bool(arguments.get("reverse")))


def _lister(kind: Kind) -> Resolver:
    return lambda _root, info, **arguments: _list(info, kind, arguments)


def _counter(kind: Kind) -> Resolver:
    def count(_root: Any, info: GraphQLResolveInfo, query: str | None = None, limit: int | None = 10_000) -> Any:
        try:
            test = _filter(info, kind, query, None)
        except search.SearchError as error:
            raise _refused(error) from error
        counted, exact = info.context.listing.count(kind, test, limit)
        return {"count": counted, "precision": "EXACT" if exact else "AT_LEAST"}

    return count


def _finder(kind: Kind) -> Resolver:
    def find(_root: Any, info: GraphQLResolveInfo, id: str) -> Document | None:  # noqa: A002  # the argument's name
        return _by_gid(info, id, kind)

    return find


def _by_gid(info: GraphQLResolveInfo, text: str, kind: Kind) -> Document | None:
    asked: Asked = info.context
    number = views.number_of(text)
    if number is None:
        raise GraphQLError(
            f"Invalid global id '{text}'",
            extensions={"code": "argumentLiteralsIncompatible", "typeName": "CoercionError"},
        )
    found = asked.shop.all(kind).get(number) if views.number_of(text, kind) is not None else None
    hidden = found is not None and kind == "Order" and (asked.oldest_order or "") > found["createdAt"]
    return None if hidden else found


def _customer_by(_root: Any, info: GraphQLResolveInfo, identifier: dict[str, Any]) -> Document | None:
    if "id" in identifier:
        return _by_gid(info, identifier["id"], "Customer")
    key, wanted = (
        ("email", identifier["emailAddress"]) if "emailAddress" in identifier else ("phone", identifier["phoneNumber"])
    )
    customers = info.context.shop.customers.values()
    return next((each for each in customers if (each[key] or "").lower() == wanted.lower()), None)


def _order_by(_root: Any, info: GraphQLResolveInfo, identifier: dict[str, Any]) -> Document | None:
    return _by_gid(info, identifier["id"], "Order")


def _node(_root: Any, info: GraphQLResolveInfo, id: str) -> Any:  # noqa: A002  # the argument's name
    number = views.number_of(id)
    scopes = info.context.scopes
    if views.number_of(id, "Customer") is not None and allows(scopes, "read_customers"):
        return _by_gid(info, id, "Customer")
    if views.number_of(id, "Order") is not None and allows(scopes, "read_orders"):
        return _by_gid(info, id, "Order")
    if views.number_of(id, "Product") is not None and allows(scopes, "read_products"):
        return catalogue.BY_PRODUCT.get(number or 0)
    if views.number_of(id, "ProductVariant") is not None and allows(scopes, "read_products"):
        return catalogue.BY_VARIANT.get(number or 0)
    return None


def _nodes(root: Any, info: GraphQLResolveInfo, ids: list[str]) -> list[Any]:
    return [_node(root, info, each) for each in ids]


def _slice(read: Callable[[Any], list[Any]]) -> Resolver:
    def resolve(source: Any, _info: GraphQLResolveInfo, **arguments: Any) -> Page:
        try:
            return slice_page(read(source), _cut(arguments))
        except PageError as error:
            raise _refused(error) from error

    return resolve


def _first(read: Callable[[Any], list[Any]]) -> Resolver:
    return lambda source, _info, first=None, **_arguments: read(source)[: first if first is not None else None]


def _orders_of(customer: Document, info: GraphQLResolveInfo, **arguments: Any) -> Page:
    return _list(info, "Order", arguments, {order["id"] for order in info.context.shop.orders_of(customer["id"])})


def _last_order(customer: Document, info: GraphQLResolveInfo) -> Document | None:
    bought = info.context.shop.orders_of(customer["id"])
    return bought[-1] if bought else None


def _with_arguments() -> Mapping[str, Resolver]:
    return {
        "QueryRoot.shop": lambda _root, info: views.shop_document(info.context.shop.made_from.at),
        "QueryRoot.currentAppInstallation": lambda _root, info: _installation(info.context.scopes),
        "QueryRoot.publicApiVersions": lambda _root, _info: [
            {"displayName": f"{API_VERSION} (Latest)", "handle": API_VERSION, "supported": True}
        ],
        "QueryRoot.customers": _lister("Customer"),
        "QueryRoot.orders": _lister("Order"),
        "QueryRoot.customersCount": _counter("Customer"),
        "QueryRoot.ordersCount": _counter("Order"),
        "QueryRoot.customer": _finder("Customer"),
        "QueryRoot.order": _finder("Order"),
        "QueryRoot.customerByIdentifier": _customer_by,
        "QueryRoot.orderByIdentifier": _order_by,
        "QueryRoot.node": _node,
        "QueryRoot.nodes": _nodes,
        "Customer.orders": _orders_of,
        "Customer.lastOrder": _last_order,
        "Customer.numberOfOrders": lambda customer, info: info.context.shop.number_of_orders(customer["id"]),
        "Customer.amountSpent": lambda customer, info: (CURRENCY, info.context.shop.spent(customer["id"])),
        "Customer.canDelete": lambda customer, info: not info.context.shop.orders_of(customer["id"]),
        "Customer.addressesV2": _slice(lambda customer: customer["addresses"]),
        "MailingAddress.formatted": lambda address, _info, **asked: views.formatted(
            address, company=asked.get("withCompany", True), name=asked.get("withName", False)
        ),
        "Order.customer": lambda order, info: info.context.shop.customers.get(order["customer"]),
        "Order.lineItems": _slice(lambda order: [Line(order, item) for item in order["items"]]),
        "Order.refunds": _first(lambda order: [views.Refund(order, refund) for refund in order["refunds"]]),
        "Order.transactions": _first(order_views.transactions),
        "Order.fulfillments": _first(order_views.fulfillments),
        "Order.discountApplications": _slice(
            lambda order: [Discount(order, place) for place in range(len(order["discounts"]))]
        ),
        "LineItem.discountedTotalSet": lambda line, _info, **asked: order_views.discounted_total(
            line, with_codes=asked.get("withCodeDiscounts", False)
        ),
        "LineItem.taxLines": _first(
            lambda line: [views.Tax(line.order, line.item["tax"])] if line.item["tax"][0] else []
        ),
        "LineItem.product": lambda line, _info: catalogue.BY_PRODUCT.get(line.item["product"]),
        "LineItem.variant": lambda line, _info: catalogue.BY_VARIANT.get(line.item["variant"]),
        "Refund.refundLineItems": _slice(order_views.returned_lines),
        "Fulfillment.trackingInfo": _first(order_views.tracking),
    }


def _installation(scopes: tuple[str, ...]) -> Document:
    return {
        "id": views.gid("AppInstallation", 1),
        "accessScopes": [{"handle": scope, "description": scope.replace("_", " ")} for scope in scopes],
        "app": {"id": views.gid("App", 580_112), "title": "Twin", "handle": "twin"},
    }


def _tables() -> Mapping[str, Mapping[str, Callable[[Any], Any]]]:
    return {
        "Customer": views.customer_fields(),
        **views.value_tables(),
        "MoneyBag": {
            "shopMoney": lambda bag: (CURRENCY, bag.cents[0]),
            "presentmentMoney": lambda bag: (bag.currency, bag.cents[1]),
        },
        "MoneyV2": {"currencyCode": lambda money: money[0], "amount": lambda money: pricing.text(money[1])},
        "Order": order_views.order_fields(),
        "LineItem": order_views.line_fields(),
        "Refund": order_views.refund_fields(),
        "RefundLineItem": order_views.returned_fields(),
        "OrderTransaction": order_views.transaction_fields(),
        "Fulfillment": order_views.fulfillment_fields(),
        "ShippingLine": order_views.shipping_fields(),
        "TaxLine": order_views.tax_fields(),
        "DiscountCodeApplication": _only(order_views.discount_fields(), "title"),
        "AutomaticDiscountApplication": _only(order_views.discount_fields(), "code"),
        "Product": order_views.product_fields(),
        "ProductVariant": order_views.variant_fields(),
    }


def _only(table: Mapping[str, Callable[[Any], Any]], without: str) -> Mapping[str, Callable[[Any], Any]]:
    return {name: read for name, read in table.items() if name != without}


__all__ = ["API_VERSION", "ORDERS_OF_DAYS", "ZONE", "Asked", "Bag", "load_schema"]
