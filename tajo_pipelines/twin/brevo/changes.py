"""What people do at Brevo by themselves: unsubscribe, complain, opt in, edit contacts in the UI."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tajo_pipelines.twin.brevo import events, people
from tajo_pipelines.twin.brevo.limits import TIERS, Limits
from tajo_pipelines.twin.brevo.lists import make_list
from tajo_pipelines.twin.brevo.state import Account, Contact
from tajo_pipelines.twin.brevo.values import email_or_none, instant
from tajo_pipelines.twin.half import ChangeError

CAUSES = ("user", "admin", "complaint", "hard_bounce")

Arguments = dict[str, Any]


def _contact(account: Account, arguments: Arguments) -> Contact:
    contact = account.by_email(str(arguments.get("email", "")))
    if contact is None:
        raise ChangeError("no contact has this e-mail address")
    return contact


def _at(arguments: Arguments) -> float | None:
    if arguments.get("at") is None:
        return None
    at = instant(str(arguments["at"]))
    if at is None:
        raise ChangeError("at is an ISO 8601 instant")
    return at


def _channel(arguments: Arguments) -> str:
    channel = str(arguments.get("channel", "email"))
    if channel not in ("email", "sms"):
        raise ChangeError("channel is email or sms")
    return channel


def _unsubscribe(account: Account, arguments: Arguments) -> None:
    """Takes email, channel, cause (user, admin, complaint, hard_bounce), at, touch (moves modifiedAt)."""
    contact, cause = _contact(account, arguments), str(arguments.get("cause", "user"))
    if cause not in CAUSES:
        raise ChangeError(f"cause is one of {', '.join(CAUSES)}")
    modified = contact["modifiedAt"]
    channel, at = _channel(arguments), _at(arguments)
    if contact["emailBlacklisted" if channel == "email" else "smsBlacklisted"]:
        # The link in an older mail works for whoever is blocked already: the statistics tell of it, no flag does.
        account.note(contact, "blocked", cause, at, channel=channel)
    people.block(account, contact, channel, blocked=True, by=cause, at=at)
    if not arguments.get("touch", True):
        contact["modifiedAt"] = modified


def _opt_in(account: Account, arguments: Arguments) -> None:
    """Takes email, channel, at, double (sets DOUBLE_OPT-IN), list (also joins it)."""
    contact, channel, at = _contact(account, arguments), _channel(arguments), _at(arguments)
    people.block(account, contact, channel, blocked=False, by="user", at=at)
    account.note(contact, "opted_in", "user", at, channel=channel, double=bool(arguments.get("double")))
    if arguments.get("double"):
        contact["attributes"]["DOUBLE_OPT-IN"] = "1"
    if arguments.get("list") is not None:
        people.enlist(account, contact, [int(arguments["list"])], "user")
    account.changed(contact)


def _list_unsubscribe(account: Account, arguments: Arguments) -> None:
    """Takes email, list, at."""
    contact, number = _contact(account, arguments), int(arguments.get("list", 0))
    if str(number) not in account.lists:
        raise ChangeError("no such list")
    people.unlist(account, contact, [number])
    if number not in contact["listUnsubscribed"]:
        contact["listUnsubscribed"].append(number)
    account.note(contact, "list_unsubscribed", "user", _at(arguments), list=number)
    account.changed(contact)


def _create_contact(account: Account, arguments: Arguments) -> None:
    """Takes email, attributes, ext_id, lists, emailBlacklisted, smsBlacklisted, cause, double, at."""
    email = email_or_none(str(arguments.get("email", "")))
    if email is None or account.by_email(email) is not None:
        raise ChangeError("email isn't an address or belongs to a contact already")
    values = people.read_values(account, email, arguments.get("ext_id"), arguments.get("attributes", {}))
    if people.taken(account, values, None):
        raise ChangeError("a phone or ext_id belongs to another contact")
    at = _at(arguments)
    contact = people.create(account, values, "person", at)
    people.enlist(account, contact, [int(number) for number in arguments.get("lists", [])], "person")
    cause = str(arguments.get("cause", "user"))
    for channel, name in (("email", "emailBlacklisted"), ("sms", "smsBlacklisted")):
        if arguments.get(name):
            people.block(account, contact, channel, blocked=True, by=cause, at=at)
    if arguments.get("double"):
        contact["attributes"]["DOUBLE_OPT-IN"] = "1"


def _delete_contact(account: Account, arguments: Arguments) -> None:
    """Takes email."""
    people.delete(account, _contact(account, arguments), "user")


def _set_attribute(account: Account, arguments: Arguments) -> None:
    """Takes email, name, value."""
    contact = _contact(account, arguments)
    values = people.read_values(account, None, None, {str(arguments.get("name")): arguments.get("value")})
    if not values.kept and not values.cleared:
        raise ChangeError("the account has no such attribute, or the value doesn't fit it")
    if people.taken(account, values, contact):
        raise ChangeError("the value belongs to another contact")
    people.change(account, contact, values)


def _rename_contact(account: Account, arguments: Arguments) -> None:
    """Takes email, to; a person who edits the address in the UI keeps the blocklist state."""
    contact, new = _contact(account, arguments), email_or_none(str(arguments.get("to", "")))
    if new is None or account.by_email(new) is not None:
        raise ChangeError("to isn't an address or belongs to a contact already")
    people.rename(account, contact, new, keep_blocked=True)


def _create_list(account: Account, arguments: Arguments) -> None:
    """Takes name."""
    make_list(account, str(arguments.get("name", "")) or "List", 1)


def _fail_imports(account: Account, arguments: Arguments) -> None:
    """Takes times: how many of the next imports end as failed."""
    account.numbers["fail_imports"] = int(arguments.get("times", 1))


def _ecommerce(account: Account, arguments: Arguments) -> None:
    """Takes active, currency."""
    account.numbers.pop("ecommerce_ready_at", None)
    if arguments.get("active", True):
        account.numbers["ecommerce_ready_at"] = account.clock.seconds()
    if "currency" in arguments:
        account.numbers["currency"] = arguments["currency"]


def _tier(account: Account, arguments: Arguments) -> None:
    """Takes tier."""
    tier = str(arguments.get("tier"))
    if tier not in TIERS:
        raise ChangeError(f"tier is one of {', '.join(TIERS)}")
    account.limits = Limits(tier, account.clock)


def _event_delay(account: Account, arguments: Arguments) -> None:
    """Takes seconds: how long GET /events doesn't show an event that comes from now on."""
    seconds = float(arguments.get("seconds", events.VISIBLE_AFTER))
    if seconds < 0:
        raise ChangeError("seconds is 0 or more")
    account.numbers["events_visible_after"] = seconds


