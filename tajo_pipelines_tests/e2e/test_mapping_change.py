"""A mapping that is changed: what would differ is shown first, and what is sent is just that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tajo_pipelines.cli.app import run
from tajo_pipelines_tests.cli.conftest import validate
from tajo_pipelines_tests.e2e.conftest import Build
from tajo_pipelines_tests.e2e.project import Project
from tajo_pipelines_tests.e2e.test_delivery import delivered, land_only

Tajo = Callable[..., dict[str, Any]]


Sent = list[tuple[str, str, dict[str, Any]]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What goes over the wire: method, path and body of each request to Brevo that has one."""
    found: Sent = []
    send = requests.Session.send

    def noted(self: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        if request.body and str(request.path_url).startswith("/v3/"):
            found.append((str(request.method), str(request.path_url), json.loads(request.body)))
        return send(self, request, **more)

    monkeypatch.setattr(requests.Session, "send", noted)
    return found


@pytest.fixture
def tajo(capfd: pytest.CaptureFixture[str]) -> Tajo:
    """Runs a command line over a project; its document, valid."""

    def call(project: Project, *arguments: str, code: int = 0) -> dict[str, Any]:
        capfd.readouterr()
        ended = run([*arguments, "--json", "--project", str(project.folder)])
        out, err = capfd.readouterr()
        assert ended == code, out + err
        document: dict[str, Any] = json.loads(out)
        validate(document)
        return document

    return call


def rename(project: Project, old: str, new: str) -> None:
    file = project.folder / "config" / "connectors.yaml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def diff(tajo: Tajo, project: Project, *more: str) -> dict[str, Any]:
    """The difference; that no call is made for it is part of what it promises."""
    mark = project.last_call()
    document = tajo(project, "mapping", "diff", "shopify", *more)
    assert project.twin.calls("brevo", mark) + project.twin.calls("shopify", mark) == []
    return document


def of_attributes(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["attribute"]: each for each in document["attributes"]}


def test_a_renamed_attribute_is_shown_and_it_alone_is_sent(build: Build, tajo: Tajo, sent: Sent) -> None:
    project = build(customers=24)
    assert not diff(tajo, project)["records"]["compared"]
    tajo(project, "connectors", "sync", "shopify", "--full")
    calm = diff(tajo, project)
    assert (calm["changes"], calm["attributes"], calm["contacts"], calm["rules"]) == (False, [], 0, [])
    assert calm["before"]["kind"] == "delivered"
    held = project.contacts()
    holders = {email for email, contact in held.items() if "TOTAL_SPENT" in contact["attributes"]}
    people = {(person["email"] or "").lower() for person in project.people()} & holders
    rename(project, "total_spent: TOTAL_SPENT", "total_spent: LIFETIME_VALUE")

    shown = diff(tajo, project, "--limit", "6")
    attributes = of_attributes(shown)
    assert set(attributes) == {"LIFETIME_VALUE", "TOTAL_SPENT"}
    count = attributes["LIFETIME_VALUE"]["new"]
    assert count == attributes["LIFETIME_VALUE"]["to_send"] == shown["contacts"] >= len(people) > 5
    assert (attributes["TOTAL_SPENT"]["no_longer_sent"], attributes["TOTAL_SPENT"]["to_send"]) == (count, 0)
    assert [rule["attribute"] for rule in shown["rules"]] == ["LIFETIME_VALUE", "TOTAL_SPENT"]
    assert {each["attribute"] for each in shown["stays"]} == {"FIRSTNAME", "LASTNAME"}
    assert len(shown["samples"]) == 6
    assert all(sample["old_known"] for sample in shown["samples"])

    before, mark = project.twin.state("brevo"), project.last_call()
    sent.clear()
    replayed = tajo(project, "connectors", "sync", "shopify", "--replay")
    assert replayed["mode"] == "replay"
    assert replayed["streams"]["customers"]["sent"] == count
    assert replayed["brevo"]["events"] == {}
    assert replayed["brevo"]["orders"] == 0
    assert project.twin.calls("shopify", mark) == []
    carry_just(sent, "LIFETIME_VALUE", {email: contact["listIds"] for email, contact in held.items()})
    all_else_stayed(before, project.twin.state("brevo"), "LIFETIME_VALUE")
    for email in people:
        assert project.contacts()[email]["attributes"]["LIFETIME_VALUE"] == held[email]["attributes"]["TOTAL_SPENT"]

    done = diff(tajo, project)
    assert (done["changes"], done["attributes"], done["rules"]) == (False, [], [])
    mark = project.last_call()
    again = tajo(project, "connectors", "sync", "shopify", "--replay", "--since", "1h")
    assert {stream["sent"] for stream in again["streams"].values()} == {0}
    assert project.writes_since(mark) == []


def carry_just(sent: Sent, attribute: str, lists: dict[str, list[int]]) -> None:
    """Every write speaks of one attribute, beside who the contact is and that the blocked stay blocked.

    An import has to name a list; it is one that its contacts are on already.
    """
    assert [path for _, path, _ in sent if "/attributes/" in path] == [f"/v3/contacts/attributes/normal/{attribute}"]
    writes = [(path, body) for _, path, body in sent if "/attributes/" not in path]
    assert {path for path, _ in writes} == {"/v3/contacts/import", "/v3/contacts"}
    for path, body in writes:
        people = body["jsonBody"] if path.endswith("import") else [body]
        assert not [name for name, value in body.items() if "blacklist" in name.lower() and value is not True]
        for person in people:
            who = {"SMS"} if "email" not in person else set()
            assert person["attributes"].keys() - {"TAJO_BLOCKED"} - who == {attribute}
            assert set(body.get("listIds", ())) <= set(lists.get(person.get("email", ""), ()))


def all_else_stayed(before: dict[str, Any], after: dict[str, Any], attribute: str) -> None:
    """Flags, lists, marks and every other attribute are as they were."""

    def rest(state: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {name: value for name, value in contact.items() if name not in {"attributes", "modifiedAt"}}
            | {name: value for name, value in contact["attributes"].items() if name != attribute}
            for contact in state["contacts"]
        ]

    assert rest(after) == rest(before)
    assert after["events_by_name"] == before["events_by_name"]


def test_personal_values_are_masked_unless_asked_for(build: Build, tajo: Tajo) -> None:
    project = build(customers=15)
    project.sync("full", streams=["customers"])
    rename(project, "last_name: LASTNAME", "last_name: SURNAME")
    names = {person["lastName"] for person in project.people()} - {None, ""}
    masked = diff(tajo, project, "--limit", "100")
    assert masked["masked"]
    assert not names & {sample["new"] for sample in masked["samples"]}
    told = diff(tajo, project, "--limit", "100", "--unmasked")
    assert {sample["new"] for sample in told["samples"] if sample["attribute"] == "SURNAME"} <= names


def test_a_person_reads_what_differs_and_the_command_that_sends_it(
    build: Build, tajo: Tajo, capfd: pytest.CaptureFixture[str]
) -> None:
    project = build(customers=15)
    project.sync("full", streams=["customers"])
    line = ["mapping", "diff", "shopify", "--project", str(project.folder)]
    assert run(line) == 0
    assert "Nothing would differ at Brevo." in capfd.readouterr().out
    rename(project, "total_spent: TOTAL_SPENT", "total_spent: LIFETIME_VALUE")
    assert run(line) == 0
    out = capfd.readouterr().out
    assert "added: LIFETIME_VALUE: total_spent" in out
    assert "tajo connectors sync shopify --replay --resource customers" in out
    for wrong in (["--stream", "orders"], ["--since", "tomorrow"]):
        assert tajo(project, "mapping", "diff", "shopify", *wrong, code=2)["error"]["where"] == wrong[0]
    both = ["connectors", "sync", "shopify", "--full", "--replay"]
    assert tajo(project, *both, code=2)["error"]["where"] == "--replay"


def test_another_file_is_compared_with_and_with_itself_nothing_differs(build: Build, tajo: Tajo) -> None:
    project = build(customers=15)
    project.sync("full", streams=["customers"])
    file = project.folder / "config" / "connectors.yaml"
    other = project.folder / "other.yaml"
    other.write_text(file.read_text("utf-8"), "utf-8")
    same = diff(tajo, project, "--against", str(other))
    assert (same["before"]["kind"], same["changes"], same["attributes"]) == ("file", False, [])
    other.write_text(file.read_text("utf-8").replace("first_name: FIRSTNAME, ", ""), "utf-8")
    shown = of_attributes(diff(tajo, project, "--against", str(other)))
    assert set(shown) == {"FIRSTNAME"}
    assert shown["FIRSTNAME"]["new"] > 5
    assert shown["FIRSTNAME"]["to_send"] == 0  # Brevo was given it
    assert tajo(project, "mapping", "diff", "shopify", "--against", str(Path("no.yaml")), code=2)["error"]


def test_a_part_that_was_delivered_through_the_new_mapping_is_no_longer_shown(build: Build, tajo: Tajo) -> None:
    project = build(customers=15)
    project.sync("full", streams=["customers"])
    rename(project, "total_spent: TOTAL_SPENT", "total_spent: LIFETIME_VALUE")
    whole = of_attributes(diff(tajo, project))["LIFETIME_VALUE"]["new"]
    for customer in [each for each in project.people() if each["emailValid"]][:3]:
        project.twin.change("shopify", "update_customer", id=customer["id"], fields={"note": "changed"})
    project.sync(streams=["customers"])
    through = sum("LIFETIME_VALUE" in contact["attributes"] for contact in project.contacts().values())
    assert 3 <= through < whole
    left = diff(tajo, project)
    shown = of_attributes(left)
    assert shown["LIFETIME_VALUE"]["new"] == left["contacts"] == whole - through
    assert shown["TOTAL_SPENT"]["no_longer_sent"] == whole
    assert all(sample["old_known"] for sample in left["samples"])
    assert delivered(project, replay=True).report.sent == left["contacts"]
    assert not diff(tajo, project)["changes"]


def test_a_change_in_the_shop_that_waits_is_no_matter_of_the_mapping(build: Build, tajo: Tajo) -> None:
    project = build(customers=15)
    project.sync("full", streams=["customers"])
    [customer, *_] = [each for each in project.people() if each["emailValid"]]
    project.twin.change("shopify", "update_customer", id=customer["id"], fields={"lastName": "Changed"})
    land_only(project)
    shown = diff(tajo, project)
    assert not shown["changes"]
    assert shown["records"]["undelivered"] == 1


def test_before_the_first_delivery_everything_is_new(build: Build, tajo: Tajo) -> None:
    project = build(customers=15)
    land_only(project)
    shown = diff(tajo, project)
    assert shown["before"] == {"kind": "nothing", "delivered_at": None, "file": None}
    attributes = of_attributes(shown)
    assert set(attributes) == {"FIRSTNAME", "LASTNAME", "TOTAL_SPENT"}
    assert all(each["new"] == each["to_send"] > 5 for each in attributes.values())
