"""Custom events, one by one and in batches."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tajo_pipelines.twin.brevo import people
from tajo_pipelines.twin.brevo.ask import Answer, Ask, Routes
from tajo_pipelines.twin.brevo.errors import ApiError, invalid, missing
from tajo_pipelines.twin.brevo.shapes import (
    Nested,
    check,
    date_time,
    integer,
    known_only,
    many,
    many_ids,
    mapping,
    since,
    text,
    whole,
)
from tajo_pipelines.twin.brevo.state import Account, Contact
from tajo_pipelines.twin.brevo.values import email_or_none, instant, phone_or_none, shown_utc

MOST_EVENTS = 200
MOST_BATCH_BYTES = 512_000
MOST_PROPERTY_BYTES = 50_000
MOST_NAME = 255
VISIBLE_AFTER = 5.0
"""Seconds until GET /events shows an event, unless ``set_event_delay`` says otherwise."""

_SIX_MONTHS = 183 * 86_400.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_PHONE_TYPES = {"phone_id": "SMS", "whatsapp_id": "WHATSAPP", "landline_number_id": "LANDLINE_NUMBER"}
_EVENT = Nested(
    {
        "contact_properties": mapping,
        "event_date": date_time,
        "event_name": text,
        "event_properties": mapping,
        "identifiers": Nested(
            {
                "contact_id": integer,
                "email_id": text,
                "ext_id": text,
                "landline_number_id": text,
                "phone_id": text,
                "whatsapp_id": text,
            }
        ),
        "object": Nested({"type": text, "identifiers": Nested({"ext_id": text, "id": text})}),
    },
    ("event_name", "identifiers"),
)


def _checked(event: Any) -> dict[str, Any]:
    """An event of the documented shape whose rules in prose hold too.

    Raises:
        ApiError: 400.
    """
    check(event, _EVENT)
    if not _NAME.fullmatch(event["event_name"]):
        raise invalid("event_name may hold letters, digits, - and _, at most 255")
    if not any(event["identifiers"].values()):
        raise missing("At least one identifier is required")
    properties = event.get("event_properties", {})
    if any(len(name) > MOST_NAME for name in properties):
        raise invalid("Names in event_properties have at most 255 characters")
    if len(json.dumps(properties).encode()) > MOST_PROPERTY_BYTES:
        raise invalid("event_properties is larger than 50 KB")
    email = event["identifiers"].get("email_id")
    if email and email_or_none(email) is None:
        raise invalid("email_id is not valid")
    result: dict[str, Any] = event
    return result


def _whose(account: Account, event: dict[str, Any]) -> Contact | None:
    """Who is meant; contact_id wins over the others."""
    named = event["identifiers"]
    if named.get("contact_id"):
        return account.by_id(named["contact_id"])
    if named.get("email_id"):
        return account.by_email(named["email_id"])
    if named.get("ext_id"):
        return account.by_identifier("EXT_ID", named["ext_id"])
    for kind, name in _PHONE_TYPES.items():
        phone = phone_or_none(named.get(kind)) if named.get(kind) else None
        if phone is not None:
            return account.by_identifier(name, phone)
    return None


def _store(account: Account, event: dict[str, Any]) -> None:
    """Keep an event; an address that is new gets a contact, and nothing blocks that one."""
    contact = _whose(account, event)
    properties = event.get("contact_properties", {})
    email = event["identifiers"].get("email_id")
    if contact is None and email:
        contact = people.create(account, people.read_values(account, email_or_none(email), None, {}), "event")
    if contact is not None and properties:
        values = people.read_values(account, None, None, properties)
        if not people.taken(account, values, contact):
            people.change(account, contact, values)
    number = account.next_number("event")
    now = account.clock.seconds()
    account.events[str(number)] = {
        "number": number,
        "event": event,
        "contact_id": None if contact is None else contact["id"],
        "at": instant(event["event_date"]) if "event_date" in event else now,
        "received": now,
        "visible": now + account.clock.scaled(account.numbers.get("events_visible_after", VISIBLE_AFTER)),
    }
    account.count("automation_triggers")


def doubled(account: Account) -> int:
    """How many events came with a ``tajo_id`` that an earlier one had already."""
    named = [
        str(stored["event"]["event_properties"]["tajo_id"])
        for stored in account.events.values()
        if "tajo_id" in stored["event"].get("event_properties", {})
    ]
    return len(named) - len(set(named))


def by_name(account: Account) -> Mapping[str, int]:
    """How many events of each name there are."""
    return dict(sorted(Counter(stored["event"]["event_name"] for stored in account.events.values()).items()))


def _one(ask: Ask) -> Answer:
    _store(ask.account, _checked(ask.body))
    return 204, None


def _batch(ask: Ask) -> Answer:
    check(ask.body, Nested({"events": lambda value: isinstance(value, list)}, ("events",)))
    events = ask.body["events"]
    if ask.size > MOST_BATCH_BYTES:
        raise invalid("Body is larger than 512 KB")
    if not 1 <= len(events) <= MOST_EVENTS:
        raise invalid(f"Pass 1 to {MOST_EVENTS} events")
    errors: list[dict[str, Any]] = []
    good: list[dict[str, Any]] = []
    for index, event in enumerate(events):
        try:
            good.append(_checked(event))
        except ApiError as error:
            errors.append({"eventIndex": [index], "message": error.document["message"]})
    for event in good:
        _store(ask.account, event)
    if not errors:
        return 202, {"message": "Events accepted", "count": len(good)}
    return 207 if good else 400, {
        "status": "partial_success" if good else "failed",
        "total_events": len(events),
        "successful_events": len(good),
        "failed_events": len(errors),
        "errors": errors,
    }


def _listed(ask: Ask) -> Answer:
    query, account = ask.query, ask.account
    known_only(query, ("contact_id", "event_name", "object_type", "startDate", "endDate", "limit", "offset"))
    limit, offset = whole(query, "limit", 100, 10_000), whole(query, "offset", 0)
    people_ids, names = set(many_ids(query, "contact_id")), set(many(query, "event_name"))
    types = set(many(query, "object_type"))
    now = account.clock.seconds()
    start, end = since(query, "startDate"), since(query, "endDate")
    first = now - _SIX_MONTHS if start is None else start
    found = [
        stored
        for stored in account.events.values()
        if stored["visible"] <= now
        and stored["at"] >= first
        and (end is None or stored["at"] <= end)
        and (not people_ids or stored["contact_id"] in people_ids)
        and (not names or stored["event"]["event_name"] in names)
        and (not types or stored["event"].get("object", {}).get("type") in types)
    ]
    return 200, {"events": [_item(stored) for stored in found[offset : offset + limit]], "count": len(found)}


def _item(stored: dict[str, Any]) -> dict[str, Any]:
    event = stored["event"]
    return {
        "contact_id": stored["contact_id"],
        "event_name": event["event_name"],
        "event_date": shown_utc(stored["at"]),
        "event_properties": event.get("event_properties", {}),
        "contact_properties": event.get("contact_properties", {}),
        "object_type": event.get("object", {}).get("type", ""),
    }


ROUTES: Routes = [
    ("POST", "/events", _one),
    ("POST", "/events/batch", _batch),
    ("GET", "/events", _listed),
]
