"""Values on their way to Brevo: read leniently where nothing is guessed, refused where something would be.

The functions ``as_...`` take whatever a canonical field or a raw payload holds and answer one Python type. `fit`
brings a value to one of Brevo's types. A value that can't become it raises `UnfitValue`, whose sentence never quotes
the value.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from tajo_pipelines.mapping.spec import AttributeType
from tajo_pipelines.model.window import format_time

AttributeValue: TypeAlias = str | int | float | bool | list[str]
"""What Brevo takes as an attribute: text, number, date as ``YYYY-MM-DD``, boolean, list of choices."""

_EXACT_INTEGER = 2**53
_EXPONENT = 308
_BITS = 1024
_OPTION_LENGTH = 200

_WORDS = {
    **dict.fromkeys(("true", "yes", "y", "t", "on", "1"), True),
    **dict.fromkeys(("false", "no", "n", "f", "off", "0"), False),
}


class UnfitValue(ValueError):
    """A value that can't become what it should; the sentence goes on after "the value"."""


def is_empty(value: Any) -> bool:
    """Whether a source says that its field is empty (None, which says nothing, isn't that)."""
    return not value and isinstance(value, str | tuple | list)


def _decimal(value: Decimal) -> Decimal:
    if not value.is_finite() or (value and abs(value.adjusted()) > _EXPONENT):
        raise UnfitValue("isn't a number of ordinary size")
    return value


def as_number(value: Any) -> Decimal:
    """An exact number from a number or from decimal text with a point: ``12``, ``12.50``, ``-1e3``."""
    if isinstance(value, bool):
        raise UnfitValue("is a yes or no, not a number")
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, int):
        if value.bit_length() > _BITS:
            raise UnfitValue("isn't a number of ordinary size")
        return Decimal(value)
    if isinstance(value, float):
        return _decimal(Decimal(repr(value)))
    if not isinstance(value, str) or "_" in value:
        raise UnfitValue("isn't a number")
    try:
        return _decimal(Decimal(value.strip()))
    except InvalidOperation:
        raise UnfitValue("isn't a number") from None


def as_text(value: Any) -> str:
    """Text of a scalar: numbers plain, dates ISO, times RFC 3339 in UTC, yes and no as ``true`` and ``false``."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UnfitValue("holds half of a character") from None
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return format(as_number(value), "f")
    if isinstance(value, datetime):
        return format_time(_aware(value))
    if isinstance(value, date):
        return value.isoformat()
    raise UnfitValue("is no single value")


def as_texts(value: Any) -> list[str]:
    """Texts of a list, or of one scalar; nothing stands for an element that is empty."""
    elements = value if isinstance(value, list | tuple) else (value,)
    return [text for text in (as_text(element) for element in elements if element is not None) if text]


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise UnfitValue("is a time without zone")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise UnfitValue("is a time beyond the calendar") from None


def as_date(value: Any) -> date:
    """A day, in UTC, from a date, from a time with zone, or from the ISO text of either."""
    if isinstance(value, datetime):
        return _aware(value).date()
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        raise UnfitValue("isn't a date")
    text = value.strip()
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UnfitValue("isn't a date in ISO form") from None
    return _aware(moment).date()


def as_boolean(value: Any) -> bool:
    """Yes or no from a boolean, from 0 and 1, or from the usual English words for them."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        found = _WORDS.get(value.strip().lower())
        if found is not None:
            return found
    elif isinstance(value, int | float | Decimal) and as_number(value) in {0, 1}:
        return bool(value)
    raise UnfitValue("is neither yes nor no")


def _text(value: Any) -> str | None:
    if type(value) is str and value.isascii():
        return value or None
    if isinstance(value, list | tuple):
        return ", ".join(as_texts(value)) or None
    return as_text(value) or None


def _float(value: Any) -> int | float | None:
    if is_empty(value):
        return None
    number = float(value if type(value) is Decimal and value.is_finite() else as_number(value))
    if number.is_integer() and -_EXACT_INTEGER <= number <= _EXACT_INTEGER:
        return int(number)
    if number in {float("inf"), float("-inf")}:
        raise UnfitValue("isn't a number of ordinary size")
    return number


def _date(value: Any) -> str | None:
    return None if is_empty(value) else as_date(value).isoformat()


def _boolean(value: Any) -> bool | None:
    return None if is_empty(value) else as_boolean(value)


def _choices(value: Any) -> list[str] | None:
    options = list(dict.fromkeys(as_texts(value)))
    if any(len(option) > _OPTION_LENGTH for option in options):
        raise UnfitValue(f"holds a choice of more than {_OPTION_LENGTH} characters")
    return options or None


_FITS: dict[AttributeType, Callable[[Any], AttributeValue | None]] = {
    AttributeType.TEXT: _text,
    AttributeType.FLOAT: _float,
    AttributeType.DATE: _date,
    AttributeType.BOOLEAN: _boolean,
    AttributeType.MULTIPLE_CHOICE: _choices,
}


def fit(kind: AttributeType) -> Callable[[Any], AttributeValue | None]:
    """The function that brings a value, never None, to a type; it answers None where the value is empty.

    * text: a list is joined by ", ".
    * float: a JSON integer where the number is whole and at most 2^53, else the nearest double, whose shortest
      form has the digits of the decimal up to 15 significant ones.
    * date: ``YYYY-MM-DD`` of the day in UTC.
    * boolean: as `as_boolean` reads it.
    * multiple-choice: each choice once, in order, at most 200 characters long.

    The function raises `UnfitValue`.
    """
    return _FITS[kind]
