"""A store that an earlier version made keeps what it holds."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from tajo_pipelines.model.letter import Letter, LetterKind, VendorAnswer
from tajo_pipelines.store import open_store
from tajo_pipelines.store.opening import MIGRATIONS, open_engine
from tajo_pipelines.store.schema import HEAD

LETTER = (
    "INSERT INTO letters (id, state, connection, stream, key, kind, field, reason, message, vendor_status, "
    "vendor_code, vendor_message, attempts, first_seen, last_seen, run_id) VALUES ('old', 'open', 'shopify', "
    "'customers', '1', 'record', '', 'refused', 'no', 400, 'c', 'm', 1, '2026-03-01 12:00:00.000000', "
    "'2026-03-01 12:00:00.000000', 'r')"
)


@pytest.fixture
def of_version_2(empty_url: str) -> str:
    """A store as schema 0002 had it, with a letter."""
    url = sa.make_url(empty_url)
    if url.database and url.get_backend_name() == "sqlite":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = open_engine(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.exec_driver_sql(LETTER)
    engine.dispose()
    return empty_url


def test_letters_of_an_older_store_stay_and_know_no_call(of_version_2: str) -> None:
    store = open_store(of_version_2)
    with store.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == HEAD
    (old,) = store.letters.list()
    assert (old.id, old.call_id, old.letter.vendor) == ("old", None, VendorAnswer(400, "c", "m"))
    again = Letter(
        "shopify", "customers", "1", LetterKind.RECORD, "refused", "no", vendor=VendorAnswer(400, "c", "m", call_id=7)
    )
    assert store.letters.write([again], "r2") == 0
    (same,) = store.letters.list()
    assert (same.id, same.call_id, same.attempts) == ("old", 7, 2)
    store.close()
