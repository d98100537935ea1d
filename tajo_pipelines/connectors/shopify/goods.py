"""Raw products, and carts that were read -> canonical ones: plain fields by ``mapping.yaml``, the rest here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tajo_pipelines.connectors.shopify.live_carts import token_in_link
from tajo_pipelines.connectors.shopify.made import made, nodes_of
from tajo_pipelines.model.cart import Cart, CartLine
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.product import Category, Product, Variant
from tajo_pipelines.model.record import Record
from tajo_pipelines.sdk.fields import FieldReader, as_text
from tajo_pipelines.sdk.manifest import MappingFile

_NO_LETTER = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Goods:
    """Makes canonical products and carts.

    Attributes:
        products: Reader of a product's plain fields.
        variants: Of a variant's.
        categories: Of a collection's.
        carts: Of a cart's.
        cart_lines: Of a cart's line.
    """

    products: FieldReader[Product]
    variants: FieldReader[Variant]
    categories: FieldReader[Category]
    carts: FieldReader[Cart]
    cart_lines: FieldReader[CartLine]

    @classmethod
    def compiled(cls, mapping: MappingFile) -> Goods:
        """Compile the paths once."""
        paths = mapping.canonical
        return cls(
            FieldReader(Product, paths["products"]),
            FieldReader(Variant, paths["variants"]),
            FieldReader(Category, paths["categories"]),
            FieldReader(Cart, paths["carts"]),
            FieldReader(CartLine, paths["cart_lines"]),
        )

    def product(self, record: Record) -> Product:
        """The canonical product.

        Raises:
            RejectedRecord: ``malformed``.
        """
        raw = record.raw
        fields = self.products.read(raw)
        fields["status"] = fields.get("status", "unknown").lower()
        fields["categories"] = self._categories(raw, fields.get("product_type", ""))
        counted = raw.get("tracksInventory") is True
        fields["variants"] = tuple(self._variant(node, counted) for node in nodes_of(raw, "variants"))
        return made(Product, fields)

    def cart(self, record: Record) -> Cart:
        """The canonical cart. It says nothing of consent: whoever began a checkout hasn't been asked by it.

        Raises:
            RejectedRecord: ``malformed``.
        """
        raw = record.raw
        fields = self.carts.read(raw)
        fields["id"] = record.key
        fields["checkout_token"] = token_in_link(fields.get("recovery_url"))
        fields["lines"] = tuple(self._line(node) for node in nodes_of(raw, "lineItems"))
        return made(Cart, fields)

    def _categories(self, raw: Mapping[str, Any], product_type: str) -> tuple[Category, ...]:
        collections = tuple(made(Category, self.categories.read(node)) for node in nodes_of(raw, "collections"))
        name = slug(product_type)
        if collections or not name:
            return collections
        return (Category(id=name, name=product_type.strip()),)

    def _variant(self, raw: Mapping[str, Any], counted: bool) -> Variant:
        fields = self.variants.read(raw)
        if not counted:
            # The quantity of what nobody counts is 0 or any number that was left there.
            fields.pop("stock", None)
        options = raw.get("selectedOptions")
        if options is not None and not isinstance(options, list):
            raise RejectedRecord("malformed", "the variant's options are no list", field="options")
        values = (option.get("value") if isinstance(option, dict) else None for option in options or ())
        fields["options"] = tuple(as_text(value, "options") for value in values)
        return made(Variant, fields)

    def _line(self, raw: Mapping[str, Any]) -> CartLine:
        fields = self.cart_lines.read(raw)
        # Nullable though it defaults to the product's title (Admin GraphQL reference 2026-10,
        # AbandonedCheckoutLineItem.title; read 2026-11-24).
        fields.setdefault("title", fields.get("variant_title", ""))
        return made(CartLine, fields)


def slug(text: str) -> str:
    """A name as an id: small letters and digits of ASCII, joined by ``-``; empty where it has none.

    Letters that decompose keep their base (``Café`` is ``cafe``); a name in another script becomes its code points.
    """
    plain = unicodedata.normalize("NFKD", text.strip().lower().replace("ß", "ss")).encode("ascii", "ignore").decode()
    found = _NO_LETTER.sub("-", plain).strip("-")
    return found or "-".join(f"{ord(letter):x}" for letter in text.strip())
