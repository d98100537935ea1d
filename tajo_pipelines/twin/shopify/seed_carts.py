"""The seeded shop's abandoned checkouts: open and recovered, fresh and old, with a customer and without.

Of 150 carts of a shop of 1,000 customers 20 are fresh: touched within the last day, not recovered, and of a
customer who can be reached. All others miss one of the three.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from tajo_pipelines.twin.shopify import catalogue, orders, people, pricing
from tajo_pipelines.twin.shopify.catalogue import Document
from tajo_pipelines.twin.shopify.orders import Draft
from tajo_pipelines.twin.shopify.seed import Customer, Seeded, quota, stamp

CARTS = 150
FRESH = 20
"""Carts and fresh ones a thousand customers."""

RECOVERED_LATELY = 5
NAMELESS_LATELY = 3
UNREACHABLE_LATELY = 2
RECOVERED = 30
NAMELESS = 10
"""What else there is, a thousand customers; all others are open, older than a day, and of a customer."""

KEPT = timedelta(days=90)
"""How long ago the oldest was touched."""

_CART_BASE = 37_100_000_000_000
_LINE_BASE = 15_900_000_000_000
_LINES_A_CART = 64


def cart_id(number: int) -> int:
    """The numeric id of the checkout with that running number, from 1."""
    return _CART_BASE + number * 4096


def seed_carts(seeded: Seeded, products: Sequence[Sequence[catalogue.Variant]], seed: int) -> list[Document]:
    """The carts, by the time of their creation."""
    draw = random.Random(f"carts {seed}")
    kinds = _kinds(len(seeded.customers))
    since = stamp(seeded.now - KEPT - timedelta(days=5))
    known = [customer for customer in seeded.customers if customer["createdAt"] <= since] or seeded.customers
    reachable = [c for c in known if seeded.kinds[c["id"]] not in ("none", "invalid_email")]
    others = [c for c in seeded.customers if seeded.kinds[c["id"]] in ("none", "invalid_email")]
    fresh = _owners_of_fresh(draw, reachable, kinds.count("fresh"))
    drafts = []
    for kind in kinds:
        owner: Customer | None = draw.choice(reachable) if reachable else None
        if kind == "fresh":
            owner = fresh.pop()
        elif kind == "unreachable_lately" and others:
            owner = draw.choice(others)
        elif kind.startswith("nameless"):
            owner = None
        drafts.append((*_times(draw, kind, seeded.now), kind, owner))
    drafts.sort(key=lambda each: each[0])
    return [
        _cart(draw, number, times, owner, _basket(draw, products))
        for number, (*times, _kind, owner) in enumerate(drafts, 1)
    ]


def new_cart(number: int, draft: Draft, *, updated: str, completed: str | None) -> Document:
    """A checkout's document, priced like the order that it might become."""
    order = orders.make(draft)
    for place, item in enumerate(order["items"]):
        item["id"] = _LINE_BASE + number * _LINES_A_CART + place
    names = ("customer", "createdAt", "presentment", "rate", "taxesIncluded", "taxRate", "items", "discounts")
    return {
        "kind": "AbandonedCheckout",
        "id": cart_id(number),
        **{name: order[name] for name in (*names, "shipping", "totals", "billing", "shipTo", "note")},
        "updatedAt": updated,
        "completedAt": completed,
    }


def price(cart: Document) -> None:
    """Compute a changed cart's totals anew; in place."""
    for item in cart["items"]:
        item["discounts"] = []
    pricing.apply_discounts(cart)
    priced = {**cart, "refunds": []}
    pricing.total_up(priced)
    cart["totals"] = priced["totals"]


def _kinds(customers: int) -> list[str]:
    """What kinds of carts a shop of that size has, a word a cart; less than 100 customers have only some."""
    shares = {
        "fresh": FRESH,
        "recovered_lately": RECOVERED_LATELY,
        "nameless_lately": NAMELESS_LATELY,
        "unreachable_lately": UNREACHABLE_LATELY,
        "recovered": RECOVERED,
        "nameless": NAMELESS,
    }
    kinds = [kind for kind, share in shares.items() for _ in range(quota(share, customers))]
    return kinds + ["old"] * (quota(CARTS, customers) - len(kinds))


def _owners_of_fresh(draw: random.Random, reachable: Sequence[Customer], count: int) -> list[Customer]:
    """As many different people; one in ten can be reached by phone alone."""
    by_phone = [customer for customer in reachable if customer["email"] is None]
    by_email = [customer for customer in reachable if customer["emailValid"]]
    few = draw.sample(by_phone, min(len(by_phone), count // 10))
    return few + draw.sample(by_email, count - len(few))


def _times(draw: random.Random, kind: str, now: datetime) -> tuple[datetime, datetime, datetime | None]:
    """When a cart was created, touched and completed."""
    if kind == "fresh" or kind.endswith("lately"):
        updated = now - timedelta(seconds=draw.randint(600, 20 * 3600))
        days = 4.0 if draw.random() < 0.2 else 0.05
    else:
        updated = now - timedelta(days=1, hours=6) - (KEPT - timedelta(days=3)) * draw.random()
        days = 1.0
    created = updated - timedelta(days=days * draw.random(), minutes=2)
    return created, updated, updated if kind.startswith("recovered") else None


def _cart(
    draw: random.Random,
    number: int,
    times: Sequence[datetime | None],
    owner: Customer | None,
    bought: list[orders.Bought],
) -> Document:
    created, updated, completed = times
    postal = None
    if owner is not None and owner["addresses"]:
        name = (owner["firstName"] or "", owner["lastName"] or "")
        country = owner["addresses"][0]["countryCodeV2"]
        postal = people.address(draw, 2_000_000 + number, name, country, owner["phone"])
    draft = Draft(
        number=number,
        at=stamp(created) if created else "",
        bought=bought,
        customer=None if owner is None else owner["id"],
        code=("WILLKOMMEN10", 10) if draw.random() < 0.1 else None,
        shipping=0 if draw.random() < 0.6 else 490,
        presentment="USD" if draw.random() < 0.05 else "EUR",
        billing=postal,
        ship_to=postal,
        note="",
    )
    draft.rate = 1.085 if draft.presentment == "USD" else 1.0
    return new_cart(
        number, draft, updated=stamp(updated) if updated else "", completed=stamp(completed) if completed else None
    )


def _basket(draw: random.Random, products: Sequence[Sequence[catalogue.Variant]]) -> list[orders.Bought]:
    basket = []
    for _ in range(min(6, 1 + int(draw.expovariate(0.8)))):
        if draw.random() < 0.02:
            basket.append(orders.Bought("Gravur „für Opa“", 750))
            continue
        variant = draw.choice(draw.choice(products))
        basket.append(orders.Bought(variant.title, variant.cents, draw.choice((1, 1, 2, 3)), variant))
    return basket


def count(customers: int) -> int:
    """How many carts a shop of that many customers starts with."""
    return len(_kinds(customers))
