"""Where batches lie, and whether they are still whole."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import fsspec

from tajo_pipelines.store.batches import Batch
from tajo_pipelines.sync.parquet import count_rows
from tajo_pipelines.sync.workspace import Workspace


def location(workspace: Workspace, path: str) -> str:
    """Where a batch's file is: below the landing's root, a path or a URL."""
    root = workspace.settings.storage
    return f"{root.rstrip('/')}/{path}" if "://" in root else str(Path(root) / path)


def is_whole(workspace: Workspace, batch: Batch) -> bool:
    """Whether a landed batch's file can be read to its end and holds the rows that the store counts."""
    return count_rows(location(workspace, batch.path)) == batch.rows


def delete_file(url: str) -> bool:
    """Delete a file; whether it was there. Its day's folder stays, since another run may be about to write there."""
    filesystem, path = fsspec.core.url_to_fs(url)
    try:
        filesystem.rm_file(path)
    except FileNotFoundError:
        return False
    return True


def modified_at(url: str) -> datetime | None:
    """When a file was written last; None where it has gone."""
    filesystem, path = fsspec.core.url_to_fs(url)
    try:
        written: datetime = filesystem.modified(path)
    except FileNotFoundError:
        return None
    return written if written.tzinfo else written.replace(tzinfo=UTC)
