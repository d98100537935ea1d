"""The documents of ``--json``: one envelope, and the keys of each kind, always present."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tajo_pipelines.model.errors import ConfigError, Notice, TajoError

Document = dict[str, Any]

INTERRUPTED = 130
"""Exit code of a command that a person stopped (the shell's own for SIGINT)."""


class UsageError(TajoError):
    """The command line itself is wrong, or lacks something that only the person can give."""

    code = "usage"
    exit_code = 2


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of document.

    Attributes:
        name: First part of ``schema``: ``tajo.<name>/1``, and the name of its file in ``schemas/``.
        keys: Its own keys, beside the envelope's.
    """

    name: str
    keys: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """The value of ``schema``."""
        return f"tajo.{self.name}/1"

    def empty(self) -> Document:
        """Its own keys with nothing known."""
        return dict.fromkeys(self.keys)


SYNC = Kind(
    "sync",
    (
        "connection",
        "connector",
        "account",
        "mode",
        "status",
        "started_at",
        "finished_at",
        "run_ids",
        "streams",
        "brevo",
        "letters",
    ),
)
CONNECTORS = Kind("connectors", ("connectors", "connections"))
TEST = Kind("test", ("connection", "connector", "account", "source", "checks"))
CONNECT = Kind(
    "connect",
    (
        "connection",
        "connector",
        "account",
        "created",
        "changed",
        "config_file",
        "env_file",
        "secrets",
        "secret_key_made",
        "streams",
        "source",
    ),
)
DISCONNECT = Kind(
    "disconnect", ("connection", "connector", "account", "changed", "config_file", "env_file", "forgotten", "kept")
)
STATUS = Kind("status", ("at", "connections"))
LETTERS = Kind("letters", ("total", "letters"))
LETTER = Kind("letter", ("letter", "call"))
CALLS = Kind("calls", ("total", "calls"))
CALL = Kind("call", ("call",))
MAPPING_TRY = Kind(
    "mapping_try",
    (
        "connection",
        "connector",
        "account",
        "stream",
        "key",
        "origin",
        "read_at",
        "raw",
        "canonical",
        "identity",
        "attributes",
        "consent",
        "lists",
        "documents",
        "skipped",
        "problem",
        "undecided",
    ),
)
MAPPING_TEST = Kind("mapping_test", ("connection", "total", "failed", "cases"))
MAPPING_DIFF = Kind(
    "mapping_diff",
    (
        "connection",
        "connector",
        "account",
        "stream",
        "before",
        "since",
        "changes",
        "contacts",
        "records",
        "rules",
        "attributes",
        "stays",
        "samples",
        "masked",
    ),
)
ERASE = Kind("erase", ("erased", "total", "receipts"))
DOCTOR = Kind("doctor", ("project", "probed", "checks"))
DEMO = Kind("demo", ("home", "brevo_url", "shopify_url", "equal", "sent", "comparison", "consent", "sync", "live"))
WEBHOOKS = Kind("webhooks", ("counts", "oldest_pending_s", "deliveries"))
WEBHOOK = Kind("webhook", ("delivery", "body", "masked", "letters"))
WEBHOOKS_REGISTER = Kind(
    "webhooks_register", ("connection", "connector", "url", "since", "topics", "removed", "foreign", "by_hand")
)
WEBHOOKS_SUBSCRIPTIONS = Kind(
    "webhooks_subscriptions", ("connection", "connector", "url", "since", "missing", "subscriptions", "by_hand")
)
WEBHOOKS_REPLAY = Kind("webhooks_replay", ("chosen", "replayed", "dry_run"))
WEBHOOKS_SERVE = Kind("webhooks_serve", ("url", "admin_url", "routes"))
TWIN = Kind("twin", ("home", "brevo_url", "shopify_url"))
ERROR = Kind("error")
"""Of a command line that names no command."""

KINDS: Sequence[Kind] = (
    SYNC,
    CONNECTORS,
    CONNECT,
    DISCONNECT,
    STATUS,
    TEST,
    LETTERS,
    MAPPING_TRY,
    MAPPING_TEST,
    LETTER,
    CALLS,
    CALL,
    MAPPING_DIFF,
    ERASE,
    DOCTOR,
    DEMO,
    WEBHOOKS,
    WEBHOOK,
    WEBHOOKS_REGISTER,
    WEBHOOKS_SUBSCRIPTIONS,
    WEBHOOKS_REPLAY,
    WEBHOOKS_SERVE,
    TWIN,
    ERROR,
)


def envelope(
    kind: Kind, body: Document, *, exit_code: int, error: Document | None, warnings: Sequence[Notice]
) -> Document:
    """The whole document."""
    return {
        "schema": kind.schema,
        "ok": exit_code == 0,
        "exit_code": exit_code,
        "error": error,
        "warnings": [notice_document(notice) for notice in dict.fromkeys(warnings)],
        **kind.empty(),
        **body,
    }


def error_document(error: TajoError) -> Document:
    """An error as the envelope holds it; ``details`` are the single findings where there are several."""
    details = error.details if isinstance(error, ConfigError) else ()
    several = details if len(details) > 1 else ()
    return {
        "code": error.code,
        "message": error.message,
        "where": error.where or None,
        "hint": error.hint or None,
        "details": [notice_document(notice) for notice in several],
    }


def notice_document(notice: Notice) -> Document:
    """A warning as the envelope holds it."""
    return {"code": notice.code, "message": notice.message, "where": notice.where or None}


def encoded(document: Document) -> str:
    """A document as text for people and programs alike."""
    return json.dumps(document, indent=2, ensure_ascii=False)
