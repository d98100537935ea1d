"""Contacts, one by one and in pages."""

from __future__ import annotations

import re
from typing import Any

from tajo_pipelines.twin.brevo import people
from tajo_pipelines.twin.brevo.ask import Answer, Ask, Routes
from tajo_pipelines.twin.brevo.errors import invalid, missing, not_found
from tajo_pipelines.twin.brevo.shapes import (
    Nested,
    check,
    descending,
    flag,
    integers,
    known_only,
    many_ids,
    mapping,
    since,
    text,
    texts,
    whole,
)
from tajo_pipelines.twin.brevo.state import Account, Contact
from tajo_pipelines.twin.brevo.values import email_or_none, instant, shown

_CREATE = Nested(
    {
        "attributes": mapping,
        "email": text,
        "emailBlacklisted": flag,
        "ext_id": text,
        "listIds": integers,
        "smsBlacklisted": flag,
        "smtpBlacklistSender": texts,
        "updateEnabled": flag,
        "forceMerge": flag,
        "getId": flag,
    }
)
_UPDATE = Nested(
    {
        "attributes": mapping,
        "emailBlacklisted": flag,
        "ext_id": text,
        "listIds": integers,
        "smsBlacklisted": flag,
        "smtpBlacklistSender": texts,
        "unlinkListIds": integers,
        "forceMerge": flag,
    }
)
_PAGE = 1000
_MAX_IDS = 20
_STATISTICS_DAYS = 90.0
_FILTER = re.compile(r'equals\(([A-Z0-9_-]+),\s*"(.*)"\)')


def item(contact: Contact) -> dict[str, Any]:
    """A contact as lists of contacts show it."""
    shown_contact = {
        "id": contact["id"],
        "emailBlacklisted": contact["emailBlacklisted"],
        "smsBlacklisted": contact["smsBlacklisted"],
        "whatsappBlacklisted": False,
        "createdAt": shown(contact["createdAt"]),
        "modifiedAt": shown(contact["modifiedAt"]),
        "listIds": sorted(contact["listIds"]),
        "listUnsubscribed": sorted(contact["listUnsubscribed"]),
        "attributes": dict(contact["attributes"]),
    }
    if contact["email"]:
        shown_contact["email"] = contact["email"]
    return shown_contact


def statistics(contact: Contact, start: float, end: float) -> dict[str, Any]:
    """What happened to a contact's e-mail consent in that time."""
    entries = [
        entry
        for entry in contact["history"]
        if entry["what"] == "blocked" and entry["channel"] == "email" and start <= entry["at"] <= end
    ]

    def campaign(by: str) -> list[dict[str, Any]]:
        return [
            {"campaignId": entry.get("campaign", 1), "eventTime": shown(entry["at"])}
            for entry in entries
            if entry["by"] == by
        ]

    def times(*by: str) -> list[dict[str, Any]]:
        return [{"eventTime": shown(entry["at"]), "ip": ""} for entry in entries if entry["by"] in by]

    return {
        "messagesSent": [],
        "delivered": [],
        "hardBounces": campaign("hard_bounce"),
        "complaints": campaign("complaint"),
        "unsubscriptions": {
            "userUnsubscription": campaign("user"),
            "adminUnsubscription": times("admin", "api", "import"),
        },
    }


def lists_exist(account: Account, numbers: list[int]) -> None:
    """Refuse lists that the account lacks.

    Raises:
        ApiError: 400.
    """
    if any(str(number) not in account.lists for number in numbers):
        raise invalid("Invalid list ids")


def _create(ask: Ask) -> Answer:
    account, body = ask.account, ask.body
    check(body, _CREATE)
    if body.get("forceMerge"):
        raise invalid("forceMerge is not offered here")
    email = body.get("email")
    attributes = body.get("attributes", {})
    if not email and not body.get("ext_id") and not attributes.get("SMS"):
        raise missing("One of these fields is required: email, ext_id, attributes.SMS")
    if email and email_or_none(email) is None:
        raise invalid("Invalid email address")
    lists_exist(account, body.get("listIds", []))
    address = email_or_none(email) if email else None
    values = people.read_values(account, address, body.get("ext_id") or None, attributes)
    contact = people.addressed(account, values)
    if contact is not None and not body.get("updateEnabled", False):
        people.refuse_taken(account, values, None)
    people.refuse_taken(account, values, contact)
    created = contact is None
    if contact is None:
        contact = people.create(account, values, "api")
    else:
        people.change(account, contact, values)
    _apply(account, contact, body)
    return (201, {"id": contact["id"]}) if created else (204, None)


