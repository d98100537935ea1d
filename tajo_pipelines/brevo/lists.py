"""The account's lists: the two that we keep, and who is on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.brevo.refusals import BrevoRefusal
from tajo_pipelines.model.errors import ConfigError, RetryableError
from tajo_pipelines.model.letter import VendorAnswer

FOLDER = "Tajo"
NAMES: Mapping[str, str] = {"all_contacts": "Tajo: all contacts", "subscribers": "Tajo: subscribers"}
"""What the lists are called where the configuration names no ids."""

GROUP = 150
"""Most contacts in one call to add or remove (Brevo API reference)."""

MAX_AGE = 3600.0

_CACHE = "lists"
_PAGE = 50


@dataclass(frozen=True, slots=True)
class Lists:
    """Ids of the lists that contacts are put on."""

    all_contacts: int
    subscribers: int


@dataclass(slots=True)
class ListChange:
    """What became of a call to add or remove.

    Attributes:
        done: Those whom Brevo names as done.
        failed: Those whom it doesn't: on the list already (or no longer), or no contact.
        refused: Those whom Brevo refuses to take at all, with its words.
    """

    done: list[str | int] = field(default_factory=list)
    failed: list[str | int] = field(default_factory=list)
    refused: list[tuple[str | int, VendorAnswer]] = field(default_factory=list)


class _Named(msgspec.Struct):
    id: int
    name: str


class _Page(msgspec.Struct):
    lists: list[_Named] = []
    folders: list[_Named] = []
    count: int = 0


class _Made(msgspec.Struct):
    id: int


class _Changed(msgspec.Struct):
    success: list[str | int] | None = None
    failure: list[str | int] | None = None


class _ChangeAnswer(_Changed):
    """Both forms in which Brevo documents it: its schema puts the names under ``contacts``, its examples don't."""

    contacts: _Changed | None = None


def read_lists(client: BrevoClient, state: AccountState, now: datetime, *, fresh: bool = False) -> dict[int, str]:
    """Names of the account's lists by id, at most an hour old."""
    cached = None if fresh else state.cached(_CACHE, now, MAX_AGE)
    if cached is None:
        found = {item.id: item.name for item in _every(client, "/contacts/lists")}
        _keep(state, found, now)
        return found
    return {item.id: item.name for item in msgspec.convert(cached, _Page).lists}


def _keep(state: AccountState, lists: Mapping[int, str], now: datetime) -> None:
    state.cache(_CACHE, {"lists": [{"id": number, "name": name} for number, name in lists.items()]}, now)


def _every(client: BrevoClient, template: str) -> Iterator[_Named]:
    """All lists or folders, oldest first, so that new ones don't shift the pages."""
    offset = 0
    while True:
        query = {"limit": _PAGE, "offset": offset, "sort": "asc"}
        page = client.request("GET", template, query=query).to(_Page)
        items = page.lists or page.folders
        yield from items
        offset += _PAGE
        if len(items) < _PAGE or offset >= page.count > 0:
            return


def find_lists(
    client: BrevoClient, state: AccountState, configured: Mapping[str, int | None], now: datetime
) -> tuple[dict[str, int], list[str]]:
    """The lists for each purpose, and the purposes that have none yet. Nothing is made.

    Args:
        client: The client.
        state: Where the account's lists are cached.
        configured: Id by purpose (``all_contacts``, ``subscribers``); None: found by name.
        now: The present.

    Raises:
        ConfigError: When the account lacks a configured id.
    """
    account = read_lists(client, state, now)
    wanted = {number for number in configured.values() if number is not None}
    named = {NAMES[purpose] for purpose, number in configured.items() if number is None}
    if not wanted <= account.keys() or not named <= set(account.values()):
        account = read_lists(client, state, now, fresh=True)
    lacking = sorted(wanted - account.keys())
    if lacking:
        ids = ", ".join(str(number) for number in lacking)
        several = len(lacking) > 1
        raise ConfigError(
            f"the Brevo account has no list{'s' if several else ''} with the id{'s' if several else ''} {ids}",
            code="list_missing",
            where="lists",
            hint="ids stand in Brevo under Contacts > Lists; left out, Tajo makes lists of its own",
        )
    by_name: dict[str, int] = {}
    for number, name in sorted(account.items()):
        by_name.setdefault(name, number)
    found: dict[str, int] = {}
    missing: list[str] = []
    for purpose, chosen in configured.items():
        known = chosen if chosen is not None else by_name.get(NAMES[purpose])
        if known is None:
            missing.append(purpose)
        else:
            found[purpose] = known
    return found, missing


