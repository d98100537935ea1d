from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tajo_pipelines.brevo import picture
from tajo_pipelines.brevo.consent_door import CONTACT_FLAG
from tajo_pipelines.brevo.picture import Pair, parse_contact, read_contact, refresh
from tajo_pipelines.model.consent import Channel
from tajo_pipelines.model.errors import ContractError
from tajo_pipelines_tests.brevo.stub import START, Received, Reply, bench, fresh_state, stub


def contact(number: int, *, modified: datetime = START - timedelta(days=2), **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "email": f"P{number}@example.com",
        CONTACT_FLAG[Channel.EMAIL]: False,
        CONTACT_FLAG[Channel.SMS]: False,
        "createdAt": "2026-01-01T10:00:00.000+01:00",
        "modifiedAt": modified.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "listIds": [5],
        "attributes": {},
        "somethingNew": {"of": "theirs"},
        **changes,
    }


class Account:
    """Contacts in the order of their creation; ``meanwhile`` happens after each page."""

    def __init__(self, contacts: Sequence[dict[str, Any]]) -> None:
        self.contacts = list(contacts)
        self.meanwhile: Callable[[int], None] = lambda page: None
        self.pages = 0
        self.counts_everybody = False

    def __call__(self, received: Received) -> Reply:
        query = {name: value[0] for name, value in parse_qs(urlsplit(received.path).query).items()}
        assert query["sort"] == "asc"
        held = self.contacts
        if "modifiedSince" in query:
            assert query["modifiedSince"].endswith("Z")
            since = datetime.fromisoformat(query["modifiedSince"])
            held = [item for item in held if datetime.fromisoformat(item["modifiedAt"]) > since]
        offset, limit = int(query["offset"]), int(query["limit"])
        count = len(self.contacts) if self.counts_everybody else len(held)
        reply = Reply(200, {"contacts": held[offset : offset + limit], "count": count})
        self.pages += 1
        self.meanwhile(self.pages)
        return reply


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "PAGE", 10)


def read(account: Account, state: Any, now: datetime = START) -> tuple[picture.PictureDelta, list[Pair]]:
    pairs: list[Pair] = []
    with stub(account) as served:
        b = bench(served.url)
        b.time.now = now
        delta = refresh(b.client, state, now, pairs.extend)
        b.client.close()
    return delta, pairs


def test_the_first_reading_is_whole_and_later_ones_read_what_changed() -> None:
    account, state = Account([contact(number) for number in range(1, 36)]), fresh_state()
    delta, pairs = read(account, state)
    assert (delta.whole, delta.contacts, delta.new) == (True, 35, 35)
    assert all(before is None for before, _ in pairs)
    account.contacts[7] = contact(8, modified=START + timedelta(minutes=5), listIds=[5, 6])
    account.pages = 0
    later, changed = read(account, state, START + timedelta(hours=1))
    assert (later.whole, later.contacts, later.new, account.pages) == (False, 1, 0, 1)
    [(before, after)] = changed
    assert before is not None
    assert (before.lists, after.lists) == (frozenset({5}), frozenset({5, 6}))
    assert len(state.rows) == 35


def test_a_change_within_the_overlap_before_the_last_reading_is_read_again() -> None:
    account, state = Account([contact(1, modified=START - timedelta(minutes=9))]), fresh_state()
    read(account, state)
    delta, _ = read(account, state, START + timedelta(hours=1))
    assert delta.contacts == 1


def test_after_a_day_the_account_is_read_whole_and_the_gone_are_forgotten() -> None:
    account, state = Account([contact(number) for number in range(1, 16)]), fresh_state()
    read(account, state)
    del account.contacts[3]
    delta, _ = read(account, state, START + timedelta(hours=23))
    assert (delta.whole, len(state.rows)) == (False, 15)
    delta, _ = read(account, state, START + timedelta(hours=24))
    assert (delta.whole, delta.contacts, sorted(state.rows)[3]) == (True, 14, 5)


@pytest.mark.parametrize("seed", range(20))
def test_nobody_is_missed_while_others_are_deleted_and_created(seed: int) -> None:
    chance = random.Random(seed)
    account, state = Account([contact(number) for number in range(1, 91)]), fresh_state()
    there_all_along = {item["id"] for item in account.contacts}

    def meanwhile(page: int) -> None:
        for _ in range(chance.choice([0, 0, 1, 3, 12])):
            if len(account.contacts) > 20:
                gone = account.contacts.pop(chance.randrange(min(len(account.contacts), 40)))
                there_all_along.discard(gone["id"])
        for number in range(chance.choice([0, 1, 3])):
            account.contacts.append(contact(1000 * page + number))

    account.meanwhile = meanwhile
    delta, pairs = read(account, state)
    seen = [after.contact_id for _, after in pairs]
    assert set(seen) >= there_all_along
    assert set(state.rows) >= there_all_along
    assert delta.contacts == len(seen)


def test_a_quiet_account_costs_no_page_more_than_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "PAGE", 1000)
    account, state = Account([contact(number) for number in range(1, 2901)]), fresh_state()
    delta, pairs = read(account, state)
    assert (account.pages, delta.contacts, len(pairs)) == (3, 2900, 2900)


