"""Shopify's search syntax, as far as the filters of its lists go (shopify.dev/docs/api/usage/search-syntax).

Terms are joined by AND or a space, alternatives by OR (which binds weaker), a term is turned round by NOT
or ``-``. A field that the vendor's schema doesn't name for the query is ignored with a warning, as there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from tajo_pipelines.twin.shopify.search_fields import DEFAULTS, FIELDS
from tajo_pipelines.twin.shopify.terms import Context, Document, SearchError, Test, turned

_TOKEN = re.compile(
    r"""\s*(?:(?P<paren>[()])|(?P<word>AND|OR|NOT)(?=[\s(]|$)
    |(?P<minus>-)?(?P<field>[A-Za-z_][\w.]*)\s*:\s*(?P<op>>=|<=|>|<)?\s*(?P<value>"[^"]*"|'[^']*'|[^\s()]+)
    |(?P<free>"[^"]*"|'[^']*'|[^\s()]+))""",
    re.VERBOSE,
)


@dataclass(slots=True)
class Search:
    """A parsed filter.

    Attributes:
        matches: Tells whether a document is found.
        warnings: Fields that were ignored, as in the response's ``extensions.search``.
        everything: Whether it finds all there is.
    """

    matches: Test
    everything: bool = True
    warnings: list[dict[str, str]] = field(default_factory=list)


def parse(kind: str, text: str | None, now: datetime, zone: ZoneInfo) -> Search:
    """Read a filter.

    Args:
        kind: What is searched; ``search_fields.FIELDS`` knows it.
        text: The ``query`` argument; None or blank finds everything.
        now: What ``now`` means.
        zone: The shop's zone: times without an offset are read in it.

    Raises:
        SearchError: Parentheses, or a value that doesn't fit its field.
    """
    search = Search(lambda _document: True)
    alternatives: list[list[Test]] = [[]]
    context = Context(now, zone)
    negate = False
    tokens = _tokens(text or "")
    for token in tokens:
        if token["word"] == "OR":
            alternatives.append([])
        elif token["word"] == "NOT":
            negate = True
        elif token["word"] is None:
            test = _term(kind, token, context, search)
            if test is not None:
                opposite = negate or token["minus"] is not None
                alternatives[-1].append(turned(test) if opposite else test)
            negate = False
    wanted = [tests for tests in alternatives if tests]
    silent, value = DEFAULTS.get(kind, (None, ""))
    if silent is not None and all(token["field"] != silent for token in tokens):
        build, read = FIELDS[kind][silent]
        default = build(read, "", value, context)
        wanted = [[default, *tests] for tests in wanted or [[]]]
    if wanted:
        search.everything = False
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


def _term(kind: str, token: Mapping[str, str | None], context: Context, search: Search) -> Test | None:
    if token["free"] is not None:
        words = _unquoted(token["free"]).lower()
        return lambda document: words in _prose(document)
    name, value = str(token["field"]), _unquoted(str(token["value"]))
    known = FIELDS[kind].get(name)
    if known is None:
        search.warnings.append(
            {"field": name, "message": "Invalid search field for this query.", "code": "invalid_field"}
        )
        return None
    build, read = known
    return build(read, token["op"] or "", value, context)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _prose(document: Document) -> str:
    names = ("firstName", "lastName", "email", "phone", "name", "note", "title", "productType", "vendor")
    return " ".join(str(document[name]) for name in names if document.get(name)).lower()
