"""What is remembered of carts: where a token leads, whose the cart is, and which carts are orders by now.

An online store's cart, its checkout and the order that comes of them are told of apart, in any order. What joins them
is kept among the states of source records: under ``carts`` by each key that an order may name, and under
``cart_tokens`` by token. Contacts stand in there as they were written, so that an erasure finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.identity import held_email
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.window import format_time, parse_time
from tajo_pipelines.sdk.webhooks import CartClosed

CARTS = "carts"
CART_TOKENS = "cart_tokens"

TOUCHED_AFTERWARDS = timedelta(days=1)
"""How long after its order a cart may still change: as much longer than the live window an order closes its cart."""

REMEMBERED = timedelta(days=90)
"""How long after its last change a cart is remembered: as long as Shopify keeps a checkout that nobody finished."""

_CLOSED = ("order", "completed")
"""Either of them in a cart's state means that it is one no more."""

State: TypeAlias = dict[str, Any]


def close_carts(state: AccountState, connection: str, closed: Sequence[CartClosed]) -> None:
    """Remember carts that became orders, by everything that they are known by: nothing is told of them any more."""
    marks: dict[str, State] = {
        key: {"order": item.order, "at": format_time(item.at)} for item in closed for key in item.keys
    }
    if not marks:
        return
    with state.transaction():
        leads = state.source_states(connection, CART_TOKENS, list(marks))
        checkouts = {lead["cart"]: marks[token] for token, lead in leads.items() if "cart" in lead}
        _mark(state, connection, checkouts | marks)


def closings_of(orders: Iterable[Order], since: datetime | None) -> list[CartClosed]:
    """What orders that were read say of the carts that they were.

    Args:
        orders: The orders.
        since: Those made earlier are left out: carts that old are history, whatever is known of them. None for all.
    """
    return [
        CartClosed(keys, order.id, order.created_at)
        for order in orders
        if (since is None or order.created_at >= since)
        and (keys := tuple(key for key in (order.cart_token, order.checkout_token) if key is not None))
    ]


def _mark(state: AccountState, connection: str, marks: Mapping[str, State]) -> None:
    known = state.source_states(connection, CARTS, list(marks))
    fresh = {key: _later(known.get(key, {}), mark) for key, mark in marks.items()}
    state.save_source_states(connection, CARTS, {key: one for key, one in fresh.items() if one != known.get(key)})


@dataclass(frozen=True, slots=True)
class CartMemory:
    """What is remembered of one connection's carts.

    Attributes:
        state: The account's state.
        connection: Name of the connection.
    """

    state: AccountState
    connection: str

    def learn(self, carts: Sequence[Cart], since: datetime | None) -> None:
        """Remember where tokens lead; and of a cart that is closed by one of its keys, that it is by all of them.

        Args:
            carts: Carts as they were told.
            since: Of carts that were paid earlier nothing is kept, unless a webhook told of them. None for no limit.
        """
        carried = [cart for cart in carts if cart.carried and not cart.by_token]
        paid = [cart for cart in carts if cart.completed_at and (since is None or cart.completed_at >= since)]
        with self.state.transaction():
            self._learn_leads(carried)
            self._spread([*carried, *paid])

    def _learn_leads(self, carts: Sequence[Cart]) -> None:
        known = self._states(CART_TOKENS, (token for cart in carts for token in _tokens(cart)))
        leads: dict[str, State] = {}
        for cart in carts:
            for token in _tokens(cart):
                leads[token] = _learned(leads.get(token, known.get(token, {})), cart)
        changed = {token: lead for token, lead in leads.items() if lead != known.get(token)}
        self.state.save_source_states(self.connection, CART_TOKENS, changed)

    def _spread(self, carts: Sequence[Cart]) -> None:
        known = self._states(CARTS, (key for cart in carts for key in cart.keys))
        marks: dict[str, State] = {}
        for cart in carts:
            found = (item for key in cart.keys for item in known.get(key, {}).items())
            mark = {name: value for name, value in found if name in _CLOSED}
            if cart.completed_at is not None:
                mark["completed"] = format_time(cart.completed_at)
            if mark:
                mark["at"] = format_time(cart.updated_at)
                marks |= {key: marks.get(key, {}) | mark for key in cart.keys}
        _mark(self.state, self.connection, marks)

    def closed(self, carts: Iterable[Cart]) -> set[str]:
        """Those of the carts' keys by which an order is known."""
        known = self._states(CARTS, (key for cart in carts for key in cart.keys))
        return {key for key, found in known.items() if any(name in found for name in _CLOSED)}

    def joined(self, carts: Sequence[Cart]) -> list[Cart | None]:
        """Carts that are known by their token alone, as forms of their checkouts; None where no checkout is known.

        That one was emptied is remembered: its checkout may come late.
        """
        leads = self._states(CART_TOKENS, (cart.id for cart in carts))
        unknown: dict[str, State] = {}
        for cart in carts:
            lead = unknown.get(cart.id, leads.get(cart.id, {}))
            if "cart" not in lead and (not cart.lines or "emptied" in lead):
                unknown[cart.id] = _emptied(lead, cart)
        self.state.save_source_states(self.connection, CART_TOKENS, unknown)
        return [_joined(cart, leads.get(cart.id, {})) for cart in carts]

    def emptied_early(self, carts: Iterable[Cart]) -> dict[str, datetime]:
        """By token, when these checkouts' carts were emptied while nothing was known of their checkouts."""
        known = self._states(CART_TOKENS, (token for cart in carts for token in _tokens(cart)))
        return {token: parse_time(lead["emptied"]) for token, lead in known.items() if "emptied" in lead}

    def read_at(self, keys: Iterable[str]) -> dict[str, datetime]:
        """Of what time the newest form of each cart is that was read, not carried."""
        return {key: parse_time(found["read"]) for key, found in self._states(CARTS, keys).items() if "read" in found}

    def note(self, carts: Sequence[Cart]) -> None:
        """Remember what has to be said when a cart is deleted, and of what time the form is that was read."""
        known = self._states(CARTS, (cart.id for cart in carts))
        states = {}
        for cart in carts:
            read = {} if cart.carried else {"read": format_time(cart.updated_at)}
            states[cart.id] = known.get(cart.id, {}) | _said(cart) | read | {"at": format_time(cart.updated_at)}
        self.state.save_source_states(self.connection, CARTS, states)

    def deleted(self, gone: Mapping[str, datetime]) -> list[Cart]:
        """Checkouts that were deleted, as forms without lines; of those that nothing was noted of, none.

        Args:
            gone: When each was deleted, by key.
        """
        known = self._states(CARTS, gone)
        return [_empty_form(key, found, gone[key]) for key, found in known.items() if "currency" in found]

    def forget(self, now: datetime) -> int:
        """Forget carts that nothing has been told of for long; how many names of carts are forgotten."""
        before = now - REMEMBERED
        return sum(self.state.forget_source_states(self.connection, stream, before) for stream in (CARTS, CART_TOKENS))

    def _states(self, stream: str, keys: Iterable[str]) -> dict[str, State]:
        return self.state.source_states(self.connection, stream, list(dict.fromkeys(keys)))


