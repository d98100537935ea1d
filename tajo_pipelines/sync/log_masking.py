"""What every log line goes through, on the command line and in a run under Dagster: nobody's data, no secret."""

from __future__ import annotations

import sys
from collections.abc import Iterable, MutableMapping
from typing import Any

import structlog

from tajo_pipelines.brevo.masking import mask_words
from tajo_pipelines.settings import Settings

_LEVEL = 20
"""INFO."""

_PLAIN = {"timestamp", "level", "logger", "run_id", "connection", "stream", "account", "owner"}
"""Keys whose values name no person."""

_SHORTEST = 4
"""A shorter secret is no secret, and would blot out words."""

_secrets: set[str] = set()

EventDict = MutableMapping[str, Any]


def hide(secrets: Iterable[str]) -> None:
    """Leave these texts out of every log line of this process from now on."""
    _secrets.update(secret for secret in secrets if len(secret) >= _SHORTEST)


def hide_secrets_of(settings: Settings) -> None:
    """Leave a project's keys and secrets out of every log line."""
    keys = [account.api_key for account in settings.accounts.values()]
    secrets = [secret for connection in settings.connections.values() for secret in connection.secrets.values()]
    hide(value.get_secret_value() for value in (*keys, *secrets) if value is not None)


def masked(text: str) -> str:
    """A sentence without addresses, long numbers, keys, and the secrets that are known here."""
    return mask_words(without_secrets(text))


def without_secrets(text: str) -> str:
    """The same text without the secrets that are known here."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def shared_processors() -> list[Any]:
    """Level, arguments, time, traceback as text, and at last the mask over all of them."""
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_event,
    ]


def mask_event(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Mask every text of a line; a value that is no text is masked in its text, where that changes anything."""
    return {key: value if key in _PLAIN else _mask_value(value) for key, value in event.items()}


def log_to_stderr() -> None:
    """Mask what runs under Dagster log, and send it to stderr, which Dagster keeps; once a process.

    A command configures its own logging before anything else, and that stays.
    """
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[*shared_processors(), structlog.dev.ConsoleRenderer(colors=False)],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVEL),
        logger_factory=lambda *_names: structlog.PrintLogger(sys.stderr),
    )


def _mask_value(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    hidden = masked(text)
    return value if hidden == text else hidden
