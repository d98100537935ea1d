"""What happens in the demo's shop while one looks: people come, say yes, fill carts and buy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, cycle
from typing import Any

import requests

from tajo_pipelines.model.errors import RetryableError

_TIMEOUT = 30
_PEOPLE = (
    ("Ana", "Lindner"),
    ("Bela", "Novak"),
    ("Clara", "Sommer"),
    ("Deniz", "Kaya"),
    ("Emil", "Berg"),
    ("Fatma", "Yilmaz"),
    ("Greta", "Hansen"),
    ("Hugo", "Moreau"),
)
_CONSENT = ("customers", "set_consent")
_CUSTOMER = ("customers", "update_customer")
_CHECKOUT = ("carts", "begin_checkout")
_BUYS = ("orders", "complete_checkout")
_ANSWERS = {"customers": "customer", "orders": "order", "products": "product", "carts": "checkout"}
"""What the stand-in calls the record that it changed, by stream."""

_WARES = ("Desk lamp", "Notebook", "Fountain pen", "Paper tray", "Wall clock")


@dataclass(slots=True)
class Happening:
    """One change of the shop.

    Attributes:
        what: In words.
        stream: The stream of the record that it is about.
        key: That record's key.
        at: When it was made, by this machine's clock.
        received_at: When the first webhook about it was received.
        delivered_at: When a run that had read it had Brevo's answer.
    """

    what: str
    stream: str
    key: str
    at: datetime
    received_at: datetime | None = None
    delivered_at: datetime | None = None

    @property
    def seconds(self) -> float | None:
        """From the change to Brevo's answer."""
        return None if self.delivered_at is None else (self.delivered_at - self.at).total_seconds()


class Changes:
    """Changes of a stand-in's shop, one after the other."""

    def __init__(self, shopify_url: str) -> None:
        """Change the shop at this address."""
        self._url = f"{shopify_url}/_twin/change"
        self._story = self._tell()

    def next(self) -> Happening:
        """Let the next thing happen.

        Raises:
            RetryableError: The stand-in doesn't answer, or refuses it.
        """
        return next(self._story)

    def _tell(self) -> Iterator[Happening]:
        began = f"{datetime.now(UTC):%y%m%d%H%M%S}"
        for number, (first, last), ware in zip(count(1), cycle(_PEOPLE), cycle(_WARES), strict=False):
            email = f"{first}.{last}.{began}.{number}@example.com".lower()
            named = {"firstName": first, "lastName": last, "email": email}
            registers = self._make(f"{first} {last} registers", "customers", "create_customer", fields=named)
            yield registers
            customer = int(registers.key)
            yield self._make(f"{first} subscribes to the newsletter", *_CONSENT, id=customer, state="SUBSCRIBED")
            lines = [{"title": ware, "cents": 2490}]
            checkout = self._make(f"{first} at the checkout: {ware}", *_CHECKOUT, customer=customer, lines=lines)
            yield checkout
            title = f"{ware}, edition {number}"
            yield self._make(f"new in the shop: {title}", "products", "create_product", title=title, cents=2690)
            if number % 2:
                yield self._make(f"{first} buys: {ware}", *_BUYS, checkout=checkout.key)
            yield self._make(f"{first}'s name is Winter now", *_CUSTOMER, id=customer, fields={"lastName": "Winter"})

    def _make(self, what: str, stream: str, op: str, **arguments: Any) -> Happening:
        at = datetime.now(UTC)
        try:
            answer = requests.post(self._url, json={"target": "shopify", "op": op, **arguments}, timeout=_TIMEOUT)
            document = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise RetryableError("the stand-in of the shop doesn't answer", code="unreachable") from error
        if not answer.ok:
            raise RetryableError(f"the stand-in of the shop refuses: {document.get('message')}", code="refused")
        return Happening(what, stream, str(document[_ANSWERS[stream]]["id"]), at)
