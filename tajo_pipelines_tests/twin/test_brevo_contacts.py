from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from tajo_pipelines_tests.twin.conftest import Api


def test_wrong_key_is_401(api: Api) -> None:
    api.session.headers["api-key"] = "wrong"
    answer = api.call("GET", "/account")
    assert (answer.status_code, answer.json()) == (401, {"code": "unauthorized", "message": "Key not found"})


def test_each_key_answers_for_its_own_organization(api: Api) -> None:
    api.create("a@example.com")
    assert api.call("GET", "/account").json()["organization_id"] == api.organization
    assert api.call("GET", "/contacts").json()["count"] == 1
    other = Api(api.twin)
    assert other.call("GET", "/contacts").json()["count"] == 0
    other.close()


def test_create_or_update_needs_update_enabled(api: Api) -> None:
    number = api.create("Jane.Doe@Example.com", attributes={"FIRSTNAME": "Jane"})
    refused = api.call("POST", "/contacts", {"email": "jane.doe@example.com"})
    assert refused.status_code == 400
    assert refused.json()["code"] == "invalid_parameter"
    assert refused.json()["metadata"] == {"duplicate_identifiers": ["email"]}
    body = {"email": "JANE.DOE@example.com", "attributes": {"LASTNAME": "Doe"}, "updateEnabled": True, "getId": True}
    updated = api.call("POST", "/contacts", body)
    assert (updated.status_code, updated.content) == (204, b"")
    held = api.contact("jane.doe@example.com")
    assert held["id"] == number
    assert held["attributes"] == {"FIRSTNAME": "Jane", "LASTNAME": "Doe"}


def test_a_phone_of_somebody_else_refuses_the_whole_contact(api: Api) -> None:
    api.create("a@example.com", attributes={"SMS": "+33 6 12 34 56 78".replace(" ", "")})
    body = {"email": "b@example.com", "attributes": {"SMS": "0033612345678"}, "updateEnabled": True}
    refused = api.call("POST", "/contacts", body)
    assert refused.status_code == 400
    assert refused.json()["code"] == "invalid_parameter"
    assert refused.json()["metadata"] == {"duplicate_identifiers": ["SMS"]}
    assert api.call("GET", "/contacts/b@example.com").status_code == 404
    api.create("b@example.com", ext_id="7")
    refused = api.call("PUT", "/contacts/a@example.com", {"ext_id": "7"}, identifierType="email_id")
    assert refused.json()["metadata"] == {"duplicate_identifiers": ["ext_id"]}


def test_phones_are_kept_without_plus_and_bad_ones_are_refused(api: Api) -> None:
    api.create("a@example.com", attributes={"SMS": "+33058407250", "WHATSAPP": "0033058407250"})
    assert api.contact("a@example.com")["attributes"] == {"SMS": "33058407250", "WHATSAPP": "33058407250"}
    for bad in ("0612345678", "12", "not a phone"):
        refused = api.call("POST", "/contacts", {"email": "b@example.com", "attributes": {"SMS": bad}})
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_parameter"), bad
    found = api.call("GET", f"/contacts/{quote('+33058407250', safe='')}", identifierType="phone_id")
    assert found.json()["email"] == "a@example.com"


def test_a_phone_alone_gets_an_invented_address(api: Api) -> None:
    assert api.call("POST", "/contacts", {"attributes": {"SMS": "+4915112345678"}}).status_code == 201
    assert api.contact("4915112345678@mailin-sms.com")["attributes"]["SMS"] == "4915112345678"
    assert api.call("POST", "/contacts", {"attributes": {"FIRSTNAME": "Nobody"}}).json()["code"] == "missing_parameter"


@pytest.mark.parametrize(
    "body",
    [
        {"email": "not-an-address"},
        {"email": "a@example.com", "unknown": 1},
        {"email": "a@example.com", "listIds": ["1"]},
        {"email": "a@example.com", "listIds": [999]},
        {"email": "a@example.com", "emailBlacklisted": "false"},
        {"email": "a@example.com", "forceMerge": True},
        {"email": 5},
        [],
    ],
)
def test_bodies_beyond_the_contract_are_refused(api: Api, body: object) -> None:
    answer = api.call("POST", "/contacts", body)
    assert answer.status_code == 400
    assert set(answer.json()) >= {"code", "message"}
    assert api.call("GET", "/contacts").json()["count"] == 0


def test_unknown_and_mistyped_attributes_vanish_without_a_word(api: Api) -> None:
    for name, kind in (("BORN", "date"), ("SPENT", "float"), ("VIP", "boolean"), ("NOTE", "text")):
        assert api.call("POST", f"/contacts/attributes/normal/{name}", {"type": kind}).status_code == 201
    good = {"BORN": "1989-02-11T10:00:00Z", "SPENT": "12.50", "VIP": "true", "NOTE": "x"}
    api.create("a@example.com", attributes={**good, "NOPE": "x", "firstname": "lower"})
    assert api.contact("a@example.com")["attributes"] == {
        "BORN": "1989-02-11",
        "SPENT": 12.5,
        "VIP": True,
        "NOTE": "x",
    }
    bad = {"BORN": "11/02/1989", "SPENT": "much", "VIP": "perhaps", "NOTE": 7}
    answer = api.call("PUT", "/contacts/a@example.com", {"attributes": bad})
    assert answer.status_code == 204
    assert api.contact("a@example.com")["attributes"]["BORN"] == "1989-02-11"
    api.call("PUT", "/contacts/a@example.com", {"attributes": {"NOTE": "", "SPENT": 3, "VIP": None}})
    assert api.contact("a@example.com")["attributes"] == {"BORN": "1989-02-11", "SPENT": 3, "VIP": True}


