"""``tajo mapping diff``: what today's field mapping would change at Brevo, before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tajo_pipelines.brevo.masking import mask_value
from tajo_pipelines.cli.documents import Document, UsageError
from tajo_pipelines.cli.edge import Outcome, Session
from tajo_pipelines.cli.missing_secrets import ask, missing_of_account
from tajo_pipelines.cli.moments import moment
from tajo_pipelines.mapping.spec import RuleLike
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.window import format_time
from tajo_pipelines.settings import Connection, Settings, load_settings
from tajo_pipelines.sync.mapping_change import Before, MappingChange, RuleChange, compare
from tajo_pipelines.sync.mapping_difference import Sample, Tally
from tajo_pipelines.sync.mapping_memory import KeptRule
from tajo_pipelines.sync.workspace import Workspace, present

_COUNTS = ("new", "changed", "cleared", "no_longer_sent", "to_send", "stays", "unfit")
_LONG_NUMBER = 1_000_000
_SHOWN = 60


def diff_mapping(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connection's name in the configuration.")],
    stream: Annotated[str, typer.Option(metavar="NAME", help="The stream of people.")] = "customers",
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only what is landed since: 2026-11-24, 2026-11-24T08:00:00Z or 36h."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Compare with the mapping in this connectors.yaml instead."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, max=10_000, help="At most so many samples.")] = 10,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Show personal values as they are.")] = False,
) -> Outcome:
    """Show what today's mapping would change at Brevo, by what is landed and was given; nobody is asked."""
    body = session.body
    body |= {"connection": name, "stream": stream}
    from_time = None if since is None else moment(since, present(), "--since")
    settings = _settings_with_key(session, name)
    workspace = session.workspace(settings)
    connection = settings.connection(name)
    _require_people(workspace, connection, stream)
    rules = None if against is None else _rules_of(session, against, name)
    found = compare(workspace, connection, stream, against=rules, since=from_time, limit=limit)
    session.warnings += found.notices
    body |= _document(found, connection, from_time, against, unmasked=unmasked)
    return Outcome(lambda screen: _show(screen, body))


def _settings_with_key(session: Session, name: str) -> Settings:
    """The settings, with the account's key: it tells which account's ledger is meant."""
    settings = session.settings()
    missing = missing_of_account(settings.account_of(name))
    if missing is None:
        return settings
    ask(missing)
    return session.settings()


def _require_people(workspace: Workspace, connection: Connection, stream: str) -> None:
    people = [each.name for each in workspace.connector(connection).streams if each.record is Customer]
    if stream not in people:
        message = f"{stream!r} of {connection.name} holds no people, so no mapping is for it"
        raise UsageError(message, where="--stream", hint=f"people are in {', '.join(people) or 'none of its streams'}")


def _rules_of(session: Session, file: Path, name: str) -> Sequence[RuleLike]:
    """The rules of the connection of the same name in another file."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}", where="--against")
    environ = {**os.environ, "TAJO_CONFIG": str(file.absolute())}
    other = load_settings(session.project, environ, require_secrets=False)
    return Workspace(other).rules(other.connection(name))


def _document(
    found: MappingChange, connection: Connection, since: datetime | None, against: Path | None, *, unmasked: bool
) -> Document:
    changed = {name: tally for name, tally in sorted(found.attributes.items()) if tally.differs or tally.unfit}
    return {
        "connector": connection.connector,
        "account": connection.account,
        "before": {
            "kind": found.before.value,
            "delivered_at": None if found.at is None else format_time(found.at),
            "file": None if against is None else str(against),
        },
        "since": None if since is None else format_time(since),
        "changes": found.differs,
        "contacts": found.contacts,
        "records": {
            "compared": found.compared,
            "undelivered": found.undelivered,
            "superseded": found.superseded,
            "not_landed": found.not_landed,
            "skipped": dict(sorted(found.skipped.items())),
            "rejected": dict(sorted(found.rejected.items())),
        },
        "rules": [_rule_change(change) for change in found.rules],
        "attributes": [_tally(name, tally, found) for name, tally in changed.items()],
        "stays": [
            {"attribute": name, "contacts": tally.stays}
            for name, tally in sorted(found.attributes.items())
            if tally.stays and name not in changed
        ],
        "samples": [_sample(sample, unmasked=unmasked) for sample in found.samples],
        "masked": not unmasked,
    }


def _rule_change(change: RuleChange) -> Document:
    kind = "added" if change.old is None else "removed" if change.new is None else "changed"
    return {"attribute": change.attribute, "kind": kind, "old": _rule(change.old), "new": _rule(change.new)}


def _rule(rule: KeptRule | None) -> Document | None:
    if rule is None:
        return None
    return {
        "from": rule.source,
        "transform": list(rule.transforms),
        "type": rule.type,
        "default": rule.default,
    }


def _tally(name: str, tally: Tally, found: MappingChange) -> Document:
    at_brevo = "there"
    if name in found.plan.created:
        at_brevo = "made"
    elif name not in found.plan.known:
        at_brevo = "missing" if name in found.plan.missing else "mistyped"
    return {"attribute": name, **{count: getattr(tally, count) for count in _COUNTS}, "at_brevo": at_brevo}


def _sample(sample: Sample, *, unmasked: bool) -> Document:
    difference = sample.difference
    return {
        "key": sample.key,
        "attribute": sample.attribute,
        "kind": difference.kind.value,
        "old": _value(difference.old, unmasked=unmasked),
        "old_known": difference.old_known,
        "new": _value(difference.new, unmasked=unmasked),
    }


def _value(value: Any, *, unmasked: bool) -> Any:
    """A value as JSON: decimals as text; texts, and numbers that could be somebody's, masked."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, list | tuple):
        return [_value(item, unmasked=unmasked) for item in value]
    if isinstance(value, Decimal | int):
        number: str | int = format(value, "f") if isinstance(value, Decimal) else value
        return number if unmasked or -_LONG_NUMBER < value < _LONG_NUMBER else "***"
    return str(value) if unmasked else mask_value(str(value))


