"""Events to Brevo: at most once. What can't be told apart from a success becomes a letter, never a second call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import msgspec

from tajo_pipelines.brevo.answers import Answer
from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.division import divide
from tajo_pipelines.brevo.event_documents import MAX_EVENTS, event_document, group_events
from tajo_pipelines.brevo.limits import EVENTS, OTHER, TIERS
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.brevo.refusals import vendor_answer
from tajo_pipelines.model.errors import ContractError, RejectedRecord, RetryableError, TajoError
from tajo_pipelines.model.event import Event
from tajo_pipelines.model.intent import IntentState
from tajo_pipelines.model.letter import Letter, LetterKind, VendorAnswer

InDoubt: TypeAlias = Literal["letter", "resend"]
"""What becomes of an event whose fate is unknown: a letter, or another call that may double it."""

MOST_DOUBTS = 3
"""Calls in a row without an answer after which Brevo is taken to be in trouble: the rest waits for the next run."""

_REFUSED = frozenset({400, 404, 405, 409, 413, 422})
_ALL_BAD = 8
_PARTLY = 207
_UNANSWERED = "whether Brevo took the event isn't known, and sending it again could double a mail"
_AFTER_CRASH = "a run ended while it was being sent: " + _UNANSWERED

Told: TypeAlias = tuple[Event, Mapping[str, Any]]


@dataclass(slots=True)
class EventOutcome:
    """What became of events.

    Attributes:
        sent: Accepted by Brevo.
        in_doubt: Handed over without an answer; each is a letter.
        failed: Refused for certain, or not fit to be sent; each is a letter.
        skipped_known: Settled by an earlier run.
        late: Waited longer than they may; each is a letter. From `recover_events` alone.
        letters: How many letters are new.
    """

    sent: list[Event] = field(default_factory=list)
    in_doubt: list[Event] = field(default_factory=list)
    failed: list[Event] = field(default_factory=list)
    skipped_known: list[Event] = field(default_factory=list)
    late: list[Event] = field(default_factory=list)
    letters: int = 0


@dataclass(frozen=True, slots=True)
class PlannedEvents:
    """Events that are stored and may go.

    Attributes:
        ready: With their documents.
        known: Settled by an earlier run.
        unfit: Not fit to be sent, with the reason.
        refused_before: Ids of those in ``ready`` that Brevo refused in an earlier run.
    """

    ready: tuple[Told, ...] = ()
    known: tuple[Event, ...] = ()
    unfit: tuple[tuple[Event, RejectedRecord], ...] = ()
    refused_before: frozenset[str] = frozenset()


def plan_events(state: AccountState, events: Iterable[Event], now: datetime) -> PlannedEvents:
    """Store events that are to be sent: within the transaction that notes their cause, so that neither is lost.

    Args:
        state: The account's state.
        events: Of contacts that Brevo holds already: an event for a new address would make a contact past consent.
        now: The present.
    """
    fit: list[Told] = []
    unfit: list[tuple[Event, RejectedRecord]] = []
    seen: set[str] = set()
    for event in sorted(events, key=lambda event: event.at):
        if event.tajo_id in seen:
            continue
        seen.add(event.tajo_id)
        try:
            fit.append((event, event_document(event)))
        except RejectedRecord as problem:
            unfit.append((event, problem))
    before = state.intents.states([event.tajo_id for event, _ in fit])
    free = state.intents.add([event for event, _ in fit], now)
    return PlannedEvents(
        ready=tuple(told for told in fit if told[0].tajo_id in free),
        known=tuple(event for event, _ in fit if event.tajo_id not in free),
        unfit=tuple(unfit),
        refused_before=frozenset(found for found, known in before.items() if known is IntentState.FAILED),
    )


def send_events(
    client: BrevoClient,
    state: AccountState,
    events: Sequence[Event],
    *,
    now: datetime,
    run_id: str,
    in_doubt: InDoubt = "letter",
    outcome: EventOutcome | None = None,
) -> EventOutcome:
    """Store events and send them: `plan_events`, then `send_planned`."""
    planned = plan_events(state, events, now)
    return send_planned(client, state, planned, run_id=run_id, in_doubt=in_doubt, outcome=outcome)


def send_planned(
    client: BrevoClient,
    state: AccountState,
    planned: PlannedEvents,
    *,
    run_id: str,
    in_doubt: InDoubt = "letter",
    outcome: EventOutcome | None = None,
) -> EventOutcome:
    """Send stored events, outside of any transaction.

    429, 425 and a connection that was never made are repeated by the client. A refusal is a letter of kind event, a
    call without an answer one of kind in_doubt at once.

    Args:
        client: The client.
        state: The account's state.
        planned: From `plan_events`.
        run_id: The run.
        in_doubt: Whether a call without an answer is repeated, which may double an event.
        outcome: Filled as it goes, so that it is true also where the sending fails.

    Raises:
        TajoError: Brevo can't be reached or used. What wasn't handed over stays stored for the next run.
    """
    outcome = outcome if outcome is not None else EventOutcome()
    outcome.skipped_known += planned.known
    sender = _Sender(client, state, outcome, run_id, in_doubt, planned.refused_before)
    for event, problem in planned.unfit:
        sender.refuse(event, problem.reason, problem.message)
    sender.send(planned.ready)
    return outcome


def recover_events(
    client: BrevoClient,
    state: AccountState,
    *,
    now: datetime,
    run_id: str,
    live_window: timedelta,
    in_doubt: InDoubt = "letter",
    redelivered: Collection[str] = frozenset({"carts"}),
    outcome: EventOutcome | None = None,
) -> EventOutcome:
    """Settle what an earlier run left behind; the account's only writer calls it before its first event.

    An event that was being handed over is in doubt. One that wasn't is sent, unless it is older than the live window
    by now or its contact isn't known any more: then it is a letter.

    Args:
        client: The client.
        state: The account's state.
        now: The present.
        run_id: The run.
        live_window: How old a cause may be.
        in_doubt: What becomes of an event whose fate is unknown.
        redelivered: Streams whose records come again as long as their events weren't sent, and decide anew.
        outcome: Filled as it goes, so that it is true also where the recovery fails.

    Raises:
        TajoError: Brevo can't be reached or used; the rest stays stored.
    """
    outcome = outcome if outcome is not None else EventOutcome()
    sender = _Sender(client, state, outcome, run_id, in_doubt)
    again: list[Event] = []
    for intent in state.intents.unfinished():
        event = intent.event
        # What was old when it was stored had leave to be: only its waiting counts against it.
        since = event.at if intent.created_at - event.at <= live_window else intent.created_at
        if intent.state is IntentState.SENDING and in_doubt == "letter":
            sender.doubt([event], _AFTER_CRASH)
        elif intent.state is IntentState.OPEN and event.stream in redelivered:
            state.intents.forget([event.tajo_id])
        elif now - since > live_window:
            sender.leave(event, "too_late", "it waited longer than events.live_window allows")
        else:
            again.append(event)
    held = _held(state, again)
    for event in again:
        if event.tajo_id not in held:
            sender.leave(event, "contact_unknown", "Brevo doesn't hold its contact any more")
    sender.send([(event, event_document(event)) for event in again if event.tajo_id in held])
    return outcome


def _held(state: AccountState, events: Sequence[Event]) -> set[str]:
    """Ids of the events whose contact is at Brevo, as far as known."""
    emails = sorted({event.email for event in events if event.email})
    phones = sorted({event.phone for event in events if event.phone and not event.email})
    known = {*state.contacts([*emails, *phones]), *state.contacts_by_phone(phones)}
    known |= {*state.seen_by_email(emails), *state.seen_by_phone(phones)}
    return {event.tajo_id for event in events if (event.email or event.phone) in known}


class _Failed(msgspec.Struct, rename={"event_index": "eventIndex"}):
    event_index: list[int] = []
    message: str = ""


class _Partly(msgspec.Struct):
    errors: list[_Failed] = []


@dataclass(slots=True)
class _Sender:
    """One sending on its way."""

    client: BrevoClient
    state: AccountState
    outcome: EventOutcome
    run_id: str
    in_doubt: InDoubt
    refused_before: frozenset[str] = frozenset()
    _doubts: int = 0

    def send(self, ready: Sequence[Told]) -> None:
        """Send by the way that ends first."""
        limits = TIERS[self.client.tier]
        division = divide(len(ready), alone=limits[EVENTS], together=limits[OTHER], size=MAX_EVENTS)
        rest = ready[division.first :]
        self._together(ready[: division.first])
        self._alone(rest[: division.alone])
        self._together(rest[division.alone :])

    def _alone(self, ready: Iterable[Told]) -> None:
        for event, document in ready:
            answer = self._hand_over([event], "/events", document)
            if answer is None:
                continue
            if answer.status in _REFUSED:
                vendor = vendor_answer(answer.status, answer.body, self.client.api_key)
                self.refuse(event, "refused", "Brevo refuses this event", vendor)
                self._stop_if_nothing_is_taken(answer)
            else:
                self._accept([event])

    def _together(self, ready: Iterable[Told]) -> None:
        for group in group_events(ready):
            body = {"events": [document for _, document in group]}
            answer = self._hand_over([event for event, _ in group], "/events/batch", body)
            if answer is not None:
                self._sort_out(group, answer)

    def _sort_out(self, group: Sequence[Told], answer: Answer) -> None:
        """Tell the events of a batch that were taken from the others, which its answer names."""
        if answer.status not in {*_REFUSED, _PARTLY}:
            self._accept([event for event, _ in group])
            return
        named = _refused(answer, len(group))
        others = [told for index, told in enumerate(group) if index not in named]
        if not named and answer.status == _PARTLY:
            self.doubt([event for event, _ in group], "Brevo took a part of the batch and doesn't say which")
            return
        for index, message in named.items():
            vendor = vendor_answer(400, {"message": message}, self.client.api_key)
            self.refuse(group[index][0], "refused", "Brevo refuses this event", vendor)
        if answer.status == _PARTLY:
            self._accept([event for event, _ in others])
        else:  # nothing at all was taken: those that aren't named are tried each for itself
            self.state.intents.mark([event.tajo_id for event, _ in others], IntentState.OPEN)
            self._alone(others)

    def _hand_over(self, events: Sequence[Event], path: str, body: object) -> Answer | None:
        """One call, its beginning stored before it; None where its end isn't known."""
        ids = [event.tajo_id for event in events]
        self.state.intents.mark(ids, IntentState.SENDING)
        again = self.in_doubt == "resend"
        try:
            answer = self.client.request("POST", path, body=body, idempotent=again, accept=_REFUSED)
        except RetryableError as error:
            if error.in_doubt:
                self.doubt(events, _UNANSWERED)
                self._stop_if_in_trouble(error)
                return None
            if not again:
                self.state.intents.mark(ids, IntentState.OPEN)
            raise
        except TajoError:  # 401, 402, 403, a redirect, a certificate: refused before anything was taken
            self.state.intents.mark(ids, IntentState.OPEN)
            raise
        self._doubts = 0
        return answer

    def _stop_if_in_trouble(self, error: RetryableError) -> None:
        self._doubts += 1
        if self._doubts >= MOST_DOUBTS:
            message = f"{self._doubts} calls for events in a row weren't answered; the others wait for the next run"
            raise RetryableError(message, where=error.where) from error

    def _stop_if_nothing_is_taken(self, answer: Answer) -> None:
        """Where nothing at all is taken, no single event is at fault."""
        if not self.outcome.sent and len(self.outcome.failed) >= _ALL_BAD:
            message = f"Brevo refuses every event ({answer.status}); the others wait for the next run"
            raise ContractError(message, where=answer.where)

    def _accept(self, events: Sequence[Event]) -> None:
        with self.state.transaction():
            self.state.intents.mark([event.tajo_id for event in events], IntentState.SENT)
            for event in events:
                if event.tajo_id in self.refused_before:
                    self.state.close_letters(event.connection, event.stream, [event.key], kinds=[LetterKind.EVENT])
        self.outcome.sent += events

    def doubt(self, events: Sequence[Event], message: str) -> None:
        """Give up on knowing."""
        letters = [
            _letter(event, "unanswered", f"{message} ({_named(event)})", LetterKind.IN_DOUBT) for event in events
        ]
        with self.state.transaction():
            self.state.intents.mark([event.tajo_id for event in events], IntentState.IN_DOUBT)
            self.outcome.letters += self.state.write_letters(letters, self.run_id)
        self.outcome.in_doubt += events

    def refuse(self, event: Event, reason: str, message: str, vendor: VendorAnswer | None = None) -> None:
        """Keep an event that can't be sent as it is."""
        with self.state.transaction():
            self.state.intents.mark([event.tajo_id], IntentState.FAILED)
            letter = _letter(event, reason, f"{message} ({_named(event)})", vendor=vendor)
            self.outcome.letters += self.state.write_letters([letter], self.run_id)
        self.outcome.failed.append(event)

    def leave(self, event: Event, reason: str, message: str) -> None:
        """Keep an event that must not go any more."""
        with self.state.transaction():
            self.state.intents.mark([event.tajo_id], IntentState.LATE)
            letter = _letter(event, reason, f"{message} ({_named(event)})")
            self.outcome.letters += self.state.write_letters([letter], self.run_id)
        self.outcome.late.append(event)


def _refused(answer: Answer, count: int) -> dict[int, str]:
    """Messages by index; empty where the answer doesn't name any event of the batch."""
    try:
        told = msgspec.convert(answer.body, _Partly)
    except msgspec.ValidationError:
        return {}
    named = {index: failed.message for failed in told.errors for index in failed.event_index}
    return named if all(0 <= index < count for index in named) else {}


def _named(event: Event) -> str:
    return f"{event.name}, tajo_id {event.tajo_id}"


def _letter(
    event: Event,
    reason: str,
    message: str,
    kind: LetterKind = LetterKind.EVENT,
    *,
    vendor: VendorAnswer | None = None,
) -> Letter:
    return Letter(
        connection=event.connection,
        stream=event.stream,
        key=event.key,
        kind=kind,
        field=event.name,
        reason=reason,
        message=message,
        vendor=vendor,
    )
