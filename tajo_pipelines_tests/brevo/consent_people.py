"""The people and shops that the consent machine plays with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tajo_pipelines.model.consent import Channel
from tajo_pipelines_tests.brevo.account_world import EMAIL_FLAG, SMS_FLAG, SUBS_A, SUBS_B, Says, World
from tajo_pipelines_tests.brevo.consent_oracle import Address, Oracle

EMAILS = [f"p{number}@example.com" for number in range(4)]
PHONES = [f"+491511234567{number}" for number in range(3)]
RECORDS = [("a", "1"), ("a", "2"), ("b", "9")]
SUBSCRIBERS = {"a": SUBS_A, "b": SUBS_B}
CAUSES = ("user", "admin", "complaint", "hard_bounce")
OURS = {"api", "import"}

emails = st.sampled_from(EMAILS)
channels = st.sampled_from([Channel.EMAIL, Channel.EMAIL, Channel.SMS])
words = st.sampled_from(["silent", "yes", "yes now", "yes before", "confirmed", "no", "no now"])


@dataclass(frozen=True)
class Shopper:
    """A record as its shop has it."""

    email: str
    phone: str | None = None
    says: Says | None = None
    sms: Says | None = None
    name: str = "Ann"


def held(row: dict[str, Any]) -> Iterator[Address]:
    if row["email"] and not row["email"].endswith("@mailin-sms.com"):
        yield row["email"], Channel.EMAIL
    if row["attributes"].get("SMS"):
        yield f"+{row['attributes']['SMS']}", Channel.SMS


def is_blocked(row: dict[str, Any], address: Address) -> bool:
    return bool(row[EMAIL_FLAG if address[1] is Channel.EMAIL else SMS_FLAG])


def check_each_is_freed_once(world: World, oracle: Oracle) -> None:
    """Nobody is freed more often than they opted in."""
    for email in EMAILS:
        address = (email, Channel.EMAIL)
        freed = [e for e in world.freed_by_us() if e["email"] == email and e["channel"] == "email"]
        assert len(freed) <= len(oracle.yeses[address]), f"{email} was freed more often than it opted in"
