"""Deletions, as the shop's events tell of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from tajo_pipelines.connectors.shopify import queries
from tajo_pipelines.connectors.shopify.paging import connection_of, refuse_repeated
from tajo_pipelines.connectors.shopify.records import key_of, time_of
from tajo_pipelines.connectors.shopify.streams import LARGEST_PAGE, READINGS, ceil_second, floor_second
from tajo_pipelines.model.errors import ContractError
from tajo_pipelines.model.window import Window, format_time
from tajo_pipelines.sdk.connector import Deleted
from tajo_pipelines.sdk.graphql import GraphQLClient

DELETIONS = queries.load("deletions")
DESTROYED = "destroy"

KEPT = timedelta(days=365)
"""How long events can be asked for (Admin GraphQL reference 2026-10, events: ``created_at``; read 2026-11-24)."""

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Deletions:
    """What the events of one shop say of deletions."""

    client: GraphQLClient

    def within(self, stream: str, window: Window) -> Iterator[Deleted]:
        """The deletions of a window, oldest first. Of what lies further back than `KEPT` nothing is told.

        Args:
            stream: One with a subject in events.
            window: Of the time of deletion.
        """
        subject = READINGS[stream].subject
        if subject is None:
            message = f"the shop's events don't tell of deleted {stream}"
            raise ContractError(message, where=DELETIONS.name)
        if window.start is not None and window.start < self.client.http.clock.now() - KEPT:
            _LOG.warning("shopify.deletions_out_of_reach", stream=stream, since=window.start.isoformat(), kept="a year")
        variables = {"first": LARGEST_PAGE, "query": _search(subject, window)}
        cursor: str | None = None
        seen: set[str | None] = set()
        while True:
            data = self.client.query(DELETIONS, {**variables, "after": cursor}, size=LARGEST_PAGE).data
            nodes, cursor, more = connection_of(data, "events", DELETIONS)
            for node in nodes:
                deleted = _deleted(node, subject)
                if deleted is not None and deleted.at in window:
                    yield deleted
            if not more:
                return
            refuse_repeated(cursor, seen, DELETIONS)
            seen.add(cursor)


def _search(subject: str, window: Window) -> str:
    terms = [f"action:{DESTROYED}", f"subject_type:{subject}"]
    if window.start is not None:
        terms.append(f"created_at:>='{format_time(floor_second(window.start))}'")
    terms.append(f"created_at:<'{format_time(ceil_second(window.end))}'")
    return " AND ".join(terms)


def _deleted(node: Mapping[str, Any], subject: str) -> Deleted | None:
    # What the search should have left out is left out here: a deletion mistaken for another would unlist a person.
    if node.get("action") != DESTROYED or node.get("subjectType") != subject:
        return None
    key = key_of(node.get("subjectId"))
    if key is None:
        raise ContractError("a deletion names nothing", where=DELETIONS.name)
    return Deleted(key, time_of(node.get("createdAt"), DELETIONS.name))
