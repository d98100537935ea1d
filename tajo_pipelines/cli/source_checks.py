"""What ``doctor`` looks at on a connection's side beside its log-in: the API's version, and whether streams open."""

from __future__ import annotations

from contextlib import closing
from datetime import date, timedelta
from functools import partial

from tajo_pipelines.cli.checks import OK, WARNING, Checks
from tajo_pipelines.model.window import Window
from tajo_pipelines.settings import Connection
from tajo_pipelines.sync.workspace import Workspace

VERSION_ENDS = "api_version_ends"
"""Code of the notice with which a connector tells other commands the same as `check_version`."""

SOON = 90
"""Days before the end of an API's version from which on it is said."""

GLANCE = timedelta(hours=1)
"""How far back a stream is read to see whether it opens."""


def check_version(checks: Checks, workspace: Workspace, connection: Connection, today: date) -> None:
    """How long the platform still serves the version of its API that the connector calls."""
    manifest = workspace.connector(connection).manifest
    if manifest.sunset is None:
        checks.note(connection.name, "API version", OK, f"{manifest.title} names no end of its API")
        return
    left = (manifest.sunset - today).days
    served = f"{manifest.title} serves {manifest.api_version} until {manifest.sunset.isoformat()}"
    if left >= SOON:
        checks.note(connection.name, "API version", OK, f"{served}, for {left} days")
        return
    message = f"{served}, for {left} days more" if left >= 0 else f"{served}: that is over, and answers may change"
    checks.note(connection.name, "API version", WARNING, message, "install a newer version of Tajo")


def check_reading(checks: Checks, workspace: Workspace, connection: Connection) -> None:
    """Whether each stream that runs can be read: a permission may be there, and its data closed all the same."""
    now = workspace.now()
    window = Window(now - GLANCE, now)

    def look(stream: str) -> str:
        with closing(workspace.open_source(connection)) as source:
            found = next(iter(source.read(stream, window)), None)
        count = len(found.records) if found is not None else 0
        return (
            f"{stream} can be read; {count} of them changed within the last hour" if count else f"{stream} can be read"
        )

    for stream in connection.enabled_streams:
        checks.look(connection.name, f"read {stream}", partial(look, stream))
