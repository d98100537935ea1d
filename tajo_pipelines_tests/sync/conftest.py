"""Workspaces that are closed at the end of a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines_tests.sync.support import OpenShop, ScriptedWorkspace, scripted


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[OpenShop]:
    """Opens workspaces over one store."""
    opened: list[ScriptedWorkspace] = []

    def open_one(*pages: Any, **more: Any) -> ScriptedWorkspace:
        opened.append(scripted(tmp_path, *pages, **more))
        return opened[-1]

    yield open_one
    for workspace in opened:
        workspace.close()
