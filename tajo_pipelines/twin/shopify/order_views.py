"""How orders, their lines, refunds, payments and products become the fields of ``schema.graphql``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tajo_pipelines.twin.shopify import orders, pricing
from tajo_pipelines.twin.shopify.facts import CURRENCY
from tajo_pipelines.twin.shopify.shop import Document
from tajo_pipelines.twin.shopify.views import (
    CDN,
    DOMAIN,
    SHOP_NUMBER,
    Bag,
    Discount,
    Field,
    Line,
    Refund,
    Returned,
    Tax,
    always,
    gid,
    key,
    keys,
    token,
)


def _total(name: str) -> Field:
    return lambda order: Bag(order["presentment"], order["totals"][name])


def _nothing(order: Document) -> Bag:
    return Bag(order["presentment"], [0, 0])


def _line(amount: Callable[[Document], pricing.Pair]) -> Field:
    return lambda line: Bag(line.order["presentment"], amount(line.item))


def _unit(of: Callable[[Document], pricing.Pair]) -> Callable[[Document], pricing.Pair]:
    return lambda item: pricing.share(of(item), 1, item["quantity"])


def _without_codes(line: Line) -> pricing.Pair:
    return pricing.minus(pricing.original(line.item), pricing.allocated(line.item, codes=False, order=line.order))


def _outstanding(order: Document) -> Bag:
    totals = order["totals"]
    if order["cancelledAt"] is not None or totals["refunded"][0]:
        return _nothing(order)
    return Bag(order["presentment"], pricing.minus(totals["currentTotal"], order["received"]))


def _net_payment(order: Document) -> Bag:
    return Bag(order["presentment"], pricing.minus(order["received"], order["totals"]["refunded"]))


def _taxes(order: Document, cents: pricing.Pair) -> list[Tax]:
    return [Tax(order, cents)] if cents[0] else []


def transactions(order: Document) -> list[Document]:
    """What was paid and paid back."""
    found = [{"kind": "SALE", "at": order["processedAt"], "cents": order["received"]}]
    found += [{"kind": "REFUND", "at": refund["at"], "cents": refund["amount"]} for refund in order["refunds"]]
    return [
        {**each, "order": order, "id": 6_900_000_000_000 + order["number"] * 32 + place}
        for place, each in enumerate(found)
        if each["cents"][0]
    ]


def _pieces(order: Document, *, current: bool) -> int:
    return sum(item["quantity"] - (item["removed"] if current else 0) for item in order["items"])


def order_fields() -> Mapping[str, Field]:
    """Plain fields of ``Order``."""
    sets = {
        "totalPriceSet": "total",
        "originalTotalPriceSet": "total",
        "currentTotalPriceSet": "currentTotal",
        "subtotalPriceSet": "subtotal",
        "currentSubtotalPriceSet": "currentSubtotal",
        "totalDiscountsSet": "discounts",
        "currentTotalDiscountsSet": "currentDiscounts",
        "cartDiscountAmountSet": "cartDiscount",
        "totalTaxSet": "tax",
        "currentTotalTaxSet": "currentTax",
        "totalShippingPriceSet": "shipping",
        "currentShippingPriceSet": "currentShipping",
        "totalRefundedSet": "refunded",
        "totalRefundedShippingSet": "refundedShipping",
    }
    codes: Field = lambda order: [each["code"] for each in order["discounts"] if "code" in each]  # noqa: E731  one of a table of fields
    return {
        "id": lambda order: gid("Order", order["id"]),
        "legacyResourceId": key("id"),
        "name": lambda order: f"#{order['number']}",
        **keys("number", "note", "tags", "email", "phone", "createdAt", "updatedAt", "processedAt", "cancelledAt"),
        **keys("cancelReason", "closedAt", "test", "taxesIncluded"),
        **{name: _total(key) for name, key in sets.items()},
        "totalReceivedSet": lambda order: Bag(order["presentment"], order["received"]),
        "totalOutstandingSet": _outstanding,
        "netPaymentSet": _net_payment,
        "totalTipReceivedSet": _nothing,
        "customerLocale": key("locale"),
        "cancellation": lambda order: {"staffNote": None} if order["cancelledAt"] is not None else None,
        "closed": lambda order: order["closedAt"] is not None,
        "confirmed": always(True),
        "confirmationNumber": lambda order: f"TW{order['number']:07d}",
        "edited": always(False),
        "unpaid": lambda order: order["received"][0] == 0 and order["totals"]["total"][0] > 0,
        "fullyPaid": lambda order: order["received"][0] >= order["totals"]["total"][0],
        "refundable": lambda order: order["received"][0] > order["totals"]["refunded"][0],
        "requiresShipping": lambda order: order["source"] != "pos",
        "displayFinancialStatus": pricing.financial_status,
        "displayFulfillmentStatus": orders.fulfillment_status,
        "returnStatus": lambda order: "RETURNED" if any(r["items"] for r in order["refunds"]) else "NO_RETURN",
        "customerAcceptsMarketing": key("acceptsMarketing"),
        "currencyCode": always(CURRENCY),
        "presentmentCurrencyCode": key("presentment"),
        "taxExempt": lambda order: order["taxRate"] == 0,
        "subtotalLineItemsQuantity": lambda order: _pieces(order, current=False),
        "currentSubtotalLineItemsQuantity": lambda order: _pieces(order, current=True),
        "totalWeight": lambda order: 250 * _pieces(order, current=False),
        "discountCode": lambda order: next(iter(codes(order)), None),
        "discountCodes": codes,
        "paymentGatewayNames": lambda order: [order["gateway"]],
        "sourceName": key("source"),
        "sourceIdentifier": always(None),
        "poNumber": always(None),
        "statusPageUrl": lambda order: f"https://{DOMAIN}/{SHOP_NUMBER}/orders/{order['id']}/authenticate",
        "billingAddress": key("billing"),
        "shippingAddress": key("shipTo"),
        "displayAddress": lambda order: order["shipTo"] or order["billing"],
        "billingAddressMatchesShippingAddress": lambda order: order["billing"] == order["shipTo"],
        "shippingLine": lambda order: order if order["shipping"][0] else None,
        "taxLines": lambda order: _taxes(order, order["totals"]["tax"]),
        "currentTaxLines": lambda order: _taxes(order, order["totals"]["currentTax"]),
        "customAttributes": always([]),
        "app": lambda order: {
            "id": gid("App", 580_111),
            "name": "Point of Sale" if order["source"] == "pos" else "Web",
        },
        "cartToken": cart_token,
        "checkoutToken": checkout_token,
        "clientIp": always(None),
    }


def cart_token(order: Document) -> str | None:
    """Token of the cart that an order of the online store was made from; others had none."""
    return order.get("cartToken") or (token("cart", order["id"]) if order["source"] == "web" else None)


def checkout_token(order: Document) -> str | None:
    """Token of the checkout that an order of the online store was made from; others had none."""
    return order.get("checkoutToken") or (token("checkout", order["id"]) if order["source"] == "web" else None)


def line_fields() -> Mapping[str, Field]:
    """Plain fields of ``LineItem``."""

    def remaining(line: Line) -> int:
        left: int = line.item["quantity"] - line.item["removed"]
        return left

    def name(line: Line) -> str:
        item = line.item
        return f"{item['title']} - {item['variantTitle']}" if item["variantTitle"] else str(item["title"])

    return {
        "id": lambda line: gid("LineItem", line.item["id"]),
        "name": name,
        **{name: _of_item(name) for name in ("title", "variantTitle", "vendor", "sku", "quantity")},
        "currentQuantity": remaining,
        "refundableQuantity": remaining,
        "unfulfilledQuantity": lambda line: 0 if line.order["fulfilledAt"] else remaining(line),
        "nonFulfillableQuantity": lambda line: line.item["removed"],
        "requiresShipping": lambda line: line.item["variant"] is not None,
        "taxable": always(True),
        "isGiftCard": always(False),
        "originalUnitPriceSet": _line(lambda item: item["price"]),
        "originalTotalSet": _line(pricing.original),
        "discountedUnitPriceSet": lambda line: Bag(
            line.order["presentment"], pricing.share(_without_codes(line), 1, line.item["quantity"])
        ),
        "discountedUnitPriceAfterAllDiscountsSet": _line(_unit(pricing.discounted)),
        "totalDiscountSet": lambda line: Bag(
            line.order["presentment"], pricing.allocated(line.item, codes=False, order=line.order)
        ),
        "discountAllocations": lambda line: [
            {
                "allocatedAmountSet": Bag(line.order["presentment"], cents),
                "discountApplication": Discount(line.order, index),
            }
            for index, cents in line.item["discounts"]
        ],
        "customAttributes": always([]),
        "image": lambda line: _image(line.item) if line.item["product"] else None,
    }


def discounted_total(line: Line, *, with_codes: bool) -> Bag:
    """A line's total after its own discounts, and after codes where asked."""
    cents = pricing.discounted(line.item) if with_codes else _without_codes(line)
    return Bag(line.order["presentment"], cents)


