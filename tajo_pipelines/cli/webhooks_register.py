"""``tajo webhooks register | subscriptions``: who tells us, where to, and of what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tajo_pipelines.cli.documents import Document, UsageError, error_document
from tajo_pipelines.cli.edge import Outcome, Session
from tajo_pipelines.cli.missing_secrets import ask, missing_of_connection
from tajo_pipelines.model.errors import ConfigError, Notice, TajoError
from tajo_pipelines.sdk.webhooks import Subscription, Topic
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.addresses import delivery_address, is_ours
from tajo_pipelines.sync.modes import subscribed
from tajo_pipelines.sync.outcome import time_document
from tajo_pipelines.sync.subscriptions import (
    Registration,
    present_subscriptions,
    register,
    topics_by_hand,
)
from tajo_pipelines.sync.workspace import Workspace

PARTLY = 5
"""Exit code where some topics can't be subscribed to that need no further permission."""

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The connection's name in the configuration.")]


def register_webhooks(
    session: Session,
    name: NameArgument,
    public_url: Annotated[
        str, typer.Option(metavar="URL", help="Where the platform reaches `tajo webhooks serve`: https://host[/path].")
    ],
) -> Outcome:
    """Let the platform send a connection's webhooks here. Doing it again mends what is wrong, and no more."""
    session.body["connection"] = name
    workspace, connection = _opened(session, name)
    try:
        session.body["url"] = delivery_address(public_url, name)
    except ConfigError as error:
        raise UsageError(error.message, code=error.code, where="--public-url", hint=error.hint) from error
    found = register(workspace, connection, public_url)
    session.warnings += found.notices
    session.body |= _registered(found, _topics(workspace, connection))
    if found.whole:
        return Outcome(lambda screen: _show_registered(screen, session.body))
    refused = ", ".join(refusal.topic for refusal in found.refused if refusal.needs is None)
    problem = TajoError(f"the platform refuses a subscription to {refused}", code="topics_refused", where=name)
    return Outcome(lambda screen: _show_registered(screen, session.body), PARTLY, error_document(problem))


def list_subscriptions(session: Session, name: NameArgument) -> Outcome:
    """List what the platform says that it sends, of whoever's making; nothing is changed."""
    session.body["connection"] = name
    workspace, connection = _opened(session, name)
    noted = subscribed(workspace, connection)
    url = delivery_address(noted.public_url, name) if noted is not None and noted.public_url else None
    held, topics = present_subscriptions(workspace, connection), _topics(workspace, connection)
    there = {each.topic for each in held if each.url == url and each.whole}
    missing = [topic for topic in noted.topics if topic not in there] if noted is not None else []
    if missing:
        message = f"the platform no longer sends {', '.join(missing)}"
        session.warnings.append(Notice("subscriptions_missing", message, f"tajo webhooks register {name}"))
    session.body |= {
        "url": url,
        "since": time_document(noted.since) if noted is not None else None,
        "missing": missing,
        "subscriptions": [
            _subscription(each, topics) | {"ours": is_ours(each.url, name), "whole": each.whole}
            for each in sorted(held, key=lambda each: (each.topic, each.url))
        ],
    }
    return Outcome(lambda screen: _show_subscriptions(screen, session.body))


def _opened(session: Session, name: str) -> tuple[Workspace, Connection]:
    settings = session.settings()
    while (missing := missing_of_connection(settings.connection(name))) is not None:
        ask(missing)
        settings = session.settings()
    workspace = session.workspace(settings)
    connection = workspace.connection(name)
    session.body |= {"connector": connection.connector}
    webhooks = workspace.connector(connection).webhooks
    if webhooks is not None:
        session.body["by_hand"] = list(topics_by_hand(webhooks))
    return workspace, connection


def _topics(workspace: Workspace, connection: Connection) -> Mapping[str, Topic]:
    webhooks = workspace.connector(connection).webhooks
    return {} if webhooks is None else webhooks.topics


def _registered(found: Registration, topics: Mapping[str, Topic]) -> Document:
    states = {
        **dict.fromkeys(found.kept, "kept"),
        **dict.fromkeys(found.created, "created"),
        **dict.fromkeys(found.repaired, "repaired"),
        **{refusal.topic: "refused" for refusal in found.refused},
    }
    why = {refusal.topic: refusal.why for refusal in found.refused}
    return {
        "url": found.url,
        "since": time_document(found.since),
        "topics": [
            {"topic": topic, "stream": topics[topic].stream, "state": states[topic], "why": why.get(topic)}
            for topic in topics
            if topic in states
        ],
        "removed": [_subscription(each, topics) for each in found.removed],
        "foreign": [_subscription(each, topics) for each in found.foreign],
    }


def _subscription(held: Subscription, topics: Mapping[str, Topic]) -> Document:
    known = topics.get(held.topic)
    return {"id": held.id, "topic": held.topic, "stream": known and known.stream, "url": held.url}


def _show_registered(screen: Console, body: Document) -> None:
    table = Table(box=None)
    for title in ("topic", "stream", "state"):
        table.add_column(title, no_wrap=True)
    for row in body["topics"]:
        table.add_row(row["topic"], row["stream"], row["state"])
    screen.print(table)
    screen.print(f"They are sent to {body['url']}", soft_wrap=True)
    for held in body["removed"]:
        screen.print(f"taken back: {held['topic']} to {held['url']}", soft_wrap=True)
    if body["foreign"]:
        screen.print(f"left alone: {len(body['foreign'])} subscriptions that aren't this connection's")
    _show_by_hand(screen, body)


def _show_subscriptions(screen: Console, body: Document) -> None:
    held = body["subscriptions"]
    table = Table(box=None)
    table.add_column("topic", no_wrap=True)
    table.add_column("sent to")
    for row in held:
        ours = "" if row["ours"] else "  (another's)"
        table.add_row(row["topic"], f"{row['url']}{ours}{'' if row['whole'] else '  (sends less than everything)'}")
    if held:
        screen.print(table)
    screen.print(f"{len(held)} subscriptions" + ("" if body["url"] else "; none was registered from here"))
    _show_by_hand(screen, body)


def _show_by_hand(screen: Console, body: Document) -> None:
    if body["by_hand"] and body["url"]:
        screen.print(
            f"Set {', '.join(body['by_hand'])} to {body['url']} in the platform's own settings.", soft_wrap=True
        )
