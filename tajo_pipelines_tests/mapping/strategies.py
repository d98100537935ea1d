"""Customers, payloads and rules as Hypothesis draws them."""

from __future__ import annotations

import string
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_args, get_type_hints

from hypothesis import strategies as st

from tajo_pipelines.mapping.spec import CANONICAL_SOURCES, AttributeType, FieldRule
from tajo_pipelines.model.customer import CUSTOMER_FIELDS, Customer

# Lone surrogates included: a payload's "\ud800" is legal JSON and no text.
text = st.text(max_size=12) | st.sampled_from(["", " ", "Ana", "José", "12.50", "2026-03-01", "yes", "a,b", "\ud800"])
moments = st.datetimes(
    timezones=st.none() | st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))])
)
decimals = st.decimals() | st.decimals(allow_nan=False, allow_infinity=False, places=2)

_BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: text,
    int: st.integers(),
    bool: st.booleans(),
    date: st.dates(),
    datetime: moments,
    Decimal: decimals,
    tuple[str, ...]: st.lists(text, max_size=3).map(tuple),
}
_HINTS = get_type_hints(Customer)


def _field(name: str) -> st.SearchStrategy[Any]:
    drawn = _BY_TYPE[(get_args(_HINTS[name]) or (_HINTS[name],))[0]]
    return drawn if name == "id" else st.none() | drawn


customers = st.builds(Customer, **{name: _field(name) for name in CUSTOMER_FIELDS})

_names = st.sampled_from(["a", "b", "c"])
raws = st.dictionaries(
    _names,
    st.recursive(
        st.none() | st.booleans() | st.integers() | decimals | text,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=3,
)

expressions = st.sampled_from(
    [
        "a", "a.b", "a.b.c", "a[0]", "a[-1].b", "a[*].b", "*.b", "a[?b > `1.5`].c", "a[?b < c]", "sum(a)",
        "avg(a[*].b)", "max(a)", "min_by(a, &b)", "sort(a)", "sort_by(a, &b)[0].c", "join(', ', a)", "length(a)",
        "to_number(a)", "to_string(a)", "type(a)", "ceil(a)", "keys(a)", "contains(a, b)", "a || b", "!a",
        "merge(a, b)", "a | [0]", "{x: a, y: b}", "[a, b]", "not_null(a, b, c)", "reverse(a)", "a[::2]",
        "map(&b, a)", "starts_with(a, b)",
    ]
)  # fmt: skip

transforms = st.sampled_from(
    [
        "strip", "lower", "upper", "title", "truncate:3", "split", "split:|", "join", "join: / ", "first", "number",
        "integer", "date", "boolean",
    ]
)  # fmt: skip

targets = st.text(string.ascii_uppercase, min_size=1, max_size=6).map("F_".__add__)


@st.composite
def rules(draw: st.DrawFn) -> list[FieldRule]:
    """Rules that compile, with distinct targets."""
    sources = st.sampled_from(CANONICAL_SOURCES) | expressions.map("raw.".__add__)
    return [
        FieldRule(
            source=draw(sources),
            target=target,
            transforms=tuple(draw(st.lists(transforms, max_size=3))),
            type=draw(st.none() | st.sampled_from([str(kind) for kind in AttributeType])),
        )
        for target in draw(st.lists(targets, max_size=8, unique=True))
    ]
