"""Bodies that tell of the online store's carts and of checkouts."""

from __future__ import annotations

import hashlib

from tajo_pipelines.twin.shopify import pricing
from tajo_pipelines.twin.shopify.facts import CURRENCY
from tajo_pipelines.twin.shopify.shop import Shop
from tajo_pipelines.twin.shopify.views import cart_token, checkout_token, recovery_url
from tajo_pipelines.twin.shopify.webhooks.customers import customer
from tajo_pipelines.twin.shopify.webhooks.rest import Body, Document, both, local, millis, postal, taxes

_UNKNOWN = (
    "gateway",
    "landing_site",
    "referring_site",
    "closed_at",
    "user_id",
    "location_id",
    "source_identifier",
    "source_url",
    "device_id",
    "source",
)

_PER_UNIT = ("measured_type", "quantity_value", "quantity_unit", "reference_value", "reference_unit")


def cart(document: Document) -> Body:
    """The online store's cart: neither customer nor e-mail, only its token leads on."""
    return {
        "id": document["cartToken"],
        "token": document["cartToken"],
        "line_items": [_cart_line(document, item) for item in document["items"]],
        "note": document["note"],
        "updated_at": millis(document["updatedAt"]),
        "created_at": millis(document["createdAt"]),
    }


def checkout(shop: Shop, document: Document, *, with_id: bool = False) -> Body:
    """A checkout as it is now.

    Args:
        shop: Where its customer is.
        document: The checkout.
        with_id: Whether the app's webhooks are of a version before 2026-04, which had ``id``.
    """
    owner = shop.customers.get(document["customer"])
    email, phone = (
        document.get(name) if owner is None or document.get(name) else owner[name] for name in ("email", "phone")
    )
    totals = document["totals"]
    body = {
        **({"id": document["id"]} if with_id else {}),
        **dict.fromkeys(_UNKNOWN),
        "token": checkout_token(document),
        "cart_token": cart_token(document),
        "email": email,
        "buyer_accepts_marketing": bool(document.get("acceptsMarketing")),
        "created_at": local(document["createdAt"]),
        "updated_at": local(document["updatedAt"]),
        "note": document["note"] or None,
        "note_attributes": [],
        "shipping_lines": [],
        "taxes_included": document["taxesIncluded"],
        "total_weight": 250 * sum(item["quantity"] for item in document["items"]),
        "currency": CURRENCY,
        "completed_at": local(document["completedAt"]),
        "phone": phone,
        "customer_locale": None if owner is None else owner["locale"],
        "line_items": [_checkout_line(document, item) for item in document["items"]],
        "name": f"#{document['id']}",
        "abandoned_checkout_url": recovery_url(document),
        "discount_codes": [
            {"code": each["code"], "amount": pricing.text(totals["discounts"][0]), "type": "percentage"}
            for each in document["discounts"]
            if "code" in each
        ],
        "tax_lines": [
            {name: each[name] for name in ("price", "rate", "title", "channel_liable")}
            for each in taxes(document, totals["tax"])
        ],
        "source_name": "web",
        **_closing(document),
        "billing_address": postal(document["billing"]),
        "shipping_address": postal(document["shipTo"]),
    }
    if owner is not None:
        body["customer"] = customer(owner, embedded=True)
    return body


def deleted_checkout(document: Document) -> Body:
    """What is left of a deleted checkout."""
    return {"id": document["id"], **_closing(document), "cart_token": cart_token(document)}


def _closing(document: Document) -> Body:
    totals = document["totals"]
    gross = pricing.plus(*(pricing.original(item) for item in document["items"]))
    return {
        "presentment_currency": document["presentment"],
        "buyer_accepts_sms_marketing": False,
        "sms_marketing_phone": None,
        "total_discounts": pricing.text(totals["discounts"][1]),
        "total_line_items_price": pricing.text(gross[1]),
        "total_price": pricing.text(totals["total"][1]),
        "total_tax": pricing.text(totals["tax"][1]),
        "subtotal_price": pricing.text(totals["subtotal"][1]),
        "total_duties": None,
        "reservation_token": None,
    }


def _key(item: Document) -> str:
    return hashlib.blake2s(str(item["id"]).encode(), digest_size=16).hexdigest()


def _cart_line(document: Document, item: Document) -> Body:
    """Amounts of a cart are in the currency that the buyer sees, its sets in both."""
    presentment, whole = document["presentment"], pricing.original(item)
    amounts = {
        "discounted_price": item["price"],
        "line_price": whole,
        "original_line_price": whole,
        "price": item["price"],
        "total_discount": [0, 0],
    }
    number = item["variant"] or item["id"]
    return {
        "id": number,
        "properties": None,
        "quantity": item["quantity"],
        "variant_id": item["variant"],
        "key": f"{number}:{_key(item)}",
        "discounts": [],
        "gift_card": False,
        "grams": 250,
        "original_price": pricing.text(item["price"][1]),
        "product_id": item["product"],
        "sku": item["sku"],
        "taxable": True,
        "title": f"{item['title']} - {item['variantTitle']}" if item["variantTitle"] else item["title"],
        "vendor": item["vendor"],
        **{name: pricing.text(cents[1]) for name, cents in amounts.items()},
        **{f"{name}_set": both(cents, presentment) for name, cents in amounts.items()},
        "parent_relationship": None,
    }


def _checkout_line(document: Document, item: Document) -> Body:
    """Amounts of a checkout are in the currency that the buyer sees."""
    return {
        "applied_discounts": [],
        "discount_allocations": [],
        "key": _key(item),
        "destination_location_id": None,
        "fulfillment_service": "manual",
        "gift_card": False,
        "grams": 250,
        "origin_location_id": None,
        "presentment_title": item["title"],
        "presentment_variant_title": item["variantTitle"],
        "product_id": item["product"],
        "properties": None,
        "quantity": item["quantity"],
        "requires_shipping": item["variant"] is not None,
        "sku": item["sku"],
        "tax_lines": [],
        "taxable": True,
        "title": item["title"],
        "variant_id": item["variant"],
        "variant_title": item["variantTitle"],
        "variant_price": pricing.text(item["price"][1]),
        "vendor": item["vendor"],
        "user_id": None,
        "unit_price_measurement": dict.fromkeys(_PER_UNIT),
        "rank": None,
        "compare_at_price": None,
        "line_price": pricing.text(pricing.original(item)[1]),
        "price": pricing.text(item["price"][1]),
    }
