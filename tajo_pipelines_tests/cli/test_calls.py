"""The calls that a run made are found again, and none tells of people or keys."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.settings import load_settings
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines_tests.cli.conftest import Project, Tajo

pytestmark = pytest.mark.usefixtures("twin")

SYNC = ("connectors", "sync", "shopify", "--full", "--resource", "customers", "--json")
ADDRESS = re.compile(r"[\w.]+@[\w-]+\.[a-z]+")


@pytest.fixture
def run_id(connected: Project, twin: TwinProcess, tajo: Tajo) -> str:
    """A run in which Brevo refused one contact."""
    twin.faults({"target": "brevo", "method": "POST", "path": "/contacts$", "status": 400, "times": 1})
    document = tajo(*SYNC).document
    (found,) = document["run_ids"]
    assert document["letters"]["open"] >= 1
    return str(found)


def listed(tajo: Tajo, *options: str) -> list[dict[str, Any]]:
    document = tajo("calls", "list", *options, "--json").document
    assert document["ok"], document["error"]
    assert document["total"] >= len(document["calls"])
    found: list[dict[str, Any]] = document["calls"]
    return found


def test_calls_of_a_run_are_found_by_what_they_were(run_id: str, tajo: Tajo) -> None:
    of_run = listed(tajo, "--run", run_id)
    assert of_run
    assert {(call["run_id"], call["connection"], call["account"]) for call in of_run} == {
        (run_id, "shopify", "default")
    }
    assert of_run == listed(tajo, "--run", run_id[:8]) == listed(tajo, "--connection", "shopify")
    assert [call["id"] for call in of_run] == sorted((call["id"] for call in of_run), reverse=True)
    everything = listed(tajo)
    assert len(everything) > len(of_run)  # the look before the run isn't the run's
    assert everything == listed(tajo, "--account", "default", "--since", "1h")
    assert not listed(tajo, "--until", "1h")
    assert {call["status"] for call in listed(tajo, "--status", "4xx")} == {400}
    assert {call["status"] for call in listed(tajo, "--status", "200", "--status", "400")} == {200, 400}
    assert not listed(tajo, "--status", "none")
    assert {call["bucket"] for call in listed(tajo, "--bucket", "contacts")} == {"contacts"}
    assert {call["path"].partition("?")[0] for call in listed(tajo, "--path", "/account")} == {"/account"}
    assert len(listed(tajo, "--limit", "2")) == 2


def test_a_letter_knows_the_call_that_was_refused(run_id: str, tajo: Tajo) -> None:
    refused = [item for item in tajo("letters", "list", "--json").document["letters"] if item["call_id"] is not None]
    assert len(refused) == 1
    (call,) = listed(tajo, "--letter", refused[0]["id"])
    assert (call["id"], call["status"], call["run_id"]) == (refused[0]["call_id"], 400, run_id)
    assert call["letters"] == [refused[0]["id"]]
    shown = tajo("letters", "show", refused[0]["id"], "--json").document
    assert (shown["letter"], shown["call"]) == (refused[0], call)
    told = tajo("letters", "show", refused[0]["id"]).out
    assert "POST /contacts" in told
    assert "$BREVO_API_KEY" in told
    assert tajo("calls", "show", str(call["id"]), "--json").document["call"] == call


def test_a_letter_without_a_call_says_so(connected: Project, tajo: Tajo) -> None:
    workspace = Workspace(load_settings(connected.folder, require_secrets=False))
    workspace.store.letters.write([Letter("shopify", "customers", "1", LetterKind.FIELD, "invalid_phone", "no")], "r")
    workspace.close()
    (plain,) = tajo("letters", "list", "--json").document["letters"]
    assert plain["call_id"] is None
    assert tajo("letters", "show", plain["id"], "--json").document["call"] is None
    assert not listed(tajo, "--letter", plain["id"])


def test_a_copied_call_takes_the_key_from_the_environment_and_names_nobody(
    run_id: str, connected: Project, tajo: Tajo
) -> None:
    ended = tajo("calls", "list", "--run", run_id, "--curl")
    assert connected.brevo["api_key"] not in ended.out
    assert "masked" in ended.out.splitlines()[0]
    lines = [line for line in ended.out.splitlines() if not line.startswith("#")]
    assert len(lines) == len(listed(tajo, "--run", run_id))
    for line in lines:
        words = shlex.split(line)
        assert words[:2] == ["curl", "-X"]
        assert words[3].startswith(connected.brevo["base_url"])
        assert "api-key: $BREVO_API_KEY" in words
        assert not [found for found in ADDRESS.findall(line) if "*" not in found]
    assert "masked" in [notice["code"] for notice in tajo("calls", "list", "--curl", "--json").document["warnings"]]


def test_calls_are_shown_to_a_person(run_id: str, tajo: Tajo) -> None:
    shown = tajo("calls", "list", "--run", run_id).out
    assert run_id[:8] in shown
    assert "POST /contacts" in shown
    assert "No calls." in tajo("calls", "list", "--run", "nobody").out


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (("list", "--status", "often"), "--status"),
        (("list", "--bucket", "pail"), "--bucket"),
        (("list", "--account", "acme"), "--account"),
        (("list", "--letter", "nobody"), "--letter"),
        (("list", "--since", "soon"), "--since"),
        (("show", "77"), "ID"),
    ],
)
def test_what_does_not_exist_is_exit_2(connected: Project, tajo: Tajo, arguments: tuple[str, ...], where: str) -> None:
    document = tajo("calls", *arguments, "--json").document
    assert (document["exit_code"], document["error"]["where"]) == (2, where)
