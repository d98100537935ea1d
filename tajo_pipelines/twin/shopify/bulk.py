"""Bulk operations: started, run beside everything else, finished, cancelled, failed, expired.

An operation waits a second, then runs for some seconds and more the more objects it has, on the twin's clock.
Its lines go into a temporary file; after a restart of the twin those files are gone, as if their time were up.
"""

from __future__ import annotations

import random
import secrets
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from graphql import GraphQLError, GraphQLSchema

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.shopify import bulk_lines, bulk_query
from tajo_pipelines.twin.state_file import Document, Documents

FILES_PATH = "/bulk"
AT_ONCE = 5
"""Queries a shop since version 2026-01."""

STARTS_AFTER = 1.0
RUNS_FOR = 4.0
OBJECTS_A_SECOND = 2_000.0
CANCELS_AFTER = 1.0
KEPT_FOR = 7 * 86_400.0
ERROR_CODES = ("ACCESS_DENIED", "INTERNAL_SERVER_ERROR", "TIMEOUT")
_ACTIVE = ("CREATED", "RUNNING", "CANCELING")
_SLICE = 0.04
"""Real seconds of work at a time, so that other requests are answered meanwhile."""


class StartError(ValueError):
    """An operation that isn't started; each message with its code and the field that it is about."""

    def __init__(self, code: str, *messages: str, about: list[str] | None = None) -> None:
        """Keep the answer."""
        super().__init__(" ".join(messages))
        self.errors = [{"code": code, "field": about, "message": message} for message in messages]


@dataclass(slots=True)
class Manner:
    """How operations behave; changed by ``set_bulk``.

    Attributes:
        seconds: How long one runs at least, on the twin's clock.
        objects_a_second: By how many objects a second it runs longer.
        children: ``later``: shuffled after all parents; ``anywhere``: every line shuffled, so that a child may
            stand before its parent.
        fail: Operations that fail next, each with ``code`` and ``after`` how many objects.
    """

    seconds: float = RUNS_FOR
    objects_a_second: float = OBJECTS_A_SECOND
    children: str = "later"
    fail: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class _Work:
    """An operation under way."""

    rows: Iterator[bulk_lines.Row]
    path: Path
    fail: dict[str, Any] | None
    loose: list[bytes] = field(default_factory=list)
    done: bool = False