def ensure_lists(
    client: BrevoClient, state: AccountState, configured: Mapping[str, int | None], now: datetime
) -> Lists:
    """The lists that contacts are put on; those without a configured id are found by name or made.

    Raises:
        ConfigError: When the account lacks a configured id.
    """
    purposes = {purpose: configured.get(purpose) for purpose in NAMES}
    found, missing = find_lists(client, state, purposes, now)
    if missing:
        folder = _folder(client)
        account = read_lists(client, state, now)
        for purpose in missing:
            body = {"name": NAMES[purpose], "folderId": folder}
            number = _make(client, "/contacts/lists", body)
            found[purpose] = number
            account[number] = NAMES[purpose]
        _keep(state, account, now)
    return Lists(all_contacts=found["all_contacts"], subscribers=found["subscribers"])


def _folder(client: BrevoClient) -> int:
    """Id of our folder, made if the account has none."""
    for item in _every(client, "/contacts/folders"):
        if item.name == FOLDER:
            return item.id
    return _make(client, "/contacts/folders", {"name": FOLDER})


def _make(client: BrevoClient, template: str, body: Mapping[str, object]) -> int:
    """Id of a new list or folder. Where the answer was lost, it is looked for by its name before it is asked for again.

    Raises:
        RetryableError: When that, too, brought no answer; the next run looks by name anyway.
    """
    try:
        return client.request("POST", template, body=body, idempotent=False).to(_Made).id
    except RetryableError as error:
        if not error.in_doubt:
            raise
    for item in _every(client, template):
        if item.name == body["name"]:
            return item.id
    return client.request("POST", template, body=body, idempotent=False).to(_Made).id


def add(client: BrevoClient, list_id: int, members: Sequence[str] | Sequence[int]) -> ListChange:
    """Put contacts on a list.

    Args:
        client: The client.
        list_id: The list.
        members: Addresses, or Brevo's contact ids.

    Raises:
        ConfigError: When the list is gone.
    """
    return _change(client, "/contacts/lists/{listId}/contacts/add", list_id, members)


def remove(client: BrevoClient, list_id: int, members: Sequence[str] | Sequence[int]) -> ListChange:
    """Take contacts off a list; see `add`."""
    return _change(client, "/contacts/lists/{listId}/contacts/remove", list_id, members)


def _change(client: BrevoClient, template: str, list_id: int, members: Sequence[str] | Sequence[int]) -> ListChange:
    change = ListChange()
    for start in range(0, len(members), GROUP):
        _change_group(client, template, list_id, list(members[start : start + GROUP]), change)
    return change


def _change_group(
    client: BrevoClient, template: str, list_id: int, members: list[str | int], change: ListChange
) -> None:
    kind = "ids" if isinstance(members[0], int) else "emails"
    try:
        answer = client.request("POST", template, path_vars={"listId": list_id}, body={kind: members})
    except BrevoRefusal as error:
        if error.status == 404:
            message = f"the Brevo account has no list {list_id} any more"
            hint = "ids stand in Brevo under Contacts > Lists"
            raise ConfigError(message, code="list_missing", where=error.where, hint=hint) from error
        if error.status != 400:
            raise
        _refused_group(client, template, list_id, members, change, error)
        return
    whole = answer.to(_ChangeAnswer)
    told = whole.contacts or whole
    done = {_folded(member) for member in told.success or ()}
    # A success without names, as some answers are, is one of everybody who isn't named as a failure.
    failed = {_folded(member) for member in told.failure or ()}
    for member in members:
        fine = _folded(member) in done if done else _folded(member) not in failed
        (change.done if fine else change.failed).append(member)


def _refused_group(
    client: BrevoClient,
    template: str,
    list_id: int,
    members: list[str | int],
    change: ListChange,
    error: BrevoRefusal,
) -> None:
    """A 400 for a whole group.

    Brevo answers so when nobody of the group could be changed, "Contact already in list and/or does not exist"
    (sendinblue/APIv3-php-library issues 92 and 134), or when one address isn't acceptable: then the halves are tried.
    """
    if "in list" in error.vendor.message or "not exist" in error.vendor.message:
        change.failed += members
    elif len(members) == 1:
        change.refused.append((members[0], error.vendor))
    else:
        middle = len(members) // 2
        _change_group(client, template, list_id, members[:middle], change)
        _change_group(client, template, list_id, members[middle:], change)


def _folded(member: str | int) -> str:
    return str(member).casefold()
