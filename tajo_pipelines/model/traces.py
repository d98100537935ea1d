"""By what a person is known in all places, and how a text is told that speaks of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import phonenumbers

from tajo_pipelines.model.identity import held_email, mask_email

_BETWEEN = r"[\s().\-/]{0,3}"
_LONG = 10
"""Digits from which on a key is taken for itself wherever it stands; a shorter one may be any number."""

_FEWEST_DIGITS = 7

RecordName = tuple[str, str, str]
"""Connection, stream and key of a record."""


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """By what a person is known.

    Attributes:
        emails: Normal addresses.
        phones: Numbers in E.164 that nobody else has.
        written: Addresses as a platform wrote them, where that isn't their normal form.
        records: Records that are about the person: customers, orders, carts.
        contacts: Ids of contacts at Brevo.
    """

    emails: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    written: frozenset[str] = frozenset()
    records: frozenset[RecordName] = frozenset()
    contacts: frozenset[int] = frozenset()

    def __or__(self, other: Traces) -> Traces:
        """Both together."""
        names = self.__struct_fields__
        return Traces(**{name: getattr(self, name) | getattr(other, name) for name in names})

    def covers(self, other: Traces) -> bool:
        """Whether the other ones hold nothing that these don't."""
        return self | other == self

    @property
    def addresses(self) -> list[str]:
        """Addresses and numbers, under which ledger and consent keep a person."""
        return sorted(self.emails | self.phones)

    def keys(self, connection: str, stream: str) -> set[str]:
        """Keys of the person's records of one stream."""
        return {key for where, name, key in self.records if (where, name) == (connection, stream)}


@dataclass(frozen=True)
class Mentions:
    """Tells texts that speak of a person.

    Attributes:
        traces: By what the person is known.
    """

    traces: Traces

    def are_of(self, document: Any) -> bool:
        """Whether a field that is named after an e-mail address, at any depth, holds one of the person's."""
        if isinstance(document, Mapping):
            return any(
                held_email(value) in self.traces.emails
                if isinstance(value, str) and str(name).lower().endswith("email")
                else self.are_of(value)
                for name, value in document.items()
            )
        return isinstance(document, list) and any(self.are_of(item) for item in document)

    def names(self, text: str) -> bool:
        """Whether a text mentions the person: by address or long key; by number where it holds no address at all."""
        if self._matches(self._strong, text):
            return True
        return "@" not in text and self._matches(self._phones, text)

    def occur_in(self, text: str) -> bool:
        """Whether anything that leads to the person occurs."""
        return self._matches(self._strong, text) or self._matches(self._phones, text)

    def hide(self, text: str) -> str:
        """The text with addresses and numbers of the person starred out, as many bytes long as it was.

        A masked address shows its domain, which may be a name: it goes as well, also where it is another one's.
        """
        for pattern in (self._emails, self._masked, self._phones):
            if pattern is not None:
                text = pattern.sub(lambda found: "*" * len(found[0].encode(errors="surrogateescape")), text)
        return text

    @staticmethod
    def _matches(pattern: re.Pattern[str] | None, text: str) -> bool:
        return pattern is not None and pattern.search(text) is not None

    @cached_property
    def _emails(self) -> re.Pattern[str] | None:
        return _any_of(_email(text) for text in sorted(self.traces.emails | self.traces.written))

    @cached_property
    def _masked(self) -> re.Pattern[str] | None:
        return _any_of(_email(mask_email(text)) for text in sorted(self.traces.emails | self.traces.written))

    @cached_property
    def _phones(self) -> re.Pattern[str] | None:
        return _any_of(found for text in sorted(self.traces.phones) for found in _phone(text))

    @cached_property
    def _strong(self) -> re.Pattern[str] | None:
        addresses = [_email(text) for text in sorted(self.traces.emails | self.traces.written)]
        keys = sorted({key for _, _, key in self.traces.records if len(key) >= _LONG})
        return _any_of([*addresses, *(rf"(?<![\w-]){re.escape(key)}(?![\w-])" for key in keys)])


def _any_of(patterns: Iterable[str]) -> re.Pattern[str] | None:
    joined = "|".join(patterns)
    return re.compile(joined, re.IGNORECASE) if joined else None


def _email(text: str) -> str:
    local, _, domain = text.partition("@")
    return rf"(?<![\w.+-]){re.escape(local)}(?:@|%40){re.escape(domain)}(?![\w-]|\.\w)"


def _phone(text: str) -> Iterable[str]:
    """A number with and without its country, whatever stands between its digits."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return
    national = phonenumbers.national_significant_number(number)
    if len(national) < _FEWEST_DIGITS:
        return
    digits = _BETWEEN.join(national)
    country = _BETWEEN.join(str(number.country_code))
    yield rf"(?<!\d)(?:(?:\+|00|%2B)?{country}{_BETWEEN})?(?:\(?0\)?{_BETWEEN})?{digits}(?!\d)"
