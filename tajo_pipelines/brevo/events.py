"""Events to Brevo: at most once. What can't be told apart from a success becomes a letter, never a second call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.event_documents import event_document
from tajo_pipelines.brevo.event_sender import MOST_DOUBTS, UNANSWERED, EventOutcome, EventSender, InDoubt, Told
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.event import Event
from tajo_pipelines.model.intent import IntentState

__all__ = [
    "MOST_DOUBTS",
    "EventOutcome",
    "InDoubt",
    "PlannedEvents",
    "plan_events",
    "recover_events",
    "send_events",
    "send_planned",
]

_AFTER_CRASH = f"a run ended while it was being sent: {UNANSWERED}"


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
    sender = EventSender(client, state, outcome, run_id, in_doubt, planned.refused_before)
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
    sender = EventSender(client, state, outcome, run_id, in_doubt)
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
