from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tajo_pipelines.brevo import limits
from tajo_pipelines.model.errors import RetryableError
from tajo_pipelines.sync import reading
from tajo_pipelines_tests.e2e.conftest import Build
from tajo_pipelines_tests.e2e.expectations import assert_consent_holds, expected
from tajo_pipelines_tests.e2e.project import Project, now
from tajo_pipelines_tests.e2e.test_consent import change_everyone, welcome

CONTACTS = {"target": "brevo", "path": "/contacts"}
GRAPHQL = {"target": "shopify", "path": "graphql"}


def assert_all_there(project: Project) -> None:
    wanted = expected(project)
    assert {email for email in project.contacts() if not email.endswith("@mailin-sms.com")} == wanted.emails
    assert set(project.orders()) == set(wanted.amounts)
    names = [entry["name"] for entry in project.twin.state("brevo")["lists"]]
    assert len(names) == len(set(names))


PASSING: dict[str, list[dict[str, Any]]] = {
    "Brevo answers 500 for a while": [{"target": "brevo", "status": 500, "times": 3, "after": 4}],
    "Brevo's gateway answers pages": [{"target": "brevo", "status": 502, "probability": 0.2, "times": 10, "seed": 1}],
    "the shop answers 500 for a while": [GRAPHQL | {"status": 500, "times": 3}],
    "Brevo answers 429 without saying for how long": [
        {"target": "brevo", "status": 429, "method": "POST", "path": "/contacts/import", "times": 1},
        {"target": "brevo", "status": 429, "method": "POST", "path": "/orders", "times": 1},
    ],
    "the shop answers 429": [GRAPHQL | {"status": 429, "times": 2}],
    "the shop's pages are torn": [GRAPHQL | {"action": "torn", "times": 3, "after": 1}],
    "Brevo's answers are torn": [CONTACTS | {"action": "torn", "method": "GET", "times": 2}],
    "writes are torn": [{"target": "brevo", "path": "/contacts$", "action": "torn", "method": "POST", "times": 3}],
    "connections break on both sides": [
        {"target": "brevo", "action": "reset", "method": "GET", "probability": 0.2, "times": 6},
        {"target": "shopify", "action": "reset", "times": 3},
    ],
    "the answer is lost after the effect": [
        {"target": "brevo", "path": "/contacts$", "method": "POST", "action": "after_effect_reset", "times": 4},
        {"target": "brevo", "path": "/orders/status/batch", "action": "after_effect_reset", "times": 1},
        {"target": "brevo", "path": "/contacts/lists$", "method": "POST", "action": "after_effect_status", "times": 1},
    ],
    "silence after the effect": [
        {
            "target": "brevo",
            "path": "/contacts$",
            "method": "POST",
            "action": "after_effect_timeout",
            "times": 2,
            "seconds": 0.2,
        }
    ],
    "everything is slow": [
        {"target": "brevo", "action": "slow", "seconds": 0.03, "times": 20},
        GRAPHQL | {"action": "slow", "seconds": 0.05},
    ],
}


@pytest.mark.parametrize("trouble", PASSING)
def test_trouble_that_passes_is_waited_out(build: Build, trouble: str) -> None:
    project = build(customers=30)
    project.twin.faults(*PASSING[trouble])
    ran = project.sync("full")
    assert any(rule["hits"] for rule in project.twin.state()["faults"])
    assert ran.customers.failed == ran.orders.failed == 0
    assert_all_there(project)


