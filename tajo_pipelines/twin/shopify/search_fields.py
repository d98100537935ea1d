"""The fields of search filters, by what is searched; names as the vendor's schema has them for its queries."""

from __future__ import annotations

from collections.abc import Mapping

from tajo_pipelines.twin.shopify import orders, pricing
from tajo_pipelines.twin.shopify.terms import (
    Build,
    Context,
    Document,
    Read,
    Test,
    flag,
    identity,
    number,
    other_word,
    time,
    word,
)


def _status(order: Document) -> list[str]:
    cancelled, closed = order["cancelledAt"] is not None, order["closedAt"] is not None
    words = ["cancelled"] if cancelled else ["closed"] if closed else ["open"]
    return words if closed else [*words, "not_closed"]


def _key(name: str) -> Read:
    return lambda document: document[name]


def _anything(_read: Read, _op: str, _value: str, _context: Context) -> Test:
    return lambda _document: True


FIELDS: Mapping[str, Mapping[str, tuple[Build, Read]]] = {
    "Customer": {
        "id": (identity, _key("id")),
        "updated_at": (time, _key("updatedAt")),
        "customer_date": (time, _key("createdAt")),
        "accepts_marketing": (flag, lambda customer: customer["emailState"] == "SUBSCRIBED"),
        "email": (word, _key("email")),
        "phone": (word, _key("phone")),
        "first_name": (word, _key("firstName")),
        "last_name": (word, _key("lastName")),
        "state": (word, _key("state")),
        "tag": (word, _key("tags")),
        "tag_not": (other_word, _key("tags")),
        "country": (
            word,
            lambda customer: [a[key] for a in customer["addresses"] for key in ("country", "countryCodeV2")],
        ),
    },
    "Order": {
        "id": (identity, _key("id")),
        "updated_at": (time, _key("updatedAt")),
        "created_at": (time, _key("createdAt")),
        "processed_at": (time, _key("processedAt")),
        "customer_id": (identity, _key("customer")),
        "test": (flag, _key("test")),
        "email": (word, _key("email")),
        "name": (word, lambda order: [f"#{order['number']}", order["number"]]),
        "status": (word, _status),
        "financial_status": (word, pricing.financial_status),
        "fulfillment_status": (word, orders.fulfillment_status),
        "discount_code": (word, lambda order: [each.get("code") for each in order["discounts"]]),
        "gateway": (word, _key("gateway")),
        "source_name": (word, _key("source")),
        "tag": (word, _key("tags")),
        "tag_not": (other_word, _key("tags")),
        "current_total_price": (number, lambda order: order["totals"]["currentTotal"][0] / 100),
    },
    "Product": {
        "id": (identity, _key("id")),
        "updated_at": (time, _key("updatedAt")),
        "created_at": (time, _key("createdAt")),
        "published_at": (time, _key("publishedAt")),
        "status": (word, _key("status")),
        "title": (word, _key("title")),
        "handle": (word, _key("handle")),
        "vendor": (word, _key("vendor")),
        "product_type": (word, _key("productType")),
        "tag": (word, _key("tags")),
        "tag_not": (other_word, _key("tags")),
        "gift_card": (flag, _key("giftCard")),
        "collection_id": (identity, _key("collections")),
        "sku": (word, lambda product: [each["sku"] for each in product["variants"] if each["sku"]]),
        "barcode": (word, lambda product: [each["barcode"] for each in product["variants"] if each["barcode"]]),
        "price": (number, lambda product: [each["cents"] / 100 for each in product["variants"]]),
        "variant_id": (identity, lambda product: [each["id"] for each in product["variants"]]),
        "variant_title": (word, lambda product: [each["title"] for each in product["variants"]]),
        "inventory_total": (number, lambda product: sum(each["stock"] for each in product["variants"])),
        "out_of_stock_somewhere": (flag, lambda product: any(each["stock"] <= 0 for each in product["variants"])),
        "is_price_reduced": (flag, lambda product: any(each["compareAt"] for each in product["variants"])),
        "tracks_inventory": (flag, lambda product: any(each["tracked"] for each in product["variants"])),
        "published_status": (word, lambda product: "published" if product["publishedAt"] else "unpublished"),
    },
    "ProductVariant": {
        "id": (identity, _key("id")),
        "updated_at": (time, _key("updatedAt")),
        "product_id": (identity, _key("product")),
        "product_ids": (word, _key("product")),
        "sku": (word, _key("sku")),
        "barcode": (word, _key("barcode")),
        "title": (word, _key("title")),
        "inventory_quantity": (number, _key("stock")),
        "managed": (flag, _key("tracked")),
    },
    "Collection": {
        "id": (identity, _key("id")),
        "updated_at": (time, _key("updatedAt")),
        "title": (word, _key("title")),
        "handle": (word, _key("handle")),
    },
    "AbandonedCheckout": {
        "id": (identity, _key("id")),
        "created_at": (time, _key("createdAt")),
        "updated_at": (time, _key("updatedAt")),
        "recovery_state": (word, lambda cart: "recovered" if cart["completedAt"] else "not_recovered"),
        "status": (word, lambda cart: "closed" if cart["completedAt"] else "open"),
    },
    "BasicEvent": {
        "id": (identity, _key("id")),
        "created_at": (time, _key("createdAt")),
        "action": (word, _key("action")),
        "subject_type": (word, _key("subjectType")),
        "comments": (_anything, _key("id")),
    },
    "BulkOperation": {
        "id": (identity, _key("id")),
        "created_at": (time, _key("createdAt")),
        "status": (word, _key("status")),
        "operation_type": (word, lambda _operation: "query"),
    },
}

DEFAULTS: Mapping[str, tuple[str, str]] = {"Product": ("status", "active")}
"""A field and the value that it has in filters that don't name it, as the vendor's schema says."""
