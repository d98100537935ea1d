"""POST /contacts/import, the processes that it starts, and the CSV files that report bad rows."""

from __future__ import annotations

import csv
import io
from typing import Any

from tajo_pipelines.twin.brevo import people
from tajo_pipelines.twin.brevo.ask import Answer, Ask, Routes
from tajo_pipelines.twin.brevo.contacts import lists_exist
from tajo_pipelines.twin.brevo.errors import ApiError, invalid, missing, not_found
from tajo_pipelines.twin.brevo.lists import make_list
from tajo_pipelines.twin.brevo.shapes import (
    Each,
    Nested,
    check,
    descending,
    flag,
    integer,
    integers,
    known_only,
    mapping,
    text,
    whole,
)
from tajo_pipelines.twin.brevo.state import IDENTIFIERS, Account
from tajo_pipelines.twin.brevo.values import email_or_none, shown_utc

MOST_BYTES = 10_000_000
SECONDS = 2.0
ROWS_A_SECOND = 5000
FILES_PATH = "/files"
_ROW = Nested({"email": text, "attributes": mapping, "ext_id": text})
_IMPORT = Nested(
    {
        "disableNotification": flag,
        "emailBlacklist": flag,
        "emptyContactsAttributes": flag,
        "fileBody": text,
        "fileUrl": text,
        "jsonBody": Each(_ROW),
        "listIds": integers,
        "newList": Nested({"folderId": integer, "listName": text}),
        "notifyUrl": text,
        "smsBlacklist": flag,
        "updateExistingContacts": flag,
        "consentGroupIds": integers,
    }
)
REPORTS = {
    "email": "duplicate_email_id",
    "SMS": "duplicate_phone_id",
    "WHATSAPP": "duplicate_whatsapp_id",
    "LANDLINE_NUMBER": "duplicate_landline_number_id",
    "ext_id": "duplicate_ext_id",
}
_REPORT_NAMES = (
    "invalid_emails",
    "duplicate_contact_id",
    "duplicate_ext_id",
    "duplicate_email_id",
    "duplicate_phone_id",
    "duplicate_whatsapp_id",
    "duplicate_landline_number_id",
)


def _start(ask: Ask) -> Answer:
    account, body = ask.account, ask.body
    if ask.size > MOST_BYTES:
        raise invalid("Body is larger than 10 MB")
    check(body, _IMPORT)
    rows = _rows(body)
    lists = _destination(account, body)
    number = account.next_number("process")
    now = account.clock.seconds()
    seconds = account.clock.scaled(SECONDS + len(rows) / ROWS_A_SECOND)
    failing = account.number("fail_imports") > 0
    if failing:
        account.count("fail_imports", -1)
    account.processes[str(number)] = {
        "id": number,
        "name": "IMPORTUSER",
        "status": "queued",
        "created": now,
        "begins": now + seconds / 4,
        "ends": now + seconds,
        "completed": None,
        "fails": failing,
        "rows": rows,
        "row_count": len(rows),
        "lists": lists,
        "update": body.get("updateExistingContacts", True),
        "clear": body.get("emptyContactsAttributes", False) and body.get("updateExistingContacts", True),
        "block": {
            "email": body.get("emailBlacklist", False),
            "sms": body.get("smsBlacklist", False),
        },
        "notifyUrl": body.get("notifyUrl"),
        "reports": {},
    }
    if not body.get("disableNotification", False):
        account.count("import_notices")
    return 202, {"processId": number}


def _rows(body: dict[str, Any]) -> list[dict[str, Any]]:
    given = [name for name in ("jsonBody", "fileBody", "fileUrl") if body.get(name)]
    if not given:
        raise missing("fileUrl, fileBody or jsonBody is missing")
    if len(given) > 1:
        raise invalid("Pass only one of fileUrl, fileBody, jsonBody")
    if given[0] == "fileUrl":
        raise invalid("fileUrl can't be fetched from here")
    if given[0] == "jsonBody":
        rows: list[dict[str, Any]] = body["jsonBody"]
        return rows
    reader = csv.DictReader(io.StringIO(body["fileBody"]), delimiter=";")
    return [_csv_row({str(name).strip(): value or "" for name, value in line.items()}) for line in reader]


