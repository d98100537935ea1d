"""Imports: what happens while they run, and what they leave alone."""

from __future__ import annotations

from tajo_pipelines.model.consent import Channel
from tajo_pipelines.model.ledger import PendingImport
from tajo_pipelines_tests.brevo.account_world import ALL, ANN, BOB, NO, PHONE, SILENT, SUBS_A, YES, World, outcomes


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


def test_whoever_joined_while_an_import_ran_gets_the_rest_with_the_next_delivery(world: World) -> None:
    world.meanwhile.append(lambda: world.change("create_contact", email=ANN))
    world.deliver(world.customer("1", ANN, says=YES, phone=PHONE, name="Anna"), import_from=1)
    world.hands.wait(hours=1)
    world.deliver(world.customer("1", ANN, says=YES, phone=PHONE, name="Anna"), import_from=1)
    found = world.contact(ANN)
    assert found is not None
    assert found["attributes"]["FIRSTNAME"] == "Anna"
    assert world.mailable(ANN)
    assert not world.mailable(ANN, Channel.SMS)
    assert world.lists(ANN) == {ALL, SUBS_A}


def test_a_process_that_brevo_has_forgotten_doesnt_stop_every_later_run(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES), import_from=1)
    pending = PendingImport(
        id="x", body_hash="", last_process=0, process_id=4711, rows=(), created_at=world.hands.ours()
    )
    world.state.save_import(pending)
    world.deliver()
    assert world.state.pending_imports() == []


def test_an_import_that_failed_leaves_a_letter_and_is_done_by_the_next_delivery(world: World) -> None:
    world.change("fail_imports", times=1)
    assert outcomes(world.deliver(world.customer("1", ANN, says=SILENT), import_from=1)) == ["failed"]
    assert world.letters() == [("1", "refused", None)]
    world.hands.wait(hours=1)
    assert outcomes(world.deliver(world.customer("1", ANN, says=SILENT), import_from=1)) == ["sent"]
    assert not world.mailable(ANN)
    assert not world.letters()


def test_a_no_that_an_import_couldnt_carry_blocks_all_the_same(world: World) -> None:
    world.deliver(world.customer("1", ANN, says=YES))
    world.hands.wait(hours=1)
    world.change("fail_imports", times=1)
    assert outcomes(world.deliver(world.customer("1", ANN, says=NO), import_from=1)) == ["failed"]
    assert not world.mailable(ANN)


def test_imports_that_run_side_by_side_are_looked_at_together(world: World) -> None:
    people = [
        world.customer(str(number), f"p{number}@example.com", says=(YES, NO, SILENT)[number % 3]) for number in range(9)
    ]
    assert outcomes(world.deliver(*people, import_from=1)) == ["sent"] * 9
    requests = world.client.usage.requests
    assert requests["POST /contacts/import"] == 3
    assert requests["GET /processes/{processId}"] == 0
    # The newest before the first import, then one look at all of them for each wait.
    assert requests["GET /processes"] == 3


def test_imports_that_a_kill_left_behind_are_looked_at_together(world: World) -> None:
    for number in (4711, 4712, 4713):
        world.state.save_import(
            PendingImport(
                id=f"x{number}", body_hash="", last_process=0, process_id=number, rows=(), created_at=world.hands.ours()
            )
        )
    world.deliver(world.customer("1", ANN, says=YES), import_from=1)
    assert world.state.pending_imports() == []
    assert world.mailable(ANN)
