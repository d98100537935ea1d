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

_META = {"gross": "gross", "refunded": "refunded"}
_LEFT = "user"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure on both sides.

    Attributes:
        what: What is counted.
        shop: What the shop's own documents say.
        brevo: What Brevo holds.
        note: What else to know of it.
    """

    what: str
    shop: str
    brevo: str
    note: str = ""

    @property
    def equal(self) -> bool:
        """Whether both sides say the same."""
        return self.shop == self.brevo

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
    return sum(1 for contact in state["brevo"]["contacts"] if contact["causes"].get("email") == _LEFT)


def _people(state: State, left_before: int) -> list[Row]:
    shop, contacts = state["shopify"]["shop"], state["brevo"]["contacts"]
    customers, guests = shop["customers"], shop["guests"]
    from_customers = sum(1 for contact in contacts if _is_from(contact, "customers"))
    skipped = [
        f"{customers['total']} customers: {customers['no_identifier']} without address and number",
        f"{customers['invalid_email']} with an invalid address are left out",
    ]
    return [
        Row("customers who can be reached", str(customers["mappable"]), str(from_customers), ", ".join(skipped)),
        Row("guests of orders", str(guests["emails"] + guests["phones"]), str(len(contacts) - from_customers)),
        Row("people who had left Brevo, still blocked", str(left_before), str(left_at_brevo(state))),
    ]


def _is_from(contact: Mapping[str, Any], stream: str) -> bool:
    return stream in str(contact["attributes"].get("TAJO_SOURCES", ""))


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
    lists = {entry["name"]: entry.get("count") for entry in state["brevo"]["lists"]}
    return {
        "shop": dict(state["shopify"]["shop"]["email_consent"]),
        "brevo": {
            "contacts": totals["contacts"],
            "mailable": totals["mailable contacts"],
            "blocked": totals["blocked contacts"],
        },
        "lists": lists,
    }


def show_comparison(screen: Console, rows: Iterable[Row], consent: Document) -> None:
    """Draw both sides."""
    table = Table("", "shop", "Brevo", "", "", title="The shop beside Brevo", title_justify="left", box=None)
    for name in ("shop", "Brevo"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for row in rows:
        mark = "✓" if row.equal else "✗"
        table.add_row(row.what, _shown(row.shop), _shown(row.brevo), mark, row.note)
    screen.print(table)
    screen.print()
    states = ", ".join(f"{count} {state.replace('_', ' ').lower()}" for state, count in consent["shop"].items())
    brevo = consent["brevo"]
    screen.print(f"E-mail consent in the shop: {states}")
    screen.print(
        f"At Brevo: {brevo['contacts']:,} contacts, {brevo['mailable']:,} mailable, {brevo['blocked']:,} blocked"
    )


def _shown(value: str) -> str:
    return grouped(value)
