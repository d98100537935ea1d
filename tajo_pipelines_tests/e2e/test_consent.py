from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tajo_pipelines.twin.shopify.seed import stamp
from tajo_pipelines.twin.shopify.shop import seed_shop
from tajo_pipelines_tests.e2e.conftest import Build
from tajo_pipelines_tests.e2e.expectations import assert_consent_holds, expected
from tajo_pipelines_tests.e2e.project import Project, now

SHOP, LEFT = 80, 12
PEOPLE = ["customers"]
LOSING_THE_STORE = pytest.mark.parametrize("lose", [False, True], ids=["store kept", "store lost"])


def who_left(project: Project) -> list[str]:
    """Addresses that the shop calls subscribed and that left Brevo before the first run."""
    left = sorted(email for email, contact in project.contacts().items() if contact["emailBlacklisted"])
    assert len(left) == LEFT
    assert set(left) <= expected(project).granted
    return left


def welcome(project: Project) -> list[str]:
    """Addresses that said yes to the shop and that Brevo may mail."""
    held = project.contacts()
    return sorted(email for email in expected(project).granted if not held[email]["emailBlacklisted"])


def change_everyone(project: Project, name: str) -> None:
    for customer in project.people():
        project.twin.change("shopify", "update_customer", id=customer["id"], fields={"firstName": name})


def imported_rows(project: Project) -> int:
    return sum(process["row_count"] for process in project.twin.state("brevo")["processes"])


@LOSING_THE_STORE
def test_resync_never_subscribes(build: Build, lose: bool) -> None:
    project = build(customers=SHOP, options={"brevo_unsubscribed": seed_shop(SHOP).brevo_unsubscribed_emails(LEFT)})
    left = who_left(project)

    def step(run: Callable[[], Any]) -> None:
        if lose and (project.home / "tajo.db").exists():
            project.lose_store()
        run()
        assert_consent_holds(project, left)

    step(lambda: project.sync("full"))
    step(lambda: project.sync("full", force=True))
    change_everyone(project, "Alle")
    before = imported_rows(project)
    step(lambda: project.sync("full"))
    assert imported_rows(project) - before > SHOP // 2
    for number, email in enumerate(left[:4]):
        new = f"neu{number}@example.com"
        project.twin.change("shopify", "change_email", email=email, to=new)
        left[number] = new
    step(lambda: project.sync("full" if lose else "incremental"))
    step(lambda: project.sync("full", force=True))
    assert [entry["by"] for entry in project.journal("freed")] == []
    assert project.journal("deleted") == []


def test_a_changed_address_renames_the_contact_and_makes_no_second_one(build: Build) -> None:
    project = build(customers=40)
    project.sync("full")
    email = welcome(project)[0]
    before = project.contacts()
    project.twin.change("shopify", "change_email", email=email, to="Neue.Adresse@Example.com")
    project.sync("incremental")
    after = project.contacts()
    assert len(after) == len(before)
    assert after["neue.adresse@example.com"]["id"] == before[email]["id"]
    assert email not in after
    assert not after["neue.adresse@example.com"]["emailBlacklisted"]


def test_an_old_order_of_a_guest_does_not_bring_a_renamed_contact_s_old_address_back(build: Build) -> None:
    project = build()
    project.sync("full", streams=PEOPLE)
    email = welcome(project)[0]
    order = str(project.twin.change("shopify", "create_order", email=email)["order"]["id"])
    project.sync("incremental")
    project.twin.change("shopify", "change_email", email=email, to="neu@example.com")
    project.sync("incremental")
    ran = project.sync("full")
    assert email not in project.contacts()
    assert (ran.orders.sent, ran.writes) == (0, 0)
    assert project.orders()[order]["contact_id"] == project.contacts()["neu@example.com"]["id"]


@LOSING_THE_STORE
def test_unknown_ones_who_opt_in_later_are_freed_each_once(build: Build, lose: bool) -> None:
    project = build(customers=SHOP, options={"brevo_unsubscribed": seed_shop(SHOP).brevo_unsubscribed_emails(LEFT)})
    left = who_left(project)
    project.sync("full", streams=PEOPLE)
    blocked = {email for email, contact in project.contacts().items() if contact["emailBlacklisted"]}
    said_yes = project.twin.change("shopify", "opt_in", count=20)["emails"]
    late = [email for email in said_yes if email in blocked]
    assert len(late) >= 5
    if lose:
        project.lose_store()
    project.sync("full" if lose else "incremental", streams=PEOPLE)
    assert_consent_holds(project, left)
    for mode, force in (("full", False), ("full", True), ("incremental", False)):
        project.sync(mode, force=force, streams=PEOPLE)
    assert sorted(entry["email"] for entry in project.journal("freed")) == sorted(late)
    assert_consent_holds(project, left)
    marks = [project.contacts()[email]["attributes"].get("TAJO_BLOCKED", "") for email in late]
    assert [mark for mark in marks if "email:" in mark] == []