@pytest.mark.parametrize(("changed", "pages"), [(0, 1), (1, 3), (10, 2), (13, 3)])
def test_a_reading_of_changes_ends_whether_or_not_the_count_is_bounded_by_the_filter(changed: int, pages: int) -> None:
    """It isn't documented: a count of the whole account promises pages that never come."""
    account, state = Account([contact(number) for number in range(1, 41)]), fresh_state()
    read(account, state)
    for number in range(changed):
        account.contacts[2 * number] = contact(2 * number + 1, modified=START + timedelta(minutes=1))
    account.pages, account.counts_everybody = 0, True
    delta, _ = read(account, state, START + timedelta(hours=1))
    assert (delta.contacts, account.pages) == (changed, pages)


def test_an_empty_account_is_a_finished_reading() -> None:
    state = fresh_state()
    delta, pairs = read(Account([]), state)
    assert (delta.whole, pairs, state.whole_at) == (True, [], START)


def test_pages_are_judged_before_they_are_saved() -> None:
    account, state = Account([contact(1)]), fresh_state()
    held: list[int] = []
    with stub(account) as served:
        b = bench(served.url)
        refresh(b.client, state, START, lambda pairs: held.append(len(state.rows)))
        b.client.close()
    assert held == [0]


def test_a_reading_that_breaks_off_leaves_no_finished_reading() -> None:
    account, state = Account([contact(number) for number in range(1, 21)]), fresh_state()
    del account.contacts[15]["listIds"]
    with pytest.raises(ContractError, match="listIds"):
        read(account, state)
    assert state.whole_at is None


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"email": "A.B@Example.com"}, "email", "a.b@example.com"),
        ({"email": "Shop@Bücher.example"}, "email", "shop@xn--bcher-kva.example"),
        ({"email": "4915112345678@mailin-sms.com"}, "email", None),
        ({"email": "4915112345678@mailin-sms.com"}, "phone", "+4915112345678"),
        ({"attributes": {"SMS": "4915112345678"}}, "phone", "+4915112345678"),
        ({"attributes": {"SMS": "+4915112345678"}}, "phone", "+4915112345678"),
        ({"attributes": {"SMS": "004915112345678"}}, "phone", "+4915112345678"),
        ({"attributes": {"SMS": 4915112345678}}, "phone", "+4915112345678"),
        ({"attributes": {"SMS": ""}}, "phone", None),
        ({"attributes": {"DOUBLE_OPT-IN": "1"}}, "double_opted_in", True),
        ({"attributes": {"DOUBLE_OPT-IN": 1}}, "double_opted_in", True),
        ({"attributes": {"DOUBLE_OPT-IN": "Yes"}}, "double_opted_in", True),
        ({"attributes": {"DOUBLE_OPT-IN": True}}, "double_opted_in", True),
        ({"attributes": {"DOUBLE_OPT-IN": "2"}}, "double_opted_in", False),
        ({"attributes": {"DOUBLE_OPT-IN": "No"}}, "double_opted_in", False),
        ({"attributes": {"TAJO_BLOCKED": "email:unknown@x"}}, "mark", "email:unknown@x"),
        ({"attributes": {"TAJO_SOURCES": "shop:1"}}, "sources", "shop:1"),
        ({"listUnsubscribed": [7]}, "left_lists", frozenset({7})),
        ({"listUnsubscribed": None}, "left_lists", frozenset()),
        ({CONTACT_FLAG[Channel.EMAIL]: True}, "email_blocked", True),
        ({CONTACT_FLAG[Channel.SMS]: True}, "sms_blocked", True),
        ({}, "created_at", datetime(2026, 1, 1, 9, tzinfo=UTC)),
        ({"email": None}, "email", None),
    ],
)
def test_rows_are_typed_at_the_edge(changes: dict[str, Any], field: str, expected: object) -> None:
    assert getattr(parse_contact(contact(1, **changes), START), field) == expected


@pytest.mark.parametrize(
    "broken",
    [
        {"id": "1"},
        {"createdAt": "yesterday"},
        {"createdAt": "2026-01-01T10:00:00"},
        {"listIds": ["x"]},
        {"attributes": []},
    ],
)
def test_another_shape_is_refused_aloud(broken: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        parse_contact(contact(1, **broken), START)


def test_a_contact_without_its_flags_is_no_contact() -> None:
    row = contact(1)
    del row[CONTACT_FLAG[Channel.EMAIL]]
    with pytest.raises(ContractError):
        parse_contact(row, START)


def test_one_contact_is_read_by_its_id_with_statistics() -> None:
    body = {**contact(17), "statistics": {"complaints": []}}
    gone = Reply(404, {"code": "document_not_found", "message": "Contact does not exist"})
    with stub([Reply(200, body), gone]) as served:
        b = bench(served.url)
        found = read_contact(b.client, 17)
        assert read_contact(b.client, "a@example.com", kind="email_id") is None
        b.client.close()
    assert found is not None
    assert (found.seen.contact_id, found.raw["statistics"]) == (17, {"complaints": []})
    assert served.received[0].path == "/v3/contacts/17?identifierType=contact_id"
    assert served.received[1].path == "/v3/contacts/a%40example.com?identifierType=email_id"
