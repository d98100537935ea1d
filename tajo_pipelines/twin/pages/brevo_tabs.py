"""What an account at Brevo holds: contacts, lists, blocklists, events, orders, products, imports, limits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tajo_pipelines.twin.brevo.state import Account, Contact
from tajo_pipelines.twin.half import CallLog
from tajo_pipelines.twin.pages.looking import Look, Values, holds, paged

_FLAGS = {"email": "emailBlacklisted", "sms": "smsBlacklisted"}


def contacts(account: Account, look: Look) -> Values:
    """People by their address, the last changed first; ``on`` takes one list's alone."""
    wanted, on = look.text("q"), look.number("on")
    found = [
        contact
        for contact in account.people()
        if (not wanted or holds(contact["email"] or "", wanted) or str(contact["id"]) == wanted)
        and (on is None or on in contact["listIds"])
    ]
    found.sort(key=lambda contact: float(contact["modifiedAt"]), reverse=True)
    names = [(entry["id"], entry["name"]) for entry in account.lists.values()]
    return {"page": paged(found, look), "lists": account.lists, "list_names": names}


def lists(account: Account, _look: Look) -> Values:
    """Lists with how many are on them, how many of those are blocked, and how many have left."""
    members: Counter[int] = Counter()
    blocked: Counter[int] = Counter()
    left: Counter[int] = Counter()
    for contact in account.people():
        members.update(contact["listIds"])
        left.update(contact["listUnsubscribed"])
        if contact["emailBlacklisted"]:
            blocked.update(contact["listIds"])
    rows = [
        {
            **entry,
            "folder": account.folders.get(str(entry["folderId"]), {}).get("name", ""),
            "members": members[entry["id"]],
            "blocked": blocked[entry["id"]],
            "left": left[entry["id"]],
        }
        for entry in account.lists.values()
    ]
    return {"rows": rows, "attributes": list(account.attributes.values())}


def _blocked_at(contact: Contact, channel: str) -> float | None:
    for entry in reversed(contact["history"]):
        if entry["what"] == "blocked" and entry.get("channel") == channel:
            return float(entry["at"])
    return None


def blocklist(account: Account, look: Look) -> Values:
    """Who is blocked, per channel, with the cause and the time; the last blocked first."""
    wanted, cause, channel = look.text("q"), look.text("cause"), look.text("channel")
    causes: Counter[str] = Counter()
    found = []
    for contact in account.people():
        for name, flag in _FLAGS.items():
            if not contact[flag]:
                continue
            why = contact["causes"].get(name, "")
            causes[why] += 1
            if holds(contact["email"] or "", wanted) and cause in ("", why) and channel in ("", name):
                at = _blocked_at(contact, name)
                found.append({"contact": contact, "channel": name, "cause": why, "at": at})
    found.sort(key=lambda row: row["at"] or 0.0, reverse=True)
    names = [(each, each) for each in sorted(causes)]
    return {"page": paged(found, look), "causes": sorted(causes.items()), "cause_names": names}


def _whose(account: Account, stored: Mapping[str, Any]) -> str:
    contact = None if stored["contact_id"] is None else account.by_id(stored["contact_id"])
    if contact is not None:
        return contact["email"] or f"contact {contact['id']}"
    named: Mapping[str, Any] = stored["event"]["identifiers"]
    return str(named.get("email_id") or next(iter(named.values()), ""))


def events(account: Account, look: Look) -> Values:
    """Events, the newest first, by name and by address."""
    name, email = look.text("name"), look.text("q")
    names = Counter(stored["event"]["event_name"] for stored in account.events.values())
    found = [
        stored
        for stored in list(account.events.values())[::-1]
        if name in ("", stored["event"]["event_name"]) and (not email or holds(_whose(account, stored), email))
    ]
    page = paged(found, look)
    rows = [{**stored, "email": _whose(account, stored)} for stored in page.rows]
    counts = [(each, f"{each} ({count})") for each, count in sorted(names.items())]
    return {"page": page, "rows": rows, "name_counts": counts, "now": account.clock.seconds()}


def orders(account: Account, look: Look) -> Values:
    """Orders, the last stored first, and sums of money: amounts are in the account's currency."""
    wanted, status = look.text("q"), look.text("status")
    statuses: Counter[str] = Counter()
    seen: defaultdict[str, Decimal] = defaultdict(Decimal)
    total = Decimal(0)
    found = []
    for stored in account.orders.values():
        order = stored["order"]
        statuses[order["status"]] += 1
        total += Decimal(str(order["amount"]))
        _add_presentment(seen, order.get("metaInfo", {}))
        if status in ("", order["status"]) and (wanted == order["id"] or holds(stored["email"] or "", wanted)):
            found.append(stored)
    found.sort(key=lambda stored: float(stored["stored"]), reverse=True)
    return {
        "page": paged(found, look),
        "statuses": [(each, f"{each} ({count})") for each, count in sorted(statuses.items())],
        "currency": account.numbers.get("currency") or "USD",
        "total": total,
        "presentment": sorted(seen.items()),
        "products": account.products,
    }


def _add_presentment(seen: defaultdict[str, Decimal], meta: Mapping[str, Any]) -> None:
    """Add what the buyer saw, in the buyer's own currency."""
    currency, amount = meta.get("presentment_currency"), meta.get("presentment_amount")
    if not currency or amount is None:
        return
    try:
        seen[str(currency)] += Decimal(str(amount))
    except InvalidOperation:
        return  # metaInfo is free text to Brevo: what isn't a number adds nothing


def products(account: Account, look: Look) -> Values:
    """Products and variants by name, id or SKU, the last changed first."""
    wanted = look.text("q")
    found = [
        stored
        for stored in account.products.values()
        if not wanted or any(holds(str(stored["product"].get(name, "")), wanted) for name in ("name", "id", "sku"))
    ]
    found.sort(key=lambda stored: float(stored["modified"]), reverse=True)
    return {
        "page": paged(found, look),
        "currency": account.numbers.get("currency") or "USD",
        "categories": account.categories,
    }


def categories(account: Account, look: Look) -> Values:
    """Categories, with how many products are in them."""
    wanted = look.text("q")
    inside: Counter[str] = Counter()
    for stored in account.products.values():
        inside.update(stored["product"].get("categories", []))
    found = [
        stored
        for stored in account.categories.values()
        if not wanted or any(holds(str(stored["category"].get(name, "")), wanted) for name in ("name", "id"))
    ]
    return {"page": paged(found, look), "inside": inside}


def imports(account: Account, look: Look) -> Values:
    """Processes and batches of orders, the newest first."""
    page = paged(list(account.processes.values())[::-1], look)
    batches = list(account.batches.values())[:-21:-1]
    return {"page": page, "batches": batches, "batch_count": len(account.batches), "lists": account.lists}


def limits(account: Account, calls: CallLog) -> Values:
    """Every window of every bucket, and how often each bucket said 429 lately."""
    refused = Counter(call.bucket for call in calls.newest() if call.status == 429 and call.target == "brevo")
    taken = Counter(call.bucket for call in calls.newest() if call.status != 429 and call.target == "brevo")
    return {"windows": account.limits.standing(), "tier": account.limits.tier, "refused": refused, "taken": taken}
