"""Reads a stream by a bulk operation: Shopify writes a file, the objects in it are put together here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any, Self

import structlog

from tajo_pipelines.connectors.shopify import queries, streams
from tajo_pipelines.connectors.shopify.operation import FullHouseError, Operation, Operations
from tajo_pipelines.connectors.shopify.paging import Permissions
from tajo_pipelines.connectors.shopify.records import arranged, inside, kind_of, record_of
from tajo_pipelines.connectors.shopify.spool import Group, Spool
from tajo_pipelines.connectors.shopify.streams import Reading
from tajo_pipelines.model.errors import ContractError, RetryableError
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.clock import Clock
from tajo_pipelines.sdk.connector import Page
from tajo_pipelines.sdk.download import lines
from tajo_pipelines.sdk.graphql import AccessDeniedError
from tajo_pipelines.sdk.http import decode_json
from tajo_pipelines.sdk.retry import Backoff

_LOG = structlog.get_logger(__name__)

PAGE = 500
"""Records of one page out of the file."""

ATTEMPTS = 2
"""Operations for one read: failures inside Shopify may pass (shopify.dev, operation failures, read 2026-11-24)."""

DOWNLOADS = 3
LONGEST_WAIT = 24 * 3600.0
"""Seconds until nobody waits any longer; an interrupted read isn't gone on with after that time either."""

QUEUE_PATIENCE = 120.0
"""Seconds to wait for a place while other operations run."""

_LOOKS = Backoff(first=1.0, longest=30.0)
_PREFIX = "bulk:"


class BulkFailedError(RetryableError):
    """No whole file could be had."""

    code = "bulk_failed"