def _show(screen: Console, body: Document) -> None:
    screen.print(f"{body['connection']}/{body['stream']}: {_compared_with(body)}", style="bold")
    _show_rules(screen, body["rules"])
    screen.print()
    if body["attributes"]:
        _show_attributes(screen, body["attributes"])
        _show_samples(screen, body)
    if not body["changes"]:
        screen.print("Nothing would differ at Brevo.")
    if body["stays"]:
        screen.print("As it is: " + ", ".join(f"{each['attribute']} ({each['contacts']:,})" for each in body["stays"]))
    _show_records(screen, body["records"])
    if body["contacts"]:
        command = f"tajo connectors sync {body['connection']} --replay --resource {body['stream']}"
        screen.print(f"A replay would write {body['contacts']:,} contacts: {command}")


def _compared_with(body: Document) -> str:
    before = body["before"]
    match Before(before["kind"]):
        case Before.DELIVERED:
            return f"compared with the mapping last delivered with ({before['delivered_at']})"
        case Before.FILE:
            return f"compared with the mapping in {before['file']}"
        case Before.LEDGER:
            return "compared with what Brevo was last given; which mapping gave it isn't known"
        case Before.NOTHING:
            return "nothing was delivered yet, so everything is new"


def _show_rules(screen: Console, rules: list[Document]) -> None:
    for rule in rules:
        old, new = _rule_text(rule["old"]), _rule_text(rule["new"])
        screen.print(f"  {rule['kind']}: {rule['attribute']}: {' -> '.join(text for text in (old, new) if text)}")


def _rule_text(rule: Document | None) -> str:
    if rule is None:
        return ""
    parts = [rule["from"] or "", *rule["transform"], *([f"type {rule['type']}"] if rule["type"] else [])]
    parts += [f"default {rule['default']!r}"] if rule["default"] is not None else []
    return " | ".join(part for part in parts if part)


def _show_attributes(screen: Console, attributes: list[Document]) -> None:
    table = Table("attribute", box=None)
    for count in _COUNTS:
        table.add_column(count.replace("_", " "), justify="right", no_wrap=True)
    table.add_column("at Brevo", no_wrap=True)
    for each in attributes:
        table.add_row(each["attribute"], *(f"{each[count]:,}" for count in _COUNTS), each["at_brevo"])
    screen.print(table)
    screen.print()


def _show_samples(screen: Console, body: Document) -> None:
    if not body["samples"]:
        return
    table = Table("record", "attribute", "old", "new", box=None)
    for sample in body["samples"]:
        old = _shown(sample["old"]) if sample["old_known"] else "not known"
        stays = sample["kind"] == "no_longer_sent"
        table.add_row(sample["key"], sample["attribute"], old, "stays as it is" if stays else _shown(sample["new"]))
    screen.print(table)
    if body["masked"]:
        screen.print("Personal values are masked; --unmasked shows them.")
    screen.print()


def _shown(value: Any) -> str:
    text = "-" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _show_records(screen: Console, records: Document) -> None:
    parts = [f"{records['compared']:,} records compared"]
    if records["undelivered"]:
        parts.append(f"{records['undelivered']:,} aren't delivered yet in this form and go with the next sync")
    if records["superseded"]:
        parts.append(f"of {records['superseded']:,} Brevo has a newer form")
    if records["not_landed"]:
        parts.append(f"{records['not_landed']:,} aren't landed any more: sync --full reads them again")
    left = sum(records["skipped"].values()) + sum(records["rejected"].values())
    if left:
        parts.append(f"{left:,} can't be sent")
    screen.print("; ".join(parts))
