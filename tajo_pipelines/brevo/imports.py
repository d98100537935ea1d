"""Imports of contacts: handed over in pieces, awaited, their reports read. Who goes with whom is decided elsewhere."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tajo_pipelines.brevo.answers import encode
from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.refusals import BrevoRefusal
from tajo_pipelines.brevo.report_csv import ReportFetcher
from tajo_pipelines.model.errors import ContractError, RetryableError

_LOG = logging.getLogger(__name__)

MAX_BYTES = 8_000_000
"""Size of a body that Brevo advises; 10 MB are refused (Brevo API reference, POST /contacts/import)."""

MAX_ROWS = 2_000
"""Rows of one import. It is kept until it has ended, encoded and stored as a whole; further imports cost no further
looks, since those that run side by side are looked at together."""

SCHEDULE = (1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 45.0, 60.0)
"""Seconds before each look at what runs; the last one repeats. A look costs one of 100 calls an hour."""

GIVE_UP = 4 * 3600.0
"""Seconds after which a process that isn't finished is left for the next run."""

_IMPORT = "IMPORTUSER"
_FINISHED = frozenset({"completed", "failed", "cancelled"})
_PAGE = 50
_SOONER = 0.9
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


def split_rows(
    rows: Iterable[Mapping[str, Any]], max_bytes: int = MAX_BYTES, max_rows: int = MAX_ROWS
) -> Iterator[list[Mapping[str, Any]]]:
    """Rows in groups of at most ``max_rows`` whose body stays below ``max_bytes``; a row is never split."""
    group: list[Mapping[str, Any]] = []
    size = _ENVELOPE
    for row in rows:
        length = len(encode(row)) + 1
        if group and (size + length > max_bytes or len(group) >= max_rows):
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
    return max((process.id for process in _newest(client, 1, 0)), default=0)


def find_lost(client: BrevoClient, last_process: int) -> list[int]:
    """Ids of imports that began after the process ``last_process``, oldest first."""
    found: set[int] = set()
    offset = 0
    while True:
        newer = [process for process in _newest(client, _PAGE, offset) if process.id > last_process]
        found |= {process.id for process in newer if process.name == _IMPORT}
        offset += _PAGE
        if len(newer) < _PAGE:
            return sorted(found)


@dataclass(slots=True)
class Watch:
    """Follows imports to their end, all of them with one look where it can.

    A look at one process costs as much as one at the list of the newest fifty, so that imports which run side by side
    are looked at in the list. How long the last ones took tells when the first look at the next ones is worth a call.

    Attributes:
        client: The client; its ``sleep`` waits between looks.
        schedule: Seconds before each look.
        give_up: Seconds after which waiting ends.
        reports: Fetches the reports; a new one by default.
        expected: Seconds that imports are expected to take; 0 where none ended yet.
    """

    client: BrevoClient
    schedule: Sequence[float] = SCHEDULE
    give_up: float = GIVE_UP
    reports: ReportFetcher | None = None
    expected: float = 0.0

    def ends(self, process_ids: Iterable[int]) -> Iterator[tuple[int, ImportResult | BrevoRefusal]]:
        """Each process with how it ended, as soon as that is seen; a refusal where Brevo doesn't know it.

        Raises:
            RetryableError: When one isn't finished in time, or a report can't be fetched.
        """
        running = set(process_ids)
        reports = self.reports or ReportFetcher(self.client.sleep)
        slept, looks = 0.0, 0
        while running:
            if slept >= self.give_up:
                raise _unfinished(running, slept)
            pause = self._pause(looks, slept)
            self.client.sleep(pause)
            slept += pause
            looks += 1
            for process_id, found in sorted(_look_at(self.client, running).items()):
                if isinstance(found, BrevoRefusal):
                    running.discard(process_id)
                    yield process_id, found
                elif found.status in _FINISHED:
                    running.discard(process_id)
                    yield process_id, read_result(found, reports)
            _LOG.debug("%d imports run on after %.0f s", len(running), slept)
        if looks:
            # Whatever had ended when it was first looked at may have ended long before.
            self.expected = slept if looks > 1 else slept * _SOONER

    def _pause(self, looks: int, slept: float) -> float:
        pause = self.schedule[min(looks, len(self.schedule) - 1)]
        known = self.expected if looks == 0 else min(slept / 4, self.schedule[-1])
        return max(pause, known)


def wait(
    client: BrevoClient,
    process_id: int,
    *,
    schedule: Sequence[float] = SCHEDULE,
    give_up: float = GIVE_UP,
    reports: ReportFetcher | None = None,
) -> ImportResult:
    """Wait for one import to end and read its reports; the arguments are those of `Watch`.

    Raises:
        RetryableError: When it isn't finished in time, or a report can't be fetched.
        BrevoRefusal: 404 when Brevo doesn't know the process.
    """
    [(_, result)] = Watch(client, schedule, give_up, reports).ends([process_id])
    if isinstance(result, BrevoRefusal):
        raise result
    return result


def _unfinished(running: Iterable[int], slept: float) -> RetryableError:
    named = ", ".join(str(process_id) for process_id in sorted(running))
    message = f"the import {named} isn't finished after {slept / 60:.0f} minutes"
    return RetryableError(message, code="import_unfinished", where="GET /processes")


def _look_at(client: BrevoClient, running: Collection[int]) -> dict[int, _Process | BrevoRefusal]:
    """Every one of these processes as it stands: in the list as far as that serves, the others one by one."""
    found: dict[int, _Process | BrevoRefusal] = {}
    missing = set(running)
    offset = 0
    while len(missing) > 1:
        page = _newest(client, _PAGE, offset)
        found |= {process.id: process for process in page if process.id in missing and _is_told(process)}
        missing -= found.keys()
        # The newest come first: what isn't there once the ids are lower than it isn't in the list at all.
        if len(page) < _PAGE or not missing or min(process.id for process in page) < min(missing):
            break
        offset += _PAGE
    for process_id in missing:
        try:
            found[process_id] = look(client, process_id)
        except BrevoRefusal as refusal:
            found[process_id] = refusal
    return found


def _is_told(process: _Process) -> bool:
    """Whether the list says all there is: the reports of a process that is over may be left to its own page."""
    return process.status != "completed" or "import" in (process.info or {})


def _newest(client: BrevoClient, limit: int, offset: int) -> list[_Process]:
    query = {"limit": limit, "offset": offset, "sort": "desc"}
    return client.request("GET", "/processes", query=query).to(_Processes).processes


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
