"""Imports: many contacts by one call, noted before it is made and followed to its end."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import structlog

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.consent_door import import_flags
from tajo_pipelines.brevo.contact_change import ContactPolicy, Draft, confirmed, phone_letters
from tajo_pipelines.brevo.contact_values import without_ext_id, without_phone
from tajo_pipelines.brevo.imports import (
    ImportResult,
    Watch,
    find_lost,
    newest_process,
    split_rows,
    start_import,
)
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.brevo.refusals import BrevoRefusal
from tajo_pipelines.model.consent import Channel
from tajo_pipelines.model.digest import digest
from tajo_pipelines.model.errors import RetryableError
from tajo_pipelines.model.ledger import Delivered, ImportRow, PendingImport

log = structlog.get_logger(__name__)

LOOK_AFTER = 5.0
"""Seconds after which an import whose answer was lost is looked for among Brevo's processes."""


@dataclass(frozen=True, slots=True)
class Group:
    """Drafts that one import can carry: Brevo's flags and lists hold for all rows of it.

    Attributes:
        lists: Where the import puts them; never empty, for Brevo wants a destination.
        flags: Channels that it blocks.
        update_existing: False where rows block for want of a yes: who joined meanwhile isn't touched.
    """

    lists: frozenset[int]
    flags: frozenset[Channel]
    update_existing: bool


@dataclass(slots=True)
class ImportOutcome:
    """What became of drafts that went by import."""

    sent: list[Draft] = field(default_factory=list)
    again: list[Draft] = field(default_factory=list)
    refused: list[tuple[Draft, str]] = field(default_factory=list)


def group_of(draft: Draft, policy: ContactPolicy) -> Group | None:
    """The import that a draft may go by, or None where it must go alone."""
    alone = draft.renamed_from or draft.cleared or draft.frees or draft.unlisted or draft.email is None
    if alone or not draft.writes:
        return None
    member_of = (draft.seen.lists if draft.seen else frozenset()) | (draft.entry.lists if draft.entry else frozenset())
    lists = draft.lists or (member_of & {policy.all_contacts})
    left = draft.seen.left_lists if draft.seen else frozenset()
    if not lists or lists & left:
        return None
    return Group(lists, draft.flags, draft.exists or not draft.guesses)


