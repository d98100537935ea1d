"""Changes of products, stock, carts and collections, deletions, and merged customers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tajo_pipelines.twin.half import ChangeError
from tajo_pipelines.twin.shopify import catalogue, merging, orders, seed_carts, views
from tajo_pipelines.twin.shopify.happenings import record
from tajo_pipelines.twin.shopify.orders import Draft
from tajo_pipelines.twin.shopify.shop import Document, Kind, Shop, public_cart, public_customer

Arguments = dict[str, Any]

STATUSES = ("ACTIVE", "ARCHIVED", "DRAFT", "UNLISTED")
_OF_PRODUCT = (
    "title",
    "handle",
    "vendor",
    "productType",
    "status",
    "tags",
    "descriptionHtml",
    "images",
    "collections",
    "publishedAt",
)
_OF_VARIANT = ("title", "sku", "barcode", "cents", "compareAt", "stock", "tracked", "policy")
_DELETED: Mapping[str, Kind] = {"delete_order": "Order", "delete_product": "Product", "delete_collection": "Collection"}


class CommerceChanges:
    """The operations; a document is named by ``id``: number, text or global id."""

    def __init__(self, shop: Shop) -> None:
        """Change this shop."""
        self._shop = shop
        self.ops: Mapping[str, Callable[[Arguments], Document]] = {
            "create_product": self._create_product,
            "update_product": self._update_product,
            "update_variant": self._update_variant,
            "add_variants": self._add_variants,
            "delete_variant": self._delete_variant,
            **{op: self._deleter(kind) for op, kind in _DELETED.items()},
            "create_cart": self._create_cart,
            "update_cart": self._update_cart,
            "recover_cart": self._recover_cart,
            "delete_cart": self._delete_cart,
            "merge_customers": self._merge_customers,
        }

    def _create_product(self, arguments: Arguments) -> Document:
        """``title``, ``type``, ``status``, ``cents``, ``variants`` (how many; 1 is the default one)."""
        number = self._shop.next_number("Product")
        title, kind = str(arguments.get("title", f"Ware {number}")), str(arguments.get("type", ""))
        product = catalogue.new_product(
            number, title, kind, _status(arguments.get("status", "ACTIVE")), self._shop.now()
        )
        count = int(arguments.get("variants", 1))
        for place in range(count):
            self._append(product, place, int(arguments.get("cents", 1000)), named=count > 1)
        return self._saved(product)

    def _update_product(self, arguments: Arguments) -> Document:
        """``fields``: any of ``_OF_PRODUCT``; ``collections`` holds numeric ids."""
        product = by_id(self._shop, "Product", arguments.get("id"))
        fields = _fields(arguments, _OF_PRODUCT)
        _status(fields.get("status", "ACTIVE"))
        product.update(fields)
        return self._saved(product, arguments.get("at"))

    def _update_variant(self, arguments: Arguments) -> Document:
        """``fields``: any of ``_OF_VARIANT``; the product's ``updatedAt`` moves too."""
        product, variant = self._variant(arguments)
        variant.update(_fields(arguments, _OF_VARIANT))
        variant["updatedAt"] = arguments.get("at") or self._shop.now()
        return self._saved(product, arguments.get("at"))

    def _add_variants(self, arguments: Arguments) -> Document:
        """``count`` more variants of a product, at ``cents``."""
        product = by_id(self._shop, "Product", arguments.get("id"))
        for _ in range(int(arguments.get("count", 1))):
            last = max((each["id"] for each in product["variants"]), default=None)
            place = 0 if last is None else catalogue.variant_place(last) + 1
            self._append(product, place, int(arguments.get("cents", 1000)), named=True)
        return self._saved(product)

    def _delete_variant(self, arguments: Arguments) -> Document:
        """Takes it out of its product, whose ``updatedAt`` moves; the last one stays."""
        product, variant = self._variant(arguments)
        if len(product["variants"]) == 1:
            raise ChangeError("a product's last variant can't be deleted")
        product["variants"].remove(variant)
        self._shop.save(product)
        record(self._shop, "destroy", variant, arguments.get("at"))
        return {"deleted": views.gid("ProductVariant", variant["id"])}

    def _deleter(self, kind: Kind) -> Callable[[Arguments], Document]:
        """Deletes a document and leaves an event; lines that name a product lose it."""

        def delete(arguments: Arguments) -> Document:
            document = by_id(self._shop, kind, arguments.get("id"))
            self._shop.delete(kind, document["id"])
            named = {**document, "name": f"#{document['number']}"} if kind == "Order" else document
            record(self._shop, "destroy", named, arguments.get("at"))
            return {"deleted": views.gid(kind, document["id"])}

        return delete

    def _create_cart(self, arguments: Arguments) -> Document:
        """A checkout now, or ``at``, of a ``customer`` (id) or nobody, with ``lines`` as in create_order."""
        number = self._shop.next_number("AbandonedCheckout")
        at = arguments.get("at") or self._shop.now()
        owner = None
        if arguments.get("customer") is not None:
            owner = by_id(self._shop, "Customer", arguments["customer"])["id"]
        draft = Draft(
            number=number,
            at=at,
            bought=[bought(self._shop, line) for line in arguments.get("lines") or [{}]],
            customer=owner,
            shipping=int(arguments.get("shipping", 0)),
        )
        return self._saved(seed_carts.new_cart(number, draft, updated=at, completed=None), at)

    def _update_cart(self, arguments: Arguments) -> Document:
        """``quantity`` of its first line, or nothing but a newer ``updatedAt``."""
        cart = by_id(self._shop, "AbandonedCheckout", arguments.get("id"))
        if arguments.get("quantity") is not None:
            cart["items"][0]["quantity"] = int(arguments["quantity"])
            seed_carts.price(cart)
        return self._saved(cart, arguments.get("at"))

    def _recover_cart(self, arguments: Arguments) -> Document:
        """The buyer comes back and pays; ``completedAt`` is now, or ``at``."""
        cart = by_id(self._shop, "AbandonedCheckout", arguments.get("id"))
        cart["completedAt"] = arguments.get("at") or self._shop.now()
        return self._saved(cart, arguments.get("at"))

    def _delete_cart(self, arguments: Arguments) -> Document:
        """Deletes it; the vendor keeps no event of that."""
        cart = by_id(self._shop, "AbandonedCheckout", arguments.get("id"))
        self._shop.delete("AbandonedCheckout", cart["id"])
        return {"deleted": views.gid("AbandonedCheckout", cart["id"])}

    def _merge_customers(self, arguments: Arguments) -> Document:
        """``one``, ``two`` (ids), ``keep_email_of``; ``event``: what tells of it (destroy, or None for nothing)."""
        one, two = (by_id(self._shop, "Customer", arguments.get(name)) for name in ("one", "two"))
        if one["id"] == two["id"]:
            raise ChangeError("a customer can't be merged with itself")
        told = arguments.get("event", "destroy") is not None
        kept, gone = merging.merge(self._shop, one, two, arguments.get("keep_email_of"), told=told)
        if told:
            record(self._shop, str(arguments.get("event", "destroy")), gone)
        return {"customer": public_customer(self._shop, kept), "deleted": views.gid("Customer", gone["id"])}

    def _append(self, product: Document, place: int, cents: int, *, named: bool) -> None:
        options = {"Variante": f"Nr. {place + 1}"} if named else {}
        product["variants"].append(catalogue.new_variant(product, place, options, cents, self._shop.now()))

    def _variant(self, arguments: Arguments) -> tuple[Document, Document]:
        """A product's copy and the variant in it."""
        number = by_id(self._shop, "ProductVariant", arguments.get("id"))
        product = self._shop.edit("Product", number["product"])
        return product, next(each for each in product["variants"] if each["id"] == number["id"])

    def _saved(self, document: Document, at: str | None = None) -> Document:
        self._shop.save(document, at=at)
        if document["kind"] == "Product":
            return {"product": document}
        return {"cart": public_cart(self._shop, document)}


