"""``tajo mapping try`` and ``tajo mapping test``: what a person who writes a mapping looks at."""

from __future__ import annotations

import io
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.window import Window
from tajo_pipelines.settings import load_settings
from tajo_pipelines.store.batches import NewBatch
from tajo_pipelines.sync.parquet import write_batch
from tajo_pipelines.sync.storage import location
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines_tests.cli.conftest import ROOT, Project, Tajo

FIXTURES = ROOT / "tajo_pipelines" / "connectors" / "shopify" / "fixtures" / "api"

KEY = {"api-key": "twin-brevo-key"}

TESTS = """connection: shopify
cases:
  - name: a name is told
    given:
      legacyResourceId: "1"
      firstName: Ana
      defaultEmailAddress: {emailAddress: ana@example.com, marketingState: SUBSCRIBED}
    expect:
      attributes:
        FIRSTNAME: Anna
        FIRST_NAME: Ana
      consent: {email: denied}
      cleared: []
  - name: a number is told
    canonical: {totalSpent: 12.50}
    expect: {attributes: {TOTAL_SPENT: 12.5}}
"""


def first(stream: str) -> dict[str, Any]:
    """The first object of a stream, as Shopify sends it."""
    document = json.loads((FIXTURES / f"{stream}.page_1.json").read_text("utf-8"))
    found: dict[str, Any] = next(iter(document["data"].values()))["nodes"][0]
    return found


@pytest.fixture
def asleep(project: Project) -> Project:
    """The shipped configuration: the connection isn't enabled, and no secret is there."""
    shutil.copy(ROOT / "config" / "connectors.yaml", project.folder / "config" / "connectors.yaml")
    return project


