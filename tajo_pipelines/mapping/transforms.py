"""Named transforms: what a rule may do to a value on its way, by names that YAML can say.

Each is pure and sees a value that is neither None nor empty. Those over a single value work on every element of a
list. One that can't read its value raises `UnfitValue`. Examples in the docstrings run as tests, and the
documentation is made of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from tajo_pipelines.mapping.spec import AttributeType, did_you_mean
from tajo_pipelines.mapping.values import (
    as_boolean,
    as_date,
    as_number,
    as_text,
    as_texts,
)
from tajo_pipelines.model.errors import ConfigError

Step: TypeAlias = Callable[[Any], Any]

_WORD = re.compile(r"[^\s-]+")


def _each(single: Step) -> Step:
    def step(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return tuple(single(element) for element in value if element is not None)
        return single(value)

    return step


def strip() -> Step:
    """Takes white space off both ends.

    >>> strip()("  Ana ")
    'Ana'
    """
    return _each(lambda value: as_text(value).strip())


def lower() -> Step:
    """Lower case.

    >>> lower()(("VIP", "Retail"))
    ('vip', 'retail')
    """
    return _each(lambda value: as_text(value).lower())


def upper() -> Step:
    """Upper case.

    >>> upper()("de")
    'DE'
    """
    return _each(lambda value: as_text(value).upper())


def title() -> Step:
    """Every word, and every part of a hyphenated one, with one capital: names typed all in capitals.

    >>> title()("JEAN-LUC o'neill")
    "Jean-Luc O'neill"
    """
    return _each(lambda value: _WORD.sub(lambda word: word.group().capitalize(), as_text(value)))


def truncate(length: str) -> Step:
    """The first N characters.

    >>> truncate("5")("Grüße aus Köln")
    'Grüße'
    """
    if not (length.isascii() and length.isdigit() and 0 < int(length) <= 100_000):
        raise ConfigError("'truncate' needs a number of characters", code="bad_transform", hint="truncate:200")
    count = int(length)
    return _each(lambda value: as_text(value)[:count])


def split(separator: str = ",") -> Step:
    """Text to a list at a separator (a comma unless said), without white space around and without empty parts.

    >>> split()("red, green,,blue")
    ('red', 'green', 'blue')
    >>> split("|")("red|green")
    ('red', 'green')
    """

    def step(value: Any) -> tuple[str, ...]:
        parts = (part.strip() for text in as_texts(value) for part in text.split(separator))
        return tuple(part for part in parts if part)

    return step


def join(separator: str = ", ") -> Step:
    """A list to text with a separator (", " unless said), without its empty elements.

    >>> join()(("vip", "retail"))
    'vip, retail'
    >>> join(" / ")(["vip", "retail"])
    'vip / retail'
    """
    return lambda value: separator.join(as_texts(value))


def first() -> Step:
    """The first element of a list that isn't empty; a single value stays.

    >>> first()(["", "vip", "retail"])
    'vip'
    """

    def step(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return next((element for element in value if element is not None and element != ""), "")

    return step


def number() -> Step:
    """An exact number from text with a decimal point.

    >>> number()("12.50")
    Decimal('12.50')
    """
    return _each(as_number)


def integer() -> Step:
    """A whole number; what stands behind the point is cut off.

    >>> integer()("12.90")
    12
    """
    return _each(lambda value: int(as_number(value)))


def day() -> Step:
    """The day, in UTC, of a date, a time with zone, or the ISO text of either.

    >>> day()("2026-03-01T00:30:00+02:00")
    '2026-02-28'
    """
    return _each(lambda value: as_date(value).isoformat())


def boolean() -> Step:
    """Yes or no: true/false, yes/no, on/off, 1/0, in any case.

    >>> boolean()("Yes")
    True
    """
    return _each(as_boolean)


@dataclass(frozen=True, slots=True)
class Transform:
    """A transform by its name in YAML.

    Attributes:
        name: ``truncate``.
        build: Makes the step, from the text behind the colon where one is taken.
        result: Brevo type of what comes out; None where it is that of what goes in.
        parameter: What the text behind the colon means; empty where none is taken.
        required: Whether that text must be there.
    """

    name: str
    build: Callable[..., Step]
    result: AttributeType | None
    parameter: str = ""
    required: bool = False


TRANSFORMS: dict[str, Transform] = {
    transform.name: transform
    for transform in (
        Transform("strip", strip, AttributeType.TEXT),
        Transform("lower", lower, AttributeType.TEXT),
        Transform("upper", upper, AttributeType.TEXT),
        Transform("title", title, AttributeType.TEXT),
        Transform("truncate", truncate, AttributeType.TEXT, parameter="N", required=True),
        Transform("split", split, AttributeType.TEXT, parameter="separator"),
        Transform("join", join, AttributeType.TEXT, parameter="separator"),
        Transform("first", first, None),
        Transform("number", number, AttributeType.FLOAT),
        Transform("integer", integer, AttributeType.FLOAT),
        Transform("date", day, AttributeType.DATE),
        Transform("boolean", boolean, AttributeType.BOOLEAN),
    )
}
"""Every transform, in its documented order."""


def resolve_transform(text: str, where: str = "") -> tuple[Transform, Step]:
    """The transform that a rule names, and its step: ``strip``, ``truncate:200``, ``split:|``.

    Raises:
        ConfigError: ``unknown_transform`` with the nearest name, or ``bad_transform``.
    """
    name, colon, argument = text.partition(":")
    transform = TRANSFORMS.get(name.strip())
    if transform is None:
        hint = did_you_mean(name.strip(), TRANSFORMS)
        raise ConfigError(f"{text!r} is no transform", code="unknown_transform", where=where, hint=hint)
    if colon and not transform.parameter:
        message = f"{transform.name!r} takes nothing behind a colon"
        raise ConfigError(message, code="bad_transform", where=where)
    if not argument and (colon or transform.required):
        message = f"{transform.name!r} needs its {transform.parameter} behind a colon"
        hint = f"{transform.name}:{transform.parameter}"
        raise ConfigError(message, code="bad_transform", where=where, hint=hint)
    if not colon:
        return transform, transform.build()
    try:
        return transform, transform.build(argument)
    except ConfigError as error:
        raise ConfigError(error.message, code=error.code, where=where, hint=error.hint) from None
