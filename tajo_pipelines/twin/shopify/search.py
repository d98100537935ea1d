"""Shopify's search syntax, as far as filters of customers and orders go (shopify.dev/docs/api/usage/search-syntax).

Terms are joined by AND or a space, alternatives by OR (which binds weaker), a term is turned round by NOT
or ``-``. A field that the vendor's schema doesn't name for the query is ignored with a warning, as there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tajo_pipelines.twin.shopify import orders, pricing

Document = dict[str, Any]
Test = Callable[[Document], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<paren>[()])|(?P<word>AND|OR|NOT)(?=[\s(]|$)
    |(?P<minus>-)?(?P<field>[A-Za-z_][\w.]*)\s*:\s*(?P<op>>=|<=|>|<)?\s*(?P<value>"[^"]*"|'[^']*'|[^\s()]+)
    |(?P<free>"[^"]*"|'[^']*'|[^\s()]+))""",
    re.VERBOSE,
)
_OPEN_DAY = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


class SearchError(ValueError):
    """A filter that this stand-in can't read; the message says what it can."""


@dataclass(slots=True)
class Search:
    """A parsed filter.

    Attributes:
        matches: Tells whether a document is found.
        warnings: Fields that were ignored, as in the response's ``extensions.search``.
    """

    matches: Test
    warnings: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Context:
    now: datetime
    zone: ZoneInfo


def parse(kind: str, text: str | None, now: datetime, zone: ZoneInfo) -> Search:
    """Read a filter.

    Args:
        kind: ``Customer`` or ``Order``.
        text: The ``query`` argument; None or blank finds everything.
        now: What ``now`` means.
        zone: The shop's zone: times without an offset are read in it.

    Raises:
        SearchError: Parentheses, or a value that doesn't fit its field.
    """
    search = Search(lambda _document: True)
    alternatives: list[list[Test]] = [[]]
    context = _Context(now, zone)
    negate = False
    for token in _tokens(text or ""):
        if token["word"] == "OR":
            alternatives.append([])
        elif token["word"] == "NOT":
            negate = True
        elif token["word"] is None:
            test = _term(kind, token, context, search)
            if test is not None:
                turned = negate or token["minus"] is not None
                alternatives[-1].append(_not(test) if turned else test)
            negate = False
    wanted = [tests for tests in alternatives if tests]
    if wanted:
        search.matches = lambda document: any(all(test(document) for test in tests) for tests in wanted)
    return search


def _tokens(text: str) -> list[Mapping[str, str | None]]:
    tokens: list[Mapping[str, str | None]] = []
    position, text = 0, text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match["paren"]:
            raise SearchError("parentheses aren't understood here; use AND, OR, NOT and field:value")
        tokens.append(match.groupdict())
        position = match.end()
    return tokens


def _term(kind: str, token: Mapping[str, str | None], context: _Context, search: Search) -> Test | None:
    if token["free"] is not None:
        words = _unquoted(token["free"]).lower()
        return lambda document: words in _prose(document)
    name, value = str(token["field"]), _unquoted(str(token["value"]))
    known = _FIELDS[kind].get(name)
    if known is None:
        search.warnings.append(
            {"field": name, "message": "Invalid search field for this query.", "code": "invalid_field"}
        )
        return None
    build, read = known
    return build(read, token["op"] or "", value, context)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _not(test: Test) -> Test:
    return lambda document: not test(document)


def _prose(document: Document) -> str:
    names = ("firstName", "lastName", "email", "phone", "name", "note")
    return " ".join(str(document[name]) for name in names if document.get(name)).lower()


Read = Callable[[Document], Any]
Build = Callable[[Read, str, str, _Context], Test]


def _compare(read: Read, op: str, bound: Any) -> Test:
    if op == ">=":
        return lambda document: bool((value := read(document)) is not None and value >= bound)
    if op == "<=":
        return lambda document: bool((value := read(document)) is not None and value <= bound)
    if op == ">":
        return lambda document: bool((value := read(document)) is not None and value > bound)
    if op == "<":
        return lambda document: bool((value := read(document)) is not None and value < bound)
    return lambda document: bool(read(document) == bound)


def _time(read: Read, op: str, value: str, context: _Context) -> Test:
    """A time; equality, and bounds given as a day, month or year, mean that whole span in the shop's zone."""
    if ".." in value:
        first, last = value.split("..", 1)
        low, high = _span(first, context)[0], _span(last, context)[1]
        return lambda document: bool((at := read(document)) is not None and low <= at < high)
    start, end = _span(value, context)
    instant = start == end
    if op in (">=", "<"):
        return _compare(read, op, _ceil(value, context) if instant else start)
    if op in (">", "<=") and not instant:
        return _compare(read, ">=" if op == ">" else "<", end)
    if op or instant:
        return _compare(read, op, start)
    return lambda document: bool((at := read(document)) is not None and start <= at < end)


