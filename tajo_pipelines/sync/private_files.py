"""Files beside store and landing in which a person may stand: what was written at their request, and logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tajo_pipelines.model.traces import Mentions
from tajo_pipelines.settings.files import PRIVATE, replace_file

EXPORTS = "data-requests"
"""Folder below the home."""

LOGS = "logs"


def write_export(home: Path, receipt_id: str, document: Mapping[str, Any]) -> Path:
    """Write what is kept of a person as JSON that its owner alone may read; its path."""
    folder = home / EXPORTS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{receipt_id}.json"
    content = msgspec.json.format(msgspec.json.encode(document), indent=2)
    replace_file(file, content.decode(), mode=PRIVATE)
    return file


def drop_exports(home: Path, mentions: Mentions) -> int:
    """Delete what was written about a person; how many files."""
    return _drop(home, mentions.occur_in)


def drop_exports_of(home: Path, connection: str) -> int:
    """Delete what was written at the request of a connection's customers; how many files."""
    named = f'"connection": "{connection}"'
    return _drop(home, lambda text: named in text)


def _drop(home: Path, wanted: Callable[[str], bool]) -> int:
    gone = 0
    for file in _files(home / EXPORTS):
        if wanted(file.read_text(encoding="utf-8", errors="replace")):
            file.unlink(missing_ok=True)
            gone += 1
    return gone


def hide_in_logs(home: Path, mentions: Mentions) -> int:
    """Star a person out of the logs, which never name anybody but by mistake; how many files.

    In place and of the same length: another process may be writing at the end of the file.
    """
    changed = 0
    for file in _files(home / LOGS):
        content = file.read_bytes()
        hidden = mentions.hide(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        if hidden != content and len(hidden) == len(content):
            with file.open("r+b") as target:
                target.write(hidden)
            changed += 1
    return changed


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