def by_id(shop: Shop, kind: Kind, text: Any) -> Document:
    """A copy of the document that is named by number, text or global id.

    Raises:
        ChangeError: There is none.
    """
    number = str(text).rsplit("/", 1)[-1]
    if not number.isdigit() or int(number) not in shop.all(kind):
        raise ChangeError(f"no {kind.lower()} has the id {text}")
    return shop.edit(kind, int(number))


def bought(shop: Shop, line: Mapping[str, Any]) -> orders.Bought:
    """A line of an order or a cart.

    Args:
        shop: Whose variants are meant.
        line: ``sku`` or ``variant`` (id) of one, or the ``title`` of a custom line, else the first variant; and
            ``cents``, ``quantity``.

    Raises:
        ChangeError: No such variant.
    """
    variants = shop.variants.values()
    found = None
    if line.get("sku") is not None:
        found = next((each for each in variants if each["sku"] == line["sku"]), None)
    elif line.get("variant") is not None:
        found = shop.variants.get(int(str(line["variant"]).rsplit("/", 1)[-1]))
    elif "title" not in line:
        found = next(iter(variants))
    if found is None and "title" not in line:
        raise ChangeError(f"no variant has the sku or id {line.get('sku') or line.get('variant')}")
    variant = None if found is None else catalogue.sellable(shop.products[found["product"]], found)
    return orders.Bought(
        title=str(line.get("title") or (variant.title if variant else "")),
        cents=int(line.get("cents", variant.cents if variant else 1000)),
        quantity=int(line.get("quantity", 1)),
        variant=variant,
    )


def _fields(arguments: Arguments, known: tuple[str, ...]) -> Arguments:
    fields = arguments.get("fields") or {}
    unknown = sorted(set(fields) - set(known))
    if unknown or not fields:
        raise ChangeError(f"fields holds some of {', '.join(known)}; found {', '.join(unknown) or 'nothing'}")
    return dict(fields)


def _status(status: Any) -> str:
    if status not in STATUSES:
        raise ChangeError(f"status is one of {', '.join(STATUSES)}")
    return str(status)