def _image(item: Document) -> Document:
    number = item["product"]
    return {
        "id": gid("ImageSource", number),
        "altText": item["title"],
        "url": f"{CDN}/{number}.png",
        "width": 640,
        "height": 640,
    }


def _of_item(name: str) -> Field:
    return lambda line: line.item[name]


def fulfillments(order: Document) -> list[Document]:
    """The order's one shipment, where it was shipped."""
    return [order] if order["fulfilledAt"] else []


def tracking(order: Document) -> list[Document]:
    """The parcel's number."""
    return [{"company": "DHL", "number": f"JJD{order['id']}", "url": None}]


def fulfillment_fields() -> Mapping[str, Field]:
    """Fields of ``Fulfillment``; its source is the order."""
    return {
        "id": lambda order: gid("Fulfillment", order["id"] + 1),
        "legacyResourceId": lambda order: order["id"] + 1,
        "name": lambda order: f"#{order['number']}-F1",
        "status": always("SUCCESS"),
        "displayStatus": always("FULFILLED"),
        "createdAt": key("fulfilledAt"),
        "updatedAt": key("fulfilledAt"),
        **dict.fromkeys(("deliveredAt", "estimatedDeliveryAt", "inTransitAt"), always(None)),
        "totalQuantity": lambda order: _pieces(order, current=False),
        "requiresShipping": always(True),
    }


