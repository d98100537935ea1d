"""One database and one receiver a module, emptied before each test: starting and stopping one takes half a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import delete

from tajo_pipelines.receiver import server, writer
from tajo_pipelines.store import Store, open_store
from tajo_pipelines.store.schema import deliveries, refusals
from tajo_pipelines_tests.receiver.stand_in import Served, served


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals are written after a tenth of a second, slow heads looked for as often."""
    monkeypatch.setattr(writer, "FLUSH_SECONDS", 0.1)
    monkeypatch.setattr(server, "TICK", 0.1)


@pytest.fixture(scope="module")
def module_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path_factory.mktemp('receiver')}/tajo.db")
    yield opened
    opened.close()


@pytest.fixture
def store(module_store: Store) -> Store:
    with module_store.database.writing() as connection:
        for table in (deliveries, refusals):
            connection.execute(delete(table))
    return module_store


@pytest.fixture
def database_url(store: Store) -> str:
    return str(store.database.engine.url)


@pytest.fixture(scope="module")
def module_receiver(module_store: Store) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "FLUSH_SECONDS", 0.1)
        with served(str(module_store.database.engine.url)) as running:
            yield running


@pytest.fixture
def receiver(module_receiver: Served, store: Store) -> Served:
    assert store.inbox.counts()["pending"] == 0
    return module_receiver
