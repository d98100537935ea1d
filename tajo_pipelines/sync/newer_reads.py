"""Landed records that a webhook's run has read again since: at equal times of the source the later reading counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.model.record import Record
from tajo_pipelines.sdk.connector import Source
from tajo_pipelines.store.inbox import Inbox
from tajo_pipelines.sync.request import DeliveryRequest

_PART = 500


@dataclass(frozen=True, slots=True)
class NewerReads:
    """Reads landed records anew where they may be older than what Brevo was given.

    Platforms tell the time of a change by the second. A record that was landed, changed again within the same second,
    and delivered by a webhook's run before its batch is, would be told back to what it was.

    Attributes:
        inbox: Which records webhooks' runs have read, and when that was done.
        state: What Brevo was given.
        source: Where to read them.
        request: Which stream.
    """

    inbox: Inbox
    state: AccountState
    source: Source
    request: DeliveryRequest

    def over(self, records: Iterable[Record]) -> Iterator[Record]:
        """The same records, some of them as they are now."""
        given = iter(records)
        while part := list(islice(given, _PART)):
            doubtful = self._doubtful(part)
            fresh: dict[str, Record] = {}
            if doubtful:
                fresh = {record.key: record for record in self.source.fetch(self.request.stream, doubtful)}
            for record in part:
                yield fresh.get(record.key, record)

    def _doubtful(self, part: Sequence[Record]) -> list[str]:
        names = (self.request.connection, self.request.stream)
        done = self.inbox.last_done(*names, [record.key for record in part])
        later = {record.key: record for record in part if record.key in done and done[record.key] >= record.read_at}
        entries = self.state.sources(*names, list(later))
        return [key for key, entry in entries.items() if entry.source_time == later[key].updated_at]
