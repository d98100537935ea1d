"""What goes out and what comes back: JSON in both directions, and the headers of the rate limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from tajo_pipelines.model.errors import ContractError

_LONGEST_HEADER_RESET = 86_400.0

_encoder = msgspec.json.Encoder(decimal_format="number")
_Shape = TypeVar("_Shape")


def encode(body: object) -> bytes:
    """A body as it goes out: compact JSON, decimals as exact numbers."""
    return _encoder.encode(body)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        status: HTTP status.
        body: Decoded JSON; None where there is none.
        headers: Names in lower case.
        where: METHOD and template, for errors.
        call_id: Number of the kept call; None where it isn't kept.
    """

    status: int
    body: Any
    headers: Mapping[str, str]
    where: str = ""
    call_id: int | None = None

    def to(self, shape: type[_Shape]) -> _Shape:
        """The body as a typed object; fields that it doesn't name are passed over.

        Raises:
            ContractError: When the body doesn't have the documented shape.
        """
        try:
            return msgspec.convert(self.body, shape)
        except msgspec.ValidationError as error:
            raise ContractError(f"Brevo's answer has another shape ({error})", where=self.where) from error


def decode(content: bytes) -> tuple[Any, bool]:
    """The document, and whether it was sound; nothing at all is sound."""
    if not content.strip():
        return None, True
    try:
        return msgspec.json.decode(content), True
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None, False


def header_number(headers: Mapping[str, str], name: str) -> float | None:
    """A header's number, None where it is absent or none."""
    try:
        number = float(headers[name])
    except (KeyError, ValueError):
        return None
    return number if math.isfinite(number) else None


def header_reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until the allowance is renewed: remaining time, no date (developers.brevo.com/docs/limit-headers)."""
    reset = header_number(headers, "x-sib-ratelimit-reset")
    return reset if reset is not None and 0 <= reset <= _LONGEST_HEADER_RESET else None
