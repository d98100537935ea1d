from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tajo_pipelines.store import Store
from tajo_pipelines.store.leases import Lease, LeaseLost, LeaseTaken
from tajo_pipelines.store.processes import ProcessMark
from tajo_pipelines.store.schema import leases

HOLDER = """
import sys, time
from tajo_pipelines.store import open_store
with open_store(sys.argv[1]).leases.hold("read/shopify", "the other"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(store: Store, database_url: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, database_url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_told_who_holds_it(store: Store, holder: subprocess.Popen[str]) -> None:
    assert holder.poll() is None
    with pytest.raises(LeaseTaken, match="the other is at it") as caught, store.leases.hold("read/shopify", "me"):
        pytest.fail("held twice")
    assert (caught.value.owner, caught.value.code, caught.value.exit_code) == ("the other", "already_running", 0)
    assert store.leases.holder("read/shopify") == ("the other", caught.value.until)
    with store.leases.hold("read/shopify-fr", "me"):
        pass


def test_the_lease_of_a_killed_process_is_taken_at_once(store: Store, holder: subprocess.Popen[str]) -> None:
    os.kill(holder.pid, signal.SIGKILL)  # and not waited for: a zombie is no holder either
    end = time.monotonic() + 5
    while store.leases.holder("read/shopify") is not None and time.monotonic() < end:
        time.sleep(0.01)
    with store.leases.hold("read/shopify", "me"):
        assert store.leases.holder("read/shopify") is not None


def test_a_lease_is_free_after_the_block_even_if_it_fails(store: Store) -> None:
    with pytest.raises(KeyError), store.leases.hold("a", "me"):
        raise KeyError
    assert store.leases.holder("a") is None
    with store.leases.hold("a", "me again") as lease:
        lease.check()


def test_threads_of_one_process_exclude_each_other(store: Store) -> None:
    with store.leases.hold("a", "first"), pytest.raises(LeaseTaken), store.leases.hold("a", "second"):
        pytest.fail("held twice")


def test_a_lease_outlives_its_term_by_its_heartbeat(store: Store) -> None:
    with store.leases.hold("a", "first", seconds=1.5) as lease:
        time.sleep(2.5)
        assert not lease.lost
        with pytest.raises(LeaseTaken), store.leases.hold("a", "second"):
            pytest.fail("held twice")


def test_a_silent_holder_of_another_machine_loses_it_and_is_told(store: Store) -> None:
    silent = Lease(store.database, "a", "silent", 0.2)
    silent.take()
    with store.database.writing() as connection:
        connection.execute(sa.update(leases).values(machine="elsewhere", pid=1))
    with pytest.raises(LeaseTaken), store.leases.hold("a", "too early"):
        pytest.fail("held twice")
    time.sleep(0.25)
    with store.leases.hold("a", "next"):
        assert silent.renew() is False
        with pytest.raises(LeaseLost):
            silent.check()
        silent.give_back()
        assert store.leases.holder("a") is not None


def test_a_later_process_with_the_same_number_is_another_one() -> None:
    own = ProcessMark.own()
    assert not own.is_gone()
    assert ProcessMark(own.machine, own.pid, "1").is_gone()
    assert not ProcessMark("elsewhere", own.pid, "1").is_gone()
    assert not ProcessMark(own.machine, own.pid, "").is_gone()


def test_of_many_who_ask_at_once_one_gets_it(store: Store) -> None:
    start = threading.Barrier(6)
    held: list[str] = []
    refused: list[str] = []

    def ask(name: str) -> None:
        start.wait()
        try:
            with store.leases.hold("a", name):
                held.append(name)
                done.wait()
        except LeaseTaken:
            refused.append(name)
            if len(refused) == 5:
                done.set()

    done = threading.Event()
    threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (len(held), len(refused)) == (1, 5)


def test_no_lease_is_taken_inside_of_a_transaction(store: Store) -> None:
    with store.transaction(), pytest.raises(RuntimeError), store.leases.hold("a", "me"):
        pytest.fail("held")
