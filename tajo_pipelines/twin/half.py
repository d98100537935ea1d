"""What the two halves of the twin share: their options, the log of calls, and what each one offers.

A half is a package with a module ``app`` that has ``build(parts: TwinParts) -> Half``; the server
finds it by its name in ``server.HALVES``. The Shopify half is a ``Shop``, so that Brevo can start
with the people who left it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from starlette.types import ASGIApp

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.exchanges import Exchanges
from tajo_pipelines.twin.faults import Faults
from tajo_pipelines.twin.state_file import StateFile

DEFAULT_BREVO_KEY = "twin-brevo-key"
DEFAULT_ORGANIZATION = "5f0d8a6e4c1b2a0011twin01"
UNKNOWN = "(no such endpoint)"


class ChangeError(ValueError):
    """A change ordered by ``POST /_twin/change`` that can't be made; the message says why."""


@dataclass(slots=True)
class TwinOptions:
    """With what a twin starts; options of the starting state count only while its home is empty.

    Attributes:
        customers: Customers of the seeded shop.
        seed: Makes the shop repeatable.
        orders: Orders of the seeded shop; three a customer where left out.
        products: Products of the seeded shop; one for five customers where left out, 20 at least.
        tier: Brevo's rate limits: general, advanced, extended or unlimited.
        brevo_keys: Accepted api keys, each with the organization_id that it answers for.
        brevo_lists: Names of lists that exist at the start, ids from 1 on.
        brevo_unsubscribed: E-mail addresses that have unsubscribed at Brevo before the start;
            None asks the shop.
        brevo_ecommerce: Whether e-commerce is active at the start.
        brevo_currency: Display currency at the start, None for none.
    """

    customers: int = 1000
    seed: int = 1
    orders: int | None = None
    products: int | None = None
    tier: str = "general"
    brevo_keys: dict[str, str] = field(default_factory=lambda: {DEFAULT_BREVO_KEY: DEFAULT_ORGANIZATION})
    brevo_lists: list[str] = field(default_factory=list)
    brevo_unsubscribed: list[str] | None = None
    brevo_ecommerce: bool = True
    brevo_currency: str | None = "EUR"


@dataclass(slots=True)
class Call:
    """One call as received; the half fills ``template``, ``bucket`` and ``detail``.

    Attributes:
        number: Rises by one a call, from 1.
        at: When it came, RFC 3339.
        target: ``brevo`` or ``shopify``.
        method: HTTP method.
        path: Path as sent, without the query.
        query: Query as sent.
        template: Path with its parameters named, as in the vendor's documentation.
        status: Status answered; 0 where the connection was cut first.
        bucket: Name of the rate limit that it counted in.
        bytes: Size of the request's body.
        detail: What the half adds, such as a GraphQL operation's name.
        fault: Action of the fault that hit it.
    """

    number: int
    at: str
    target: str
    method: str
    path: str
    query: str
    template: str | None = None
    status: int = 0
    bucket: str | None = None
    bytes: int = 0
    detail: str | None = None
    fault: str | None = None


class CallLog:
    """The last calls, and counts of all since the start.

    Attributes:
        exchanges: Bodies of the last ones.
    """

    def __init__(self, keep: int = 50_000) -> None:
        """Keep the last ``keep`` calls."""
        self._calls: deque[Call] = deque(maxlen=keep)
        self._counts: dict[str, Counter[str]] = {}
        self._too_many: Counter[str] = Counter()
        self._number = 0
        self.exchanges = Exchanges()

    def begin(self, target: str, method: str, path: str, query: str, at: datetime) -> Call:
        """A new call; it enters the log by ``end``."""
        self._number += 1
        return Call(self._number, rfc3339(at), target, method, path, query)

    def end(self, call: Call) -> None:
        """Keep a call that was answered or cut."""
        self._calls.append(call)
        counter = self._counts.setdefault(call.target, Counter())
        counter[f"{call.method} {call.template or UNKNOWN}"] += 1
        if call.status == 429:
            self._too_many[call.target] += 1

    def counts(self, target: str) -> dict[str, int]:
        """Calls by ``METHOD /path-template``."""
        return dict(sorted(self._counts.get(target, Counter()).items()))

    def too_many(self, target: str) -> int:
        """How often 429 was answered."""
        return self._too_many[target]

    def newest(self) -> Iterator[Call]:
        """The kept calls, the last one that ended first."""
        return reversed(self._calls)

    def since(self, number: int, target: str | None = None) -> list[dict[str, Any]]:
        """Calls after that number, oldest first."""
        return [
            asdict(call) for call in self._calls if call.number > number and (target is None or call.target == target)
        ]


@dataclass(slots=True)
class TwinParts:
    """What a half is built from; both halves of a twin get the same objects."""

    clock: TwinClock
    file: StateFile
    faults: Faults
    calls: CallLog
    options: TwinOptions


class Half(Protocol):
    """One vendor's stand-in."""

    @property
    def name(self) -> str:
        """``brevo`` or ``shopify``."""
        ...

    @property
    def app(self) -> ASGIApp:
        """The vendor's API; control routes, faults and the log are put around it by the server.

        It finds its ``Call`` under ``scope["twin.call"]``.
        """
        ...

    def settle(self) -> None:
        """Do what has become due (processes, batches); called 10 times a second and before a look."""
        ...

    def summary(self) -> dict[str, Any]:
        """The half's part of ``GET /_twin/state``; counts of calls are added by the server."""
        ...

    def totals(self) -> Mapping[str, int | str]:
        """A few figures for the page."""
        ...

    def change(self, op: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do what a person or the world would do at the vendor, such as an unsubscription.

        Raises:
            ChangeError: Unknown op, or one that doesn't fit the state.
        """
        ...


@runtime_checkable
class Shop(Half, Protocol):
    """A half that knows who has left Brevo before the start."""

    def brevo_unsubscribed_emails(self) -> Sequence[str]:
        """Addresses of the shop's customers that are unsubscribed at Brevo when the twin starts."""
        ...


@runtime_checkable
class SeededByShop(Half, Protocol):
    """A half whose starting state needs the shop's."""

    def seed_unsubscribed(self, emails: Sequence[str]) -> None:
        """Put unsubscribed contacts into an empty account; does nothing to one that has contacts."""
        ...


@runtime_checkable
class Closes(Protocol):
    """A half that has more to end than its answers."""

    def close(self) -> None:
        """End it; called once nobody is answered any more."""
        ...


def rfc3339(at: datetime) -> str:
    """An aware instant as text in UTC with milliseconds and Z."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
