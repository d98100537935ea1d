"""Makes a database's files forget what was deleted from its tables."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from tajo_pipelines.store.database import Database
from tajo_pipelines.store.opening import BUSY_SECONDS

PATIENCE = 5.0
"""Seconds for which one attempt waits for whoever reads or writes."""

ATTEMPTS = 3


def sweep(database: Database) -> str | None:
    """Rebuild SQLite's file without its free space, and empty the write-ahead log.

    On PostgreSQL that is the server's own work (its autovacuum, the turning over of its log): nothing is done.

    Returns:
        Why the files may still hold it; None once they don't.
    """
    if database.engine.dialect.name != "sqlite":
        return None
    raw = database.engine.raw_connection()
    try:
        connection: Any = raw.driver_connection
        _be_patient(connection, PATIENCE)
        try:
            return _sweep(connection)
        finally:
            _be_patient(connection, BUSY_SECONDS)
    finally:
        raw.close()


def _sweep(connection: sqlite3.Connection) -> str | None:
    why = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(0.2 * attempt)
        try:
            connection.execute("VACUUM")
        except sqlite3.OperationalError as error:
            why = f"the database couldn't be rebuilt: {error}"
            continue
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return None
        why = "somebody reads the database, so its log couldn't be emptied"
    return why


def _be_patient(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout={int(seconds * 1000)}")
