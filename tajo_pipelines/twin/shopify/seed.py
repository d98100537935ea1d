"""The seeded shop: customers in every state of identity and consent, and their orders.

Counts hold for 1,000 customers and scale with the shop; from 100 customers on every kind is there at
least once. All draws come from the seed alone, so that two shops of one seed differ by their day at most.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tajo_pipelines.twin.shopify import people

Customer = dict[str, Any]

HISTORY = timedelta(days=3 * 365)
_CUSTOMER_BASE = 7_100_000_000_000

IDENTITY = {
    "none": 12,  # neither e-mail nor phone
    "invalid_email": 3,  # an e-mail that is none, no phone
    "phone_only": 60,
    "invalid_email_phone": 2,  # an e-mail that is none, and a good phone
    "invalid_phone": 4,  # a good e-mail, and a phone that is none
    "shared_phone": 10,  # five pairs of people with one phone, each with an e-mail of their own
}
"""Kinds of identity a thousand; all others have an e-mail, every third of them a phone too."""

EMAIL_CONSENT: Sequence[tuple[str, str | None, bool, int]] = (
    ("SUBSCRIBED", "SINGLE_OPT_IN", True, 365),
    ("SUBSCRIBED", "SINGLE_OPT_IN", False, 15),
    ("SUBSCRIBED", "CONFIRMED_OPT_IN", True, 90),
    ("SUBSCRIBED", "UNKNOWN", True, 20),
    ("UNSUBSCRIBED", "SINGLE_OPT_IN", True, 100),
    ("UNSUBSCRIBED", None, False, 10),
    ("PENDING", "CONFIRMED_OPT_IN", True, 30),
    ("INVALID", None, False, 8),
    ("NOT_SUBSCRIBED", "SINGLE_OPT_IN", True, 25),
)
"""State, opt-in level, whether it is dated, and how many a thousand; the rest never subscribed."""

SMS_CONSENT: Sequence[tuple[str, str | None, bool, int]] = (
    ("SUBSCRIBED", "SINGLE_OPT_IN", True, 230),
    ("SUBSCRIBED", "SINGLE_OPT_IN", False, 20),
    ("SUBSCRIBED", "CONFIRMED_OPT_IN", True, 80),
    ("UNSUBSCRIBED", "SINGLE_OPT_IN", True, 120),
    ("PENDING", "CONFIRMED_OPT_IN", True, 40),
    ("REDACTED", None, False, 20),
)
"""The same for phones, a thousand phones; the rest never subscribed."""

_TAGS = ("vip", "b2b", "newsletter", "Großhandel", "returning, often", "geburtstag:mai")
_NOTES = ("Ruft lieber an.", "Bitte keine Werbung\nper Post", 'Sagt: "danke" & grüßt', "Lieferung nur nachmittags 🚚")


@dataclass(slots=True)
class Seeded:
    """A shop as seeded; orders are made from it by ``seed_orders``."""

    now: datetime
    customers: list[Customer] = field(default_factory=list)
    kinds: dict[int, str] = field(default_factory=dict)


def stamp(at: datetime) -> str:
    """An instant as Shopify writes it: UTC, whole seconds, Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def customer_id(number: int) -> int:
    """The numeric id of the customer with that running number, from 0."""
    return _CUSTOMER_BASE + number * 32768


def quota(a_thousand: int, size: int) -> int:
    """How many of a kind a shop of that size has."""
    count = round(a_thousand * size / 1000)
    return max(1, count) if a_thousand and size >= 100 else count


def seed_customers(count: int, seed: int, now: datetime) -> Seeded:
    """The customers, oldest first, ids rising with their age."""
    draw = random.Random(f"customers {seed}")
    kinds = _deal(draw, count, ((kind, quota(share, count)) for kind, share in IDENTITY.items()), "email")
    seeded = Seeded(now)
    ages = sorted((_age(draw, number, count) for number in range(count)), reverse=True)
    shared: list[str] = []
    for number, (kind, age) in enumerate(zip(kinds, ages, strict=True)):
        customer = _customer(draw, number, kind, now - age, shared)
        seeded.kinds[customer["id"]] = kind
        seeded.customers.append(customer)
    _consent(draw, seeded)
    return seeded


