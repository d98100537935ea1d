"""What the shop holds: figures, the last changes, bulk operations, the last queries and their price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tajo_pipelines.twin.pages.looking import Values

if TYPE_CHECKING:
    from tajo_pipelines.twin.shopify.app import ShopifyHalf
    from tajo_pipelines.twin.shopify.shop import Document

_CHANGES = 30
_QUERIES = 20


def shop(half: ShopifyHalf) -> Values:
    """Counts of what the shop sells and to whom, and what happened last."""
    kept = half.shop
    counts = {
        "customers": len(kept.customers),
        "orders": len(kept.orders),
        "carts": len(kept.carts),
        "products": len(kept.products),
        "variants": len(kept.variants),
        "collections": len(kept.all("Collection")),
        "events": len(kept.all("BasicEvent")),
    }
    return {
        "counts": counts,
        "changes": [_change(document) for document in kept.last_changes(_CHANGES)],
        "seeded": kept.made_from,
        "bulk": list(reversed(half.bulk.all()))[:_QUERIES],
        "queries": list(reversed(half.queries))[:_QUERIES],
        "scopes": half.access.scopes,
        "points": half.bucket.status(),
    }


def _change(document: Document) -> Values:
    """One line about a changed document."""
    if document["kind"] == "BasicEvent":
        what = f"{document['action']} {document['subjectKind']} {document['subject']}"
        return {"at": document["createdAt"], "what": what, "of": document["message"]}
    name = document.get("email") or document.get("title") or document.get("name") or ""
    return {"at": document["updatedAt"], "what": f"{document['kind']} {document['id']}", "of": name}
