"""``tajo letters``: records, fields and orders that couldn't be sent as they are."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tajo_pipelines.cli.calls import call_documents, draw_call
from tajo_pipelines.cli.documents import LETTER, LETTERS, Document, UsageError
from tajo_pipelines.cli.edge import Outcome, Session, command
from tajo_pipelines.model.window import format_time
from tajo_pipelines.store.calls import CallFilter
from tajo_pipelines.store.letters import KeptLetter, LetterState

app = typer.Typer(name="letters", help="Records, fields and orders that couldn't be sent as they are.")

OPEN = (LetterState.OPEN, LetterState.RETRYING)
_MOST = 1000


@app.callback()
def letters() -> None:
    """Records, fields and orders that couldn't be sent as they are."""


@command(app, "list", LETTERS)
def list_letters(
    session: Session,
    connection: Annotated[str | None, typer.Option(help="Only letters of this connection.")] = None,
    stream: Annotated[str | None, typer.Option(help="Only letters of this stream.")] = None,
    state: Annotated[
        list[LetterState] | None, typer.Option(help="Only letters in this state; default: open and retrying.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Only letters with this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = _MOST,
) -> Outcome:
    """List letters, the last seen first."""
    settings = session.settings()
    if connection is not None:
        settings.connection(connection)
    kept = session.workspace(settings).store.letters
    states = tuple(state) if state else OPEN
    total = kept.count(connection=connection, stream=stream, states=states, reason=reason)
    found = kept.list(connection=connection, stream=stream, states=states, reason=reason, limit=limit)
    documents = [letter_document(letter) for letter in found]
    session.body |= {"total": total, "letters": documents}
    return Outcome(lambda screen: _show(screen, total, documents))


@command(app, "show", LETTER)
def show_letter(
    session: Session, letter_id: Annotated[str, typer.Argument(metavar="ID", help="The letter's id in the list.")]
) -> Outcome:
    """Show one letter, with the call that was refused where there was one."""
    workspace = session.workspace(session.settings())
    kept = workspace.store.letters.get(letter_id)
    if kept is None:
        raise UsageError(
            f"there is no letter {letter_id!r}", where="ID", hint="tajo letters list shows them", code="no_letter"
        )
    letter, calls = letter_document(kept), []
    if kept.call_id is not None:
        calls = call_documents(workspace, workspace.store.history.find(CallFilter(ids=[kept.call_id])))
    session.body |= {"letter": letter, "call": calls[0] if calls else None}
    return Outcome(lambda screen: _draw(screen, letter, calls))


def letter_document(kept: KeptLetter) -> Document:
    """One letter as JSON."""
    letter, vendor = kept.letter, kept.letter.vendor
    return {
        "id": kept.id,
        "state": kept.state.value,
        "connection": letter.connection,
        "stream": letter.stream,
        "key": letter.key,
        "kind": letter.kind.value,
        "field": letter.field,
        "reason": letter.reason,
        "message": letter.message,
        "vendor": None if vendor is None else {"status": vendor.status, "code": vendor.code, "message": vendor.message},
        "attempts": kept.attempts,
        "first_seen": format_time(kept.first_seen),
        "last_seen": format_time(kept.last_seen),
        "run_id": kept.run_id or None,
        "call_id": kept.call_id,
    }


def _draw(screen: Console, letter: Document, calls: list[Document]) -> None:
    place = f"{letter['connection']} {letter['stream']} {letter['key']}"
    field = f", {letter['field']}" if letter["field"] else ""
    screen.print(f"{place}{field}: {letter['reason']}", style="bold", soft_wrap=True)
    vendor = letter["vendor"]
    rows = {
        "letter": f"{letter['id']}, {letter['state']}, about one {letter['kind']}",
        "message": letter["message"],
        "answer": f"{vendor['status']} {vendor['code']} {vendor['message']}".strip() if vendor else "none",
        "seen": f"{letter['first_seen']} to {letter['last_seen']}, attempts: {letter['attempts']}",
        "run": letter["run_id"] or "none",
    }
    for name, text in rows.items():
        screen.print(f"{name + ':':<10} {text}", soft_wrap=True)
    if calls:
        screen.print()
        draw_call(screen, calls[0])


def _show(screen: Console, total: int, letters: list[Document]) -> None:
    if not total:
        screen.print("No letters.")
        return
    table = Table(box=None)
    for name in ("last seen", "connection", "stream", "key", "field", "reason"):
        table.add_column(name, no_wrap=True)
    table.add_column("message")
    table.add_column("state", no_wrap=True)
    for letter in letters:
        table.add_row(
            letter["last_seen"][:16].replace("T", " "),
            letter["connection"],
            letter["stream"],
            letter["key"],
            letter["field"] or "",
            letter["reason"],
            letter["message"],
            letter["state"],
        )
    screen.print(table)
    screen.print(f"{total} letters" + (f", {len(letters)} shown" if len(letters) < total else ""))