def as_held(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes as Brevo shows them: a number without its plus; when a block was set is left aside."""
    held = {name: value for name, value in attributes.items() if name != "TAJO_BLOCKED"}
    return held | ({"SMS": held["SMS"].lstrip("+")} if "SMS" in held else {})


def write_tests(project: Project, text: str, name: str = "shop.yaml") -> None:
    folder = project.folder / "config" / "tests"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, "utf-8")


def land(project: Project, read_at: datetime, *raws: dict[str, Any]) -> None:
    """Put customers into the landing as one batch."""
    workspace = Workspace(load_settings(project.folder))
    records = [
        Record("customers", raw["legacyResourceId"], datetime.fromisoformat(raw["updatedAt"]), read_at, raw)
        for raw in raws
    ]
    path = f"shopify/customers/date={read_at.date()}/{read_at.timestamp()}.parquet"
    write_batch(location(workspace, path), Customer, records, [None] * len(records))
    window = Window(None, read_at)
    workspace.store.batches.land(
        NewBatch("shopify", "customers", path, len(records), window, read_at.date(), "run", full=True)
    )
    workspace.close()


def test_a_file_is_shown_from_the_platform_to_brevo_with_reasons(asleep: Project, tajo: Tajo, tmp_path: Path) -> None:
    file = tmp_path / "ana.json"
    file.write_text(json.dumps(first("customers") | {"lastName": ""}), "utf-8")
    document = tajo("mapping", "try", "shopify", "--record", str(file), "--json").document

    assert (document["connection"], document["stream"], document["key"]) == ("shopify", "customers", "7001")
    assert document["origin"] == {"kind": "file", "place": str(file)}
    assert document["raw"]["firstName"] == document["canonical"]["first_name"] == "Ana"
    attributes = {found["attribute"]: found for found in document["attributes"]}
    assert attributes["FIRSTNAME"] == {
        "attribute": "FIRSTNAME",
        "type": "text",
        "source": "first_name",
        "platform_path": "firstName",
        "given": "Ana",
        "steps": [],
        "why": "value",
        "value": "Ana",
        "problem": None,
    }
    assert attributes["LASTNAME"]["why"] == "cleared"
    assert (attributes["TOTAL_SPENT"]["given"], attributes["TOTAL_SPENT"]["value"]) == ("100.0", 100)
    email = document["consent"][0]
    assert (email["state"], email["evidence"]) == ("granted", "SUBSCRIBED/CONFIRMED_OPT_IN")
    (contact,) = document["documents"]
    assert contact["path"] == "/contacts"
    assert contact["body"]["attributes"]["FIRSTNAME"] == "Ana"
    assert document["lists"] == contact["body"]["listIds"] == ["Tajo: all contacts", "Tajo: subscribers"]
    assert any("whether Brevo knows the person" in text for text in document["undecided"])


def test_a_person_reads_it_too(asleep: Project, tajo: Tajo, tmp_path: Path) -> None:
    file = tmp_path / "ana.json"
    file.write_text(json.dumps(first("customers")), "utf-8")
    ended = tajo("mapping", "try", "shopify", "--record", str(file))
    assert ended.code == 0
    assert 'first_name (firstName) "Ana"' in ended.out
    assert "To Brevo: POST /contacts" in ended.out


@pytest.mark.parametrize(
    ("stream", "kinds"),
    [
        ("orders", ["contact", "order"]),
        ("products", ["category", "category", "product", "product", "product"]),
        ("carts", []),
    ],
)
def test_other_streams_show_what_they_become(
    stream: str, kinds: list[str], asleep: Project, tajo: Tajo, tmp_path: Path
) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps(first(stream)), "utf-8")
    document = tajo("mapping", "try", "shopify", "--stream", stream, "--record", str(file), "--json").document
    assert [found["kind"] for found in document["documents"]] == kinds
    assert document["skipped"] == ("history" if stream == "carts" else None)


def test_a_young_cart_shows_its_event_and_its_unknown_owner_is_blocked(
    asleep: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC).isoformat()
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(first("carts") | {"updatedAt": now, "createdAt": now})))
    document = tajo("mapping", "try", "shopify", "--stream", "carts", "--record", "-", "--json").document
    assert [found["kind"] for found in document["documents"]] == ["contact", "event"]
    assert document["documents"][1]["body"]["event_name"] == "cart_updated"
    assert [said["blocked"] for said in document["consent"]] == [True, True]
    assert document["origin"]["kind"] == "stdin"


def test_who_names_nobody_is_shown_with_the_reason(
    asleep: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"legacyResourceId": "9", "firstName": "Ana"}'))
    document = tajo("mapping", "try", "shopify", "--record", "-", "--json").document
    assert (document["skipped"], document["documents"]) == ("no_identifier", [])
    assert document["problem"]["reason"] == "no_identifier"


def test_a_landed_record_is_found_by_its_key_in_its_newest_form(project: Project, tajo: Tajo) -> None:
    ana = first("customers")
    other = ana | {"legacyResourceId": "7009"}
    land(project, datetime(2026, 11, 1, tzinfo=UTC), ana | {"updatedAt": "2026-10-31T08:00:00Z", "firstName": "New"})
    land(project, datetime(2026, 11, 2, tzinfo=UTC), other, ana | {"updatedAt": "2026-10-30T08:00:00Z"})

    found = tajo("mapping", "try", "shopify", "--record", "7001", "--json").document
    assert found["canonical"]["first_name"] == "New"
    assert found["origin"]["kind"] == "landed"
    assert "date=2026-11-01" in found["origin"]["place"]
    newest = tajo("mapping", "try", "shopify", "--json").document
    assert (newest["key"], newest["read_at"]) == ("7001", "2026-11-02T00:00:00Z")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["shopify"], 3, "no customers of shopify was landed"),
        (["shopify", "--record", "77"], 3, "no record '77'"),
        (["shopify", "--record", "nowhere.json"], 2, "there is no file nowhere.json"),
        (["shopify", "--record", "workspace.yaml"], 2, "doesn't hold one JSON object"),
        (["shopfy"], 3, "did you mean 'shopify'?"),
        (["shopify", "--stream", "customer"], 3, "no stream 'customer'"),
    ],
)
def test_what_cannot_be_tried_is_said(
    arguments: list[str], code: int, words: str, project: Project, tajo: Tajo
) -> None:
    document = tajo("mapping", "try", *arguments, "--json").document
    assert document["exit_code"] == code
    assert words in document["error"]["message"]


def test_the_shipped_tests_pass_without_a_secret_and_while_the_connection_sleeps(asleep: Project, tajo: Tajo) -> None:
    shutil.copytree(ROOT / "config" / "tests", asleep.folder / "config" / "tests")
    document = tajo("mapping", "test", "shopify", "--json").document
    assert (document["exit_code"], document["failed"]) == (0, 0)
    assert document["total"] == len(document["cases"]) >= 6


def test_a_wrong_test_fails_with_file_line_expected_and_found(asleep: Project, tajo: Tajo) -> None:
    write_tests(asleep, TESTS)
    document = tajo("mapping", "test", "--json").document
    assert (document["exit_code"], document["total"], document["failed"]) == (1, 2, 1)
    assert document["error"]["code"] == "mapping_tests_failed"
    wrong, right = document["cases"]
    assert (wrong["file"], wrong["line"], wrong["passed"]) == ("config/tests/shop.yaml", 3, False)
    assert wrong["mismatches"] == [
        {"line": 10, "path": "attributes.FIRSTNAME", "expected": "Anna", "found": "Ana", "note": None},
        {
            "line": 11,
            "path": "attributes.FIRST_NAME",
            "expected": "Ana",
            "found": None,
            "note": "the mapping has no FIRST_NAME; did you mean 'FIRSTNAME'? Valid: FIRSTNAME, LASTNAME, TOTAL_SPENT",
        },
        {"line": 12, "path": "consent.email.state", "expected": "denied", "found": "granted", "note": None},
        {"line": 13, "path": "cleared", "expected": [], "found": ["LASTNAME"], "note": None},
    ]
    assert right["passed"]

    ended = tajo("mapping", "test")
    assert ended.code == 1
    lines = ended.out.splitlines()
    assert lines[:3] == [
        "config/tests/shop.yaml:10: a name is told: attributes.FIRSTNAME",
        '    expected: "Anna"',
        '    found:    "Ana"',
    ]
    assert lines[-1] == "2 mapping tests, 1 failed"


def test_a_project_without_tests_is_told_so(asleep: Project, tajo: Tajo) -> None:
    document = tajo("mapping", "test", "--json").document
    assert (document["exit_code"], document["total"]) == (0, 0)
    assert [warning["code"] for warning in document["warnings"]] == ["no_mapping_tests"]


def test_a_wrong_file_is_exit_3_with_every_finding(asleep: Project, tajo: Tajo) -> None:
    write_tests(asleep, "connection: shopify\ncases:\n  - nam: x\n    given: {}\n    expect: {attribute: {}}\n")
    write_tests(asleep, "connection: shopfy\ncases: []\n", "other.yaml")
    document = tajo("mapping", "test", "--json").document
    assert document["exit_code"] == 3
    found = {(detail["where"], detail["message"]) for detail in document["error"]["details"]}
    assert (
        "config/tests/shop.yaml:3 cases.0.nam",
        "unknown key 'nam'; did you mean 'name'? Valid: name, given, canonical, expect",
    ) in found
    assert any(where == "config/tests/shop.yaml:5 cases.0.expect.attribute" for where, _ in found)
    assert any(
        where == "config/tests/other.yaml:1 connection" and "did you mean 'shopify'" in text for where, text in found
    )


@pytest.mark.usefixtures("connected")
def test_what_is_shown_is_what_brevo_gets(twin: TwinProcess, tajo: Tajo) -> None:
    assert tajo("connectors", "sync", "shopify", "--json").code == 0
    answer = requests.get(f"{twin.brevo_url}/contacts", params={"limit": 1000}, headers=KEY, timeout=10)
    lists = requests.get(f"{twin.brevo_url}/contacts/lists", headers=KEY, timeout=10).json()["lists"]
    names = {found["id"]: found["name"] for found in lists}
    looked_at = 0
    for contact in answer.json()["contacts"]:
        sources = contact["attributes"].get("TAJO_SOURCES", "").split()
        if len(sources) != 1:
            continue  # a contact of several records, or one that the account had before
        document = tajo("mapping", "try", "shopify", "--record", sources[0].partition(":")[2], "--json").document
        (body,) = [found["body"] for found in document["documents"] if found["kind"] == "contact"]
        assert as_held(body["attributes"]) == as_held(contact["attributes"])
        assert body.get("email", contact["email"]) == contact["email"]  # Brevo makes one up for a number alone
        blocked = {said["channel"]: said["blocked"] for said in document["consent"]}
        assert contact["emailBlacklisted"] is blocked["email"]
        assert set(document["lists"]) <= {names[number] for number in contact["listIds"]}
        looked_at += 1
        if looked_at == 6:
            return
    pytest.fail(f"only {looked_at} contacts of one record each")
