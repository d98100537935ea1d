"""What the store holds after a receiver's answers."""

from __future__ import annotations

import time
from datetime import date

from tajo_pipelines.store import Store
from tajo_pipelines.store.inbox import DeliveryFilter, KeptDelivery


def kept(store: Store) -> list[KeptDelivery]:
    return list(reversed(store.inbox.list(DeliveryFilter())))


def body_of(store: Store, number: int) -> bytes:
    found = store.inbox.get(number)
    assert found is not None
    return found.body


def refusals(store: Store) -> dict[tuple[str, str], int]:
    return {(item.connection, item.reason): item.count for item in store.refusals.since(date(2026, 1, 1))}


def counted(store: Store, *expected: tuple[str, str]) -> bool:
    """Whether these refusals come to be counted, within the second or two that it takes."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if refusals(store).keys() >= set(expected):
            return True
        time.sleep(0.05)
    return False
