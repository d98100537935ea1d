"""``tajo webhooks list | show | replay``: deliveries that were received, and how far each got."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tajo_pipelines.cli.documents import Document, UsageError
from tajo_pipelines.cli.edge import Outcome, Session
from tajo_pipelines.cli.letters import letter_document
from tajo_pipelines.cli.moments import moment
from tajo_pipelines.cli.webhook_bodies import shown_body
from tajo_pipelines.model.errors import Notice
from tajo_pipelines.model.letter import LetterKind
from tajo_pipelines.model.window import format_time
from tajo_pipelines.settings import Settings
from tajo_pipelines.store.inbox import DeliveryFilter, DeliveryState, KeptDelivery
from tajo_pipelines.store.letters import LetterState
from tajo_pipelines.sync.log_masking import masked
from tajo_pipelines.sync.outcome import time_document

_FEW = 100

ConnectionOption = Annotated[str | None, typer.Option(help="Only deliveries of this connection.")]
StreamOption = Annotated[str | None, typer.Option(help="Only deliveries that this stream's runs work off.")]
TopicOption = Annotated[str | None, typer.Option(help="Only deliveries of this topic: customers/update.")]
StateOption = Annotated[
    list[DeliveryState] | None, typer.Option(help="Only deliveries in this state; may be repeated.")
]
KeyOption = Annotated[str | None, typer.Option(help="Only deliveries about the record of this key.")]
SinceOption = Annotated[str | None, typer.Option(help="Only what was received from then on: 2026-11-24, or 36h ago.")]
UntilOption = Annotated[str | None, typer.Option(help="Only what was received before: 2026-11-24, or 36h ago.")]


def list_deliveries(  # noqa: PLR0913, PLR0917  one parameter an option
    session: Session,
    connection: ConnectionOption = None,
    stream: StreamOption = None,
    topic: TopicOption = None,
    state: StateOption = None,
    key: KeyOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = _FEW,
) -> Outcome:
    """List deliveries, the last received first; the counts are of all that were chosen."""
    settings = session.settings()
    inbox, now = session.workspace(settings).store.inbox, session.workspace(settings).now()
    chosen = _chosen(settings, now, connection, stream, topic, state, key, since, until)
    oldest = inbox.oldest_pending(connection)
    documents = [delivery_document(kept) for kept in inbox.list(chosen, limit=limit)]
    session.body |= {
        "counts": inbox.counts(chosen),
        "oldest_pending_s": None if oldest is None else max(0, round((now - oldest).total_seconds())),
        "deliveries": documents,
    }
    return Outcome(lambda screen: _show(screen, session.body))


def show_delivery(
    session: Session,
    number: Annotated[int, typer.Argument(metavar="ID", help="The delivery's id in the list.")],
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Show personal values as they are.")] = False,
) -> Outcome:
    """Show one delivery: what it is, what it said, and the letters about it."""
    store = session.workspace(session.settings()).store
    found = store.inbox.get(number)
    if found is None:
        raise UsageError(
            f"there is no delivery {number}", where="ID", hint="tajo webhooks list shows them", code="no_delivery"
        )
    kept = found.delivery
    about = store.letters.list(connection=kept.connection, states=tuple(LetterState), key=kept.delivery_id)
    letters = [letter_document(each) for each in about if each.letter.kind is LetterKind.DELIVERY]
    body = shown_body(found.body, unmasked=unmasked)
    session.body |= {
        "delivery": delivery_document(kept),
        "body": body,
        "masked": not unmasked,
        "letters": letters,
    }
    return Outcome(lambda screen: _draw(screen, session.body))


def replay_deliveries(  # noqa: PLR0913, PLR0917  one parameter an option
    session: Session,
    connection: ConnectionOption = None,
    stream: StreamOption = None,
    topic: TopicOption = None,
    state: StateOption = None,
    key: KeyOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Every delivery that is kept.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many, and change nothing.")] = False,
) -> Outcome:
    """Let deliveries be worked off again, through today's mapping; what Brevo holds already isn't sent again."""
    settings = session.settings()
    workspace = session.workspace(settings)
    chosen = _chosen(settings, workspace.now(), connection, stream, topic, state, key, since, until)
    count = workspace.store.inbox.count_replayable(chosen)
    if chosen == DeliveryFilter() and not everything and not dry_run:
        _agree(session, count)
    replayed = 0 if dry_run else workspace.store.inbox.replay(chosen)
    session.body |= {"chosen": count, "replayed": replayed, "dry_run": dry_run}
    if replayed and not any(each.enabled for each in settings.connections.values()):
        session.warnings.append(Notice("nothing_runs", "no connection is enabled: nothing works them off"))
    said = f"{count:,} deliveries would be worked off again." if dry_run else f"{replayed:,} deliveries wait again."
    return Outcome(lambda screen: screen.print(said, soft_wrap=True))


def delivery_document(kept: KeptDelivery) -> Document:
    """One delivery as JSON."""
    lag = kept.lag
    return {
        "id": kept.id,
        "connection": kept.connection,
        "topic": kept.topic,
        "delivery_id": kept.delivery_id,
        "stream": kept.stream,
        "key": kept.key,
        "state": kept.state.value,
        "attempts": kept.attempts,
        "bytes": kept.bytes,
        "source_at": time_document(kept.source_at),
        "received_at": format_time(kept.received_at),
        "delivered_at": time_document(kept.delivered_at),
        "lag_ms": None if lag is None else max(0, round(lag.total_seconds() * 1000)),
        "duplicates": kept.duplicates,
        "error": None if kept.error is None else masked(kept.error),
    }


def _chosen(  # noqa: PLR0913, PLR0917  one parameter an option
    settings: Settings,
    now: datetime,
    connection: str | None,
    stream: str | None,
    topic: str | None,
    state: list[DeliveryState] | None,
    key: str | None,
    since: str | None,
    until: str | None,
) -> DeliveryFilter:
    if connection is not None:
        settings.connection(connection)
    return DeliveryFilter(
        connection=connection,
        stream=stream,
        topic=topic,
        states=tuple(state or ()),
        key=key,
        since=None if since is None else moment(since, now, "--since"),
        until=None if until is None else moment(until, now, "--until"),
    )


def _agree(session: Session, count: int) -> None:
    """Ask before everything is done again.

    Raises:
        UsageError: Nobody can be asked, or they say no.
    """
    if not session.as_json and sys.stdin.isatty() and typer.confirm(f"Replay all {count:,} deliveries?", err=True):
        return
    hint = "choose by --since, --until, --topic, --connection, --stream, --key or --state, or say --all"
    raise UsageError(f"nothing was chosen: that would be all {count:,} deliveries", where="replay", hint=hint)


def _show(screen: Console, body: Document) -> None:
    counts: dict[str, int] = body["counts"]
    if not any(counts.values()):
        screen.print("No deliveries.")
        return
    table = Table(box=None)
    for name in ("id", "received", "connection", "topic", "key", "state", "tries", "lag"):
        table.add_column(name, no_wrap=True, justify="right" if name in {"id", "tries", "lag"} else "left")
    errors = any(each["error"] for each in body["deliveries"])
    if errors:
        table.add_column("error", overflow="fold", min_width=20)
    for each in body["deliveries"]:
        table.add_row(
            str(each["id"]),
            each["received_at"][:19].replace("T", " "),
            each["connection"],
            each["topic"],
            each["key"] or "",
            each["state"],
            str(each["attempts"]),
            "" if each["lag_ms"] is None else f"{each['lag_ms'] / 1000:.1f} s",
            *([each["error"] or ""] if errors else []),
        )
    screen.print(table)
    total, shown = sum(counts.values()), len(body["deliveries"])
    by_state = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
    screen.print(f"{by_state}" + (f"; {shown} of {total:,} shown" if shown < total else ""))
    if body["oldest_pending_s"] is not None:
        screen.print(f"The oldest that waits came {body['oldest_pending_s']:,} s ago.")


def _draw(screen: Console, body: Document) -> None:
    delivery, letters = body["delivery"], body["letters"]
    screen.print(f"{delivery['connection']} {delivery['topic']}: {delivery['state']}", style="bold", soft_wrap=True)
    rows: dict[str, Any] = {
        "delivery": f"{delivery['id']}, {delivery['delivery_id']} at the platform",
        "record": f"{delivery['key'] or 'unknown'}, stream {delivery['stream'] or 'none'}",
        "happened": delivery["source_at"] or "not told",
        "received": f"{delivery['received_at']}, {delivery['bytes']:,} bytes, again {delivery['duplicates']} times",
        "delivered": delivery["delivered_at"] or f"no, after {delivery['attempts']} attempts",
        "error": delivery["error"] or "none",
        "letters": ", ".join(f"{each['id']} ({each['reason']}, {each['state']})" for each in letters) or "none",
    }
    for name, text in rows.items():
        screen.print(f"{name + ':':<10} {text}", soft_wrap=True, markup=False)
    text = body["body"] if isinstance(body["body"], str) else json.dumps(body["body"], indent=2, ensure_ascii=False)
    screen.print()
    screen.print(text, soft_wrap=True, markup=False, highlight=False)
    if body["masked"]:
        screen.print("Personal values are masked; --unmasked shows them.")