class Bulk:
    """A shop's bulk operations, by their numbers."""

    def __init__(
        self,
        documents: Documents,
        clock: TwinClock,
        schema: GraphQLSchema,
        asked: Callable[[], Any],
        ended: Callable[[Document], None],
    ) -> None:
        """Keep operations in these documents.

        Args:
            documents: Where they are kept.
            clock: Whose durations to use.
            schema: With its resolvers.
            asked: The context of an operation that starts now.
            ended: Told of an operation that is over.
        """
        self.manner = Manner()
        self._documents = documents
        self._clock = clock
        self._schema = schema
        self._asked = asked
        self._ended = ended
        self._works: dict[str, _Work] = {}
        self._folder: Path | None = None
        for key, operation in documents.items():
            if operation["file"] is not None:
                operation["expires"] = 0.0
                documents.touch(key)

    def all(self) -> list[Document]:
        """The operations, oldest first."""
        return list(self._documents.values())

    def get(self, number: int) -> Document | None:
        """One operation."""
        return self._documents.get(str(number))

    def start(self, text: str, *, group: bool) -> Document:
        """Start an operation.

        Raises:
            StartError: The document can't run in bulk, or too many run already.
        """
        try:
            bulk_query.read(self._schema, text)
        except bulk_query.RefusedError as error:
            raise StartError("INVALID", *error.messages, about=["query"]) from error
        if sum(operation["status"] in _ACTIVE for operation in self.all()) >= AT_ONCE:
            raise StartError("LIMIT_REACHED", "Bulk operations limit reached. Please try again later.")
        number = len(self._documents) + 1
        operation: Document = {
            "kind": "BulkOperation",
            "id": number,
            "query": text,
            "group": group,
            "status": "CREATED",
            "createdAt": self._stamp(),
            **dict.fromkeys(("completedAt", "errorCode", "fileSize", "file", "expires", "cancelled")),
            "objectCount": 0,
            "rootObjectCount": 0,
            "starts": self._after(STARTS_AFTER),
        }
        self._documents[str(number)] = operation
        return operation

    def cancel(self, operation: Document) -> None:
        """Start to cancel.

        Raises:
            StartError: It has ended already.
        """
        if operation["status"] not in ("CREATED", "RUNNING"):
            ended = str(operation["status"]).lower()
            raise StartError("INVALID", f"A bulk operation cannot be canceled when it is {ended}", about=["id"])
        operation["status"], operation["cancelled"] = "CANCELING", self._after(CANCELS_AFTER)
        self._touch(operation)

    def expire(self, number: int) -> Document:
        """Let the result's time be up now.

        Raises:
            KeyError: No such operation.
        """
        operation: Document = self._documents[str(number)]
        operation["expires"] = 0.0
        self.settle()
        return operation

    def settle(self) -> None:
        """Go on with what is under way, for a moment."""
        until = time.perf_counter() + _SLICE
        for operation in self._documents.values():
            now = self._clock.seconds()
            status = operation["status"]
            if status == "CREATED" and now >= operation["starts"]:
                operation["status"] = status = "RUNNING"
                self._touch(operation)
            if status == "RUNNING":
                self._go_on(operation, until)
            elif status == "CANCELING" and now >= operation["cancelled"]:
                self._end(operation, "CANCELED")
                self._ended(operation)
            elif operation["expires"] is not None and now >= operation["expires"]:
                self._expire(operation)

    def path(self, operation: Document) -> str | None:
        """Path of the result's URL, or None where there is nothing to fetch."""
        if operation["file"] is None or operation["expires"] is None:
            return None
        return f"{FILES_PATH}/{operation['file']}.jsonl?Expires={int(operation['expires'])}"

    def file(self, token: str) -> Path | None:
        """The file of a result.

        Raises:
            LookupError: Its time is up.
        """
        path = None if self._folder is None else self._folder / f"{token}.jsonl"
        for operation in self._documents.values():
            if operation["file"] == token and operation["status"] == "EXPIRED":
                raise LookupError(token)
        return path if path is not None and path.is_file() else None

    def _go_on(self, operation: Document, until: float) -> None:
        key = str(operation["id"])
        work = self._works.get(key)
        if work is None:
            work = self._works[key] = self._begin(operation)
        try:
            with work.path.open("ab") as file:
                while not work.done and time.perf_counter() < until:
                    self._take(operation, work, file)
        except GraphQLError:
            work.fail = {"code": "ACCESS_DENIED", "after": 0}
            work.done = True
        self._touch(operation)
        running = self.manner.seconds + operation["objectCount"] / self.manner.objects_a_second
        if work.done and self._clock.seconds() >= operation["starts"] + self._clock.scaled(running):
            self._finish(operation, work)

    def _begin(self, operation: Document) -> _Work:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="twin-bulk-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        operation["objectCount"] = operation["rootObjectCount"] = 0
        path = self._folder / f"{secrets.token_hex(16)}.jsonl"
        query = bulk_query.read(self._schema, operation["query"])
        fail = self.manner.fail.pop(0) if self.manner.fail else None
        return _Work(bulk_lines.rows(self._schema, query, self._asked()), path, fail)

    def _take(self, operation: Document, work: _Work, file: BinaryIO) -> None:
        """Read one row and write its lines, or keep them where they come later."""
        row = next(work.rows, None)
        if row is None or (work.fail is not None and operation["objectCount"] >= work.fail["after"]):
            work.done = True
            return
        operation["objectCount"] += 1 + len(row.children)
        operation["rootObjectCount"] += 1
        if operation["group"]:
            file.write(row.line)
            file.writelines(row.children)
        elif self.manner.children == "anywhere":
            work.loose += (row.line, *row.children)
        else:
            file.write(row.line)
            work.loose += row.children

    def _finish(self, operation: Document, work: _Work) -> None:
        random.Random(operation["id"]).shuffle(work.loose)
        with work.path.open("ab") as file:
            file.writelines(work.loose)
            size = file.tell()
        self._end(operation, "COMPLETED" if work.fail is None else "FAILED", keep=size > 0)
        if work.fail is not None:
            operation["errorCode"] = work.fail["code"]
        if size:
            operation["file"], operation["expires"] = work.path.stem, self._after(KEPT_FOR)
            operation["fileSize"] = size if work.fail is None else None
        self._ended(operation)

    def _end(self, operation: Document, status: str, *, keep: bool = False) -> None:
        work = self._works.pop(str(operation["id"]), None)
        if work is not None and not keep:
            work.path.unlink(missing_ok=True)
        operation["status"] = status
        operation["completedAt"] = self._stamp() if status == "COMPLETED" else None
        self._touch(operation)

    def _expire(self, operation: Document) -> None:
        if self._folder is not None and operation["file"] is not None:
            (self._folder / f"{operation['file']}.jsonl").unlink(missing_ok=True)
        operation["status"], operation["expires"] = "EXPIRED", None
        self._touch(operation)

    def _touch(self, operation: Document) -> None:
        self._documents.touch(str(operation["id"]))

    def _after(self, seconds: float) -> float:
        return self._clock.seconds() + self._clock.scaled(seconds)

    def _stamp(self) -> str:
        return datetime.fromtimestamp(self._clock.seconds(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
