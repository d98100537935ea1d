"""Erases everything that came from one connection: the merchant has taken the app off the shop."""

from __future__ import annotations

import uuid

import structlog

from tajo_pipelines.model.erasure import Left, Receipt, ReceiptKind
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.account import OpenAccount
from tajo_pipelines.sync.erasure import left_document
from tajo_pipelines.sync.landed_traces import LandedTraces
from tajo_pipelines.sync.private_files import drop_exports_of
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)

CONTACTS = "contacts, orders, products and events at Brevo are the merchant's own, and stay there"
OBJECTIONS = "who said no stays on record: nothing else keeps the account from mailing them when they come again"
TURN_OFF = "the connection stays in the configuration: tajo connectors disconnect {name}"


def erase_source(workspace: Workspace, opened: OpenAccount, connection: Connection) -> Receipt:
    """Take out whatever the connection has left here. Doing it again finds nothing more.

    Files go first: their rows are what says that there is something to do.
    """
    files = LandedTraces(workspace, (connection.name,)).drop_all(connection.name)
    exports = drop_exports_of(workspace.settings.home, connection.name)
    store, now, receipt_id = workspace.store, workspace.now(), uuid.uuid4().hex[:16]
    with store.transaction():
        gone, objections = store.source_erasing(opened.identity, connection.name).take_out()
        left = [
            Left(place="brevo", what="everything", why=CONTACTS),
            Left(place="store", what="objections", why=OBJECTIONS, count=objections),
            Left(place="configuration", what="connection", why=TURN_OFF.format(name=connection.name)),
        ]
        receipt = Receipt(
            id=receipt_id,
            kind=ReceiptKind.SOURCE,
            account=opened.identity,
            connection=connection.name,
            request=None,
            at=now,
            doc={
                "account_name": opened.settings.name,
                "gone": {"landing: files": files, "files: data requests": exports}
                | {f"store: {place}": count for place, count in sorted(gone.items())},
                "left": [left_document(item) for item in left],
                "files_swept": None,
                "sweep_problem": None,
            },
        )
        store.receipts.add(receipt)
        store.receipts.await_sweeping(receipt_id)
    log.info("a source is erased", connection=connection.name, receipt=receipt_id)
    return receipt
