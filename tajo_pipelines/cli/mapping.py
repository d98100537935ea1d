"""``tajo mapping``: what the field mapping makes of a record, why, and whether it is what was meant."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tajo_pipelines.cli.documents import MAPPING_DIFF, MAPPING_TEST, MAPPING_TRY, UsageError, error_document
from tajo_pipelines.cli.edge import Outcome, Session, command
from tajo_pipelines.cli.mapping_diff import diff_mapping
from tajo_pipelines.cli.mapping_documents import case_document, trial_document
from tajo_pipelines.cli.mapping_screen import show_cases, show_trial
from tajo_pipelines.model.errors import Notice, TajoError
from tajo_pipelines.model.record import Record
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.mapping_tests import run_mapping_tests
from tajo_pipelines.sync.mapping_try import tried
from tajo_pipelines.sync.one_look import look_at
from tajo_pipelines.sync.one_record import landed_record, record_of_raw, source_without_calls
from tajo_pipelines.sync.parquet import decode_raw
from tajo_pipelines.sync.workspace import Workspace

app = typer.Typer(name="mapping", help="What the field mapping makes of records.")

NameArgument = Annotated[str, typer.Argument(help="Name of the connection.")]

_STDIN = "-"


@app.callback()
def mapping() -> None:
    """What the field mapping makes of records."""


@command(app, "try", MAPPING_TRY)
def try_mapping(
    session: Session,
    name: NameArgument,
    record: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|KEY",
            help="The record: a file with the platform's JSON, - for stdin, or the key of a landed one. "
            "Default: the newest landed.",
        ),
    ] = None,
    stream: Annotated[str, typer.Option(help="What kind of record it is.")] = "customers",
) -> Outcome:
    """Show what the mapping makes of one record, and why. Neither the platform nor Brevo is asked."""
    settings = session.settings()
    connection = settings.connection(name)
    session.body |= {"connection": name, "connector": connection.connector, "account": connection.account}
    session.body["stream"] = stream
    workspace = session.workspace(settings)
    workspace.connector(connection).stream(stream)
    found, origin = _record(workspace, connection, stream, record)
    with source_without_calls(connection) as source:
        trial = tried(workspace, look_at(connection, workspace.mapping(connection), found, source))
    session.body |= trial_document(trial) | {"origin": origin}
    return Outcome(lambda screen: show_trial(screen, session.body))


def _record(
    workspace: Workspace, connection: Connection, stream: str, wanted: str | None
) -> tuple[Record, dict[str, str | None]]:
    """The record, and where it comes from."""
    if wanted is not None and (wanted == _STDIN or Path(wanted).is_file()):
        kind = "stdin" if wanted == _STDIN else "file"
        raw = _raw(wanted)
        return record_of_raw(connection, stream, raw, workspace.now()), {"kind": kind, "place": wanted}
    if wanted is not None and ("/" in wanted or wanted.endswith(".json")):
        raise UsageError(f"there is no file {wanted}", where="--record")
    landed = landed_record(workspace, connection, stream, wanted)
    return landed.record, {"kind": "landed", "place": landed.batch.path}


def _raw(place: str) -> dict[str, object]:
    try:
        text = sys.stdin.read() if place == _STDIN else Path(place).read_text(encoding="utf-8-sig")
        return decode_raw(text)
    except OSError as error:
        problem = f"can't be read: {error.strerror or type(error).__name__}"
    except (msgspec.MsgspecError, UnicodeDecodeError):
        problem = "doesn't hold one JSON object"
    raise UsageError(f"{'stdin' if place == _STDIN else place} {problem}", where="--record")


command(app, "diff", MAPPING_DIFF)(diff_mapping)


@command(app, "test", MAPPING_TEST)
def run_tests(
    session: Session,
    name: Annotated[str | None, typer.Argument(help="Only tests of this connection.")] = None,
) -> Outcome:
    """Run the mapping tests of config/tests. Neither the platform nor Brevo is asked, and no secret is needed."""
    settings = session.settings()
    session.body["connection"] = name
    results = run_mapping_tests(session.workspace(settings), name)
    failed = sum(not result.passed for result in results)
    session.body |= {"total": len(results), "failed": failed, "cases": [case_document(result) for result in results]}
    if not results:
        whose = f" of {name}" if name is not None else ""
        session.warnings.append(Notice("no_mapping_tests", f"there are no mapping tests{whose}", "config/tests"))
    if not failed:
        return Outcome(lambda screen: show_cases(screen, results))
    message = f"{failed} of {len(results)} mapping tests failed"
    error = error_document(TajoError(message, code="mapping_tests_failed"))
    return Outcome(lambda screen: show_cases(screen, results), 1, error, told=True)
