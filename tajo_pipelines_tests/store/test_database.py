from __future__ import annotations

import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tajo_pipelines.model.errors import RetryableError
from tajo_pipelines.store import Store, open_store
from tajo_pipelines.store.column_types import UtcTime
from tajo_pipelines.store.database import chunks, turns
from tajo_pipelines.store.schema import account_cache

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_an_error_undoes_the_whole_transaction(store: Store) -> None:
    def fail() -> None:
        with store.transaction():
            store.set_note("a", "1")
            with store.transaction():
                store.set_note("b", "2")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (store.note("a"), store.note("b")) == (None, None)


def test_a_transaction_sees_what_it_wrote_and_others_do_not(store: Store) -> None:
    seen: list[str | None] = []
    with store.transaction():
        store.set_note("a", "1")
        assert store.note("a") == "1"
        other = threading.Thread(target=lambda: seen.append(store.note("a")))
        other.start()
        other.join()
    assert seen == [None]
    assert store.note("a") == "1"


def test_a_swallowed_error_of_a_part_keeps_nothing(store: Store) -> None:
    def swallow() -> None:
        with store.transaction():
            store.set_note("a", "1")
            with pytest.raises(KeyError), store.transaction():
                raise KeyError

    with pytest.raises(RuntimeError, match="none of it is kept"):
        swallow()
    assert store.note("a") is None
    store.set_note("a", "2")
    assert store.note("a") == "2"


def test_writers_of_several_threads_queue_up(store: Store) -> None:
    def count() -> None:
        for _ in range(20):
            with store.transaction():
                store.set_note(
                    threading.current_thread().name, str(int(store.note(threading.current_thread().name) or 0) + 1)
                )

    threads = [threading.Thread(target=count, name=f"t{number}") for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.note(f"t{number}") for number in range(4)] == ["20"] * 4


def test_a_locked_database_is_an_error_that_may_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tajo_pipelines.store.opening.BUSY_SECONDS", 0.05)
    first, second = (open_store(f"sqlite:///{tmp_path}/tajo.db") for _ in range(2))
    with first.transaction(), pytest.raises(RetryableError) as caught:
        second.set_note("a", "1")
    assert caught.value.code == "store_unavailable"
    first.close()
    second.close()


def test_a_process_killed_in_a_transaction_leaves_nothing_of_it(store: Store, database_url: str) -> None:
    code = """
import os, signal, sys
from tajo_pipelines.store import open_store
store = open_store(sys.argv[1])
store.set_note("before", "1")
with store.transaction():
    store.set_note("within", "1")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", code, database_url], check=False, timeout=30)
    assert killed.returncode == -signal.SIGKILL
    store.set_note("after", "1")
    assert [store.note(name) for name in ("before", "within", "after")] == ["1", None, "1"]


def test_errors_of_the_database_hold_no_personal_data(store: Store) -> None:
    row = {"account": "ana@example.com", "name": "n", "doc": "{}", "at": NOON}
    with pytest.raises(sa.exc.IntegrityError) as caught, store.database.writing() as connection:
        connection.execute(account_cache.insert().values([row, row]))
    assert "ana@example.com" not in str(caught.value)
    assert "ana@example.com" not in str(caught.value.orig)


def test_a_wrong_statement_is_no_reason_to_try_again(store: Store) -> None:
    with pytest.raises(sa.exc.SQLAlchemyError), store.database.reading() as connection:
        connection.exec_driver_sql("SELECT nothing FROM nowhere")


MOMENTS = st.datetimes(
    min_value=datetime(1971, 1, 1, tzinfo=UTC).replace(tzinfo=None),
    max_value=datetime(2200, 1, 1, tzinfo=UTC).replace(tzinfo=None),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)


@given(first=MOMENTS, second=MOMENTS)
def test_times_sort_as_text_as_they_do_in_time(first: datetime, second: datetime) -> None:
    kind, dialect = UtcTime(), sa.create_engine("sqlite://").dialect
    texts = []
    for moment in (first, second):
        bind = kind.bind_processor(dialect)
        result = kind.result_processor(dialect, None)
        assert bind is not None
        assert result is not None
        kept = bind(moment)
        assert result(kept) == moment
        texts.append(kept)
    assert (texts[0] < texts[1]) == (first < second)
    assert (texts[0] == texts[1]) == (first == second)


def test_times_come_back_to_the_microsecond_and_in_utc(store: Store) -> None:
    moment = datetime(2026, 3, 29, 3, 30, 0, 1, tzinfo=timezone(timedelta(hours=2)))
    with store.database.writing() as connection:
        connection.execute(account_cache.insert().values(account="a", name="n", doc="{}", at=moment))
        found = connection.execute(sa.select(account_cache.c.at)).scalar_one()
    assert found == moment
    assert found.utcoffset() == timedelta(0)


def test_a_time_without_zone_is_refused(store: Store) -> None:
    with pytest.raises(sa.exc.StatementError), store.database.writing() as connection:
        connection.execute(
            account_cache.insert().values(account="a", name="n", doc="{}", at=datetime(2026, 1, 1))  # noqa: DTZ001  naive on purpose
        )


def test_chunks_and_turns_keep_every_row_in_order() -> None:
    assert list(chunks(range(5), 2)) == [[0, 1], [2, 3], [4]]
    rows = [{"k": "a", "v": 1}, {"k": "b", "v": 2}, {"k": "a", "v": 3}]
    assert turns(rows, ["k"]) == [[rows[0], rows[1]], [rows[2]]]


def test_notes_are_replaced(store: Store) -> None:
    store.set_note("a", "1")
    store.set_note("a", "2")
    assert store.note("a") == "2"
