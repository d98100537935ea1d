"""Whole deliveries to a running twin; each test is named after the complaint that it keeps away."""

from __future__ import annotations

import pytest

from tajo_pipelines.model.consent import Channel
from tajo_pipelines_tests.brevo.account_world import (
    ALL,
    ANN,
    BOB,
    NO,
    OTHER_PHONE,
    PATHS,
    PHONE,
    SILENT,
    SUBS_A,
    YES,
    Says,
    World,
    outcomes,
)


@PATHS
def test_whoever_said_yes_can_be_mailed(world: World, import_from: int) -> None:
    told = world.deliver(world.customer("1", ANN, says=YES), import_from=import_from)
    assert outcomes(told) == ["sent"]
    assert world.mailable(ANN)
    assert world.lists(ANN) == {ALL, SUBS_A}


@PATHS
def test_unknown_people_never_become_mailable_by_us(world: World, import_from: int) -> None:
    world.deliver(world.customer("1", ANN, phone=PHONE, says=SILENT), import_from=import_from)
    assert not world.mailable(ANN)
    assert not world.mailable(ANN, Channel.SMS)
    assert world.lists(ANN) == {ALL}
    assert "email:unknown@" in world.mark(ANN)
    assert "sms:unknown@" in world.mark(ANN)


@PATHS
@pytest.mark.parametrize("cause", ["user", "admin", "complaint", "hard_bounce"])
@pytest.mark.parametrize("said", [YES, Says(confirmed=True)], ids=["yes", "confirmed"])
def test_resync_never_subscribes(world: World, import_from: int, cause: str, said: Says) -> None:
    world.deliver(world.customer("1", ANN, says=said))
    world.hands.wait(hours=1)
    world.change("unsubscribe", email=ANN, cause=cause)
    for force in (False, True):
        world.hands.wait(hours=1)
        world.deliver(world.customer("1", ANN, says=said, name="Anna"), import_from=import_from, force=force)
        assert not world.mailable(ANN)
    assert SUBS_A not in world.lists(ANN)
    assert not world.freed_by_us()


def test_an_old_yes_with_its_own_time_never_lifts(world: World) -> None:
    at = world.hands.moment
    world.deliver(world.customer("1", ANN, says=Says(at=at, confirmed=True)))
    world.hands.wait(hours=1)
    world.change("unsubscribe", email=ANN)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=Says(at=at, confirmed=True), name="Anna"))
    assert not world.mailable(ANN)


@PATHS
def test_unticked_box_changes_nothing(world: World, import_from: int) -> None:
    world.deliver(world.customer("1", ANN, says=YES))
    world.hands.wait(hours=1)
    world.deliver(
        world.order("100", ANN, ticked=False), world.customer("1", ANN, says=SILENT, name="A"), import_from=import_from
    )
    assert world.mailable(ANN)
    assert world.lists(ANN) == {ALL, SUBS_A}


def test_a_reachable_stranger_is_never_blocked_by_us(world: World) -> None:
    world.change("create_contact", email=ANN)
    world.hands.wait(hours=1)
    for import_from in (1, 1000):
        for force in (False, True):
            world.deliver(world.customer("1", ANN, says=SILENT, name="A"), import_from=import_from, force=force)
    assert world.mailable(ANN)
    assert not world.journal("blocked")


@PATHS
def test_a_no_blocks_and_leaves_the_list_of_subscribers(world: World, import_from: int) -> None:
    world.deliver(world.customer("1", ANN, says=YES))
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=NO, name="A"), import_from=import_from)
    assert not world.mailable(ANN)
    assert world.lists(ANN) == {ALL}
    assert "email:denied:a@" in world.mark(ANN)


@PATHS
def test_a_shared_phone_doesnt_refuse_the_contact(world: World, import_from: int) -> None:
    world.deliver(
        world.customer("1", ANN, phone=PHONE, says=YES),
        world.customer("2", BOB, phone=PHONE, says=YES),
        import_from=import_from,
    )
    assert world.mailable(ANN)
    assert world.mailable(BOB)
    assert world.letters() == [("2", "duplicate_phone", "SMS")]


@PATHS
def test_a_ticked_box_at_the_checkout_of_a_guest_is_a_yes(world: World, import_from: int) -> None:
    world.deliver(world.order("100", ANN, ticked=True), world.order("101", BOB, ticked=False), import_from=import_from)
    assert world.mailable(ANN)
    assert world.lists(ANN) == {ALL, SUBS_A}
    assert not world.mailable(BOB)


@pytest.mark.parametrize("import_from", [1, 1000], ids=["import", "single"])
def test_a_number_that_brevo_doesnt_take_is_tried_once(world: World, import_from: int) -> None:
    """An import drops it without a word, a single write is refused: either way the rest stays given."""
    change = world.customer("1", ANN, phone="+4912", says=YES, sms=SILENT)
    assert outcomes(world.deliver(change, import_from=import_from)) == ["sent"]
    world.hands.wait(hours=1)
    world.deliver(change, import_from=import_from)
    written = len(world.writes())
    for hours in (1, 25):
        world.hands.wait(hours=hours)
        assert outcomes(world.deliver(change, import_from=1000)) == ["unchanged"]
    assert len(world.writes()) == written


def test_the_second_of_two_identical_deliveries_writes_nothing(world: World) -> None:
    changes = [
        world.customer("1", ANN, phone=PHONE, says=YES, sms=YES),
        world.customer("2", BOB, phone=OTHER_PHONE, says=NO, sms=SILENT),
        world.customer("3", "cy@example.com", phone=PHONE, says=SILENT, sms=NO),
        world.customer("4", None, phone="+4915111111111", sms=NO),
        world.order("100", "dee@example.com", ticked=True),
    ]
    world.deliver(*changes, import_from=1)
    world.hands.wait(hours=1)
    world.deliver(*changes, import_from=1)
    written = len(world.writes())
    for import_from in (1, 1000):
        world.hands.wait(hours=25)
        assert set(outcomes(world.deliver(*changes, import_from=import_from))) == {"unchanged"}
    assert len(world.writes()) == written
