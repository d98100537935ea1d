from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from brevo.contacts.client import ContactsClient
from brevo.contacts.types.import_contacts_request_json_body_item import ImportContactsRequestJsonBodyItem

from tajo_pipelines.brevo.answers import encode
from tajo_pipelines.brevo.consent_door import import_flags
from tajo_pipelines.brevo.imports import (
    Watch,
    body_hash,
    find_lost,
    import_body,
    newest_process,
    split_rows,
    start_import,
    wait,
)
from tajo_pipelines.brevo.refusals import BrevoRefusal
from tajo_pipelines.brevo.report_csv import parse_report
from tajo_pipelines.model.consent import Channel
from tajo_pipelines.model.errors import ContractError, RetryableError
from tajo_pipelines_tests.brevo.stub import START, Received, Reply, Stub, bench, stub

ROWS = [{"email": "a@example.com", "attributes": {"FIRSTNAME": "Ána", "TOTAL_SPENT": Decimal("12.50")}}]


def test_an_import_never_clears_never_mails_the_owner_and_names_its_lists() -> None:
    body = import_body(ROWS, [6, 5], import_flags([Channel.EMAIL]), update_existing=False)
    assert body["disableNotification"] is True
    assert body["emptyContactsAttributes"] is False
    assert body["updateExistingContacts"] is False
    assert body["listIds"] == [5, 6]
    assert sum(value is True for value in body.values()) == 2
    with pytest.raises(ValueError, match="a list"):
        import_body(ROWS, [], {}, update_existing=True)


def test_the_vendors_own_client_knows_every_field_of_the_body() -> None:
    flags = import_flags([Channel.EMAIL, Channel.SMS])
    body = import_body(ROWS, [5], flags, update_existing=True)
    known = set(inspect.signature(ContactsClient.import_contacts).parameters)
    assert {re.sub(r"([A-Z])", r"_\1", name).lower() for name in body} <= known
    item = ImportContactsRequestJsonBodyItem.model_validate_json(encode(body["jsonBody"][0]))
    assert item.email == "a@example.com"


def test_rows_are_split_by_the_size_of_the_body_and_none_is_lost() -> None:
    rows = [{"email": f"p{number}@example.com", "attributes": {"NOTE": "é" * 200}} for number in range(500)]
    parts = list(split_rows(rows, max_bytes=20_000))
    assert [row for part in parts for row in part] == rows
    assert len(parts) > 5
    for part in parts:
        assert len(encode(import_body(part, [1], {}, update_existing=True))) <= 20_000
    assert list(split_rows([])) == []
    assert [len(part) for part in split_rows(rows[:2], max_bytes=10)] == [1, 1]
    assert [len(part) for part in split_rows(rows, max_rows=200)] == [200, 200, 100]


def test_the_same_import_has_the_same_hash() -> None:
    one, other = (import_body(ROWS, [5], {}, update_existing=flag) for flag in (True, False))
    assert body_hash(one) == body_hash(import_body(ROWS, [5], {}, update_existing=True)) != body_hash(other)


def test_an_import_whose_answer_is_lost_is_in_doubt_and_not_repeated() -> None:
    with stub([Reply(524, b"<html>")]) as served:
        b = bench(served.url)
        with pytest.raises(RetryableError) as raised:
            start_import(b.client, ROWS, [5], {}, update_existing=True)
        b.client.close()
    assert raised.value.in_doubt
    assert len(served.received) == 1


def processes(*found: tuple[int, str]) -> Reply:
    items = [{"id": number, "name": name, "status": "completed"} for number, name in found]
    return Reply(200, {"processes": items, "count": len(items)})


def test_a_lost_import_is_found_among_the_processes_that_began_since() -> None:
    pages = [
        processes(*[(number, "IMPORTUSER") for number in range(160, 110, -1)]),
        processes((110, "LIST_EXPORT"), (109, "IMPORTUSER"), (100, "IMPORTUSER"), (99, "IMPORTUSER")),
    ]
    with stub(pages) as served:
        b = bench(served.url)
        assert find_lost(b.client, 100) == [109, *range(111, 161)]
        b.client.close()
    assert [sent.path for sent in served.received] == [
        "/v3/processes?limit=50&offset=0&sort=desc",
        "/v3/processes?limit=50&offset=50&sort=desc",
    ]


