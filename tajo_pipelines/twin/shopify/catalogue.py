"""The shop's products; custom lines of an order stand outside it."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing that can be bought.

    Attributes:
        product: The product's numeric id.
        id: The variant's numeric id.
        position: Its place in the product, from 1.
        cents: Price in the shop's currency.
    """

    product: int
    id: int
    title: str
    variant_title: str
    product_type: str
    position: int
    sku: str
    cents: int


def _build() -> tuple[Variant, ...]:
    variants = []
    for number, (title, kind, options, cents) in enumerate(_TITLES):
        for place, option in enumerate(options):
            variants.append(
                Variant(
                    product=8_010_000_000_000 + 64 * number,
                    id=43_500_000_000_000 + 32 * (2 * number + place),
                    title=title,
                    variant_title=option,
                    product_type=kind,
                    position=place + 1,
                    sku=f"TW-{number:03d}-{place + 1}",
                    cents=cents * (1 if place == 0 else 3),
                )
            )
    return tuple(variants)


VARIANTS = _build()
VENDOR = "Kontor Nord"
BY_VARIANT = {variant.id: variant for variant in VARIANTS}
BY_PRODUCT: dict[int, list[Variant]] = {}
for _variant in VARIANTS:
    BY_PRODUCT.setdefault(_variant.product, []).append(_variant)
