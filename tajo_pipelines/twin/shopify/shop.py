"""The shop in memory: customers, orders, products, collections, carts; what changed since the seed is kept on disk."""

from __future__ import annotations

import copy
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol, get_args

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.shopify import catalogue, facts, pricing, seed, seed_carts, seed_orders
from tajo_pipelines.twin.state_file import Documents, StateFile

Document = dict[str, Any]
Kind = Literal["Customer", "Order", "Product", "ProductVariant", "Collection", "AbandonedCheckout", "BasicEvent"]
"""What documents are; variants live inside their product's document."""


SEED_VERSION = 3
"""Rises when the same seed makes another shop: what was kept of an earlier one doesn't fit the new one."""


@dataclass(frozen=True, slots=True)
class Seed:
    """From what a shop was made; enough to make it again by the version that made it."""

    customers: int
    orders: int
    seed: int
    at: str
    products: int = 200
    version: int = 1


class Watcher(Protocol):
    """Who is told of every change of the shop's documents."""

    def changed(self, before: Document | None, after: Document | None) -> None:
        """A document was made (nothing before), changed, or deleted (nothing after)."""
        ...

    def merged(self, kept: Document, gone: Document) -> None:
        """Two customers became one."""
        ...


class Shop:
    """Documents by kind and numeric id, each kind in the order of its ids.

    A document that is changed is handed to ``save``; it is then on disk after the next flush, and
    filtered queries see it after ``index_lag`` seconds of the twin's clock.

    Attributes:
        index_lag: Seconds until a change is found by filtered queries.
        version: Rises with every change of a kind.
        watcher: Told of what ``save`` and ``delete`` do.
    """

    def __init__(self, made_from: Seed, clock: TwinClock, changed: Documents) -> None:
        """Make the seeded shop and lay the stored changes over it."""
        now = datetime.fromisoformat(made_from.at)
        self.made_from = made_from
        self.clock = clock
        self.index_lag = 0.0
        self.version: dict[Kind, int] = dict.fromkeys(get_args(Kind), 0)
        self.watcher: Watcher | None = None
        self._changed = changed
        self._indexed: dict[tuple[Kind, int], tuple[float, Document | None]] = {}
        self._of_customer: dict[int, list[Document]] = {}
        self._shelves: tuple[int, dict[int, list[Document]]] = (-1, {})
        self._all = _seeded(made_from, now)
        for order in self.orders.values():
            self._enlist(order)
        for customer in self.customers.values():
            bought = self.orders_of(customer["id"])
            if bought:
                customer["updatedAt"] = max(customer["updatedAt"], bought[-1]["createdAt"])
        self._last_seeded: dict[str, int] = {kind: max(documents, default=0) for kind, documents in self._all.items()}
        self._made: Counter[str] = Counter()
        for key, document in changed.items():
            self._count_new(key)
            self._overlay(key, document)

    @property
    def customers(self) -> dict[int, Document]:
        """The customers."""
        return self._all["Customer"]

    @property
    def orders(self) -> dict[int, Document]:
        """The orders."""
        return self._all["Order"]

    @property
    def products(self) -> dict[int, Document]:
        """The products."""
        return self._all["Product"]

    @property
    def variants(self) -> dict[int, Document]:
        """All products' variants."""
        return self._all["ProductVariant"]

    @property
    def carts(self) -> dict[int, Document]:
        """The abandoned checkouts, recovered ones included."""
        return self._all["AbandonedCheckout"]

    def now(self) -> str:
        """The instant as Shopify writes it."""
        return seed.stamp(self.clock.now())

    def all(self, kind: Kind) -> dict[int, Document]:
        """The documents of a kind."""
        return self._all[kind]

    def orders_of(self, customer: int) -> Sequence[Document]:
        """A customer's orders, oldest first."""
        return self._of_customer.get(customer, ())

    def number_of_orders(self, customer: int) -> int:
        """How many orders a customer made; test orders don't count."""
        return sum(not order["test"] for order in self.orders_of(customer))

    def spent(self, customer: int) -> int:
        """Cents received for a customer's orders and not paid back; test orders don't count."""
        return sum(
            order["received"][0] - order["totals"]["refunded"][0]
            for order in self.orders_of(customer)
            if not order["test"]
        )

    def products_in(self, collection: int) -> Sequence[Document]:
        """The products of a collection, by their ids."""
        version, shelves = self._shelves
        if version != self.version["Product"]:
            shelves = {}
            for product in self.products.values():
                for number in product["collections"]:
                    shelves.setdefault(number, []).append(product)
            self._shelves = (self.version["Product"], shelves)
        return shelves.get(collection, ())

    def save(self, document: Document, *, at: str | None = None, told: bool = True) -> None:
        """Take over a new or changed document; ``updatedAt`` becomes ``at`` or now.

        The document is a changed copy, or a new one; what stood there is what filtered queries go on
        finding for a while. A variant is changed by saving its product.

        Args:
            document: The new state.
            at: Its ``updatedAt``.
            told: Whether the watcher hears of it.
        """
        kind: Kind = document["kind"]
        key = (kind, document["id"])
        before = self.all(kind).get(document["id"])
        document["updatedAt"] = at or self.now()
        if self.index_lag and key not in self._indexed:
            due = self.clock.seconds() + self.clock.scaled(self.index_lag)
            self._indexed[key] = (due, before)
        self._put(document)
        self._note(f"{kind}:{document['id']}", document)
        if told and self.watcher is not None:
            self.watcher.changed(before, document)

    def delete(self, kind: Kind, number: int, *, told: bool = True) -> None:
        """Delete a document; filtered queries forget it at once."""
        before = self.all(kind)[number]
        self._remove(kind, number)
        self._note(f"{kind}:{number}", None)
        if told and self.watcher is not None:
            self.watcher.changed(before, None)

    def edit(self, kind: Kind, number: int) -> Document:
        """A copy to be changed and given to ``save``."""
        return copy.deepcopy(self.all(kind)[number])

    def indexed(self, document: Document) -> Document | None:
        """What a filter sees of a document: itself, its former state, or nothing yet."""
        if not self._indexed:
            return document
        key = (document["kind"], document["id"])
        waiting = self._indexed.get(key)
        if waiting is None:
            return document
        due, before = waiting
        if self.clock.seconds() >= due:
            del self._indexed[key]
            return document
        return before

    def next_number(self, kind: Kind) -> int:
        """A running number that no document of the kind has had."""
        made = {
            "Customer": self.made_from.customers,
            "Order": self.made_from.orders,
            "Product": self.made_from.products - 1,
            "AbandonedCheckout": seed_carts.count(self.made_from.customers),
        }
        return made.get(kind, 0) + 1 + self._made[kind]

    def facts(self) -> facts.ShopFacts:
        """Counts and sums of the shop as it is now."""
        return facts.count(self, self.clock.now())

    def brevo_unsubscribed_emails(self, n: int | None = None) -> list[str]:
        """Addresses, lower case, of people whom the shop calls subscribed and who left at Brevo.

        Args:
            n: How many; left out, 50 or a twentieth of a shop of fewer than 1,000 customers.
        """
        size = min(50, self.made_from.customers // 20) if n is None else n
        made_at = datetime.fromisoformat(self.made_from.at)
        # Brevo's half lets them leave 30 days ago: a confirmed yes since then would rightly lift that.
        before = seed.stamp(made_at - timedelta(days=31))
        return seed.unsubscribed_at_brevo(list(self.customers.values()), size, before)

    def last_changes(self, most: int) -> list[Document]:
        """Documents changed since the seed, deletions by the events that tell of them; the newest first."""
        changed = (document for document in self._changed.values() if document is not None)
        return heapq.nlargest(most, changed, key=lambda document: str(document["updatedAt"]))

    def _note(self, key: str, document: Document | None) -> None:
        """Keep what a change left, on disk too."""
        if key not in self._changed:
            self._count_new(key)
        self._changed[key] = document

    def _count_new(self, key: str) -> None:
        kind, number = key.split(":")
        if int(number) > self._last_seeded[kind]:
            self._made[kind] += 1

    def _overlay(self, key: str, document: Document | None) -> None:
        kind, number = key.split(":")
        if document is not None:
            self._put(document)
            return
        for known in get_args(Kind):
            if known == kind and int(number) in self._all[known]:
                self._remove(known, int(number))

    def _put(self, document: Document) -> None:
        kind: Kind = document["kind"]
        if kind == "Product":
            self._shelve(document)
        if kind == "Order" and document["id"] in self.orders:
            self._delist(self.orders[document["id"]])
        self._all[kind][document["id"]] = document
        self.version[kind] += 1
        if kind == "Order":
            self._enlist(document)

    def _remove(self, kind: Kind, number: int) -> None:
        if kind == "Product":
            self._shelve({**self.products[number], "variants": []})
        document = self._all[kind].pop(number)
        self.version[kind] += 1
        if kind == "Order":
            self._delist(document)

    def _shelve(self, product: Document) -> None:
        """Replace the variants that a product had by those it has now."""
        for variant in self.products.get(product["id"], product)["variants"]:
            self.variants.pop(variant["id"], None)
        self.variants.update((variant["id"], variant) for variant in product["variants"])
        self.version["ProductVariant"] += 1

    def _enlist(self, order: Document) -> None:
        if order["customer"] is None:
            return
        bought = self._of_customer.setdefault(order["customer"], [])
        bought.append(order)
        if len(bought) > 1 and bought[-2]["id"] > order["id"]:
            bought.sort(key=lambda each: int(each["id"]))

    def _delist(self, order: Document) -> None:
        bought = self._of_customer.get(order["customer"], [])
        bought[:] = [each for each in bought if each["id"] != order["id"]]


def seed_shop(
    customers: int = 1000,
    orders: int | None = None,
    seed: int = 1,
    *,
    products: int | None = None,
    now: datetime | None = None,
    clock: TwinClock | None = None,
    file: StateFile | None = None,
) -> Shop:
    """A deterministic shop, or the one that the file holds.

    Args:
        customers: How many.
        orders: How many; three a customer where left out.
        seed: Makes it repeatable.
        products: How many, 20 at least; one for five customers where left out.
        now: The day it is made on; left out, today.
        clock: Whose instants changes get.
        file: Where the seed and the changes are kept; an existing shop in it wins over the arguments.
    """
    clock = clock or TwinClock()
    file = file or StateFile(None)
    meta = file.documents("shopify.meta")
    if "seed" not in meta:
        at = (now or clock.now()).astimezone(UTC).replace(microsecond=0)
        made_from = Seed(
            customers,
            3 * customers if orders is None else orders,
            seed,
            at.isoformat(),
            max(catalogue.LEAST_PRODUCTS, customers // 5 if products is None else products),
            SEED_VERSION,
        )
        meta["seed"] = asdict(made_from)
    return Shop(Seed(**meta["seed"]), clock, file.documents("shopify.changed"))


def _seeded(made_from: Seed, now: datetime) -> dict[Kind, dict[int, Document]]:
    seeded = seed.seed_customers(made_from.customers, made_from.seed, now)
    products = catalogue.seed_products(made_from.products, made_from.seed, now)
    on_sale = catalogue.on_sale(products, now - seed.HISTORY)
    orders = seed_orders.seed_orders(seeded, on_sale, made_from.orders, made_from.seed)
    carts = seed_carts.seed_carts(seeded, on_sale, made_from.seed)
    made: dict[Kind, Iterable[Document]] = {
        "Customer": seeded.customers,
        "Order": orders,
        "Product": products,
        "ProductVariant": catalogue.variants_of(products),
        "Collection": catalogue.seed_collections(now),
        "AbandonedCheckout": carts,
        "BasicEvent": (),
    }
    return {kind: {document["id"]: document for document in documents} for kind, documents in made.items()}


def public_customer(shop: Shop, customer: Document) -> Document:
    """A customer as dumps show it, with what derives from its orders."""
    bought = shop.orders_of(customer["id"])
    return {
        **customer,
        "numberOfOrders": shop.number_of_orders(customer["id"]),
        "amountSpent": pricing.text(shop.spent(customer["id"])),
        "lastOrder": bought[-1]["id"] if bought else None,
    }


def public_order(order: Document) -> Document:
    """An order as dumps show it, with its status and what it is worth at Brevo, in the shop's currency."""
    return {
        **order,
        "financialStatus": pricing.financial_status(order),
        "identity": facts.identity(order),
        "brevoAmount": pricing.text(pricing.brevo_amount(order)),
    }


def public_cart(shop: Shop, cart: Document) -> Document:
    """A cart as dumps show it, with its class: fresh, old, recovered, no_customer or no_identifier."""
    return {**cart, "class": facts.cart_class(cart, shop.customers.get(cart["customer"]), shop.clock.now())}


def public(shop: Shop, kind: Kind) -> Iterator[Document]:
    """All documents of a kind as dumps show them."""
    for document in shop.all(kind).values():
        if kind == "Customer":
            yield public_customer(shop, document)
        elif kind == "Order":
            yield public_order(document)
        elif kind == "AbandonedCheckout":
            yield public_cart(shop, document)
        else:
            yield document
