"""Deliveries of webhooks on their way to Brevo: what they tell, what goes wrong with them, and what never may."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tajo_pipelines.model.errors import AuthError, ConfigError, ContractError
from tajo_pipelines.store.delivery_lease import DeliveryLease
from tajo_pipelines.store.inbox import DeliveryFilter, DeliveryState
from tajo_pipelines.sync import realtime
from tajo_pipelines.sync.resting import FIRST, Resting
from tajo_pipelines.twin.server import TwinProcess, running_twin
from tajo_pipelines_tests.e2e.project import REPOSITORY, hurry
from tajo_pipelines_tests.sync.webhook_world import (
    CUSTOMERS,
    DELETED,
    ELSEWHERE,
    MERGED,
    REDACT,
    TOLD,
    World,
    ago,
    names_at_brevo,
)

NOBODY_IN = {"target": "brevo", "path": "/contacts", "status": 401}


@pytest.fixture(scope="module")
def twin() -> Iterator[TwinProcess]:
    with running_twin(halves=("brevo",)) as process:
        yield process


@pytest.fixture
def world(tmp_path: Path, twin: TwinProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    hurry(monkeypatch)
    made = World(tmp_path / "shop", twin.brevo_url)
    yield made
    made.close()
    twin.faults()


def key() -> str:
    """Of somebody whom no other test knows."""
    return uuid4().hex[:12]


def letters(world: World) -> list[tuple[str, str, str]]:
    kept = world.workspace.store.letters.list(connection="shop")
    return [(item.letter.kind.value, item.letter.key, item.letter.reason) for item in kept]


def test_many_deliveries_of_one_record_make_one_read(world: World, twin: TwinProcess) -> None:
    somebody, other = key(), key()
    world.shop.set(somebody, "Ana", ago(2))
    world.shop.set(other, "Bo", ago(2))
    for topic_key in (somebody, other, somebody, somebody):
        world.tell(TOLD, topic_key, at=ago(3))
    delivered = world.run()
    assert world.shop.fetched == [[somebody, other]]
    assert names_at_brevo(twin)[somebody] == "Ana"
    assert delivered.inbox is not None
    assert (delivered.inbox.deliveries, delivered.report.read, delivered.report.sent) == (4, 2, 2)
    assert {item.state for item in world.kept()} == {DeliveryState.DONE}
    assert all(item.lag is not None and item.lag > timedelta(seconds=3) for item in world.kept())
    assert len(delivered.lag.seconds) == 4
    [report] = world.workspace.store.reports.latest("shop", CUSTOMERS)
    assert report.details["inbox"]["deliveries"] == 4
    assert report.details["lag"]["p50_s"] >= 3


def test_a_record_that_is_not_there_any_more_is_nobodys_failure(world: World, twin: TwinProcess) -> None:
    world.tell(TOLD, key())
    assert world.run().report.read == 0
    assert [item.state for item in world.kept()] == [DeliveryState.DONE]


@pytest.mark.parametrize("late", [False, True], ids=["swapped", "late"])
def test_whoever_is_there_is_not_deleted_whatever_a_delivery_says(
    world: World, twin: TwinProcess, *, late: bool
) -> None:
    """No signature covers the header that names the topic."""
    somebody = key()
    world.shop.set(somebody, "Ana", ago(60))
    world.tell(TOLD, somebody)
    world.run()
    world.shop.set(somebody, "Anna", ago(1))
    world.tell(DELETED, somebody, at=ago(3600) if late else None)
    delivered = world.run()
    assert delivered.report.deleted == 0
    assert names_at_brevo(twin)[somebody] == "Anna"
    assert on_lists(twin, somebody)


def on_lists(twin: TwinProcess, somebody: str) -> list[Any]:
    [contact] = [each for each in twin.state("brevo")["contacts"] if each["email"].startswith(somebody)]
    return list(contact["listIds"])


def test_whoever_is_gone_is_deleted_once(world: World, twin: TwinProcess) -> None:
    somebody = key()
    world.shop.set(somebody, "Ana", ago(60))
    world.tell(TOLD, somebody)
    world.run()
    del world.shop.people[somebody]
    for _ in range(3):
        world.tell(DELETED, somebody)
    assert world.run().report.deleted == 1
    assert on_lists(twin, somebody) == []
    world.tell(DELETED, somebody)
    assert world.run().report.deleted == 0


def test_a_merge_keeps_the_one_and_unlists_nobody(world: World, twin: TwinProcess) -> None:
    old, kept = key(), key()
    for each in (old, kept):
        world.shop.set(each, "Ana", ago(60))
        world.tell(TOLD, each)
    world.run()
    del world.shop.people[old]
    world.shop.set(kept, "Anna", ago(1))
    world.tell(MERGED, old, kept=kept)
    world.run()
    assert world.shop.fetched[-1] == [kept]
    assert names_at_brevo(twin)[kept] == "Anna"
    assert on_lists(twin, old)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"[]", b"{", b'{"number": 1}', b"[" * 10_000], ids=len)
def test_what_cant_be_read_is_dead_with_a_letter_and_the_others_go(
    world: World, twin: TwinProcess, body: bytes
) -> None:
    somebody = key()
    world.shop.set(somebody, "Ana", ago(1))
    world.tell(TOLD, somebody)
    broken = world.tell(TOLD, None, body=body)
    world.tell(TOLD, somebody)
    delivered = world.run()
    assert delivered.inbox is not None
    assert (delivered.inbox.deliveries, delivered.inbox.dead) == (2, 1)
    assert world.kept_of(broken).state is DeliveryState.DEAD
    assert letters(world) == [("delivery", broken, "malformed")]
    assert names_at_brevo(twin)[somebody] == "Ana"


def test_a_record_without_its_shape_is_a_letter_of_the_record(world: World) -> None:
    somebody = key()
    world.shop.set(somebody, "malformed", ago(1))
    world.tell(TOLD, somebody)
    assert world.run().report.rejected == {"malformed": 1}
    assert letters(world) == [("record", somebody, "malformed")]
    assert [item.state for item in world.kept()] == [DeliveryState.DONE]


def test_an_outage_is_no_attempt_and_is_waited_out(world: World, twin: TwinProcess) -> None:
    somebody = key()
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
    bad = key()
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
    good, bad = [key() for _ in range(12)], key()
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
    bad = key()
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
    somebody = key()
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
    keys = [key() for _ in range(40)]
    for each in keys:
        world.tell(TOLD, each)
        world.shop.breaks[each] = RuntimeError("the engine itself")
    with pytest.raises(RuntimeError):
        world.run()
    assert len(world.kept(DeliveryState.PENDING)) == 40
    assert Resting(world.workspace.store).now("shop", CUSTOMERS, world.workspace.now()) is not None


def test_a_delivery_of_another_stream_is_the_connectors_fault_and_touches_nobody(world: World) -> None:
    world.tell(ELSEWHERE, key())
    with pytest.raises(ContractError, match="a delivery of customers tells of orders"):
        world.run()
    assert world.shop.fetched == []


def test_a_killed_process_costs_an_attempt_and_its_deliveries_wait_again_at_once(
    world: World, twin: TwinProcess
) -> None:
    good, killer = key(), key()
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
    good, killer = [key() for _ in range(4)], key()
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
    world.tell(TOLD, key())
    held = DeliveryLease(world.workspace.store.database, 0.6)
    held.take("shop", CUSTOMERS, 1)
    with held.kept_alive():
        time.sleep(1.0)
        assert world.workspace.store.inbox.requeue_expired() == 0
    held.give_back()


def test_in_batch_mode_deliveries_are_kept_and_what_a_law_asks_for_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(realtime, "carry_out", lambda *given: asked.append(given[-1]))
    world.mode = "batch"
    ignored, redact = world.tell(TOLD, key()), world.tell(REDACT, key())
    delivered = world.run()
    assert delivered.inbox is not None
    assert (delivered.inbox.ignored, delivered.inbox.deliveries) == (1, 1)
    assert world.kept_of(ignored).state is DeliveryState.IGNORED
    assert world.kept_of(redact).state is DeliveryState.DONE
    assert len(asked) == 1
    assert world.shop.fetched == []


def test_a_request_that_cant_be_carried_out_now_waits_and_holds_nobody_up(
    world: World, twin: TwinProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ConfigError("there is no TAJO_SECRET_KEY")

    monkeypatch.setattr(realtime, "carry_out", refuse)
    somebody = key()
    redact = world.tell(REDACT, key())
    world.shop.set(somebody, "Ana", ago(1))
    world.tell(TOLD, somebody)
    with pytest.raises(ConfigError):
        world.run()
    kept = world.kept_of(redact)
    assert (kept.state, kept.attempts, kept.error) == (DeliveryState.PENDING, 0, "there is no TAJO_SECRET_KEY")
    assert names_at_brevo(twin)[somebody] == "Ana"
    assert len(world.kept(DeliveryState.DONE)) == 1


class Told:
    """One customer, and all that was ever told of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.key = key()
        self.version = 0
        self.told: list[tuple[str, float]] = []
        self.late: list[tuple[str, float]] = []
        self.change(lost=False)

    def change(self, *, lost: bool) -> None:
        """Change the customer; what is lost for now comes late."""
        self.version += 1
        seconds = 100.0 - self.version
        self.world.shop.set(self.key, f"v{self.version}", ago(seconds))
        self.told.append((TOLD, seconds))
        if lost:
            self.late.append((TOLD, seconds))
        else:
            self.world.tell(TOLD, self.key, at=ago(seconds))

    def vanish(self) -> None:
        """Delete the customer; that is told late."""
        del self.world.shop.people[self.key]
        self.late.append((DELETED, 1))

    def again(self, number: int) -> None:
        """Tell something once more."""
        topic, seconds = self.told[number % len(self.told)]
        self.world.tell(topic, self.key, at=ago(seconds))


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["change", "change, told late", "swapped", "run"]), st.integers(min_value=0, max_value=20)
    ),
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, gone=st.booleans(), data=st.data())
def test_any_order_of_deliveries_ends_as_one_read_would(
    world: World, twin: TwinProcess, steps: list[Any], *, gone: bool, data: st.DataObject
) -> None:
    """Late, doubled and out of order, split over any runs: at the end Brevo holds what the shop does."""
    told = Told(world)
    play: dict[Any, Callable[[], object]] = {
        "change": lambda: told.change(lost=False),
        "change, told late": lambda: told.change(lost=True),
        "swapped": lambda: world.tell(DELETED, told.key, at=ago(200)),
        "run": world.run,
    }
    for step in steps:
        play.get(step, lambda: told.again(step))()  # noqa: B023  called at once
    if gone:
        told.vanish()
    for topic, seconds in data.draw(st.permutations(told.late)):
        world.tell(topic, told.key, at=ago(seconds))
        if data.draw(st.booleans()):
            world.run()
    world.run()
    assert not world.kept(DeliveryState.PENDING, DeliveryState.LEASED, DeliveryState.DEAD)
    names = names_at_brevo(twin)
    if not gone:
        assert names[told.key] == f"v{told.version}"
    assert told.key not in names or bool(on_lists(twin, told.key)) is not gone
