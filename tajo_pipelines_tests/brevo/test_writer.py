"""Whole deliveries to a running twin; each test is named after the complaint that it keeps away."""

from __future__ import annotations

from typing import Any

import pytest

from tajo_pipelines.brevo.consent_door import OnUnknown
from tajo_pipelines.model.consent import Channel, State
from tajo_pipelines_tests.brevo.account_world import ALL, NO, SILENT, SUBS_A, SUBS_B, YES, Says, World, outcomes

ANN, BOB = "ann@example.com", "bob@example.com"
PHONE, OTHER_PHONE = "+4915112345678", "+4915187654321"
PATHS = pytest.mark.parametrize("import_from", [1, 1000], ids=["import", "single"])


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


def test_a_person_unknown_before_is_freed_once_by_a_yes_of_any_age(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=SILENT))
    world.hands.wait(hours=1)
    for _ in range(2):
        world.deliver(world.customer("1", ANN, says=YES))
        world.hands.wait(hours=1)
    assert world.mailable(ANN)
    assert world.lists(ANN) == {ALL, SUBS_A}
    assert world.mark(ANN) == ""
    assert len(world.freed_by_us()) == 1


def test_whoever_objected_in_the_shop_and_says_yes_there_is_freed(world: World) -> None:
    for cycle in range(3):
        world.deliver(world.customer("1", ANN, says=Says(State.DENIED, world.hands.moment)))
        assert not world.mailable(ANN)
        world.hands.wait(hours=1)
        world.deliver(world.customer("1", ANN, says=Says(at=world.hands.moment)))
        assert world.mailable(ANN), cycle
        assert world.lists(ANN) == {ALL, SUBS_A}
        world.hands.wait(hours=1)
    assert len(world.freed_by_us()) == 3


def test_a_block_that_was_ours_long_ago_isnt_taken_for_an_admins(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=SILENT))
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=Says(at=world.hands.moment)))
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=Says(State.DENIED, world.hands.moment)))
    assert not world.mailable(ANN)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=Says(at=world.hands.moment)))
    assert world.mailable(ANN)


def test_a_confirmed_yes_after_leaving_at_brevo_frees_and_a_plain_one_is_a_letter(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES))
    world.hands.wait(hours=1)
    world.change("unsubscribe", email=ANN)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=Says(at=world.hands.wait(minutes=-30))))
    assert not world.mailable(ANN)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=Says(at=world.hands.moment)))
    assert not world.mailable(ANN)
    assert ("1", "opt_in_after_objection", "email") in world.letters()
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=Says(at=world.hands.moment, confirmed=True)))
    assert world.mailable(ANN)
    assert world.lists(ANN) == {ALL, SUBS_A}
    assert not world.letters()


def test_a_confirmed_yes_between_leaving_and_the_reading_of_it_counts(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES))
    world.hands.wait(hours=1)
    world.change("unsubscribe", email=ANN)
    at = world.hands.wait(hours=1)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=Says(at=at, confirmed=True)))
    assert world.mailable(ANN)


@pytest.mark.parametrize("channel", list(Channel))
def test_whoever_leaves_again_after_being_freed_stays_out(world: World, channel: Channel) -> None:
    def says(said: Says) -> dict[str, Any]:
        return {"says": said, "sms": said}

    world.deliver(world.customer("1", ANN, phone=PHONE, **says(YES)))
    world.hands.wait(hours=1)
    world.change("unsubscribe", email=ANN, channel=channel.value)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, phone=PHONE, **says(YES)))
    world.hands.wait(hours=1)
    yes = says(Says(at=world.hands.moment, confirmed=True))
    world.deliver(world.customer("1", ANN, phone=PHONE, **yes))
    assert world.mailable(ANN, channel)
    world.hands.wait(hours=1)
    world.change("unsubscribe", email=ANN, channel=channel.value)
    world.hands.wait(hours=1)
    for force in (False, True):
        world.deliver(world.customer("1", ANN, phone=PHONE, **yes), force=force)
        assert not world.mailable(ANN, channel)
    assert len(world.freed_by_us()) == 1


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


def test_renamed_and_freed_in_one_go(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=SILENT))
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", BOB, says=YES))
    assert world.mailable(BOB)
    assert world.lists(BOB) == {ALL, SUBS_A}
    assert world.mark(BOB) == ""
    assert [entry["by"] for entry in world.journal("freed")] == ["api"]


def test_a_changed_address_of_a_contact_that_was_deleted_still_gets_in(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES))
    world.hands.wait(hours=1)
    world.change("delete_contact", email=ANN)
    world.hands.wait(hours=25)
    world.deliver()
    world.hands.wait(hours=1)
    assert outcomes(world.deliver(world.customer("1", BOB, says=YES))) == ["sent"]
    assert world.mailable(BOB)


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


def test_a_no_by_one_of_two_who_share_a_phone_blocks_the_phone(world: World) -> None:
    world.deliver(world.customer("1", ANN, phone=PHONE, says=YES, sms=YES))
    world.hands.wait(hours=1)
    world.deliver(world.customer("2", BOB, phone=PHONE, says=YES, sms=NO))
    assert not world.mailable(ANN, Channel.SMS)
    assert world.mailable(ANN)


