"""How Brevo reads the values that it is sent: addresses, phones, instants, attributes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email

IGNORED = object()
"""Stands for a value that Brevo drops without a word."""

_ACCOUNT_ZONE = timezone(timedelta(hours=1))
_PHONE = re.compile(r"(?:\+|00)?([1-9][0-9]{5,14})")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_TRUE = {"true", "yes", "1"}
_FALSE = {"false", "no", "0"}


def email_or_none(value: str) -> str | None:
    """The address in lower case, or None where it isn't one."""
    try:
        validate_email(value, check_deliverability=False)
    except EmailNotValidError:
        return None
    return value.strip().lower()


def phone_or_none(value: Any) -> str | None:
    """Digits with country code as Brevo keeps them, or None where it isn't a phone number.

    ``91xxxxxxxxxx``, ``+91xxxxxxxxxx`` and ``0091xxxxxxxxxx`` are the accepted forms
    (developers.brevo.com, reference of POST /contacts).
    """
    found = _PHONE.fullmatch(str(value).strip()) if isinstance(value, (str, int)) else None
    if found is None:
        return None
    try:
        parsed = phonenumbers.parse(f"+{found[1]}")
    except phonenumbers.NumberParseException:
        return None
    return found[1] if phonenumbers.is_possible_number(parsed) else None


def instant(value: str) -> float | None:
    """Seconds since the epoch of an ISO 8601 text, UTC where it names no zone; None if unreadable."""
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)).timestamp()


def shown(seconds: float) -> str:
    """An instant as contacts and lists show it: with milliseconds, in the account's zone."""
    return datetime.fromtimestamp(seconds, _ACCOUNT_ZONE).isoformat(timespec="milliseconds")


def shown_utc(seconds: float) -> str:
    """An instant in UTC with milliseconds and Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _as_text(value: Any, _attribute: Mapping[str, Any]) -> Any:
    return value if isinstance(value, str) else IGNORED


def _as_date(value: Any, _attribute: Mapping[str, Any]) -> Any:
    found = _DATE.match(value) if isinstance(value, str) else None
    if found is None or (len(value) > len(found[0]) and instant(value) is None):
        return IGNORED
    try:
        date.fromisoformat(found[0])
    except ValueError:
        return IGNORED
    return found[0]


def _as_float(value: Any, _attribute: Mapping[str, Any]) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return IGNORED
    try:
        parsed = float(value)
    except ValueError:
        return IGNORED
    if not math.isfinite(parsed):
        return IGNORED
    return int(parsed) if parsed.is_integer() else parsed


def _as_boolean(value: Any, _attribute: Mapping[str, Any]) -> Any:
    if isinstance(value, bool):
        return value
    word = str(value).lower() if isinstance(value, (int, str)) else ""
    return True if word in _TRUE else False if word in _FALSE else IGNORED


def _as_choices(value: Any, attribute: Mapping[str, Any]) -> Any:
    if not isinstance(value, list):
        return IGNORED
    options = attribute.get("multiCategoryOptions") or []
    kept = [item for item in value if item in options]
    return kept or IGNORED


def _as_category(value: Any, attribute: Mapping[str, Any]) -> Any:
    for option in attribute.get("enumeration") or []:
        if str(value) in (str(option["value"]), option["label"]):
            return str(option["value"])
    return IGNORED


_READERS: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "text": _as_text,
    "user": _as_text,
    "date": _as_date,
    "float": _as_float,
    "boolean": _as_boolean,
    "multiple-choice": _as_choices,
}


def attribute_value(value: Any, attribute: Mapping[str, Any]) -> Any:
    """The value as it is kept, ``IGNORED`` where its type doesn't fit, None where it clears.

    Args:
        value: As sent; an empty text clears, null does nothing.
        attribute: The account's definition of the attribute.
    """
    if value is None:
        return IGNORED
    if value in ("", []):
        return None
    if attribute["category"] == "category":
        return _as_category(value, attribute)
    if attribute["category"] != "normal":
        return IGNORED
    return _READERS.get(attribute.get("type", "text"), _as_text)(value, attribute)
