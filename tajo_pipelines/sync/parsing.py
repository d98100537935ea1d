"""Records -> canonical forms, with a letter for each that hasn't the documented shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.model.record import Record
from tajo_pipelines.sdk.connector import Source
from tajo_pipelines.sync.contacts import Origin
from tajo_pipelines.sync.outcome import Delivered
from tajo_pipelines.sync.request import DeliveryRequest


@dataclass(slots=True)
class Parsing:
    """Parses the records of one delivery.

    Attributes:
        request: Which stream.
        kind: What a letter about its records is about.
        delivered: Counts what was read and what was rejected.
        times: When the records that were parsed changed, by the platform.
    """

    request: DeliveryRequest
    kind: LetterKind
    delivered: Delivered
    times: list[datetime] = field(default_factory=list)
    _rejects: list[Letter] = field(default_factory=list)

    def forms(self, records: Iterable[Record], source: Source) -> Iterator[tuple[Record, Any]]:
        """One after the other: whoever needs the raw object for a moment alone never holds all of them."""
        for record in records:
            self.delivered.report.read += 1
            if record.updated_at is not None:
                self.times.append(record.updated_at)
            try:
                form = source.canonical(record)
            except RejectedRecord as problem:
                self._reject(record, problem)
                continue
            yield record, form

    def keep_letters(self, state: AccountState) -> None:
        """Keep the letters that were found since the last time."""
        self.delivered.spent.letters += state.write_letters(self._rejects, self.request.run_id)
        self._rejects = []

    def _reject(self, record: Record, problem: RejectedRecord) -> None:
        self.delivered.report.rejected[problem.reason] += 1
        time_of = record.updated_at or record.read_at
        origin = Origin(self.request.connection, self.request.stream, record.key, time_of, record.read_at)
        self._rejects.append(origin.letter(problem, self.kind))
