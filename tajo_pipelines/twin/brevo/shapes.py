"""Checks of request bodies and query parameters against the fields that Brevo documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from tajo_pipelines.twin.brevo.errors import invalid, missing
from tajo_pipelines.twin.brevo.values import instant

Check = Callable[[Any], bool]
Shape = Mapping[str, "Check | Nested | Each"]
"""Accepted fields of an object; a field that isn't listed is refused."""


@dataclass(frozen=True)
class Nested:
    """An object with its own shape."""

    shape: Shape
    required: tuple[str, ...] = ()


@dataclass(frozen=True)
class Each:
    """An array of such objects."""

    nested: Nested


def text(value: Any) -> bool:
    """A string."""
    return isinstance(value, str)


def flag(value: Any) -> bool:
    """A boolean."""
    return isinstance(value, bool)


def integer(value: Any) -> bool:
    """An integer, not a boolean."""
    return isinstance(value, int) and not isinstance(value, bool)


def number(value: Any) -> bool:
    """A number, not a boolean."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def mapping(value: Any) -> bool:
    """An object."""
    return isinstance(value, dict)


def integers(value: Any) -> bool:
    """An array of integers."""
    return isinstance(value, list) and all(integer(item) for item in value)


def texts(value: Any) -> bool:
    """An array of strings."""
    return isinstance(value, list) and all(text(item) for item in value)


def one_of(*words: str) -> Check:
    """One of these words."""
    return lambda value: value in words


def date_time(value: Any) -> bool:
    """An ISO 8601 date or date-time."""
    return isinstance(value, str) and instant(value) is not None


def check(value: Any, nested: Nested, where: str = "") -> None:
    """Refuse a body that isn't of the shape.

    Raises:
        ApiError: 400 with the path of the first wrong field.
    """
    if not isinstance(value, dict):
        raise invalid(f"{where or 'Input'} must be a valid JSON object")
    for name in nested.required:
        if name not in value:
            raise missing(f"{where}{name} is missing")
    for name, item in value.items():
        rule = nested.shape.get(name)
        if rule is None:
            raise invalid(f"{where}{name} is not a known field")
        _check_field(item, rule, f"{where}{name}")


def _check_field(item: Any, rule: Check | Nested | Each, path: str) -> None:
    if isinstance(rule, Nested):
        check(item, rule, f"{path}.")
    elif isinstance(rule, Each):
        if not isinstance(item, list):
            raise invalid(f"{path} should be an array")
        for index, entry in enumerate(item):
            check(entry, rule.nested, f"{path}[{index}].")
    elif not rule(item):
        raise invalid(f"{path} is not valid")


def known_only(query: QueryParams, names: Sequence[str]) -> None:
    """Refuse query parameters that Brevo doesn't document for the call.

    Raises:
        ApiError: 400.
    """
    for name in query:
        if name.removesuffix("[]") not in names:
            raise invalid(f"{name} is not a known parameter")


def whole(query: QueryParams, name: str, default: int, maximum: int | None = None) -> int:
    """A non-negative integer parameter.

    Raises:
        ApiError: 400 when it isn't one or exceeds ``maximum``.
    """
    given = query.get(name)
    if given is None:
        return default
    if not given.isdigit():
        raise invalid(f"{name.capitalize()} is not valid")
    value = int(given)
    if maximum is not None and value > maximum:
        raise invalid(f"{name.capitalize()} exceeds max value")
    return value


def since(query: QueryParams, name: str) -> float | None:
    """A date-time parameter as seconds since the epoch, or None where it isn't given.

    Raises:
        ApiError: 400 when it can't be read; a plus sign sent unescaped arrives as a space.
    """
    given = query.get(name)
    if given is None:
        return None
    seconds = instant(given)
    if seconds is None:
        raise invalid(f"{name} is not a valid date-time")
    return seconds


def descending(query: QueryParams, *, default: str = "desc") -> bool:
    """Whether ``sort`` asks for the newest first.

    Raises:
        ApiError: 400 for another word than asc and desc.
    """
    given = query.get("sort", default)
    if given not in ("asc", "desc"):
        raise invalid("Sort value is not valid")
    return given == "desc"


def many(query: QueryParams, name: str) -> list[str]:
    """A repeatable parameter, also given once with commas or as ``name[]``."""
    values = [*query.getlist(name), *query.getlist(f"{name}[]")]
    return [part for value in values for part in value.split(",") if part]


def many_ids(query: QueryParams, name: str, maximum: int | None = None) -> list[int]:
    """A repeatable integer parameter.

    Raises:
        ApiError: 400 when one isn't an integer or there are more than ``maximum``.
    """
    values = many(query, name)
    if not all(value.isdigit() for value in values):
        raise invalid(f"{name} is not valid")
    if maximum is not None and len(values) > maximum:
        raise invalid(f"{name} exceeds max of {maximum}")
    return [int(value) for value in values]
