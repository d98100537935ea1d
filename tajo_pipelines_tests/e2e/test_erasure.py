"""An erased person is found nowhere, doesn't come back, and whoever has the address later is somebody else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines.model.errors import TajoError
from tajo_pipelines.model.window import format_time
from tajo_pipelines.store.erasing import Erasing
from tajo_pipelines.store.inbox import DeliveryFilter, DeliveryState
from tajo_pipelines.store.letters import LetterState
from tajo_pipelines.sync import landing, privacy
from tajo_pipelines.sync.erasing_by_hand import erase_by_hand
from tajo_pipelines.sync.erasure import Eraser
from tajo_pipelines.sync.identification import Asked
from tajo_pipelines_tests.e2e.conftest import Build
from tajo_pipelines_tests.e2e.erasures import EMAIL, FIRST, KEY, LAST, PHONE, World, furnish, leave_more, received
from tajo_pipelines_tests.e2e.killed import PATIENCE, processes
from tajo_pipelines_tests.e2e.project import hurry, mailable, workspace_of
from tajo_pipelines_tests.e2e.test_secrecy import command

STEPS = ("_contacts", "_orders", "_landing", "_tables", "_files", "_end")


@pytest.fixture
def world(build: Build) -> World:
    """One person's traces in every place."""
    world = furnish(build(customers=12))
    world.sync("full")
    leave_more(world)
    return world


def later(minutes: int = 60) -> str:
    return format_time(datetime.now(UTC) + timedelta(minutes=minutes))


def receipts(world: World) -> list[dict[str, Any]]:
    with world.project.workspace() as workspace:
        return [{"kind": each.kind.value, **each.doc} for each in workspace.store.receipts.list()]


def test_an_erased_person_is_found_nowhere_and_a_full_read_does_not_bring_them_back(build: Build) -> None:
    world = furnish(build(customers=30))
    code, out, err = command(world.project, "connectors", "sync", "shopify", "--full", "--json")
    assert code == 0, out + err
    leave_more(world)
    found = {place.rpartition(": ")[2] for place, _ in world.search()}
    assert found >= {"ledger_contacts", "consent_facts", "picture", "deliveries", "rows"}
    delivered = world.redact()
    assert delivered.inbox is not None
    assert delivered.inbox.deliveries == 1
    assert delivered.notices == []
    assert world.contact() is None
    assert world.search() == []
    [receipt] = receipts(world)
    assert receipt["files_swept"] is True
    gone = receipt["gone"]
    assert (gone["brevo: contacts"], gone["brevo: orders overwritten"], gone["landing: records"]) == (1, 2, 4)
    assert {left["what"] for left in receipt["left"]} == {"orders", "events"}
    for number in world.orders:
        order = world.project.orders()[number]
        assert not order.get("identifiers")
        assert set(order["billing"].values()) <= {""}
    ran = world.sync("full")
    assert (ran.customers.skipped["erased"], ran.orders.skipped["erased"]) == (1, 2)
    assert world.contact() is None
    assert world.search() == []


def test_deliveries_of_others_stay_and_the_asking_one_is_done(world: World) -> None:
    world.redact()
    with world.project.workspace() as workspace:
        inbox = workspace.store.inbox
        kept = {each.delivery_id: each for each in inbox.list(DeliveryFilter())}
        bodies = {name: inbox.get(each.id) for name, each in kept.items()}
        letters = workspace.store.letters.count(states=tuple(LetterState))
    assert kept["redact-1"].state is DeliveryState.DONE
    assert {name for name, found in bodies.items() if found is not None and found.body} == {"d-4"}
    assert kept["d-1"].state is DeliveryState.PENDING
    assert kept["d-1"].topic == "orders/create"
    assert letters == 0


