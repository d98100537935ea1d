"""The Brevo half: authentication, limits, routing, and what the control endpoints show of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tajo_pipelines.twin.brevo import (
    account,
    attributes,
    categories,
    changes,
    contacts,
    events,
    imports,
    lists,
    orders,
    people,
    products,
)
from tajo_pipelines.twin.brevo.ask import Ask, Handler
from tajo_pipelines.twin.brevo.contacts import item
from tajo_pipelines.twin.brevo.errors import ApiError, invalid
from tajo_pipelines.twin.brevo.limits import Verdict, bucket_of
from tajo_pipelines.twin.brevo.state import Account, Contact
from tajo_pipelines.twin.brevo.values import email_or_none, shown_utc
from tajo_pipelines.twin.half import Call, ChangeError, TwinParts

PREFIX = "/v3"
_ROUTES = [
    (method, template, template.strip("/").split("/"), handler)
    for module in (account, attributes, lists, imports, orders, products, categories, events, contacts)
    for method, template, handler in module.ROUTES
]
_UNSUBSCRIBED_DAYS_AGO = 30


class Brevo:
    """Brevo's stand-in; one ``Account`` an organisation, found by the api key."""

    name = "brevo"

    def __init__(self, parts: TwinParts) -> None:
        """Load the accounts, and start those that are empty as the options say."""
        self._parts = parts
        self.accounts: dict[str, Account] = {}
        for key, organization in list(parts.options.brevo_keys.items()):
            self.open_account(key, organization)

    @staticmethod
    def routes() -> set[tuple[str, str]]:
        """Method and path template of every call that is served."""
        return {(method, template) for method, template, _, _ in _ROUTES}

    @property
    def app(self) -> ASGIApp:
        """The API under ``/v3``, and the CSV files of imports."""
        return self._serve

    @property
    def state(self) -> Account:
        """The account of the first key."""
        return next(iter(self.accounts.values()))

    def open_account(self, key: str, organization: str) -> Account:
        """Accept an api key for an organisation, whose account starts empty where it is new.

        The lists of the options are made in the first account alone.
        """
        options = self._parts.options
        options.brevo_keys[key] = organization
        if organization not in self.accounts:
            entry = Account(organization, self._parts.file, self._parts.clock, options.tier)
            if not entry.number("started"):
                self._start(entry, options.brevo_lists if not self.accounts else [])
            self.accounts[organization] = entry
        return self.accounts[organization]

    def settle(self) -> None:
        """Apply imports and batches that are due."""
        for entry in self.accounts.values():
            imports.settle(entry)
            orders.settle(entry)

    def seed_unsubscribed(self, emails: Sequence[str]) -> None:
        """Put contacts who have unsubscribed into the first account, unless it has contacts."""
        if self.state.contacts:
            return
        at = self._parts.clock.seconds() - _UNSUBSCRIBED_DAYS_AGO * 86_400
        for email in emails:
            address = email_or_none(email)
            if address is None or self.state.by_email(address) is not None:
                continue
            values = people.read_values(self.state, address, None, {})
            contact = people.create(self.state, values, "person", at - 86_400)
            people.block(self.state, contact, "email", blocked=True, by="user", at=at)
            contact["modifiedAt"] = at

    def summary(self) -> dict[str, Any]:
        """The first account in full; the others under ``organizations``."""
        return {
            **_summary(self.state),
            "organizations": {name: _summary(entry) for name, entry in list(self.accounts.items())[1:]},
        }

    def totals(self) -> Mapping[str, int | str]:
        """Figures for the page."""
        return _totals(self.state)

    def change(self, op: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do what people do at Brevo; ``organization`` names another account than the first.

        Raises:
            ChangeError: Unknown op, or one that doesn't fit the state.
        """
        organization = arguments.pop("organization", self.state.organization)
        if organization not in self.accounts:
            raise ChangeError("no such organization")
        contact = changes.make(self.accounts[organization], op, arguments)
        return {"ok": True, "contact": None if contact is None else _full(contact)}

    def _start(self, entry: Account, names: Sequence[str]) -> None:
        options = self._parts.options
        entry.numbers["started"] = 1
        for name in names:
            lists.make_list(entry, name, 1)
        if options.brevo_ecommerce:
            entry.numbers["ecommerce_ready_at"] = entry.clock.seconds()
        if options.brevo_currency is not None:
            entry.numbers["currency"] = options.brevo_currency

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        self.settle()
        response = self._answer(request, body)
        await response(scope, receive, send)

    def _answer(self, request: Request, body: bytes) -> Response:
        call: Call = request.scope["twin.call"]
        if call.path.startswith(f"{imports.FILES_PATH}/"):
            return self._file(call)
        path, handler, known = _route(call, request.scope["raw_path"].decode("latin-1"))
        entry = self._account(request)
        if entry is None:
            return JSONResponse({"code": "unauthorized", "message": "Key not found"}, 401)
        if handler is None:
            code, status = ("method_not_allowed", 405) if known else ("document_not_found", 404)
            return JSONResponse({"code": code, "message": "No such endpoint"}, status)
        call.bucket = bucket_of(call.method, call.template or "")
        verdict = entry.limits.take(call.bucket)
        if not verdict.allowed:
            document = {"code": "too_many_requests", "message": "The expected rate limit is exceeded."}
            return JSONResponse(document, 429, dict(verdict.headers))
        ask = Ask(
            entry,
            self._parts.options,
            str(URL(scope=request.scope).replace(path="", query="")),
            path,
            request.query_params,
            size=len(body),
        )
        return _handled(handler, ask, call, body, verdict)

    def _account(self, request: Request) -> Account | None:
        organization = self._parts.options.brevo_keys.get(request.headers.get("api-key", ""))
        return None if organization is None else self.accounts[organization]

    def _file(self, call: Call) -> Response:
        call.template = f"{imports.FILES_PATH}/{{processId}}/{{name}}.csv"
        parts = call.path.removeprefix(f"{imports.FILES_PATH}/").split("/")
        if len(parts) == 3:
            organization, process, name = parts
            entry = self.accounts.get(organization)
            text = None if entry is None else imports.report_file(entry, process, name.removesuffix(".csv"))
            if text is not None:
                return PlainTextResponse(text, media_type="text/csv")
        return PlainTextResponse("Not found", 404)


def build(parts: TwinParts) -> Brevo:
    """The Brevo half of a twin."""
    return Brevo(parts)


def _route(call: Call, raw_path: str) -> tuple[dict[str, str], Handler | None, bool]:
    """Parameters and handler of a call, and whether its path is known with another method."""
    segments = [unquote(part) for part in raw_path.removeprefix(PREFIX).strip("/").split("/")]
    known = False
    if not raw_path.startswith(f"{PREFIX}/"):
        return {}, None, False
    for method, template, names, handler in _ROUTES:
        if len(names) != len(segments):
            continue
        pairs = list(zip(names, segments, strict=True))
        if not all(name.startswith("{") or name == given for name, given in pairs):
            continue
        known = True
        call.template = template
        if method == call.method:
            return {name[1:-1]: given for name, given in pairs if name.startswith("{")}, handler, True
    return {}, None, known


def _handled(handler: Handler, ask: Ask, call: Call, body: bytes, verdict: Verdict) -> Response:
    headers = dict(verdict.headers)
    try:
        if call.method in ("POST", "PUT"):
            ask.body = _json(body)
        status, document = handler(ask)
    except ApiError as error:
        return JSONResponse(error.document, error.status, headers)
    if document is None:
        return Response(None, status, headers)
    return JSONResponse(document, status, headers)


def _json(body: bytes) -> Any:
    if not body.strip():
        return {}
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except ValueError as error:
        raise invalid("Input must be a valid JSON object") from error
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _summary(entry: Account) -> dict[str, Any]:
    return {
        "organization_id": entry.organization,
        "tier": entry.limits.tier,
        "ecommerce": {"active": account.is_active(entry), "currency": entry.numbers.get("currency")},
        "contacts": [_full(contact) for contact in entry.people()],
        "lists": list(entry.lists.values()),
        "folders": list(entry.folders.values()),
        "attributes": list(entry.attributes.values()),
        "orders": [
            {key: value for key, value in stored.items() if key != "order"} | stored["order"]
            for stored in entry.orders.values()
        ],
        "products": [stored["product"] for stored in entry.products.values()],
        "categories": [stored["category"] for stored in entry.categories.values()],
        "events": list(entry.events.values()),
        "events_by_name": dict(events.by_name(entry)),
        "processes": [
            {key: value for key, value in process.items() if key != "rows"} for process in entry.processes.values()
        ],
        "batches": [
            {key: value for key, value in batch.items() if key != "orders"} for batch in entry.batches.values()
        ],
        "journal": list(entry.journal.values()),
        "automation_triggers": entry.number("automation_triggers"),
        "import_notices": entry.number("import_notices"),
    }


def _full(contact: Contact) -> dict[str, Any]:
    return {
        **item(contact),
        "email": contact["email"],
        "causes": dict(contact["causes"]),
        "created_by": contact["created_by"],
        "smtpBlacklistSender": list(contact["smtpBlacklistSender"]),
        "history": [{**entry, "at": shown_utc(entry["at"])} for entry in contact["history"]],
    }


def _totals(entry: Account) -> Mapping[str, int | str]:
    people_now = list(entry.people())
    amount = sum((Decimal(str(stored["order"]["amount"])) for stored in entry.orders.values()), Decimal(0))
    return {
        "contacts": len(people_now),
        "mailable contacts": sum(1 for contact in people_now if not contact["emailBlacklisted"]),
        "blocked contacts": sum(1 for contact in people_now if contact["emailBlacklisted"]),
        "lists": len(entry.lists),
        "orders": len(entry.orders),
        "orders without contact": sum(1 for stored in entry.orders.values() if stored["contact_id"] is None),
        "order amounts": f"{amount:.2f}",
        "products": len(entry.products),
        "products with parent": sum(1 for stored in entry.products.values() if stored["product"].get("parentId")),
        "products deleted": sum(1 for stored in entry.products.values() if stored["product"].get("isDeleted")),
        "categories": len(entry.categories),
        "events": len(entry.events),
        "events doubled": events.doubled(entry),
        **{f"events {name}": count for name, count in events.by_name(entry).items()},
        "imports": len(entry.processes),
        "automation triggers": entry.number("automation_triggers"),
    }
