"""``tajo calls``: what Brevo was asked and what it answered, masked as it is kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tajo_pipelines.brevo.limits import BUCKETS
from tajo_pipelines.brevo.masking import as_curl
from tajo_pipelines.brevo.places import DEFAULT_BASE_URL
from tajo_pipelines.brevo.ports import Call
from tajo_pipelines.cli.documents import CALL, CALLS, Document, UsageError
from tajo_pipelines.cli.edge import Outcome, Session, command
from tajo_pipelines.cli.moments import moment
from tajo_pipelines.model.errors import Notice
from tajo_pipelines.model.window import format_time
from tajo_pipelines.settings.objects import Account, Settings, account_key_variable
from tajo_pipelines.store.calls import CallFilter, KeptCall
from tajo_pipelines.sync.account import names_in_store
from tajo_pipelines.sync.workspace import Workspace

app = typer.Typer(name="calls", help="Calls to Brevo, as they are kept for a while.")

MASKED = "personal data is masked and bodies end after 4 KB: put the real values in before you run a line"
"""What whoever copies a call must know."""

_STATUS = re.compile(r"(?P<hundred>[1-5])xx|(?P<exact>[1-5]\d\d)|(?P<none>none)")
_FEW = 100


@app.callback()
def calls() -> None:
    """Calls to Brevo, as they are kept for a while: personal data masked, keys left out."""


@command(app, "list", CALLS)
def list_calls(  # noqa: PLR0913, PLR0917  one parameter an option
    session: Session,
    run: Annotated[
        str | None, typer.Option(help="Only calls of this run of Dagster: its id, or how it begins.")
    ] = None,
    connection: Annotated[str | None, typer.Option(help="Only calls of this connection's runs.")] = None,
    account: Annotated[str | None, typer.Option(help="Only calls to this account.")] = None,
    letter: Annotated[str | None, typer.Option(help="Only the call that this letter is about.")] = None,
    path: Annotated[str | None, typer.Option(help="Only calls with this in their path: /contacts/import.")] = None,
    status: Annotated[
        list[str] | None, typer.Option(help="Only calls answered so: 429, 4xx, none (no answer); may be repeated.")
    ] = None,
    bucket: Annotated[str | None, typer.Option(help=f"Only calls of this rate bucket: {', '.join(BUCKETS)}.")] = None,
    since: Annotated[str | None, typer.Option(help="Only calls from then on: 2026-11-24, or 36h ago.")] = None,
    until: Annotated[str | None, typer.Option(help="Only calls before: 2026-11-24, or 36h ago.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = _FEW,
    curl: Annotated[bool, typer.Option("--curl", help="Print each as a command line to copy.")] = False,
) -> Outcome:
    """List calls to Brevo, the newest first."""
    settings = session.settings()
    workspace = session.workspace(settings)
    if connection is not None:
        settings.connection(connection)
    if bucket is not None and bucket not in BUCKETS:
        raise UsageError(f"there is no bucket {bucket!r}", where="--bucket", hint=f"one of {', '.join(BUCKETS)}")
    now = workspace.now()
    wanted = CallFilter(
        accounts=None if account is None else names_in_store(workspace, _account(settings, account)),
        run_prefix=run,
        connection=connection,
        path=path,
        statuses=[_statuses(text) for text in status or ()],
        bucket=bucket,
        since=None if since is None else moment(since, now, "--since"),
        until=None if until is None else moment(until, now, "--until"),
        ids=None if letter is None else _call_of(workspace, letter),
    )
    total = workspace.store.history.count(wanted)
    documents = call_documents(workspace, workspace.store.history.find(wanted, limit))
    session.body |= {"total": total, "calls": documents}
    if curl and session.as_json:
        session.warnings.append(Notice("masked", MASKED))
    return Outcome(lambda screen: (_show_curl if curl else _show)(screen, total, documents))


@command(app, "show", CALL)
def show_call(
    session: Session, number: Annotated[int, typer.Argument(metavar="ID", help="The call's number in the list.")]
) -> Outcome:
    """Show one call with what was sent and answered, and as a command line to copy."""
    workspace = session.workspace(session.settings())
    found = call_documents(workspace, workspace.store.history.find(CallFilter(ids=[number])))
    if not found:
        raise UsageError(
            f"there is no call {number}", where="ID", hint="tajo calls list shows those that are kept", code="no_call"
        )
    session.body["call"] = found[0]
    if session.as_json:
        session.warnings.append(Notice("masked", MASKED))
    return Outcome(lambda screen: draw_call(screen, found[0]))


def _account(settings: Settings, name: str) -> Account:
    if name not in settings.accounts:
        listed = ", ".join(settings.accounts)
        raise UsageError(f"there is no account {name!r}", where="--account", hint=f"there is {listed}")
    return settings.accounts[name]


def _statuses(text: str) -> tuple[int, int]:
    """First and last status that a text means; 0 stands for no answer."""
    found = _STATUS.fullmatch(text.strip().lower())
    if found is None:
        raise UsageError(f"{text!r} is no status", where="--status", hint="like 429, 4xx or none")
    if found["none"]:
        return 0, 0
    if found["exact"]:
        return int(found["exact"]), int(found["exact"])
    first = 100 * int(found["hundred"])
    return first, first + 99


def _call_of(workspace: Workspace, letter_id: str) -> list[int]:
    letter = workspace.store.letters.get(letter_id)
    if letter is None:
        raise UsageError(
            f"there is no letter {letter_id!r}", where="--letter", hint="tajo letters list shows them", code="no_letter"
        )
    return [letter.call_id] if letter.call_id is not None else []


def call_documents(workspace: Workspace, kept: Sequence[KeptCall]) -> list[Document]:
    """Calls as JSON, each with its connection, its letters and as a command line."""
    history, settings = workspace.store.history, workspace.settings
    accounts = {name: each for each in settings.accounts.values() for name in names_in_store(workspace, each)}
    connections = history.connections({call.run_id for call in kept})
    letters = history.letters([call.id for call in kept])
    return [
        _document(call, accounts.get(call.account), connections.get(call.run_id), letters.get(call.id, ()))
        for call in kept
    ]


def _document(call: KeptCall, account: Account | None, connection: str | None, letters: Sequence[str]) -> Document:
    return {
        "id": call.id,
        "at": format_time(call.at),
        "account": account.name if account is not None else None,
        "identity": call.account,
        "connection": connection,
        "run_id": call.run_id or None,
        "method": call.method,
        "path": call.path,
        "template": call.template,
        "bucket": call.bucket,
        "status": call.status or None,
        "milliseconds": call.milliseconds,
        "bytes_sent": call.bytes_sent,
        "request": call.request or None,
        "response": call.response or None,
        "letters": list(letters),
        "curl": _curl(call, account),
    }


def _curl(kept: KeptCall, account: Account | None) -> str:
    call = Call(
        at=kept.at,
        run_id=kept.run_id,
        method=kept.method,
        path=kept.path,
        template=kept.template,
        bucket=kept.bucket,
        status=kept.status,
        milliseconds=kept.milliseconds,
        request=kept.request,
        response=kept.response,
        bytes_sent=kept.bytes_sent,
    )
    if account is not None:
        return as_curl(call, account.base_url, account_key_variable(account.name))
    _, found, place = kept.account.partition("@")
    return as_curl(call, f"https://{place}" if found else DEFAULT_BASE_URL)


def draw_call(screen: Console, call: Document) -> None:
    """One call for a person."""
    screen.print(f"{call['method']} {call['path']}", soft_wrap=True, style="bold")
    rows = {
        "call": str(call["id"]),
        "at": call["at"],
        "account": call["account"] or call["identity"],
        "run": f"{call['run_id'] or 'none'}" + (f" of {call['connection']}" if call["connection"] else ""),
        "answered": f"{_status(call)} after {call['milliseconds']:,} ms",
        "bucket": call["bucket"],
        "letters": ", ".join(call["letters"]) or "none",
    }
    for name, text in rows.items():
        screen.print(f"{name + ':':<10} {text}", soft_wrap=True)
    for name in ("request", "response"):
        if call[name]:
            screen.print(f"{name}:\n  {call[name]}", soft_wrap=True)
    screen.print(f"again: ({MASKED})\n  {call['curl']}", soft_wrap=True)


def _status(call: Document) -> str:
    return "no answer" if call["status"] is None else str(call["status"])


def _show(screen: Console, total: int, documents: list[Document]) -> None:
    if not total:
        screen.print("No calls.")
        return
    table = Table(box=None)
    for name in ("id", "at", "run", "bucket", "status", "ms"):
        table.add_column(name, no_wrap=True, justify="right" if name in {"id", "ms"} else "left")
    table.add_column("call", overflow="fold")
    table.add_column("letters", justify="right")
    for call in documents:
        table.add_row(
            str(call["id"]),
            call["at"][:19].replace("T", " "),
            (call["run_id"] or "")[:8],
            call["bucket"],
            _status(call),
            str(call["milliseconds"]),
            f"{call['method']} {call['path']}",
            str(len(call["letters"]) or ""),
        )
    screen.print(table)
    screen.print(f"{total} calls" + (f", {len(documents)} shown" if len(documents) < total else ""))


def _show_curl(screen: Console, total: int, documents: list[Document]) -> None:
    if not total:
        screen.print("No calls.")
        return
    screen.print(f"# {MASKED}; the key comes from the environment", soft_wrap=True)
    for call in documents:
        screen.print(f"# {call['id']}, {call['at']}, {_status(call)}", soft_wrap=True)
        screen.print(call["curl"], soft_wrap=True)
