from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tajo_pipelines.brevo import lists
from tajo_pipelines.brevo.lists import Lists, ensure_lists, find_lists
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines_tests.brevo.stub import START, Received, Reply, bench, fresh_state, stub

ALREADY = "Contact already in list and/or does not exist"


class Account:
    """Lists and folders of an account, and who can be put on a list."""

    def __init__(self, names: list[str], folders: list[str] | None = None) -> None:
        self.lists = [{"id": number, "name": name, "folderId": 1} for number, name in enumerate(names, 1)]
        self.folders = [{"id": number, "name": name} for number, name in enumerate(folders or [], 1)]
        self.unacceptable: set[str] = set()
        self.unknown: set[str] = set()

    def __call__(self, received: Received) -> Reply:
        parts = urlsplit(received.path)
        if parts.path.endswith(("/add", "/remove")):
            return self._change(received.body)
        held: list[dict[str, Any]] = self.folders if parts.path.endswith("/folders") else self.lists
        if received.method == "POST":
            held.append({"id": len(held) + 1, **received.body})
            return Reply(201, {"id": len(held)})
        query = {name: value[0] for name, value in parse_qs(parts.query).items()}
        offset, limit = int(query["offset"]), int(query["limit"])
        assert limit <= 50
        page = held[offset : offset + limit]
        name = "folders" if held is self.folders else "lists"
        return Reply(200, {name: page, "count": len(held)} if held else {"count": 0})

    def _change(self, body: dict[str, Any]) -> Reply:
        members = body.get("emails") or body["ids"]
        assert 1 <= len(members) <= 150
        if self.unacceptable & set(members):
            return Reply(400, {"code": "invalid_parameter", "message": "Invalid email address"})
        success = [member for member in members if member not in self.unknown]
        if not success:
            return Reply(400, {"code": "invalid_parameter", "message": ALREADY})
        failure = [member for member in members if member in self.unknown]
        return Reply(201, {"contacts": {"success": success, "failure": failure}})


def test_lists_are_made_once_in_a_folder_of_their_own_and_found_afterwards() -> None:
    account, state = Account(["Newsletter"]), fresh_state()
    with stub(account) as served:
        b = bench(served.url)
        made = ensure_lists(b.client, state, {}, START)
        asked = len(served.received)
        assert ensure_lists(b.client, state, {}, START + timedelta(minutes=30)) == made
        assert len(served.received) == asked
        assert ensure_lists(b.client, fresh_state(), {}, START) == made
        b.client.close()
    assert made == Lists(all_contacts=2, subscribers=3)
    assert [item["name"] for item in account.lists] == ["Newsletter", "Tajo: all contacts", "Tajo: subscribers"]
    assert [item["name"] for item in account.folders] == ["Tajo"]
    assert {item["folderId"] for item in account.lists[1:]} == {1}


def test_a_folder_that_exists_is_used() -> None:
    account = Account([], ["Mine", "Tajo"])
    with stub(account) as served:
        b = bench(served.url)
        ensure_lists(b.client, fresh_state(), {}, START)
        b.client.close()
    assert {item["folderId"] for item in account.lists} == {2}


def test_configured_ids_are_taken_from_any_page_and_nothing_is_made() -> None:
    with stub(Account([f"List {number}" for number in range(120)])) as served:
        b = bench(served.url)
        found = ensure_lists(b.client, fresh_state(), {"all_contacts": 5, "subscribers": 120}, START)
        b.client.close()
    assert found == Lists(all_contacts=5, subscribers=120)
    assert all(sent.method == "GET" for sent in served.received)


def test_an_id_that_the_account_lacks_is_named_and_the_cache_isnt_believed_in_it() -> None:
    account, state = Account(["One"]), fresh_state()
    with stub(account) as served:
        b = bench(served.url)
        with pytest.raises(ConfigError, match=r"no lists with the ids 6, 99.*Contacts > Lists"):
            ensure_lists(b.client, state, {"all_contacts": 6, "subscribers": 99}, START)
        account.lists += [{"id": 6, "name": "new"}, {"id": 99, "name": "newer"}]
        found = ensure_lists(b.client, state, {"all_contacts": 6, "subscribers": 99}, START)
        b.client.close()
    assert found == Lists(6, 99)


def test_looking_makes_nothing() -> None:
    with stub(Account(["Tajo: subscribers"])) as served:
        b = bench(served.url)
        found, missing = find_lists(b.client, fresh_state(), {"all_contacts": None, "subscribers": None}, START)
        b.client.close()
    assert (found, missing) == ({"subscribers": 1}, ["all_contacts"])


def test_people_go_on_a_list_in_groups_of_150_and_each_failure_is_known() -> None:
    account = Account(["One"])
    people = [f"p{number}@example.com" for number in range(400)]
    account.unacceptable, account.unknown = {people[17]}, {people[3], people[399]}
    with stub(account) as served:
        b = bench(served.url)
        change = lists.add(b.client, 1, people)
        b.client.close()
    assert [item for item, _ in change.refused] == [people[17]]
    assert change.refused[0][1].message == "Invalid email address"
    assert set(change.failed) == {people[3], people[399]}
    assert len(change.done) == 397
    assert len(served.received) < 25


def test_a_group_of_whom_nobody_can_be_changed_isnt_taken_apart() -> None:
    account = Account(["One"])
    account.unknown = set(range(1, 151))  # type: ignore[arg-type]  # ids this time
    with stub(account) as served:
        b = bench(served.url)
        change = lists.remove(b.client, 1, list(range(1, 151)))
        b.client.close()
    assert (len(served.received), len(change.failed)) == (1, 150)
    assert served.received[0].path == "/v3/contacts/lists/1/contacts/remove"


def test_a_list_that_is_gone_is_the_accounts_matter() -> None:
    with stub([Reply(404, {"code": "document_not_found", "message": "List ID does not exist"})]) as served:
        b = bench(served.url)
        with pytest.raises(ConfigError, match="no list 7"):
            lists.add(b.client, 7, ["a@example.com"])
        b.client.close()


@pytest.mark.parametrize(
    "told",
    [
        {"contacts": {"success": ["A@example.com"], "failure": ["b@example.com"]}},
        {"success": ["a@example.com"], "failure": ["b@example.com"]},
        {"contacts": {"failure": ["b@example.com"]}},
        {"contacts": {"success": ["a@example.com"], "failure": None}},
    ],
)
def test_the_answer_counts_in_both_forms_that_are_documented(told: dict[str, Any]) -> None:
    with stub([Reply(201, told)]) as served:
        b = bench(served.url)
        change = lists.remove(b.client, 1, ["a@example.com", "b@example.com"])
        b.client.close()
    assert (change.done, change.failed) == (["a@example.com"], ["b@example.com"])
