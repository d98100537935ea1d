"""Folders, lists, and who is on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tajo_pipelines.twin.brevo import people
from tajo_pipelines.twin.brevo.ask import Answer, Ask, Routes
from tajo_pipelines.twin.brevo.contacts import page
from tajo_pipelines.twin.brevo.errors import ApiError, invalid, missing, not_found
from tajo_pipelines.twin.brevo.shapes import (
    Nested,
    check,
    descending,
    flag,
    integer,
    integers,
    known_only,
    text,
    texts,
    whole,
)
from tajo_pipelines.twin.brevo.state import Account, Contact
from tajo_pipelines.twin.brevo.values import shown

_MOST = 150
_PAGE = 50
_NEW_LIST = Nested({"name": text, "folderId": integer}, ("name", "folderId"))
_FOLDER = Nested({"name": text}, ("name",))
_MEMBERS = Nested({"emails": texts, "ids": integers, "extIds": texts})
_LEAVERS = Nested({"emails": texts, "ids": integers, "extIds": texts, "all": flag})


def _on(account: Account, number: int) -> list[Contact]:
    return [contact for contact in account.people() if number in contact["listIds"]]


def _counts(members: list[Contact]) -> dict[str, int]:
    blocked = sum(1 for contact in members if contact["emailBlacklisted"])
    return {
        "uniqueSubscribers": len(members),
        "totalSubscribers": len(members) - blocked,
        "totalBlacklisted": blocked,
    }


def make_list(account: Account, name: str, folder: int) -> int:
    """A new list; returns its id.

    Raises:
        ApiError: 400 where the folder doesn't exist or the name is empty.
    """
    if not name.strip():
        raise missing("List name is missing")
    if str(folder) not in account.folders:
        raise invalid("Folder ID does not exist")
    number = account.next_number("list")
    account.lists[str(number)] = {
        "id": number,
        "name": name,
        "folderId": folder,
        "createdAt": account.clock.seconds(),
    }
    return number


def _found(ask: Ask, name: str, store: str, message: str) -> dict[str, Any]:
    given = ask.path[name]
    if not given.isdigit():
        raise invalid(f"{name} is not valid")
    documents = ask.account.lists if store == "lists" else ask.account.folders
    if given not in documents:
        raise not_found(message)
    document: dict[str, Any] = documents[given]
    return document


def _list(ask: Ask) -> dict[str, Any]:
    return _found(ask, "listId", "lists", "List ID does not exist")


def _folder(ask: Ask) -> dict[str, Any]:
    return _found(ask, "folderId", "folders", "Folder ID does not exist")


def _slice(ask: Ask, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known_only(ask.query, ("limit", "offset", "sort"))
    limit, offset = whole(ask.query, "limit", 10, _PAGE), whole(ask.query, "offset", 0)
    if descending(ask.query):
        documents = documents[::-1]
    return documents[offset : offset + limit]


def _shown_list(account: Account, document: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": document["id"],
        "name": document["name"],
        "folderId": document["folderId"],
        **_counts(_on(account, document["id"])),
    }


def _shown_folder(account: Account, document: dict[str, Any]) -> dict[str, Any]:
    inside = {entry["id"] for entry in account.lists.values() if entry["folderId"] == document["id"]}
    members = [contact for contact in account.people() if not inside.isdisjoint(contact["listIds"])]
    return {"id": document["id"], "name": document["name"], **_counts(members)}


def _lists(ask: Ask) -> Answer:
    documents = list(ask.account.lists.values())
    shown_lists = [_shown_list(ask.account, document) for document in _slice(ask, documents)]
    return 200, {"lists": shown_lists, "count": len(documents)}


def _create_list(ask: Ask) -> Answer:
    check(ask.body, _NEW_LIST)
    return 201, {"id": make_list(ask.account, ask.body["name"], ask.body["folderId"])}


def _get_list(ask: Ask) -> Answer:
    known_only(ask.query, ("startDate", "endDate"))
    document = _list(ask)
    return 200, {
        **_shown_list(ask.account, document),
        "createdAt": shown(document["createdAt"]),
        "campaignStats": [],
        "dynamicList": False,
    }


def _update_list(ask: Ask) -> Answer:
    document = _list(ask)
    check(ask.body, Nested({"name": text, "folderId": integer}))
    if ("name" in ask.body) == ("folderId" in ask.body):
        raise invalid("Pass either name or folderId")
    if str(ask.body.get("folderId", document["folderId"])) not in ask.account.folders:
        raise invalid("Folder ID does not exist")
    document.update(ask.body)
    ask.account.lists.touch(str(document["id"]))
    return 204, None


def _delete_list(ask: Ask) -> Answer:
    number = _list(ask)["id"]
    for contact in _on(ask.account, number):
        people.unlist(ask.account, contact, [number])
    del ask.account.lists[str(number)]
    return 204, None


def _list_contacts(ask: Ask) -> Answer:
    known_only(ask.query, ("limit", "offset", "sort", "modifiedSince"))
    whole(ask.query, "limit", 50, 500)
    return 200, page(ask, _on(ask.account, _list(ask)["id"]))


def _folders(ask: Ask) -> Answer:
    documents = list(ask.account.folders.values())
    shown_folders = [_shown_folder(ask.account, document) for document in _slice(ask, documents)]
    return 200, {"folders": shown_folders, "count": len(documents)}


def _create_folder(ask: Ask) -> Answer:
    check(ask.body, _FOLDER)
    if not ask.body["name"].strip():
        raise missing("Folder name is missing")
    number = ask.account.next_number("folder")
    ask.account.folders[str(number)] = {"id": number, "name": ask.body["name"]}
    return 201, {"id": number}


def _get_folder(ask: Ask) -> Answer:
    return 200, _shown_folder(ask.account, _folder(ask))


def _folder_lists(ask: Ask) -> Answer:
    number = _folder(ask)["id"]
    documents = [entry for entry in ask.account.lists.values() if entry["folderId"] == number]
    shown_lists = [_shown_list(ask.account, document) for document in _slice(ask, documents)]
    for shown_list in shown_lists:
        del shown_list["folderId"]  # the path names it, and these answers don't repeat it
    return 200, {"lists": shown_lists, "count": len(documents)}


def _named(ask: Ask) -> list[tuple[Any, Contact | None]]:
    """Who is meant, each with the contact or None.

    Raises:
        ApiError: 400 unless exactly one kind names 1 to 150 people.
    """
    given = [name for name in ("emails", "ids", "extIds") if name in ask.body]
    if len(given) != 1:
        raise missing("Pass one of emails, ids, extIds")
    values = ask.body[given[0]]
    if not 1 <= len(values) <= _MOST:
        raise invalid(f"Pass 1 to {_MOST} {given[0]}")
    account = ask.account
    finders: dict[str, Callable[[Any], Contact | None]] = {
        "emails": account.by_email,
        "ids": account.by_id,
        "extIds": lambda value: account.by_identifier("EXT_ID", value),
    }
    return [(value, finders[given[0]](value)) for value in values]


def _add(ask: Ask) -> Answer:
    number = _list(ask)["id"]
    check(ask.body, _MEMBERS)
    success: list[Any] = []
    failure: list[Any] = []
    for value, contact in _named(ask):
        if contact is None or number in contact["listIds"] or number in contact["listUnsubscribed"]:
            failure.append(value)
            continue
        people.enlist(ask.account, contact, [number], "api")
        success.append(value)
    if not success:
        raise ApiError(400, "invalid_parameter", "Contact already in list and/or does not exist")
    return 201, {"contacts": {"success": success, "failure": failure}}


def _remove(ask: Ask) -> Answer:
    number = _list(ask)["id"]
    check(ask.body, _LEAVERS)
    if ask.body.get("all"):
        members = _on(ask.account, number)
        for member in members:
            people.unlist(ask.account, member, [number])
        return 201, {"contacts": {"total": len(members)}}
    success: list[Any] = []
    failure: list[Any] = []
    for value, contact in _named(ask):
        if contact is None or number not in contact["listIds"]:
            failure.append(value)
            continue
        people.unlist(ask.account, contact, [number])
        success.append(value)
    if not success:
        raise ApiError(400, "invalid_parameter", "Contact already removed from list and/or does not exist")
    return 201, {"contacts": {"success": success, "failure": failure}}


ROUTES: Routes = [
    ("GET", "/contacts/lists", _lists),
    ("POST", "/contacts/lists", _create_list),
    ("GET", "/contacts/lists/{listId}", _get_list),
    ("PUT", "/contacts/lists/{listId}", _update_list),
    ("DELETE", "/contacts/lists/{listId}", _delete_list),
    ("GET", "/contacts/lists/{listId}/contacts", _list_contacts),
    ("POST", "/contacts/lists/{listId}/contacts/add", _add),
    ("POST", "/contacts/lists/{listId}/contacts/remove", _remove),
    ("GET", "/contacts/folders", _folders),
    ("POST", "/contacts/folders", _create_folder),
    ("GET", "/contacts/folders/{folderId}", _get_folder),
    ("GET", "/contacts/folders/{folderId}/lists", _folder_lists),
]
