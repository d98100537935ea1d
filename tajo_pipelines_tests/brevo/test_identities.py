"""Which contact a record feeds."""

from __future__ import annotations

from tajo_pipelines_tests.brevo.account_world import ANN, BOB, OTHER_PHONE, PHONE, SILENT, YES, World, outcomes

CY = "cy@example.com"


def sources(world: World, email: str) -> set[str]:
    found = world.contact(email)
    return set() if found is None else set(str(found["attributes"].get("TAJO_SOURCES", "")).split())


def test_lost_store_still_renames_instead_of_making_a_second_contact(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES))
    world.lose_store()
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", BOB, says=YES))
    assert len(world.contacts()) == 1
    assert world.mailable(BOB)


def test_a_contact_that_others_feed_isnt_renamed_away_from_them(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES), world.customer("9", ANN, says=YES, connection="b"))
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", BOB, says=YES))
    assert world.mailable(ANN)
    assert world.mailable(BOB)
    assert sources(world, BOB) == {"a:1"}


def test_a_moved_record_takes_objections_along_where_no_contact_is_renamed(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES), world.customer("2", BOB, says=YES))
    world.hands.wait(hours=1)
    world.change("unsubscribe", email=ANN)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", BOB, says=YES))
    assert not world.mailable(BOB)


def test_addresses_that_are_passed_on_in_one_delivery_dont_merge_two_people(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES), world.customer("2", BOB, says=SILENT))
    world.hands.wait(hours=1)
    told = world.deliver(world.customer("1", BOB, says=YES), world.customer("2", CY, says=SILENT))
    assert outcomes(told) == ["sent", "sent"]
    assert "a:1" in sources(world, BOB)
    assert sources(world, CY) == {"a:2"}
    assert world.mailable(BOB)
    assert not world.mailable(CY)


def test_a_person_with_a_phone_alone_gets_an_address_later_and_stays_one_contact(world: World) -> None:
    world.deliver(world.customer("1", None, phone=PHONE, sms=YES))
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, phone=PHONE, says=SILENT, sms=YES))
    [contact] = world.contacts().values()
    assert contact["email"] == ANN
    assert not world.mailable(ANN)
    assert not contact["smsBlacklisted"]


def test_a_person_who_drops_the_address_stays_who_they_were(world: World) -> None:
    world.deliver(world.customer("1", ANN, phone=PHONE, says=YES))
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", None, phone=PHONE))
    assert len(world.contacts()) == 1
    assert world.mailable(ANN)


def test_what_the_ledger_holds_of_a_contact_that_only_its_phone_names_isnt_lost(world: World) -> None:
    world.deliver(world.customer("1", ANN, phone=PHONE, says=SILENT))
    world.change("set_attribute", email=ANN, name="SMS", value=OTHER_PHONE)
    world.hands.wait(hours=1)
    world.deliver(world.customer("2", None, phone=OTHER_PHONE, sms=SILENT, name="Anna"))
    entry = world.state.contacts([ANN])[ANN]
    assert entry.sources == {"a:1", "a:2"}
    assert set(entry.blocks) >= {"email"}


def test_lost_store_doesnt_take_an_old_address_for_the_last_one(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES), world.customer("9", ANN, says=YES, connection="b"))
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", BOB, says=YES))
    world.change("unsubscribe", email=ANN)
    world.lose_store()
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", BOB, says=YES))
    assert world.mailable(BOB)
