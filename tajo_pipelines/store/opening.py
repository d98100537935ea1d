"""Opening a store: its engine, and its tables brought up to date."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.store.database import Database
from tajo_pipelines.store.facade import Store
from tajo_pipelines.store.schema import HEAD

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 30.0
_LOCK = 0x7A6A6F
"""Number of the advisory lock under which PostgreSQL migrates; any constant of our own."""

_KEPT_STATEMENTS = 16
"""Prepared statements that a connection keeps. Python's 128 fill up with texts that hardly come again, each for another
number of keys or rows: 12 MB after 20,000 contacts instead of 2, and no faster (measured 2026-11-25)."""


def open_store(database_url: str, *, pragmas: Mapping[str, int] = MappingProxyType({})) -> Store:
    """The store behind a URL, made and brought up to date as needed. Any number of processes may do so at once.

    Args:
        database_url: ``sqlite:///path/to/file.db`` or ``postgresql://user:password@host/name``.
        pragmas: Further settings of SQLite's connections.

    Raises:
        ConfigError: The URL can't be used, the database can't be opened, or it was made by a newer version.
    """
    url = _checked(database_url)
    engine = open_engine(url)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", partial(_set, pragmas))
    try:
        with engine.connect() as connection:
            revision = _revision(connection)
        if revision != HEAD:
            _upgrade(engine)
    except DBAPIError as error:
        engine.dispose()
        reason = str(error.orig).strip().splitlines()[0]
        message = f"the store {_shown(url)} can't be opened: {reason}"
        raise ConfigError(message, code="store_unavailable", where="TAJO_DATABASE_URL") from error
    except BaseException:
        engine.dispose()
        raise
    return Store(Database(engine))


def open_engine(url: URL) -> Engine:
    """An engine with the settings that the store leans on. What a row holds never stands in its errors."""
    engine = _engine(url)
    event.listen(engine, "handle_error", _shorten)
    return engine


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        settings = {"timeout": BUSY_SECONDS, "cached_statements": _KEPT_STATEMENTS}
        engine = create_engine(url, hide_parameters=True, connect_args=settings)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(url, hide_parameters=True, pool_pre_ping=True)


def _shorten(context: ExceptionContext) -> None:
    """PostgreSQL's first line says what is wrong; the further ones quote the values."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if isinstance(error, sqlite3.Error | DBAPIError | context.dialect.loaded_dbapi.Error) and error.args:
            error.args = (str(error.args[0]).strip().partition("\n")[0], *error.args[1:])


def _checked(database_url: str) -> URL:
    where = "TAJO_DATABASE_URL"
    try:
        url = make_url(database_url)
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        message = "the store's URL can't be read"
        hint = "sqlite:///.tajo/tajo.db or postgresql://user:password@host/name"
        raise ConfigError(message, code="store_url", where=where, hint=hint) from error
    if backend in ("postgresql", "postgres"):
        # SQLAlchemy 2.1 takes psycopg 3 where no driver is named; the project installs psycopg2.
        return url.set(drivername="postgresql+psycopg2")
    if backend != "sqlite":
        message = f"a store on {backend} isn't supported"
        raise ConfigError(message, code="store_url", where=where, hint="SQLite or PostgreSQL")
    if not url.database or url.database == ":memory:":
        message = "a store in memory can't be shared between processes"
        raise ConfigError(message, code="store_url", where=where, hint="name a file: sqlite:///.tajo/tajo.db")
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the store's folder can't be made: {error.strerror}"
        raise ConfigError(message, code="store_unavailable", where=str(Path(url.database).parent)) from error
    return url


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says, not where sqlite3 guesses
    _write_ahead(connection)
    patience = f"busy_timeout={int(BUSY_SECONDS * 1000)}"
    # What is deleted is overwritten: a page that is free would hold it for as long as nobody needs the page.
    for setting in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", patience):
        connection.execute(f"PRAGMA {setting}")


def _set(pragmas: Mapping[str, int], connection: sqlite3.Connection, _record: object) -> None:
    for name, value in pragmas.items():
        connection.execute(f"PRAGMA {name}={value}")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to WAL; SQLite answers "locked" at once, without its busy time-out, when another does the same."""
    end = time.monotonic() + BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    kind = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {kind}")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: Any = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _upgrade(engine: Engine) -> None:
    """Run the missing migrations in one transaction, under a lock for all processes."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        revision = _revision(connection)
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if revision is not None and revision not in known:
            message = f"the store was made by a newer version of tajo-pipelines (its schema is {revision})"
            hint = "install that version or a newer one, or name another database"
            raise ConfigError(message, code="store_newer", where=_shown(engine.url), hint=hint)
        if revision != HEAD:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
