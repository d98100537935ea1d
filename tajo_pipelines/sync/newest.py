"""Of several forms of a record the newest, and none that is older than what Brevo was given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from tajo_pipelines.model.ledger import SourceEntry
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.report import StreamReport


class Dated(Protocol):
    """A canonical object that knows when it changed."""

    @property
    def updated_at(self) -> datetime:
        """When it changed last."""
        ...


DatedT = TypeVar("DatedT", bound=Dated)


def newest_of(
    parsed: Iterable[tuple[Record, DatedT]], known: Mapping[str, SourceEntry], report: StreamReport
) -> list[tuple[Record, DatedT]]:
    """The newest form of each record; of equal times the one that was read later.

    Args:
        parsed: Records with their canonical forms, in the order in which they were read.
        known: What the ledger holds of them, by key.
        report: Counts those that are passed over as mapped and superseded.
    """
    newest: dict[str, tuple[Record, DatedT]] = {}
    for record, form in parsed:
        rival, given = newest.get(record.key), known.get(record.key)
        times = [rival[1].updated_at] if rival else []
        times += [given.source_time] if given else []
        is_older = any(form.updated_at < other for other in times)
        if is_older or rival is not None:
            report.mapped += 1
            report.superseded += 1
        if not is_older:
            newest[record.key] = (record, form)
    return list(newest.values())
