"""Events: what happened, told to Brevo at most once."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import msgspec

NAMESPACE = uuid.UUID("6f1f3a6e-0c43-5b52-9d0e-6a1e1f7e54a0")
"""Namespace of ``tajo_id``; it must never change."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to one person.

    Attributes:
        tajo_id: UUIDv5 of connection, stream, key and cause: the same cause has the same id on every path.
        name: Letters, digits, ``-`` and ``_`` only.
        email: Normal address of its contact; None where only the number is known.
        phone: E.164.
        at: When it happened.
        properties: JSON; ``tajo_id`` and the platform's id among them.
    """

    tajo_id: str
    name: str
    connection: str
    stream: str
    key: str
    at: datetime
    properties: dict[str, Any]
    email: str | None = None
    phone: str | None = None


def tajo_id(connection: str, stream: str, key: str, cause: str) -> str:
    """The id of an event.

    Args:
        connection: Name of the connection.
        stream: Name of the stream.
        key: Key of the record.
        cause: What happened, so that another occurrence has another id: ``cart_updated:2026-11-24T22:00:00Z``.
    """
    return str(uuid.uuid5(NAMESPACE, f"{connection}\n{stream}\n{key}\n{cause}"))