def test_limits_that_are_lower_than_we_thought_are_learned_and_kept(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = build(customers=40, options={"tier": "general"})
    monkeypatch.setitem(limits.TIERS, "extended", limits.TIERS["advanced"])
    ran = project.sync("full")
    assert_all_there(project)
    assert ran.streams["customers"].details["brevo"]["too_many"].get("contacts", 0) <= 1


def test_a_shop_that_throttles_is_asked_at_its_own_pace(build: Build) -> None:
    project = build(customers=40)
    project.twin.change("shopify", "set_rate", maximum=1000, restore_rate=100)
    project.twin.change("shopify", "drain_bucket")
    project.sync("full")
    assert_all_there(project)


@pytest.mark.parametrize("action", ["after_effect_reset", "reset"])
def test_an_import_whose_answer_is_lost_is_not_made_twice(build: Build, action: str) -> None:
    project = build(customers=30)
    project.twin.faults({"target": "brevo", "path": "/contacts/import", "action": action, "times": 1})
    first = project.try_sync("full")
    if first.error is not None:
        assert isinstance(first.error, RetryableError)
        project.sync("incremental")
    project.settle()
    assert_all_there(project)
    rows = sum(process["row_count"] for process in project.twin.state("brevo")["processes"])
    project.sync("full", force=True)
    assert rows <= len(expected(project).emails)


def test_a_shop_that_stays_away_is_one_sentence_and_nothing_is_lost(build: Build) -> None:
    project = build(customers=150, connection="    patience: 1")
    project.twin.faults(GRAPHQL | {"status": 500, "after": 1})
    ran = project.try_sync("full")
    assert isinstance(ran.error, RetryableError)
    assert "500" in str(ran.error)
    assert ran.streams["customers"].status == "failed"
    project.twin.faults()
    project.sync("full")
    assert_all_there(project)


def test_an_interrupted_full_read_goes_on_from_its_last_landed_page(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH_ROWS", 1)
    project = build(customers=300, connection="    patience: 1")
    project.twin.faults(GRAPHQL | {"action": "reset", "body": "Customers", "after": 2})
    broken = project.try_sync("full", streams=["customers"])
    landed = broken.streams["customers"].details["landed"]["rows"]
    assert 0 < landed < 300
    project.twin.faults()
    resumed = project.sync("full", streams=["customers"])
    assert resumed.streams["customers"].details["landed"]["rows"] == 300 - landed
    assert resumed.customers.read == 300
    anew = project.sync("full", streams=["customers"])
    assert anew.streams["customers"].details["landed"]["rows"] == 300
    assert (anew.customers.read, anew.customers.sent) == (300, 0)


def test_an_interrupted_full_read_is_too_old_after_a_day(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH_ROWS", 1)
    project = build(customers=150, connection="    patience: 1")
    project.twin.faults(GRAPHQL | {"action": "reset", "body": "Customers", "after": 2})
    broken = project.try_sync("full", streams=["customers"])
    assert broken.error is not None
    project.twin.faults()
    project.now = lambda: now() + timedelta(hours=25)
    anew = project.sync("full", streams=["customers"])
    assert anew.streams["customers"].details["landed"]["rows"] == 150


def test_what_was_landed_before_brevo_went_away_is_delivered_later(build: Build) -> None:
    project = build(customers=30)
    project.twin.faults({"target": "brevo", "path": "/contacts$", "method": "GET", "status": 403})
    assert project.try_sync("full").error is not None
    project.twin.faults()
    healed = project.sync("incremental")
    assert healed.customers.read >= 30
    assert_all_there(project)


def test_a_customer_of_ten_megabytes_is_read_landed_and_delivered(build: Build) -> None:
    project = build(customers=30)
    email = sorted(expected(project).granted)[0]
    note = "Ä" * 10_000_000
    project.twin.change("shopify", "update_customer", email=email, fields={"note": note, "firstName": "Lang"})
    project.sync("full")
    assert_all_there(project)
    assert project.contacts()[email]["attributes"]["FIRSTNAME"] == "Lang"


@pytest.mark.parametrize("minutes", [-2, 2])
def test_a_clock_two_minutes_off_loses_nothing_and_frees_nobody(build: Build, minutes: int) -> None:
    project = build(customers=40)
    ours = timedelta(minutes=minutes)

    def skewed() -> datetime:
        return now() + ours

    project.now = skewed
    left = [email for email, contact in project.contacts().items() if contact["emailBlacklisted"]]
    project.sync("full")
    assert_consent_holds(project, left)
    gone = welcome(project)[0]
    project.twin.change("brevo", "unsubscribe", email=gone)
    late = project.twin.change("shopify", "opt_in", count=3)["emails"]
    change_everyone(project, "Zeit")
    project.sync("incremental")
    # With a clock behind the shop's, the window ends before the change; the next run after it sees it.
    project.now = lambda: now() + timedelta(minutes=3)
    project.sync("incremental")
    assert_consent_holds(project, [*left, gone])
    assert {project.contacts()[email]["emailBlacklisted"] for email in late} == {False}
    names = {contact["attributes"].get("FIRSTNAME") for contact in project.contacts().values() if contact["listIds"]}
    assert "Zeit" in names
    assert json.dumps(sorted(project.orders())) == json.dumps(sorted(expected(project).amounts))
