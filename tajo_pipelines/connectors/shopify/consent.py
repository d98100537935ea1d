"""What Shopify says of consent, as signals.

| Shopify | signal |
|---|---|
| SUBSCRIBED | granted; confirmed where the opt-in level is CONFIRMED_OPT_IN |
| UNSUBSCRIBED, REDACTED, INVALID | denied |
| NOT_SUBSCRIBED, NEVER_SUBSCRIBED, PENDING | unknown: nobody was asked, or nobody has answered |

REDACTED stands for SMS alone in 2026-10, INVALID for e-mail alone, and NEVER_SUBSCRIBED is what the newer
``smsMarketingConsent.state`` calls NOT_SUBSCRIBED (Admin GraphQL reference 2026-10, enums
CustomerEmailAddressMarketingState and CustomerMarketingConsentState, read 2026-11-24); the table takes each in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tajo_pipelines.model.consent import Channel, Signal, State
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.sdk.fields import as_time

STATES: Mapping[str, State] = {
    "SUBSCRIBED": State.GRANTED,
    "UNSUBSCRIBED": State.DENIED,
    "REDACTED": State.DENIED,
    "INVALID": State.DENIED,
    "NOT_SUBSCRIBED": State.UNKNOWN,
    "NEVER_SUBSCRIBED": State.UNKNOWN,
    "PENDING": State.UNKNOWN,
}

CONFIRMED = "CONFIRMED_OPT_IN"


def customer_signals(raw: Mapping[str, Any]) -> tuple[Signal, ...]:
    """The signals of a customer: one for each channel on which there is an address.

    Raises:
        RejectedRecord: ``malformed`` for a state that isn't in the table: it might be a no.
    """
    email = raw.get("defaultEmailAddress")
    phone = raw.get("defaultPhoneNumber")
    found: list[Signal] = []
    if isinstance(email, dict):
        found.append(
            _signal(
                Channel.EMAIL,
                email.get("marketingState"),
                email.get("marketingOptInLevel"),
                email.get("marketingUpdatedAt"),
            )
        )
    sms = phone.get("smsMarketingConsent") if isinstance(phone, dict) else None
    if isinstance(sms, dict):
        found.append(_signal(Channel.SMS, sms.get("state"), sms.get("optInLevel"), sms.get("updatedAt")))
    return tuple(found)


def order_signals(raw: Mapping[str, Any], placed_at: datetime) -> tuple[Signal, ...]:
    """The signal of an order: a ticked box is a yes at the order's time, an unticked one says nothing."""
    if raw.get("customerAcceptsMarketing") is not True:
        return ()
    return (
        Signal(
            channel=Channel.EMAIL,
            state=State.GRANTED,
            at=placed_at,
            evidence="order customerAcceptsMarketing",
        ),
    )


def _signal(channel: Channel, state: Any, level: Any, updated_at: Any) -> Signal:
    meaning = STATES.get(state) if isinstance(state, str) else None
    if meaning is None:
        raise RejectedRecord(
            "malformed", f"the {channel} consent has a state that isn't known", field=f"accepts_{channel}"
        )
    return Signal(
        channel=channel,
        state=meaning,
        # Only the consent's own time: null where it never changed, and the record's update time says nothing.
        at=None if updated_at is None else as_time(updated_at, f"{channel} consent"),
        confirmed=meaning is State.GRANTED and level == CONFIRMED,
        evidence=f"{state}/{level}" if isinstance(level, str) else str(state),
    )
