"""Erases a person, at Brevo and here, and keeps a receipt.

The steps are noted as they end, with what the person is known by, so that whoever comes next after a kill goes on
where it stopped: tombstones first, the receipt last. The caller holds the account's lease.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from tajo_pipelines.brevo.bulk import Bulk
from tajo_pipelines.brevo.consent_door import is_guess, parse_mark
from tajo_pipelines.brevo.erasure import delete_contact
from tajo_pipelines.brevo.refusals import BrevoRefusal, words
from tajo_pipelines.model.consent import Cause, Channel, State, judge
from tajo_pipelines.model.erasure import Left, Receipt, ReceiptKind, Work
from tajo_pipelines.model.traces import Mentions, Traces
from tajo_pipelines.model.window import format_time
from tajo_pipelines.store.erasing import Erasing
from tajo_pipelines.store.tombstones import Mark, address_mark, record_mark
from tajo_pipelines.sync.account import OpenAccount
from tajo_pipelines.sync.buyers import Buyers
from tajo_pipelines.sync.identification import Person, connections_of, identify
from tajo_pipelines.sync.landed_traces import LandedTraces
from tajo_pipelines.sync.private_files import drop_exports, hide_in_logs
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)

EVENTS = "Brevo's API deletes no event; they hang on a contact that is gone"

Step = Callable[[Work], None]


@dataclass(frozen=True, slots=True)
class Eraser:
    """Erases people from one account.

    Attributes:
        workspace: Settings and store.
        opened: The account.
    """

    workspace: Workspace
    opened: OpenAccount

    def erase(self, asked: Traces, *, connection: str = "", request: str | None = None) -> Receipt:
        """Erase a person; an erasure that a killed run left behind is ended first.

        Args:
            asked: By what the request names the person.
            connection: On whose behalf; empty where a person asked.
            request: The platform's number of the request.

        Raises:
            ConfigError: TAJO_SECRET_KEY isn't set: nothing was touched.
            TajoError: Brevo can't be reached or used; the same erasure goes on from there next time.
        """
        self.opened.tombstones.require_key()
        Bulk(self.opened.client, self.opened.state, self.workspace.now).recover()
        for work in self._erasing.works():
            receipt = self._carry_on(work)
            if work.traces.covers(asked) and (work.connection, work.request) == (connection, request):
                return receipt
        return self._carry_on(self._begin(asked, connection, request))

    def end_what_was_left(self) -> None:
        """End erasures that a killed run left behind."""
        works = self._erasing.works()
        if works:
            self.opened.tombstones.require_key()
            Bulk(self.opened.client, self.opened.state, self.workspace.now).recover()
        for work in works:
            self._carry_on(work)

    @property
    def _erasing(self) -> Erasing:
        return self.workspace.store.erasing(self.opened.identity)

    @property
    def _connections(self) -> tuple[str, ...]:
        return connections_of(self.workspace, self.opened)

    def _begin(self, asked: Traces, connection: str, request: str | None) -> Work:
        """Note who is erased, and lay the tombstones, all or nothing."""
        person = identify(self.workspace, self.opened, asked)
        work = Work(
            id=uuid.uuid4().hex[:16],
            connection=connection,
            request=request,
            began_at=self.workspace.now(),
            traces=person.traces,
        )
        work.count({"tombstones": len(_marks(person.traces))})
        with self.workspace.store.transaction():
            self._lay(work, self._objections(person))
            self._erasing.save(work)
        log.info("erasure begun", receipt=work.id, records=len(work.traces.records))
        return work

    def _lay(self, work: Work, objections: dict[Channel, Cause]) -> None:
        channels = {"email": Channel.EMAIL, "phone": Channel.SMS}
        causes = {kind: objections.get(channel) for kind, channel in channels.items()}
        self.opened.tombstones.lay({mark: causes.get(mark[0]) for mark in _marks(work.traces)}, work.began_at)

    def _objections(self, person: Person) -> dict[Channel, Cause]:
        """Why the person mustn't be reached, by channel: what is on record, and blocks at Brevo but our guesses."""
        found: dict[Channel, Cause] = {}

        def object_to(channel: Channel, cause: Cause) -> None:
            if found.get(channel, Cause.OBJECTION) is Cause.OBJECTION:
                found[channel] = cause

        addresses = person.traces.addresses
        for (_, channel), facts in self.opened.state.facts(addresses).items():
            verdict = judge(facts)
            if verdict.state is State.DENIED and verdict.objection is not None:
                object_to(channel, verdict.objection.cause)
        entries = self.opened.state.contacts(addresses)
        for read in person.contacts.values():
            seen = read.seen
            entry = entries.get(seen.email or seen.phone or "")
            given, marked = entry.blocks if entry is not None else {}, parse_mark(seen.mark)
            for channel, blocked in ((Channel.EMAIL, seen.email_blocked), (Channel.SMS, seen.sms_blocked)):
                if blocked and not is_guess(given.get(channel) or marked.get(channel)):
                    object_to(channel, Cause.OBJECTION)
        return found

    def _carry_on(self, work: Work) -> Receipt:
        steps: dict[str, Step] = {
            "contacts": self._contacts,
            "orders": self._orders,
            "landing": self._landing,
            "tables": self._tables,
            "files": self._files,
        }
        for name, step in steps.items():
            if name not in work.done:
                step(work)
                self._note(work, name)
        return self._end(work)

    def _note(self, work: Work, step: str | None = None) -> None:
        """Keep how far it has come."""
        if step is not None and step not in work.done:
            work.done.append(step)
        self._erasing.save(work)

    def _contacts(self, work: Work) -> None:
        """Delete the contacts at Brevo."""
        work.left = []
        for number in sorted(work.traces.contacts):
            try:
                work.count({"brevo: contacts": int(delete_contact(self.opened.client, number))})
            except BrevoRefusal as refusal:
                why = f"Brevo doesn't let it be deleted: {words(refusal.vendor)}"
                work.left.append(Left(place="brevo", what="contacts", why=why, count=1, names=(str(number),)))
            self._note(work)
        if work.traces.contacts:
            work.left.append(Left(place="brevo", what="events", why=EVENTS))

    def _orders(self, work: Work) -> None:
        """Overwrite what Brevo's orders say of their buyer."""
        buyers = Buyers(self.workspace, self.opened)
        overwritten, left = buyers.take_off(work.traces)
        work.count({"brevo: orders overwritten": overwritten})
        work.left += left

    def _landing(self, work: Work) -> None:
        """Write the landed files that hold the person anew."""

        def told(rows: int) -> None:
            work.count({"landing: files": 1, "landing: records": rows})
            self._note(work)

        LandedTraces(self.workspace, self._connections).take_out(work.traces, told)

    def _tables(self, work: Work) -> None:
        """Take the person out of the tables."""

        def told(gone: Mapping[str, int]) -> None:
            # Within the same transaction: nobody could count later what a killed run has taken out.
            work.count({f"store: {place}": count for place, count in gone.items()})
            self._note(work, "tables")

        taking = self.workspace.store.taking_out(self.opened.identity, self._connections)
        taking.take_out(work.traces, self.opened.client.run_id, told)

    def _files(self, work: Work) -> None:
        """Delete what was written for the person, and star them out where a log names them after all."""
        home, mentions = self.workspace.settings.home, Mentions(work.traces)
        work.count({"files: data requests": drop_exports(home, mentions), "files: logs": hide_in_logs(home, mentions)})

    def _end(self, work: Work) -> Receipt:
        """Write the receipt, and empty the deliveries: the one that asked for it mustn't be lost before."""
        taking = self.workspace.store.taking_out(self.opened.identity, self._connections)
        found = taking.deliveries_of(work.traces)
        with self.workspace.store.transaction():
            work.count({"store: deliveries": taking.empty(found), "store: letters": taking.drop_letters(found)})
            receipt = self._receipt(work)
            self._erasing.finish(work, receipt)
        log.info("erasure ended", receipt=work.id, went=sum(work.counts.values()))
        return receipt

    def _receipt(self, work: Work) -> Receipt:
        now, traces = self.workspace.now(), work.traces
        marks = [address_mark(address) for address in traces.addresses]
        return Receipt(
            id=work.id,
            kind=ReceiptKind.PERSON,
            account=self.opened.identity,
            connection=work.connection,
            request=work.request,
            at=now,
            doc={
                "began_at": format_time(work.began_at),
                "account_name": self.opened.settings.name,
                "known_by": {
                    "emails": len(traces.emails),
                    "phones": len(traces.phones),
                    "records": len(traces.records),
                    "contacts": len(traces.contacts),
                },
                "digests": self.opened.tombstones.digests(marks),
                "gone": dict(sorted(work.counts.items())),
                "left": [left_document(left) for left in work.left],
                "files_swept": None,
                "sweep_problem": None,
            },
        )


def left_document(left: Left) -> dict[str, Any]:
    """What stays, as JSON."""
    return {
        "place": left.place,
        "what": left.what,
        "why": left.why,
        "count": left.count,
        "names": list(left.names),
    }


def _marks(traces: Traces) -> list[Mark]:
    """What tombstones are laid for."""
    return [address_mark(address) for address in traces.addresses] + [record_mark(*name) for name in traces.records]
