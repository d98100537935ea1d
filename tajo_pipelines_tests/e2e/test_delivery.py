"""Which batches are delivered when, and people of whom nothing is known under each of the account's policies."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tajo_pipelines.model.errors import ContractError
from tajo_pipelines.store.leases import Lease, LeaseLost
from tajo_pipelines.sync import delivery, landing
from tajo_pipelines.sync.delivery import deliver
from tajo_pipelines.sync.outcome import Delivered
from tajo_pipelines.sync.reading import Reading, ReadMode, ReadRequest
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines_tests.e2e.conftest import Build
from tajo_pipelines_tests.e2e.expectations import expected
from tajo_pipelines_tests.e2e.project import Project, now


def delivered(project: Project, stream: str = "customers", *, replay: bool = False) -> Delivered:
    """Deliver without reading."""
    with project.workspace() as workspace:
        today = workspace.now().date()
        batches = workspace.store.batches
        chosen = tuple(batches.in_days("shopify", stream, today, today)) if replay else None
        result = Delivered()
        deliver(workspace, DeliveryRequest("shopify", stream, "by hand", replay=chosen), result)
    return result


def land_only(project: Project, stream: str = "customers") -> None:
    with project.workspace() as workspace:
        request = ReadRequest("shopify", stream, ReadMode.FULL, f"land {now().isoformat()}")
        landing.land(workspace, Reading(workspace, request), landing.Landed())


def test_every_undelivered_batch_goes_whatever_its_day_and_just_once(build: Build) -> None:
    project = build(customers=30)
    project.now = lambda: now() - timedelta(days=3)
    land_only(project)
    project.now = None
    first = delivered(project)
    assert (first.report.read, first.batches) == (30, 1)
    assert first.report.sent == first.report.mapped
    again = delivered(project)
    assert (again.report.read, again.batches) == (0, 0)


def test_a_replay_takes_its_own_days_again_through_today_s_mapping(build: Build) -> None:
    project = build(customers=30)
    project.sync("full", streams=["customers"])
    assert delivered(project, replay=True).report.unchanged == delivered(project, replay=True).report.mapped
    file = project.folder / "config" / "connectors.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("first_name: FIRSTNAME, last_name: LASTNAME", "last_name: FIRSTNAME"), encoding="utf-8"
    )
    mark = project.last_call()
    assert delivered(project, replay=True).report.sent > 10
    assert project.twin.calls("shopify", mark) == []
    email = sorted(expected(project).granted)[0]
    [customer] = [each for each in project.people() if (each["email"] or "").lower() == email]
    assert project.contacts()[email]["attributes"]["FIRSTNAME"] == customer["lastName"]


def test_a_lost_landing_costs_a_read_and_nothing_else(build: Build) -> None:
    project = build(customers=30)
    land_only(project)
    for file in project.home.rglob("*.parquet"):
        file.unlink()
    with pytest.raises(ContractError, match="gone from storage"):
        delivered(project)


def test_batches_are_worked_off_in_parts_that_fit_into_memory(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "CHUNK", 30)
    project = build(customers=30)
    for _ in range(3):
        land_only(project)
    result = delivered(project)
    assert (result.report.read, result.batches) == (90, 3)
    assert result.report.unchanged == 2 * result.report.sent


def test_a_process_that_lost_the_account_to_another_one_writes_no_further(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "CHUNK", 30)
    project = build(customers=30)
    for _ in range(2):
        land_only(project)
    checked: list[str] = []

    def lost_at_the_second(lease: Lease) -> None:
        checked.append(lease.name)
        if len(checked) > 1:
            raise LeaseLost("it wasn't heard of and lost its place")

    with monkeypatch.context() as patch:
        patch.setattr(Lease, "check", lost_at_the_second)
        with pytest.raises(LeaseLost):
            delivered(project)
    assert delivered(project).batches == 1


def quiet(project: Project) -> set[str]:
    """Addresses of people of whom neither a yes to any channel nor a no to e-mail is known."""
    silent = {
        customer["email"].lower()
        for customer in project.people()
        if customer["emailValid"]
        and customer["emailState"] in ("NOT_SUBSCRIBED", "PENDING")
        and customer["smsState"] != "SUBSCRIBED"
    }
    return silent - expected(project).yeses


def test_by_default_the_unknown_are_blocked_in_the_call_that_makes_them(build: Build) -> None:
    project = build()
    project.sync("full")
    held, subscribers = project.contacts(), project.list_id()
    assert quiet(project)
    for email in quiet(project):
        assert held[email]["emailBlacklisted"]
        assert subscribers not in held[email]["listIds"]
    moments = {entry["email"]: entry["at"] for entry in project.journal("created")}
    blocked = {entry["email"]: entry["at"] for entry in project.journal("blocked") if entry["channel"] == "email"}
    assert max(blocked[email] - moments[email] for email in quiet(project)) < 0.05


def test_unlisted_makes_them_without_list_and_without_block(build: Build) -> None:
    project = build(account="  unknown_on_create: unlisted")
    project.sync("full")
    held = project.contacts()
    for email in quiet(project):
        assert held[email]["listIds"] == []
        assert not held[email]["emailBlacklisted"]
    assert set(project.orders()) == set(expected(project).amounts)


def test_skip_leaves_them_out_with_all_their_orders(build: Build) -> None:
    project = build(account="  unknown_on_create: skip")
    ran = project.sync("full")
    held = project.contacts()
    assert ran.customers.skipped["unknown_consent"] > 0
    assert ran.orders.skipped["unknown_consent"] > 0
    assert [email for email in quiet(project) if email in held] == []
    orders = project.orders()
    assert {order["email"] for order in orders.values()} & quiet(project) == set()
    assert [order for order in orders.values() if order["contact_id"] is None] == []
    assert project.sync("full").writes == 0
