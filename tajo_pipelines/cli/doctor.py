"""``tajo doctor``: what a project needs before its first sync, one line each."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import typer

from tajo_pipelines.cli.checks import OK, SKIPPED, WARNING, Checks, check_account, check_source
from tajo_pipelines.cli.documents import DOCTOR, UsageError
from tajo_pipelines.cli.edge import Outcome, Session, command
from tajo_pipelines.cli.missing_secrets import settings_with_secrets
from tajo_pipelines.sdk.connector import SourceInfo
from tajo_pipelines.settings import Settings

DAGSTER_HOME = "DAGSTER_HOME"


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "doctor", DOCTOR)(doctor)


def doctor(session: Session) -> Outcome:
    """Look whether keys, account, lists, attributes, currency, limits and shops are ready. Nothing is changed."""
    session.body["project"] = str(session.project)
    settings = session.settings()
    for connection in settings.enabled_connections:
        # Where nobody can be asked, the check below says it, beside all other findings.
        with suppress(UsageError):
            settings = settings_with_secrets(session, connection.name)
    workspace = session.workspace(settings)
    checks = Checks()
    session.body["checks"] = checks.found
    _project(checks, settings)
    sources: dict[str, dict[str, SourceInfo | None]] = {name: {} for name in _accounts(settings)}
    for connection in settings.connections.values():
        if connection.enabled:
            sources[connection.account][connection.name] = check_source(checks, workspace, connection)
        else:
            checks.note(connection.name, "source", SKIPPED, "the connection isn't enabled", f"{connection.where}")
    for name, found in sources.items():
        check_account(checks, workspace, settings.accounts[name], found)
    return checks.outcome()


def _accounts(settings: Settings) -> list[str]:
    """The accounts that enabled connections feed; all while none is enabled."""
    fed = [connection.account for connection in settings.enabled_connections]
    return list(dict.fromkeys(fed)) or list(settings.accounts)


def _project(checks: Checks, settings: Settings) -> None:
    enabled = len(settings.enabled_connections)
    message = f"{settings.config_file}: {enabled} of {len(settings.connections)} connections enabled"
    checks.note("project", "configuration", OK, message)
    for notice in settings.warnings:
        checks.note("project", notice.code, WARNING, f"{notice.where}: {notice.message}")
    home = os.environ.get(DAGSTER_HOME)
    if not home:
        checks.note("project", "Dagster", OK, f"runs are kept as {settings.project_dir / 'dagster.yaml'} says")
    elif Path(home).resolve() == settings.project_dir.resolve():
        checks.note("project", "Dagster", OK, f"{DAGSTER_HOME} is the project")
    else:
        message = f"{DAGSTER_HOME} is {home}: tajo, make dev and dagster dev keep their runs there, not in the project"
        checks.note("project", "Dagster", WARNING, message, f"unset {DAGSTER_HOME} to keep them in the project")
