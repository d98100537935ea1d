"""A sync as a person reads it: one table a stream, money, calls, letters, and where to see more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from tajo_pipelines.cli.documents import Document
from tajo_pipelines.model.window import parse_time

UI = "http://127.0.0.1:3000"
"""Where ``dagster dev`` serves by default."""

_HEADLINES = {
    "done": "done",
    "partly": "partly done",
    "failed": "failed",
    "already_running": "another run is at it",
}
_WHY = {
    "absent": "the connector doesn't have it yet",
    "turned_off": "turned off",
    "not_asked": "not asked for",
    "already_running": "another run is at it",
}


def show_sync(screen: Console, body: Document, *, ui: str = "dagster dev") -> None:
    """Draw the body of a sync's document.

    Args:
        screen: Where.
        body: The document's own keys.
        ui: The command that starts the UI.
    """
    if body.get("streams") is None:
        return
    seconds = (parse_time(body["finished_at"]) - parse_time(body["started_at"])).total_seconds()
    headline = _HEADLINES[body["status"]]
    screen.print(
        f"{body['connection']} to the Brevo account {body['account']!r}, {body['mode']}: {headline} in {seconds:.0f} s",
        style="bold",
    )
    screen.print()
    for name, stream in body["streams"].items():
        _show_stream(screen, name, stream)
    _show_brevo(screen, body["brevo"])
    _show_letters(screen, body)
    for run_id in body["run_ids"]:
        screen.print(f"To see the run: {ui}, then {UI}/runs/{run_id}")


def _show_stream(screen: Console, name: str, stream: Document) -> None:
    why = f" ({_WHY[stream['why']]})" if stream["why"] else ""
    if stream["status"] == "skipped" and not stream["read"]:
        screen.print(f"{name}: skipped{why}")
        screen.print()
        return
    table = Table(
        title=f"{name}: {stream['status']}{why}", title_justify="left", title_style="bold", show_header=False, box=None
    )
    table.add_column(min_width=14)
    table.add_column(justify="right", min_width=7)
    table.add_column()
    rejected = sum(stream["rejected"].values())
    table.add_row("read", _number(stream["read"]), "")
    table.add_row("mapped", _number(stream["mapped"]), "")
    table.add_row("skipped", _number(sum(stream["skipped"].values())), reasons(stream["skipped"]))
    table.add_row("rejected", _number(rejected), reasons(stream["rejected"]))
    table.add_row("sent", _number(stream["sent"]), "")
    table.add_row("unchanged", _number(stream["unchanged"]), "")
    for key in ("superseded", "in_doubt", "failed", "deleted"):
        if stream[key]:
            table.add_row(key.replace("_", " "), _number(stream[key]), "")
    screen.print(table)
    _show_missed(screen, stream["missed_by_webhooks"])
    _show_money(screen, stream.get("money") or {}, "")
    _show_money(screen, stream.get("skipped_money") or {}, " without anybody to tell")
    if stream["error"]:
        screen.print(f"  {stream['error']['message']}", style="red")
    screen.print()


def _show_missed(screen: Console, missed: Document | None) -> None:
    if missed and missed["count"]:
        more = ", ..." if missed["count"] > len(missed["keys"]) else ""
        screen.print(f"  no webhook told of {missed['count']:,} of them: {', '.join(missed['keys'])}{more}")


def _show_money(screen: Console, money: Mapping[str, Mapping[str, str]], what: str) -> None:
    for currency, sums in money.items():
        screen.print(
            f"  {currency}{what}: gross {grouped(sums['gross'])}, refunded {grouped(sums['refunded'])}, "
            f"net {grouped(sums['net'])}"
        )


def _show_brevo(screen: Console, brevo: Document) -> None:
    calls = sum(brevo["requests"].values())
    imports = len(brevo["imports"])
    screen.print(
        f"Brevo: {_number(calls)} calls; {_number(brevo['contacts'])} contacts written, "
        f"{_number(brevo['orders'])} orders and {_number(brevo['products'])} products accepted, {imports} imports"
    )
    if brevo["events"]:
        screen.print(f"  events sent: {', '.join(f'{_number(n)} {name}' for name, n in brevo['events'].items())}")
    used = [f"{name} {_bucket(bucket)}" for name, bucket in brevo["buckets"].items() if bucket["used"]]
    if used:
        screen.print(f"  of an hour's allowance: {', '.join(used)}")


def _bucket(bucket: Document) -> str:
    refused = f", {bucket['too_many']} refused" if bucket["too_many"] else ""
    return f"{bucket['share']:.1%} ({_number(bucket['used'])} calls{refused})"


def _show_letters(screen: Console, body: Document) -> None:
    letters = body["letters"]
    if letters["open"]:
        command = f"tajo letters list --connection {body['connection']}"
        screen.print(f"Letters: {letters['new']} new, {letters['open']} open; see: {command}")


def reasons(counts: Mapping[str, Any]) -> str:
    """Counts by reason in words."""
    return ", ".join(f"{_number(count)} {reason}" for reason, count in counts.items())


def grouped(amount: str) -> str:
    """A decimal text with thousands parted."""
    whole, point, rest = amount.partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('-')):,}{point}{rest}"


def _number(value: int) -> str:
    return f"{value:,}"
