"""Logging, configured in one place: lines for a person on stderr, JSON lines in the project's home.

Personal data is masked in both. The file rotates at 5 MB and keeps 5 old ones.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog

from tajo_pipelines.sync.log_masking import EventDict, shared_processors

LOGGER = "tajo_pipelines"
EDGE = f"{LOGGER}.cli.edge"
FILE = Path("logs") / "tajo.log"

_BYTES = 5_000_000
_KEPT = 5


def log_file(home: Path) -> Path:
    """The log of a project's home."""
    return home / FILE


@contextmanager
def logging_to(home: Path | None, *, verbose: bool) -> Iterator[None]:
    """Log for the length of a command.

    Args:
        home: The project's home; None while it isn't known: then there is no file.
        verbose: Whether stderr shows INFO; else it shows WARNING and above.
    """
    logger = logging.getLogger(LOGGER)
    handlers: list[logging.Handler] = [_terminal(verbose=verbose)]
    if home is not None:
        handlers.append(_file(log_file(home)))
    before = (logger.level, logger.propagate)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()
        logger.level, logger.propagate = before
        structlog.reset_defaults()


def capture_python_warnings() -> None:
    """Keep Python's own warnings off the terminal: they are for whoever works on the project, not for its user."""
    logging.captureWarnings(capture=True)
    logging.getLogger("py.warnings").addHandler(logging.NullHandler())
    logging.getLogger("py.warnings").propagate = False


def _shared() -> list[Any]:
    return [structlog.stdlib.add_logger_name, *shared_processors()]


def _terminal(*, verbose: bool) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.INFO if verbose else logging.WARNING)
    handler.setFormatter(_formatter(_line))
    # What the edge logs it also shows, as the command's error.
    handler.addFilter(lambda record: record.name != EDGE)
    return handler


def _file(path: Path) -> logging.Handler:
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=_BYTES, backupCount=_KEPT, encoding="utf-8", delay=True)
    handler.setLevel(logging.INFO)
    handler.setFormatter(_formatter(structlog.processors.JSONRenderer(ensure_ascii=False)))
    return handler


def _formatter(renderer: Any) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def _line(_logger: Any, _method: str, event: EventDict) -> str:
    """``level: what happened (key=value, ...)``; a traceback stays in the file."""
    hidden = {"timestamp", "level", "logger", "event", "exception"}
    rest = ", ".join(f"{key}={value}" for key, value in event.items() if key not in hidden and value is not None)
    return f"{event['level']}: {event['event']}{f' ({rest})' if rest else ''}"
