"""The shop's products, their variants and the collections they stand in; custom lines of an order stand outside.

Of 200 products 10 are archived, 12 drafts and 6 unlisted; one has 120 variants, some have none but the default
one, some no picture, some no page in the shop, and one is sold beyond its stock. From 20 products on each of these
is there at least once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product as pairs
from typing import Any

Document = dict[str, Any]

VENDOR = "Kontor Nord"
LAUNCHED = datetime(2020, 1, 1, tzinfo=UTC)
LEAST_PRODUCTS = 20
STATUSES = (("ARCHIVED", 50), ("DRAFT", 60), ("UNLISTED", 30))
"""Status, and how many products a thousand; all others are active."""

_PRODUCT_BASE = 8_010_000_000_000
_VARIANT_BASE = 43_500_000_000_000
_COLLECTION_BASE = 455_000_000_000
_MOST_VARIANTS = 2048
_BIG, _ARCHIVED, _DRAFT, _UNLISTED = 16, 17, 18, 19
_DEFAULT = "Default Title"

_TITLES: tuple[tuple[str, str, tuple[str, ...], int], ...] = (
    ("Röstkaffee „Lübeck“", "Kaffee", ("250 g", "1 kg"), 890),
    ("Espresso Nº 7", "Kaffee", ("250 g", "1 kg"), 990),
    ("Crème brûlée & spoon", "Feinkost", ("2er", "6er"), 1245),
    ("Grüner Tee 煎茶", "Tee", ("100 g", "500 g"), 1450),
    ("Earl Grey <Bio>", "Tee", ("100 g", "500 g"), 790),
    ("Honig vom Deich", "Feinkost", ("250 g", "500 g"), 650),
    ("Tasse „Moin“", "Geschirr", ("blau", "weiß"), 1290),
    ("Kanne 1,2 l", "Geschirr", ("Glas", "Steingut"), 3490),
    ("Handmühle", "Zubehör", ("schwarz", "Nussbaum"), 7995),
    ("Filterpapier", "Zubehör", ("40 Stück", "100 Stück"), 299),
    ("Olivenöl Καλαμάτα", "Feinkost", ("0,5 l", "5 l"), 1199),
    ("Schokolade 85 %", "Feinkost", ("Tafel", "10 Tafeln"), 449),
    ("Geschenkkorb groß", "Geschenke", ("klassisch", "vegan"), 8900),
    ("Siebträger „Ætna“", "Maschinen", ("230 V", "110 V"), 64900),
    ("Barista-Kurs", "Kurse", ("Samstag", "Sonntag"), 12900),
    ("T-Shirt 'Cœur'", "Mode", ("S", "L"), 2499),
)
_ORIGINS = ("Äthiopien", "Perú", "Darjeeling", "Assam", "Sylt", "Provence", "Kefalonia", "Øresund", "Żuławy", "宇治")
_GOODS: tuple[tuple[str, str, str], ...] = (
    ("Kaffee", "Kaffee", "{} g"),
    ("Tee", "Tee", "{} g"),
    ("Gebäck", "Feinkost", "{} Stück"),
    ("Marmelade", "Feinkost", "{} ml"),
    ("Schale", "Geschirr", "{} cm"),
    ("Dose", "Zubehör", "{} l"),
    ("Schürze", "Mode", "Größe {}"),
    ("Sirup", "", "{} ml"),
)
_COLLECTIONS = ("Kaffee & Tee", "Feinkost", "Tisch & Küche", "Geschenke", "Neu", "Sale %", "Œuvre", "leer")
_TAGS = ("bio", "vegan", "fair gehandelt", "sale, bald", "neu")
_COLOURS = tuple(f"Farbe {number:02d}" for number in range(1, 13))
_SIZES = ("XXS", "XS", "S", "M", "L", "XL", "XXL", "3XL", "4XL", "5XL")


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing that can be bought, as lines of orders and carts take it over.

    Attributes:
        product: The product's numeric id.
        id: The variant's numeric id.
        variant_title: None where the product has only its default variant.
        cents: Price in the shop's currency.
    """

    product: int
    id: int
    title: str
    variant_title: str | None
    sku: str | None
    vendor: str
    cents: int