def _raise_products_limit(account: Account, arguments: Arguments) -> None:
    """Takes raised: whether the account may update up to 1,000 products in a batch."""
    account.numbers["products_limit_raised"] = int(bool(arguments.get("raised", True)))


OPS: Mapping[str, Callable[[Account, Arguments], None]] = {
    "unsubscribe": _unsubscribe,
    "resubscribe": _opt_in,
    "opt_in": _opt_in,
    "list_unsubscribe": _list_unsubscribe,
    "create_contact": _create_contact,
    "delete_contact": _delete_contact,
    "set_attribute": _set_attribute,
    "rename_contact": _rename_contact,
    "create_list": _create_list,
    "fail_imports": _fail_imports,
    "ecommerce": _ecommerce,
    "tier": _tier,
    "set_event_delay": _event_delay,
    "raise_products_limit": _raise_products_limit,
}


def make(account: Account, op: str, arguments: Arguments) -> Contact | None:
    """Do one change; returns the contact that it left, where there is one.

    Raises:
        ChangeError: Unknown op, or one that doesn't fit the state.
    """
    if op not in OPS:
        raise ChangeError(f"op is one of {', '.join(OPS)}")
    OPS[op](account, arguments)
    return account.by_email(str(arguments.get("to") or arguments.get("email") or ""))
