"""What a shop holds, counted from its documents: for comparing it with what landed elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from tajo_pipelines.twin.shopify import people, pricing

Document = dict[str, Any]
CURRENCY = "EUR"


class _MadeFrom(Protocol):
    @property
    def seed(self) -> int: ...
    @property
    def at(self) -> str: ...
    @property
    def version(self) -> int: ...


class _Shop(Protocol):
    @property
    def made_from(self) -> _MadeFrom: ...
    @property
    def customers(self) -> Mapping[int, Document]: ...
    @property
    def orders(self) -> Mapping[int, Document]: ...
    @property
    def products(self) -> Mapping[int, Document]: ...
    @property
    def carts(self) -> Mapping[int, Document]: ...


@dataclass(slots=True)
class Money:
    """Orders of one class and their sums in the shop's currency.

    Attributes:
        gross: Sum of the totals.
        refunded: Sum of what was paid back.
        net: Sum of what the orders are worth: total minus refunds, never below 0, cancelled 0.
    """

    orders: int = 0
    gross: int = 0
    refunded: int = 0
    net: int = 0

    def add(self, order: Document) -> None:
        """Count one order."""
        self.orders += 1
        self.gross += order["totals"]["total"][0]
        self.refunded += order["totals"]["refunded"][0]
        self.net += pricing.brevo_amount(order)

    def as_json(self) -> dict[str, Any]:
        """With decimal strings."""
        return {
            "orders": self.orders,
            "gross": pricing.text(self.gross),
            "refunded": pricing.text(self.refunded),
            "net": pricing.text(self.net),
        }


@dataclass(slots=True)
class ShopFacts:
    """Counts and sums of a shop.

    Attributes:
        seed: Its seed.
        seeded_at: The day it was made on.
        seed_version: The version of the seeding that made it.
        day_since: From when on something was within the last day.
        customers: By identity: ``total``, ``with_email`` and ``with_phone`` (good ones), ``mappable``
            (either), ``no_identifier`` (neither given), ``invalid_email`` (an e-mail that is none and no
            good phone), ``invalid_email_with_phone``, ``invalid_phone_with_email``, ``sharing_a_phone``,
            ``mixed_case_email``, ``updated_last_24h``.
        email_consent: Customers with a good e-mail by state and level (``SUBSCRIBED/SINGLE_OPT_IN``).
        email_consent_undated: The same, those without ``marketingUpdatedAt``.
        sms_consent: Customers with a phone by state.
        guests: ``orders``, ``emails`` (different ones that no customer has), ``phones``,
            ``accepting_marketing`` (orders).
        orders: ``total``, ``test``, ``cancelled``, ``unpaid``, ``refunded`` (wholly), ``partly_refunded``,
            ``free``, ``over_50_lines``, ``custom_lines``, ``created_last_24h``.
        statuses: Orders by financial status.
        presentment: Orders by the currency that the buyer saw.
        money: In the shop's currency by class: ``sent`` (what belongs to Brevo), ``test``,
            ``no_identifier`` and ``invalid_identifier``; the four together are all orders. Cancelled ones
            are in their class with net 0.
        products: ``total``, by status in lower case, ``variants``, ``most_variants``, ``default_variant_only``,
            ``without_collection``, ``without_page``, ``without_picture``, ``categories`` (collections that hold any,
            and types of those in none), ``updated_last_24h``.
        carts: ``total``, ``open``, ``recovered``, ``fresh`` (touched within the last day, open, of a customer with a
            good e-mail or phone), ``no_customer`` and ``no_identifier`` (open ones), ``updated_last_24h``.
        events: What happened to whom within the last day, by the name that the event has at Brevo; only people
            and orders that belong there.
    """

    seed: int
    seeded_at: str
    seed_version: int
    day_since: str
    customers: dict[str, int]
    email_consent: dict[str, int]
    email_consent_undated: dict[str, int]
    sms_consent: dict[str, int]
    guests: dict[str, int]
    orders: dict[str, int]
    statuses: dict[str, int]
    presentment: dict[str, int]
    products: dict[str, int]
    carts: dict[str, int]
    events: dict[str, int]
    money: dict[str, dict[str, Money]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """With money as decimal strings."""
        return {
            **asdict(self),
            "money": {
                currency: {name: money.as_json() for name, money in classes.items()}
                for currency, classes in self.money.items()
            },
        }


_NO = {"UNSUBSCRIBED", "REDACTED", "INVALID"}
_ALWAYS, _NEVER = "9999", ""


def said_yes(customers: Iterable[Document], orders: Iterable[Document]) -> list[str]:
    """Addresses whose owners' newest word on e-mail is yes, customers and guests alike.

    A yes without a time is older than every no, a no without one newer than every yes; a box that was ticked at the
    checkout is a yes of that time.
    """
    words: dict[str, list[tuple[str, bool]]] = {}
    for customer in customers:
        if not customer["emailValid"]:
            continue
        told = words.setdefault(customer["email"].lower(), [])
        if customer["emailState"] == "SUBSCRIBED":
            told.append((customer["emailAt"] or _NEVER, True))
        elif customer["emailState"] in _NO:
            told.append((customer["emailAt"] or _ALWAYS, False))
    for order in orders:
        if order["acceptsMarketing"] and not order["test"] and people.valid_email(order["email"]):
            words.setdefault(order["email"].lower(), []).append((order["createdAt"], True))
    return sorted(email for email, told in words.items() if told and max(told)[1])


def identity(order: Document) -> str:
    """``sent``, ``test``, ``no_identifier`` or ``invalid_identifier``: the class that an order counts in."""
    if order["test"]:
        return "test"
    if people.valid_email(order["email"]) or people.valid_phone(order["phone"]):
        return "sent"
    return "no_identifier" if order["email"] is None and order["phone"] is None else "invalid_identifier"


def reachable(customer: Document | None) -> bool:
    """Whether a customer has a good e-mail address or phone."""
    return customer is not None and (customer["emailValid"] or people.valid_phone(customer["phone"]))


def cart_class(cart: Document, customer: Document | None, now: datetime) -> str:
    """``recovered``, ``no_customer``, ``no_identifier``, ``old`` or ``fresh``."""
    if cart["completedAt"] is not None:
        return "recovered"
    if customer is None:
        return "no_customer"
    if not reachable(customer):
        return "no_identifier"
    return "fresh" if cart["updatedAt"] >= _day_before(now) else "old"


def count(shop: _Shop, now: datetime) -> ShopFacts:
    """Count a shop as it is now."""
    customers, orders = list(shop.customers.values()), list(shop.orders.values())
    since = _day_before(now)
    good = [customer for customer in customers if customer["emailValid"]]
    money = {name: Money() for name in ("sent", "test", "no_identifier", "invalid_identifier")}
    for order in orders:
        money[identity(order)].add(order)
    return ShopFacts(
        seed=shop.made_from.seed,
        seeded_at=shop.made_from.at,
        seed_version=shop.made_from.version,
        day_since=since,
        customers=_identities(customers, since),
        email_consent=_sorted(Counter(_consent(customer) for customer in good)),
        email_consent_undated=_sorted(Counter(_consent(c) for c in good if c["emailAt"] is None)),
        sms_consent=_sorted(Counter(c["smsState"] for c in customers if c["phone"] is not None)),
        guests=_guests(customers, orders),
        orders=_orders(orders, since),
        statuses=_sorted(Counter(pricing.financial_status(order) for order in orders)),
        presentment=_sorted(Counter(order["presentment"] for order in orders)),
        products=_products(shop.products.values(), since),
        carts=_carts(shop, since, now),
        events=_events(shop, since, now),
        money={CURRENCY: money},
    )


def _products(products: Iterable[Document], since: str) -> dict[str, int]:
    products = list(products)
    sizes = [len(product["variants"]) for product in products]
    return {
        "total": len(products),
        **dict.fromkeys(("active", "archived", "draft", "unlisted"), 0),
        **Counter(product["status"].lower() for product in products),
        "variants": sum(sizes),
        "most_variants": max(sizes, default=0),
        "default_variant_only": sum(
            [variant["title"] for variant in product["variants"]] == ["Default Title"] for product in products
        ),
        "without_collection": sum(not product["collections"] for product in products),
        "categories": len(_categories(products)),
        "without_page": sum(product["publishedAt"] is None for product in products),
        "without_picture": sum(product["images"] == 0 for product in products),
        "updated_last_24h": sum(product["updatedAt"] >= since for product in products),
    }


def _categories(products: Iterable[Document]) -> set[str]:
    """The collections that products stand in, and the types of those in none."""
    found: set[str] = set()
    for product in products:
        found |= {str(number) for number in product["collections"]} or {product["productType"].strip()}
    return found - {""}


def _carts(shop: _Shop, since: str, now: datetime) -> dict[str, int]:
    carts = shop.carts.values()
    classes = Counter(cart_class(cart, shop.customers.get(cart["customer"]), now) for cart in carts)
    return {
        "total": len(carts),
        "open": len(carts) - classes["recovered"],
        **{name: classes[name] for name in ("recovered", "fresh", "old", "no_customer", "no_identifier")},
        "updated_last_24h": sum(cart["updatedAt"] >= since for cart in carts),
    }


def _events(shop: _Shop, since: str, now: datetime) -> dict[str, int]:
    sent = [order for order in shop.orders.values() if identity(order) == "sent"]
    return {
        "cart_updated": _carts(shop, since, now)["fresh"],
        "customer_created": sum(
            reachable(customer) and customer["createdAt"] >= since for customer in shop.customers.values()
        ),
        "order_placed": sum(order["createdAt"] >= since for order in sent),
        "order_cancelled": sum((order["cancelledAt"] or "") >= since for order in sent),
        "order_fulfilled": sum((order["fulfilledAt"] or "") >= since for order in sent),
        "order_refunded": sum(refund["at"] >= since for order in sent for refund in order["refunds"]),
    }


def _day_before(now: datetime) -> str:
    return (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _identities(customers: list[Document], since: str) -> dict[str, int]:
    phones = Counter(customer["phone"] for customer in customers if customer["phone"] is not None)
    counts: Counter[str] = Counter({"total": len(customers)})
    for customer in customers:
        email, phone = customer["email"], customer["phone"]
        by_email, by_phone = customer["emailValid"], people.valid_phone(phone)
        counts["with_email"] += by_email
        counts["with_phone"] += by_phone
        counts["mappable"] += by_email or by_phone
        counts["no_identifier"] += email is None and phone is None
        counts["invalid_email"] += email is not None and not by_email and not by_phone
        counts["invalid_email_with_phone"] += email is not None and not by_email and by_phone
        counts["invalid_phone_with_email"] += phone is not None and not by_phone and by_email
        counts["sharing_a_phone"] += by_phone and phones[phone] > 1
        counts["mixed_case_email"] += by_email and email != email.lower()
        counts["updated_last_24h"] += customer["updatedAt"] >= since
    return dict(counts)


def _guests(customers: list[Document], orders: list[Document]) -> dict[str, int]:
    known = {customer["email"].lower() for customer in customers if customer["email"] is not None}
    guests = [order for order in orders if order["customer"] is None and identity(order) == "sent"]
    emails = {order["email"].lower() for order in guests if order["email"] is not None}
    return {
        "orders": len(guests),
        "emails": len(emails - known),
        "emails_of_customers": len(emails & known),
        "phones": len({order["phone"] for order in guests if order["email"] is None}),
        "accepting_marketing": sum(order["acceptsMarketing"] for order in guests),
    }


def _orders(orders: list[Document], since: str) -> dict[str, int]:
    statuses = Counter(pricing.financial_status(order) for order in orders)
    return {
        "total": len(orders),
        "test": sum(order["test"] for order in orders),
        "cancelled": sum(order["cancelledAt"] is not None for order in orders),
        "unpaid": statuses["PENDING"] + statuses["AUTHORIZED"] + statuses["PARTIALLY_PAID"],
        "refunded": statuses["REFUNDED"],
        "partly_refunded": statuses["PARTIALLY_REFUNDED"],
        "free": sum(order["totals"]["total"][0] == 0 for order in orders),
        "over_50_lines": sum(len(order["items"]) > 50 for order in orders),
        "custom_lines": sum(item["product"] is None for order in orders for item in order["items"]),
        "accepting_marketing": sum(order["acceptsMarketing"] for order in orders),
        "created_last_24h": sum(order["createdAt"] >= since for order in orders),
        "updated_last_24h": sum(order["updatedAt"] >= since for order in orders),
    }


def _consent(customer: Document) -> str:
    return f"{customer['emailState']}/{customer['emailLevel']}" if customer["emailLevel"] else customer["emailState"]


def _sorted(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items()))
