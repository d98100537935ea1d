"""The account's contact attributes: read, made where that is wanted, and values brought to their types.

Brevo drops unknown attributes and values of another type without a word, so neither may be sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.brevo.refusals import BrevoRefusal
from tajo_pipelines.model.errors import Notice, RejectedRecord
from tajo_pipelines.model.window import format_time, parse_time

TEXT = "text"
OURS: Mapping[str, str] = {"TAJO_BLOCKED": TEXT, "TAJO_SOURCES": TEXT}
"""Attributes that the project needs for itself."""

IDENTIFIERS = frozenset({"EMAIL", "SMS", "WHATSAPP", "LANDLINE_NUMBER", "EXT_ID"})
"""Names that every account has, listed among its attributes or not."""

MAX_AGE = 3600.0
"""Seconds for which the list is believed."""

_EVER = 100 * 365 * 86_400.0
_CACHE = "attributes"
_CATEGORY = "category"
_CHOICES = "multiple-choice"
_CREATABLE = {TEXT, "date", "float", "boolean"}
_WRITABLE_CATEGORIES = {"normal", "category"}


@dataclass(frozen=True, slots=True)
class AttributeType:
    """What an attribute takes.

    Attributes:
        kind: ``text``, ``date``, ``float``, ``boolean``, ``multiple-choice``, ``category``, ``user``, or the
            category's name of one that can't be written (``calculated``, ``global``, ``transactional``).
        options: Allowed values of multiple-choice, labels of category.
    """

    kind: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mistyped:
    """An attribute whose type at Brevo doesn't take what would be sent."""

    name: str
    wanted: str
    found: str


@dataclass(slots=True)
class AttributePlan:
    """What may be sent.

    Attributes:
        known: Attributes that take what is wanted, by name, with the account's own type.
        created: Made just now.
        missing: Wanted, absent and not made: not sent.
        mistyped: Wanted, but of another type: not sent.
    """

    known: dict[str, AttributeType] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    mistyped: list[Mistyped] = field(default_factory=list)

    def notices(self) -> list[Notice]:
        """A warning for everything that isn't sent."""
        found = [
            Notice(
                "attribute_missing",
                f"the Brevo account has no attribute {name}; its values aren't sent",
                "brevo.create_attributes",
            )
            for name in self.missing
        ]
        found += [
            Notice(
                "attribute_mistyped",
                f"Brevo's attribute {item.name} is of type {item.found}, not {item.wanted}; its values aren't sent",
                f"field_mapping.{item.name}",
            )
            for item in self.mistyped
        ]
        return found


class _Option(msgspec.Struct):
    label: str = ""


class _Attribute(msgspec.Struct, rename={"choices": "multiCategoryOptions"}):
    name: str
    category: str
    type: str | None = None
    enumeration: list[_Option] | None = None
    choices: list[str] | None = None

    def typed(self) -> AttributeType:
        if self.category not in _WRITABLE_CATEGORIES:
            return AttributeType(self.category)
        if self.category == _CATEGORY or self.enumeration:
            return AttributeType(_CATEGORY, tuple(option.label for option in self.enumeration or ()))
        return AttributeType(self.type or TEXT, tuple(self.choices or ()))


class _Attributes(msgspec.Struct):
    attributes: list[_Attribute]


def read_attributes(
    client: BrevoClient, state: AccountState, now: datetime, *, fresh: bool = False
) -> dict[str, AttributeType]:
    """The account's attributes by name, at most an hour old.

    Args:
        client: The client.
        state: Where they are cached.
        now: The present.
        fresh: Whether to ask Brevo even where the cache is young.
    """
    cached = None if fresh else state.cached(_CACHE, now, MAX_AGE)
    if cached is None:
        read = client.request("GET", "/contacts/attributes").to(_Attributes)
        cached = {"attributes": msgspec.to_builtins(read.attributes)}
        state.cache(_CACHE, cached, now)
    return _listed(cached)


def _listed(document: Mapping[str, object]) -> dict[str, AttributeType]:
    listed = msgspec.convert(document, _Attributes).attributes
    known = {name: AttributeType(TEXT) for name in IDENTIFIERS}
    return known | {attribute.name: attribute.typed() for attribute in listed}


def foresee(state: AccountState | None, wanted: Mapping[str, str], *, create: bool, now: datetime) -> AttributePlan:
    """What `ensure` would come to by what was read last, whenever that was; Brevo isn't asked.

    Args:
        state: Where the list is cached; None where the account was never opened.
        wanted: Type by attribute name.
        create: Whether missing ones would be made; so they would where nothing was read yet.
        now: The present.
    """
    cached = None if state is None else state.cached(_CACHE, now, _EVER)
    account = {} if cached is None else _listed(cached)
    plan = AttributePlan()
    for name, kind in wanted.items():
        found = account.get(name)
        if found is None and (cached is None or (create and kind in _CREATABLE)):
            plan.created.append(name)
            plan.known[name] = AttributeType(kind)
        elif found is None:
            plan.missing.append(name)
        else:
            _sort_in(plan, name, kind, found)
    return plan


