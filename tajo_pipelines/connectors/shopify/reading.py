"""Reads a stream: by pages, or by a bulk operation where that ends sooner."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import chain, islice
from typing import Any

import msgspec
import structlog

from tajo_pipelines.connectors.shopify import streams
from tajo_pipelines.connectors.shopify.bulk import PAGE, BulkCursor, BulkFailedError, BulkReader
from tajo_pipelines.connectors.shopify.paging import Paging
from tajo_pipelines.connectors.shopify.records import record_of
from tajo_pipelines.connectors.shopify.spool import Spool
from tajo_pipelines.model.errors import ContractError
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.connector import Page
from tajo_pipelines.sdk.http import decode_json
from tajo_pipelines.sdk.limits import Cost

_LOG = structlog.get_logger(__name__)

LONG = timedelta(days=2)
"""Shorter windows go by pages without a look at how much is in them."""

WORTH = 60.0
"""Seconds of paging above which a bulk operation, which waits for its turn and its file first, ends sooner."""

ROUND_TRIP = 0.4
"""Seconds that a page takes at least, points or not."""

_RAW = msgspec.json.Encoder(decimal_format="number")


class BulkMode(StrEnum):
    """When bulk operations are used for whole reads and long windows."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(slots=True)
class Reader:
    """Reads the streams of one shop.

    Attributes:
        paging: By pages.
        bulk: By bulk operations.
        mode: Which of them.
    """

    paging: Paging
    bulk: BulkReader
    mode: BulkMode = BulkMode.AUTO

    def pages(self, stream: str, window: Window | None, cursor: str | None) -> Iterator[Page]:
        """Every page from the cursor on; see `Source.read`."""
        taken_up = BulkCursor.parse(cursor)
        if self.mode is BulkMode.NEVER or (taken_up is None and (cursor is not None or not _long(window))):
            yield from self._sorted(stream, window, self.paging.pages(stream, window, None if taken_up else cursor))
            return
        if self.mode is BulkMode.ALWAYS:
            yield from self.bulk.pages(stream, window, taken_up)
            return
        pages = self.paging.pages(stream, window, None)
        first = None if taken_up else next(pages)
        if first is None or (not first.last and self._worth(stream, window)):
            try:
                yield from self.bulk.pages(stream, window, taken_up)
                return
            except (BulkFailedError, ContractError) as error:
                _LOG.warning("shopify.bulk_given_up", stream=stream, why=error.message, instead="pages")
        yield from self._sorted(stream, window, pages if first is None else chain((first,), pages))

    def _worth(self, stream: str, window: Window | None) -> bool:
        cost = self.paging.cost(stream)
        if cost is None:
            return False
        try:
            count = self.count(stream, window)
        except ContractError as error:
            # The count only helps to choose: what can't be counted can still be read.
            _LOG.warning("shopify.not_counted", stream=stream, why=error.message, instead="pages")
            return False
        seconds = seconds_of_paging(count, self.paging.size(stream).size, cost)
        _LOG.info("shopify.paging_estimated", stream=stream, objects=count, seconds=round(seconds))
        return seconds > WORTH

    def count(self, stream: str, window: Window | None) -> int:
        """How many objects the search of a window finds: all of the window's records, and whatever it is widened by."""
        reading = streams.READINGS[stream]
        document, field = reading.count
        search = reading.search(window, self.paging.start_date)
        answer = self.paging.client.query(document, {"query": search}).data.get(field)
        count = answer.get("count") if isinstance(answer, dict) else None
        if isinstance(count, bool) or not isinstance(count, int):
            raise ContractError(f"the {stream} have no count", where=document.name)
        return count

    def _sorted(self, stream: str, window: Window | None, pages: Iterator[Page]) -> Iterator[Page]:
        """A window's pages in the order of change, where the platform has no such order."""
        if window is None or streams.READINGS[stream].by_change:
            yield from pages
            return
        read_at = self.paging.clock.now()
        with Spool(by_change=True) as spool:
            for page in pages:
                spool.add(_RAW.encode(record.raw) for record in page.records)
            groups = spool.groups()
            batch = list(islice(groups, PAGE))
            while True:
                following = list(islice(groups, PAGE))
                raws: list[Any] = [decode_json(group.body) for group in batch]
                # No cursor: whoever is interrupted reads the window again.
                yield Page(tuple(record_of(stream, raw, read_at, stream) for raw in raws), None, last=not following)
                if not following:
                    return
                batch = following


def seconds_of_paging(count: int, size: int, cost: Cost) -> float:
    """How long it takes to read so many objects by pages.

    Args:
        count: Objects.
        size: Of a page.
        cost: Of the last page, and of the bucket that it was paid from.
    """
    points = cost.requested if cost.actual is None else cost.actual
    slowest = points / cost.restore if cost.restore > 0 else 0.0
    return math.ceil(count / size) * max(ROUND_TRIP, slowest)


def _long(window: Window | None) -> bool:
    return window is None or window.start is None or window.end - window.start > LONG
