"""All tabs of the page, and the one way in which they are shown."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from tajo_pipelines.twin.brevo.state import Account
from tajo_pipelines.twin.half import Call, Half, TwinParts
from tajo_pipelines.twin.pages import brevo_tabs, shop_tabs
from tajo_pipelines.twin.pages.looking import Look, Values, holds, moment, paged, plain, pretty

_LEAST_AGE = 1.0
_COST_SHARE = 20.0
"""Figures that take long to count are kept for that many times as long."""

BREVO_TABS: Mapping[str, Callable[[Account, Look], Values]] = {
    "contacts": brevo_tabs.contacts,
    "lists": brevo_tabs.lists,
    "blocklist": brevo_tabs.blocklist,
    "events": brevo_tabs.events,
    "orders": brevo_tabs.orders,
    "products": brevo_tabs.products,
    "categories": brevo_tabs.categories,
    "imports": brevo_tabs.imports,
}
"""Tabs about one account, in their order."""

TABS = ("overview", *BREVO_TABS, "calls", "limits", "shop", "faults")


@dataclass(slots=True)
class _Figures:
    """Totals of a half, and until when they are good."""

    totals: Mapping[str, int | str]
    until: float


class Site:
    """Makes the pages; the halves are looked at between two requests, never changed."""

    def __init__(self, halves: Mapping[str, Half], parts: TwinParts) -> None:
        """A site about these halves."""
        self._halves = halves
        self._parts = parts
        self._figures: dict[str, _Figures] = {}
        self._templates = Environment(
            loader=PackageLoader("tajo_pipelines.twin", "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"moment": moment, "plain": plain, "pretty": pretty}
        self._own: Mapping[str, Callable[[Look], Values]] = {
            "overview": self._overview,
            "calls": self._calls,
            "limits": self._limits,
            "shop": self._shop,
            "faults": self._faults,
        }

    @property
    def tabs(self) -> tuple[str, ...]:
        """The tabs that the running halves have something to say about."""
        without = ({*BREVO_TABS} if "brevo" not in self._halves else set()) | (
            {"shop"} if "shopify" not in self._halves else set()
        )
        return tuple(tab for tab in TABS if tab not in without)

    def answer(self, query: Mapping[str, str]) -> Response:
        """The page that a browser asks for; an unknown tab is 404."""
        tab = query.get("tab", TABS[0])
        if tab not in self.tabs:
            return HTMLResponse(f"<!doctype html><title>Twin</title><p>The tabs are {', '.join(self.tabs)}.</p>", 404)
        for half in self._halves.values():
            half.settle()
        look = Look(tab, query)
        nonce = secrets.token_urlsafe(12)
        values: Values = {"look": look, "tabs": self.tabs, "nonce": nonce, "clock": self._parts.clock, "account": None}
        brevo: Any = self._halves.get("brevo")
        if brevo is not None:
            account = brevo.accounts.get(look.text("account"), brevo.state)
            values |= {"account": account, "accounts": list(brevo.accounts)[:_MOST_ACCOUNTS]}
        values |= BREVO_TABS[tab](values["account"], look) if tab in BREVO_TABS else self._own[tab](look)
        text = self._templates.get_template(f"{tab}.html").render(values)
        policy = (
            f"default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; img-src data:; "
            "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        return HTMLResponse(text, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})

    def _totals(self, name: str) -> Mapping[str, int | str]:
        kept, now = self._figures.get(name), time.monotonic()
        if kept is None or now >= kept.until:
            totals = self._halves[name].totals()
            cost = time.monotonic() - now
            kept = self._figures[name] = _Figures(totals, now + max(_LEAST_AGE, cost * _COST_SHARE))
        return kept.totals

    def _overview(self, _look: Look) -> Values:
        calls = self._parts.calls
        return {
            "halves": [
                {
                    "name": name,
                    "totals": self._totals(name),
                    "calls": calls.counts(name),
                    "too_many": calls.too_many(name),
                }
                for name in self._halves
            ],
            "home": self._parts.file.path,
        }

    def _calls(self, look: Look) -> Values:
        path, status, target = look.text("q"), look.text("status"), look.text("target")
        found = [
            call
            for call in self._parts.calls.newest()
            if target in ("", call.target) and (not path or _tells(call, path)) and _has(call, status)
        ]
        number = look.number("call")
        chosen = None if number is None else next((c for c in self._parts.calls.newest() if c.number == number), None)
        exchange = None if number is None else self._parts.calls.exchanges.of(number)
        return {"page": paged(found, look), "number": number, "chosen": chosen, "exchange": exchange}

    def _limits(self, look: Look) -> Values:
        brevo: Any = self._halves.get("brevo")
        shopify: Any = self._halves.get("shopify")
        values: Values = {"points": None if shopify is None else shopify.bucket.status(), "windows": [], "tier": None}
        if brevo is not None:
            account = brevo.accounts.get(look.text("account"), brevo.state)
            values |= brevo_tabs.limits(account, self._parts.calls)
        return values

    def _shop(self, _look: Look) -> Values:
        shopify: Any = self._halves["shopify"]
        return shop_tabs.shop(shopify)

    def _faults(self, _look: Look) -> Values:
        return {"rules": self._parts.faults.as_json()}


_MOST_ACCOUNTS = 50


def _tells(call: Call, wanted: str) -> bool:
    return holds(f"{call.method} {call.path}?{call.query} {call.detail or ''}", wanted)


def _has(call: Call, status: str) -> bool:
    """Whether a call was answered with that status, or one of that class (``4xx``)."""
    return str(call.status).startswith(status.lower().rstrip("x"))
