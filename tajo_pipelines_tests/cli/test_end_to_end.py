"""Real commands over real sockets: a shop's people and orders arrive, and the numbers say so."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import pytest

from tajo_pipelines.settings import load_settings
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines_tests.cli.conftest import Project, Tajo

FULL = ("connectors", "sync", "shopify", "--full", "--json")


def balanced(stream: dict[str, Any]) -> bool:
    entered = stream["mapped"] + sum(stream["skipped"].values()) + sum(stream["rejected"].values())
    left = stream["sent"] + stream["unchanged"] + stream["superseded"] + stream["in_doubt"] + stream["failed"]
    return bool(stream["read"] == entered and stream["mapped"] == left)


@pytest.mark.parametrize("customers", [120])
def test_a_sync_tells_what_arrived_and_a_second_sends_nothing(
    connected: Project, twin: TwinProcess, tajo: Tajo
) -> None:
    ended = tajo(*FULL)
    first = ended.document
    assert first["exit_code"] == 0, ended.err
    assert first["status"] == "done"
    assert list(first["streams"]) == ["customers", "orders", "products", "carts"]
    customers, orders = first["streams"]["customers"], first["streams"]["orders"]
    state = twin.state()
    shop = state["shopify"]["shop"]
    assert customers["read"] == shop["customers"]["total"]
    assert customers["sent"] == shop["customers"]["mappable"]
    assert orders["sent"] == len(state["brevo"]["orders"]) == shop["money"]["EUR"]["sent"]["orders"]
    assert all(balanced(stream) for stream in first["streams"].values())
    sums = shop["money"]["EUR"]["sent"]
    assert orders["money"] == {"EUR": {name: sums[name] for name in ("gross", "refunded", "net")}}
    amounts = sum((Decimal(str(order["amount"])) for order in state["brevo"]["orders"]), Decimal(0))
    assert str(amounts) == sums["net"]
    products, carts, brevo = first["streams"]["products"], first["streams"]["carts"], first["brevo"]
    assert products["sent"] == brevo["products"] == shop["products"]["total"]
    assert carts["sent"] == brevo["events"]["cart_updated"] == shop["carts"]["fresh"] > 0
    assert brevo["events"] == state["brevo"]["events_by_name"]
    assert not first["warnings"]
    assert first["letters"]["new"] == first["letters"]["open"]
    assert first["brevo"]["buckets"]["contacts"]["used"] > 0

    second = tajo(*FULL).document
    assert {name: stream["sent"] for name, stream in second["streams"].items()} == dict.fromkeys(first["streams"], 0)
    assert second["streams"]["customers"]["read"] == customers["read"]
    assert second["brevo"]["contacts"] == second["brevo"]["orders"] == second["brevo"]["products"] == 0
    assert second["brevo"]["events"] == {}
    assert all(request.startswith("GET ") for request in second["brevo"]["requests"])

    status_tells_it(tajo, first, second)
    listed = tajo("connectors", "list", "--json").document
    assert listed["connections"][0]["state"] == "ok"
    assert listed["connections"][0]["last_sync"] is not None
    assert listed["connections"][0]["letters_open"] == second["letters"]["open"]
    letters_are_listed_masked(tajo)


def status_tells_it(tajo: Tajo, first: dict[str, Any], second: dict[str, Any]) -> None:
    document = tajo("connectors", "status", "--json").document
    (connection,) = document["connections"]
    assert connection["state"] == "ok"
    assert connection["next_tick"] > document["at"]
    assert connection["letters_open"] == second["letters"]["open"]
    for name, stream in connection["streams"].items():
        last = stream["last_run"]
        assert last["run_id"] == second["run_ids"][0] != first["run_ids"][0]
        assert (last["status"], last["read"], last["sent"]) == ("done", second["streams"][name]["read"], 0)
        assert stream["watermark"] == second["streams"][name]["watermark"]
        assert stream["undelivered"] == {"batches": 0, "records": 0}
    screen = tajo("connectors", "status", "shopify").out
    assert "customers" in screen
    assert "nothing" in screen


def letters_are_listed_masked(tajo: Tajo) -> None:
    document = tajo("letters", "list", "--connection", "shopify", "--json").document
    assert document["total"] == len(document["letters"]) > 0
    assert all("@" not in letter["message"] for letter in document["letters"])
    reason = document["letters"][0]["reason"]
    some = tajo("letters", "list", "--reason", reason, "--limit", "1", "--json").document
    assert {letter["reason"] for letter in some["letters"]} == {reason}
    assert tajo("letters", "list", "--state", "dropped", "--json").document["total"] == 0
    assert reason in tajo("letters", "list").out


def test_one_resource_runs_alone(connected: Project, tajo: Tajo) -> None:
    streams = tajo("connectors", "sync", "shopify", "--resource", "customers", "--json").document["streams"]
    assert streams["customers"]["status"] == "done"
    assert streams["orders"]["status"] == "skipped"
    assert streams["orders"]["why"] == "not_asked"


def test_a_stream_that_the_connector_lacks_is_exit_0_without_a_run(
    connected: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tajo_pipelines.settings.streams.KNOWN_STREAMS", ("customers", "subscriptions"))
    connected.shopify["sync"]["subscriptions"] = True
    connected.write()
    ended = tajo("connectors", "sync", "shopify", "--resource", "subscriptions", "--json")
    document = ended.document
    assert document["exit_code"] == 0
    assert document["run_ids"] == []
    assert document["streams"]["subscriptions"]["why"] == "absent"
    assert [warning["code"] for warning in document["warnings"]] == ["stream_absent"]
    told = tajo("connectors", "sync", "shopify", "--resource", "subscriptions")
    assert "warning: connectors.shopify.sync.subscriptions" in told.err


def test_a_person_reads_tables_and_how_to_see_the_run(connected: Project, tajo: Tajo) -> None:
    ended = tajo("connectors", "sync", "shopify")
    assert ended.code == 0, ended.err
    for words in ("customers: done", "carts: done", "EUR: gross", "products accepted", "allowance", "/runs/"):
        assert words in ended.out


def test_a_shop_that_breaks_down_on_the_way_is_partly_or_failed(
    connected: Project, twin: TwinProcess, tajo: Tajo
) -> None:
    connected.shopify["patience"] = 1
    connected.write()
    twin.faults({"target": "shopify", "body": "orders", "action": "status", "status": 500, "times": 1000})
    document = tajo(*FULL).document
    assert document["streams"]["customers"]["status"] == "done"
    assert document["streams"]["orders"]["status"] == "failed"
    assert document["exit_code"] == 5
    assert document["status"] == "partly"
    assert document["error"]["code"] == "unavailable"
    assert tajo("connectors", "list", "--json").document["connections"][0]["state"] == "failing"
    twin.faults()
    assert tajo(*FULL).document["exit_code"] == 0


def test_a_second_sync_says_already_running(connected: Project, tajo: Tajo) -> None:
    workspace = Workspace(load_settings(connected.folder))
    with ExitStack() as stack:
        for name in ("customers", "orders", "products", "carts"):
            stack.enter_context(workspace.store.leases.hold(f"read/shopify/{name}", "another run"))
        document = tajo(*FULL).document
    workspace.close()
    assert document["status"] == "already_running"
    assert document["exit_code"] == 0


def test_doctor_sees_both_sides_and_changes_nothing(connected: Project, twin: TwinProcess, tajo: Tajo) -> None:
    document = tajo("doctor", "--json").document
    assert document["ok"], document
    states = {(check["subject"], check["name"]): check["state"] for check in document["checks"]}
    for name in ("key", "lists", "attributes", "e-commerce", "currency", "limits"):
        assert states["Brevo account default", name] == "ok"
    assert states["shopify", "source"] == "ok"
    assert not [call for call in twin.calls("brevo") if call["method"] != "GET"]


def test_doctor_tells_every_trouble_with_its_way_out(connected: Project, tajo: Tajo) -> None:
    connected.brevo["lists"] = {"all_contacts": 501}
    connected.brevo["create_attributes"] = False
    connected.shopify["api_secret"] = "wrong"
    connected.write()
    ended = tajo("doctor", "--json")
    states = {(check["subject"], check["name"]): check for check in ended.document["checks"]}
    assert ended.code == 4
    assert states["shopify", "source"]["state"] == "failed"
    assert states["Brevo account default", "lists"]["hint"]
    assert states["Brevo account default", "attributes"]["state"] == "warning"


def test_a_connection_is_tested_without_a_write(connected: Project, twin: TwinProcess, tajo: Tajo) -> None:
    document = tajo("connectors", "test", "shopify", "--json").document
    assert document["source"]["currency"] == "EUR"
    assert [check["state"] for check in document["checks"] if check["name"] in {"source", "key"}] == ["ok", "ok"]
    assert {call["method"] for call in twin.calls("brevo")} == {"GET"}


def test_no_thread_of_a_command_outlives_it(connected: Project, tajo: Tajo) -> None:
    before = threading.active_count()
    tajo("connectors", "test", "shopify", "--json")
    assert threading.active_count() <= before
