"""Raw object -> canonical fields, by paths that a connector declares and types that the model declares.

Paths are JMESPath. Those that only walk from name to name, which is nearly all, run as plain look-ups: the same
answer (a property test compares them) at a fraction of the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from types import UnionType
from typing import Any, Generic, TypeVar, get_args

import jmespath
import jmespath.exceptions
import msgspec

from tajo_pipelines.model.errors import ConfigError, RejectedRecord
from tajo_pipelines.model.window import parse_time

StructT = TypeVar("StructT", bound=msgspec.Struct)
Getter = Callable[[Any], Any]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


@lru_cache(maxsize=1024)
def compile_path(path: str) -> Getter:
    """A function from a raw object to what a JMESPath finds in it; None where it finds nothing.

    Raises:
        ConfigError: ``invalid_path`` where it isn't JMESPath.
    """
    if _PLAIN.fullmatch(path):
        return _walker(tuple(path.split(".")))
    try:
        compiled = jmespath.compile(path)
    except jmespath.exceptions.JMESPathError as error:
        message = f"{path!r} isn't JMESPath"
        raise ConfigError(message, code="invalid_path") from error
    return compiled.search


def _walker(names: tuple[str, ...]) -> Getter:
    if len(names) == 1:
        (only,) = names
        return lambda raw: raw.get(only) if isinstance(raw, dict) else None

    def walk(raw: Any) -> Any:
        for name in names:
            if not isinstance(raw, dict):
                return None
            raw = raw.get(name)
        return raw

    return walk


def _wrong(field: str, kind: str) -> RejectedRecord:
    return RejectedRecord("malformed", f"the platform's {field} is no {kind}", field=field)


def as_text(value: Any, field: str) -> str:
    """Text, or a whole number as text.

    Raises:
        RejectedRecord: ``malformed`` for anything else.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _wrong(field, "text")


def as_decimal(value: Any, field: str) -> Decimal:
    """An exact number from decimal text, int or Decimal.

    Raises:
        RejectedRecord: ``malformed`` for anything else, a float included.
    """
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise _wrong(field, "decimal") from None
        if number.is_finite():
            return number
    raise _wrong(field, "decimal")


def as_int(value: Any, field: str) -> int:
    """A whole number, given as such or as text.

    Raises:
        RejectedRecord: ``malformed`` for anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit():
        return int(value)
    raise _wrong(field, "whole number")


def as_bool(value: Any, field: str) -> bool:
    """True or false and nothing like them.

    Raises:
        RejectedRecord: ``malformed`` for anything else.
    """
    if isinstance(value, bool):
        return value
    raise _wrong(field, "yes or no")


def as_time(value: Any, field: str) -> datetime:
    """An instant in UTC from ISO 8601 with its zone.

    Raises:
        RejectedRecord: ``malformed`` for anything else, a time without zone included.
    """
    if isinstance(value, str):
        try:
            return parse_time(value)
        except ValueError:
            pass
    raise _wrong(field, "time")


def as_date(value: Any, field: str) -> date:
    """A day from ISO 8601.

    Raises:
        RejectedRecord: ``malformed`` for anything else.
    """
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise _wrong(field, "day")


def as_texts(value: Any, field: str) -> tuple[str, ...]:
    """A list of texts.

    Raises:
        RejectedRecord: ``malformed`` for anything else.
    """
    if isinstance(value, list):
        return tuple(as_text(item, field) for item in value)
    raise _wrong(field, "list")


_CONVERTERS: Mapping[Any, Callable[[Any, str], Any]] = {
    str: as_text,
    bool: as_bool,
    int: as_int,
    Decimal: as_decimal,
    datetime: as_time,
    date: as_date,
    tuple[str, ...]: as_texts,
}


class FieldReader(Generic[StructT]):
    """Reads the plain fields of a canonical type: a path a field, its type from the model.

    Args:
        kind: The canonical type.
        paths: Canonical field -> JMESPath.
        empty: Whether a text that the platform holds as null is an emptied field (``""``). Only for whole objects in
            which every field was asked for; elsewhere null says nothing.

    Raises:
        ConfigError: A field that the type hasn't got, a type that can't be read so, or no JMESPath.
    """

    def __init__(self, kind: type[StructT], paths: Mapping[str, str], *, empty: bool = False) -> None:
        declared = msgspec.structs.fields(kind)
        types = {field.name: _plain(field.type) for field in declared}
        emptied = {field.name for field in declared if empty and not field.required and types[field.name] is str}
        for name in paths:
            if types.get(name) not in _CONVERTERS:
                message = f"{kind.__name__} has no plain field {name!r}"
                raise ConfigError(message, code="unknown_field")
        self._fields = tuple(
            (name, compile_path(path), _CONVERTERS[types[name]], "" if name in emptied else None)
            for name, path in paths.items()
        )

    def read(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Keyword arguments for the canonical type; a field that is null and means nothing is left out.

        Raises:
            RejectedRecord: ``malformed``, naming the field.
        """
        found: dict[str, Any] = {}
        for name, get, convert, if_null in self._fields:
            value = get(raw)
            if value is not None:
                found[name] = convert(value, name)
            elif if_null is not None:
                found[name] = if_null
        return found


def _plain(kind: Any) -> Any:
    """The type without its None."""
    if isinstance(kind, UnionType) or type(kind).__name__ == "_UnionGenericAlias":
        rest = [part for part in get_args(kind) if part is not type(None)]
        return rest[0] if len(rest) == 1 else kind
    return kind
