"""Intents: events stored before they are sent, so that none is sent twice."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from tajo_pipelines.model.event import Event


class IntentState(StrEnum):
    """What is known of an event's fate.

    OPEN was never handed over. SENDING was about to be: after a crash nobody knows. SENT was accepted, FAILED refused
    for certain, IN_DOUBT handed over without an answer. LATE was never handed over and is too old by now.
    """

    OPEN = "open"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    LATE = "late"


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """One stored event.

    Attributes:
        created_at: When it was first stored.
    """

    event: Event
    state: IntentState
    created_at: datetime
