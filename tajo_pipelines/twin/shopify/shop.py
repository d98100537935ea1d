"""The shop's customers and orders in memory, with what changed since the seed kept on disk."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.shopify import facts, pricing, seed, seed_orders
from tajo_pipelines.twin.state_file import Documents, StateFile

Document = dict[str, Any]
Kind = Literal["Customer", "Order"]


@dataclass(frozen=True, slots=True)
class Seed:
    """From what a shop was made; enough to make it again."""

    customers: int
    orders: int
    seed: int
    at: str


class Shop:
    """Customers and orders by numeric id, both in the order of their ids.

    A document that is changed is handed to ``save``; it is then on disk after the next flush, and
    filtered queries see it after ``index_lag`` seconds of the twin's clock.

    Attributes:
        index_lag: Seconds until a change is found by filtered queries.
        version: Rises with every change of a kind.
    """

    def __init__(self, made_from: Seed, clock: TwinClock, changed: Documents) -> None:
        """Make the seeded shop and lay the stored changes over it."""
        now = datetime.fromisoformat(made_from.at)
        seeded = seed.seed_customers(made_from.customers, made_from.seed, now)
        orders = seed_orders.seed_orders(seeded, made_from.orders, made_from.seed)
        self.made_from = made_from
        self.clock = clock
        self.index_lag = 0.0
        self.customers: dict[int, Document] = {customer["id"]: customer for customer in seeded.customers}
        self.orders: dict[int, Document] = {order["id"]: order for order in orders}
        self.version: dict[Kind, int] = {"Customer": 0, "Order": 0}
        self._changed = changed
        self._indexed: dict[tuple[Kind, int], tuple[float, Document | None]] = {}
        self._of_customer: dict[int, list[Document]] = {}
        for order in orders:
            self._enlist(order)
        for customer in seeded.customers:
            bought = self.orders_of(customer["id"])
            if bought:
                customer["updatedAt"] = max(customer["updatedAt"], bought[-1]["createdAt"])
        for key, document in changed.items():
            self._overlay(key, document)

    def now(self) -> str:
        """The instant as Shopify writes it."""
        return seed.stamp(self.clock.now())

    def all(self, kind: Kind) -> dict[int, Document]:
        """The documents of a kind."""
        return self.customers if kind == "Customer" else self.orders

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

    def save(self, document: Document, *, at: str | None = None) -> None:
        """Take over a new or changed document; ``updatedAt`` becomes ``at`` or now.

        The document is a changed copy, or a new one; what stood there is what filtered queries go on
        finding for a while.
        """
        kind: Kind = document["kind"]
        key = (kind, document["id"])
        before = self.all(kind).get(document["id"])
        document["updatedAt"] = at or self.now()
        if self.index_lag and key not in self._indexed:
            due = self.clock.seconds() + self.clock.scaled(self.index_lag)
            self._indexed[key] = (due, before)
        self._put(document)
        self._changed[f"{kind}:{document['id']}"] = document

    def delete(self, kind: Kind, number: int) -> None:
        """Delete a document; filtered queries forget it at once."""
        del self.all(kind)[number]
        self._changed[f"{kind}:{number}"] = None
        self.version[kind] += 1

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
        made = self.made_from.customers if kind == "Customer" else self.made_from.orders
        return made + 1 + sum(1 for key in self._changed if self._is_new(key, kind))

    def facts(self) -> facts.ShopFacts:
        """Counts and sums of the shop as it is now."""
        return facts.count(self.customers.values(), self.orders.values(), self.made_from, self.clock.now())

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

    def _is_new(self, key: str, kind: Kind) -> bool:
        of, number = key.split(":")
        return of == kind and int(number) > self._last_seeded(kind)

    def _last_seeded(self, kind: Kind) -> int:
        if kind == "Customer":
            return seed.customer_id(self.made_from.customers - 1)
        return seed_orders.last_id(self.made_from.orders)

    def _overlay(self, key: str, document: Document | None) -> None:
        kind, number = key.split(":")
        if document is None:
            self.all("Customer" if kind == "Customer" else "Order").pop(int(number), None)
        else:
            self._put(document)

    def _put(self, document: Document) -> None:
        kind: Kind = document["kind"]
        self.all(kind)[document["id"]] = document
        self.version[kind] += 1
        if kind == "Order":
            self._enlist(document)

    def _enlist(self, order: Document) -> None:
        if order["customer"] is None:
            return
        bought = self._of_customer.setdefault(order["customer"], [])
        for place, other in enumerate(bought):
            if other["id"] == order["id"]:
                bought[place] = order
                return
        bought.append(order)


def seed_shop(
    customers: int = 1000,
    orders: int | None = None,
    seed: int = 1,
    *,
    now: datetime | None = None,
    clock: TwinClock | None = None,
    file: StateFile | None = None,
) -> Shop:
    """A deterministic shop, or the one that the file holds.

    Args:
        customers: How many.
        orders: How many; three a customer where left out.
        seed: Makes it repeatable.
        now: The day it is made on; left out, today.
        clock: Whose instants changes get.
        file: Where the seed and the changes are kept; an existing shop in it wins over the arguments.
    """
    clock = clock or TwinClock()
    file = file or StateFile(None)
    meta = file.documents("shopify.meta")
    if "seed" not in meta:
        at = (now or clock.now()).astimezone(UTC).replace(microsecond=0)
        made_from = Seed(customers, 3 * customers if orders is None else orders, seed, at.isoformat())
        meta["seed"] = asdict(made_from)
    return Shop(Seed(**meta["seed"]), clock, file.documents("shopify.changed"))


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


def public(shop: Shop, kind: Kind) -> Iterable[Document]:
    """All documents of a kind as dumps show them."""
    if kind == "Customer":
        return [public_customer(shop, customer) for customer in shop.customers.values()]
    return [public_order(order) for order in shop.orders.values()]
