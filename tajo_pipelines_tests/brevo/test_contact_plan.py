"""Who a record speaks of, and what is asked of the write."""

from __future__ import annotations

import pytest

from tajo_pipelines.brevo.consent_door import OnUnknown
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
    SUBS_B,
    YES,
    Says,
    World,
    outcomes,
)


@PATHS
def test_a_changed_address_takes_its_objection_along(world: World, import_from: int) -> None:
    world.deliver(world.customer("1", ANN, says=YES))
    world.hands.wait(hours=1)
    world.change("unsubscribe", email=ANN)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", BOB, says=Says(at=world.hands.moment)), import_from=import_from)
    assert world.contact(ANN) is None
    assert world.contact(BOB) is not None
    assert not world.mailable(BOB)
    assert not world.journal("freed")


def test_a_changed_address_keeps_a_yes_mailable_and_is_one_contact(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES))
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", BOB, says=YES))
    assert world.contact(ANN) is None
    assert world.mailable(BOB)
    assert world.lists(BOB) == {ALL, SUBS_A}


def test_the_phone_of_a_subscriber_isnt_reachable_without_a_yes(world: World) -> None:
    world.deliver(world.customer("1", ANN, phone=PHONE, says=YES))
    assert world.mailable(ANN)
    assert not world.mailable(ANN, Channel.SMS)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, phone=OTHER_PHONE, says=YES))
    assert not world.mailable(ANN, Channel.SMS)


def test_a_changed_phone_takes_its_objection_along(world: World) -> None:
    world.deliver(world.customer("1", ANN, phone=PHONE, says=YES, sms=YES))
    world.hands.wait(hours=1)
    world.change("unsubscribe", email=ANN, channel="sms")
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, phone=OTHER_PHONE, says=YES, sms=Says(at=world.hands.moment)))
    assert not world.mailable(ANN, Channel.SMS)
    assert world.mailable(ANN)


def test_a_yes_joins_the_list_of_its_own_connection_alone(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES), world.customer("9", ANN, says=SILENT, connection="b"))
    assert world.lists(ANN) == {ALL, SUBS_A}
    world.hands.wait(hours=1)
    world.deliver(world.customer("9", ANN, says=YES, connection="b", name="A"))
    assert world.lists(ANN) == {ALL, SUBS_A, SUBS_B}


def test_a_no_in_one_shop_holds_against_a_plain_yes_in_another(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=NO))
    world.hands.wait(hours=1)
    world.deliver(world.customer("9", ANN, says=Says(at=world.hands.moment), connection="b"))
    assert not world.mailable(ANN)
    assert world.letters() == [("9", "opt_in_after_objection", "email")]
    world.hands.wait(hours=1)
    world.deliver(world.customer("9", ANN, says=Says(at=world.hands.moment, confirmed=True), connection="b"))
    assert world.mailable(ANN)
    assert world.lists(ANN) == {ALL, SUBS_B}


def test_a_no_that_a_newer_record_doesnt_repeat_still_counts(world: World) -> None:
    first = world.customer("1", ANN, says=NO)
    world.hands.wait(minutes=1)
    told = world.deliver(first, world.customer("1", ANN, says=SILENT))
    assert outcomes(told) == ["superseded", "sent"]
    world.hands.wait(hours=1)
    world.deliver(world.customer("9", ANN, says=YES, connection="b"))
    assert not world.mailable(ANN)


def test_an_old_record_that_comes_late_doesnt_outdo_a_newer_yes(world: World) -> None:
    old = world.customer("1", ANN, says=NO)
    world.hands.wait(minutes=10)
    yes = Says(at=world.hands.moment)
    world.hands.wait(minutes=10)
    world.deliver(world.customer("1", ANN, says=yes))
    late = world.customer("1", ANN, says=NO, updated=old.source_time)
    world.hands.wait(minutes=10)
    assert outcomes(world.deliver(late)) == ["superseded"]
    world.hands.wait(minutes=10)
    world.deliver(world.customer("1", ANN, says=yes))
    assert world.mailable(ANN)


@pytest.mark.parametrize("policy", [OnUnknown.SKIP, OnUnknown.UNLISTED])
def test_whoever_said_yes_is_mailable_though_the_phone_is_unknown(world: World, policy: OnUnknown) -> None:
    told = world.deliver(world.customer("1", ANN, phone=PHONE, says=YES), on_unknown=policy)
    assert outcomes(told) == ["sent"]
    assert world.mailable(ANN)
    assert world.lists(ANN) == {ALL, SUBS_A}
    assert not world.mailable(ANN, Channel.SMS)


def test_an_unlisted_stranger_stays_unlisted(world: World) -> None:
    for name in ("A", "A", "B"):
        world.deliver(world.customer("1", ANN, says=SILENT, name=name), on_unknown=OnUnknown.UNLISTED, import_from=1)
        assert world.lists(ANN) == set()
        assert not world.journal("blocked")
        world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=YES), on_unknown=OnUnknown.UNLISTED)
    assert world.lists(ANN) == {ALL, SUBS_A}


def test_a_skipped_stranger_gets_no_contact_and_is_one_once_they_say_yes(world: World) -> None:
    assert outcomes(world.deliver(world.customer("1", ANN, says=SILENT), on_unknown=OnUnknown.SKIP)) == ["skipped"]
    assert world.contact(ANN) is None
    world.hands.wait(hours=1)
    assert outcomes(world.deliver(world.customer("1", ANN, says=YES), on_unknown=OnUnknown.SKIP)) == ["sent"]
    assert world.mailable(ANN)


def test_a_changed_phone_of_two_shops_doesnt_go_to_and_fro(world: World) -> None:
    first = world.customer("1", ANN, phone=PHONE, says=YES)
    world.hands.wait(minutes=1)
    second = world.customer("9", ANN, phone=OTHER_PHONE, says=YES, connection="b")
    world.deliver(first, second)
    world.hands.wait(hours=1)
    world.deliver(first)
    written = len(world.writes())
    for _ in range(2):
        world.deliver(second)
        world.deliver(first)
    assert len(world.writes()) == written
