"""How work is divided between an endpoint for one and an endpoint for many, whose allowances differ."""

from __future__ import annotations

from dataclasses import dataclass

from tajo_pipelines.brevo.ports import BucketLimit

ALONE_SECONDS = 10
"""What single calls do within this time goes by single calls: batches are the scarce allowance."""

SHARE = 0.5
"""Part of an hour's batches that one piece of work may use; reads, imports and others need them too."""

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Division:
    """What goes which way.

    Attributes:
        alone: How many go by single calls.
        first: How many go by batches before those: what the hour's share allows.
    """

    alone: int
    first: int


def divide(count: int, *, alone: BucketLimit, together: BucketLimit, size: int) -> Division:
    """The division that ends first.

    Few go alone. More go by batches while the hour's share of them lasts; what is left over is divided so that both
    ways end at the same time, each hour bringing a new share.

    Args:
        count: How many there are.
        alone: Allowance of the single endpoint.
        together: Allowance of the batch endpoint.
        size: How many a batch holds.

    Returns:
        What goes alone and what goes before it; the rest goes by batches afterwards.
    """
    an_hour = _per_hour(alone)
    if count <= ALONE_SECONDS * an_hour // _HOUR:
        return Division(count, 0)
    share = max(1, int(_per_hour(together) * SHARE)) * size
    if count <= share:
        return Division(0, count)
    hours = 1
    while count - hours * share > hours * an_hour:
        hours += 1
    # In the last hour its new share is there at once; whatever that leaves goes alone, from the first hour on.
    return Division(max(count - hours * share, (hours - 1) * an_hour), share)


def _per_hour(limit: BucketLimit) -> int:
    return limit.per_hour or _HOUR * (limit.per_second or 1)
