"""What all bodies share: times, amounts, addresses and tax lines as the vendor's REST shapes have them.

Shapes: sample payloads of shopify.dev/docs/api/webhooks, version 2026-07 (read 2026-11-25). Times carry the shop's
offset; carts and what came to the topics later write UTC with milliseconds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tajo_pipelines.twin.shopify import pricing
from tajo_pipelines.twin.shopify.facts import CURRENCY
from tajo_pipelines.twin.shopify.people import Address
from tajo_pipelines.twin.shopify.resolving import ZONE

Document = dict[str, Any]
Body = dict[str, Any]


def local(at: str | None) -> str | None:
    """An instant with the shop's offset."""
    return None if at is None else datetime.fromisoformat(at).astimezone(ZONE).isoformat(timespec="seconds")


def millis(at: str) -> str:
    """An instant in UTC with milliseconds."""
    return datetime.fromisoformat(at).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def both(cents: pricing.Pair, presentment: str) -> Body:
    """An amount in both currencies."""
    return {
        "shop_money": {"amount": pricing.text(cents[0]), "currency_code": CURRENCY},
        "presentment_money": {"amount": pricing.text(cents[1]), "currency_code": presentment},
    }


def priced(name: str, cents: pricing.Pair, presentment: str) -> Body:
    """An amount by its name, beside its set."""
    return {name: pricing.text(cents[0]), f"{name}_set": both(cents, presentment)}


def full_name(first: str | None, last: str | None) -> str | None:
    """Both names as one."""
    return " ".join(part for part in (first, last) if part) or None


def postal(address: Address | None) -> Body | None:
    """An address of an order or a checkout."""
    if address is None:
        return None
    return {
        "first_name": address["firstName"],
        "address1": address["address1"],
        "phone": address["phone"],
        "city": address["city"],
        "zip": address["zip"],
        "province": address["province"],
        "country": address["country"],
        "last_name": address["lastName"],
        "address2": address["address2"],
        "company": address["company"],
        "latitude": None,
        "longitude": None,
        "name": full_name(address["firstName"], address["lastName"]),
        "country_code": address["countryCodeV2"],
        "province_code": address["provinceCode"],
    }


def taxes(source: Document, cents: pricing.Pair) -> list[Body]:
    """The one tax line of an order, a checkout or a part of them."""
    if not cents[0]:
        return []
    title = "MwSt." if source["taxesIncluded"] else "VAT"
    return [
        {
            "price": pricing.text(cents[0]),
            "rate": source["taxRate"] / 10_000,
            "title": title,
            "price_set": both(cents, source["presentment"]),
            "channel_liable": False,
        }
    ]
