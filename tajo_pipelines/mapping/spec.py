"""What a rule of a field mapping may say: its source, its target, its type."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol, get_args, get_type_hints

from tajo_pipelines.model.customer import CUSTOMER_FIELDS, Customer
from tajo_pipelines.model.errors import ConfigError

RAW = "raw."
"""Prefix of a source that is a JMESPath expression over the raw payload."""

FULL_NAME = "name"
"""Source that joins first and last name."""

CANONICAL_SOURCES: tuple[str, ...] = (*CUSTOMER_FIELDS, FULL_NAME)
"""Every canonical source, in its documented order."""

IDENTITY_TARGETS: dict[str, str] = {"email": "email", "EMAIL": "email", "SMS": "phone", "phone": "phone"}
"""Targets that say who the contact is, each with the only canonical field that can feed it."""

RESERVED_TARGETS: dict[str, str] = {
    "TAJO_BLOCKED": "it holds why a channel was blocked",
    "TAJO_SOURCES": "it holds which records feed the contact",
    "EXT_ID": "it comes from the connection named in 'ext_id_from'",
    "WHATSAPP": "it identifies a contact, and only EMAIL and SMS are mapped as identifiers",
    "LANDLINE_NUMBER": "it identifies a contact, and only EMAIL and SMS are mapped as identifiers",
}
"""Names that no rule can write, each with the reason."""

_TARGET = re.compile(r"[A-Z0-9_]{1,50}")


class AttributeType(StrEnum):
    """Types of Brevo's normal attributes that a rule can write (``POST /contacts/attributes``)."""

    TEXT = "text"
    FLOAT = "float"
    DATE = "date"
    BOOLEAN = "boolean"
    MULTIPLE_CHOICE = "multiple-choice"


class RuleLike(Protocol):
    """What the engine reads of a rule; `FieldRule` is one, a configuration's own class another."""

    @property
    def source(self) -> str | None:
        """Canonical name in snake_case or camelCase, ``raw.<JMESPath>``, or None where the default alone speaks."""
        ...

    @property
    def target(self) -> str:
        """Brevo's attribute name, or ``email``, ``EMAIL``, ``phone``, ``SMS``."""
        ...

    @property
    def transforms(self) -> tuple[str, ...]:
        """Named transforms in order: ``strip``, ``truncate:200``."""
        ...

    @property
    def type(self) -> str | None:
        """Brevo's type; None to follow from the source and the transforms."""
        ...

    @property
    def default(self) -> object | None:
        """Value for when the source says nothing; None for none."""
        ...

    @property
    def where(self) -> str:
        """Place of the rule, for errors."""
        ...


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One rule: this source becomes that attribute.

    Attributes:
        source: Canonical name in snake_case or camelCase, ``raw.<JMESPath>``, or None where the default alone speaks.
        target: Brevo's attribute name, or ``email``, ``EMAIL``, ``phone``, ``SMS``.
        transforms: Named transforms in order: ``strip``, ``truncate:200``.
        type: Brevo's type; None to follow from the source and the transforms.
        default: Value for when the source says nothing, never for when it says empty.
        where: Place of the rule, for errors.
    """

    source: str | None
    target: str
    transforms: tuple[str, ...] = ()
    type: str | None = None
    default: object | None = None
    where: str = ""


def camel_case(name: str) -> str:
    """``total_orders`` as ``totalOrders``."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


_SOURCES: dict[str, str] = {spelling: name for name in CANONICAL_SOURCES for spelling in (name, camel_case(name))}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The way out of a wrong name: the nearest known one, or all of them where none is near."""
    names = list(known)
    folded = {candidate.lower(): candidate for candidate in reversed(names)}
    near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return f"did you mean {folded[near[0]]!r}?" if near else "valid: " + ", ".join(names)


def resolve_source(text: str, where: str = "") -> str:
    """The canonical name of a source, or the ``raw.`` source as it stands.

    Args:
        text: ``total_orders``, ``totalOrders``, ``name`` or ``raw.<JMESPath>``.
        where: Place of the rule.

    Raises:
        ConfigError: ``unknown_source``, with the nearest name.
    """
    name = text.strip()
    if name.startswith(RAW) and len(name) > len(RAW):
        return name
    found = _SOURCES.get(name)
    if found is None:
        if name in {"raw", RAW}:
            hint = "'raw' needs a JMESPath expression: 'raw.<field>'"
        else:
            hint = did_you_mean(name, CANONICAL_SOURCES)
        message = f"{text!r} is no field of a customer"
        raise ConfigError(message, code="unknown_source", where=where, hint=hint)
    return found


def check_target(name: str, where: str = "") -> None:
    """Refuses a name that can't be an attribute of a rule.

    Raises:
        ConfigError: ``reserved_target`` or ``bad_target``, with a name that would do.
    """
    if name in RESERVED_TARGETS:
        message = f"{name} can't be a target: {RESERVED_TARGETS[name]}"
        raise ConfigError(message, code="reserved_target", where=where)
    if "blacklist" in name.lower():
        message = f"{name!r} can't be a target: who is blocked follows from consent alone"
        raise ConfigError(message, code="reserved_target", where=where)
    if _TARGET.fullmatch(name):
        return
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    proposal = re.sub(r"[^A-Z0-9_]+", "_", words.upper()).strip("_")[:50]
    message = f"{name!r} is no name of a Brevo attribute: 1 to 50 of A-Z, 0-9 and _"
    hint = f"try {proposal!r}" if proposal else ""
    raise ConfigError(message, code="bad_target", where=where, hint=hint)


def resolve_type(text: str, where: str = "") -> AttributeType:
    """Brevo's type of that name.

    Raises:
        ConfigError: ``unknown_type``, with the nearest name.
    """
    try:
        return AttributeType(text)
    except ValueError:
        hint = did_you_mean(text, [str(known) for known in AttributeType])
        message = f"{text!r} is no type of an attribute"
        raise ConfigError(message, code="unknown_type", where=where, hint=hint) from None


_PYTHON_TYPES: dict[Any, AttributeType] = {
    int: AttributeType.FLOAT,
    float: AttributeType.FLOAT,
    Decimal: AttributeType.FLOAT,
    date: AttributeType.DATE,
    datetime: AttributeType.DATE,
    bool: AttributeType.BOOLEAN,
}


def type_of(kind: Any) -> AttributeType:
    """Brevo's type for a Python type; text for all that has none of its own, lists included."""
    return _PYTHON_TYPES.get(kind, AttributeType.TEXT)


def _source_types() -> dict[str, AttributeType]:
    hints = get_type_hints(Customer)
    # Every field but the id is "T | None": the stated type comes first.
    kinds = {name: (get_args(hints[name]) or (hints[name],))[0] for name in CUSTOMER_FIELDS}
    return {name: type_of(kind) for name, kind in kinds.items()} | {FULL_NAME: AttributeType.TEXT}


SOURCE_TYPES: dict[str, AttributeType] = _source_types()
"""The type that a canonical source has at Brevo unless a rule says otherwise: tags are text, joined by ", "."""
