"""What a delivery is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from tajo_pipelines.store.batches import Batch


@dataclass(frozen=True, slots=True)
class DeliveryRequest:
    """One stream to be delivered in one run.

    Attributes:
        force: Send what hasn't changed as well.
        with_events: Let old causes start automations too.
        replay: Batches to be delivered again; None for all that weren't delivered yet.
        inbox: Whether what webhooks told is to be delivered, and no batch.
    """

    connection: str
    stream: str
    run_id: str
    force: bool = False
    with_events: bool = False
    replay: tuple[Batch, ...] | None = None
    inbox: bool = False
