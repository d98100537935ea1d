from __future__ import annotations

import csv
import io
from typing import Any

import pytest
import requests

from tajo_pipelines_tests.twin.conftest import Api


def report(process: dict[str, Any], name: str) -> list[dict[str, str]]:
    url = process["info"]["import"][name]
    if url is None:
        return []
    answer = requests.get(url, timeout=5)
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text), delimiter=";"))


def test_an_import_takes_time_and_is_applied_at_its_end(api: Api) -> None:
    number = api.new_list()
    rows = [{"email": f"p{index}@example.com", "attributes": {"FIRSTNAME": "Zoë"}} for index in range(100)]
    started = api.call("POST", "/contacts/import", {"jsonBody": rows, "listIds": [number]})
    assert started.status_code == 202
    process = started.json()["processId"]
    assert api.call("GET", f"/processes/{process}").json()["status"] in ("queued", "processing")
    assert api.call("GET", "/contacts").json()["count"] == 0
    done = api.finished(process)
    assert (done["name"], done["status"]) == ("IMPORTUSER", "completed")
    assert set(done["info"]["import"].values()) == {None}
    assert api.call("GET", f"/contacts/lists/{number}").json()["totalSubscribers"] == 100
    assert api.call("GET", "/processes/999999").status_code == 404
    assert api.call("GET", "/processes").json()["count"] == 1


def test_bad_rows_are_named_in_csv_files_alone(api: Api) -> None:
    api.create("holder@example.com", attributes={"SMS": "+33612345678"})
    process = api.import_(
        listIds=[api.new_list()],
        jsonBody=[
            {"email": "nonsense", "attributes": {}},
            {"email": "a@example.com", "attributes": {"SMS": "0033612345678"}},
            {"email": "b@example.com", "attributes": {"SMS": "33600000001"}, "ext_id": "1"},
            {"email": "c@example.com", "attributes": {"SMS": "33600000001"}},
            {"email": "d@example.com", "attributes": {}, "ext_id": "1"},
            {"email": "e@example.com", "attributes": {"NOPE": "x", "SMS": "12"}},
        ],
    )
    assert [row["EMAIL"] for row in report(process, "invalid_emails")] == ["nonsense"]
    assert [row["EMAIL"] for row in report(process, "duplicate_phone_id")] == ["a@example.com", "c@example.com"]
    assert [row["EMAIL"] for row in report(process, "duplicate_ext_id")] == ["d@example.com"]
    held = {contact["email"] for contact in api.call("GET", "/contacts").json()["contacts"]}
    assert held == {"holder@example.com", "b@example.com", "e@example.com"}


def test_flags_hold_for_every_row_and_false_frees_nobody(api: Api) -> None:
    number = api.new_list()
    rows = [{"email": f"{name}@example.com", "attributes": {}} for name in "ab"]
    api.import_(listIds=[number], jsonBody=rows, emailBlacklist=True, smsBlacklist=True)
    assert all(contact["emailBlacklisted"] for contact in api.call("GET", "/contacts").json()["contacts"])
    api.import_(listIds=[number], jsonBody=rows, emailBlacklist=False)
    assert all(contact["smsBlacklisted"] for contact in api.call("GET", "/contacts").json()["contacts"])
    assert all(contact["emailBlacklisted"] for contact in api.call("GET", "/contacts").json()["contacts"])


def test_who_joined_meanwhile_is_not_blocked_by_an_import_of_new_people(api: Api) -> None:
    number = api.new_list()
    body = {
        "listIds": [number],
        "jsonBody": [{"email": "a@example.com", "attributes": {"FIRSTNAME": "Import"}}, {"email": "b@example.com"}],
        "emailBlacklist": True,
        "updateExistingContacts": False,
    }
    process = api.call("POST", "/contacts/import", body).json()["processId"]
    api.create("a@example.com", attributes={"FIRSTNAME": "Self"})
    api.finished(process)
    assert api.contact("a@example.com")["emailBlacklisted"] is False
    assert api.contact("a@example.com")["attributes"] == {"FIRSTNAME": "Self"}
    assert api.contact("b@example.com")["emailBlacklisted"] is True


def test_empty_values_clear_only_when_asked(api: Api) -> None:
    number = api.new_list()
    api.create("a@example.com", attributes={"FIRSTNAME": "A"})
    rows = [{"email": "a@example.com", "attributes": {"FIRSTNAME": ""}}]
    api.import_(listIds=[number], jsonBody=rows)
    assert api.contact("a@example.com")["attributes"] == {"FIRSTNAME": "A"}
    api.import_(listIds=[number], jsonBody=rows, emptyContactsAttributes=True)
    assert api.contact("a@example.com")["attributes"] == {}


def test_csv_bodies_and_new_lists(api: Api) -> None:
    text = "EMAIL;FIRSTNAME;SMS;EXT_ID\na@example.com;Ana;+33612345678;17\nbad;;;\n"
    process = api.import_(fileBody=text, newList={"listName": "Fresh", "folderId": 1}, disableNotification=True)
    assert [row["EMAIL"] for row in report(process, "invalid_emails")] == ["bad"]
    held = api.contact("a@example.com")
    assert held["attributes"] == {"FIRSTNAME": "Ana", "SMS": "33612345678", "EXT_ID": "17"}
    assert api.call("GET", f"/contacts/lists/{held['listIds'][0]}").json()["name"] == "Fresh"
    assert api.account.number("import_notices") == 0


def test_an_import_can_fail(api: Api) -> None:
    api.change("fail_imports", times=1)
    body = {"listIds": [api.new_list()], "jsonBody": [{"email": "a@example.com"}]}
    failed = api.import_(**body)
    assert failed["status"] == "failed"
    assert "info" not in failed
    assert api.import_(**body)["status"] == "completed"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"jsonBody": [{"email": "a@example.com"}]},
        {"jsonBody": [{"email": "a@example.com"}], "listIds": [999]},
        {"listIds": [1]},
        {"jsonBody": [{"email": "a@example.com", "lists": [1]}], "newList": {"listName": "x", "folderId": 1}},
        {"jsonBody": [{"email": "a@example.com"}], "fileBody": "EMAIL", "newList": {"listName": "x", "folderId": 1}},
        {"jsonBody": [{"email": "a@example.com"}], "newList": {"listName": "x", "folderId": 99}},
    ],
)
def test_imports_that_brevo_refuses(api: Api, body: dict[str, object]) -> None:
    assert api.call("POST", "/contacts/import", body).status_code == 400


def test_ten_megabytes_are_the_end(api: Api) -> None:
    rows = [{"email": f"p{index}@example.com", "attributes": {"FIRSTNAME": "x" * 100_000}} for index in range(101)]
    answer = api.call("POST", "/contacts/import", {"jsonBody": rows, "listIds": [api.new_list()]})
    assert answer.status_code == 400
    assert "10 MB" in answer.json()["message"]
