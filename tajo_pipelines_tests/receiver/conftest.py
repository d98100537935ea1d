"""A new database a test, and a receiver over it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tajo_pipelines.receiver import server, writer
from tajo_pipelines.store import Store, open_store
from tajo_pipelines_tests.receiver.stand_in import Served, served


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "tajo.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals are written after a tenth of a second, slow heads looked for as often."""
    monkeypatch.setattr(writer, "FLUSH_SECONDS", 0.1)
    monkeypatch.setattr(server, "TICK", 0.1)


@pytest.fixture
def database_url(template: Path, tmp_path: Path) -> str:
    shutil.copy(template, tmp_path / "tajo.db")
    return f"sqlite:///{tmp_path}/tajo.db"


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = open_store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def receiver(database_url: str) -> Iterator[Served]:
    with served(database_url) as running:
        yield running
