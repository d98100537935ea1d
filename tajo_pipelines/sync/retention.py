"""What is kept for a while and then goes: calls, landed files, deliveries of webhooks, and what is known of carts.

A file goes before its row: after a kill in between, the row says that there is still something to do. What a kill left
without a row, an unfinished write among it, goes by its own age.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import fsspec
import structlog

from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.model.errors import Notice, TajoError
from tajo_pipelines.model.window import format_time, parse_time
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.batches import Batch
from tajo_pipelines.store.database import chunks
from tajo_pipelines.store.reads import MAX_AGE
from tajo_pipelines.sync.account import names_in_store
from tajo_pipelines.sync.cart_memory import CartMemory
from tajo_pipelines.sync.storage import delete_file, location
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)

ONCE_IN = timedelta(days=1)
"""How often what is too old is looked for."""

SHORTEST = MAX_AGE
"""A landed file stays for as long at least, whatever the configuration says: a read may be gone on with meanwhile."""

_GROUP = 100
"""Files that go before their rows do."""

_ENDINGS = (".parquet", ".parquet.partial")


def tidy_calls(workspace: Workspace) -> Notice | None:
    """Drop calls that are older than their account's ``keep.calls``; at most once a day.

    Calls of accounts that the configuration doesn't name any more go by the longest of all times.

    Returns:
        What hindered it; it mustn't hinder a run.
    """

    def work() -> None:
        store, settings, now = workspace.store, workspace.settings, workspace.now()
        keeps = {
            name: account.keep.calls
            for account in settings.accounts.values()
            for name in names_in_store(workspace, account)
        }
        longest = max(account.keep.calls for account in settings.accounts.values())
        for name in store.history.accounts():
            gone = store.calls(name).purge(now - keeps.get(name, longest))
            if gone:
                log.info("old calls are gone", account=name, calls=gone)

    return _daily(workspace, "tidied/calls", work)


def tidy_landing(workspace: Workspace, connection: Connection) -> list[Notice]:
    """Drop what was landed of a connection, delivered, and is older than ``keep.landing``; at most once a day.

    Connections that are turned off, and feed the same account, go along: nothing else runs for them. The caller holds
    the account's lease, so nobody reads these files to deliver them again.

    Returns:
        What hindered it; it mustn't hinder a run.
    """
    found = [
        _daily(workspace, f"tidied/landing/{each.name}", partial(_tidy_one, workspace, each))
        for each in (connection, *_idle(workspace, connection))
    ]
    return [notice for notice in found if notice is not None]


def tidy_inbox(workspace: Workspace, connection: Connection) -> list[Notice]:
    """Drop deliveries of webhooks that were settled and are older than ``keep.inbox``; at most once a day.

    Those that wait stay, however old they are. Connections that are turned off go along as in `tidy_landing`.

    Returns:
        What hindered it; it mustn't hinder a run.
    """
    found = [
        _daily(workspace, f"tidied/inbox/{each.name}", partial(_tidy_deliveries, workspace, each))
        for each in (connection, *_idle(workspace, connection))
    ]
    return [notice for notice in found if notice is not None]


def tidy_carts(workspace: Workspace, connection: Connection, state: AccountState) -> list[Notice]:
    """Forget carts that nothing has been told of for long; at most once a day.

    Returns:
        What hindered it; it mustn't hinder a run.
    """

    def work() -> None:
        gone = CartMemory(state, connection.name).forget(workspace.now())
        if gone:
            log.info("old carts are forgotten", connection=connection.name, names=gone)

    found = _daily(workspace, f"tidied/carts/{connection.name}", work)
    return [] if found is None else [found]


def _tidy_deliveries(workspace: Workspace, connection: Connection) -> None:
    before = workspace.now() - workspace.settings.account_of(connection).keep.inbox
    gone = 0
    while part := workspace.store.inbox.purge(connection.name, before):
        gone += part
    if gone:
        log.info("old deliveries are gone", connection=connection.name, deliveries=gone)


def _idle(workspace: Workspace, connection: Connection) -> list[Connection]:
    others = workspace.settings.connections.values()
    return [each for each in others if not each.enabled and each.account == connection.account]


def _daily(workspace: Workspace, name: str, work: Callable[[], None]) -> Notice | None:
    """Do something unless it was done within a day; noted once it is done, so that what was cut short is begun anew."""
    now, last = workspace.now(), workspace.store.note(name)
    if last is not None and timedelta(0) <= now - parse_time(last) < ONCE_IN:
        return None
    try:
        work()
    except (TajoError, OSError) as error:
        log.warning("what is too old couldn't be deleted", what=name, error=type(error).__name__)
        said = error.message if isinstance(error, TajoError) else error.strerror or type(error).__name__
        return Notice("keep_not_done", f"what is older than keep says couldn't be deleted: {said}", name)
    workspace.store.set_note(name, format_time(now))
    return None


def _tidy_one(workspace: Workspace, connection: Connection) -> None:
    now = workspace.now()
    keep = max(workspace.settings.account_of(connection).keep.landing, SHORTEST)
    old = workspace.store.batches.delivered_before(connection.name, now - keep, now - MAX_AGE)
    for group in chunks(old, _GROUP):
        _drop(workspace, group)
    orphans = 0
    for path in _orphans(workspace, connection, now - keep):
        delete_file(path)
        orphans += 1
    if old or orphans:
        log.info("old landed files are gone", connection=connection.name, batches=len(old), orphans=orphans)


def _drop(workspace: Workspace, group: list[Batch]) -> None:
    for batch in group:
        delete_file(location(workspace, batch.path))
    workspace.store.batches.forget([batch.id for batch in group])


def _orphans(workspace: Workspace, connection: Connection, before: datetime) -> Iterator[str]:
    """Files of a connection without a row, written before a moment."""
    root = location(workspace, connection.name)
    filesystem, folder = fsspec.core.url_to_fs(root)
    if not filesystem.exists(folder):
        return
    known = workspace.store.batches.paths(connection.name)
    for path in filesystem.find(folder):
        inner = f"{connection.name}/{path[len(folder) :].lstrip('/')}"
        if inner in known or not path.endswith(_ENDINGS):
            continue
        written = filesystem.modified(path)
        if (written if written.tzinfo else written.replace(tzinfo=UTC)) < before:
            yield filesystem.unstrip_protocol(path) if "://" in root else path