def _later(known: State, mark: State) -> State:
    """Both, with the later of their times."""
    times = [found["at"] for found in (known, mark) if "at" in found]
    return known | mark | {"at": max(times, key=parse_time)}


def _tokens(cart: Cart) -> Iterable[str]:
    return (token for token in (cart.token, cart.checkout_token) if token is not None)


def _said(cart: Cart) -> State:
    """What later events of a cart say that its later forms may not."""
    said = {
        "customer": cart.customer_id,
        "contact": held_email(cart.email) if cart.email else cart.phone,
        "currency": cart.currency,
        "created": format_time(cart.created_at),
        "url": cart.recovery_url,
    }
    return {name: value for name, value in said.items() if value}


def _learned(lead: Mapping[str, Any], cart: Cart) -> State:
    """A lead with what a form of its checkout says; what a newer form has said stays, and silence clears nothing."""
    fresh = {"cart": cart.id, "at": format_time(cart.updated_at), **_said(cart)}
    is_older = "at" in lead and cart.updated_at < parse_time(lead["at"])
    return {**fresh, **lead} if is_older else {**lead, **fresh}


def _emptied(lead: Mapping[str, Any], cart: Cart) -> State:
    """A token's lead with what a form of its cart says of its being empty, where that is the newest."""
    if "emptied" in lead and cart.updated_at <= parse_time(lead["emptied"]):
        return dict(lead)
    rest = {name: value for name, value in lead.items() if name != "emptied"}
    at = format_time(cart.updated_at)
    return rest if cart.lines else rest | {"emptied": at, "at": at}


def _joined(cart: Cart, lead: Mapping[str, Any]) -> Cart | None:
    if "cart" not in lead:
        return None
    currency = cart.currency or lead["currency"]
    return msgspec.structs.replace(
        cart, id=lead["cart"], created_at=parse_time(lead["created"]), currency=currency, **_owner(lead)
    )


def _empty_form(key: str, said: Mapping[str, Any], at: datetime) -> Cart:
    return Cart(
        id=key,
        currency=said["currency"],
        total=Decimal(0),
        created_at=parse_time(said["created"]),
        updated_at=at,
        carried=True,
        **_owner(said),
    )


def _owner(said: Mapping[str, Any]) -> dict[str, Any]:
    contact = said.get("contact")
    is_email = contact is not None and "@" in contact
    return {
        "customer_id": said.get("customer"),
        "email": contact if is_email else None,
        "phone": None if is_email else contact,
        "recovery_url": said.get("url"),
    }