def product_id(number: int) -> int:
    """The numeric id of the product with that running number, from 0."""
    return _PRODUCT_BASE + 64 * number


def product_number(identity: int) -> int:
    """The running number in a product's numeric id."""
    return (identity - _PRODUCT_BASE) // 64


def variant_id(number: int, place: int) -> int:
    """The numeric id of a product's variant by its place, from 0."""
    return _VARIANT_BASE + 32 * (_MOST_VARIANTS * number + place)


def variant_place(identity: int) -> int:
    """The place in a variant's numeric id."""
    return (identity - _VARIANT_BASE) // 32 % _MOST_VARIANTS


def collection_id(number: int) -> int:
    """The numeric id of the collection with that running number, from 0."""
    return _COLLECTION_BASE + 32 * number


def sellable(product: Document, variant: Document) -> Variant:
    """A variant as lines take it over."""
    title = None if variant["title"] == _DEFAULT else variant["title"]
    return Variant(
        product["id"], variant["id"], product["title"], title, variant["sku"], product["vendor"], variant["cents"]
    )


def on_sale(products: Sequence[Document], before: datetime) -> list[list[Variant]]:
    """The variants of every product that could be bought since ``before``, a list a product."""
    limit = _stamp(before)
    return [
        [sellable(product, variant) for variant in product["variants"]]
        for product in products
        if product["createdAt"] <= limit and product["status"] != "DRAFT"
    ]


def seed_collections(now: datetime) -> list[Document]:
    """The collections; the last has no products."""
    return [
        {
            "kind": "Collection",
            "id": collection_id(number),
            "title": title,
            "handle": f"collection-{number}",
            "descriptionHtml": f"<p>{title.replace('&', '&amp;')}</p>",
            "sortOrder": "MANUAL",
            "updatedAt": _stamp(now - timedelta(days=30 + number)),
        }
        for number, title in enumerate(_COLLECTIONS)
    ]