@pytest.mark.parametrize(("reply", "newest"), [(processes((7, "LIST_EXPORT")), 7), (Reply(200, {"count": 0}), 0)])
def test_the_newest_process_is_one_call(reply: Reply, newest: int) -> None:
    with stub([reply]) as served:
        b = bench(served.url)
        assert newest_process(b.client) == newest
        b.client.close()
    assert len(served.received) == 1


class Import:
    """A process that ends at the look number ``ends``, with reports."""

    def __init__(self, ends: int, reports: dict[str, bytes | None], status: str = "completed") -> None:
        self.ends, self.reports, self.status = ends, reports, status
        self.looks = 0
        self.file_status = [200]
        self.server: Stub | None = None

    def __call__(self, received: Received) -> Reply:
        assert self.server is not None
        if received.path.startswith("/files/"):
            assert "api-key" not in received.headers
            status = self.file_status.pop(0) if len(self.file_status) > 1 else self.file_status[0]
            return Reply(status, self.reports[received.path.removeprefix("/files/").removesuffix(".csv")])
        self.looks += 1
        if self.looks < self.ends:
            return Reply(200, {"id": 9, "name": "IMPORTUSER", "status": "in_process"})
        links = {
            name: None if text is None else f"{self.server.origin}/files/{name}.csv"
            for name, text in self.reports.items()
        }
        return Reply(200, {"id": 9, "name": "IMPORTUSER", "status": self.status, "info": {"import": links}})


def follow(process: Import, **options: Any) -> tuple[Any, Any]:
    with stub(process) as served:
        process.server = served
        b = bench(served.url)
        try:
            return wait(b.client, 9, **options), b
        finally:
            b.client.close()


def test_the_wait_spends_few_looks_and_reads_every_report() -> None:
    reports: dict[str, bytes | None] = {
        "invalid_emails": b"\xef\xbb\xbfEMAIL\nnot-an-address\nbad@\n",
        "duplicate_phone_id": b"EMAIL;SMS\nb@example.com;4915112345678\n",
        "duplicate_email_id": None,
    }
    result, b = follow(Import(4, reports))
    assert b.time.slept == [1.0, 2.0, 3.0, 5.0]
    assert result.status == "completed"
    assert result.invalid_emails == ["not-an-address", "bad@"]
    assert result.duplicates == {"phone": ["b@example.com"]}
    assert b.client.usage.requests == {"GET /processes/{processId}": 4}


class Account:
    """Processes that end at a certain time each, in a list and one by one."""

    def __init__(self, ends: dict[int, float], *, others: int = 0, told: bool = True) -> None:
        self.ends, self.told = ends, told
        self.foreign = [1_000 + number for number in range(others)]
        self.clock: Callable[[], datetime] = lambda: START
        self.began = START

    def __call__(self, received: Received) -> Reply:
        place = urlsplit(received.path)
        named = place.path.removeprefix("/v3/processes").removeprefix("/")
        if named:
            return Reply(200, self._shown(int(named), told=True)) if int(named) in self.ends else Reply(404, {})
        query = {name: int(value) for name, value in parse_qsl(place.query) if name != "sort"}
        numbers = sorted([*self.ends, *self.foreign], reverse=True)
        shown = numbers[query["offset"] : query["offset"] + query["limit"]]
        return Reply(200, {"processes": [self._shown(number, told=self.told) for number in shown], "count": 9})

    def _shown(self, number: int, *, told: bool) -> dict[str, Any]:
        if number in self.foreign:
            return {"id": number, "name": "LIST_EXPORT", "status": "completed", "info": {"export": {}}}
        over = (self.clock() - self.began).total_seconds() >= self.ends[number]
        document: dict[str, Any] = {"id": number, "name": "IMPORTUSER", "status": "completed" if over else "queued"}
        return document | ({"info": {"import": {"invalid_emails": None}}} if over and told else {})


def watched(account: Account, *groups: Sequence[int]) -> tuple[list[Any], Counter[str], list[float]]:
    """What becomes of imports that are followed group by group, the looks by kind, and the waits."""
    with stub(account) as served:
        b = bench(served.url)
        account.clock = b.time
        watch = Watch(b.client)
        ended = []
        for group in groups:
            account.began = b.time.now
            ended += list(watch.ends(group))
        b.client.close()
    return ended, b.client.usage.requests, b.time.slept


LIST, SINGLE = "GET /processes", "GET /processes/{processId}"


