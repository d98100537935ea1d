"""Imports: what happens while they run, and what they leave alone."""

from __future__ import annotations

from tajo_pipelines.model.consent import Channel
from tajo_pipelines_tests.brevo.account_world import ALL, ANN, BOB, PHONE, SILENT, SUBS_A, YES, World


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
