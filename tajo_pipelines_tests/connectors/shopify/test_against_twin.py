"""The connector on the shop's twin, which keeps to Shopify's documents by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tajo_pipelines.connectors.shopify import streams
from tajo_pipelines.connectors.shopify.connector import ShopifySource, open_source
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.connector import ConnectionConfig
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import TwinProcess, running_twin
from tajo_pipelines.twin.shopify.access import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET


class Quick:
    """The machine's clock, for which a second of waiting is a hundredth."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 1) / 100)


@pytest.fixture(scope="module")
def twin() -> Iterator[TwinProcess]:
    with running_twin(halves=("shopify",), options=TwinOptions(customers=80), clock=TwinClock(200.0)) as process:
        process.change("shopify", "set_bulk", seconds=1, children="anywhere")
        yield process


def opened(twin: TwinProcess, bulk: str) -> ShopifySource:
    options = {"shop_url": "tajo-demo.myshopify.com", "bulk": bulk}
    secrets = {"api_key": DEFAULT_CLIENT_ID, "api_secret": DEFAULT_CLIENT_SECRET}
    return open_source(ConnectionConfig("shopify", "shopify", options, secrets, base_url=twin.shopify_url), Quick())


def read(twin: TwinProcess, stream: str, window: Window | None, bulk: str) -> list[Record]:
    source = opened(twin, bulk)
    try:
        return [record for page in source.read(stream, window) for record in page.records]
    finally:
        source.close()


def told(records: list[Record]) -> list[Any]:
    return sorted((int(record.key), record.updated_at, record.raw) for record in records)


@pytest.mark.parametrize("stream", streams.READINGS)
def test_a_stream_is_the_same_by_pages_and_out_of_a_file(twin: TwinProcess, stream: str) -> None:
    by_pages = read(twin, stream, None, "never")
    assert len({record.key for record in by_pages}) == len(by_pages) > 0
    assert told(read(twin, stream, None, "always")) == told(by_pages)
    times = sorted(record.updated_at for record in by_pages if record.updated_at is not None)
    window = Window(times[len(times) // 4] - timedelta(days=3), times[-1])
    inside = [record for record in by_pages if record.updated_at is not None and record.updated_at in window]
    assert 0 < len(inside) < len(by_pages)
    for mode in ("never", "always"):
        found = read(twin, stream, window, mode)
        assert told(found) == told(inside)
        assert [record.updated_at for record in found] == sorted(each.updated_at for each in found if each.updated_at)
    source = opened(twin, "never")
    assert all(source.canonical(record) for record in by_pages)
    source.close()


@pytest.mark.parametrize(
    ("stream", "change", "gone"),
    [("customers", "delete_customer", 0), ("orders", "delete_order", -1), ("products", "delete_product", 0)],
)
def test_a_deletion_is_told_and_the_record_is_gone(twin: TwinProcess, stream: str, change: str, gone: int) -> None:
    key = read(twin, stream, None, "never")[gone].key
    begun = datetime.now(UTC) - timedelta(days=1)
    twin.change("shopify", change, id=key)
    source = opened(twin, "never")
    try:
        window = Window(begun, datetime.now(UTC) + timedelta(days=1))
        assert key in [deleted.key for deleted in source.deleted(stream, window)]
    finally:
        source.close()
    assert key not in [record.key for record in read(twin, stream, None, "never")]


def test_a_merged_customer_comes_as_a_deleted_one(twin: TwinProcess) -> None:
    one, two = (record.key for record in read(twin, "customers", None, "never")[3:5])
    answer = twin.change("shopify", "merge_customers", one=one, two=two)
    source = opened(twin, "never")
    try:
        window = Window(datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1))
        told_of = [deleted for deleted in source.deleted("customers", window) if deleted.key in {one, two}]
    finally:
        source.close()
    assert [deleted.key for deleted in told_of] == [answer["deleted"].rpartition("/")[2]]
    assert told_of[0].merged_into is None


def test_a_failed_operation_is_replaced_by_another(twin: TwinProcess) -> None:
    twin.change("shopify", "fail_bulk", code="INTERNAL_SERVER_ERROR", after=5)
    assert told(read(twin, "customers", None, "always")) == told(read(twin, "customers", None, "never"))
