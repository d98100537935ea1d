"""Carries contact changes to one account: what was left behind first, then plan, imports, single writes and lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec
import structlog

from tajo_pipelines.brevo import lists as brevo_lists
from tajo_pipelines.brevo.bulk import Bulk, group_drafts
from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.contact_change import (
    ContactChange,
    ContactPolicy,
    Draft,
    Outcome,
    settle_letters,
)
from tajo_pipelines.brevo.contact_plan import ContactPlan, plan_contacts
from tajo_pipelines.brevo.enforcement import hold, read_account
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.brevo.singles import Singles
from tajo_pipelines.model.consent import Channel, Fact, State
from tajo_pipelines.model.letter import Letter, LetterKind

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ContactWriter:
    """Writes to the contacts of one account.

    Attributes:
        client: The client.
        state: The account's state.
        policy: Its settings.
        run_id: The run on whose behalf letters are written.
        clock: Tells the time.
        contacts: How many contacts were written.
        reblocked: How many contacts were blocked again because Brevo didn't hold an objection on record.
    """

    client: BrevoClient
    state: AccountState
    policy: ContactPolicy
    run_id: str
    clock: Callable[[], datetime]
    contacts: int = 0
    reblocked: int = 0
    _bulk: Bulk = field(init=False)
    _singles: Singles = field(init=False)

    def __post_init__(self) -> None:
        """Build the two ways of writing."""
        self._bulk = Bulk(self.client, self.state, self.clock)
        self._singles = Singles(self.client, self.state, self.policy, self.run_id, self.clock)

    @property
    def processes(self) -> list[int]:
        """Ids of the imports that were started."""
        return self._bulk.processes

    def prepare(self) -> None:
        """Finish what an earlier process left behind, then read what the account holds."""
        left = self._bulk.recover()
        if left:
            log.info("imports taken up again", imports=left)
        self.reblocked += read_account(self.client, self.state, self.clock)

    def write(self, changes: Sequence[ContactChange]) -> list[Outcome]:
        """Carry changes out.

        Args:
            changes: In the order in which they were read; at most as many as fit into memory.

        Returns:
            What became of each, in the same order.

        Raises:
            TajoError: When Brevo can't be reached or used; what was written until then is noted.
        """
        plan = plan_contacts(
            changes, state=self.state, policy=self.policy, redate=self._singles.redate, now=self.clock()
        )
        outcomes = {id(change): Outcome.SUPERSEDED for change in plan.superseded}
        drafts = []
        for draft in plan.drafts:
            if draft.skipped:
                outcomes |= {id(change): Outcome.SKIPPED for change in draft.changes}
            else:
                drafts.append(draft)
        for draft, outcome in self._send(drafts):
            outcomes |= {id(change): outcome for change in draft.changes}
            self.contacts += outcome is Outcome.SENT
        written = [draft for draft in drafts if outcomes[id(draft.changes[0])] is not Outcome.FAILED]
        self._leave(written)
        hold(self.client, self.state, _not_written(plan, written), self.clock())
        return [outcomes[id(change)] for change in changes]

    def _send(self, drafts: Sequence[Draft]) -> Iterable[tuple[Draft, Outcome]]:
        idle = [draft for draft in drafts if draft.idle]
        self._settle(idle)
        yield from ((draft, Outcome.UNCHANGED) for draft in idle)
        groups, alone = group_drafts((draft for draft in drafts if not draft.idle), self.policy)
        result = self._bulk.send(groups)
        self._settle(result.sent)
        yield from ((draft, Outcome.SENT) for draft in result.sent)
        for draft, message in result.refused:
            self._refuse(draft, message)
            yield draft, Outcome.FAILED
        alone += result.again
        for draft in alone:
            outcome = self._singles.write(draft)
            leaves = outcome is Outcome.UNCHANGED and draft.leave
            yield draft, Outcome.SENT if leaves else outcome

    def _settle(self, drafts: Sequence[Draft]) -> None:
        with self.state.transaction():
            self.state.save_sources(entry for draft in drafts for entry in draft.source_entries())
            settle_letters(self.state, drafts, self.run_id)

    def _refuse(self, draft: Draft, message: str) -> None:
        letters = [
            Letter(
                connection=change.connection,
                stream=change.stream,
                key=change.key,
                kind=LetterKind.RECORD,
                reason="refused",
                message=f"Brevo refuses this contact: {message}",
            )
            for change in draft.changes
        ]
        self.state.write_letters(letters, self.run_id)

    def _leave(self, drafts: Iterable[Draft]) -> None:
        """Take denied contacts off the subscriber lists."""
        by_list: dict[int, list[Draft]] = defaultdict(list)
        for draft in drafts:
            for list_id in draft.leave:
                by_list[list_id].append(draft)
        for list_id, leaving in by_list.items():
            ids = [draft.seen.contact_id for draft in leaving if draft.seen is not None]
            emails = [draft.email for draft in leaving if draft.seen is None and draft.email is not None]
            self._take_off(list_id, ids, emails, [draft.key for draft in leaving])

    def _take_off(self, list_id: int, ids: Sequence[int], emails: Sequence[str], keys: Sequence[str]) -> None:
        if ids:
            brevo_lists.remove(self.client, list_id, ids)
        if emails:
            brevo_lists.remove(self.client, list_id, emails)
        gone = frozenset({list_id})
        with self.state.transaction():
            entries = self.state.contacts(keys)
            self.state.save_contacts(
                msgspec.structs.replace(entry, lists=entry.lists - gone) for entry in entries.values()
            )
            seen = self.state.seen_by_id(ids)
            self.state.save_picture(replace(row, lists=row.lists - gone) for row in seen.values())

    def unlist(self, keys: Sequence[str], connection: str) -> None:
        """Take contacts off the lists that the connection puts them on; they stay contacts.

        Args:
            keys: Contact keys.
            connection: Name of the connection.
        """
        seen = self.state.seen_by_email([key for key in keys if "@" in key])
        seen |= self.state.seen_by_phone([key for key in keys if "@" not in key])
        entries = self.state.contacts(keys)
        for list_id in {self.policy.all_contacts, self.policy.subscribers.get(connection, self.policy.all_contacts)}:
            on_it = [row for row in seen.values() if list_id in row.lists]
            unseen = [key for key in keys if key not in seen and key in entries and list_id in entries[key].lists]
            addresses = [key for key in unseen if "@" in key]
            members = [row.email or row.phone or "" for row in on_it]
            self._take_off(list_id, [row.contact_id for row in on_it], addresses, [*members, *unseen])

    def deny(self, facts: Sequence[Fact]) -> None:
        """Write down objections and block the contacts that they concern."""
        self.state.add_facts(facts)
        hold(self.client, self.state, {(fact.address, fact.channel) for fact in facts}, self.clock())


def _not_written(plan: ContactPlan, written: Iterable[Draft]) -> set[tuple[str, Channel]]:
    """Addresses to which a change may say no that no write carried: another contact has them, or Brevo refused it."""
    changes = [change for draft in plan.drafts for change in draft.changes] + list(plan.superseded)
    said = {(fact.address, fact.channel) for change in changes for fact in change.facts if fact.state is State.DENIED}
    said |= {address for draft in plan.drafts for address in draft.addresses}
    return said - {address for draft in written for address in draft.addresses}
