"""An erasure on its way, and what is kept once it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from tajo_pipelines.model.traces import Traces


class ReceiptKind(StrEnum):
    """What a receipt is for."""

    PERSON = "person_erased"
    DATA = "data_told"
    SOURCE = "source_erased"


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What couldn't be erased.

    Attributes:
        place: Where it is: ``brevo``, ``store`` ...
        what: Its kind: ``orders``, ``events`` ...
        why: In a sentence.
        count: How much of it; None where that isn't known.
        names: Ids that tell it, none of them a person's address.
    """

    place: str
    what: str
    why: str
    count: int | None = None
    names: tuple[str, ...] = ()


class Work(msgspec.Struct, kw_only=True):
    """An erasure that was begun and isn't over. It names the person, and goes with the end of the erasure.

    Attributes:
        id: That of the receipt.
        connection: On whose behalf; empty where a person asked.
        request: The platform's number of the request.
        began_at: Records made before are the erased person's.
        traces: By what the person is known.
        done: Steps that are over.
        counts: What went, by place.
        left: What stays.
    """

    id: str
    connection: str
    request: str | None
    began_at: datetime
    traces: Traces
    done: list[str] = []
    counts: dict[str, int] = {}
    left: list[Left] = []

    def count(self, counts: Mapping[str, int]) -> None:
        """Add what went."""
        for place, number in counts.items():
            if number:
                self.counts[place] = self.counts.get(place, 0) + number


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is kept of a request for privacy. It names nobody.

    Attributes:
        id: Short text, unique.
        account: The account's identity.
        connection: On whose behalf; empty where a person asked by the command line.
        request: The platform's number of the request.
        at: When it was carried out.
        doc: What went, what stays, as JSON.
    """

    id: str
    kind: ReceiptKind
    account: str
    connection: str
    request: str | None
    at: datetime
    doc: Mapping[str, Any] = field(default_factory=dict)
