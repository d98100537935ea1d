"""A person is taken out of every table, and nobody else is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, insert, select

from tajo_pipelines.model.erasure import Receipt, ReceiptKind, Work
from tajo_pipelines.model.traces import Traces
from tajo_pipelines.store import Store
from tajo_pipelines.store.schema import metadata
from tajo_pipelines.store.source_erasing import SourceErasing
from tajo_pipelines.store.sweeping import sweep

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ANA, SVEN, PHONE = "ana@quillfeather.org", "sven@example.com", "+4915112345678"
TRACES = Traces(
    emails=frozenset({ANA}),
    phones=frozenset({PHONE}),
    records=frozenset({("shop", "customers", "1"), ("shop", "orders", "11"), ("shop", "carts", "21")}),
    contacts=frozenset({5}),
)

NOBODYS = {
    "batches": "paths and counts of files",
    "reads": "a platform's cursor",
    "watermarks": "times",
    "leases": "processes",
    "budget": "counts of calls",
    "picture_readings": "times",
    "refusals": "counts of deliveries",
    "tombstones": "digests",
    "receipts": "what is made of nobody's data",
}
"""Tables in which nobody stands, and why."""


def rows() -> dict[str, list[dict[str, Any]]]:
    """In each table one row about the person and one about somebody else."""
    entry = {"key": ANA, "phone": PHONE, "sources": ["shop:1"]}
    other = {"key": SVEN, "sources": ["shop:2"]}
    account = {"account": "acme"}
    of_import = {"connection": "shop", "stream": "customers", "key": "1", "contact_key": None}
    of_import |= {"source_time": "2026-11-24T12:00:00Z"}
    event = {"connection": "shop", "stream": "orders", "properties": {"name": "x"}}
    report = {"run_id": "r", "connection": "shop", "report": "{}", "started_at": NOON, "status": "done"}
    call = {"at": NOON, "method": "GET", "bucket": "contacts", "status": 200, "milliseconds": 1, "bytes_sent": 0}
    delivery = {"connection": "shop", "topic": "t", "state": "done", "attempts": 1, "bytes": 9, "duplicates": 0}
    letter = {
        "state": "open",
        "connection": "shop",
        "stream": "customers",
        "kind": "record",
        "field": "",
        "reason": "r",
    }
    seen = {"email_blocked": False, "sms_blocked": False, "lists": "[]", "left_lists": "[]", "double_opted_in": False}
    seen |= {"mark": "", "sources": "", "created_at": NOON, "modified_at": NOON, "read_at": NOON}
    fact = {"source": "shop", "cause": "objection", "confirmed": False, "recorded_at": NOON, "evidence": ""}
    fact |= {"channel": "email", "state": "denied", "at": NOON, "carried_by_brevo": False}
    return {
        "ledger_contacts": [
            account
            | {"key": each["key"], "phone": each.get("phone"), "doc": json.dumps(each), "state": "sent"}
            | {"updated_at": NOON}
            for each in (entry, other)
        ],
        "ledger_sources": [
            account
            | {"connection": "shop", "stream": stream, "key": key, "contact_key": contact}
            | {"source_time": NOON, "hash": ""}
            for stream, key, contact in (("customers", "1", ANA), ("orders", "13", ANA), ("customers", "2", SVEN))
        ],
        "source_states": [
            account | {"connection": "shop", "stream": stream, "key": key, "state": json.dumps(state)}
            for stream, key, state in (
                ("orders", "11", {"said": "x"}),
                ("carts", "c", {"order": "11"}),
                ("cart_tokens", "t", {"cart": "21", "contact": ANA}),
                ("orders", "12", {"said": "y"}),
            )
        ],
        "picture": [
            account | {"contact_id": number, "email": email, "phone": phone} | seen
            for number, email, phone in ((5, ANA, PHONE), (6, SVEN, None))
        ],
        "picture_sources": [account | {"source": f"shop:{key}", "contact_id": key + 4} for key in (1, 2)],
        "consent_facts": [account | {"address": address} | fact for address in (ANA, PHONE, SVEN)],
        "freed": [
            account | {"address": address, "channel": "email", "source": "shop", "kind": "a", "at": NOON}
            for address in (ANA, SVEN)
        ],
        "imports": [
            account
            | {"id": "i", "body_hash": "", "last_process": 1, "state": "pending", "created_at": NOON}
            | {"rows": json.dumps([{"entry": each, "sources": [of_import]} for each in (entry, other)])}
        ],
        "intents": [
            account
            | {"tajo_id": key, "name": "n", "state": "open", "created_at": NOON}
            | {"payload": json.dumps(event | more)}
            for key, more in (("a", {"key": "99", "email": ANA}), ("b", {"key": "12", "email": SVEN}))
        ],
        "letters": [
            letter
            | {"id": key, "key": key, "message": text, "attempts": 1, "first_seen": NOON, "last_seen": NOON}
            | {"run_id": "r"}
            for key, text in (("1", "m"), ("3", f"about {ANA}"), ("2", "m"))
        ],
        "calls": [
            account
            | call
            | {"id": number, "run_id": run, "path": path, "template": template, "request": body}
            | {"response": ""}
            for number, run, path, template, body in (
                (1, "r", "/contacts/5?identifierType=contact_id", "/contacts/{identifier}", ""),
                (2, "erasing", "/contacts/a***", "/contacts/{identifier}", ""),
                (3, "r", "/contacts", "/contacts", '{"email":"a***@quillfeather.org","id":7}'),
                (4, "r", "/contacts/6", "/contacts/{identifier}", '{"email":"s***@example.com"}'),
            )
        ],
        "account_cache": [
            account | {"name": name, "doc": doc, "at": NOON} for name, doc in (("x", f'"{ANA}"'), ("lists", "{}"))
        ],
        "run_reports": [
            report | {"stream": "customers", "details": json.dumps({"missed": {"keys": ["1", "2"]}, "note": ANA})}
        ],
        "deliveries": [
            delivery
            | {"id": number, "delivery_id": f"d{number}", "stream": "customers", "key": key, "body": body}
            | {"received_at": NOON}
            for number, key, body in ((1, "1", b"x"), (2, None, f"to {ANA.upper()}".encode()), (3, "2", b"y"))
        ],
        "meta": [{"name": "note", "value": f"told {ANA}"}, {"name": "other", "value": "kept"}],
    }


@pytest.fixture
def full(store: Store) -> Store:
    """A store with all of that."""
    with store.database.writing() as connection:
        for name, given in rows().items():
            connection.execute(insert(metadata.tables[name]), given)
    return store


def texts(store: Store) -> Iterator[tuple[str, str]]:
    with store.database.reading() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)):
                yield table.name, str(tuple(row)).lower()


def test_every_table_is_looked_at_or_holds_nobody() -> None:
    assert rows().keys() | NOBODYS.keys() == metadata.tables.keys()


def take_out(store: Store) -> Counter[str]:
    counted: Counter[str] = Counter()
    taking = store.taking_out("acme", ("shop",))
    taking.take_out(TRACES, "erasing", counted.update)
    found = taking.deliveries_of(TRACES)
    counted["deliveries"] = taking.empty(found)
    return counted


def test_a_person_is_taken_out_of_every_table_and_nobody_else_is(full: Store) -> None:
    counted = take_out(full)
    left = Counter(name for name, _ in texts(full))
    words = (ANA, "quillfeather", "15112345678")
    assert [(name, word) for name, text in texts(full) for word in words if word in text] == []
    assert left["ledger_contacts"] == left["consent_facts"] == left["freed"] == left["picture"] == 1
    assert left["picture_sources"] == left["ledger_sources"] == left["source_states"] == left["intents"] == 1
    assert left["letters"] == left["account_cache"] == left["run_reports"] == 1
    assert left["calls"] == 4
    assert left["deliveries"] == 3
    assert counted["calls"] == 3
    assert counted["deliveries"] == 2
    assert any(SVEN in text for name, text in texts(full) if name == "imports")
    assert any('"2"' in text and '"1"' not in text for name, text in texts(full) if name == "run_reports")
    assert any("s***@example.com" in text for name, text in texts(full) if name == "calls")
    again = take_out(full)
    assert +again == Counter(calls=1)  # those of the erasure itself are emptied again
    assert full.inbox.get(3) is not None


def test_another_account_is_left_alone(full: Store) -> None:
    taking = full.taking_out("other", ("elsewhere",))
    taking.take_out(TRACES, "erasing", lambda _gone: None)
    assert taking.deliveries_of(TRACES) == {}
    kept = {name for name, text in texts(full) if ANA in text}
    assert kept >= {"ledger_contacts", "consent_facts", "picture", "letters", "imports", "intents", "freed"}


def test_a_source_goes_with_all_that_it_told_and_the_others_stay(full: Store) -> None:
    gone, objections = SourceErasing(full.database, "acme", "elsewhere").take_out()
    assert (+gone, objections) == (Counter(), 0)
    gone, objections = SourceErasing(full.database, "acme", "shop").take_out()
    assert objections == 3
    kept = {name for name, text in texts(full) if ANA in text or SVEN in text}
    assert kept <= {"picture", "consent_facts", "account_cache", "meta"}
    assert gone["deliveries"] == 3


def test_a_receipt_takes_the_place_of_the_work(store: Store) -> None:
    erasing = store.erasing("acme")
    work = Work(id="w", connection="shop", request=None, began_at=NOON, traces=TRACES)
    erasing.save(work)
    assert [found.traces for found in erasing.works()] == [TRACES]
    assert store.erasing("other").works() == []
    receipt = Receipt("w", ReceiptKind.PERSON, "acme", "shop", None, NOON, {"gone": {}})
    erasing.finish(work, receipt)
    assert erasing.works() == []
    assert list(store.receipts.list()) == [receipt]
    assert [name for name, text in texts(store) if ANA in text] == []
    store.receipts.note_swept({"files_swept": False}, done=False)
    assert store.receipts.await_any()
    store.receipts.note_swept({"files_swept": True}, done=True)
    assert not store.receipts.await_any()
    found = store.receipts.get("w")
    assert found is not None
    assert found.doc["files_swept"] is True


def test_a_reader_keeps_the_files_from_being_swept_and_the_next_try_does_it(
    full: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tajo_pipelines.store.sweeping.PATIENCE", 0.05)
    if full.database.engine.dialect.name != "sqlite":
        assert sweep(full.database) is None
        return
    file = full.database.engine.url.database or ""
    with full.database.reading() as reading:
        reading.execute(select(_meta())).all()
        take_out(full)
        assert "reads" in (sweep(full.database) or "") or "locked" in (sweep(full.database) or "")
    assert sweep(full.database) is None
    content = b"".join(Path(name).read_bytes() for name in (file, f"{file}-wal"))
    assert ANA.encode() not in content.lower()
    assert b"kept" in content


def _meta() -> Table:
    return metadata.tables["meta"]
