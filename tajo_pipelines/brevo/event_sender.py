"""Hands events over to Brevo, noting before each call that it begins and after it what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import msgspec

from tajo_pipelines.brevo.answers import Answer
from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.division import divide
from tajo_pipelines.brevo.event_documents import MAX_EVENTS, group_events
from tajo_pipelines.brevo.limits import EVENTS, OTHER, TIERS
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.brevo.refusals import vendor_answer
from tajo_pipelines.model.errors import ContractError, RetryableError, TajoError
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
UNANSWERED = "whether Brevo took the event isn't known, and sending it again could double a mail"

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


class _Failed(msgspec.Struct, rename={"event_index": "eventIndex"}):
    event_index: list[int] = []
    message: str = ""


class _Partly(msgspec.Struct):
    errors: list[_Failed] = []


@dataclass(slots=True)
class EventSender:
    """One sending on its way.

    Attributes:
        outcome: Filled as it goes.
        refused_before: Ids of events that Brevo refused in an earlier run.
    """

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
                vendor = vendor_answer(answer.status, answer.body, self.client.api_key, answer.call_id)
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
            vendor = vendor_answer(400, {"message": message}, self.client.api_key, answer.call_id)
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
                self.doubt(events, UNANSWERED)
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
