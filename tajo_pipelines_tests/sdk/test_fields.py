from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import ConfigError, RejectedRecord
from tajo_pipelines.sdk.fields import FieldReader, compile_path

NAMES = st.sampled_from(["a", "b", "_c", "D9"])
RAW = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(NAMES, min_size=1, max_size=4), RAW)
def test_plain_paths_find_what_jmespath_finds(names: list[str], raw: Any) -> None:
    path = ".".join(names)
    assert compile_path(path)(raw) == jmespath.search(path, raw)


def test_every_other_path_is_jmespath_itself() -> None:
    assert compile_path("a[0].b")({"a": [{"b": 1}]}) == 1
    with pytest.raises(ConfigError, match="JMESPath"):
        compile_path("a[")


def test_fields_take_the_types_of_the_model() -> None:
    paths = {"id": "n", "total_spent": "s", "total_orders": "o", "created_at": "t", "tags": "g", "tax_exempt": "x"}
    raw = {"n": 12, "s": "0.10", "o": "3", "t": "2026-10-01T02:00:00+02:00", "g": ["a"], "x": False}
    assert FieldReader(Customer, paths).read(raw) == {
        "id": "12",
        "total_spent": Decimal("0.10"),
        "total_orders": 3,
        "created_at": datetime(2026, 10, 1, tzinfo=UTC),
        "tags": ("a",),
        "tax_exempt": False,
    }


def test_null_is_silence_unless_every_field_was_asked_for() -> None:
    paths = {"first_name": "f", "total_orders": "o"}
    assert FieldReader(Customer, paths).read({"f": None}) == {}
    assert FieldReader(Customer, paths, empty=True).read({"f": None}) == {"first_name": ""}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first_name", ["Ana"]),
        ("first_name", True),
        ("total_spent", 0.1),
        ("total_spent", "NaN"),
        ("total_spent", "1,5"),
        ("total_orders", "3.0"),
        ("total_orders", True),
        ("created_at", "2026-10-01T00:00:00"),
        ("created_at", 1),
        ("birthday", "1.1.1980"),
        ("tags", "a, b"),
        ("tags", [{}]),
        ("tax_exempt", "false"),
    ],
)
def test_a_wrong_shape_is_a_letter_that_names_the_field(field: str, value: Any) -> None:
    with pytest.raises(RejectedRecord) as caught:
        FieldReader(Customer, {field: "v"}).read({"v": value})
    assert (caught.value.reason, caught.value.field) == ("malformed", field)


@pytest.mark.parametrize("field", ["consent", "nope"])
def test_only_plain_fields_of_the_model_can_be_declared(field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        FieldReader(Customer, {field: "v"})
