"""What an asset says of itself to somebody who never saw its code."""

from __future__ import annotations

import re

from tajo_pipelines.orchestration.names import BREVO
from tajo_pipelines.sdk.manifest import Manifest
from tajo_pipelines.settings.objects import Account, Connection

_TAG = re.compile(r"[A-Za-z0-9_.-]{1,63}")
"""What Dagster takes for a tag's value."""

_AT_BREVO = {
    "customers": "contacts with their attributes, lists and consent",
    "orders": "orders, with the events that automations wait for (`order_placed` and its like)",
    "products": "products of the account's catalogue",
    "carts": "events such as `cart_updated`, which automations wait for",
}


def landing_description(connection: Connection, manifest: Manifest, account: Account, stream: str) -> str:
    """What is read: from where, how often, and what becomes of records without their documented shape."""
    return (
        f"**What {manifest.title} says.** The {stream} of {_shop(connection)}, as {manifest.title} gave them: "
        "a row a record, the whole original beside it. Nothing is corrected or left out here.\n\n"
        f"**How often:** {_schedule(connection, stream)}. Each run goes on where the last one ended.\n\n"
        "**How to read the days:** a record lies under the day on which it last changed (after a full read, under the "
        "day of that read). Days are a log and not a snapshot; today's is provisional until midnight UTC.\n\n"
        "**Records of an unexpected shape** are kept too, counted as *malformed*; too many of them stop the delivery "
        f"(check *landed_readable*). Files are kept for {account.keep.landing.days} days after their delivery."
    )


def brevo_description(connection: Connection, manifest: Manifest, account: Account, stream: str) -> str:
    """What Brevo is given: what of it, when, and what becomes of refused records."""
    what = _AT_BREVO.get(stream, "records")
    return (
        f"**What Brevo was given.** The {stream} of {_shop(connection)} as {what}, in the Brevo account "
        f"`{account.name}`.\n\n"
        f"**How often:** {_schedule(connection, stream)}, right after they were read. Everything that Brevo hasn't got "
        "yet goes out, whatever its day, so an outage heals itself; what Brevo holds already isn't sent again.\n\n"
        "**Skipped** is what has no business there (somebody without e-mail and phone, a test order, an old cart).\n\n"
        "**Rejected** is what can't be sent as it is, such as a broken e-mail address. Each is kept as a *letter* with "
        f"its reason (below, and `tajo letters list --connection {connection.name}`). Mend it in {manifest.title}: the "
        f"next run sends it and closes the letter. More than {float(account.letters_threshold):.0%} of them fail the "
        "check *letters*."
    )


def landing_kinds(manifest: Manifest) -> set[str]:
    """Badges of what is read."""
    return {manifest.name, "parquet"}


BREVO_KINDS = {BREVO}
"""Badges of what Brevo is given."""


def asset_tags(connection: Connection, manifest: Manifest, stream: str) -> dict[str, str]:
    """Tags by which assets are found: ``tag:tajo/stream=orders``."""
    tags = {
        "tajo/connection": connection.name,
        "tajo/connector": manifest.name,
        "tajo/stream": stream,
        "tajo/account": connection.account,
        "tajo/category": manifest.category,
    }
    return {key: value for key, value in tags.items() if _TAG.fullmatch(value)}


def _shop(connection: Connection) -> str:
    where = f" ({connection.shop_url})" if connection.shop_url else ""
    return f"the connection `{connection.name}`{where}"


def _schedule(connection: Connection, stream: str) -> str:
    found = connection.streams[stream]
    cron = f"`{found.schedule}`, UTC"
    return f"{found.schedule_word} ({cron})" if found.schedule_word != found.schedule else f"by the schedule {cron}"
