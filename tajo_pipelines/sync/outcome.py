"""What a run did with a stream, as it is kept and shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tajo_pipelines.model.errors import Notice, TajoError
from tajo_pipelines.model.report import MoneySums, StreamReport
from tajo_pipelines.model.window import format_time
from tajo_pipelines.sync.lag import Lag


@dataclass(slots=True)
class Spent:
    """What a delivery cost at Brevo and what it brought there.

    Attributes:
        requests: By ``METHOD path``.
        used: Calls by bucket.
        too_many: Answers 429 by bucket.
        allowed: Calls an hour by bucket.
        contacts: Contacts written.
        orders: Orders accepted.
        products: Products accepted.
        events: Events sent, by name.
        imports: Ids of the imports.
        reblocked: Contacts blocked again because Brevo didn't hold an objection on record.
        letters: New letters.
    """

    requests: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)
    too_many: Counter[str] = field(default_factory=Counter)
    allowed: dict[str, int] = field(default_factory=dict)
    contacts: int = 0
    orders: int = 0
    products: int = 0
    events: Counter[str] = field(default_factory=Counter)
    imports: list[int] = field(default_factory=list)
    reblocked: int = 0
    letters: int = 0

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "requests": dict(self.requests),
            "used": dict(self.used),
            "too_many": dict(self.too_many),
            "allowed": self.allowed,
            "contacts": self.contacts,
            "orders": self.orders,
            "products": self.products,
            "events": dict(self.events),
            "imports": [str(number) for number in self.imports],
            "reblocked": self.reblocked,
            "letters": self.letters,
        }


@dataclass(slots=True)
class InboxNumbers:
    """What was done with deliveries of webhooks.

    Attributes:
        deliveries: Worked off.
        dead: Given up, each with a letter.
        ignored: Kept without being worked off.
        put_off: Tried, and to be tried again.
    """

    deliveries: int = 0
    dead: int = 0
    ignored: int = 0
    put_off: int = 0

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "deliveries": self.deliveries,
            "dead": self.dead,
            "ignored": self.ignored,
            "put_off": self.put_off,
        }


@dataclass(slots=True)
class Missed:
    """Changes of which no webhook told though one should have, found by a batch.

    Attributes:
        count: How many records.
        keys: Of the first ones.
    """

    count: int = 0
    keys: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"count": self.count, "keys": self.keys}


@dataclass(slots=True)
class Delivered:
    """What a delivery did with a stream.

    Attributes:
        report: The numbers, balanced.
        spent: What it cost.
        notices: What a person should know.
        batches: Batches that it worked off.
        inbox: What it did with deliveries of webhooks; None where it delivered batches.
        missed: What webhooks should have told before; None where that can't be said.
        lag: From the platform's own times to the sending.
    """

    report: StreamReport = field(default_factory=StreamReport)
    spent: Spent = field(default_factory=Spent)
    notices: list[Notice] = field(default_factory=list)
    batches: int = 0
    inbox: InboxNumbers | None = None
    missed: Missed | None = None
    lag: Lag = field(default_factory=Lag)


def error_document(error: TajoError) -> dict[str, Any]:
    """An error as it is kept with a run."""
    return {
        "code": error.code,
        "message": error.message,
        "where": error.where,
        "hint": error.hint,
        "exit_code": error.exit_code,
    }


def notice_document(notice: Notice) -> dict[str, str]:
    """A warning as it is kept with a run."""
    return {"code": notice.code, "message": notice.message, "where": notice.where}


def time_document(moment: datetime | None) -> str | None:
    """A time as RFC 3339, or None."""
    return format_time(moment) if moment is not None else None


def money_document(money: dict[str, MoneySums]) -> dict[str, dict[str, str]]:
    """Sums by currency as decimal texts with two places at least."""
    return {
        currency: {name: _amount(getattr(sums, name)) for name in ("gross", "refunded", "net")}
        for currency, sums in sorted(money.items())
    }


def _amount(value: Any) -> str:
    exponent = value.as_tuple().exponent
    return f"{value:.2f}" if not isinstance(exponent, int) or exponent > -2 else format(value, "f")
