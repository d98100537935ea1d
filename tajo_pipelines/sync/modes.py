"""Whether a stream's changes come by webhook, by schedule, or both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tajo_pipelines.sdk import registry
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.workspace import Workspace


class Subscribed(msgspec.Struct, frozen=True):
    """What was noted of a connection's subscriptions.

    Attributes:
        public_url: Where the platform sends to.
        topics: What it sends.
        since: Since when it does.
    """

    since: datetime
    topics: Sequence[str] = ()
    public_url: str = ""


def subscriptions_note(connection: str) -> str:
    """Name of the note of the store."""
    return f"subscriptions/{connection}"


def subscribed(workspace: Workspace, connection: Connection) -> Subscribed | None:
    """What was noted of a connection's subscriptions; None where nobody made any through us."""
    text = workspace.store.note(subscriptions_note(connection.name))
    return None if text is None else msgspec.json.decode(text, type=Subscribed)


def subscribed_since(workspace: Workspace, connection: Connection, stream: str) -> datetime | None:
    """Since when webhooks tell of a stream; None where they don't."""
    webhooks, noted = workspace.connector(connection).webhooks, subscribed(workspace, connection)
    if webhooks is None or noted is None:
        return None
    streams = {webhooks.topics[topic].stream for topic in noted.topics if topic in webhooks.topics}
    return noted.since if stream in streams else None


def may_be_told(connection: Connection, stream: str) -> bool:
    """Whether webhooks can tell of a stream's changes at all: the connector's manifest says so."""
    manifest = registry.manifest(connection.connector)
    return manifest.capabilities.webhooks == "yes" and manifest.stream(stream).realtime


def by_webhook_alone(workspace: Workspace, connection: Connection, stream: str) -> bool:
    """Whether the schedule leaves a stream out.

    It does where the mode is ``realtime`` and webhooks do come: subscriptions are noted, or a delivery was received.
    """
    if connection.streams[stream].mode != "realtime" or not may_be_told(connection, stream):
        return False
    if workspace.store.note(subscriptions_note(connection.name)) is not None:
        return True
    return not workspace.store.inbox.is_empty(connection.name)
