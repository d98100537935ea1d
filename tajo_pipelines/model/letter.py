"""Dead letters: what can't be sent as it is, with the reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class LetterKind(StrEnum):
    """What a letter is about."""

    RECORD = "record"
    FIELD = "field"
    EVENT = "event"
    ORDER = "order"
    PRODUCT = "product"
    DELIVERY = "delivery"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True)
class VendorAnswer:
    """What the vendor said, without secrets and personal data.

    Attributes:
        call_id: The kept call that was answered so; None where it isn't known. What was said doesn't differ by it.
    """

    status: int
    code: str
    message: str
    call_id: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter to be kept; the same (connection, stream, key, kind, field, reason) again is one more attempt.

    Attributes:
        key: Key of the record.
        field: Brevo attribute or canonical field at fault; None for the whole.
        reason: Stable name: ``invalid_phone``, ``opt_in_after_objection`` ...
        message: One sentence for a person, without personal data.
    """

    connection: str
    stream: str
    key: str
    kind: LetterKind
    reason: str
    message: str
    field: str | None = None
    vendor: VendorAnswer | None = None