def test_a_new_address_subscribes_a_blocked_contact_again_unless_told(api: Api) -> None:
    api.create("a@example.com")
    api.change("unsubscribe", email="a@example.com")
    api.call("PUT", "/contacts/a@example.com", {"attributes": {"EMAIL": "b@example.com"}, "emailBlacklisted": True})
    assert api.contact("b@example.com")["emailBlacklisted"] is True
    assert api.call("PUT", "/contacts/b@example.com", {"attributes": {"EMAIL": "c@example.com"}}).status_code == 204
    assert api.contact("c@example.com")["emailBlacklisted"] is False
    api.create("d@example.com")
    clash = api.call("PUT", "/contacts/c@example.com", {"attributes": {"EMAIL": "d@example.com"}})
    assert clash.json()["metadata"] == {"duplicate_identifiers": ["email"]}


def test_flags_block_and_free_and_a_write_without_flag_does_neither(api: Api) -> None:
    api.create("a@example.com", emailBlacklisted=True, smsBlacklisted=True)
    api.call("POST", "/contacts", {"email": "a@example.com", "updateEnabled": True})
    assert api.contact("a@example.com")["emailBlacklisted"] is True
    api.call("PUT", "/contacts/a@example.com", {"emailBlacklisted": False})
    held = api.contact("a@example.com")
    assert (held["emailBlacklisted"], held["smsBlacklisted"]) == (False, True)
    happened = [(entry["what"], entry["by"]) for entry in api.account.journal.values()]
    assert happened == [("created", "api"), ("blocked", "api"), ("blocked", "api"), ("freed", "api")]


def test_deleting_forgets_that_someone_left(api: Api) -> None:
    api.create("a@example.com")
    api.change("unsubscribe", email="a@example.com")
    assert api.call("DELETE", "/contacts/a@example.com", identifierType="email_id").status_code == 204
    assert api.call("DELETE", "/contacts/a@example.com").status_code == 404
    api.create("a@example.com")
    assert api.contact("a@example.com")["emailBlacklisted"] is False


def test_pages_filters_and_order(api: Api) -> None:
    numbers = [api.create(f"p{index}@example.com") for index in range(5)]
    listed = api.call("GET", "/contacts", limit=2, offset=1).json()
    assert ([contact["id"] for contact in listed["contacts"]], listed["count"]) == ([numbers[3], numbers[2]], 5)
    ascending = api.call("GET", "/contacts", sort="asc", limit=1000).json()["contacts"]
    assert [contact["id"] for contact in ascending] == numbers
    assert set(ascending[0]) >= {
        "attributes",
        "createdAt",
        "emailBlacklisted",
        "listIds",
        "modifiedAt",
        "listUnsubscribed",
    }
    chosen = api.call("GET", "/contacts", ids=f"{numbers[0]},{numbers[4]}").json()
    assert chosen["count"] == 2
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    earlier = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert api.call("GET", "/contacts", modifiedSince=later).json()["count"] == 0
    assert api.call("GET", "/contacts", modifiedSince=earlier).json()["count"] == 5
    for wrong in ({"limit": 1001}, {"sort": "up"}, {"modifiedSince": "soon"}, {"ids": ",".join("1" * 21)}, {"x": 1}):
        assert api.call("GET", "/contacts", **wrong).status_code == 400, wrong


@pytest.mark.parametrize(
    ("cause", "where"),
    [
        ("user", "userUnsubscription"),
        ("admin", "adminUnsubscription"),
        ("complaint", "complaints"),
        ("hard_bounce", "hardBounces"),
    ],
)
def test_statistics_date_the_objection(api: Api, cause: str, where: str) -> None:
    api.create("a@example.com")
    at = (datetime.now(UTC) - timedelta(days=3)).isoformat(timespec="seconds")
    api.change("unsubscribe", email="a@example.com", cause=cause, at=at)
    statistics = api.contact("a@example.com")["statistics"]
    entries = statistics["unsubscriptions"].get(where) or statistics.get(where)
    assert [datetime.fromisoformat(entry["eventTime"]) for entry in entries] == [datetime.fromisoformat(at)]


def test_people_act_at_brevo_by_themselves(api: Api) -> None:
    number = api.new_list()
    api.change("create_contact", email="a@example.com", attributes={"FIRSTNAME": "A"}, lists=[number])
    api.change("list_unsubscribe", email="a@example.com", list=number)
    held = api.contact("a@example.com")
    assert (held["listIds"], held["listUnsubscribed"]) == ([], [number])
    api.change("set_attribute", email="a@example.com", name="FIRSTNAME", value="Ana")
    api.change("unsubscribe", email="a@example.com")
    api.change("rename_contact", email="a@example.com", to="b@example.com")
    assert api.contact("b@example.com")["emailBlacklisted"] is True
    api.change("opt_in", email="b@example.com", double=True)
    held = api.contact("b@example.com")
    assert (held["emailBlacklisted"], held["attributes"]["DOUBLE_OPT-IN"]) == (False, "1")
    api.change("delete_contact", email="b@example.com")
    assert api.call("GET", "/contacts").json()["count"] == 0
