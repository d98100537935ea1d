"""Deliveries are found, shown without telling of people, and worked off again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tajo_pipelines.cli.webhook_bodies import shown_body
from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.settings import load_settings
from tajo_pipelines.store import Store
from tajo_pipelines.store.inbox import NewDelivery
from tajo_pipelines.sync.resting import Resting
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines_tests.cli.conftest import Project, Tajo

NOW = datetime.now(UTC)
BODY = {
    "id": 706405506930370084,
    "email": "bob@biller.com",
    "first_name": "Bob",
    "note": "This customer loves ice cream",
    "phone": "+16135551111",
    "total_spent": "212.40",
    "state": "enabled",
    "updated_at": "2026-11-24T08:00:00+01:00",
    "addresses": [{"zip": "K2H7A8", "city": "Ottawa", "phone": 16135551111}],
    "lines": [{"sku": "IPOD-342-N", "quantity": 2, "price": 9.5}],
}
PLANTED = ("bob", "Bob", "ice cream", "6135551111", "K2H7A8", "Ottawa")


@pytest.fixture
def store(project: Project) -> Iterator[Store]:
    workspace = Workspace(load_settings(project.folder, require_secrets=False))
    yield workspace.store
    workspace.close()


def tell(
    store: Store, number: int, *, topic: str = "customers/update", stream: str | None = "customers", **more: Any
) -> None:
    values: dict[str, Any] = {
        "connection": "shopify",
        "delivery_id": f"d-{number}",
        "topic": topic,
        "stream": stream,
        "key": str(number),
        "source_at": NOW - timedelta(minutes=10, seconds=number),
        "received_at": NOW - timedelta(minutes=9, seconds=number),
        "body": json.dumps(BODY).encode(),
    }
    store.inbox.append([NewDelivery(**values | more)])


def waited() -> float:
    """Seconds for which the oldest has waited now: this module may have been read a while ago."""
    return (datetime.now(UTC) - NOW).total_seconds() + 541


def work_off(store: Store, *, dead: bool = False) -> None:
    with store.inbox.lease("shopify", "customers", limit=1) as held:
        [item] = held.deliveries
        if dead:
            held.dead([item.delivery.id], "no shape of bob@biller.com")
        else:
            held.done([item.delivery.id], NOW)


def keys(tajo: Tajo, *options: str) -> list[str]:
    document = tajo("webhooks", "list", *options, "--json").document
    assert document["ok"], document["error"]
    return [each["key"] for each in document["deliveries"]]


def test_an_empty_inbox_is_no_error(project: Project, tajo: Tajo) -> None:
    document = tajo("webhooks", "list", "--json").document
    assert document["deliveries"] == []
    assert document["oldest_pending_s"] is None
    assert set(document["counts"].values()) == {0}
    assert "No deliveries." in tajo("webhooks", "list").out


def test_deliveries_are_listed_and_chosen(store: Store, tajo: Tajo) -> None:
    for number in (1, 2, 3):
        tell(store, number, topic=f"customers/{number}")
    tell(store, 4, stream=None, topic="themes/update")
    tell(store, 3)
    work_off(store)
    document = tajo("webhooks", "list", "--json").document
    assert document["counts"] == {"pending": 2, "leased": 0, "done": 1, "dead": 0, "ignored": 1}
    assert abs(document["oldest_pending_s"] - waited()) < 10
    done = document["deliveries"][-1]
    assert (done["state"], done["attempts"], done["lag_ms"], done["error"]) == ("done", 1, 601_000, None)
    assert [each["duplicates"] for each in document["deliveries"]] == [0, 1, 0, 0]
    assert keys(tajo) == ["4", "3", "2", "1"]
    assert keys(tajo, "--limit", "2") == ["4", "3"]
    assert keys(tajo, "--topic", "customers/2") == ["2"]
    assert keys(tajo, "--state", "done", "--state", "ignored") == ["4", "1"]
    assert keys(tajo, "--stream", "customers", "--key", "3") == ["3"]
    assert keys(tajo, "--since", "1m") == []
    assert len(keys(tajo, "--until", "1m", "--connection", "shopify")) == 4
    assert "2 pending, 1 done, 1 ignored" in tajo("webhooks", "list").out
    assert tajo("webhooks", "list", "--connection", "nobody").code == 3


def test_one_delivery_is_shown_and_its_person_is_not(store: Store, tajo: Tajo) -> None:
    tell(store, 1)
    work_off(store, dead=True)
    store.letters.write([Letter("shopify", "customers", "d-1", LetterKind.DELIVERY, "malformed", "why")], "run")
    [number] = [each["id"] for each in tajo("webhooks", "list", "--json").document["deliveries"]]
    ended = tajo("webhooks", "show", str(number), "--json")
    document = ended.document
    assert document["delivery"]["state"] == "dead"
    assert [each["reason"] for each in document["letters"]] == ["malformed"]
    assert (document["masked"], document["body"]["id"], document["body"]["state"]) == (True, BODY["id"], "enabled")
    assert document["body"]["total_spent"] == "212.40"
    for shown in (ended, tajo("webhooks", "show", str(number)), tajo("webhooks", "list")):
        assert not [text for text in PLANTED if text in shown.out]
    plain = tajo("webhooks", "show", str(number), "--unmasked", "--json").document
    assert plain["body"]["email"] == "bob@biller.com"
    assert not plain["masked"]


def test_a_body_that_is_no_json_is_shown_as_text(store: Store, tajo: Tajo) -> None:
    tell(store, 1, body=b"\xffhello bob@biller.com")
    [number] = [each["id"] for each in tajo("webhooks", "list", "--json").document["deliveries"]]
    shown = tajo("webhooks", "show", str(number), "--json").document["body"]
    assert shown.startswith("\\xffhello b***")
    assert shown_body(b"[" * 10_000, unmasked=True) == "[" * 10_000


def test_a_delivery_that_is_not_there_is_said_to_be_so(project: Project, tajo: Tajo) -> None:
    ended = tajo("webhooks", "show", "7", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (2, "no_delivery")


def test_what_is_chosen_is_worked_off_again(store: Store, tajo: Tajo) -> None:
    for number in (1, 2):
        tell(store, number)
    tell(store, 3, stream=None)
    work_off(store)
    work_off(store, dead=True)
    dry = tajo("webhooks", "replay", "--state", "dead", "--dry-run", "--json").document
    assert (dry["chosen"], dry["replayed"], dry["dry_run"]) == (1, 0, True)
    assert store.inbox.counts()["dead"] == 1
    assert tajo("webhooks", "replay", "--state", "dead", "--json").document["replayed"] == 1
    assert keys(tajo, "--state", "pending") == ["2"]
    assert tajo("webhooks", "replay", "--since", "1h").out == "2 deliveries wait again.\n"
    assert store.inbox.counts() == {"pending": 2, "leased": 0, "done": 0, "dead": 0, "ignored": 1}


def test_everything_is_replayed_only_if_one_says_so(store: Store, tajo: Tajo) -> None:
    tell(store, 1)
    work_off(store)
    ended = tajo("webhooks", "replay", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (2, "usage")
    assert store.inbox.counts()["pending"] == 0
    assert tajo("webhooks", "replay", "--dry-run", "--json").document["chosen"] == 1
    assert tajo("webhooks", "replay", "--all", "--json").document["replayed"] == 1


def test_status_tells_what_waits_what_was_refused_and_what_rests(
    store: Store, tajo: Tajo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tajo_pipelines.cli.inbox_status.registry", _Told())
    for number in (1, 2, 3):
        tell(store, number)
    work_off(store)
    work_off(store, dead=True)
    store.refusals.add({("shopify", "bad_signature"): 7, ("", "unknown"): 1}, NOW)
    Resting(store).begin("shopify", "customers", "Brevo is away for bob@biller.com", datetime.now(UTC))
    ended = tajo("connectors", "status", "--json")
    [shop] = ended.document["connections"]
    inbox = shop["inbox"]
    assert (inbox["pending"], inbox["leased"], inbox["done"], inbox["dead"]) == (1, 0, 1, 1)
    assert abs(inbox["oldest_pending_s"] - waited()) < 10
    assert (inbox["lag_p50_s"], inbox["lag_p95_s"]) == (601.0, 601.0)
    assert [(each["reason"], each["count"]) for each in inbox["refused"]] == [("bad_signature", 7)]
    assert [each["stream"] for each in inbox["rests"]] == ["customers"]
    told = tajo("connectors", "status").out
    for text in (
        "1 wait",
        "601.0 s to Brevo for half",
        "1 deliveries are dead",
        "7 bad_signature",
        "customers rests until",
    ):
        assert text in told
    assert "bob@" not in told + ended.out


class _Told:
    """A registry whose connectors all tell by webhooks."""

    def manifest(self, name: str) -> _Told:
        return self

    @property
    def capabilities(self) -> _Told:
        return self

    webhooks = "yes"
