"""Products, variants, collections, abandoned checkouts and events as fields of ``schema_commerce.graphql``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import GraphQLResolveInfo

from tajo_pipelines.twin.shopify import pricing
from tajo_pipelines.twin.shopify.facts import CURRENCY
from tajo_pipelines.twin.shopify.listing import Page
from tajo_pipelines.twin.shopify.resolving import (
    Resolver,
    counter,
    finder,
    first_of,
    list_page,
    lister,
    numbered,
    part_lister,
    sliced,
)
from tajo_pipelines.twin.shopify.shop import Document, Shop
from tajo_pipelines.twin.shopify.views import (
    CDN,
    DOMAIN,
    Amount,
    Bag,
    Field,
    Line,
    Tax,
    always,
    gid,
    key,
    keys,
    recovery_url,
)

_TAG = re.compile(r"<[^>]+>")
_OF_COLLECTION = {"CREATED": "CREATED_AT", "TITLE": "TITLE", "ID": "ID"}
"""Sort keys of a collection's products; by id where a key isn't here."""


def tables() -> Mapping[str, Mapping[str, Field]]:
    """Plain fields by type."""
    return {
        "Product": _product(),
        "ProductVariant": _variant(),
        "InventoryItem": _inventory(),
        "ProductOption": {
            "id": lambda option: gid("ProductOption", option["product"] + option["position"]),
            **keys("name", "position", "values"),
        },
        "MediaImage": _media(),
        "Collection": _collection(),
        "AbandonedCheckout": _cart(),
        "AbandonedCheckoutLineItem": _cart_line(),
        "BasicEvent": _event(),
        **_price_ranges(),
    }


def resolvers() -> Mapping[str, Resolver]:
    """Fields that take arguments or look elsewhere in the shop."""
    return {
        "QueryRoot.products": lister("Product"),
        "QueryRoot.productsCount": counter("Product"),
        "QueryRoot.product": finder("Product"),
        "QueryRoot.productVariants": lister("ProductVariant"),
        "QueryRoot.productVariantsCount": counter("ProductVariant"),
        "QueryRoot.productVariant": finder("ProductVariant"),
        "QueryRoot.collections": lister("Collection"),
        "QueryRoot.collectionsCount": counter("Collection"),
        "QueryRoot.collection": finder("Collection"),
        "QueryRoot.abandonedCheckouts": lister("AbandonedCheckout"),
        "QueryRoot.abandonedCheckoutsCount": counter("AbandonedCheckout"),
        "QueryRoot.events": lister("BasicEvent"),
        "QueryRoot.eventsCount": counter("BasicEvent"),
        "QueryRoot.event": finder("BasicEvent"),
        "Product.description": _described,
        "Product.options": first_of(_options),
        "Product.media": sliced(_pictures),
        "Product.variants": part_lister("ProductVariant", lambda _shop, product: product["variants"]),
        "Product.collections": part_lister("Collection", _shelves_of),
        "Product.inCollection": lambda product, _info, id: numbered(id) in product["collections"],  # noqa: A006  # vendor's name
        "ProductVariant.product": lambda variant, info: _product_of(info, variant),
        "ProductVariant.displayName": _display_name,
        "ProductVariant.availableForSale": lambda variant, info: _for_sale(_product_of(info, variant), variant),
        "ProductVariant.media": sliced(always([])),
        "Collection.description": _described,
        "Collection.products": _products_in,
        "Collection.productsCount": lambda collection, info: _count(info.context.shop.products_in(collection["id"])),
        "Collection.hasProduct": _has_product,
        "AbandonedCheckout.customer": lambda cart, info: info.context.shop.customers.get(cart["customer"]),
        "AbandonedCheckout.lineItems": sliced(lambda cart: [Line(cart, item) for item in cart["items"]]),
        "AbandonedCheckoutLineItem.product": lambda line, info: info.context.shop.products.get(line.item["product"]),
        "AbandonedCheckoutLineItem.variant": lambda line, info: info.context.shop.variants.get(line.item["variant"]),
    }


def _product_of(info: GraphQLResolveInfo, variant: Document) -> Document:
    product: Document = info.context.shop.products[variant["product"]]
    return product


def _shelves_of(shop: Shop, product: Document) -> list[Document]:
    collections = shop.all("Collection")
    return [collections[number] for number in product["collections"] if number in collections]


def _display_name(variant: Document, info: GraphQLResolveInfo) -> str:
    return f"{_product_of(info, variant)['title']} - {variant['title']}"


def _products_in(collection: Document, info: GraphQLResolveInfo, **arguments: Any) -> Page:
    arguments["sortKey"] = _OF_COLLECTION.get(arguments["sortKey"], "ID")
    return list_page(info, "Product", arguments, info.context.shop.products_in(collection["id"]))


def _has_product(collection: Document, info: GraphQLResolveInfo, id: str) -> bool:  # noqa: A002  # the argument's name
    return numbered(id) in {product["id"] for product in info.context.shop.products_in(collection["id"])}


def _count(documents: Sequence[Any]) -> Document:
    return {"count": len(documents), "precision": "EXACT"}


def _described(source: Document, _info: GraphQLResolveInfo, truncateAt: int | None = None) -> str:  # noqa: N803  # the vendor's name
    text = _TAG.sub("", source["descriptionHtml"]).replace("&ndash;", "–").replace("&amp;", "&")
    return text if truncateAt is None else text[:truncateAt]


def _for_sale(product: Document, variant: Document) -> bool:
    stocked = not variant["tracked"] or variant["policy"] == "CONTINUE" or variant["stock"] > 0
    return product["status"] in ("ACTIVE", "UNLISTED") and stocked


def _page_url(product: Document) -> str | None:
    published = product["publishedAt"] is not None and product["status"] in ("ACTIVE", "UNLISTED")
    return f"https://{DOMAIN}/products/{product['handle']}" if published else None


def _options(product: Document) -> list[Document]:
    values: dict[str, list[str]] = {}
    for variant in product["variants"]:
        for option in variant["options"]:
            known = values.setdefault(option["name"], [])
            if option["value"] not in known:
                known.append(option["value"])
    return [
        {"product": product["id"], "name": name, "position": place, "values": each}
        for place, (name, each) in enumerate(values.items(), 1)
    ]


def _pictures(product: Document) -> list[Document]:
    return [{"kind": "MediaImage", "product": product, "place": place} for place in range(product["images"])]


def _image(media: Document) -> Document:
    number = media["product"]["id"] + media["place"]
    title = media["product"]["title"]
    return {
        "id": gid("ImageSource", number),
        "altText": title,
        "url": f"{CDN}/{number}.png",
        "width": 640,
        "height": 640,
    }


def _extreme(of: Callable[[Sequence[int]], int], name: str) -> Field:
    def read(product: Document) -> Amount:
        return Amount(CURRENCY, of([variant[name] for variant in product["variants"] if variant[name] is not None]))

    return read


def _seo(_source: Document) -> Document:
    return {"title": None, "description": None}


def _product() -> Mapping[str, Field]:
    return {
        "id": lambda product: gid("Product", product["id"]),
        "legacyResourceId": key("id"),
        "defaultCursor": lambda product: f"product-{product['id']}",
        **keys("title", "handle", "vendor", "productType", "status", "tags", "descriptionHtml"),
        **keys("createdAt", "updatedAt", "publishedAt"),
        **dict.fromkeys(("category", "templateSuffix"), always(None)),
        **dict.fromkeys(("hasVariantsThatRequiresComponents", "requiresSellingPlan"), always(False)),
        "seo": _seo,
        "isGiftCard": key("giftCard"),
        "onlineStoreUrl": _page_url,
        "onlineStorePreviewUrl": lambda product: f"https://{DOMAIN}/products_preview?preview_key={product['id']}",
        "totalInventory": lambda product: sum(each["stock"] for each in product["variants"] if each["tracked"]),
        "tracksInventory": lambda product: any(each["tracked"] for each in product["variants"]),
        "hasOnlyDefaultVariant": lambda product: [each["title"] for each in product["variants"]] == ["Default Title"],
        "hasOutOfStockVariants": lambda product: any(
            each["tracked"] and each["stock"] <= 0 for each in product["variants"]
        ),
        "variantsCount": lambda product: _count(product["variants"]),
        "mediaCount": lambda product: {"count": product["images"], "precision": "EXACT"},
        "featuredMedia": lambda product: next(iter(_pictures(product)), None),
        "priceRangeV2": _itself,
        "compareAtPriceRange": lambda product: product if any(v["compareAt"] for v in product["variants"]) else None,
    }


def _itself(source: Any) -> Any:
    """For a type that reads the same document."""
    return source


def _variant() -> Mapping[str, Field]:
    return {
        "id": lambda variant: gid("ProductVariant", variant["id"]),
        "legacyResourceId": key("id"),
        "defaultCursor": lambda variant: f"variant-{variant['id']}",
        **keys("title", "sku", "barcode", "position", "createdAt", "updatedAt"),
        "price": lambda variant: pricing.text(variant["cents"]),
        "compareAtPrice": lambda variant: None if variant["compareAt"] is None else pricing.text(variant["compareAt"]),
        "taxable": always(True),
        **dict.fromkeys(("requiresComponents", "showUnitPrice"), always(False)),
        "unitPrice": always(None),
        "inventoryQuantity": key("stock"),
        "inventoryPolicy": key("policy"),
        "inventoryItem": _itself,
        "sellableOnlineQuantity": lambda variant: max(0, variant["stock"]),
        "selectedOptions": key("options"),
    }


def _inventory() -> Mapping[str, Field]:
    """Its source is the variant."""
    return {
        "id": lambda variant: gid("InventoryItem", variant["id"] + 1),
        "legacyResourceId": lambda variant: variant["id"] + 1,
        **keys("sku", "tracked", "createdAt", "updatedAt"),
        "requiresShipping": always(True),
        "duplicateSkuCount": always(0),
        **dict.fromkeys(("countryCodeOfOrigin", "harmonizedSystemCode", "unitCost"), always(None)),
    }


def _price_ranges() -> Mapping[str, Mapping[str, Field]]:
    """Both have the product as their source."""
    return {
        "ProductPriceRangeV2": {
            "maxVariantPrice": _extreme(max, "cents"),
            "minVariantPrice": _extreme(min, "cents"),
        },
        "ProductCompareAtPriceRange": {
            "maxVariantCompareAtPrice": _extreme(max, "compareAt"),
            "minVariantCompareAtPrice": _extreme(min, "compareAt"),
        },
    }


def _media() -> Mapping[str, Field]:
    return {
        "alt": lambda media: media["product"]["title"],
        "id": lambda media: gid("MediaImage", media["product"]["id"] + media["place"]),
        "image": _image,
        "mediaContentType": always("IMAGE"),
        "mimeType": always("image/png"),
        "preview": lambda media: {"image": _image(media), "status": "READY"},
        "status": always("READY"),
        "createdAt": lambda media: media["product"]["createdAt"],
        "updatedAt": lambda media: media["product"]["createdAt"],
    }


def _collection() -> Mapping[str, Field]:
    return {
        "id": lambda collection: gid("Collection", collection["id"]),
        "legacyResourceId": key("id"),
        **keys("title", "handle", "descriptionHtml", "sortOrder", "updatedAt"),
        "image": always(None),
        "seo": _seo,
        "templateSuffix": always(None),
    }


def _cart() -> Mapping[str, Field]:
    def total(name: str) -> Field:
        return lambda cart: Bag(cart["presentment"], cart["totals"][name])

    return {
        "id": lambda cart: gid("AbandonedCheckout", cart["id"]),
        "defaultCursor": lambda cart: f"checkout-{cart['id']}",
        "name": lambda cart: f"#{cart['id']}",
        "abandonedCheckoutUrl": recovery_url,
        "billingAddress": key("billing"),
        "shippingAddress": key("shipTo"),
        "customAttributes": always([]),
        "discountCodes": lambda cart: [each["code"] for each in cart["discounts"] if "code" in each],
        "note": lambda cart: cart["note"] or "",
        "taxLines": lambda cart: [Tax(cart, cart["totals"]["tax"])] if cart["totals"]["tax"][0] else [],
        "taxesIncluded": key("taxesIncluded"),
        "subtotalPriceSet": total("subtotal"),
        "totalDiscountSet": total("discounts"),
        "totalDutiesSet": always(None),
        "totalLineItemsPriceSet": lambda cart: Bag(
            cart["presentment"], pricing.plus(*(pricing.original(item) for item in cart["items"]))
        ),
        "totalPriceSet": total("total"),
        "totalTaxSet": total("tax"),
        **keys("completedAt", "createdAt", "updatedAt"),
    }


def _cart_line() -> Mapping[str, Field]:
    def bag(amount: Callable[[Document], pricing.Pair], *, each: bool = False) -> Field:
        def read(line: Line) -> Bag:
            cents = amount(line.item)
            return Bag(line.order["presentment"], pricing.share(cents, 1, line.item["quantity"]) if each else cents)

        return read

    return {
        "id": lambda line: gid("AbandonedCheckoutLineItem", line.item["id"]),
        **{name: _of_item(name) for name in ("title", "variantTitle", "sku", "quantity")},
        "image": lambda line: (
            None
            if line.item["product"] is None
            else {"id": None, "altText": line.item["title"], "url": f"{CDN}/{line.item['product']}.png"}
        ),
        "customAttributes": always([]),
        "originalUnitPriceSet": bag(lambda item: item["price"]),
        "originalTotalPriceSet": bag(pricing.original),
        "discountedUnitPriceSet": bag(pricing.original, each=True),
        "discountedUnitPriceWithCodeDiscount": bag(pricing.discounted, each=True),
        "discountedTotalPriceSet": bag(pricing.original),
        "discountedTotalPriceWithCodeDiscount": bag(pricing.discounted),
    }


def _of_item(name: str) -> Field:
    return lambda line: line.item[name]


def _event() -> Mapping[str, Field]:
    return {
        "id": lambda event: gid("BasicEvent", event["id"]),
        **keys("action", "createdAt", "message", "subjectType", "arguments"),
        "subjectId": lambda event: gid(event["subjectKind"], event["subject"]),
        **dict.fromkeys(("additionalContent", "additionalData", "appTitle", "secondaryMessage"), always(None)),
        **dict.fromkeys(("attributeToApp", "criticalAlert", "hasAdditionalContent"), always(False)),
        "attributeToUser": always(True),
        "author": always("Kontor Nord"),
    }
