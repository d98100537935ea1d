"""Events: the document that Brevo gets, and groups of them that a batch may hold.

Limits: developers.brevo.com/docs/event-endpoints and /reference/create-event, as of August 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tajo_pipelines.brevo.answers import encode
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.event import Event
from tajo_pipelines.model.window import utc

MAX_EVENTS = 200
"""Most events in a batch."""

MAX_BATCH_BYTES = 500_000
"""Size of a batch, below the documented 512 KB."""

MAX_PROPERTY_BYTES = 48_000
"""Size of an event's properties, below the documented 50 KB."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_ENVELOPE = 20


def event_document(event: Event) -> dict[str, Any]:
    """The event as POST /events and its batch take it; it never says anything of the contact itself.

    Raises:
        RejectedRecord: ``no_identifier``, ``event_name``, ``property_name`` or ``event_too_large``.
    """
    if not event.email and not event.phone:
        raise RejectedRecord("no_identifier", "the event names nobody: neither e-mail address nor phone number")
    if not _NAME.fullmatch(event.name):
        raise RejectedRecord("event_name", "Brevo takes letters, digits, - and _ in an event's name, 255 at most")
    for key in _keys(event.properties):
        if not _NAME.fullmatch(key):
            message = f"Brevo takes letters, digits, - and _ in a property's name, 255 at most: {key[:40]!r}"
            raise RejectedRecord("property_name", message, field=key[:40])
    size = len(encode(event.properties))
    if size > MAX_PROPERTY_BYTES:
        raise RejectedRecord("event_too_large", f"its properties are {size} bytes, Brevo takes {MAX_PROPERTY_BYTES}")
    return {
        "event_name": event.name,
        "event_date": utc(event.at).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "identifiers": {"email_id": event.email} if event.email else {"phone_id": event.phone},
        "event_properties": event.properties,
    }


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _keys(inner)


def group_events(
    documents: Iterable[tuple[Event, Mapping[str, Any]]],
) -> Iterator[list[tuple[Event, Mapping[str, Any]]]]:
    """Events with their documents in groups that a batch may hold, in their order."""
    group: list[tuple[Event, Mapping[str, Any]]] = []
    size = _ENVELOPE
    for event, document in documents:
        length = len(encode(document)) + 1
        if group and (len(group) >= MAX_EVENTS or size + length > MAX_BATCH_BYTES):
            yield group
            group, size = [], _ENVELOPE
        group.append((event, document))
        size += length
    if group:
        yield group