def _csv_row(cells: dict[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {"email": cells.pop("EMAIL", cells.pop("email", ""))}
    if cells.get("EXT_ID"):
        row["ext_id"] = cells.pop("EXT_ID")
    return {**row, "attributes": cells}


def _destination(account: Account, body: dict[str, Any]) -> list[int]:
    if body.get("listIds"):
        lists_exist(account, body["listIds"])
        return list(body["listIds"])
    fresh = body.get("newList") or {}
    if not fresh.get("listName"):
        raise missing("listIds or newList is missing")
    return [make_list(account, fresh["listName"], fresh.get("folderId", 0))]


def settle(account: Account) -> None:
    """Move processes on whose time has come, and apply those that end."""
    now = account.clock.seconds()
    for key, process in account.processes.items():
        if process["completed"] is not None:
            continue
        if process["status"] == "queued" and now >= process["begins"]:
            process["status"] = "processing"
            account.processes.touch(key)
        if now >= process["ends"]:
            if process["fails"]:
                process["status"] = "failed"
            else:
                _apply(account, process)
                process["status"] = "completed"
            process["completed"] = now
            process["rows"] = []
            account.processes.touch(key)


def _apply(account: Account, process: dict[str, Any]) -> None:
    reports: dict[str, list[dict[str, str]]] = {}
    for row in process["rows"]:
        report = _apply_row(account, process, row)
        if report is not None:
            cells = {"EMAIL": row.get("email") or "", "EXT_ID": row.get("ext_id") or ""}
            for name in IDENTIFIERS:
                cells.setdefault(name, str(row.get("attributes", {}).get(name, "")))
            reports.setdefault(report, []).append(cells)
    process["reports"] = reports


def _apply_row(account: Account, process: dict[str, Any], row: dict[str, Any]) -> str | None:
    """Write one row; returns the report that names it where it is refused."""
    given = row.get("email")
    email = email_or_none(given) if given else None
    attributes = row.get("attributes", {})
    values = people.read_values(account, email, row.get("ext_id") or None, attributes)
    if (given and email is None) or (email is None and not set(values.kept) & set(IDENTIFIERS)):
        return "invalid_emails"
    contact = people.addressed(account, values)
    fresh = contact is None
    if fresh or process["update"]:
        names = people.taken(account, values, contact)
        if names:
            return REPORTS[names[0]]
    if not process["clear"]:
        values.cleared = []
    if contact is None:
        contact = people.create(account, values, "import")
    elif process["update"]:
        people.change(account, contact, values)
    if fresh or process["update"]:
        for channel, blocked in process["block"].items():
            if blocked:
                people.block(account, contact, channel, blocked=True, by="import")
    people.enlist(account, contact, [n for n in process["lists"] if str(n) in account.lists], "import")
    return None


def _shown(ask: Ask, process: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": process["id"],
        "name": process["name"],
        "status": process["status"],
        "created_at": shown_utc(process["created"]),
    }
    if process["status"] == "failed":
        document["error"] = "Import could not be processed"
    if process["completed"] is not None:
        document["completed_at"] = shown_utc(process["completed"])
    if process["status"] == "completed":
        document["info"] = {
            "import": {
                name: f"{ask.base_url}{FILES_PATH}/{ask.account.organization}/{process['id']}/{name}.csv"
                if name in process["reports"]
                else None
                for name in _REPORT_NAMES
            }
        }
    return document


def _process(ask: Ask) -> Answer:
    given = ask.path["processId"]
    process = ask.account.processes.get(given) if given.isdigit() else None
    if process is None:
        raise not_found("Process not found")
    return 200, _shown(ask, process)


def _processes(ask: Ask) -> Answer:
    known_only(ask.query, ("limit", "offset", "sort"))
    limit, offset = whole(ask.query, "limit", 10, 50), whole(ask.query, "offset", 0)
    found = list(ask.account.processes.values())
    if descending(ask.query):
        found.reverse()
    return 200, {
        "processes": [_shown(ask, process) for process in found[offset : offset + limit]],
        "count": len(found),
    }


def report_file(account: Account, process_id: str, name: str) -> str | None:
    """Text of a report's CSV file, or None where there is none."""
    process = account.processes.get(process_id)
    rows = process["reports"].get(name) if process is not None else None
    if rows is None:
        return None
    text_file = io.StringIO()
    writer = csv.DictWriter(text_file, ["EMAIL", *IDENTIFIERS], delimiter=";", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text_file.getvalue()


def _batch(_ask: Ask) -> Answer:
    raise ApiError(404, "document_not_found", "This endpoint was retired on 2026-10-30")


ROUTES: Routes = [
    ("POST", "/contacts/import", _start),
    ("POST", "/contacts/batch", _batch),
    ("GET", "/processes", _processes),
    ("GET", "/processes/{processId}", _process),
]
