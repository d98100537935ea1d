"""Workspaces that are closed at the end of a test, and a shop that tells by webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines.twin.server import TwinProcess, running_twin
from tajo_pipelines_tests.e2e.project import hurry
from tajo_pipelines_tests.sync.support import OpenShop, ScriptedWorkspace, scripted
from tajo_pipelines_tests.sync.webhook_world import World


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


@pytest.fixture(scope="module")
def twin() -> Iterator[TwinProcess]:
    """Brevo."""
    with running_twin(halves=("brevo",)) as process:
        yield process


@pytest.fixture
def world(tmp_path: Path, twin: TwinProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A shop that tells by webhooks."""
    hurry(monkeypatch)
    made = World(tmp_path / "shop", twin.brevo_url)
    yield made
    made.close()
    twin.faults()
