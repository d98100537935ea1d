"""What the demo's shop holds beside what arrived at Brevo, equal to the cent or not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from tajo_pipelines.cli.documents import Document
from tajo_pipelines.cli.sync_screen import grouped

State = Mapping[str, Any]
"""What ``GET /_twin/state`` answers."""

_LEFT = "user"
"""Cause of a block that the person made."""

_STATUSES = ("active", "archived", "draft", "unlisted")
"""Of products at Shopify."""

_EXACT = {
    "cart_updated": "cart_updated",
    "customer_created": "customer_created",
    "order_placed": "order_placed",
    "order_completed": "order_placed",
}
"""Events and what in the shop causes them, of which each cause within the last day is told on every path.

What else befalls an order is told only of orders that were new to Brevo within that day, or known to it before.
"""

_PHONE_ONLY = "@mailin-sms.com"
"""What Brevo calls contacts without address (help.brevo.com, contacts with only a phone number)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure on both sides.

    Attributes:
        what: What is counted.
        shop: What the shop's own documents say.
        brevo: What Brevo holds.
        note: What else to know of it.
        same: Whether both sides mean the same, where equal figures don't say so.
    """

    what: str
    shop: str
    brevo: str
    note: str = ""
    same: bool = True

    @property
    def equal(self) -> bool:
        """Whether both sides say the same."""
        return self.same and self.shop == self.brevo

    def document(self) -> Document:
        """As JSON."""
        return {"what": self.what, "shop": self.shop, "brevo": self.brevo, "equal": self.equal, "note": self.note}


def compare(state: State, left_before: int) -> list[Row]:
    """The figures that must agree.

    Args:
        state: Both sides.
        left_before: How many people had unsubscribed at Brevo before Tajo came.
    """
    return [*_people(state, left_before), *_orders(state), *_products(state), *_events(state)]


def left_at_brevo(state: State) -> int:
    """How many people are blocked at Brevo because they left there themselves."""
    return sum(1 for contact in state["brevo"]["contacts"] if _has_left(contact))


def _people(state: State, left_before: int) -> list[Row]:
    shop, contacts = state["shopify"]["shop"], state["brevo"]["contacts"]
    customers, guests = shop["customers"], shop["guests"]
    reachable = customers["mappable"] + guests["emails"] + guests["phones"]
    left_out = f"{customers['no_identifier']} no identifier, {customers['invalid_email']} invalid e-mail"
    granted = set(state["shopify"]["said_yes"]) - {contact["email"] for contact in contacts if _has_left(contact)}
    mailable = {contact["email"] for contact in contacts if _mailable(contact)}
    return [
        Row(
            "people: customers and guests",
            str(reachable),
            str(len(contacts)),
            f"{customers['total']} customers, {guests['emails'] + guests['phones']} guests; left out: {left_out}",
        ),
        Row(
            "said yes to e-mail and never left",
            str(len(granted)),
            str(len(mailable)),
            f"not the same people: {len(granted ^ mailable)}" if granted ^ mailable else "mailable at Brevo",
            same=granted == mailable,
        ),
        Row("had left at Brevo, are still blocked", str(left_before), str(left_at_brevo(state))),
    ]


def _has_left(contact: Mapping[str, Any]) -> bool:
    return bool(contact["causes"].get("email") == _LEFT)


def _mailable(contact: Mapping[str, Any]) -> bool:
    """Whether mail may go out to an address of the contact's own, not to the one that stands for a phone."""
    return "email" not in contact["causes"] and not contact["email"].endswith(_PHONE_ONLY)


def _orders(state: State) -> list[Row]:
    kept = state["brevo"]["orders"]
    rows: list[Row] = []
    for currency, classes in state["shopify"]["shop"]["money"].items():
        sent = classes["sent"]
        left_out = ", ".join(
            f"{each['orders']} {name.replace('_', ' ')} ({grouped(each['net'])})"
            for name, each in classes.items()
            if name != "sent"
        )
        rows += [
            Row("orders", str(sent["orders"]), str(len(kept)), f"left out: {left_out}"),
            Row(f"gross, {currency}", sent["gross"], _sum(order["metaInfo"]["gross"] for order in kept)),
            Row(f"refunded, {currency}", sent["refunded"], _sum(order["metaInfo"]["refunded"] for order in kept)),
            Row(f"net, {currency}", sent["net"], _sum(order["amount"] for order in kept)),
        ]
    return rows


