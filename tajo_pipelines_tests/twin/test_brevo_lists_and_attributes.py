from __future__ import annotations

import pytest

from tajo_pipelines_tests.twin.conftest import Api


def test_lists_are_made_in_folders_and_counted(api: Api) -> None:
    folder = api.call("POST", "/contacts/folders", {"name": "Tajo"}).json()["id"]
    number = api.call("POST", "/contacts/lists", {"name": "All", "folderId": folder}).json()["id"]
    api.create("a@example.com", listIds=[number])
    api.create("b@example.com", listIds=[number], emailBlacklisted=True)
    held = api.call("GET", f"/contacts/lists/{number}").json()
    assert (held["name"], held["folderId"]) == ("All", folder)
    assert (held["totalSubscribers"], held["totalBlacklisted"], held["uniqueSubscribers"]) == (1, 1, 2)
    assert api.call("GET", f"/contacts/folders/{folder}/lists").json()["count"] == 1
    assert api.call("GET", f"/contacts/lists/{number}/contacts").json()["count"] == 2
    assert api.call("GET", "/contacts/lists", limit=50).json()["count"] == 1
    assert api.call("GET", "/contacts/lists", limit=51).status_code == 400
    assert api.call("GET", "/contacts/lists/999").status_code == 404
    assert api.call("POST", "/contacts/lists", {"name": "All", "folderId": 999}).status_code == 400
    assert api.call("POST", "/contacts/lists", {"name": "All"}).json()["code"] == "missing_parameter"


def test_a_list_that_someone_left_takes_them_by_no_add(api: Api) -> None:
    number = api.new_list()
    ids = [api.create(f"{name}@example.com") for name in "abc"]
    api.call("POST", f"/contacts/lists/{number}/contacts/add", {"ids": ids[:1]})
    api.change("list_unsubscribe", email="a@example.com", list=number)
    emails = ["a@example.com", "b@example.com", "nobody@example.com"]
    added = api.call("POST", f"/contacts/lists/{number}/contacts/add", {"emails": emails})
    assert added.status_code == 201
    assert added.json() == {
        "contacts": {"success": ["b@example.com"], "failure": ["a@example.com", "nobody@example.com"]}
    }
    again = api.call("POST", f"/contacts/lists/{number}/contacts/add", {"emails": emails})
    assert again.status_code == 400
    assert again.json()["message"] == "Contact already in list and/or does not exist"
    removed = api.call("POST", f"/contacts/lists/{number}/contacts/remove", {"ids": ids})
    assert removed.json() == {"contacts": {"success": [ids[1]], "failure": [ids[0], ids[2]]}}
    assert api.call("POST", f"/contacts/lists/{number}/contacts/remove", {"ids": ids}).status_code == 400


def test_taking_somebody_back_onto_a_list_they_left_shows_in_the_journal(api: Api) -> None:
    number = api.new_list()
    api.create("a@example.com", listIds=[number])
    api.change("list_unsubscribe", email="a@example.com", list=number)
    api.call("PUT", "/contacts/a@example.com", {"listIds": [number]})
    assert [entry["list"] for entry in api.account.journal.values() if entry["what"] == "relisted"] == [number]


@pytest.mark.parametrize("body", [{}, {"emails": []}, {"ids": list(range(151))}, {"ids": [1], "emails": ["a@b.co"]}])
def test_adds_name_1_to_150_people_in_one_way(api: Api, body: dict[str, object]) -> None:
    assert api.call("POST", f"/contacts/lists/{api.new_list()}/contacts/add", body).status_code == 400


def test_attributes_start_as_in_a_new_account_and_can_be_added(api: Api) -> None:
    names = {entry["name"] for entry in api.call("GET", "/contacts/attributes").json()["attributes"]}
    assert names == {"FIRSTNAME", "LASTNAME", "SMS", "WHATSAPP", "LANDLINE_NUMBER", "EXT_ID", "DOUBLE_OPT-IN"}
    assert api.call("POST", "/contacts/attributes/normal/TOTAL_SPENT", {"type": "float"}).status_code == 201
    assert api.call("POST", "/contacts/attributes/normal/TOTAL_SPENT", {"type": "float"}).status_code == 400
    options = {"type": "multiple-choice", "multiCategoryOptions": ["a", "b"]}
    assert api.call("POST", "/contacts/attributes/normal/TAGS", options).status_code == 201
    assert api.call("PUT", "/contacts/attributes/normal/TAGS", {"multiCategoryOptions": ["c"]}).status_code == 204
    api.create("a@example.com", attributes={"TAGS": ["a", "c", "z"]})
    assert api.contact("a@example.com")["attributes"]["TAGS"] == ["a", "c"]
    assert api.call("DELETE", "/contacts/attributes/normal/TAGS").status_code == 204
    assert api.contact("a@example.com")["attributes"] == {}
    assert api.call("DELETE", "/contacts/attributes/normal/TAGS").status_code == 404


@pytest.mark.parametrize("name", ["total_spent", "A-B", "A" * 51, "EMAIL", "SMS"])
def test_attribute_names_that_brevo_refuses(api: Api, name: str) -> None:
    assert api.call("POST", f"/contacts/attributes/normal/{name}", {"type": "text"}).status_code == 400


@pytest.mark.parametrize("body", [{}, {"type": "number"}, {"type": "id"}, {"type": "multiple-choice"}])
def test_attribute_types_that_brevo_refuses(api: Api, body: dict[str, str]) -> None:
    assert api.call("POST", "/contacts/attributes/normal/X", body).status_code == 400
