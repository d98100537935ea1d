"""The documents as they are sent: operations of ``documents/`` with the fields of ``fragments.graphql`` put in.

A stream's fields stand in one place, so that a page and a bulk operation bring the same raw objects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from textwrap import dedent, indent

from tajo_pipelines.sdk.graphql import Document

FOLDER = resources.files("tajo_pipelines.connectors.shopify") / "documents"
FRAGMENTS = "fragments"

_FRAGMENT = re.compile(r"^fragment (\w+) on \w+ \{\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
_SPREAD = re.compile(r"^( *)\.\.\.([A-Z]\w*)$", re.MULTILINE)
_IF_PRODUCTS = re.compile(r"^( *\w+) @include\(if: \$products\) \{.*?\}\n", re.MULTILINE | re.DOTALL)
_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Nested:
    """A connection inside a stream's objects, of which a page brings the beginning only.

    Attributes:
        field: Its field: ``lineItems``; also the variable that says how many come with each object.
        fragment: Fields of its objects.
        kind: Their type, as their ids name it: ``LineItem``.
        asked: How many come with each object.
        holder: Field of the answer of `more` that holds the object.
        more: Query for further ones, with ``$id $first $after``.
        position: Field that numbers them; their ids do where it is None.
    """

    field: str
    fragment: str
    kind: str
    asked: int
    holder: str
    more: Document
    position: str | None = None


def load(name: str) -> Document:
    """The document of a file, with its fields put in."""
    return Document(name, _expanded((FOLDER / f"{name}.graphql").read_text(encoding="utf-8")))


def bulk_query(
    connection: str,
    fragment: str,
    nested: Sequence[Nested],
    *,
    arguments: Mapping[str, str],
    products: bool,
) -> str:
    """The same objects as a query for a bulk operation.

    It takes no variables, pages or cursors, and may hold five connections, two of them inside one another at most
    (shopify.dev, perform bulk operations: operation restrictions, read 2026-11-24).

    Args:
        connection: Field of the stream.
        fragment: Fields of its objects.
        nested: Connections inside them.
        arguments: Of the stream, as GraphQL.
        products: Whether fields that need ``read_products`` are asked for.
    """
    given = ", ".join(f"{name}: {value}" for name, value in arguments.items())
    fields = _fields(fragment, products)
    for inner in nested:
        fields += _edges(inner.field, _fields(inner.fragment, products))
    return "{\n" + indent(_edges(f"{connection}({given})" if given else connection, fields), _INDENT) + "}\n"


def literal(text: str) -> str:
    """A text as GraphQL writes it; its escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)


def _edges(field: str, fields: str) -> str:
    return f"{field} {{\n  edges {{\n    node {{\n{indent(fields, _INDENT * 3)}    }}\n  }}\n}}\n"


def _fields(fragment: str, products: bool) -> str:
    text = _fragments()[fragment]
    if products:
        return text.replace(" @include(if: $products)", "")
    return _IF_PRODUCTS.sub("", text)


def _expanded(text: str) -> str:
    def put_in(found: re.Match[str]) -> str:
        return indent(_fragments()[found[2]], found[1]).rstrip("\n")

    return _SPREAD.sub(put_in, text)


@lru_cache(maxsize=1)
def _fragments() -> Mapping[str, str]:
    text = (FOLDER / f"{FRAGMENTS}.graphql").read_text(encoding="utf-8")
    return {name: dedent(fields) for name, fields in _FRAGMENT.findall(text)}
