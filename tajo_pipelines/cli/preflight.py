"""What is looked at before a run starts: what a person must mend is said at once, and no run fails for it."""

from __future__ import annotations

from dataclasses import dataclass

from tajo_pipelines.brevo.client import Usage
from tajo_pipelines.model.order import Order
from tajo_pipelines.sdk.connector import SourceInfo
from tajo_pipelines.settings import Connection
from tajo_pipelines.sync.account import account_currency, contact_policy, open_account, require_rate
from tajo_pipelines.sync.workspace import Workspace

PATIENCE = 15.0
"""Seconds for which a call is repeated before the run; within it the engine is more patient."""


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found.

    Attributes:
        source: The platform's own word of itself; None where it wasn't asked.
        usage: What the look cost at Brevo.
    """

    source: SourceInfo | None
    usage: Usage


def preflight(
    workspace: Workspace, connection: Connection, streams: tuple[str, ...], *, reads: bool = True
) -> Preflight:
    """See to it that platform and account let us in and are ready for these streams.

    Args:
        workspace: Settings and store.
        connection: The connection.
        streams: The streams.
        reads: Whether the platform will be asked; else it isn't now either.

    Raises:
        AuthError: A key is refused, or lacks a permission.
        ConfigError: The account lacks a list, e-commerce or a rate.
        RetryableError: One of the two can't be reached.
    """
    found = _checked(workspace, connection) if reads else None
    connector = workspace.connector(connection)
    with open_account(workspace, workspace.account(connection), "", patience=PATIENCE) as opened:
        contact_policy(workspace, opened)
        if any(connector.stream(name).record is Order for name in streams):
            currency = account_currency(workspace, opened)
            if found is not None:
                require_rate(opened, found.currency, currency, connection.name)
        return Preflight(found, opened.client.usage)


def _checked(workspace: Workspace, connection: Connection) -> SourceInfo:
    source = workspace.open_source(connection)
    try:
        return source.check()
    finally:
        source.close()
