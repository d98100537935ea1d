"""The seeded shop's orders: every fate, three presentment currencies, by customers, guests and people unknown."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from tajo_pipelines.twin.shopify import catalogue, orders, people
from tajo_pipelines.twin.shopify.orders import Bought, Draft, Order
from tajo_pipelines.twin.shopify.seed import HISTORY, Customer, Seeded, quota, stamp

FATES = {
    "test": 8,
    "cancelled_paid": 10,
    "cancelled_unpaid": 10,
    "refunded": 20,
    "partly_refunded": 25,  # lines came back
    "goodwill": 15,  # an amount without a return
    "pending": 24,
    "authorized": 4,
    "partly_paid": 4,
    "free": 5,  # a code over 100 %
}
"""What became of an order, a thousand; all others are paid."""

CURRENCIES = (("USD", 1.085, 50), ("CHF", 0.952, 40))
"""Presentment currency, its rate, and how many orders a thousand; all others are in EUR."""

GUESTS = 80
"""Orders of guests a thousand."""

NAMELESS = 10
"""Orders a thousand with neither customer nor e-mail nor phone: sold over the counter."""

BIG = (60, 75, 120)
"""Lines of the biggest orders, one order each, in shops of 300 orders and more."""


@dataclass(slots=True)
class _Buyer:
    customer: Customer | None
    email: str | None
    phone: str | None
    country: str = "DE"
    name: tuple[str, str] = ("", "")
    locale: str = "de"


def seed_orders(seeded: Seeded, products: Sequence[Sequence[catalogue.Variant]], count: int, seed: int) -> list[Order]:
    """The orders, oldest first, ids rising with their age; of what was on sale, a list of variants a product."""
    draw = random.Random(f"orders {seed}")
    fates = _fates(draw, count)
    dates = sorted(_date(draw, number, count, seeded.now) for number in range(count))
    buyers = _buyers(draw, seeded, dates)
    currencies = [currency for currency in CURRENCIES for _ in range(quota(currency[2], count))]
    currencies_at = dict(zip(draw.sample(range(count), min(len(currencies), count)), currencies, strict=False))
    big_at = dict(zip(draw.sample(range(count), 3), BIG, strict=True)) if count >= 300 else {}
    made = []
    for number, (fate, buyer, at) in enumerate(zip(fates, buyers, dates, strict=True)):
        draft = _draft(draw, number, at, buyer)
        draft.bought = _basket(draw, products, big_at.get(number))
        if number in currencies_at:
            draft.presentment, draft.rate, _ = currencies_at[number]
        _decide(draw, draft, fate)
        order = orders.make(draft)
        _live(draw, order, fate, seeded.now)
        made.append(order)
    _accept_marketing(draw, made, seeded)
    return made


def _fates(draw: random.Random, count: int) -> list[str]:
    fates = [fate for fate, share in FATES.items() for _ in range(quota(share, count))][:count]
    fates += ["paid"] * (count - len(fates))
    draw.shuffle(fates)
    return fates


def _buyers(draw: random.Random, seeded: Seeded, dates: Sequence[datetime]) -> list[_Buyer]:
    """Who bought at these dates: customers who existed then, guests, and people over the counter."""
    count, kinds = len(dates), seeded.kinds
    slots: list[_Buyer | None] = [None] * count
    free = draw.sample(range(count), count)
    for _ in range(min(quota(NAMELESS, count), len(free))):
        slots[free.pop()] = _Buyer(None, None, None)
    guests: list[_Buyer] = []
    for number in range(min(quota(GUESTS, count), len(free))):
        guests.append(_guest(draw, number, guests))
        slots[free.pop()] = guests[-1]
    odd = [c for c in seeded.customers if kinds[c["id"]] == "invalid_email"]
    odd += [c for c in seeded.customers if kinds[c["id"]] == "none"][::2]
    for person in odd:
        born = bisect_right(dates, datetime.fromisoformat(person["createdAt"]))
        place = next((slot for slot in free if slot >= born), None)
        if place is not None:
            free.remove(place)
            slots[place] = _of_customer(draw, person, kinds)
    regulars = _Regulars(draw, [c for c in seeded.customers if kinds[c["id"]] not in ("none", "invalid_email")])
    filled = []
    for number, (slot, at) in enumerate(zip(slots, dates, strict=True)):
        customer = None if slot else regulars.someone(at)
        if customer is not None:
            filled.append(_of_customer(draw, customer, kinds))
        else:
            filled.append(slot or _guest(draw, 1_000_000 + number, ()))
    return filled


class _Regulars:
    """Customers who may buy; a few buy much, one in five nothing."""

    def __init__(self, draw: random.Random, customers: Sequence[Customer]) -> None:
        self._draw = draw
        self._customers = customers
        self._born: list[datetime] = [datetime.fromisoformat(customer["createdAt"]) for customer in customers]
        self._weights = list(
            accumulate(min(8.0, draw.paretovariate(1.3)) if draw.random() > 0.2 else 0.0 for _ in customers)
        )

    def someone(self, at: datetime) -> Customer | None:
        """A customer who existed then, or None where nobody did."""
        born = bisect_right(self._born, at)
        if born == 0 or self._weights[born - 1] == 0:
            return None
        place = bisect_right(self._weights, self._draw.random() * self._weights[born - 1])
        return self._customers[min(place, born - 1)]


def _of_customer(draw: random.Random, customer: Customer, kinds: dict[int, str]) -> _Buyer:
    email: str | None = customer["email"]
    if kinds[customer["id"]] == "invalid_email_phone":
        email = None
    elif email is not None and customer["emailValid"] and draw.random() < 0.1:
        email = email.lower() if email != email.lower() else email.upper()
    phone = customer["phone"] if email is None or draw.random() < 0.3 else None
    country = customer["addresses"][0]["countryCodeV2"] if customer["addresses"] else "DE"
    name = (customer["firstName"] or "", customer["lastName"] or "")
    return _Buyer(customer, email, phone, country, name, customer["locale"])


def _guest(draw: random.Random, number: int, earlier: Sequence[_Buyer]) -> _Buyer:
    known = [buyer for buyer in earlier[-12:] if buyer.customer is None and buyer.email is not None]
    if known and draw.random() < 0.15:
        return draw.choice(known)
    first, last, locale, country = people.person(draw)
    if number % 30 == 7:
        return _Buyer(None, None, people.phone("DE", 90_000 + number), "DE", (first, last), locale)
    email = people.email(draw, first, last, 500_000 + number)
    return _Buyer(None, email, None, country, (first, last), locale)


def _date(draw: random.Random, number: int, count: int, now: datetime) -> datetime:
    """More lately than long ago; one in 150 the day before, none since: what is young is told of."""
    if number < max(1, count // 150):
        return now - timedelta(seconds=draw.randint(26 * 3600, 46 * 3600))
    past: float = draw.random() ** 1.5
    return now - timedelta(days=2) - (HISTORY - timedelta(days=3)) * past


def _draft(draw: random.Random, number: int, at: datetime, buyer: _Buyer) -> Draft:
    counter = buyer.customer is None and buyer.email is None and buyer.phone is None
    postal = None
    if not counter:
        postal = people.address(draw, 1_000_000 + number, buyer.name, buyer.country, buyer.phone)
    abroad = buyer.country in ("US", "CH", "JP")
    return Draft(
        number=number + 1,
        at=stamp(at),
        bought=(),
        customer=buyer.customer["id"] if buyer.customer else None,
        email=buyer.email,
        phone=buyer.phone,
        locale=buyer.locale,
        shipping=0 if counter or draw.random() < 0.3 else draw.choice((390, 490, 690, 1290)),
        tax_rate={"US": 950, "CH": 810, "JP": 0}.get(buyer.country, 1900),
        taxes_included=not abroad,
        billing=postal,
        ship_to=postal if draw.random() < 0.95 else None,
        gateway="cash" if counter else draw.choice(("shopify_payments", "shopify_payments", "paypal", "manual")),
        source="pos" if counter else "web",
        note="Bitte klingeln – nicht klopfen!" if draw.random() < 0.05 else None,
        tags=("express",) if draw.random() < 0.05 else (),
        processed_at=stamp(at - timedelta(days=40)) if draw.random() < 0.007 else None,
    )


def _basket(draw: random.Random, products: Sequence[Sequence[catalogue.Variant]], size: int | None) -> list[Bought]:
    basket = []
    for _ in range(size or min(8, 1 + int(draw.expovariate(0.7)))):
        if draw.random() < 0.01:
            basket.append(Bought("Gravur „für Oma“", draw.choice((500, 750, 1999))))
            continue
        variant = draw.choice(draw.choice(products))
        quantity = draw.choice((1, 1, 1, 1, 2, 2, 3, 5))
        sale = draw.choice((10, 15, 33)) if draw.random() < 0.04 else 0
        basket.append(Bought(variant.title, variant.cents, quantity, variant, sale))
    return basket


def _decide(draw: random.Random, draft: Draft, fate: str) -> None:
    """Set what the order's fate needs before it is made."""
    if fate == "free":
        draft.code, draft.shipping = ("GESCHENK", 100), 0
    elif draw.random() < 0.1:
        draft.code = draw.choice((("WILLKOMMEN10", 10), ("SOMMER-7", 7), ("ÉTÉ20", 20)))
    if fate in ("pending", "authorized", "cancelled_unpaid"):
        draft.paid, draft.authorized = 0, fate == "authorized"
    elif fate == "partly_paid":
        draft.paid = 40
    draft.test = fate == "test"
    if draft.test:
        draft.gateway = "bogus"


