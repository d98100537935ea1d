"""How a connection fares, by what its last runs left in the store."""

from __future__ import annotations

from datetime import datetime

from tajo_pipelines.model.errors import AuthError
from tajo_pipelines.settings import Connection
from tajo_pipelines.store.reports import RunReport
from tajo_pipelines.sync.reports import DONE, FAILED
from tajo_pipelines.sync.workspace import Workspace

_LOOKED_AT = 5
"""Reports of a stream among which the last finished one is looked for."""


def finished_reports(workspace: Workspace, connection: Connection) -> list[RunReport]:
    """The last report of each stream that came to an end."""
    found = []
    for stream in connection.streams:
        latest = workspace.store.reports.latest(connection.name, stream, _LOOKED_AT)
        found += [report for report in latest if report.finished_at is not None][:1]
    return found


def state_of(reports: list[RunReport]) -> str:
    """``new``, ``ok``, ``failing`` or ``unauthorized``, by the last end of each stream."""
    failed = [report for report in reports if report.status == FAILED]
    if any((report.details.get("error") or {}).get("exit_code") == AuthError.exit_code for report in failed):
        return "unauthorized"
    if failed:
        return "failing"
    return "ok" if reports else "new"


def last_success(reports: list[RunReport]) -> datetime | None:
    """When a stream last ended well."""
    done = [report.finished_at for report in reports if report.status == DONE and report.finished_at is not None]
    return max(done, default=None)
