"""The executable schema: the SDL beside this module with a resolver for every field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
)

from tajo_pipelines.twin.shopify import bulk_fields, commerce, order_views, pricing, views
from tajo_pipelines.twin.shopify.access import allows
from tajo_pipelines.twin.shopify.facts import CURRENCY
from tajo_pipelines.twin.shopify.listing import Page
from tajo_pipelines.twin.shopify.resolving import (
    Resolver,
    by_gid,
    counter,
    finder,
    first_of,
    lister,
    numbered,
    part_lister,
    sliced,
)
from tajo_pipelines.twin.shopify.shop import Document, Kind
from tajo_pipelines.twin.shopify.views import Discount, Line
from tajo_pipelines.twin.shopify.webhooks import fields as webhook_fields

API_VERSION = "2026-10"
_SDL = ("schema.graphql", "schema_commerce.graphql", "schema_webhooks.graphql")

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
    "QueryRoot.products": "read_products",
    "QueryRoot.productsCount": "read_products",
    "QueryRoot.product": "read_products",
    "QueryRoot.productVariants": "read_products",
    "QueryRoot.productVariantsCount": "read_products",
    "QueryRoot.productVariant": "read_products",
    "QueryRoot.collections": "read_products",
    "QueryRoot.collectionsCount": "read_products",
    "QueryRoot.collection": "read_products",
    "QueryRoot.abandonedCheckouts": "read_orders",
    "QueryRoot.abandonedCheckoutsCount": "read_orders",
    "AbandonedCheckout.customer": "read_customers",
    "AbandonedCheckoutLineItem.product": "read_products",
    "AbandonedCheckoutLineItem.variant": "read_products",
}
"""Scopes by field."""


@cache
def load_schema() -> GraphQLSchema:
    """The schema with its resolvers; one for all shops, which come to them in the context."""
    folder = resources.files(__package__)
    schema = build_schema("\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in _SDL))
    for name, table in _tables().items():
        named = schema.type_map[name]
        for field_name, read in table.items():
            named.fields[field_name].resolve = _plain(read)  # type: ignore[attr-defined]  # object types only
    for path, resolver in {**_with_arguments(), **_elsewhere()}.items():
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
    return str(value["kind"])


def _customer_by(_root: Any, info: GraphQLResolveInfo, identifier: dict[str, Any]) -> Document | None:
    if "id" in identifier:
        return by_gid(info, identifier["id"], "Customer")
    key, wanted = (
        ("email", identifier["emailAddress"]) if "emailAddress" in identifier else ("phone", identifier["phoneNumber"])
    )
    customers = info.context.shop.customers.values()
    return next((each for each in customers if (each[key] or "").lower() == wanted.lower()), None)


def _order_by(_root: Any, info: GraphQLResolveInfo, identifier: dict[str, Any]) -> Document | None:
    return by_gid(info, identifier["id"], "Order")


_NODES: Mapping[Kind, str] = {
    "Customer": "read_customers",
    "Order": "read_orders",
    "Product": "read_products",
    "ProductVariant": "read_products",
    "Collection": "read_products",
    "AbandonedCheckout": "read_orders",
}
"""Kinds that ``node`` finds, each with its scope."""


def _node(_root: Any, info: GraphQLResolveInfo, id: str) -> Any:  # noqa: A002  # the argument's name
    number = numbered(id)
    if views.number_of(id, "BulkOperation") is not None:
        return info.context.bulk.get(number)
    if views.number_of(id, webhook_fields.KIND) is not None:
        return webhook_fields.found(info, id)
    for kind, scope in _NODES.items():
        if views.number_of(id, kind) is not None and allows(info.context.scopes, scope):
            return by_gid(info, id, kind)
    return None


def _nodes(root: Any, info: GraphQLResolveInfo, ids: list[str]) -> list[Any]:
    return [_node(root, info, each) for each in ids]


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
        "QueryRoot.customers": lister("Customer"),
        "QueryRoot.orders": lister("Order"),
        "QueryRoot.customersCount": counter("Customer"),
        "QueryRoot.ordersCount": counter("Order"),
        "QueryRoot.customer": finder("Customer"),
        "QueryRoot.order": finder("Order"),
        "QueryRoot.customerByIdentifier": _customer_by,
        "QueryRoot.orderByIdentifier": _order_by,
        "QueryRoot.node": _node,
        "QueryRoot.nodes": _nodes,
        "Customer.orders": part_lister("Order", lambda shop, customer: shop.orders_of(customer["id"])),
        "Customer.lastOrder": _last_order,
        "Customer.numberOfOrders": lambda customer, info: info.context.shop.number_of_orders(customer["id"]),
        "Customer.amountSpent": lambda customer, info: (CURRENCY, info.context.shop.spent(customer["id"])),
        "Customer.canDelete": lambda customer, info: not info.context.shop.orders_of(customer["id"]),
        "Customer.addressesV2": sliced(lambda customer: customer["addresses"]),
        "MailingAddress.formatted": lambda address, _info, **asked: views.formatted(
            address, company=asked.get("withCompany", True), name=asked.get("withName", False)
        ),
        "Order.customer": lambda order, info: info.context.shop.customers.get(order["customer"]),
        "Order.lineItems": sliced(lambda order: [Line(order, item) for item in order["items"]]),
        "Order.refunds": first_of(lambda order: [views.Refund(order, refund) for refund in order["refunds"]]),
        "Order.transactions": first_of(order_views.transactions),
        "Order.fulfillments": first_of(order_views.fulfillments),
        "Order.discountApplications": sliced(
            lambda order: [Discount(order, place) for place in range(len(order["discounts"]))]
        ),
        "LineItem.discountedTotalSet": lambda line, _info, **asked: order_views.discounted_total(
            line, with_codes=asked.get("withCodeDiscounts", False)
        ),
        "LineItem.taxLines": first_of(
            lambda line: [views.Tax(line.order, line.item["tax"])] if line.item["tax"][0] else []
        ),
        "LineItem.product": lambda line, info: info.context.shop.products.get(line.item["product"]),
        "LineItem.variant": lambda line, info: info.context.shop.variants.get(line.item["variant"]),
        "Refund.refundLineItems": sliced(order_views.returned_lines),
        "Fulfillment.trackingInfo": first_of(order_views.tracking),
    }


def _elsewhere() -> Mapping[str, Resolver]:
    return {**commerce.resolvers(), **bulk_fields.resolvers(), **webhook_fields.resolvers()}


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
        **commerce.tables(),
        "BulkOperation": bulk_fields.table(),
        "WebhookSubscription": webhook_fields.table(),
    }


def _only(table: Mapping[str, Callable[[Any], Any]], without: str) -> Mapping[str, Callable[[Any], Any]]:
    return {name: read for name, read in table.items() if name != without}
