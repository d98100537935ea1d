"""Where batches lie, and whether they are still whole."""

from __future__ import annotations

from pathlib import Path

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