@LOSING_THE_STORE
def test_who_leaves_at_brevo_between_two_runs_stays_gone(build: Build, lose: bool) -> None:
    project = build(customers=40)
    project.sync("full", streams=PEOPLE)
    gone = welcome(project)[:3]
    for email, cause in zip(gone, ("user", "complaint", "hard_bounce"), strict=True):
        project.twin.change("brevo", "unsubscribe", email=email, cause=cause)
    if lose:
        project.lose_store()
    change_everyone(project, "Wieder")
    for force in (False, True):
        project.sync("full", force=force, streams=PEOPLE)
        held = project.contacts()
        assert [held[email]["emailBlacklisted"] for email in gone] == [True] * 3
    assert project.journal("freed") == []


@LOSING_THE_STORE
@pytest.mark.parametrize("cause", ["user", "complaint"])
def test_who_leaves_while_we_block_them_for_want_of_a_yes_stays_gone(build: Build, lose: bool, cause: str) -> None:
    project = build()
    project.sync("full", streams=PEOPLE)
    held = project.contacts()
    silent = [
        customer["email"].lower()
        for customer in project.people()
        if customer["emailValid"]
        and customer["emailState"] == "NOT_SUBSCRIBED"
        and customer["smsState"] != "SUBSCRIBED"
    ]
    email = next(email for email in silent if held[email]["emailBlacklisted"])
    project.twin.change("brevo", "unsubscribe", email=email, cause=cause)
    if lose:
        project.lose_store()
    at = stamp(now() + timedelta(seconds=5))
    project.twin.change("shopify", "set_consent", email=email, channel="email", state="SUBSCRIBED", at=at)
    project.sync("full", streams=PEOPLE)
    assert project.contacts()[email]["emailBlacklisted"]
    assert project.list_id() not in project.contacts()[email]["listIds"]


def test_who_leaves_in_the_shop_is_blocked_and_leaves_the_list(build: Build) -> None:
    project = build(customers=40)
    project.sync("full", streams=PEOPLE)
    email = welcome(project)[0]
    assert project.list_id() in project.contacts()[email]["listIds"]
    project.twin.change("shopify", "set_consent", email=email, channel="email", state="UNSUBSCRIBED")
    project.sync("incremental", streams=PEOPLE)
    assert project.contacts()[email]["emailBlacklisted"]
    assert project.list_id() not in project.contacts()[email]["listIds"]


def test_who_comes_back_in_the_shop_that_they_left_is_freed(build: Build) -> None:
    project = build(customers=40)
    project.sync("full", streams=PEOPLE)
    email = welcome(project)[0]
    for state, blocked, seconds in (("UNSUBSCRIBED", True, -60), ("SUBSCRIBED", False, -30)):
        at = stamp(now() + timedelta(seconds=seconds))
        project.twin.change("shopify", "set_consent", email=email, channel="email", state=state, at=at)
        project.sync("incremental", streams=PEOPLE)
        assert project.contacts()[email]["emailBlacklisted"] is blocked
    assert project.list_id() in project.contacts()[email]["listIds"]


def test_an_unticked_box_unsubscribes_nobody(build: Build) -> None:
    project = build(customers=40)
    project.sync("full", streams=PEOPLE)
    email = welcome(project)[0]
    project.twin.change("shopify", "create_order", email=email, accepts_marketing=False)
    project.sync("incremental")
    assert not project.contacts()[email]["emailBlacklisted"]
    assert project.list_id() in project.contacts()[email]["listIds"]


def test_who_left_one_list_at_brevo_is_not_put_on_it_again(build: Build) -> None:
    project = build(customers=40)
    project.sync("full", streams=PEOPLE)
    email = welcome(project)[0]
    project.twin.change("brevo", "list_unsubscribe", email=email, list=project.list_id())
    change_everyone(project, "Nochmal")
    for force in (False, True):
        project.sync("full", force=force, streams=PEOPLE)
        assert project.list_id() not in project.contacts()[email]["listIds"]
    assert project.journal("relisted") == []