@PATHS
def test_a_deleted_contact_comes_back_without_its_block_only_if_granted(world: World, import_from: int) -> None:
    world.deliver(world.customer("1", ANN, says=YES), world.customer("2", BOB, says=SILENT))
    world.hands.wait(hours=1)
    world.change("unsubscribe", email=ANN)
    world.hands.wait(hours=1)
    world.deliver()
    for email in (ANN, BOB):
        world.change("delete_contact", email=email)
    for hours in (1, 25):
        world.hands.wait(hours=hours)
        world.deliver(
            world.customer("1", ANN, says=YES, name=f"A{hours}"),
            world.customer("2", BOB, says=SILENT, name=f"B{hours}"),
            import_from=import_from,
        )
        assert not world.mailable(ANN)
        assert not world.mailable(BOB)


@PATHS
def test_whoever_said_yes_and_was_deleted_is_whole_again(world: World, import_from: int) -> None:
    world.deliver(world.customer("1", ANN, says=YES))
    world.hands.wait(hours=1)
    world.change("delete_contact", email=ANN)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=YES, name="A"), import_from=import_from)
    world.hands.wait(hours=25)
    world.deliver(world.customer("1", ANN, says=YES, name="A"), import_from=import_from)
    assert world.mailable(ANN)
    assert world.lists(ANN) == {ALL, SUBS_A}


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


def test_the_mark_names_what_stays_blocked_when_another_channel_is_freed(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=SILENT))
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, phone=PHONE, says=YES, sms=SILENT))
    assert world.mailable(ANN)
    assert not world.mailable(ANN, Channel.SMS)
    assert world.mark(ANN).startswith("sms:unknown@")
    world.lose_store()
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, phone=PHONE, says=YES, sms=YES))
    assert world.mailable(ANN, Channel.SMS)


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


def test_a_list_that_somebody_left_is_never_joined_again(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES), world.customer("2", BOB, says=YES))
    world.hands.wait(hours=1)
    world.change("list_unsubscribe", email=ANN, list=SUBS_A)
    world.change("list_unsubscribe", email=BOB, list=ALL)
    for import_from, force in ((1, False), (1000, True), (1, True)):
        world.hands.wait(hours=1)
        world.deliver(
            world.customer("1", ANN, says=YES, name=f"A{import_from}"),
            world.customer("2", BOB, says=YES, name=f"B{import_from}"),
            import_from=import_from,
            force=force,
        )
    assert not world.journal("relisted")
    assert world.mailable(ANN)
    assert world.lists(ANN) == {ALL}
    assert world.lists(BOB) == {SUBS_A}


def test_whoever_joins_while_an_import_runs_isnt_blocked_by_it(world: World) -> None:
    world.meanwhile.append(lambda: world.change("create_contact", email=ANN, double=True))
    world.deliver(world.customer("1", ANN, phone=PHONE, says=SILENT), import_from=1)
    assert world.mailable(ANN)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, phone=PHONE, says=SILENT), import_from=1)
    assert world.mailable(ANN)
    assert not world.mailable(ANN, Channel.SMS)


def test_whoever_leaves_while_an_import_runs_stays_out(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES))
    world.hands.wait(hours=1)
    world.meanwhile.append(lambda: world.change("unsubscribe", email=ANN))
    world.deliver(world.customer("1", ANN, says=YES, name="A"), import_from=1)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=YES, name="B"), import_from=1)
    assert not world.mailable(ANN)


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


@PATHS
def test_a_ticked_box_at_the_checkout_of_a_guest_is_a_yes(world: World, import_from: int) -> None:
    world.deliver(world.order("100", ANN, ticked=True), world.order("101", BOB, ticked=False), import_from=import_from)
    assert world.mailable(ANN)
    assert world.lists(ANN) == {ALL, SUBS_A}
    assert not world.mailable(BOB)


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


def test_an_import_of_opt_ins_doesnt_free_more_than_a_hundred_a_day(world: World) -> None:
    people = [f"p{number}@example.com" for number in range(6)]
    at = world.hands.moment
    world.deliver(*(world.customer(email, email, says=Says(State.DENIED, at)) for email in people))
    world.hands.wait(hours=1)
    yes = Says(at=world.hands.moment)

    def resync() -> int:
        world.deliver(*(world.customer(email, email, says=yes) for email in people), freed_per_day=4)
        return sum(world.mailable(email) for email in people)

    assert resync() == 4
    assert [reason for _, reason, _ in world.letters()] == ["many_opt_ins"] * 2
    written = len(world.writes())
    assert resync() == 4
    assert len(world.writes()) == written
    world.hands.wait(hours=25)
    assert resync() == 6
    assert not world.letters()


def test_people_who_were_only_unknown_arent_counted_against_the_hundred(world: World) -> None:
    people = [f"p{number}@example.com" for number in range(4)]
    world.deliver(*(world.customer(email, email, says=SILENT) for email in people))
    world.hands.wait(hours=1)
    world.deliver(*(world.customer(email, email, says=YES) for email in people), freed_per_day=1)
    assert all(world.mailable(email) for email in people)


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