def test_nobody_but_the_person_is_touched(world: World) -> None:
    before = world.project.contacts()
    world.redact()
    after = world.project.contacts()
    assert before.keys() - after.keys() == {EMAIL.lower()}
    ran = world.sync("full")
    assert ran.customers.sent == 0
    assert ran.orders.sent == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_erasure_that_is_cut_short_is_ended_by_the_next_run(
    world: World, when: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(world.project.home, tmp_path / "before")
    for step in STEPS:
        shutil.rmtree(world.project.home)
        shutil.copytree(tmp_path / "before", world.project.home)
        with monkeypatch.context() as patch:
            cut(patch, step, when)
            with pytest.raises(KeyboardInterrupt):
                world.redact()
        assert_asked(world, DeliveryState.PENDING)
        world.sync()
        assert world.search_but("redact-1") == [], step
        again = world.work_off()
        assert again.inbox is not None
        assert again.inbox.deliveries == 1
        assert_asked(world, DeliveryState.DONE)
        assert world.search() == [], step
        assert world.contact() is None
        if step != "_contacts":
            assert any(receipt["gone"].get("store: ledger_contacts") == 1 for receipt in receipts(world)), step


def cut(patch: pytest.MonkeyPatch, step: str, when: str) -> None:
    """Stop an erasure before or after one of its steps."""
    real = getattr(Eraser, step)

    def stopped(self: Eraser, work: Any) -> Any:
        if when == "after":
            real(self, work)
        raise KeyboardInterrupt

    patch.setattr(Eraser, step, stopped)


def assert_asked(world: World, state: DeliveryState) -> None:
    with world.project.workspace() as workspace:
        workspace.store.inbox.requeue_expired()
        [asked] = workspace.store.inbox.list(DeliveryFilter(topic="customers/redact"))
    assert asked.state is state


def erase_and_die(folder: str, step: str) -> None:
    """What a process does that is killed in the middle of an erasure."""
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch, import_from=5)
        real = getattr(Eraser, step)

        def killed(self: Eraser, *given: Any) -> None:
            real(self, *given)
            os.kill(os.getpid(), signal.SIGKILL)

        patch.setattr(Eraser, step, killed)
        workspace = workspace_of(Path(folder))
        erase_by_hand(workspace, workspace.settings.accounts["default"], Asked(None, None, EMAIL).traces())


@pytest.mark.parametrize("step", ["_lay", "_landing", "_tables"])
def test_a_killed_erasure_goes_on_with_the_same_command(world: World, step: str) -> None:
    process = processes().Process(target=erase_and_die, args=(str(world.project.folder), step))
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == -signal.SIGKILL
    with world.project.workspace() as workspace:
        account = workspace.settings.accounts["default"]
        receipt, notices = erase_by_hand(workspace, account, Asked(None, None, EMAIL).traces())
        assert notices == []
        assert receipt.doc["files_swept"] is True
        assert len(workspace.store.receipts.list()) == 1
    assert world.search() == []
    assert world.contact() is None


@pytest.mark.parametrize("objected", [False, True], ids=["said yes", "had said no"])
def test_who_has_the_address_later_is_somebody_else(build: Build, objected: bool) -> None:
    world = furnish(build(customers=12), state="UNSUBSCRIBED" if objected else "SUBSCRIBED")
    world.sync("full")
    world.redact()
    twin = world.project.twin
    twin.change("shopify", "delete_customer", id=world.customer)
    fields = {"email": EMAIL, "firstName": "Berta", "createdAt": later()}
    old = "2026-02-01T10:00:00Z"
    state = {"email_state": "SUBSCRIBED", "email_level": "SINGLE_OPT_IN", "email_at": old}
    new = twin.change("shopify", "create_customer", fields=fields, **state)["customer"]
    world.sync("full")
    contact = world.contact()
    assert contact is not None
    assert contact["attributes"]["FIRSTNAME"] == "Berta"
    assert mailable(contact) is not objected
    # A yes that is newer than the erasure is the new person's own.
    twin.change("shopify", "set_consent", id=new["id"], channel="email", state="SUBSCRIBED", at=later())
    world.sync("full")
    contact = world.contact()
    assert contact is not None
    assert mailable(contact)


