"""``tajo doctor``: what a project needs before its first sync, one line each."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from tajo_pipelines.cli.checks import SKIPPED, Checks, check_account, check_source, check_writing, subject_of
from tajo_pipelines.cli.documents import DOCTOR, UsageError
from tajo_pipelines.cli.edge import Outcome, Session, command
from tajo_pipelines.cli.missing_secrets import settings_with_secrets
from tajo_pipelines.cli.project_checks import check_project
from tajo_pipelines.cli.source_checks import VERSION_ENDS, check_reading, check_version
from tajo_pipelines.sdk.connector import SourceInfo
from tajo_pipelines.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "doctor", DOCTOR)(doctor)


def doctor(
    session: Session,
    probe_brevo: Annotated[
        bool,
        typer.Option(
            "--probe-brevo",
            help="Prove that the key may write: a throw-away contact, blocked and on no list, is written and removed.",
        ),
    ] = False,
) -> Outcome:
    """Look whether this machine, keys, account, lists, attributes, currency, limits and shops are ready.

    Nothing is changed, unless --probe-brevo asks for a contact to be written and removed.
    """
    session.body |= {"project": str(session.project), "probed": probe_brevo}
    settings = session.settings()
    for connection in settings.enabled_connections:
        # Where nobody can be asked, the check below says it, beside all other findings.
        with suppress(UsageError):
            settings = settings_with_secrets(session, connection.name)
    workspace = session.workspace(settings)
    checks = Checks()
    session.body["checks"] = checks.found
    usable = check_project(checks, workspace)
    sources: dict[str, dict[str, SourceInfo | None]] = {name: {} for name in _accounts(settings)}
    for connection in settings.connections.values():
        if not connection.enabled:
            checks.note(connection.name, "source", SKIPPED, "the connection isn't enabled", f"{connection.where}")
            continue
        found = check_source(checks, workspace, connection, elsewhere={VERSION_ENDS})
        check_version(checks, workspace, connection, workspace.now().date())
        if found is not None:
            check_reading(checks, workspace, connection)
        sources[connection.account][connection.name] = found
    for name, of_account in sources.items():
        account = settings.accounts[name]
        if not usable:
            checks.note(subject_of(account), "key", SKIPPED, "it isn't looked at without the store")
            continue
        if check_account(checks, workspace, account, of_account) and probe_brevo:
            check_writing(checks, workspace, account)
    return checks.outcome()


def _accounts(settings: Settings) -> list[str]:
    """The accounts that enabled connections feed; all while none is enabled."""
    fed = [connection.account for connection in settings.enabled_connections]
    return list(dict.fromkeys(fed)) or list(settings.accounts)