def seed_products(count: int, seed: int, now: datetime) -> list[Document]:
    """The products, ids rising."""
    draw = random.Random(f"products {seed}")
    statuses = [status for status, share in STATUSES for _ in range(max(0, round(share * count / 1000) - 1))]
    statuses += ["ACTIVE"] * (count - LEAST_PRODUCTS - len(statuses))
    draw.shuffle(statuses)
    fixed = {_ARCHIVED: "ARCHIVED", _DRAFT: "DRAFT", _UNLISTED: "UNLISTED"}
    made = []
    for number in range(count):
        status = fixed.get(number, "ACTIVE") if number < LEAST_PRODUCTS else statuses[number - LEAST_PRODUCTS]
        product = _product(draw, number, status, now)
        if number < max(1, count // 50):
            product["updatedAt"] = _stamp(now - timedelta(seconds=draw.randint(600, 22 * 3600)))
        made.append(product)
    return made


def new_variant(product: Document, place: int, options: dict[str, str], cents: int, at: str) -> Document:
    """A variant's document; the caller appends it to its product."""
    number = product_number(product["id"])
    return {
        "kind": "ProductVariant",
        "id": variant_id(number, place),
        "product": product["id"],
        "title": " / ".join(options.values()) or _DEFAULT,
        "options": [{"name": name, "value": value} for name, value in (options or {"Title": _DEFAULT}).items()],
        "position": place + 1,
        "sku": f"TW-{number:03d}-{place + 1}",
        "barcode": None,
        "cents": cents,
        "compareAt": None,
        "stock": 10,
        "tracked": True,
        "policy": "DENY",
        "createdAt": at,
        "updatedAt": at,
    }


def new_product(number: int, title: str, kind: str, status: str, at: str) -> Document:
    """A product's document without variants."""
    return {
        "kind": "Product",
        "id": product_id(number),
        "title": title,
        "handle": f"product-{number:03d}",
        "vendor": VENDOR,
        "productType": kind,
        "status": status,
        "tags": [],
        "descriptionHtml": "",
        "giftCard": False,
        "images": 1,
        "collections": [],
        "createdAt": at,
        "updatedAt": at,
        "publishedAt": at if status in ("ACTIVE", "UNLISTED") else None,
        "variants": [],
    }


def _product(draw: random.Random, number: int, status: str, now: datetime) -> Document:
    old = number < LEAST_PRODUCTS or draw.random() < 0.9
    age = draw.random()
    created = LAUNCHED + timedelta(days=900) * age if old else now - timedelta(days=900) * age
    at = _stamp(LAUNCHED if number < len(_TITLES) else created)
    title, kind, offered = _offer(draw, number)
    product = new_product(number, title, kind, status, at)
    product["updatedAt"] = _stamp(datetime.fromisoformat(at) + (now - datetime.fromisoformat(at)) * age * 0.99)
    product["tags"] = sorted(draw.sample(_TAGS, draw.randint(1, 2))) if draw.random() < 0.3 else []
    product["descriptionHtml"] = f"<p>{title} &ndash; <strong>von Hand</strong></p>" if draw.random() < 0.8 else ""
    product["images"] = draw.choice((0, 1, 1, 1, 2))
    product["collections"] = _shelves(draw, kind, number)
    product["giftCard"] = number == _UNLISTED
    if draw.random() < 0.04:
        product["publishedAt"] = None
    for place, (options, cents) in enumerate(offered):
        product["variants"].append(_variant(draw, product, place, options, cents))
    return product


def _offer(draw: random.Random, number: int) -> tuple[str, str, list[tuple[dict[str, str], int]]]:
    """Title, product type, and each variant's options and price."""
    if number < len(_TITLES):
        title, kind, values, cents = _TITLES[number]
        return title, kind, [({"Variante": value}, cents * (1, 3)[place]) for place, value in enumerate(values)]
    if number == _BIG:
        both = pairs(_COLOURS, _SIZES)
        return "Friesennerz", "Mode", [({"Farbe": colour, "Größe": size}, 8990) for colour, size in both]
    good, kind, unit = draw.choice(_GOODS)
    cents = draw.choice((199, 349, 495, 780, 1290, 2450, 5999))
    size = draw.choice((1, 1, 1, 2, 2, 2, 3, 4))
    offered = [({"Inhalt": unit.format(100 * (place + 1))}, cents * (place + 1)) for place in range(size)]
    if size == 1:
        offered = [({}, cents)]
    return f"{good} {draw.choice(_ORIGINS)} {number}", kind, offered


def _variant(draw: random.Random, product: Document, place: int, options: dict[str, str], cents: int) -> Document:
    variant = new_variant(product, place, options, cents, product["createdAt"])
    variant["updatedAt"] = product["updatedAt"]
    if draw.random() < 0.03:
        variant["sku"] = None
    if draw.random() < 0.1:
        variant["compareAt"] = round(cents * 1.25)
    variant["tracked"] = product["productType"] != "Kurse" and draw.random() < 0.92
    variant["policy"] = "CONTINUE" if draw.random() < 0.1 else "DENY"
    variant["stock"] = draw.choice((0, 1, 3, 12, 40, 250)) if variant["policy"] == "DENY" else draw.randint(-3, 20)
    if variant["id"] == variant_id(1, 1):
        variant["tracked"], variant["policy"], variant["stock"] = True, "CONTINUE", -2
    variant["barcode"] = f"40{product['id'] % 10**7:07d}{place:04d}" if draw.random() < 0.5 else None
    return variant


def _shelves(draw: random.Random, kind: str, number: int) -> list[int]:
    """In which collections a product stands: by its type, and by chance in others; some in none."""
    by_kind = {"Kaffee": 0, "Tee": 0, "Feinkost": 1, "Geschirr": 2, "Zubehör": 2, "Geschenke": 3}
    places = {by_kind[kind]} if kind in by_kind and draw.random() < 0.9 else set[int]()
    if draw.random() < 0.2:
        places.add(draw.choice((3, 4, 5, 6)))
    if number == 0:
        places |= {0, 4, 5}
    return [collection_id(place) for place in sorted(places)]


def variants_of(products: Sequence[Document]) -> Iterator[Document]:
    """All variants, product by product."""
    for product in products:
        yield from product["variants"]


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