def refund_fields() -> Mapping[str, Field]:
    """Plain fields of ``Refund``."""
    return {
        "id": lambda refund: gid("Refund", refund.refund["id"]),
        "legacyResourceId": lambda refund: refund.refund["id"],
        **dict.fromkeys(("createdAt", "processedAt", "updatedAt"), lambda refund: refund.refund["at"]),
        "note": lambda refund: refund.refund["note"],
        "order": lambda refund: refund.order,
        "totalRefundedSet": lambda refund: Bag(refund.order["presentment"], refund.refund["amount"]),
    }


def returned_lines(refund: Refund) -> list[Returned]:
    """The lines of a refund."""
    return [Returned(refund.order, refund.refund, line) for line in refund.refund["items"]]


def returned_fields() -> Mapping[str, Field]:
    """Fields of ``RefundLineItem``."""

    def item(returned: Returned) -> Line:
        return Line(returned.order, returned.order["items"][returned.line["item"]])

    def price(returned: Returned) -> Bag:
        line = item(returned)
        return Bag(line.order["presentment"], pricing.share(pricing.discounted(line.item), 1, line.item["quantity"]))

    return {
        "id": lambda returned: gid("RefundLineItem", returned.refund["id"] * 512 + returned.line["item"]),
        "lineItem": item,
        "quantity": lambda returned: returned.line["quantity"],
        "priceSet": price,
        "subtotalSet": lambda returned: Bag(returned.order["presentment"], returned.line["subtotal"]),
        "totalTaxSet": lambda returned: Bag(returned.order["presentment"], returned.line["tax"]),
        "restockType": lambda returned: "CANCEL" if returned.order["cancelledAt"] else "RETURN",
        "restocked": always(True),
    }


def transaction_fields() -> Mapping[str, Field]:
    """Fields of ``OrderTransaction``."""
    return {
        "id": lambda each: gid("OrderTransaction", each["id"]),
        "kind": key("kind"),
        "status": always("SUCCESS"),
        "gateway": lambda each: each["order"]["gateway"],
        "formattedGateway": lambda each: each["order"]["gateway"].replace("_", " ").title(),
        "amountSet": lambda each: Bag(each["order"]["presentment"], each["cents"]),
        "createdAt": key("at"),
        "processedAt": key("at"),
        "test": lambda each: each["order"]["test"],
    }


def shipping_fields() -> Mapping[str, Field]:
    """Fields of ``ShippingLine``; its source is the order."""
    return {
        "id": lambda order: gid("ShippingLine", order["id"] + 2),
        "title": always("Standard"),
        "code": always("standard"),
        "source": always("shopify"),
        "custom": always(False),
        **dict.fromkeys(("carrierIdentifier", "deliveryCategory", "phone"), always(None)),
        "originalPriceSet": _total("shipping"),
        "discountedPriceSet": _total("shipping"),
        "currentDiscountedPriceSet": _total("currentShipping"),
        "isRemoved": always(False),
    }


def tax_fields() -> Mapping[str, Field]:
    """Fields of ``TaxLine``."""
    return {
        "title": lambda tax: "MwSt." if tax.order["taxesIncluded"] else "VAT",
        "rate": lambda tax: tax.order["taxRate"] / 10_000,
        "ratePercentage": lambda tax: tax.order["taxRate"] / 100,
        "priceSet": lambda tax: Bag(tax.order["presentment"], tax.cents),
        "channelLiable": always(False),
        "source": always("shopify"),
    }


def discount_fields() -> Mapping[str, Field]:
    """Fields of both kinds of ``DiscountApplication``."""
    return {
        "allocationMethod": lambda each: "ACROSS" if each.discount["items"] is None else "EACH",
        "targetSelection": lambda each: "ALL" if each.discount["items"] is None else "EXPLICIT",
        "targetType": always("LINE_ITEM"),
        "index": lambda each: each.place,
        "code": lambda each: each.discount["code"],
        "title": lambda each: each.discount["title"],
        "value": lambda each: {"kind": "PricingPercentageValue", "percentage": float(each.discount["percentage"])},
    }
