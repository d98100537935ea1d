"""Replaces files of a project whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from tajo_pipelines.model.errors import ConfigError

PRIVATE = 0o600
"""Mode of files that hold secrets."""


def replace_file(path: Path, text: str, *, mode: int | None = None) -> None:
    """Put a text in a file's place; whoever reads meanwhile sees the old text or the new one, never a part.

    Args:
        path: The file; a symbolic link stays one, and what it leads to is replaced.
        text: Its content, line ends as they are to stand there.
        mode: Its mode; left out, that of the file so far.

    Raises:
        ConfigError: It can't be written.
    """
    real = path.resolve()
    try:
        if mode is None:
            mode = stat.S_IMODE(real.stat().st_mode) if real.exists() else 0o644
        handle, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    fresh = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(real)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        fresh.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> ConfigError:
    message = f"can't be written: {error.strerror or type(error).__name__}"
    return ConfigError(message, code="not_writable", where=str(path))
