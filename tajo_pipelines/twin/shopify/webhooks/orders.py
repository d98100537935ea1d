"""Bodies that tell of orders and refunds."""

from __future__ import annotations

from tajo_pipelines.twin.shopify import order_views, orders, pricing
from tajo_pipelines.twin.shopify.facts import CURRENCY
from tajo_pipelines.twin.shopify.shop import Shop
from tajo_pipelines.twin.shopify.views import DOMAIN, SHOP_NUMBER, gid, token
from tajo_pipelines.twin.shopify.webhooks.customers import customer
from tajo_pipelines.twin.shopify.webhooks.rest import Body, Document, both, local, postal, priced, taxes

_FULFILLED = {"FULFILLED": "fulfilled", "RESTOCKED": "restocked"}
_SETS = {
    "current_subtotal_price": "currentSubtotal",
    "current_total_discounts": "currentDiscounts",
    "current_total_price": "currentTotal",
    "current_total_tax": "currentTax",
    "subtotal_price": "subtotal",
    "total_discounts": "discounts",
    "total_price": "total",
    "total_tax": "tax",
}
"""Amounts that stand as text and as a set, with the total they are."""

_UNKNOWN = (
    "app_id",
    "browser_ip",
    "client_details",
    "current_total_additional_fees_set",
    "current_total_duties_set",
    "device_id",
    "landing_site",
    "landing_site_ref",
    "location_id",
    "merchant_of_record_app_id",
    "original_total_additional_fees_set",
    "original_total_duties_set",
    "po_number",
    "reference",
    "referring_site",
    "source_identifier",
    "source_url",
    "user_id",
    "payment_terms",
)


def order(shop: Shop, document: Document, *, with_checkout_id: bool = False) -> Body:
    """An order as it is now.

    Args:
        shop: Where its customer is.
        document: The order.
        with_checkout_id: Whether the app's webhooks are of a version before 2026-04, which had ``checkout_id``.
    """
    owner = shop.customers.get(document["customer"])
    return {
        **dict.fromkeys(_UNKNOWN),
        **_head(document),
        **({"checkout_id": document.get("checkout")} if with_checkout_id else {}),
        **_amounts(document),
        "billing_address": postal(document["billing"]),
        "shipping_address": postal(document["shipTo"]),
        "customer": None if owner is None else customer(owner, embedded=True),
        "discount_codes": [
            {"code": each["code"], "amount": pricing.text(document["totals"]["cartDiscount"][0]), "type": "percentage"}
            for each in document["discounts"]
            if "code" in each
        ],
        "discount_applications": [_discount(each) for each in document["discounts"]],
        "fulfillments": [_fulfillment(document)] if document["fulfilledAt"] else [],
        "line_items": [line(document, item) for item in document["items"]],
        "refunds": [refund(document, each) for each in document["refunds"]],
        "shipping_lines": [_shipping(document)] if document["shipping"][0] else [],
        **{name: [] for name in ("note_attributes", "returns", "line_item_groups")},
    }


def refund(document: Document, given: Document) -> Body:
    """A refund of an order."""
    presentment = document["presentment"]
    returned = [_returned(document, given, each) for each in given["items"]]
    return {
        "id": given["id"],
        "order_id": document["id"],
        "created_at": local(given["at"]),
        "note": given["note"],
        "user_id": None,
        "processed_at": local(given["at"]),
        "duties": [],
        "total_duties_set": both([0, 0], presentment),
        "return": None,
        "refund_shipping_lines": [],
        "restock": bool(returned),
        "admin_graphql_api_id": gid("Refund", given["id"]),
        "order_adjustments": [],
        "refund_line_items": returned,
        "transactions": [
            {
                "id": each["id"],
                "admin_graphql_api_id": gid("OrderTransaction", each["id"]),
                "order_id": document["id"],
                "kind": "refund",
                "gateway": document["gateway"],
                "status": "success",
                "created_at": local(each["at"]),
                "amount": pricing.text(each["cents"][0]),
                "currency": CURRENCY,
            }
            for each in order_views.transactions(document)
            if each["kind"] == "REFUND" and each["at"] == given["at"]
        ],
    }


def line(document: Document, item: Document) -> Body:
    """A line of an order."""
    left = item["quantity"] - item["removed"]
    shipped = document["fulfilledAt"] is not None
    return {
        "id": item["id"],
        "admin_graphql_api_id": gid("LineItem", item["id"]),
        "attributed_staffs": [],
        "current_quantity": left,
        "fulfillable_quantity": 0 if shipped else left,
        "fulfillment_service": "manual",
        "fulfillment_status": "fulfilled" if shipped else None,
        "gift_card": False,
        "grams": 250,
        "name": f"{item['title']} - {item['variantTitle']}" if item["variantTitle"] else item["title"],
        **priced("price", item["price"], document["presentment"]),
        "product_exists": item["product"] is not None,
        "product_id": item["product"],
        "properties": [],
        "quantity": item["quantity"],
        "requires_shipping": item["variant"] is not None,
        "sales_line_item_group_id": None,
        "sku": item["sku"],
        "taxable": True,
        "title": item["title"],
        # Amounts of discounts that are spread over lines stand in the allocations alone.
        **priced("total_discount", [0, 0], document["presentment"]),
        "variant_id": item["variant"],
        "variant_inventory_management": None if item["variant"] is None else "shopify",
        "variant_title": item["variantTitle"],
        "vendor": item["vendor"],
        "tax_lines": taxes(document, item["tax"]),
        "duties": [],
        "discount_allocations": [
            {
                "amount": pricing.text(cents[0]),
                "amount_set": both(cents, document["presentment"]),
                "discount_application_index": place,
            }
            for place, cents in item["discounts"]
        ],
    }