def _products(state: State) -> list[Row]:
    """Products as Brevo keeps them: a product and each of its variants, and the categories that they name."""
    shop = state["shopify"]["shop"]["products"]
    kept = [product for product in state["brevo"]["products"] if not product.get("isDeleted")]
    parents = [product for product in kept if not product.get("parentId")]
    statuses = Counter(product["metaInfo"]["status"] for product in parents)
    named = {number for product in kept for number in product.get("categories", ())}
    categories = sum(category["id"] in named for category in state["brevo"]["categories"])
    told = {name: shop[name] for name in _STATUSES if shop[name] or statuses[name]}
    return [
        Row(
            "products",
            str(shop["total"]),
            str(len(parents)),
            ", ".join(f"{count} {name}" for name, count in told.items()),
            same=all(statuses[name] == count for name, count in told.items()),
        ),
        Row("variants", str(shop["variants"]), str(len(kept) - len(parents))),
        Row("categories", str(shop["categories"]), str(categories)),
    ]


def _events(state: State) -> list[Row]:
    """What happened within the last day, and what Brevo was told of it; what is older starts no automation."""
    facts, carts = state["shopify"]["shop"], state["shopify"]["shop"]["carts"]
    since = datetime.fromisoformat(facts["day_since"])
    told: dict[str, set[str]] = defaultdict(set)
    for stored in state["brevo"]["events"]:
        event = stored["event"]
        if datetime.fromisoformat(event["event_date"]) >= since:
            told[event["event_name"]].add(str(event["event_properties"]["id"]))
    # What an order came of is no cart any more, whether Brevo had been told of it or not.
    store = state["shopify"]["store"]
    told["cart_updated"] -= {f"cart:{number}" for number in store["ordered"]}
    happened = facts["events"] | {"cart_updated": facts["events"]["cart_updated"] + store["filled"]}
    left_out = {"recovered": "recovered", "old": "older", "no_customer": "of nobody", "no_identifier": "unreachable"}
    others = [
        f"{len(ids)} {name}" for name, ids in sorted(told.items()) if name.startswith("order_") and name not in _EXACT
    ]
    notes = {
        "cart_updated": f"{carts['total']} carts; left out: "
        + ", ".join(f"{carts[name]} {words}" for name, words in left_out.items()),
        "order_placed": f"of the same orders: {', '.join(others)}" if others else "",
    }
    rows = [
        Row(f"{name}, last 24 h", str(happened[cause]), str(len(told[name])), notes.get(name, ""))
        for name, cause in _EXACT.items()
    ]
    return [*rows, Row("events that came twice", "0", str(state["brevo"]["totals"]["events doubled"]))]


def _sum(amounts: Iterable[Any]) -> str:
    return f"{sum((Decimal(str(amount)) for amount in amounts), Decimal(0)):.2f}"


def consent_figures(state: State) -> Document:
    """Consent on both sides: the shop's states, and whom Brevo lets be mailed."""
    totals = state["brevo"]["totals"]
    return {
        "shop": dict(state["shopify"]["shop"]["email_consent"]),
        "brevo": {
            "contacts": totals["contacts"],
            "mailable": totals["mailable contacts"],
            "blocked": totals["blocked contacts"],
        },
    }


def show_comparison(screen: Console, rows: Iterable[Row], consent: Document) -> None:
    """Draw both sides."""
    table = Table(title="The shop beside Brevo", title_justify="left", title_style="bold", box=None)
    table.add_column("")
    table.add_column("shop", justify="right", no_wrap=True)
    table.add_column("Brevo", justify="right", no_wrap=True)
    table.add_column("")
    table.add_column("")
    for row in rows:
        table.add_row(row.what, grouped(row.shop), grouped(row.brevo), "✓" if row.equal else "✗", row.note)
    screen.print(table)
    screen.print()
    states = ", ".join(f"{count} {state.replace('_', ' ').lower()}" for state, count in consent["shop"].items())
    brevo = consent["brevo"]
    screen.print(f"E-mail consent in the shop: {states}")
    screen.print(
        f"At Brevo: {brevo['contacts']:,} contacts, {brevo['mailable']:,} not blocked for e-mail, "
        f"{brevo['blocked']:,} blocked"
    )
