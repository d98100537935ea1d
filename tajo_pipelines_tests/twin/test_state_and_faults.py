from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.faults import FaultError, Faults
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import TwinProcess, running_twin
from tajo_pipelines.twin.state_file import StateFile
from tajo_pipelines_tests.twin.conftest import Api


def test_the_clock_shortens_durations_and_keeps_instants() -> None:
    clock = TwinClock(60.0, source=lambda: 1_000_000.5)
    assert clock.scaled(3600) == 60
    assert clock.now().timestamp() == 1_000_000.5
    assert clock.now().utcoffset() is not None
    with pytest.raises(ValueError, match="greater than zero"):
        TwinClock(0)


def test_state_file_writes_what_changed_and_reads_it_in_order(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "home" / "state.sqlite")
    people = file.documents("people")
    for name in ("zoë", "anna", "bob"):
        people[name] = {"name": name, "lists": []}
    assert file.flush() == 3
    people["anna"]["lists"].append(4)
    people.touch("anna")
    del people["bob"]
    assert file.flush() == 2
    assert file.flush() == 0
    file.close()
    again = StateFile(tmp_path / "home" / "state.sqlite").documents("people")
    assert list(again) == ["zoë", "anna"]
    assert again["anna"] == {"name": "anna", "lists": [4]}


def test_state_survives_a_restart_and_reset_forgets_it(tmp_path: Path) -> None:
    options = TwinOptions(tier="unlimited", brevo_lists=["A"], brevo_unsubscribed=["gone@example.com"])
    with running_twin(tmp_path, halves=("brevo",), options=options) as twin:
        answer = requests.post(
            f"{twin.brevo_url}/contacts",
            json={"email": "new@example.com", "listIds": [1]},
            headers={"api-key": "twin-brevo-key"},
            timeout=5,
        )
        assert answer.status_code == 201
    with running_twin(tmp_path, halves=("brevo",), options=options) as twin:
        held = {contact["email"]: contact for contact in twin.state("brevo")["contacts"]}
        assert set(held) == {"gone@example.com", "new@example.com"}
        assert held["gone@example.com"]["emailBlacklisted"] is True
        assert held["gone@example.com"]["causes"] == {"email": "user"}
        assert held["new@example.com"]["listIds"] == [1]
        assert [entry["name"] for entry in twin.state("brevo")["lists"]] == ["A"]
    with running_twin(tmp_path, halves=("brevo",), options=options, reset=True) as twin:
        assert [contact["email"] for contact in twin.state("brevo")["contacts"]] == ["gone@example.com"]


def test_a_taken_port_is_an_os_error(brevo_twin: TwinProcess) -> None:
    port = brevo_twin.twin.ports["brevo"]
    with pytest.raises(OSError, match="in use"), running_twin(halves=("brevo",), ports={"brevo": port}):
        pass


def test_fault_rules_count_chance_and_patterns() -> None:
    faults = Faults()
    faults.set([{"target": "brevo", "method": "post", "path": "/contacts$", "status": 429, "times": 2, "after": 1}])
    hits = [faults.strike("brevo", "POST", "/v3/contacts", b"") is not None for _ in range(5)]
    assert hits == [False, True, True, False, False]
    assert faults.strike("brevo", "GET", "/v3/contacts", b"") is None
    assert faults.strike("shopify", "POST", "/v3/contacts", b"") is None
    faults.set([{"target": "shopify", "body": "orders", "probability": 0.5, "seed": 3}])
    first = [faults.strike("shopify", "POST", "/x", b"{orders}") is not None for _ in range(20)]
    faults.set([{"target": "shopify", "body": "orders", "probability": 0.5, "seed": 3}])
    assert first == [faults.strike("shopify", "POST", "/x", b"{orders}") is not None for _ in range(20)]
    assert set(first) == {True, False}
    with pytest.raises(FaultError):
        faults.set([{"target": "brevo", "action": "explode"}])
    assert len(faults.rules) == 1


@pytest.mark.parametrize(
    ("action", "performed"),
    [
        ("reset", False),
        ("timeout", False),
        ("torn", True),
        ("after_effect_reset", True),
        ("after_effect_timeout", True),
    ],
)
def test_cut_connections_perform_the_call_or_not(api: Api, action: str, performed: bool) -> None:
    api.twin.faults({"target": "brevo", "action": action, "method": "POST", "times": 1, "seconds": 0.05})
    with pytest.raises(requests.RequestException):
        api.call("POST", "/contacts", {"email": "a@example.com"})
    assert (api.account.by_email("a@example.com") is not None) is performed
    assert api.twin.calls()[-1]["fault"] == action
    assert api.call("POST", "/contacts", {"email": "b@example.com"}).status_code == 201


def test_wrong_statuses_before_and_after_the_effect(api: Api) -> None:
    api.twin.faults(
        {"target": "brevo", "status": 502, "times": 1},
        {"target": "brevo", "action": "after_effect_status", "status": 500, "times": 1},
    )
    before = api.call("POST", "/contacts", {"email": "a@example.com"})
    assert (before.status_code, before.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert api.account.by_email("a@example.com") is None
    assert api.call("POST", "/contacts", {"email": "a@example.com"}).status_code == 500
    assert api.account.by_email("a@example.com") is not None


def test_control_endpoints_show_order_and_change(api: Api) -> None:
    root = api.twin.brevo_url.removesuffix("/v3")
    api.create("a@example.com")
    body = {"target": "brevo", "op": "unsubscribe", "email": "a@example.com", "organization": api.organization}
    changed = requests.post(f"{root}/_twin/change", json=body, timeout=5)
    assert changed.json()["contact"]["causes"] == {"email": "user"}
    assert requests.post(f"{root}/_twin/change", json={**body, "op": "fly"}, timeout=5).status_code == 400
    state = requests.get(f"{root}/_twin/state", timeout=5).json()["brevo"]
    mine = state["organizations"][api.organization]
    assert [contact["emailBlacklisted"] for contact in mine["contacts"]] == [True]
    assert state["calls"]["POST /contacts"] >= 1
    rules = requests.post(f"{root}/_twin/faults", json=[{"target": "brevo", "status": 500}], timeout=5)
    assert rules.json()["rules"][0]["status"] == 500
    assert api.call("GET", "/account").status_code == 500
    requests.delete(f"{root}/_twin/faults", timeout=5)
    assert api.call("GET", "/account").status_code == 200
    page = requests.get(f"{root}/_twin", timeout=5)
    assert "mailable contacts" in page.text
    last = requests.get(f"{root}/_twin/calls", params={"since": 0}, timeout=5).json()["calls"][-1]
    assert (last["method"], last["template"], last["status"], last["bucket"]) == ("GET", "/account", 200, "other")
    assert json.dumps(last)