@dataclass(slots=True)
class Bulk:
    """Sends groups by import.

    Attributes:
        client: The client.
        state: The account's state.
        clock: Tells the time.
        processes: Ids of the processes that were started or taken up again.
    """

    client: BrevoClient
    state: AccountState
    clock: Callable[[], datetime]
    processes: list[int] = field(default_factory=list)
    _last_process: int | None = None
    _watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        """What a delivery learns of the length of imports holds for all of it."""
        self._watch = Watch(self.client)

    def send(self, groups: Mapping[Group, Sequence[Draft]]) -> ImportOutcome:
        """Send all groups, then wait for all of them.

        Raises:
            TajoError: When Brevo can't be reached; what was started is taken up by `recover` later.
        """
        started: dict[int, tuple[PendingImport, dict[str, Draft]]] = {}
        outcome = ImportOutcome()
        for group, drafts in groups.items():
            for part in self._parts(drafts):
                begun = self._start(group, part, outcome)
                if begun is not None and begun.process_id is not None:
                    started[begun.process_id] = begun, {draft.key: draft for draft in part}
        for process_id, result in self._watch.ends(started):
            pending, by_key = started.pop(process_id)
            self._finish(pending, result, by_key, outcome)
        return outcome

    def recover(self) -> int:
        """Follow imports that an earlier process left behind to their end; how many there were."""
        pending = self.state.pending_imports()
        taken = {item.process_id for item in pending if item.process_id is not None}
        started: dict[int, PendingImport] = {}
        for item in pending:
            found = item if item.process_id is not None else self._find(item, taken)
            if found is None or found.process_id is None:
                self.state.finish_import(item.id, "lost")
            else:
                started[found.process_id] = found
        for process_id, result in self._watch.ends(started):
            self._finish(started[process_id], result, {}, ImportOutcome())
        return len(pending)

    def _find(self, pending: PendingImport, taken: set[int]) -> PendingImport | None:
        """The process of an import whose answer we never stored.

        Only an import that is alone in question is taken for ours; otherwise it is sent again, which changes nothing
        twice.
        """
        lost = [process for process in find_lost(self.client, pending.last_process) if process not in taken]
        if len(lost) != 1:
            return None
        taken.add(lost[0])
        found = msgspec.structs.replace(pending, process_id=lost[0])
        self.state.save_import(found)
        return found

    def _lost_now(self, pending: PendingImport, error: RetryableError) -> int:
        """The process of an import that a gateway gave up on, while Brevo began it all the same."""
        if not error.in_doubt:
            self.state.finish_import(pending.id, "not_sent")
            raise error
        self.client.sleep(LOOK_AFTER)
        found = self._find(pending, set(self.processes))
        if found is None or found.process_id is None:
            raise error
        return found.process_id

    def _parts(self, drafts: Sequence[Draft]) -> Iterator[list[Draft]]:
        by_key = {draft.key: draft for draft in drafts}
        for rows in split_rows([_row(draft) for draft in drafts]):
            yield [by_key[row["email"]] for row in rows]

    def _start(self, group: Group, drafts: Sequence[Draft], outcome: ImportOutcome) -> PendingImport | None:
        if self._last_process is None:
            self._last_process = newest_process(self.client)
        now = self.clock()
        rows = [_row(draft) for draft in drafts]
        pending = PendingImport(
            id=uuid.uuid4().hex,
            body_hash=digest(rows),
            last_process=self._last_process,
            process_id=None,
            rows=tuple(
                ImportRow(entry=draft.ledger_entry(now, state=Delivered.SENT), sources=draft.source_entries())
                for draft in drafts
            ),
            created_at=now,
        )
        self.state.save_import(pending)
        try:
            process_id = start_import(
                self.client,
                rows,
                lists=sorted(group.lists),
                flags=import_flags(group.flags),
                update_existing=group.update_existing,
            )
        except RetryableError as error:
            process_id = self._lost_now(pending, error)
        except BrevoRefusal as refusal:
            self.state.finish_import(pending.id, "refused")
            outcome.refused += [(draft, refusal.vendor.message) for draft in drafts]
            return None
        pending = msgspec.structs.replace(pending, process_id=process_id)
        self.state.save_import(pending)
        self._last_process = max(self._last_process, process_id)
        self.processes.append(process_id)
        log.info("import started", process=process_id, rows=len(rows))
        return pending

    def _finish(
        self,
        pending: PendingImport,
        result: ImportResult | BrevoRefusal,
        drafts: Mapping[str, Draft],
        outcome: ImportOutcome,
    ) -> None:
        if isinstance(result, BrevoRefusal):
            # Brevo doesn't know the process any more: whatever it did, the next reading shows.
            self.state.finish_import(pending.id, "lost")
            outcome.refused += [(draft, result.vendor.message) for draft in drafts.values()]
            return
        if result.status != "completed":
            self.state.finish_import(pending.id, result.status)
            outcome.refused += [(draft, f"the import ended as {result.status}") for draft in drafts.values()]
            return
        refused = _refused_emails(result)
        good = [row for row in pending.rows if row.entry.key not in refused]
        now = self.clock()
        with self.state.transaction():
            self.state.save_contacts(confirmed(row.entry, now) for row in good)
            self.state.save_sources(source for row in good for source in row.sources)
            self.state.finish_import(pending.id, result.status)
        phones = {email.lower() for email in result.duplicates.get("phone", ())}
        ext_ids = {email.lower() for email in result.duplicates.get("ext", ())}
        for key, draft in drafts.items():
            if key not in refused:
                outcome.sent.append(draft)
            elif key in phones and draft.phone is not None:
                outcome.again.append(without_phone(draft, phone_letters(draft.changes)))
            elif key in ext_ids and draft.ext_id is not None:
                outcome.again.append(without_ext_id(draft))
            else:
                outcome.refused.append((draft, "the import's report names this row"))


def _row(draft: Draft) -> dict[str, Any]:
    row = {"email": draft.email, "attributes": draft.sent}
    return row if draft.ext_id is None else row | {"ext_id": draft.ext_id}


def _refused_emails(result: ImportResult) -> set[str]:
    named: Iterable[str] = [*result.invalid_emails, *(email for found in result.duplicates.values() for email in found)]
    return {email.lower() for email in named}


def group_drafts(drafts: Iterable[Draft], policy: ContactPolicy) -> tuple[dict[Group, list[Draft]], list[Draft]]:
    """Drafts that go by import, by group, and those that go alone: odd ones, and groups too small to be worth it."""
    groups: dict[Group, list[Draft]] = defaultdict(list)
    alone = []
    for draft in drafts:
        group = group_of(draft, policy)
        if group is None:
            alone.append(draft)
        else:
            groups[group].append(draft)
    small = [group for group, members in groups.items() if len(members) < policy.import_from]
    for group in small:
        alone += groups.pop(group)
    return dict(groups), alone
