"""Where the project is: the folder of workspace.yaml."""

from __future__ import annotations

import os
from pathlib import Path

from tajo_pipelines.cli.documents import UsageError

MARKER = "workspace.yaml"

VARIABLE = "TAJO_PROJECT"
"""Tells processes and threads that a command starts where the project is."""


def find_project(chosen: Path | None) -> Path:
    """The chosen folder, else the nearest one upwards that holds workspace.yaml, else the working directory.

    Raises:
        UsageError: The chosen folder doesn't exist.
    """
    if chosen is not None:
        if not chosen.is_dir():
            raise UsageError(f"there is no folder {chosen}", where="--project")
        return chosen.resolve()
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / MARKER).is_file()), here)


def announce_project(project: Path) -> None:
    """Say where the project is to whatever this process starts."""
    os.environ[VARIABLE] = str(project)
