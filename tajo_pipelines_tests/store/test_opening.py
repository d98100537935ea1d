from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.store import open_store
from tajo_pipelines.store.opening import MIGRATIONS
from tajo_pipelines.store.schema import HEAD, metadata


def test_migrations_make_the_tables_that_the_code_uses(empty_url: str) -> None:
    store = open_store(empty_url)
    with store.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        found = sa.inspect(connection)
        for table in metadata.tables.values():
            # Names come from two places, and SQLite compares them loosely.
            assert {index["name"] for index in found.get_indexes(table.name)} >= {index.name for index in table.indexes}
    store.close()


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_opening_is_silent_and_leaves_logging_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = (list(logging.getLogger().handlers), logging.getLogger("alembic").handlers[:])
    level = logging.getLogger().level
    open_store(f"sqlite:///{tmp_path}/a/b/tajo.db").close()
    assert capfd.readouterr() == ("", "")
    assert (logging.getLogger().handlers, logging.getLogger("alembic").handlers) == before
    assert logging.getLogger().level == level


def test_processes_that_start_at_once_all_succeed(empty_url: str) -> None:
    code = "import sys; from tajo_pipelines.store import open_store; open_store(sys.argv[1]).set_note('a', 'b')"
    started = [subprocess.Popen([sys.executable, "-c", code, empty_url]) for _ in range(4)]
    assert [process.wait(30) for process in started] == [0, 0, 0, 0]
    store = open_store(empty_url)
    assert store.note("a") == "b"
    store.close()


def test_a_store_of_a_newer_version_is_refused(empty_url: str) -> None:
    store = open_store(empty_url)
    with store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    with pytest.raises(ConfigError, match="newer version") as caught:
        open_store(empty_url)
    assert caught.value.code == "store_newer"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("no url", "store_url"),
        ("mysql://root@localhost/tajo", "store_url"),
        ("sqlite://", "store_url"),
        ("sqlite:///:memory:", "store_url"),
        ("sqlite:////proc/nowhere/tajo.db", "store_unavailable"),
        ("postgresql://tajo:planted-secret@127.0.0.1:1/tajo", "store_unavailable"),
    ],
)
def test_a_url_that_cannot_work_is_refused_in_one_sentence(url: str, code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(url)
    assert caught.value.code == code
    assert "planted-secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tajo.db"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(ConfigError) as caught:
        open_store(f"sqlite:///{path}")
    assert caught.value.code == "store_unavailable"


def test_sqlite_survives_a_power_cut_and_checks_references(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/tajo.db")
    with store.database.reading() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}
    store.close()