def test_what_is_kept_of_a_person_is_told_and_goes_with_them(world: World) -> None:
    asked = world.named() | {"orders_requested": [], "data_request": {"id": 9001}}
    world.ask("customers/data_request", asked, "ask-1")
    world.ask("customers/data_request", asked, "ask-2")
    [receipt] = receipts(world)
    assert receipt["kind"] == "data_told"
    assert receipt["kept"]["records"] == 4
    assert receipt["kept"]["brevo"] == 1
    file = Path(receipt["file"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    told = json.loads(file.read_text("utf-8"))
    assert {record["stream"] for record in told["records"]} == {"customers", "orders", "carts"}
    assert FIRST in file.read_text("utf-8")
    world.redact()
    assert not file.exists()
    assert world.search() == []


def test_a_request_to_know_is_never_taken_for_one_to_erase(world: World) -> None:
    # The signature is over the body alone: somebody may send it again under another topic.
    world.ask("customers/redact", world.named() | {"orders_requested": [], "data_request": {"id": 1}}, "swapped-1")
    world.ask("shop/redact", world.named(), "swapped-2")
    assert world.contact() is not None
    assert receipts(world) == []


def test_a_merchant_who_leaves_takes_the_source_along(world: World) -> None:
    world.ask("shop/redact", {"shop_id": 1, "shop_domain": "tajo-demo.myshopify.com"}, "shop-1")
    assert world.contact() is not None
    kept = {place.rpartition(": ")[2] for place, _ in world.search() if ".db: " in place}
    assert kept <= {"picture", "picture_sources"}
    assert not list(world.project.home.rglob("*.parquet"))
    [receipt] = receipts(world)
    assert receipt["kind"] == "source_erased"
    assert receipt["gone"]["landing: files"] > 0
    with world.project.workspace() as workspace:
        assert workspace.store.batches.watermark("shopify", "customers") is None
        assert workspace.store.letters.count(states=tuple(LetterState)) == 0
        assert [each.topic for each in workspace.store.inbox.list(DeliveryFilter())] == ["shop/redact"]
    # Who had left stays blocked, should the shop come back.
    world.sync("full")
    assert [entry for entry in world.project.journal("freed") if entry["by"] == "api"] == []


def test_a_customer_deleted_in_the_shop_is_erased_where_that_is_configured(build: Build) -> None:
    world = furnish(build(customers=12, connection="    on_delete: erase"))
    world.sync("full")
    world.project.twin.change("shopify", "delete_customer", id=world.customer)
    ran = world.sync()
    assert ran.customers.deleted == 1
    assert world.contact() is None
    told = [kept["event"]["event_name"] for kept in world.project.twin.state("brevo")["events"]]
    assert "customer_deleted" not in told
    assert [place for place, _ in world.search() if "parquet" not in place] == []
    assert receipts(world)[0]["kind"] == "person_erased"
    assert world.sync().customers.deleted == 0


def test_without_the_key_erasing_is_refused_before_anything_is_touched(world: World) -> None:
    (world.project.folder / ".env").write_text("", encoding="utf-8")
    with pytest.raises(TajoError) as raised:
        world.redact()
    assert raised.value.code == "secret_key_missing"
    assert raised.value.exit_code == 3
    assert world.contact() is not None
    assert_asked(world, DeliveryState.PENDING)


def test_without_the_key_nobody_who_was_erased_slips_in(world: World) -> None:
    world.redact()
    (world.project.folder / ".env").write_text("", encoding="utf-8")
    assert world.project.try_sync("full").error is not None
    assert world.contact() is None
    (world.project.folder / ".env").write_text(f"TAJO_SECRET_KEY={KEY}\n", encoding="utf-8")
    world.sync("full")
    assert world.contact() is None


def test_who_is_erased_while_a_read_is_landed_is_not_in_its_files(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = landing._write
    turns: list[int] = []

    def written(*given: Any) -> Any:
        files = real(*given)
        turns.append(len(turns))
        if len(turns) == 1:
            # The file is written, and not yet part of the landing: that is when somebody is erased.
            world.redact()
        return files

    with monkeypatch.context() as patch:
        patch.setattr(landing, "_write", written)
        ran = world.sync("full")
    assert len(turns) > 1
    assert ran.customers.skipped["erased"] == 1
    assert world.contact() is None
    assert world.search() == []


def test_files_that_somebody_reads_are_swept_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(privacy, "sweep", lambda _database: "somebody reads it")
        delivered = world.redact()
    assert [notice.code for notice in delivered.notices] == ["files_not_swept"]
    assert receipts(world)[0]["files_swept"] is False
    world.sync()
    assert receipts(world)[0]["files_swept"] is True
    assert world.search() == []


def test_another_who_shares_the_number_keeps_it(build: Build) -> None:
    world = furnish(build(customers=12))
    fields = {"email": "spouse@example.com", "phone": PHONE, "firstName": "Sven", "note": f"asked for {EMAIL}"}
    world.project.twin.change("shopify", "create_customer", fields=fields, email_state="SUBSCRIBED", email_at=later(-9))
    world.sync("full")
    world.redact()
    assert world.contact() is None
    assert "spouse@example.com" in world.project.contacts()
    ran = world.sync("full")
    assert ran.customers.skipped["erased"] == 1
    assert LAST not in json.dumps(world.project.contacts())


def test_the_receipt_is_written_before_the_delivery_is_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_self: Erasing, *_given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Erasing, "finish", failing)
        with pytest.raises(KeyboardInterrupt):
            world.redact()
    assert receipts(world) == []
    assert_asked(world, DeliveryState.PENDING)


def test_what_comes_of_an_erased_person_later_is_not_kept_either(world: World) -> None:
    world.redact()
    body = {"id": int(world.customer), "email": EMAIL, "first_name": FIRST}
    with world.project.workspace() as workspace:
        workspace.store.inbox.append([received("d-9", "customers/update", "customers", world.customer, body)])
    assert world.search() != []
    delivered = world.work_off()
    assert delivered.report.skipped["erased"] == 1
    assert world.search() == []
