"""What readings of the account set right."""

from __future__ import annotations

from typing import Any

import pytest

from tajo_pipelines.model.consent import Channel, State
from tajo_pipelines_tests.brevo.account_world import ALL, ANN, BOB, NO, PATHS, PHONE, SILENT, SUBS_A, YES, Says, World


def test_a_no_by_one_of_two_who_share_a_phone_blocks_the_phone(world: World) -> None:
    world.deliver(world.customer("1", ANN, phone=PHONE, says=YES, sms=YES))
    world.hands.wait(hours=1)
    world.deliver(world.customer("2", BOB, phone=PHONE, says=YES, sms=NO))
    assert not world.mailable(ANN, Channel.SMS)
    assert world.mailable(ANN)


def test_a_reachable_contact_that_an_import_made_by_mistake_is_blocked_by_the_next_reading(world: World) -> None:
    world.change("create_contact", email=ANN)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=SILENT))
    world.change("delete_contact", email=ANN)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=SILENT, name="A"), import_from=1)
    world.hands.wait(hours=1)
    world.deliver()
    assert not world.mailable(ANN)
    assert "email:unknown@" in world.mark(ANN)


def test_somebody_else_who_makes_a_left_contact_anew_doesnt_resubscribe_it(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES))
    world.change("unsubscribe", email=ANN)
    world.hands.wait(hours=1)
    world.deliver()
    world.change("delete_contact", email=ANN)
    world.change("create_contact", email=ANN)
    world.hands.wait(hours=1)
    world.deliver()
    assert not world.mailable(ANN)


def test_a_double_opt_in_after_the_objection_is_left_alone(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=Says(State.DENIED, world.hands.moment)))
    world.change("delete_contact", email=ANN)
    world.hands.wait(hours=1)
    world.change("create_contact", email=ANN, double=True)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=Says(State.DENIED, world.hands.moment.replace(hour=12))))
    assert world.mailable(ANN)


def test_opting_in_at_brevo_lifts_what_brevo_carries(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=NO))
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=NO))
    world.hands.wait(hours=1)
    world.change("opt_in", email=ANN)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=NO, name="A"))
    assert world.mailable(ANN)
    world.deliver(world.customer("1", ANN, says=NO, name="A"), force=True)
    assert world.mailable(ANN)


def test_opting_in_at_brevo_before_the_block_was_read_back_doesnt_lift_the_shops_no(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=NO))
    world.hands.wait(hours=1)
    world.change("opt_in", email=ANN)
    world.hands.wait(hours=1)
    world.deliver()
    assert not world.mailable(ANN)


def test_a_contact_that_vanishes_while_the_account_is_corrected_stops_nothing(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=NO), world.customer("2", BOB, says=NO))
    for email in (ANN, BOB):
        world.change("delete_contact", email=email)
        world.change("create_contact", email=email)
    world.hands.wait(hours=1)
    block = world.client.request

    def request(method: str, template: str, **more: Any) -> Any:
        if method == "PUT" and world.contact(ANN) is not None:
            world.change("delete_contact", email=ANN)
        return block(method, template, **more)

    world.client.request = request  # type: ignore[method-assign]  # somebody deletes a contact just then
    world.deliver()
    assert not world.mailable(BOB)


def test_a_reading_counts_only_once_its_corrections_are_made(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=NO))
    world.change("delete_contact", email=ANN)
    world.change("create_contact", email=ANN)
    world.hands.wait(hours=1)
    world.twin.faults({"target": "brevo", "action": "status", "status": 400, "method": "PUT", "times": 1})
    with pytest.raises(Exception, match="400"):
        world.deliver()
    world.twin.faults()
    world.hands.wait(hours=1)
    world.deliver()
    assert not world.mailable(ANN)


def test_lost_store_doesnt_turn_our_block_into_their_objection(world: World) -> None:
    world.deliver(world.customer("1", ANN, phone=PHONE, says=SILENT))
    world.hands.wait(hours=1)
    world.lose_store()
    world.deliver(world.customer("1", ANN, phone=PHONE, says=YES, sms=YES))
    assert world.mailable(ANN)
    assert world.mailable(ANN, Channel.SMS)
    assert world.lists(ANN) == {ALL, SUBS_A}
    assert len(world.freed_by_us()) == 2


@PATHS
def test_lost_store_never_subscribes_who_left(world: World, import_from: int) -> None:
    world.deliver(world.customer("1", ANN, says=YES), world.customer("2", BOB, says=NO))
    world.hands.wait(hours=1)
    world.change("unsubscribe", email=ANN)
    world.hands.wait(hours=1)
    world.deliver()
    world.lose_store()
    world.deliver(world.customer("1", ANN, says=YES), import_from=import_from)
    world.deliver(world.customer("9", BOB, says=YES, connection="b"), import_from=import_from)
    assert not world.mailable(ANN)
    assert not world.mailable(BOB)


def test_lost_store_keeps_the_objection_of_a_contact_that_was_made_anew(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES))
    world.change("unsubscribe", email=ANN)
    world.hands.wait(hours=1)
    world.deliver()
    world.change("delete_contact", email=ANN)
    world.change("create_contact", email=ANN)
    world.hands.wait(hours=1)
    world.deliver()
    assert "email:denied:brevo@" in world.mark(ANN)
    world.lose_store()
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=YES))
    assert not world.mailable(ANN)


def test_lost_store_keeps_the_shops_no_to_somebody_who_was_unknown(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=SILENT))
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=NO))
    world.lose_store()
    world.hands.wait(hours=1)
    world.deliver(world.customer("9", ANN, says=YES, connection="b"))
    assert not world.mailable(ANN)


@pytest.mark.parametrize("channel", list(Channel))
def test_who_leaves_a_contact_made_anew_at_brevo_isnt_taken_for_somebody_unknown(
    world: World, channel: Channel
) -> None:
    world.deliver(world.customer("1", ANN, phone=PHONE, says=SILENT, sms=SILENT))
    world.hands.wait(hours=1)
    world.change("delete_contact", email=ANN)
    world.hands.wait(hours=1)
    world.change("create_contact", email=ANN, attributes={"SMS": PHONE})
    world.change("unsubscribe", email=ANN, channel=channel.value)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, phone=PHONE, says=YES, sms=YES))
    assert not world.mailable(ANN, channel)
    assert not world.freed_by_us()
