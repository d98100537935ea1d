"""What Brevo must hold for a shop, reckoned from the shop alone and without any of the code under test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tajo_pipelines_tests.e2e.project import Project


@dataclass(slots=True)
class Expected:
    """Who and what must be there.

    Attributes:
        emails: Addresses of contacts.
        phones: Numbers of people without an address.
        granted: Addresses whose customer calls itself subscribed.
        yeses: Addresses for which there is a yes of any kind, a ticked box included.
        amounts: Orders' amounts by id.
    """

    emails: set[str] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    granted: set[str] = field(default_factory=set)
    yeses: set[str] = field(default_factory=set)
    amounts: dict[str, Decimal] = field(default_factory=dict)


def expected(project: Project) -> Expected:
    """From the shop as it is now."""
    found = Expected()
    addresses = {customer["id"]: customer["email"].lower() for customer in project.people() if customer["emailValid"]}
    found.emails = set(addresses.values())
    for customer in project.people():
        address = addresses.get(customer["id"])
        if address is None and good_phone(customer["phone"]):
            found.phones.add(customer["phone"])
        if address is not None and customer["emailState"] == "SUBSCRIBED":
            found.granted.add(address)
    found.yeses = set(found.granted)
    for order in shop_orders(project):
        if order["identity"] == "sent":
            _add_order(found, order, addresses.get(order["customer"]))
    return found


def _add_order(found: Expected, order: dict[str, Any], customer: str | None) -> None:
    found.amounts[str(order["id"])] = Decimal(order["brevoAmount"])
    address = customer or (order["email"] or "").lower()
    if "@" in address:
        found.emails.add(address)
    elif order["customer"] is None:
        found.phones.add(order["phone"])
    if order["acceptsMarketing"]:
        found.yeses.add((order["email"] or "").lower())


def shop_orders(project: Project) -> list[dict[str, Any]]:
    """The shop's orders, each with its class and its worth."""
    from tajo_pipelines.twin.shopify.shop import public

    return project.twin.call(lambda: [dict(order) for order in public(project.twin.shopify.shop, "Order")])


def good_phone(text: str | None) -> bool:
    """Whether the shop's people would take the text for a number."""
    return text is not None and text.startswith("+") and text[1:].isdigit() and len(text) > 10


def assert_consent_holds(project: Project, left: Iterable[str]) -> None:
    """Whoever left is blocked; whoever said yes and never no is mailable and subscribed; nobody else is mailable."""
    wanted, held, subscribers = expected(project), project.contacts(), project.list_id()
    gone = set(left)
    assert [email for email in gone if not held[email]["emailBlacklisted"]] == []
    assert [email for email in gone if subscribers in held[email]["listIds"]] == []
    welcome = wanted.granted - gone
    assert [email for email in welcome if held[email]["emailBlacklisted"]] == []
    assert [email for email in welcome if subscribers not in held[email]["listIds"]] == []
    mailable = {email for email, contact in held.items() if not contact["emailBlacklisted"]}
    invented = {email for email in mailable if email.endswith("@mailin-sms.com")}
    assert mailable - invented <= wanted.yeses - gone
