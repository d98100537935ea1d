"""Tells a person what is kept of them: a file with all of it, and a receipt that counts it by place."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import msgspec
import structlog

from tajo_pipelines.model.erasure import Receipt, ReceiptKind
from tajo_pipelines.model.traces import Traces
from tajo_pipelines.model.window import format_time
from tajo_pipelines.sync.account import OpenAccount
from tajo_pipelines.sync.identification import Person, connections_of, identify
from tajo_pipelines.sync.private_files import write_export
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)


def tell_data(
    workspace: Workspace, opened: OpenAccount, asked: Traces, *, connection: str, request: str | None
) -> Receipt:
    """Write down what is kept of a person; a numbered request that was answered before isn't answered again.

    Args:
        workspace: Settings and store.
        opened: The account.
        asked: By what the request names the person.
        connection: On whose behalf.
        request: The platform's number of the request.

    Raises:
        TajoError: Brevo can't be reached or used.
        ConfigError: The file can't be written.
    """
    receipts = workspace.store.receipts
    known = receipts.of_request(ReceiptKind.DATA, connection, request) if request else None
    if known is not None:
        return known
    person = identify(workspace, opened, asked)
    kept, now, receipt_id = _kept(workspace, opened, person), workspace.now(), uuid.uuid4().hex[:16]
    head = {"receipt": receipt_id, "connection": connection, "request": request, "at": format_time(now)}
    file = write_export(workspace.settings.home, receipt_id, head | kept)
    receipt = Receipt(
        id=receipt_id,
        kind=ReceiptKind.DATA,
        account=opened.identity,
        connection=connection,
        request=request,
        at=now,
        doc={
            "account_name": opened.settings.name,
            "kept": {place: len(found) for place, found in kept.items()},
            "file": str(file),
        },
    )
    receipts.add(receipt)
    log.info("a person's data is told", receipt=receipt_id)
    return receipt


def _kept(workspace: Workspace, opened: OpenAccount, person: Person) -> dict[str, list[Any]]:
    """Everything that is kept, by place."""
    traces, state = person.traces, opened.state
    addresses = traces.addresses
    taking = workspace.store.taking_out(opened.identity, connections_of(workspace, opened))
    facts = [fact for found in state.facts(addresses).values() for fact in found]
    return {
        "known_by": [{"address": address} for address in addresses],
        "brevo": [dict(read.raw) for read in person.contacts.values()],
        "ledger": _plain(state.contacts(addresses).values()),
        "consent": _plain(facts),
        "records": [
            {"connection": name[0], "stream": name[1], "key": name[2], "read_at": record.read_at, "raw": record.raw}
            for name, record in sorted(person.newest.items())
        ],
        "known_records": [
            {"connection": connection, "stream": stream, "key": key}
            for connection, stream, key in sorted(traces.records)
        ],
        "deliveries": _deliveries(workspace, taking.deliveries_of(traces)),
    }


def _plain(items: Iterable[Any]) -> list[Any]:
    return [msgspec.to_builtins(item) for item in items]


def _deliveries(workspace: Workspace, numbers: Iterable[int]) -> list[dict[str, Any]]:
    found = [kept for number in sorted(numbers) if (kept := workspace.store.inbox.get(number)) is not None]
    return [
        {
            "topic": kept.delivery.topic,
            "received_at": kept.delivery.received_at,
            "body": kept.body.decode(errors="replace"),
        }
        for kept in found
    ]
