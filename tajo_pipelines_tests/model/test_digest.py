from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo_pipelines.model.digest import JSON, digest

_json: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


def test_a_digest_stays_what_the_ledger_already_holds() -> None:
    assert digest("Ana") == "da0411d42e0ee879b6d07d1d"
    assert digest({"b": [1, 2.5], "a": None}) == "e7fb8fcdfe64e07b131686c6"


@given(_json)
def test_equal_values_have_equal_digests(value: JSON) -> None:
    assert digest(value) == digest(value)
    assert len(digest(value)) == 24


@pytest.mark.parametrize(
    ("one", "other"), [("1", 1), (True, 1), (True, "true"), ("", None), ([], ""), (["a", "b"], "a, b")]
)
def test_values_of_different_kinds_are_different(one: JSON, other: JSON) -> None:
    assert digest(one) != digest(other)


def test_the_order_of_keys_does_not_count_and_that_of_elements_does() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) == digest(MappingProxyType({"a": 1, "b": 2}))
    assert digest(["a", "b"]) != digest(["b", "a"])


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError, match="JSON can't say"):
        digest(object())  # type: ignore[arg-type]  # the wrong type is what is tested
