"""Bodies that tell of products and collections."""

from __future__ import annotations

from tajo_pipelines.twin.shopify import pricing
from tajo_pipelines.twin.shopify.views import CDN, gid
from tajo_pipelines.twin.shopify.webhooks.rest import Body, Document, local, millis

DETAILED = 100
"""How many variants of a product are told in full; all of them by id and time."""


def product(document: Document) -> Body:
    """A product as it is now; of more than a hundred variants the first hundred in full."""
    variants = document["variants"]
    images = [_image(document, place) for place in range(document["images"])]
    return {
        "admin_graphql_api_id": gid("Product", document["id"]),
        "body_html": document["descriptionHtml"],
        "created_at": local(document["createdAt"]),
        "handle": document["handle"],
        "id": document["id"],
        "product_type": document["productType"],
        "published_at": local(document["publishedAt"]),
        "template_suffix": None,
        "title": document["title"],
        "updated_at": local(document["updatedAt"]),
        "vendor": document["vendor"],
        "status": document["status"].lower(),
        "published_scope": "global",
        "tags": ", ".join(document["tags"]),
        "variants": [_variant(document, each) for each in variants[:DETAILED]],
        "options": _options(document),
        "images": images,
        "image": images[0] if images else None,
        "media": [],
        "variant_gids": [
            {"admin_graphql_api_id": gid("ProductVariant", each["id"]), "updated_at": millis(each["updatedAt"])}
            for each in variants
        ],
        "has_variants_that_requires_components": False,
        "category": None,
    }


def collection(document: Document) -> Body:
    """A collection as it is now."""
    return {
        "id": document["id"],
        "handle": document["handle"],
        "title": document["title"],
        "updated_at": local(document["updatedAt"]),
        "body_html": document["descriptionHtml"],
        "published_at": local(document["updatedAt"]),
        "sort_order": document["sortOrder"].lower(),
        "template_suffix": None,
        "published_scope": "web",
        "admin_graphql_api_id": gid("Collection", document["id"]),
    }


def deleted_collection(document: Document) -> Body:
    """What is left of a deleted collection."""
    return {
        "id": document["id"],
        "published_scope": "web",
        "admin_graphql_api_id": gid("Collection", document["id"]),
    }


def _variant(document: Document, variant: Document) -> Body:
    values = [option["value"] for option in variant["options"]]
    compared = variant["compareAt"]
    return {
        "admin_graphql_api_id": gid("ProductVariant", variant["id"]),
        "barcode": variant["barcode"],
        "compare_at_price": None if compared is None else pricing.text(compared),
        "created_at": local(variant["createdAt"]),
        "id": variant["id"],
        "inventory_policy": variant["policy"].lower(),
        "position": variant["position"],
        "price": pricing.text(variant["cents"]),
        "product_id": document["id"],
        "sku": variant["sku"],
        "taxable": True,
        "title": variant["title"],
        "updated_at": local(variant["updatedAt"]),
        **{f"option{place + 1}": values[place] if place < len(values) else None for place in range(3)},
        "image_id": None,
        "inventory_item_id": variant["id"] + 1,
        "inventory_quantity": variant["stock"],
        "old_inventory_quantity": variant["stock"],
    }


def _options(document: Document) -> list[Body]:
    values: dict[str, list[str]] = {}
    for variant in document["variants"]:
        for option in variant["options"]:
            known = values.setdefault(option["name"], [])
            if option["value"] not in known:
                known.append(option["value"])
    return [
        {"name": name, "id": document["id"] + place, "product_id": document["id"], "position": place, "values": each}
        for place, (name, each) in enumerate(values.items(), 1)
    ]


def _image(document: Document, place: int) -> Body:
    number = document["id"] + place
    return {
        "id": number,
        "alt": document["title"],
        "position": place + 1,
        "product_id": document["id"],
        "created_at": local(document["createdAt"]),
        "updated_at": local(document["createdAt"]),
        "admin_graphql_api_id": gid("MediaImage", number),
        "width": 640,
        "height": 640,
        "src": f"{CDN}/{number}.png",
        "variant_ids": [],
    }
