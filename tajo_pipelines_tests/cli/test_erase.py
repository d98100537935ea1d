"""Erasing by hand: asked for on purpose, told in a receipt, and refused aloud where it couldn't be kept."""

from __future__ import annotations

import base64

import pytest
import typer

from tajo_pipelines.cli import erase
from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines_tests.cli.conftest import Project, Tajo

KEY = base64.b64encode(bytes(32)).decode()
EMAIL = "Zoraida@quillfeather.org"


@pytest.fixture
def known(connected: Project, twin: TwinProcess, tajo: Tajo, monkeypatch: pytest.MonkeyPatch) -> str:
    """A person whom Brevo knows."""
    del connected
    monkeypatch.setenv("TAJO_SECRET_KEY", KEY)
    twin.change("shopify", "create_customer", email=EMAIL, email_state="SUBSCRIBED", email_at="2026-01-05T10:00:00Z")
    assert tajo("connectors", "sync", "shopify", "--full", "--resource", "customers", "--json").code == 0
    assert EMAIL.lower() in emails(twin)
    return EMAIL


def emails(twin: TwinProcess) -> set[str]:
    return {contact["email"] for contact in twin.state("brevo")["contacts"]}


def test_a_person_is_erased_by_hand_and_the_receipt_names_nobody(known: str, twin: TwinProcess, tajo: Tajo) -> None:
    ended = tajo("erase", known, "--yes", "--json")
    assert ended.document["erased"] is True
    [receipt] = ended.document["receipts"]
    assert receipt["gone"]["brevo: contacts"] == 1
    assert receipt["files_swept"] is True
    assert known.lower() not in emails(twin)
    assert "quillfeather" not in ended.out.lower() + ended.err.lower()
    listed = tajo("erase", "--receipts", "--json").document
    assert (listed["erased"], listed["total"], listed["receipts"]) == (False, 1, [receipt])
    assert receipt["id"] in tajo("erase", "--receipts").out
    assert "quillfeather" not in tajo("erase", known, "--yes").out.lower()


def test_a_contact_that_brevo_keeps_is_no_success(known: str, twin: TwinProcess, tajo: Tajo) -> None:
    twin.faults({"target": "brevo", "method": "DELETE", "path": "/contacts/", "status": 405, "times": 1})
    document = tajo("erase", known, "--yes", "--json").document
    assert document["exit_code"] == 5
    assert document["error"]["code"] == "contact_stays"
    assert {left["what"] for left in document["receipts"][0]["left"]} == {"contacts", "events"}
    assert tajo("erase", known, "--yes", "--json").document["exit_code"] == 0
    assert known.lower() not in emails(twin)


def test_without_the_key_nobody_is_erased_and_the_way_to_make_it_is_named(
    known: str, twin: TwinProcess, tajo: Tajo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TAJO_SECRET_KEY")
    document = tajo("erase", known, "--yes", "--json").document
    assert document["exit_code"] == 3
    assert document["error"]["code"] == "secret_key_missing"
    assert "TAJO_SECRET_KEY=" in document["error"]["hint"]
    assert known.lower() in emails(twin)


def test_another_key_than_the_one_before_is_refused(known: str, tajo: Tajo, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tajo("erase", known, "--yes", "--json").code == 0
    monkeypatch.setenv("TAJO_SECRET_KEY", base64.b64encode(bytes(range(32))).decode())
    sync = tajo("connectors", "sync", "shopify", "--resource", "customers", "--full", "--json").document
    assert sync["exit_code"] == 3
    assert sync["error"]["code"] == "secret_key_changed"


def test_nothing_is_erased_that_nobody_confirms(
    known: str, twin: TwinProcess, tajo: Tajo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tajo("erase", known, "--json").document["exit_code"] == 2
    assert tajo("erase", known).code == 2
    monkeypatch.setattr(erase, "on_terminal", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda _text, err: not err)
    assert tajo("erase", known).code == 2
    assert known.lower() in emails(twin)
    monkeypatch.setattr(typer, "confirm", lambda _text, err: err)
    assert tajo("erase", known).code == 0
    assert known.lower() not in emails(twin)


@pytest.mark.parametrize(
    "arguments",
    [(), ("nobody",), ("--phone", "12"), ("--customer", "7"), ("a@example.com", "--connection", "no-such")],
    ids=["nobody", "no address", "no number", "no connection", "unknown connection"],
)
@pytest.mark.usefixtures("project")
def test_whom_to_erase_must_be_clear(tajo: Tajo, arguments: tuple[str, ...]) -> None:
    document = tajo("erase", *arguments, "--yes", "--json").document
    assert document["exit_code"] in (2, 3)
    assert document["error"]["message"]


def test_of_several_accounts_one_is_named(project: Project, tajo: Tajo) -> None:
    account = dict(project.brevo)
    project.document["brevo"] = {"accounts": {"default": account, "acme": account | {"api_key": "xkeysib-acme"}}}
    project.write()
    document = tajo("erase", "a@example.com", "--yes", "--json").document
    assert document["exit_code"] == 2
    assert "acme, default" in document["error"]["message"]
