from __future__ import annotations

import doctest
from decimal import Decimal
from typing import Any

import pytest

from tajo_pipelines.mapping import transforms
from tajo_pipelines.mapping.engine import compile_mapping
from tajo_pipelines.mapping.spec import FieldRule
from tajo_pipelines.mapping.transforms import TRANSFORMS, resolve_transform
from tajo_pipelines.mapping.values import UnfitValue
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import ConfigError


def test_every_transform_has_an_example_that_is_true() -> None:
    result = doctest.testmod(transforms)
    assert result.failed == 0
    assert result.attempted >= len(TRANSFORMS)
    for transform in TRANSFORMS.values():
        assert ">>>" in (transform.build.__doc__ or ""), transform.name


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("strip", [" a ", None, "b"], ("a", "b")),
        ("lower", Decimal("1E+2"), "100"),
        ("title", "MARÍA DE LA CRUZ", "María De La Cruz"),
        ("truncate:2", "äöü", "äö"),
        ("split:;", "a; b ;;c", ("a", "b", "c")),
        ("join:;", ["a", "", None, 1, True], "a;1;true"),
        ("first", "alone", "alone"),
        ("first", ["", None], ""),
        ("number", [" 1.10 ", 2], (Decimal("1.10"), Decimal(2))),
        ("integer", Decimal("-3.9"), -3),
        ("date", "2026-03-01T23:30:00-02:00", "2026-03-02"),
        ("date", "20260301", "2026-03-01"),
        ("boolean", "OFF", False),
        ("boolean", Decimal("1.0"), True),
    ],
)
def test_transforms_do_what_their_names_say(name: str, value: Any, expected: Any) -> None:
    _, step = resolve_transform(name)
    assert step(value) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lower", {"a": 1}),
        ("number", "1.234,56"),
        ("number", "1_000"),
        ("number", "NaN"),
        ("number", "1e999999999"),
        ("number", True),
        ("integer", Decimal("1e400")),
        ("date", "2026-03-01 10:00:00"),
        ("date", "01/03/2026"),
        ("date", 1772323200),
        ("boolean", "maybe"),
        ("boolean", 2),
        ("join", [["nested"]]),
    ],
)
def test_what_would_have_to_be_guessed_is_refused(name: str, value: Any) -> None:
    _, step = resolve_transform(name)
    with pytest.raises(UnfitValue):
        step(value)


@pytest.mark.parametrize(
    ("name", "code", "hint"),
    [
        ("lowercase", "unknown_transform", "did you mean 'lower'?"),
        ("xyz", "unknown_transform", "valid: strip, lower"),
        ("truncate", "bad_transform", "truncate:N"),
        ("truncate:", "bad_transform", "truncate:N"),
        ("truncate:-1", "bad_transform", "truncate:200"),
        ("truncate:many", "bad_transform", "truncate:200"),
        ("split:", "bad_transform", "split:separator"),
        ("lower:de", "bad_transform", ""),
    ],
)
def test_a_wrong_transform_is_refused_with_the_way_out(name: str, code: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_transform(name, "connectors.yaml:7 field_mapping")
    assert caught.value.code == code
    assert caught.value.where == "connectors.yaml:7 field_mapping"
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("chain", "kind", "expected"),
    [
        (("lower", "join:|"), "text", "vip|b2b"),
        (("first", "lower"), "text", "vip"),
        (("first", "truncate:1"), "text", "V"),
    ],
)
def test_transforms_run_in_the_order_written(chain: tuple[str, ...], kind: str, expected: str) -> None:
    mapping = compile_mapping([FieldRule("tags", "TAGS", transforms=chain)])
    assert mapping.types["TAGS"] == kind
    assert mapping.apply(Customer(id="1", tags=("VIP", "B2B")), {}).values == {"TAGS": expected}


@pytest.mark.parametrize(
    ("chain", "kind"),
    [
        ((), "text"),
        (("number",), "float"),
        (("split", "number", "first"), "float"),
        (("number", "lower"), "text"),
        (("date",), "date"),
        (("strip", "boolean"), "boolean"),
        (("split",), "text"),
    ],
)
def test_the_type_follows_the_last_transform_that_has_one(chain: tuple[str, ...], kind: str) -> None:
    assert compile_mapping([FieldRule("note", "N", transforms=chain)]).types["N"] == kind
