"""What the demo's shop holds beside what arrived at Brevo, equal to the cent or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
    return [*_people(state, left_before), *_orders(state)]


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
