"""Writes of one contact at a time: freeing, renames, contacts that turn out to be others."""

from __future__ import annotations

from typing import Any

import pytest

from tajo_pipelines.brevo.consent_door import OnUnknown
from tajo_pipelines.model.consent import Channel, State
from tajo_pipelines_tests.brevo.account_world import (
    ALL,
    ANN,
    BOB,
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


def test_whoever_joins_between_the_reading_and_the_write_isnt_blocked(world: World) -> None:
    writer = world.writer()
    writer.prepare()
    world.change("create_contact", email=ANN)
    assert outcomes(writer.write([world.customer("1", ANN, says=SILENT)])) == ["sent"]
    assert world.mailable(ANN)
    assert world.lists(ANN) == {ALL}
    assert world.mark(ANN) == ""


def test_whoever_joins_and_leaves_between_the_reading_and_the_write_isnt_freed(world: World) -> None:
    writer = world.writer()
    writer.prepare()
    world.change("create_contact", email=ANN, attributes={"SMS": PHONE}, smsBlacklisted=True)
    writer.write([world.customer("1", ANN, phone=PHONE, says=YES, sms=YES)])
    assert not world.mailable(ANN, Channel.SMS)
    assert world.mailable(ANN)


def test_whoever_opts_in_between_the_reading_and_the_freeing_isnt_freed_again(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=SILENT))
    world.hands.wait(hours=1)
    writer = world.writer()
    writer.prepare()
    world.change("opt_in", email=ANN)
    writer.write([world.customer("1", ANN, says=YES)])
    assert world.mailable(ANN)
    assert world.lists(ANN) == {ALL, SUBS_A}
    assert world.mark(ANN) == ""
    assert not world.freed_by_us()


def test_whoever_is_renamed_between_the_reading_and_the_freeing_isnt_freed_under_the_new_address(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=SILENT))
    world.hands.wait(hours=1)
    writer = world.writer()
    writer.prepare()
    world.change("rename_contact", email=ANN, to=BOB)
    writer.write([world.customer("1", ANN, says=YES)])
    assert not world.mailable(BOB)
    assert world.mailable(ANN)


def test_a_contact_that_is_deleted_between_the_reading_and_the_freeing_is_made_anew(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=SILENT))
    world.hands.wait(hours=1)
    writer = world.writer()
    writer.prepare()
    world.change("delete_contact", email=ANN)
    assert outcomes(writer.write([world.customer("1", ANN, says=YES)])) == ["sent"]
    assert world.mailable(ANN)
    assert world.lists(ANN) == {ALL, SUBS_A}


def test_a_number_that_somebody_took_meanwhile_stays_out_of_an_update_and_a_rename(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES), world.customer("2", "cy@example.com", says=YES))
    world.hands.wait(hours=1)
    writer = world.writer()
    writer.prepare()
    world.change("create_contact", email="dee@example.com", attributes={"SMS": PHONE})
    told = writer.write(
        [
            world.customer("1", BOB, phone=PHONE, says=YES),
            world.customer("2", "cy@example.com", phone=OTHER_PHONE, says=YES, name="Cyd"),
        ]
    )
    assert outcomes(told) == ["sent", "sent"]
    assert world.contact(ANN) is None
    assert world.mailable(BOB)
    assert world.letters() == [("1", "duplicate_phone", "SMS")]
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", BOB, says=YES))
    assert not world.letters()


def test_a_policy_that_skips_strangers_doesnt_make_a_deleted_one_anew(world: World) -> None:
    world.deliver(world.customer("1", ANN, phone=PHONE, says=SILENT))
    world.hands.wait(hours=1)
    writer = world.writer(on_unknown=OnUnknown.SKIP)
    writer.prepare()
    world.change("delete_contact", email=ANN)
    assert outcomes(writer.write([world.customer("1", BOB, says=SILENT)])) == ["skipped"]
    assert world.contact(BOB) is None


def test_an_objection_that_statistics_show_while_freeing_leaves_the_list_too(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=Says(State.DENIED, world.hands.moment)))
    world.hands.wait(hours=1)
    world.change("opt_in", email=ANN)
    world.change("unsubscribe", email=ANN, cause="complaint")
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=Says(at=world.hands.moment)))
    assert not world.mailable(ANN)
    assert world.lists(ANN) == {ALL}
    assert not world.freed_by_us()