def _sort_in(plan: AttributePlan, name: str, wanted: str, found: AttributeType) -> None:
    if takes(found, wanted):
        plan.known[name] = found
    else:
        plan.mistyped.append(Mistyped(name, wanted, found.kind))


def ensure(
    client: BrevoClient, state: AccountState, wanted: Mapping[str, str], *, create: bool, now: datetime
) -> AttributePlan:
    """See to it that the wanted attributes exist, and say which of them may be sent.

    Args:
        client: The client.
        state: Where the list is cached.
        wanted: Type by attribute name; `OURS` are wanted always.
        create: Whether missing ones are made.
        now: The present.
    """
    names = {**wanted, **OURS}
    account = read_attributes(client, state, now)
    if not all(name in account and takes(account[name], kind) for name, kind in names.items()):
        account = read_attributes(client, state, now, fresh=True)
    plan = AttributePlan()
    lacking = {name: names[name] for name in sorted(names.keys() - account.keys())}
    plan.missing = [name for name, kind in lacking.items() if not create or kind not in _CREATABLE]
    wished = {name: kind for name, kind in lacking.items() if name not in plan.missing}
    if wished:
        refusals = {name: _create(client, name, kind) for name, kind in wished.items()}
        plan.created = [name for name, refusal in refusals.items() if refusal is None]
        account = read_attributes(client, state, now, fresh=True)
        for name, refusal in refusals.items():
            # Where it is there now, another process was faster; how Brevo words that isn't documented.
            if refusal is not None and name not in account:
                raise refusal
    for name, kind in names.items():
        found = account.get(name)
        if found is not None:
            _sort_in(plan, name, kind, found)
    return plan


def _create(client: BrevoClient, name: str, kind: str) -> BrevoRefusal | None:
    """Make an attribute; what Brevo says where it won't."""
    variables = {"attributeCategory": "normal", "attributeName": name}
    template = "/contacts/attributes/{attributeCategory}/{attributeName}"
    try:
        client.request("POST", template, path_vars=variables, body={"type": kind})
    except BrevoRefusal as error:
        return error
    return None


def takes(found: AttributeType, wanted: str) -> bool:
    """Whether an attribute of the account takes values of a type without loss.

    Texts go into categories and choices too, where each value must be one of the options.
    """
    if found.kind in {TEXT, wanted}:
        return True
    return wanted == TEXT and found.kind in {_CATEGORY, _CHOICES}


def fit(value: object, kind: AttributeType, *, name: str = "") -> object:
    """A value as the attribute takes it: str, bool, int, Decimal or list of str.

    An empty text stays one: it clears the attribute. Brevo documents no longest text.

    Raises:
        RejectedRecord: ``unfit_value`` when the value doesn't fit.
    """
    if value == "":
        return value
    try:
        return _FITTERS.get(kind.kind, _to_nothing)(value, kind)
    except ValueError as error:
        message = f"the value doesn't fit Brevo's attribute {name or 'it was meant for'}: {error}"
        raise RejectedRecord("unfit_value", message, field=name or None) from error


def _to_nothing(_value: object, kind: AttributeType) -> str:
    raise ValueError(f"attributes of type {kind.kind} can't be written")


def _to_text(value: object, _kind: AttributeType) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case datetime():
            return format_time(value)
        case date():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case int() | float():
            return str(value)
        case list() | tuple():
            return ", ".join(_to_text(item, _kind) for item in value)
        case _:
            raise ValueError(f"{type(value).__name__} has no plain text")


def _to_float(value: object, _kind: AttributeType) -> int | Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError("it takes a number") from error
    if not number.is_finite():
        raise ValueError("it takes a finite number")
    return number


def _to_boolean(value: object, _kind: AttributeType) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise ValueError("it takes true or false")


def _to_date(value: object, _kind: AttributeType) -> str:
    """YYYY-MM-DD: the one form that Brevo reads the same everywhere."""
    if isinstance(value, datetime):
        return format_time(value)[:10]
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    try:
        return date.fromisoformat(text).isoformat() if len(text) == 10 else format_time(parse_time(text))[:10]
    except ValueError:
        # Said without the value: a birthday is personal.
        raise ValueError("it takes a date") from None


def _to_option(value: object, kind: AttributeType) -> str:
    text = _to_text(value, kind)
    if text in kind.options:
        return text
    alike = [option for option in kind.options if option.casefold() == text.casefold()]
    if len(alike) == 1:
        return alike[0]
    raise ValueError("it is none of the attribute's options")


def _to_options(value: object, kind: AttributeType) -> list[str]:
    items = value if isinstance(value, list | tuple) else [value]
    return [_to_option(item, kind) for item in items]


_FITTERS: Mapping[str, Callable[[Any, AttributeType], object]] = {
    TEXT: _to_text,
    "float": _to_float,
    "boolean": _to_boolean,
    "date": _to_date,
    _CATEGORY: _to_option,
    _CHOICES: _to_options,
}