def _live(draw: random.Random, order: Order, fate: str, now: datetime) -> None:
    """Let the order's fate come to pass, at times between its creation and now."""
    created = datetime.fromisoformat(order["createdAt"])

    def later(days: float) -> str:
        return stamp(min(created + timedelta(days=days * draw.random(), minutes=5), now - timedelta(minutes=1)))

    if fate.startswith("cancelled"):
        orders.cancel(order, later(3), draw.choice(("CUSTOMER", "INVENTORY", "FRAUD", "DECLINED")))
        return
    if fate in ("pending", "authorized", "partly_paid"):
        return
    if (now - created) > timedelta(days=6):
        orders.fulfil(order, later(5))
    if fate == "refunded":
        orders.refund_all(order, later(60), note="Rücksendung")
    elif fate == "partly_refunded":
        orders.refund(order, later(40), quantities={0: 1}, note="Tasse zerbrochen")
        if len(order["items"]) > 2:
            orders.refund(order, later(90), quantities={1: 1}, shipping=True)
    elif fate == "goodwill":
        back = [cents // 4 for cents in order["totals"]["total"]]
        orders.refund(order, later(30), amount=back, note="Kulanz: zu spät geliefert")


def _accept_marketing(draw: random.Random, made: Sequence[Order], seeded: Seeded) -> None:
    """Ticked boxes: by subscribed customers, by people before they left, and by every third guest."""
    by_id: dict[int, Customer] = {customer["id"]: customer for customer in seeded.customers}
    for order in made:
        customer = by_id.get(order["customer"] or 0)
        if customer is None:
            order["acceptsMarketing"] = order["email"] is not None and draw.random() < 0.33
        elif customer["emailState"] == "SUBSCRIBED":
            order["acceptsMarketing"] = draw.random() < 0.7
        elif _left_after(customer, order):
            order["acceptsMarketing"] = draw.random() < 0.5
    _guests_of_old(draw, made, seeded)


def _guests_of_old(draw: random.Random, made: Sequence[Order], seeded: Seeded) -> None:
    """A few guests typed the address of somebody who has an account.

    Three ticked the box before its owner left, three left it unticked though its owner is subscribed.
    """
    guests = [order for order in made if order["customer"] is None and order["email"] is not None]
    left = [c for c in seeded.customers if c["emailState"] == "UNSUBSCRIBED" and c["emailAt"] is not None]
    subscribed = [c for c in seeded.customers if c["emailState"] == "SUBSCRIBED"]
    for order in guests[:3]:
        owners = [customer for customer in left if _left_after(customer, order)]
        if owners:
            order["email"], order["acceptsMarketing"] = draw.choice(owners)["email"].lower(), True
    for order in guests[-3:] if len(guests) >= 6 and subscribed else ():
        order["email"], order["acceptsMarketing"] = draw.choice(subscribed)["email"].lower(), False


def _left_after(customer: Customer, order: Order) -> bool:
    left_at: str = customer["emailAt"] or ""
    created: str = order["createdAt"]
    return customer["emailState"] == "UNSUBSCRIBED" and left_at > created


def last_id(count: int) -> int:
    """The id of the newest of ``count`` seeded orders."""
    return orders.order_id(count)
