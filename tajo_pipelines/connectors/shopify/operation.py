"""One bulk operation: started, looked at, cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from tajo_pipelines.connectors.shopify import queries
from tajo_pipelines.model.errors import ContractError, RetryableError
from tajo_pipelines.model.window import parse_time
from tajo_pipelines.sdk.graphql import GraphQLClient
from tajo_pipelines.sdk.redaction import quoted

RUN = queries.load("bulk_run")
LOOK = queries.load("bulk_operation")
LIST = queries.load("bulk_operations")
CANCEL = queries.load("bulk_cancel")

GOING_ON = frozenset({"CREATED", "RUNNING", "CANCELING"})
FULL_HOUSE = frozenset({"LIMIT_REACHED", "OPERATION_IN_PROGRESS"})
"""Five operations of an app run in a shop at once since 2026-01 (shopify.dev, perform bulk operations, 2026-11-24)."""

_SKEW = timedelta(minutes=2)
_RECENT = 20


class FullHouseError(RetryableError):
    """As many operations run in the shop as it allows."""

    code = "bulk_limit"


@dataclass(frozen=True, slots=True)
class Operation:
    """A bulk operation as the platform last described it.

    Attributes:
        query: The text that it runs, its white space made even.
        roots: Objects of the stream that it has processed.
        completed_at: When it ended well.
        url: Of its file; None where it found nothing or isn't done.
        partial: Whether it left a file that isn't whole.
    """

    id: str
    status: str
    error: str | None
    query: str
    roots: int
    created_at: datetime
    completed_at: datetime | None
    url: str | None
    partial: bool

    @property
    def going_on(self) -> bool:
        """Whether it is worth waiting for."""
        return self.status in GOING_ON

    @property
    def completed(self) -> bool:
        """Whether its file is whole."""
        return self.status == "COMPLETED"

    def runs(self, query: str) -> bool:
        """Whether it runs this text."""
        return self.query == even(query)

    @classmethod
    def read(cls, raw: Any, where: str) -> Self:
        """An operation from its raw form.

        Raises:
            ContractError: It hasn't the documented shape.
        """
        fields: Mapping[str, Any] = raw if isinstance(raw, dict) else {}
        key, status, query = fields.get("id"), fields.get("status"), fields.get("query")
        if not isinstance(key, str) or not isinstance(status, str) or not isinstance(query, str):
            raise ContractError("a bulk operation doesn't describe itself", where=where)
        url, completed = fields.get("url"), fields.get("completedAt")
        return cls(
            id=key,
            status=status,
            error=str(fields["errorCode"]) if fields.get("errorCode") else None,
            query=even(query),
            roots=_whole(fields.get("rootObjectCount"), where),
            created_at=_moment(fields.get("createdAt"), where),
            completed_at=None if completed is None else _moment(completed, where),
            url=url if isinstance(url, str) and url else None,
            partial=bool(fields.get("partialDataUrl")),
        )


@dataclass(frozen=True, slots=True)
class Operations:
    """The bulk operations of one app in one shop."""

    client: GraphQLClient

    def run(self, query: str) -> Operation:
        """Start an operation. Where the answer is lost, the one that the call has started is looked for.

        Raises:
            FullHouseError: As many as are allowed are running.
            ContractError: The platform refuses the query.
            RetryableError: It isn't known whether one was started, and none was found.
        """
        since = self.client.http.clock.now() - _SKEW
        try:
            answer = self.client.mutate(RUN, {"query": query}).data.get(RUN_FIELD)
        except RetryableError as error:
            found = self._started(query, since) if error.in_doubt else None
            if found is None:
                raise
            return found
        payload: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
        errors = payload.get("userErrors")
        if errors:
            self._refuse(errors)
        return Operation.read(payload.get("bulkOperation"), RUN.name)

    def look(self, key: str) -> Operation | None:
        """How far an operation is; None where the platform knows none of this id."""
        raw = self.client.query(LOOK, {"id": key}).data.get("bulkOperation")
        return None if raw is None else Operation.read(raw, LOOK.name)

    def cancel(self, key: str) -> None:
        """Free the place of an operation whose result nobody waits for. One that ends meanwhile is left as it is."""
        self.client.mutate(CANCEL, {"id": key})

    def _started(self, query: str, since: datetime) -> Operation | None:
        page = self.client.query(LIST, {"first": _RECENT}).data.get("bulkOperations")
        nodes = page.get("nodes") if isinstance(page, dict) else None
        if not isinstance(nodes, list):
            raise ContractError("the bulk operations are no list", where=LIST.name)
        known = (Operation.read(node, LIST.name) for node in nodes)
        return next((one for one in known if one.runs(query) and one.created_at >= since), None)

    def _refuse(self, errors: Any) -> None:
        found = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
        said = quoted("; ".join(str(error.get("message")) for error in found), self.client.auth.secrets())
        if any(error.get("code") in FULL_HOUSE for error in found):
            raise FullHouseError(f"no further bulk operation may be started now: {said}", where=RUN.name)
        raise ContractError(f"the platform refuses the bulk query: {said}", code="bulk_refused", where=RUN.name)


RUN_FIELD = "bulkOperationRunQuery"


def even(text: str) -> str:
    """A query with its white space made even, so that it can be compared with what a platform made of it."""
    return " ".join(text.split())


def _whole(value: Any, where: str) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit():
        raise ContractError("a bulk operation has no count of its objects", where=where)
    return int(text)


def _moment(value: Any, where: str) -> datetime:
    try:
        return parse_time(value if isinstance(value, str) else "")
    except ValueError as error:
        raise ContractError("a bulk operation has no time", where=where) from error
