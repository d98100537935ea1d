"""Deliveries of webhooks on their way to Brevo: what they tell, what goes wrong with them, and what never may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.store.inbox import DeliveryState
from tajo_pipelines.sync import realtime
from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines_tests.sync.webhook_world import (
    CUSTOMERS,
    DELETED,
    MERGED,
    REDACT,
    TOLD,
    World,
    ago,
    letters,
    names_at_brevo,
    new_key,
    on_lists,
)


def test_many_deliveries_of_one_record_make_one_read(world: World, twin: TwinProcess) -> None:
    somebody, other = new_key(), new_key()
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
    assert delivered.lag.seconds.total() == 4
    [report] = world.workspace.store.reports.latest("shop", CUSTOMERS)
    assert report.details["inbox"]["deliveries"] == 4
    assert report.details["lag"]["p50_s"] >= 3


def test_a_record_that_is_not_there_any_more_is_nobodys_failure(world: World, twin: TwinProcess) -> None:
    world.tell(TOLD, new_key())
    assert world.run().report.read == 0
    assert [item.state for item in world.kept()] == [DeliveryState.DONE]


@pytest.mark.parametrize("late", [False, True], ids=["swapped", "late"])
def test_whoever_is_there_is_not_deleted_whatever_a_delivery_says(
    world: World, twin: TwinProcess, *, late: bool
) -> None:
    """No signature covers the header that names the topic."""
    somebody = new_key()
    world.shop.set(somebody, "Ana", ago(60))
    world.tell(TOLD, somebody)
    world.run()
    world.shop.set(somebody, "Anna", ago(1))
    world.tell(DELETED, somebody, at=ago(3600) if late else None)
    delivered = world.run()
    assert delivered.report.deleted == 0
    assert names_at_brevo(twin)[somebody] == "Anna"
    assert on_lists(twin, somebody)


def test_whoever_is_gone_is_deleted_once(world: World, twin: TwinProcess) -> None:
    somebody = new_key()
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
    old, kept = new_key(), new_key()
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
    somebody = new_key()
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
    somebody = new_key()
    world.shop.set(somebody, "malformed", ago(1))
    world.tell(TOLD, somebody)
    assert world.run().report.rejected == {"malformed": 1}
    assert letters(world) == [("record", somebody, "malformed")]
    assert [item.state for item in world.kept()] == [DeliveryState.DONE]


def test_in_batch_mode_deliveries_are_kept_and_what_a_law_asks_for_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(realtime, "carry_out", lambda *given: asked.append(given[-1]))
    world.mode = "batch"
    ignored, redact = world.tell(TOLD, new_key()), world.tell(REDACT, new_key())
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
    somebody = new_key()
    redact = world.tell(REDACT, new_key())
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
        self.key = new_key()
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