def test_one_look_is_for_all_imports_that_run() -> None:
    ended, looks, slept = watched(Account(dict.fromkeys(range(1, 41), 5.0)), range(1, 41))
    assert [process_id for process_id, _ in ended] == list(range(1, 41))
    assert {result.status for _, result in ended} == {"completed"}
    assert looks == {LIST: 3}
    assert slept == [1.0, 2.0, 3.0]


def test_an_import_is_told_of_as_soon_as_it_ends_and_the_last_one_is_looked_at_alone() -> None:
    ended, looks, _ = watched(Account({1: 30.0, 2: 1.0, 3: 2.5}), [1, 2, 3])
    assert [process_id for process_id, _ in ended] == [2, 3, 1]
    assert looks == {LIST: 2, SINGLE: 4}


def test_how_long_imports_took_tells_when_to_look_at_the_next_ones() -> None:
    account = Account(dict.fromkeys(range(1, 41), 40.0))
    _, looks, slept = watched(account, *[range(at, at + 4) for at in range(1, 41, 4)])
    assert looks == {LIST: 18}, "seven for the first four, then hardly more than one each"
    assert sum(slept) <= 10 * 40.0 * 1.2


def test_what_other_processes_push_off_the_first_page_is_found_behind_it() -> None:
    ended, looks, _ = watched(Account({1: 0.0, 2: 0.0, 3: 0.0}, others=70), [1, 2, 3])
    assert len(ended) == 3
    assert looks == {LIST: 2}


def test_reports_that_the_list_leaves_out_are_asked_for_one_by_one() -> None:
    ended, looks, _ = watched(Account({1: 0.0, 2: 0.0}, told=False), [1, 2])
    assert [result.status for _, result in ended] == ["completed", "completed"]
    assert looks == {LIST: 1, SINGLE: 2}


def test_a_process_that_brevo_has_forgotten_keeps_no_other_one_waiting() -> None:
    ended, looks, _ = watched(Account({1: 0.0, 3: 0.0}), [1, 2, 3])
    found = dict(ended)
    assert isinstance(found[2], BrevoRefusal)
    assert found[1].status == found[3].status == "completed"
    assert looks == {LIST: 1, SINGLE: 1}


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_failed_import_says_so(status: str) -> None:
    result, _ = follow(Import(1, {}, status))
    assert result.status == status


def test_an_import_without_end_is_left_for_the_next_run() -> None:
    with pytest.raises(RetryableError, match="isn't finished after 2 minutes"):
        follow(Import(10_000, {}), schedule=(30.0, 60.0), give_up=100)


def test_a_report_that_cant_be_fetched_is_asked_for_again_and_then_for_later() -> None:
    process = Import(1, {"invalid_emails": b"EMAIL\nx@\n"})
    process.file_status = [503, 404, 200]
    result, b = follow(process)
    assert result.invalid_emails == ["x@"]
    assert b.time.slept == [1.0, 1.0, 3.0]
    process = Import(1, {"invalid_emails": b""})
    process.file_status = [403]
    with pytest.raises(RetryableError, match=r"doesn't give the report \(403\)"):
        follow(process)


@pytest.mark.parametrize("link", ["http://files.example.com/a.csv", "file:///etc/passwd", 3])
def test_a_link_to_anywhere_else_isnt_followed(link: object) -> None:
    body = {"id": 9, "status": "completed", "info": {"import": {"invalid_emails": link}}}
    with stub([Reply(200, body)]) as served:
        b = bench(served.url)
        with pytest.raises(ContractError):
            wait(b.client, 9)
        b.client.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("EMAIL;SMS\na@example.com;1\n", ["a@example.com"]),
        ("sms,Email Address\n1,a@example.com\n2,b@example.com\n", ["a@example.com", "b@example.com"]),
        ('"E-mail"\r\n"a@example.com"\r\n\r\n"a@example.com"\r\n', ["a@example.com"]),
        ("a@example.com\nb@example.com", ["a@example.com", "b@example.com"]),
        ("id;contact\n7;a@example.com\n", ["a@example.com"]),
        ("SMS\n4915112345678\n", ["4915112345678"]),
        ("EMAIL;NOTE\n;x\nb@example.com;y\n", ["b@example.com"]),
    ],
)
def test_reports_are_read_whatever_their_columns(text: str, expected: list[str]) -> None:
    assert parse_report(text) == expected
