"""What goes wrong with deliveries on their way: outages, poison, killed processes."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import timedelta

import pytest

from tajo_pipelines.model.errors import AuthError, ContractError
from tajo_pipelines.store.delivery_lease import DeliveryLease
from tajo_pipelines.store.inbox import DeliveryFilter, DeliveryState
from tajo_pipelines.sync import realtime
from tajo_pipelines.sync.resting import FIRST, Resting
from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines_tests.e2e.project import REPOSITORY
from tajo_pipelines_tests.sync.webhook_world import (
    CUSTOMERS,
    ELSEWHERE,
    TOLD,
    World,
    ago,
    letters,
    names_at_brevo,
    new_key,
)

NOBODY_IN = {"target": "brevo", "path": "/contacts", "status": 401}


def test_an_outage_is_no_attempt_and_is_waited_out(world: World, twin: TwinProcess) -> None:
    somebody = new_key()
    world.shop.set(somebody, "Ana", ago(1))
    world.tell(TOLD, somebody)
    resting, now = Resting(world.workspace.store), world.workspace.now
    for count in (1, 2, 3):
        twin.faults(NOBODY_IN)
        with pytest.raises(AuthError):
            world.run()
        [waits] = world.kept()
        assert (waits.state, waits.attempts) == (DeliveryState.PENDING, 0)
        rest = resting.now("shop", CUSTOMERS, now())
        assert rest is not None
        assert rest.seconds == FIRST.total_seconds() * 2 ** (count - 1)
        assert rest.why
    twin.faults()
    world.run()
    assert [item.state for item in world.kept()] == [DeliveryState.DONE]
    assert names_at_brevo(twin)[somebody] == "Ana"
    assert resting.now("shop", CUSTOMERS, now()) is None
    assert resting.begin("shop", CUSTOMERS, "again", now()) <= now() + FIRST, "the next outage begins anew"


def test_a_platform_that_is_away_costs_nobody_an_attempt(world: World) -> None:
    bad = new_key()
    world.shop.breaks[bad] = AuthError("the token is refused")
    world.tell(TOLD, bad)
    with pytest.raises(AuthError):
        world.run()
    [waits] = world.kept()
    assert (waits.state, waits.attempts, waits.error) == (DeliveryState.PENDING, 0, "the token is refused")


@pytest.mark.parametrize("fault", [RuntimeError("personal@shop.example"), ContractError("no such shape")], ids=type)
def test_one_that_fails_is_found_out_and_the_good_ones_go_in_the_same_run(
    world: World, twin: TwinProcess, fault: Exception
) -> None:
    good, bad = [new_key() for _ in range(12)], new_key()
    for each in good:
        world.shop.set(each, "Ana", ago(1))
    for each in (*good[:5], bad, *good[5:]):
        world.tell(TOLD, each)
    world.shop.breaks[bad] = fault
    with pytest.raises(type(fault)):
        world.run()
    [waits] = world.kept(DeliveryState.PENDING)
    assert waits.key == bad
    assert 1 <= waits.attempts <= realtime.MOST_ATTEMPTS
    assert "personal" not in str(waits.error)
    assert {name for name in names_at_brevo(twin) if name in good} == set(good)
    assert Resting(world.workspace.store).now("shop", CUSTOMERS, world.workspace.now()) is None
    [report] = world.workspace.store.reports.latest("shop", CUSTOMERS)
    assert report.report.sent == 12, "what failed in between is counted once it is done"
    report.report.check()


def test_after_eight_attempts_it_is_dead_with_a_letter(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime, "PATIENCE", timedelta(0))
    bad = new_key()
    number = world.tell(TOLD, bad)
    world.shop.breaks[bad] = RuntimeError("boom")
    with pytest.raises(RuntimeError):
        world.run()
    kept = world.kept_of(number)
    assert (kept.state, kept.attempts) == (DeliveryState.DEAD, 8)
    assert "RuntimeError" in str(kept.error)
    assert letters(world) == [("delivery", number, "no_way_through")]


def test_a_dead_one_that_is_mended_and_replayed_closes_its_letter(
    world: World, twin: TwinProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(realtime, "MOST_ATTEMPTS", 1)
    somebody = new_key()
    number = world.tell(TOLD, somebody)
    world.shop.breaks[somebody] = ContractError("no such shape")
    world.run()
    assert world.kept_of(number).state is DeliveryState.DEAD
    assert letters(world) == [("delivery", number, "no_way_through")]
    world.shop.breaks.clear()
    world.shop.set(somebody, "Ana", ago(1))
    assert world.workspace.store.inbox.replay(DeliveryFilter(states=(DeliveryState.DEAD,))) == 1
    world.run()
    assert world.kept_of(number).state is DeliveryState.DONE
    assert names_at_brevo(twin)[somebody] == "Ana"
    assert letters(world) == []


def test_a_fault_of_everybodys_gives_in_before_it_kills_them_all(world: World) -> None:
    keys = [new_key() for _ in range(40)]
    for each in keys:
        world.tell(TOLD, each)
        world.shop.breaks[each] = RuntimeError("the engine itself")
    with pytest.raises(RuntimeError):
        world.run()
    assert len(world.kept(DeliveryState.PENDING)) == 40
    assert Resting(world.workspace.store).now("shop", CUSTOMERS, world.workspace.now()) is not None


def test_a_delivery_of_another_stream_is_the_connectors_fault_and_touches_nobody(world: World) -> None:
    world.tell(ELSEWHERE, new_key())
    with pytest.raises(ContractError, match="a delivery of customers tells of orders"):
        world.run()
    assert world.shop.fetched == []


def test_a_killed_process_costs_an_attempt_and_its_deliveries_wait_again_at_once(
    world: World, twin: TwinProcess
) -> None:
    good, killer = new_key(), new_key()
    world.tell(TOLD, good)
    world.tell(TOLD, killer)
    command = [sys.executable, "-m", "tajo_pipelines_tests.sync.webhook_world"]
    ended = subprocess.run(
        [*command, str(world.folder), twin.brevo_url, killer],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == -9, ended.stderr
    inbox = world.workspace.store.inbox
    assert {item.state for item in world.kept()} == {DeliveryState.LEASED}
    assert inbox.requeue_expired() == 2
    assert [(item.state, item.attempts) for item in world.kept()] == [(DeliveryState.PENDING, 1)] * 2
    world.shop.set(good, "Ana", ago(1))
    world.run()
    assert names_at_brevo(twin)[good] == "Ana"


def test_whoever_kills_its_process_again_and_again_is_alone_and_dead_in_the_end(
    world: World, twin: TwinProcess
) -> None:
    good, killer = [new_key() for _ in range(4)], new_key()
    numbers = {each: world.tell(TOLD, each) for each in (killer, *good)}
    inbox = world.workspace.store.inbox
    done: list[str] = []
    for _ in range(20):
        # What a run does that is killed as soon as it comes to that one: nothing is given back.
        held = DeliveryLease(world.workspace.store.database, 0.0)
        held.take("shop", CUSTOMERS, 500)
        keys = [item.delivery.key for item in held.deliveries]
        if killer not in keys:
            held.done([item.delivery.id for item in held.deliveries], world.workspace.now())
            done += [str(name) for name in keys]
        elif held.deliveries[0].delivery.attempts > realtime.MOST_ATTEMPTS:
            held.give_back()
            break
        inbox.requeue_expired()
    assert sorted(done) == sorted(good), "they got through alone while the killer was still being tried"
    world.run()
    assert world.kept_of(numbers[killer]).state is DeliveryState.DEAD
    assert letters(world) == [("delivery", numbers[killer], "no_way_through")]


def test_a_lease_is_renewed_while_brevo_lets_one_wait(world: World) -> None:
    world.tell(TOLD, new_key())
    held = DeliveryLease(world.workspace.store.database, 0.6)
    held.take("shop", CUSTOMERS, 1)
    with held.kept_alive():
        time.sleep(1.0)
        assert world.workspace.store.inbox.requeue_expired() == 0
    held.give_back()
