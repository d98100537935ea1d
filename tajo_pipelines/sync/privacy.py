"""What platforms ask for in the name of a person: refused aloud as long as nothing here can do it."""

from __future__ import annotations

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.sdk.webhooks import DataAsked, ErasureAsked, SourceErased
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.account import OpenAccount
from tajo_pipelines.sync.workspace import Workspace


def carry_out(
    workspace: Workspace, connection: Connection, opened: OpenAccount, asked: ErasureAsked | DataAsked | SourceErased
) -> None:
    """Carry a request out.

    Raises:
        ConfigError: Always: the request waits in the inbox.
    """
    del workspace, opened
    message = f"this version can't carry out a request of the kind {type(asked).__name__}: it waits"
    raise ConfigError(message, code="privacy_absent", where=connection.where)
