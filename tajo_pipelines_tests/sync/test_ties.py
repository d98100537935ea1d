"""One record on two paths, at the precision of a second: the later reading counts, whichever path is the quicker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tajo_pipelines.store.inbox import DeliveryState
from tajo_pipelines.sync.landing import Landed, land
from tajo_pipelines.sync.reading import Reading, ReadMode, ReadRequest
from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines_tests.sync.webhook_world import CUSTOMERS, TOLD, World, ago, names_at_brevo, new_key


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("modes", "delivery"):
        monkeypatch.setattr(f"tajo_pipelines.sync.{module}.may_be_told", lambda *_: True)


def read(world: World) -> None:
    """Land all that there is: a batch that waits for its delivery."""
    request = ReadRequest("shop", CUSTOMERS, ReadMode.FULL, uuid4().hex)
    land(world.workspace, Reading(world.workspace, request), Landed())


def deliver(world: World) -> None:
    world.run(inbox=False)


def test_a_batch_that_was_read_before_a_webhook_does_not_turn_it_back(world: World, twin: TwinProcess) -> None:
    somebody, second = new_key(), ago(600).replace(microsecond=0)
    world.shop.set(somebody, "first", second)
    read(world)
    world.shop.set(somebody, "second", second)
    world.tell(TOLD, somebody)
    world.run()
    deliver(world)
    assert names_at_brevo(twin)[somebody] == "second"
    assert world.shop.fetched == [[somebody], [somebody]]


def test_only_what_is_in_doubt_is_read_again(world: World, twin: TwinProcess) -> None:
    people = [new_key() for _ in range(5)]
    for each in people:
        world.shop.set(each, "Ana", ago(600))
    world.tell(TOLD, people[0])
    world.run()
    read(world)
    deliver(world)
    assert world.shop.fetched == [[people[0]]], "the batch was read later than the webhook's run"
    assert set(people) <= names_at_brevo(twin).keys()


STEPS = st.lists(st.sampled_from(["change", "change later", "told late", "run", "read", "deliver"]), max_size=12)
LAST = st.permutations(["run", "deliver"])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(steps=["read", "change"], last=["run", "deliver"])
@example(steps=["change", "read", "run", "change"], last=["run", "deliver"])
@given(steps=STEPS, last=LAST)
def test_both_paths_end_at_what_the_shop_holds(
    world: World, twin: TwinProcess, steps: list[str], last: list[str]
) -> None:
    somebody, late, version, second = new_key(), 0, 0, ago(6000).replace(microsecond=0)
    world.shop.people.clear()
    world.shop.set(somebody, "v0", second)
    world.tell(TOLD, somebody)
    plays: dict[str, Callable[[World], object]] = {"run": World.run, "read": read, "deliver": deliver}
    for step in steps:
        if step in plays:
            plays[step](world)
            continue
        version += 1
        second += timedelta(seconds=step == "change later")
        world.shop.set(somebody, f"v{version}", second)
        if step == "told late":
            late += 1
        else:
            world.tell(TOLD, somebody)
    for _ in range(late):
        world.tell(TOLD, somebody)
    for name in last:
        plays[name](world)
    assert not world.kept(DeliveryState.PENDING, DeliveryState.LEASED, DeliveryState.DEAD)
    assert names_at_brevo(twin)[somebody] == f"v{version}"
