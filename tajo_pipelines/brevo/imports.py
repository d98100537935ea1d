"""Imports of contacts: handed over in pieces, awaited, their reports read. Who goes with whom is decided elsewhere."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tajo_pipelines.brevo.answers import encode
from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.report_csv import ReportFetcher
from tajo_pipelines.model.errors import ContractError, RetryableError

_LOG = logging.getLogger(__name__)

MAX_BYTES = 8_000_000
"""Size of a body that Brevo advises; 10 MB are refused (Brevo API reference, POST /contacts/import)."""

SCHEDULE = (1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 45.0, 60.0)
"""Seconds before each look at a process; the last one repeats. A look costs one of 100 calls an hour."""

GIVE_UP = 4 * 3600.0
"""Seconds after which a process that isn't finished is left for the next run."""

_IMPORT = "IMPORTUSER"
_FINISHED = frozenset({"completed", "failed", "cancelled"})
_PAGE = 50
_ENVELOPE = 2_000


@dataclass(slots=True)
class ImportResult:
    """How an import ended.

    Attributes:
        status: ``completed``, ``failed`` or ``cancelled``.
        invalid_emails: Addresses that Brevo doesn't take.
        duplicates: By kind (``phone``, ``email``, ``ext``, ``contact``, ``whatsapp``, ``landline_number``), the
            addresses of rows that were refused because an identifier belongs to another contact; where a report has
            no addresses, its first column.
        error: Brevo's words where the process failed.
    """

    status: str
    invalid_emails: list[str] = field(default_factory=list)
    duplicates: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""


class _Started(msgspec.Struct, rename="camel"):
    process_id: int


class _Process(msgspec.Struct):
    id: int
    status: str
    name: str = _IMPORT
    info: dict[str, Any] | None = None
    error: str | None = None


class _Processes(msgspec.Struct):
    processes: list[_Process] = []
    count: int = 0


def split_rows(rows: Iterable[Mapping[str, Any]], max_bytes: int = MAX_BYTES) -> Iterator[list[Mapping[str, Any]]]:
    """Rows in groups whose body stays below ``max_bytes``; a row is never split."""
    group: list[Mapping[str, Any]] = []
    size = _ENVELOPE
    for row in rows:
        length = len(encode(row)) + 1
        if group and size + length > max_bytes:
            yield group
            group, size = [], _ENVELOPE
        group.append(row)
        size += length
    if group:
        yield group


def import_body(
    rows: Sequence[Mapping[str, Any]], lists: Sequence[int], flags: Mapping[str, bool], *, update_existing: bool
) -> dict[str, Any]:
    """The body of POST /contacts/import.

    Args:
        rows: ``{"email": ..., "attributes": {...}}`` each.
        lists: Ids of the lists that all rows join; Brevo wants one at least.
        flags: The blocking flags of the whole import, from the consent door; empty for none.
        update_existing: Whether contacts that exist are updated.

    Raises:
        ValueError: Without rows or lists.
    """
    if not rows or not lists:
        message = "an import needs rows and a list"
        raise ValueError(message)
    return {
        "jsonBody": list(rows),
        "listIds": sorted(lists),
        "updateExistingContacts": update_existing,
        "emptyContactsAttributes": False,
        "disableNotification": True,
        **flags,
    }


def body_hash(body: Mapping[str, Any]) -> str:
    """Digest of an import's body, for the store."""
    return hashlib.sha256(encode(body)).hexdigest()


def start_import(
    client: BrevoClient,
    rows: Sequence[Mapping[str, Any]],
    lists: Sequence[int],
    flags: Mapping[str, bool],
    *,
    update_existing: bool,
) -> int:
    """Hand an import over; the id of its process. The arguments are those of `import_body`.

    Raises:
        RetryableError: ``in_doubt`` when Brevo may have begun it: `find_lost` tells.
    """
    body = import_body(rows, lists, flags, update_existing=update_existing)
    return client.request("POST", "/contacts/import", body=body, idempotent=False).to(_Started).process_id


def newest_process(client: BrevoClient) -> int:
    """Id of the account's newest process, 0 where it never had one: asked before an import is handed over."""
    query = {"limit": 1, "offset": 0, "sort": "desc"}
    page = client.request("GET", "/processes", query=query).to(_Processes)
    return max((process.id for process in page.processes), default=0)


def find_lost(client: BrevoClient, last_process: int) -> list[int]:
    """Ids of imports that began after the process ``last_process``, oldest first."""
    found: set[int] = set()
    offset = 0
    while True:
        query = {"limit": _PAGE, "offset": offset, "sort": "desc"}
        page = client.request("GET", "/processes", query=query).to(_Processes)
        newer = [process for process in page.processes if process.id > last_process]
        found |= {process.id for process in newer if process.name == _IMPORT}
        offset += _PAGE
        if len(newer) < _PAGE:
            return sorted(found)


def wait(
    client: BrevoClient,
    process_id: int,
    *,
    schedule: Sequence[float] = SCHEDULE,
    give_up: float = GIVE_UP,
    reports: ReportFetcher | None = None,
) -> ImportResult:
    """Wait for an import to end and read its reports.

    Args:
        client: The client; its ``sleep`` waits between looks.
        process_id: The process.
        schedule: Seconds before each look.
        give_up: Seconds after which waiting ends.
        reports: Fetches the reports; a new one by default.

    Raises:
        RetryableError: When it isn't finished in time, or a report can't be fetched.
        BrevoRefusal: 404 when Brevo doesn't know the process.
    """
    slept, looks = 0.0, 0
    while True:
        seconds = schedule[min(looks, len(schedule) - 1)]
        client.sleep(seconds)
        slept += seconds
        looks += 1
        process = look(client, process_id)
        if process.status in _FINISHED:
            return read_result(process, reports or ReportFetcher(client.sleep))
        if slept >= give_up:
            message = f"the import {process_id} isn't finished after {slept / 60:.0f} minutes ({process.status})"
            raise RetryableError(message, code="import_unfinished", where="GET /processes/{processId}")
        _LOG.debug("import %s is %s after %.0f s", process_id, process.status, slept)


def look(client: BrevoClient, process_id: int) -> _Process:
    """The process as it stands."""
    return client.request("GET", "/processes/{processId}", path_vars={"processId": process_id}).to(_Process)


def read_result(process: _Process, reports: ReportFetcher) -> ImportResult:
    """What a finished process says, its reports read."""
    result = ImportResult(status=process.status, error=process.error or "")
    named = (process.info or {}).get("import") or {}
    if not isinstance(named, Mapping):
        raise ContractError("the report of an import is no object", where="GET /processes/{processId}")
    for name, link in named.items():
        if not link:
            continue
        if not isinstance(link, str):
            message = f"the report {name} of an import is no link"
            raise ContractError(message, where="GET /processes/{processId}")
        found = reports.addresses(link)
        if name == "invalid_emails":
            result.invalid_emails = found
        elif name.startswith("duplicate_"):
            result.duplicates[name.removeprefix("duplicate_").removesuffix("_id")] = found
    return result
