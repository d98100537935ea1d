"""What many deliveries tell together: each record once, as it was told last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tajo_pipelines.model.errors import ContractError, RejectedRecord
from tajo_pipelines.model.record import Record
from tajo_pipelines.sdk.connector import Deleted
from tajo_pipelines.sdk.webhooks import (
    Carried,
    CartClosed,
    DataAsked,
    Envelope,
    ErasureAsked,
    Gone,
    SourceErased,
    Tidings,
    Touched,
    Webhooks,
)
from tajo_pipelines.store.inbox import KeptDelivery, Leased

Privacy = ErasureAsked | DataAsked | SourceErased


@dataclass(slots=True)
class Flush:
    """The tidings of one lease.

    Attributes:
        stream: The stream whose run works them off.
        touched: Keys of records to be read, in the order in which they were first told of.
        carried: Records that came whole, the newest form of each.
        gone: Deletions by key, the last of each.
        closed: Carts that became orders.
        privacy: Requests for privacy by the number of their delivery, in their order.
        unreadable: Deliveries that can't be read, by their numbers.
    """

    stream: str
    touched: dict[str, None] = field(default_factory=dict)
    carried: dict[str, Record] = field(default_factory=dict)
    gone: dict[str, Deleted] = field(default_factory=dict)
    closed: list[CartClosed] = field(default_factory=list)
    privacy: dict[int, list[Privacy]] = field(default_factory=dict)
    unreadable: dict[int, RejectedRecord] = field(default_factory=dict)

    def add(self, told: Tidings, delivery: int) -> None:
        """Take one thing in.

        Args:
            told: What a delivery tells.
            delivery: Its number.

        Raises:
            ContractError: It is about another stream than the delivery: the connector is wrong.
        """
        about = _stream_of(told)
        if about is not None and about != self.stream:
            message = f"a delivery of {self.stream} tells of {about}"
            raise ContractError(message, where=f"delivery {delivery}")
        if isinstance(told, Touched):
            self.touched[told.key] = None
        elif isinstance(told, Carried):
            rival = self.carried.get(told.record.key)
            if rival is None or _order(told.record) >= _order(rival):
                self.carried[told.record.key] = told.record
        elif isinstance(told, Gone):
            self.gone[told.deleted.key] = told.deleted
        elif isinstance(told, CartClosed):
            self.closed.append(told)
        elif isinstance(told, Privacy):
            self.privacy.setdefault(delivery, []).append(told)

    @property
    def to_fetch(self) -> list[str]:
        """Keys that have to be read.

        What came whole needn't be. What is said to be gone is looked for: the header that says so isn't signed, and
        the delivery may be a late one. What was merged into another record is told by the body itself.
        """
        doubted = dict.fromkeys(key for key, item in self.gone.items() if item.merged_into is None)
        changed = (key for key in self.touched if key not in self.gone and key not in self.carried)
        return list(dict.fromkeys(changed) | doubted)


def flush_of(webhooks: Webhooks, stream: str, leased: Iterable[Leased]) -> Flush:
    """What deliveries tell, the oldest happening first."""
    found = Flush(stream)
    for item in sorted(leased, key=lambda item: item.delivery.source_at or item.delivery.received_at):
        if item.delivery.bytes and not item.body:
            # The person that it was about has been erased since it came.
            continue
        try:
            tidings = webhooks.tidings(envelope_of(item.delivery), item.body, item.delivery.received_at)
        except RejectedRecord as problem:
            found.unreadable[item.delivery.id] = problem
            continue
        for told in tidings:
            found.add(told, item.delivery.id)
    return found


def envelope_of(kept: KeptDelivery) -> Envelope:
    """A kept delivery's envelope."""
    return Envelope(kept.delivery_id, kept.topic, kept.source_at, kept.stream, kept.key)


def _stream_of(told: Tidings) -> str | None:
    if isinstance(told, Carried):
        return told.record.stream
    return told.stream if isinstance(told, Touched | Gone) else None


def _order(record: Record) -> tuple[float, float]:
    changed = record.updated_at or record.read_at
    return changed.timestamp(), record.read_at.timestamp()