def _head(document: Document) -> Body:
    cancelled = document["cancelReason"]
    return {
        "id": document["id"],
        "admin_graphql_api_id": gid("Order", document["id"]),
        "buyer_accepts_marketing": document["acceptsMarketing"],
        "cancel_reason": None if cancelled is None else cancelled.lower(),
        "cancelled_at": local(document["cancelledAt"]),
        "cart_token": order_views.cart_token(document),
        "checkout_token": order_views.checkout_token(document),
        "closed_at": local(document["closedAt"]),
        "confirmation_number": f"TW{document['number']:07d}",
        "confirmed": True,
        "contact_email": document["email"],
        "created_at": local(document["createdAt"]),
        "currency": CURRENCY,
        "customer_locale": document["locale"],
        "duties_included": False,
        "email": document["email"],
        "estimated_taxes": False,
        "financial_status": pricing.financial_status(document).lower(),
        "fulfillment_status": _FULFILLED.get(orders.fulfillment_status(document)),
        "merchant_business_entity_id": "NjU4MTc1NTEzODI",
        "name": f"#{document['number']}",
        "note": document["note"],
        "number": document["number"] - 1000,
        "order_number": document["number"],
        "order_status_url": f"https://{DOMAIN}/{SHOP_NUMBER}/orders/{document['id']}/authenticate",
        "payment_gateway_names": [document["gateway"]],
        "phone": document["phone"],
        "presentment_currency": document["presentment"],
        "processed_at": local(document["processedAt"]),
        "source_name": document["source"],
        "tags": ", ".join(document["tags"]),
        "tax_exempt": document["taxRate"] == 0,
        "taxes_included": document["taxesIncluded"],
        "test": document["test"],
        "token": token("order", document["id"]),
        "updated_at": local(document["updatedAt"]),
    }


def _amounts(document: Document) -> Body:
    totals, presentment = document["totals"], document["presentment"]
    body: Body = {}
    for name, total in _SETS.items():
        body |= priced(name, totals[total], presentment)
    gross = pricing.plus(*(pricing.original(item) for item in document["items"]))
    owed = pricing.minus(totals["currentTotal"], document["received"])
    settled = document["cancelledAt"] is not None or totals["refunded"][0]
    return {
        **body,
        **priced("total_line_items_price", gross, presentment),
        "current_shipping_price_set": both(totals["currentShipping"], presentment),
        "total_shipping_price_set": both(totals["shipping"], presentment),
        **{f"total_cash_rounding_{name}_adjustment_set": both([0, 0], presentment) for name in ("payment", "refund")},
        "total_outstanding": pricing.text(0 if settled else owed[0]),
        "total_tip_received": "0.00",
        "total_weight": 250 * sum(item["quantity"] for item in document["items"]),
        "tax_lines": taxes(document, totals["tax"]),
    }


def _discount(discount: Document) -> Body:
    across = discount["items"] is None
    named = {"code": discount["code"]} if "code" in discount else {"title": discount["title"]}
    return {
        "target_type": "line_item",
        "type": "discount_code" if "code" in discount else "automatic",
        "value": f"{discount['percentage']}.0",
        "value_type": "percentage",
        "allocation_method": "across" if across else "each",
        "target_selection": "all" if across else "explicit",
        **named,
    }


def _fulfillment(document: Document) -> Body:
    number = f"JJD{document['id']}"
    return {
        "id": document["id"] + 1,
        "admin_graphql_api_id": gid("Fulfillment", document["id"] + 1),
        "created_at": local(document["fulfilledAt"]),
        "location_id": None,
        "name": f"#{document['number']}-F1",
        "order_id": document["id"],
        "service": "manual",
        "shipment_status": None,
        "status": "success",
        "tracking_company": "DHL",
        "tracking_number": number,
        "tracking_numbers": [number],
        "tracking_url": None,
        "tracking_urls": [],
        "updated_at": local(document["fulfilledAt"]),
        "line_items": [line(document, item) for item in document["items"]],
    }


def _shipping(document: Document) -> Body:
    presentment, cents = document["presentment"], document["shipping"]
    current = both(document["totals"]["currentShipping"], presentment)
    return {
        "id": document["id"] + 2,
        "carrier_identifier": None,
        "code": "standard",
        "current_discounted_price_set": current,
        **priced("discounted_price", cents, presentment),
        "is_removed": False,
        "phone": None,
        **priced("price", cents, presentment),
        "requested_fulfillment_service_id": None,
        "source": "shopify",
        "title": "Standard",
        "tax_lines": [],
        "discount_allocations": [],
    }


def _returned(document: Document, given: Document, each: Document) -> Body:
    item = document["items"][each["item"]]
    whole = line(document, item)
    short = ("attributed_staffs", "current_quantity", "sales_line_item_group_id")
    return {
        "id": given["id"] * 512 + each["item"],
        "quantity": each["quantity"],
        "line_item_id": item["id"],
        "location_id": None,
        "restock_type": "cancel" if document["cancelledAt"] else "return",
        "subtotal": each["subtotal"][0] / 100,
        "total_tax": each["tax"][0] / 100,
        "subtotal_set": both(each["subtotal"], document["presentment"]),
        "total_tax_set": both(each["tax"], document["presentment"]),
        "line_item": {name: value for name, value in whole.items() if name not in short},
    }
