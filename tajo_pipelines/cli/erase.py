"""``tajo erase``: takes a person out of Brevo and of everything here, and keeps a receipt that names nobody."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tajo_pipelines.cli.documents import ERASE, Document, UsageError, error_document
from tajo_pipelines.cli.edge import Outcome, Session, command
from tajo_pipelines.cli.missing_secrets import on_terminal
from tajo_pipelines.model.erasure import Receipt
from tajo_pipelines.model.errors import TajoError
from tajo_pipelines.model.window import format_time
from tajo_pipelines.settings import Settings
from tajo_pipelines.settings.objects import Account
from tajo_pipelines.store.facade import Store
from tajo_pipelines.sync.erasing_by_hand import erase_by_hand
from tajo_pipelines.sync.identification import Asked

PARTLY = 5
"""Exit code where Brevo keeps the contact."""

_FEW = 100


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "erase", ERASE)(erase)


def erase(
    session: Session,
    email: Annotated[str | None, typer.Argument(metavar="EMAIL", help="An address of the person.")] = None,
    phone: Annotated[str | None, typer.Option(help="A number of the person, beside the address or instead.")] = None,
    customer: Annotated[
        str | None, typer.Option(metavar="KEY", help="The customer's key at --connection, beside these or instead.")
    ] = None,
    connection: Annotated[
        str | None, typer.Option(help="Erase from the account of this connection; needed where there are several.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    receipts: Annotated[
        bool, typer.Option("--receipts", help="Erase nobody: list what was done about requests for privacy.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many receipts.")] = _FEW,
) -> Outcome:
    """Erase a person, at Brevo and here; it can't be undone."""
    settings = session.settings()
    if connection is not None:
        settings.connection(connection)
    if receipts:
        return _list(session, settings, connection, limit)
    asked = _asked(settings, connection, Asked(None, customer, email, phone))
    account = _account(settings, connection)
    _confirm(session, account, yes=yes)
    receipt, notices = erase_by_hand(session.workspace(settings), account, asked.traces())
    session.warnings += notices
    session.body |= {"erased": True, "total": 1, "receipts": [receipt_document(receipt)]}
    stays = [left for left in session.body["receipts"][0]["left"] if left["what"] == "contacts"]
    error = error_document(TajoError(stays[0]["why"], code="contact_stays", where="brevo")) if stays else None
    return Outcome(lambda screen: _show_one(screen, session.body["receipts"][0]), PARTLY if stays else 0, error)


def _asked(settings: Settings, connection: str | None, asked: Asked) -> Asked:
    """Whom the options name.

    Raises:
        UsageError: Nobody, or what is given can't be an address or a number.
    """
    if asked.key and connection is None:
        raise UsageError("a customer's key means nothing without --connection", where="--customer")
    where = settings.connection(connection) if connection is not None else None
    found = Asked(where, asked.key, asked.email, asked.phone)
    traces = found.traces()
    if asked.email and not traces.emails:
        raise UsageError("that is no e-mail address", where="EMAIL")
    if asked.phone and not traces.phones:
        raise UsageError("that is no phone number with its country code", where="--phone", hint="+49 151 ...")
    if not (traces.emails or traces.phones or traces.records):
        hint = "tajo erase EMAIL, or --phone, or --customer with --connection; --receipts lists what was done"
        raise UsageError("nobody is named", where="EMAIL", hint=hint)
    return found


def _account(settings: Settings, connection: str | None) -> Account:
    if connection is not None:
        return settings.account_of(connection)
    if len(settings.accounts) > 1:
        names = ", ".join(sorted(settings.accounts))
        message = f"there are several Brevo accounts ({names}): a person may be another one's customer"
        raise UsageError(message, where="--connection", hint="name a connection of the account that is meant")
    return next(iter(settings.accounts.values()))


def _confirm(session: Session, account: Account, *, yes: bool) -> None:
    if yes:
        return
    if session.as_json or not on_terminal():
        raise UsageError("nobody is there to confirm it", where="--yes", hint="--yes erases without asking")
    sentence = f"Delete this person at Brevo ({account.name}) and everything kept of them here? It can't be undone."
    if not typer.confirm(sentence, err=True):
        raise UsageError("not confirmed: nothing was touched", where="--yes")


def _list(session: Session, settings: Settings, connection: str | None, limit: int) -> Outcome:
    store: Store = session.workspace(settings).store
    found = store.receipts.list(connection=connection, limit=limit)
    documents = [receipt_document(receipt) for receipt in found]
    session.body |= {
        "erased": False,
        "total": store.receipts.count(connection=connection),
        "receipts": documents,
    }
    return Outcome(lambda screen: _show(screen, session.body))


def receipt_document(receipt: Receipt) -> Document:
    """One receipt as JSON."""
    doc = receipt.doc
    return {
        "id": receipt.id,
        "kind": receipt.kind.value,
        "account": doc.get("account_name"),
        "connection": receipt.connection or None,
        "request": receipt.request,
        "began_at": doc.get("began_at"),
        "at": format_time(receipt.at),
        "known_by": doc.get("known_by"),
        "digests": doc.get("digests", []),
        "gone": doc.get("gone", {}),
        "kept": doc.get("kept"),
        "file": doc.get("file"),
        "left": doc.get("left", []),
        "files_swept": doc.get("files_swept"),
        "sweep_problem": doc.get("sweep_problem"),
    }


def _show_one(screen: Console, receipt: Document) -> None:
    screen.print(f"Erased. Receipt {receipt['id']}:", style="bold")
    for place, count in receipt["gone"].items():
        screen.print(f"  {place}: {count:,}")
    for left in receipt["left"]:
        count = f"{left['count']:,} " if left["count"] is not None else ""
        screen.print(f"Left at {left['place']}: {count}{left['what']}. {left['why']}", soft_wrap=True)


def _show(screen: Console, body: dict[str, Any]) -> None:
    if not body["total"]:
        screen.print("No receipts.")
        return
    table = Table(box=None)
    for name in ("at", "receipt", "kind", "connection", "request", "went", "left", "files"):
        table.add_column(name, no_wrap=True)
    for receipt in body["receipts"]:
        swept = {True: "swept", False: "not yet swept", None: ""}[receipt["files_swept"]]
        table.add_row(
            receipt["at"][:16].replace("T", " "),
            receipt["id"],
            receipt["kind"],
            receipt["connection"] or "by hand",
            receipt["request"] or "",
            f"{sum(receipt['gone'].values()):,}",
            ", ".join(sorted({left["what"] for left in receipt["left"]})),
            receipt["file"] or swept,
        )
    screen.print(table)