def unsubscribed_at_brevo(customers: Sequence[Customer], n: int, before: str) -> list[str]:
    """Addresses, lower case, of people whom the shop calls subscribed and who left at Brevo.

    Most opted in once, some by confirmation, some without a date; none of them lately.

    Args:
        customers: All, in the order of their ids.
        n: How many.
        before: Their yes is older than this.
    """
    wanted = {"SINGLE_OPT_IN": n - n // 10, "CONFIRMED_OPT_IN": n // 10}
    chosen: list[str] = []
    undated = max(1, n // 16)
    for customer in customers:
        level = customer["emailLevel"]
        if customer["emailState"] != "SUBSCRIBED" or not customer["emailValid"] or not wanted.get(level):
            continue
        if customer["emailAt"] is None:
            if not undated:
                continue
            undated -= 1
        elif customer["emailAt"] >= before:
            continue
        wanted[level] -= 1
        chosen.append(customer["email"].lower())
    return chosen


def _deal(draw: random.Random, count: int, quotas: Iterable[tuple[Any, int]], rest: Any) -> list[Any]:
    """Hands of the given sizes and the rest, shuffled."""
    hands: list[Any] = []
    for kind, size in quotas:
        hands.extend([kind] * min(size, count - len(hands)))
    hands.extend([rest] * (count - len(hands)))
    draw.shuffle(hands)
    return hands


def _age(draw: random.Random, number: int, count: int) -> timedelta:
    """Mostly spread over the history; one in seventy came the day before, none since: what is young is told of."""
    if number < max(1, count // 70):
        return timedelta(seconds=draw.randint(26 * 3600, 46 * 3600))
    return timedelta(days=2) + (HISTORY - timedelta(days=2)) * draw.random()


def _customer(draw: random.Random, number: int, kind: str, created: datetime, shared: list[str]) -> Customer:
    first, last, locale, country = people.person(draw)
    email = people.email(draw, first, last, number)
    phone: str | None = people.phone(country, number)
    if kind == "shared_phone":
        if shared:
            phone = shared.pop()
        else:
            shared.append(str(phone))
    elif kind == "invalid_phone":
        phone = people.INVALID_PHONES[number % len(people.INVALID_PHONES)]
    elif kind in ("none", "invalid_email") or (kind == "email" and draw.random() >= 0.34):
        phone = None
    if kind in ("invalid_email", "invalid_email_phone"):
        email = people.INVALID_EMAILS[number % len(people.INVALID_EMAILS)]
    has_email = kind not in ("none", "phone_only")
    nameless = draw.random() < 0.02
    home_phone = phone if kind not in ("none", "invalid_email", "invalid_phone") else None
    return {
        "kind": "Customer",
        "id": customer_id(number),
        "firstName": None if nameless else first,
        "lastName": None if nameless else last,
        "email": email if has_email else None,
        "emailValid": has_email and people.valid_email(email),
        "emailState": "NOT_SUBSCRIBED",
        "emailLevel": None,
        "emailAt": None,
        "phone": phone,
        "smsState": "NEVER_SUBSCRIBED",
        "smsLevel": None,
        "smsAt": None,
        "locale": locale,
        "note": draw.choice(_NOTES) if draw.random() < 0.06 else None,
        "tags": sorted(draw.sample(_TAGS, draw.randint(1, 2))) if draw.random() < 0.2 else [],
        "taxExempt": draw.random() < 0.03,
        "verifiedEmail": has_email and draw.random() < 0.8,
        "state": draw.choice(("ENABLED", "DISABLED", "DISABLED", "INVITED")),
        "createdAt": stamp(created),
        "updatedAt": stamp(created),
        "addresses": [
            people.address(draw, number * 4 + place, (first, last), country, home_phone)
            for place in range(draw.choice((0, 1, 1, 1, 1, 2)))
        ],
    }


def _consent(draw: random.Random, seeded: Seeded) -> None:
    customers = seeded.customers
    count = len(customers)
    mailable = [customer for customer in customers if customer["emailValid"]]
    hands = _deal(
        draw,
        len(mailable),
        (((state, level, dated), quota(share, count)) for state, level, dated, share in EMAIL_CONSENT),
        ("NOT_SUBSCRIBED", None, False),
    )
    for customer, (state, level, dated) in zip(mailable, hands, strict=True):
        customer["emailState"], customer["emailLevel"] = state, level
        customer["emailAt"] = _between(draw, customer["createdAt"], seeded.now) if dated else None
    for customer in customers:
        if customer["email"] is not None and not customer["emailValid"]:
            customer["emailState"] = "INVALID"
    phones = [customer for customer in customers if customer["phone"] is not None]
    hands = _deal(
        draw,
        len(phones),
        (((state, level, dated), quota(share, len(phones))) for state, level, dated, share in SMS_CONSENT),
        ("NEVER_SUBSCRIBED", None, False),
    )
    for customer, (state, level, dated) in zip(phones, hands, strict=True):
        customer["smsState"], customer["smsLevel"] = state, level
        customer["smsAt"] = _between(draw, customer["createdAt"], seeded.now) if dated else None
    for customer in customers:
        dates = (customer["createdAt"], customer["emailAt"] or "", customer["smsAt"] or "")
        customer["updatedAt"] = max(dates)


def _between(draw: random.Random, start: str, end: datetime) -> str:
    first = datetime.fromisoformat(start)
    return stamp(first + (end - first) * draw.random() * 0.98)
