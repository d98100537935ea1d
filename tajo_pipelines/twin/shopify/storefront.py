"""The online store: carts that no query shows, and the checkouts and orders that come of them.

A checkout can be queried once it is abandoned: nobody touched it for ten minutes, and somebody is known who could be
written to. Until then, and of a cart at any time, webhooks alone tell.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from typing import Any

from tajo_pipelines.twin.half import ChangeError
from tajo_pipelines.twin.shopify import commerce_changes, orders, seed_carts, views
from tajo_pipelines.twin.shopify.facts import reachable
from tajo_pipelines.twin.shopify.orders import Draft
from tajo_pipelines.twin.shopify.shop import Document, Shop, public_cart, public_order
from tajo_pipelines.twin.state_file import Documents

Arguments = dict[str, Any]

ABANDONED_AFTER = 600
"""Seconds of the twin's clock."""

_NUMBERS_FROM = 1_000_000
"""Running numbers of checkouts of the store lie above those of all others."""


class Storefront:
    """The operations; a cart is named by its ``token``, a checkout by ``checkout``: id or token."""

    def __init__(self, shop: Shop, documents: Documents) -> None:
        """Sell what this shop has, and keep carts and young checkouts in these documents."""
        self._shop = shop
        self._documents = documents
        self._meta: Document = documents.setdefault("meta", {"made": 0})
        self._due: list[tuple[float, str, str]] = []
        for key, document in documents.items():
            if key.startswith("checkout "):
                self._watch(key, document)
        self.ops: Mapping[str, Callable[[Arguments], Document]] = {
            "fill_cart": self._fill_cart,
            "change_cart": self._change_cart,
            "empty_cart": self._empty_cart,
            "begin_checkout": self._begin_checkout,
            "change_checkout": self._change_checkout,
            "complete_checkout": self._complete_checkout,
            "buy": self._buy,
        }

    def young(self) -> list[Document]:
        """Checkouts that aren't abandoned yet."""
        return [document for key, document in self._documents.items() if key.startswith("checkout ")]

    def carts(self) -> list[Document]:
        """Carts that no order was made of."""
        return [document for key, document in self._documents.items() if key.startswith("cart ")]

    def summary(self) -> Document:
        """For the twin's state.

        How many carts and young checkouts there are, how many of these somebody who can be written to has filled, and
        the checkouts that orders came of.
        """
        young, customers = self.young(), self._shop.customers
        ordered = (order.get("checkout") for order in self._shop.orders.values())
        return {
            "carts": len(self.carts()),
            "checkouts": len(young),
            "filled": sum(bool(each["items"]) and reachable(customers.get(each["customer"])) for each in young),
            "ordered": [str(checkout) for checkout in ordered if checkout is not None],
        }

    def settle(self) -> None:
        """Let checkouts become abandoned that nobody has touched for long."""
        now = self._shop.clock.seconds()
        while self._due and self._due[0][0] <= now:
            _, key, touched = heapq.heappop(self._due)
            document = self._documents.get(key)
            if document is not None and document["updatedAt"] == touched:
                del self._documents[key]
                self._shop.save(document, at=touched, told=False)

    def _fill_cart(self, arguments: Arguments) -> Document:
        """A cart of ``lines`` as in create_order; answers its ``token``."""
        number = self._number()
        cart = {
            **self._priced(number, arguments.get("lines") or [{}]),
            "kind": "Cart",
            "cartToken": views.token("store cart", number),
        }
        return self._kept_cart(None, cart)

    def _change_cart(self, arguments: Arguments) -> Document:
        """Its ``lines``, or the ``quantity`` of its first one."""
        before = self._cart(arguments)
        return self._kept_cart(before, self._refilled(before, arguments))

    def _empty_cart(self, arguments: Arguments) -> Document:
        """Takes all lines out of it."""
        return self._change_cart({**arguments, "lines": []})

    def _begin_checkout(self, arguments: Arguments) -> Document:
        """Of a cart (``token``) or ``lines``, by a ``customer`` (id), a guest (``email``, ``phone``) or nobody yet."""
        if arguments.get("token") is None:
            arguments = {**arguments, "token": self._fill_cart(arguments)["cart"]["token"]}
        cart = self._cart(arguments)
        if any(each["cartToken"] == cart["cartToken"] for each in self.young()):
            raise ChangeError("a checkout of that cart was begun already; change_checkout goes on with it")
        number = self._number()
        checkout = {
            **{name: value for name, value in cart.items() if name not in ("kind", "createdAt")},
            "kind": "AbandonedCheckout",
            "id": seed_carts.cart_id(_NUMBERS_FROM + number),
            "token": views.token("store checkout", number),
            "createdAt": self._shop.now(),
            "completedAt": None,
            **self._buyer(arguments),
        }
        return self._kept_checkout(None, checkout)

    def _change_checkout(self, arguments: Arguments) -> Document:
        """Who buys, ``lines`` or ``quantity``; touches it where nothing is given."""
        before = self._checkout(arguments)
        return self._kept_checkout(before, {**self._refilled(before, arguments), **self._buyer(arguments)})

    def _complete_checkout(self, arguments: Arguments) -> Document:
        """It is paid and becomes an order that names cart and checkout; further arguments as in create_order."""
        before = self._checkout(arguments)
        if before["completedAt"] is not None or not before["items"]:
            raise ChangeError("the checkout is empty, or paid already")
        self._kept_checkout(before, {**before, "completedAt": self._shop.now()})
        self._documents.pop(f"checkout {before['id']}", None)
        self._documents.pop(f"cart {views.cart_token(before)}", None)
        order = self._order(before, arguments)
        self._shop.save(order)
        if order["customer"] in self._shop.customers:
            self._shop.save(self._shop.edit("Customer", order["customer"]))
        return {"order": public_order(order), "checkout": self._public(before)}

    def _buy(self, arguments: Arguments) -> Document:
        """All at once: a cart is filled, a checkout begun and paid."""
        begun = self._begin_checkout(arguments)
        return self._complete_checkout({**arguments, "checkout": begun["checkout"]["id"]})

    def _order(self, checkout: Document, arguments: Arguments) -> Document:
        owner = self._shop.customers.get(checkout["customer"], {})
        draft = Draft(
            number=self._shop.next_number("Order"),
            at=self._shop.now(),
            bought=[orders.bought_of(self._shop.products, item) for item in checkout["items"]],
            customer=checkout["customer"],
            email=checkout.get("email") or owner.get("email"),
            phone=checkout.get("phone") or (None if owner.get("email") else owner.get("phone")),
            locale=owner.get("locale", "de"),
            accepts_marketing=bool(checkout.get("acceptsMarketing")),
            paid=int(arguments.get("paid", 100)),
            test=bool(arguments.get("test", False)),
            shipping=checkout["shipping"][0],
            billing=checkout["billing"],
            ship_to=checkout["shipTo"],
        )
        named = {"checkout": checkout["id"], "cartToken": views.cart_token(checkout)}
        return {**orders.make(draft), **named, "checkoutToken": views.checkout_token(checkout)}

    def _buyer(self, arguments: Arguments) -> Document:
        found: Document = {name: arguments[name] for name in ("email", "phone") if name in arguments}
        if arguments.get("customer") is not None:
            owner = commerce_changes.by_id(self._shop, "Customer", arguments["customer"])
            postal = next(iter(owner["addresses"]), None)
            found |= {"customer": owner["id"], "billing": postal, "shipTo": postal}
        if "accepts_marketing" in arguments:
            found["acceptsMarketing"] = bool(arguments["accepts_marketing"])
        return found

    def _priced(self, number: int, lines: list[Mapping[str, Any]]) -> Document:
        draft = Draft(
            number=_NUMBERS_FROM + number,
            at=self._shop.now(),
            bought=[commerce_changes.bought(self._shop, line) for line in lines],
            shipping=0,
        )
        return seed_carts.new_cart(draft.number, draft, updated=draft.at, completed=None)

    def _refilled(self, before: Document, arguments: Arguments) -> Document:
        """A copy with other lines, priced anew."""
        if arguments.get("lines") is not None:
            fresh = self._priced(self._number(), arguments["lines"])
            return {**before, "items": fresh["items"], "totals": fresh["totals"]}
        changed = {**before, "items": [dict(item) for item in before["items"]]}
        if arguments.get("quantity") is not None:
            if not changed["items"]:
                raise ChangeError("it has no lines")
            changed["items"][0]["quantity"] = int(arguments["quantity"])
            seed_carts.price(changed)
        return changed

    def _kept_cart(self, before: Document | None, cart: Document) -> Document:
        cart["updatedAt"] = self._shop.now()
        self._documents[f"cart {cart['cartToken']}"] = cart
        self._tell(before, cart)
        return {"cart": {"token": cart["cartToken"], "items": cart["items"], "updatedAt": cart["updatedAt"]}}

    def _kept_checkout(self, before: Document | None, checkout: Document) -> Document:
        """Store a checkout where it belongs, and tell of it."""
        key = f"checkout {checkout['id']}"
        if before is not None and key not in self._documents:
            self._shop.save(checkout)
        else:
            checkout["updatedAt"] = self._shop.now()
            self._documents[key] = checkout
            self._watch(key, checkout)
            self._tell(before, checkout)
        return {"checkout": self._public(checkout)}

    def _public(self, checkout: Document) -> Document:
        tokens = {"token": views.checkout_token(checkout), "cartToken": views.cart_token(checkout)}
        return {**public_cart(self._shop, checkout), **tokens}

    def _watch(self, key: str, checkout: Document) -> None:
        """Remember when it becomes abandoned, where somebody could be written to."""
        if checkout["customer"] is None and not (checkout.get("email") or checkout.get("phone")):
            return
        due = self._shop.clock.seconds() + self._shop.clock.scaled(ABANDONED_AFTER)
        heapq.heappush(self._due, (due, key, checkout["updatedAt"]))

    def _tell(self, before: Document | None, after: Document) -> None:
        if self._shop.watcher is not None:
            self._shop.watcher.changed(before, after)

    def _cart(self, arguments: Arguments) -> Document:
        found: Document | None = self._documents.get(f"cart {arguments.get('token')}")
        if found is None:
            raise ChangeError(f"no cart has the token {arguments.get('token')}")
        return found

    def _checkout(self, arguments: Arguments) -> Document:
        wanted = str(arguments.get("checkout")).rsplit("/", 1)[-1]
        for document in (*self.young(), *self._shop.carts.values()):
            if wanted in (str(document["id"]), views.checkout_token(document)):
                return document
        raise ChangeError(f"no checkout has the id or token {wanted}")

    def _number(self) -> int:
        self._meta["made"] += 1
        self._documents.touch("meta")
        return int(self._meta["made"])
