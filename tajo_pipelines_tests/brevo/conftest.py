"""An account of its own for each test, at one twin a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tajo_pipelines.store import open_store
from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines_tests.brevo.account_world import Hands, World, serve


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "tajo.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="module")
def brevo() -> Iterator[tuple[TwinProcess, Hands]]:
    twin, hands = serve()
    yield twin, hands
    twin.stop()


@pytest.fixture
def world(brevo: tuple[TwinProcess, Hands], tmp_path: Path, empty_store: Path) -> Iterator[World]:
    made = World(*brevo, folder=tmp_path, template=empty_store)
    yield made
    made.close()