def _span(value: str, context: _Context) -> tuple[str, str]:
    """First second of what was meant and the first after it; the same second where it is an instant."""
    if value == "now":
        return _stamp(context.now), _stamp(context.now)
    if _OPEN_DAY.fullmatch(value):
        start = datetime.fromisoformat(value + "-01-01"[len(value) - 4 :])
        start = start.replace(tzinfo=context.zone)
        if len(value) == 4:
            end = start.replace(year=start.year + 1)
        elif len(value) == 7:
            end = (start + timedelta(days=32)).replace(day=1)
        else:
            end = start + timedelta(days=1)
        return _stamp(start), _stamp(end)
    at = _instant(value, context)
    return _stamp(at), _stamp(at)


def _instant(value: str, context: _Context) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise SearchError(f"not a time: {value!r}") from error
    return at if at.tzinfo is not None else at.replace(tzinfo=context.zone)


def _ceil(value: str, context: _Context) -> str:
    """The first whole second at or after an instant, as documents have whole seconds."""
    at = context.now if value == "now" else _instant(value, context)
    return _stamp(at + timedelta(microseconds=999_999) if at.microsecond else at)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(read: Read, op: str, value: str, _context: _Context) -> Test:
    try:
        bound = float(value)
    except ValueError as error:
        raise SearchError(f"not a number: {value!r}") from error
    return _compare(read, op, bound)


def _id(read: Read, op: str, value: str, context: _Context) -> Test:
    return _number(read, op, value.rsplit("/", 1)[-1], context)


def _flag(read: Read, _op: str, value: str, _context: _Context) -> Test:
    wanted = value.lower() == "true"
    return lambda document: bool(read(document)) is wanted


def _word(read: Read, _op: str, value: str, _context: _Context) -> Test:
    wanted = [part.strip().lower() for part in value.split(",")]

    def matches(document: Document) -> bool:
        found = read(document)
        if found is None or found == []:
            return False
        if "*" in wanted:
            return True
        texts = [str(each).lower() for each in found] if isinstance(found, list) else [str(found).lower()]
        return any(text in wanted for text in texts)

    return matches


def _other_word(read: Read, op: str, value: str, context: _Context) -> Test:
    return _not(_word(read, op, value, context))


def _status(order: Document) -> list[str]:
    cancelled, closed = order["cancelledAt"] is not None, order["closedAt"] is not None
    words = ["cancelled"] if cancelled else ["closed"] if closed else ["open"]
    return words if closed else [*words, "not_closed"]


def _key(name: str) -> Read:
    return lambda document: document[name]


_FIELDS: Mapping[str, Mapping[str, tuple[Build, Read]]] = {
    "Customer": {
        "id": (_id, _key("id")),
        "updated_at": (_time, _key("updatedAt")),
        "customer_date": (_time, _key("createdAt")),
        "accepts_marketing": (_flag, lambda customer: customer["emailState"] == "SUBSCRIBED"),
        "email": (_word, _key("email")),
        "phone": (_word, _key("phone")),
        "first_name": (_word, _key("firstName")),
        "last_name": (_word, _key("lastName")),
        "state": (_word, _key("state")),
        "tag": (_word, _key("tags")),
        "tag_not": (_other_word, _key("tags")),
        "country": (
            _word,
            lambda customer: [a[key] for a in customer["addresses"] for key in ("country", "countryCodeV2")],
        ),
    },
    "Order": {
        "id": (_id, _key("id")),
        "updated_at": (_time, _key("updatedAt")),
        "created_at": (_time, _key("createdAt")),
        "processed_at": (_time, _key("processedAt")),
        "customer_id": (_id, _key("customer")),
        "test": (_flag, _key("test")),
        "email": (_word, _key("email")),
        "name": (_word, lambda order: [f"#{order['number']}", order["number"]]),
        "status": (_word, _status),
        "financial_status": (_word, pricing.financial_status),
        "fulfillment_status": (_word, orders.fulfillment_status),
        "discount_code": (_word, lambda order: [each.get("code") for each in order["discounts"]]),
        "gateway": (_word, _key("gateway")),
        "source_name": (_word, _key("source")),
        "tag": (_word, _key("tags")),
        "tag_not": (_other_word, _key("tags")),
        "current_total_price": (_number, lambda order: order["totals"]["currentTotal"][0] / 100),
    },
}
