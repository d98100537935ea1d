"""What platforms ask for in the name of a person, or of a merchant who leaves: carried out, with a receipt."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from tajo_pipelines.model.erasure import Receipt
from tajo_pipelines.model.errors import Notice
from tajo_pipelines.sdk.webhooks import DataAsked, ErasureAsked, Person, SourceErased
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.sweeping import sweep
from tajo_pipelines.sync.account import OpenAccount
from tajo_pipelines.sync.data_requests import tell_data
from tajo_pipelines.sync.erasure import Eraser
from tajo_pipelines.sync.identification import Asked
from tajo_pipelines.sync.source_erasure import erase_source
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)


def carry_out(
    workspace: Workspace, connection: Connection, opened: OpenAccount, asked: ErasureAsked | DataAsked | SourceErased
) -> Receipt:
    """Carry a request out. The caller holds the account's lease, and acknowledges the delivery afterwards.

    Raises:
        ConfigError: TAJO_SECRET_KEY isn't set, and a person is to be erased.
        TajoError: Brevo can't be reached or used; the same request goes on from there next time.
    """
    if isinstance(asked, SourceErased):
        return erase_source(workspace, opened, connection)
    person = asked.person
    traces = _named(connection, person).traces()
    if isinstance(asked, DataAsked):
        return tell_data(workspace, opened, traces, connection=connection.name, request=person.request)
    return Eraser(workspace, opened).erase(traces, connection=connection.name, request=person.request)


def _named(connection: Connection, person: Person) -> Asked:
    return Asked(connection, person.key, person.email, person.phone, person.orders)


def forget_deliveries(
    workspace: Workspace, connection: Connection, opened: OpenAccount, stream: str, keys: Sequence[str]
) -> None:
    """Empty the deliveries that told of records which were kept out: what an erased person said isn't kept again."""
    taking = workspace.store.taking_out(opened.identity, (connection.name,))
    taking.empty_told([(connection.name, stream, key) for key in keys])


def sweep_files(workspace: Workspace) -> list[Notice]:
    """Make the database's files forget whom an erasure took out of its tables; where that is due.

    Returns:
        What hindered it; the next run tries again.
    """
    receipts = workspace.store.receipts
    if not receipts.await_any():
        return []
    problem = sweep(workspace.store.database)
    done = problem is None
    receipts.note_swept({"files_swept": done, "sweep_problem": problem}, done=done)
    if problem is None:
        log.info("the store's files were swept")
        return []
    message = f"somebody was erased, and the store's files may still hold them: {problem}; the next run tries again"
    return [Notice("files_not_swept", message, "store")]
