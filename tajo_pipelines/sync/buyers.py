"""Takes the buyer off orders that Brevo holds: it has no call that deletes an order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import structlog

from tajo_pipelines.brevo.orders import order_without_buyer, send_orders
from tajo_pipelines.model.erasure import Left
from tajo_pipelines.model.errors import RejectedRecord, TajoError
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.traces import Traces
from tajo_pipelines.sdk.connector import Source
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.account import OpenAccount, account_currency
from tajo_pipelines.sync.identification import ORDERS
from tajo_pipelines.sync.landed_traces import LandedTraces
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)

OVERWRITTEN = "Brevo's API deletes no order: amount and products stay, buyer and billing address were overwritten"
UNKNOWN = "Brevo's API deletes no order, and what to overwrite it with isn't known any more: it may name the person"


@dataclass(frozen=True, slots=True)
class Buyers:
    """The buyers of one account's orders.

    Attributes:
        workspace: Settings and store.
        opened: The account.
    """

    workspace: Workspace
    opened: OpenAccount

    def take_off(self, traces: Traces) -> tuple[int, list[Left]]:
        """Overwrite a person's orders.

        Args:
            traces: By what the person is known.

        Returns:
            How many were overwritten, and what stays.

        Raises:
            TajoError: Brevo can't be reached or used.
        """
        overwritten: list[str] = []
        missed: list[str] = []
        for name in sorted({where for where, stream, _ in traces.records if stream == ORDERS}):
            keys = sorted(traces.keys(name, ORDERS))
            given = [key for key in keys if key in self.opened.state.sources(name, ORDERS, keys)]
            documents = self._documents(name, given, traces) if given else {}
            told = send_orders(self.opened.client, list(documents.values()), historical=True)
            done = documents.keys() - {key for key, _ in told.refused}
            overwritten += [key for key in given if key in done]
            missed += [key for key in given if key not in done]
        return len(overwritten), [*_left(OVERWRITTEN, overwritten), *_left(UNKNOWN, missed)]

    def _documents(self, name: str, keys: Sequence[str], traces: Traces) -> dict[str, dict[str, Any]]:
        """Documents that name nobody, of those orders whose form is landed or can still be read."""
        connection = self.workspace.settings.connections.get(name)
        if connection is None or not connection.enabled:
            return {}
        documents: dict[str, dict[str, Any]] = {}
        try:
            with closing(self.workspace.open_source(connection)) as source:
                for order in self._forms(connection, keys, traces, source):
                    currency = account_currency(self.workspace, self.opened)
                    rate = self.opened.settings.rates.get(order.currency)
                    documents[order.id] = order_without_buyer(order, rate=rate, currency=currency)
        except TajoError as error:
            # The platform may have closed its doors: what can't be read is named in the receipt.
            log.warning("orders can't be read to overwrite them", connection=name, error=error.code)
        return documents

    def _forms(self, connection: Connection, keys: Sequence[str], traces: Traces, source: Source) -> Iterator[Order]:
        landed = LandedTraces(self.workspace, (connection.name,)).look(traces).newest
        records = {record.key: record for record in landed.values() if record.stream == ORDERS}
        missing = set(keys)
        for record in [records[key] for key in keys if key in records]:
            order = _form(source, record)
            if order is not None:
                missing.discard(record.key)
                yield order
        if missing:
            for record in source.fetch(ORDERS, sorted(missing)):
                order = _form(source, record)
                if order is not None:
                    yield order


def _form(source: Source, record: Record) -> Order | None:
    try:
        form = source.canonical(record)
    except RejectedRecord as problem:
        log.info("an order has no form to overwrite it with", key=record.key, reason=problem.reason)
        return None
    return form if isinstance(form, Order) else None


def _left(why: str, keys: Sequence[str]) -> list[Left]:
    return [Left(place="brevo", what="orders", why=why, count=len(keys), names=tuple(keys))] if keys else []
