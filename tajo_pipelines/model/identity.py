"""Who a person is: addresses and phones brought to one form.

Both functions sit on the libraries of the field (email-validator, phonenumbers) and do no network look-up.
"""

from __future__ import annotations

from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from tajo_pipelines.model.errors import RejectedRecord


@lru_cache(maxsize=4096)
def normal_email(text: str) -> str:
    """The address in lower case and the one form that every mail system takes: ASCII, its domain as ``xn--...``.

    Letters beyond ASCII before the ``@`` have no such form (RFC 6531 asks both ends for an extension), so such an
    address isn't valid here.

    Raises:
        RejectedRecord: ``invalid_email`` when it isn't an address that can receive mail.
    """
    try:
        found = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        reason = "the e-mail address isn't valid"
        raise RejectedRecord("invalid_email", reason, field="email") from error
    return (found.ascii_email or found.normalized).lower()


def held_email(text: str) -> str:
    """The normal form of an address that a system holds already, which is believed to be one."""
    plain = text.strip().lower()
    if plain.isascii():
        return plain
    try:
        return normal_email(plain)
    except RejectedRecord:
        return plain


@lru_cache(maxsize=4096)
def normal_phone(text: str, region: str | None) -> str:
    """The number in E.164.

    Args:
        text: The number as written, with or without country code.
        region: ISO 3166 country of numbers written nationally, or None.

    Raises:
        RejectedRecord: ``invalid_phone`` when it is no number that could be called.
    """
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        reason = "the phone number can't be read" if region else "the phone number has no country code"
        raise RejectedRecord("invalid_phone", reason, field="phone") from error
    # Possible, not valid: numbering plans move faster than the library, and Brevo has the last word.
    if not phonenumbers.is_possible_number(number):
        reason = "the phone number has an impossible length for its country"
        raise RejectedRecord("invalid_phone", reason, field="phone")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def mask_email(text: str) -> str:
    """The address as logs and screens may show it: ``a***@example.com``."""
    local, at, domain = text.partition("@")
    return f"{local[:1]}***{at}{domain}" if at else "***"