class _LostError(Exception):
    """This operation gives nothing; another one may."""

    def __init__(self, why: str, code: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.code = code


@dataclass(frozen=True, slots=True)
class BulkCursor:
    """Where a read by a bulk operation goes on.

    Attributes:
        operation: Id of the operation.
        done: Objects of its file that were read.
    """

    operation: str
    done: int

    @property
    def text(self) -> str:
        """As a page carries it."""
        return f"{_PREFIX}{self.done}:{self.operation}"

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """A cursor of this kind; None for those of pages."""
        if text is None or not text.startswith(_PREFIX):
            return None
        done, _, operation = text.removeprefix(_PREFIX).partition(":")
        return cls(operation, int(done)) if done.isdigit() and operation else None


@dataclass(slots=True)
class BulkReader:
    """Reads streams of one shop by bulk operations.

    Attributes:
        operations: Of the app in the shop.
        clock: Waits, and dates the records.
        start_date: Orders and carts created earlier aren't asked for.
        permissions: Of the app, as far as they are known.
    """

    operations: Operations
    clock: Clock
    start_date: date | None
    permissions: Permissions
    _backoff: Backoff = field(default=_LOOKS)

    def pages(self, stream: str, window: Window | None, cursor: BulkCursor | None) -> Iterator[Page]:
        """Every record as pages would bring it, the first page empty as soon as an operation runs.

        Args:
            stream: Name.
            window: Of ``updated_at``; None for all.
            cursor: Take up its operation if it still is of use; another one is started otherwise.

        Raises:
            BulkFailedError: Operations fail, or none may be started.
        """
        reading = streams.READINGS[stream]
        operation, done = self._taken_up(reading, window, cursor)
        attempts = 0
        while True:
            if operation is None:
                operation = self._started(reading, window)
            try:
                yield Page((), BulkCursor(operation.id, done).text, last=False, checkpoint=True)
                yield from self._of(stream, window, self._finished(operation), done)
                return
            except _LostError as lost:
                attempts += self._counts(lost, reading)
                _LOG.warning("shopify.bulk_lost", stream=stream, operation=operation.id, why=lost.why)
                if attempts >= ATTEMPTS:
                    raise BulkFailedError(f"the bulk operation brought nothing: {lost.why}", where=stream) from lost
                operation, done = None, 0

    def query(self, reading: Reading, window: Window | None, *, products: bool) -> str:
        """What an operation runs."""
        arguments = {"sortKey": reading.sort_key(window)}
        if (search := reading.search(window, self.start_date)) is not None:
            arguments["query"] = queries.literal(search)
        return queries.bulk_query(
            reading.connection, reading.fragment, reading.nested, arguments=arguments, products=products
        )

    def _taken_up(
        self, reading: Reading, window: Window | None, cursor: BulkCursor | None
    ) -> tuple[Operation | None, int]:
        if cursor is None:
            return None, 0
        operation = self.operations.look(cursor.operation)
        texts = [self.query(reading, window, products=allowed) for allowed in (True, False)]
        if operation is None or not any(operation.runs(text) for text in texts):
            return None, 0
        if operation.going_on or operation.completed:
            return operation, cursor.done
        return None, 0

    def _started(self, reading: Reading, window: Window | None) -> Operation:
        query = self.query(reading, window, products=self.permissions.products)
        begun, looks = self.clock.monotonic(), 0
        while True:
            try:
                return self.operations.run(query)
            except FullHouseError as full:
                if self.clock.monotonic() - begun > QUEUE_PATIENCE:
                    raise BulkFailedError(full.message, code=full.code, where=full.where) from full
                self.clock.sleep(self._backoff.wait(looks + 3, None))
                looks += 1

    def _finished(self, operation: Operation) -> Operation:
        begun, looks = self.clock.monotonic(), 0
        while operation.going_on:
            if self.clock.monotonic() - begun > LONGEST_WAIT:
                self.operations.cancel(operation.id)
                raise _LostError("it ran for a day and was cancelled")
            self.clock.sleep(self._backoff.wait(looks, None))
            looks += 1
            seen = self.operations.look(operation.id)
            if seen is None:
                raise _LostError("the platform no longer knows it")
            operation = seen
        if not operation.completed:
            # Which objects a partial file lacks, or which lines of theirs, can't be told from it.
            left = "; its partial file isn't used" if operation.partial else ""
            raise _LostError(f"{operation.status} {operation.error or ''}".strip() + left, operation.error)
        return operation

    def _of(self, stream: str, window: Window | None, operation: Operation, done: int) -> Iterator[Page]:
        if operation.url is None:
            yield Page((), BulkCursor(operation.id, 0).text, last=True)
            return
        read_at = min(self.clock.now(), operation.completed_at or self.clock.now())
        with self._spooled(operation, operation.url, by_change=window is not None) as spool:
            found = records_of(stream, _whole(spool, done), read_at)
            batch = list(islice(found, PAGE))
            while True:
                following = list(islice(found, PAGE))
                done += len(batch)
                kept = tuple(record for record in batch if inside(record, window))
                yield Page(kept, BulkCursor(operation.id, done).text, last=not following)
                if not following:
                    return
                batch = following

    def _spooled(self, operation: Operation, url: str, *, by_change: bool) -> Spool:
        for attempt in range(DOWNLOADS):
            spool = Spool(by_change=by_change)
            try:
                roots = spool.add(lines(url))
            except ContractError as error:
                spool.close()
                raise _LostError(error.message) from error
            except RetryableError as error:
                _LOG.info("shopify.bulk_download_repeated", operation=operation.id, why=error.message)
            else:
                if roots >= operation.roots:
                    return spool
                _LOG.info("shopify.bulk_download_short", operation=operation.id, got=roots, of=operation.roots)
            spool.close()
            self.clock.sleep(self._backoff.wait(attempt, None))
        raise _LostError("its file can't be downloaded whole")

    def _counts(self, lost: _LostError, reading: Reading) -> int:
        """1 where the failure counts against the attempts, 0 where another question will be asked."""
        if lost.code != "ACCESS_DENIED":
            return 1
        if reading.products and self.permissions.products:
            self.permissions.without_products()
            return 0
        raise AccessDeniedError("the app may not read what the bulk operation asks for", path=(), where="bulk")


def _whole(spool: Spool, done: int) -> Iterator[Group]:
    try:
        yield from spool.groups(done)
    except ContractError as error:
        raise _LostError(error.message) from error


def records_of(stream: str, groups: Iterable[Group], read_at: datetime) -> Iterator[Record]:
    """Groups out of a file as the records that pages would have brought.

    Raises:
        ContractError: An object is of another shape or kind than was asked for.
    """
    reading = streams.READINGS[stream]
    for group in groups:
        raw: dict[str, Any] = decode_json(group.body)
        inner: dict[str, list[Any]] = {nested.kind: [] for nested in reading.nested}
        for key, body in group.children:
            child: dict[str, Any] = decode_json(body)
            del child["__parentId"]
            nodes = inner.get(kind_of(key))
            if nodes is None:
                raise ContractError(f"{kind_of(key)} in the file, which nobody asked for", where=stream)
            nodes.append(child)
        for nested in reading.nested:
            raw[nested.field] = arranged(nested, inner[nested.kind], stream)
        yield record_of(stream, raw, read_at, stream)