def _update(ask: Ask) -> Answer:
    account, body = ask.account, ask.body
    known_only(ask.query, ("identifierType",))
    check(body, _UPDATE)
    if body.get("forceMerge"):
        raise invalid("forceMerge is not offered here")
    contact = people.find(account, ask.path["identifier"], ask.query.get("identifierType"))
    lists_exist(account, [*body.get("listIds", []), *body.get("unlinkListIds", [])])
    attributes = dict(body.get("attributes", {}))
    email = attributes.pop("EMAIL", None)
    if email is not None and (not isinstance(email, str) or email_or_none(email) is None):
        raise invalid("Invalid email address")
    address = email_or_none(email) if email else None
    values = people.read_values(account, address, body.get("ext_id"), attributes)
    people.refuse_taken(account, values, contact)
    people.change(account, contact, values)
    if address is not None:
        people.rename(account, contact, address, keep_blocked=body.get("emailBlacklisted") is True)
    _apply(account, contact, body)
    people.unlist(account, contact, body.get("unlinkListIds", []))
    return 204, None


def _apply(account: Account, contact: Contact, body: dict[str, Any]) -> None:
    """Flags and lists of a single write."""
    for channel, name in (("email", "emailBlacklisted"), ("sms", "smsBlacklisted")):
        if name in body:
            people.block(account, contact, channel, blocked=body[name], by="api")
    if "smtpBlacklistSender" in body:
        contact["smtpBlacklistSender"] = body["smtpBlacklistSender"]
    people.enlist(account, contact, body.get("listIds", []), "api")


def _list(ask: Ask) -> Answer:
    query = ask.query
    known_only(
        query,
        ("limit", "offset", "modifiedSince", "createdSince", "sort", "ids", "listIds", "segmentId", "filter"),
    )
    if "segmentId" in query and (many_ids(query, "listIds")):
        raise invalid("listIds and segmentId can't be used together")
    if "segmentId" in query:
        raise not_found("Segment does not exist")
    return 200, page(ask, list(ask.account.people()))


def page(ask: Ask, found: list[Contact]) -> dict[str, Any]:
    """The part of these contacts that the query asks for.

    Raises:
        ApiError: 400 for a parameter that isn't valid.
    """
    query = ask.query
    limit = whole(query, "limit", 50, _PAGE)
    modified, created = since(query, "modifiedSince"), since(query, "createdSince")
    ids, lists = set(many_ids(query, "ids", _MAX_IDS)), set(many_ids(query, "listIds"))
    name, value = _wanted(query.get("filter"))
    matching = [
        contact
        for contact in found
        if (modified is None or contact["modifiedAt"] > modified)
        and (created is None or contact["createdAt"] > created)
        and (not ids or contact["id"] in ids)
        and (not lists or not lists.isdisjoint(contact["listIds"]))
        and (name is None or str(contact["attributes"].get(name)) == value)
    ]
    if descending(query):
        matching.reverse()
    offset = whole(query, "offset", 0)
    return {
        "contacts": [item(contact) for contact in matching[offset : offset + limit]],
        "count": len(matching),
    }


def _wanted(given: str | None) -> tuple[str | None, str | None]:
    if given is None:
        return None, None
    found = _FILTER.fullmatch(given)
    if found is None:
        raise invalid("Invalid filter")
    return found[1], found[2]


def _get(ask: Ask) -> Answer:
    known_only(ask.query, ("identifierType", "startDate", "endDate"))
    contact = people.find(ask.account, ask.path["identifier"], ask.query.get("identifierType"))
    now = ask.account.clock.seconds()
    start, end = ask.query.get("startDate"), ask.query.get("endDate")
    if (start is None) != (end is None):
        raise invalid("startDate and endDate go together")
    first, last = now - _STATISTICS_DAYS * 86_400, now
    if start is not None and end is not None:
        given = instant(start), instant(end)
        if given[0] is None or given[1] is None or given[0] > given[1]:
            raise invalid("startDate or endDate is not valid")
        first, last = given[0], given[1] + 86_400
    return 200, {**item(contact), "statistics": statistics(contact, first, last)}


def _delete(ask: Ask) -> Answer:
    known_only(ask.query, ("identifierType",))
    contact = people.find(ask.account, ask.path["identifier"], ask.query.get("identifierType"))
    people.delete(ask.account, contact, "api")
    return 204, None


ROUTES: Routes = [
    ("POST", "/contacts", _create),
    ("GET", "/contacts", _list),
    ("GET", "/contacts/{identifier}", _get),
    ("PUT", "/contacts/{identifier}", _update),
    ("DELETE", "/contacts/{identifier}", _delete),
]
