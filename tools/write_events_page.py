"""Writes docs/events.md from the code that makes the events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tajo_pipelines.brevo.event_documents import MAX_PROPERTY_BYTES
from tajo_pipelines.brevo.events import MOST_DOUBTS
from tajo_pipelines.sync.event_kinds import KINDS, MOST_ITEMS, EventKind, Property

PAGE = Path(__file__).parents[1] / "docs" / "events.md"


def render() -> str:
    """The whole page."""
    lines = [*_opening(), *_list(), *_rules()]
    for kind in KINDS.values():
        lines += _kind(kind)
    return "\n".join(lines).rstrip() + "\n"


def _opening() -> list[str]:
    return [
        "# Events at Brevo",
        "",
        "<!-- Written by tools/write_events_page.py from the code; change that and run it again. -->",
        "",
        "What happens at a platform is told to Brevo as an event of the contact that it happened to, by POST /events",
        "or POST /events/batch. Automations start from events by their name, and mails that they send read an event's",
        "properties as `params`: `{{ params.total }}`, `{% for item in params.items %}`.",
        "",
    ]


def _list() -> list[str]:
    rows = [(f"[`{kind.name}`](#{kind.name})", kind.stream, _sentence(kind.cause), kind.at) for kind in KINDS.values()]
    return [*_table(("event", "stream", "sent when", "its date"), rows), ""]


def _rules() -> list[str]:
    return [
        "## When an event is sent",
        "",
        "- **By age, not by path.** A cause older than `events.live_window` (24 hours unless configured) sends",
        "  nothing, whether it came by a schedule, a backfill or a webhook. A younger one is sent on every path.",
        "  `--with-events` lifts the limit for one run.",
        "- **Changes are told against what Brevo was last given.** An order that was never read before tells of its",
        "  creation, and of what has happened to it since, if the creation is young enough; an old one is silent.",
        "- **The contact goes first.** An order's, cart's or customer's event is sent once its contact is written,",
        "  through the same rules of consent as any other. No event ever changes a contact.",
        "- **A cart** that was paid (`completed`), that has no lines and was never told (`empty`) or that changed too",
        "  long ago (`history`) is counted as skipped. One of which Brevo was told the same goods and the same total",
        "  is unchanged, whatever path it comes on.",
        "- **An order ends its cart.** Once it is known, by a webhook or by a read, and by whichever of the cart's",
        "  names (its token, its checkout's id or token), no event of that cart follows: not of what happened earlier",
        "  and comes late either.",
        "- **An online store's cart has no owner.** Webhooks tell of it by its token. Once its checkout was told of,",
        "  its newest lines are told under the checkout's key; until then it is skipped (`no_identifier`).",
        "",
        "## At most once, with letters",
        "",
        "Brevo has no way to recognise an event that is sent twice, and a doubled event can double a mail. So each",
        "event has a `tajo_id` (a UUID of connection, stream, record and cause: the same cause has the same id on",
        "every path) that is stored before the call, and none is handed over twice:",
        "",
        *_table(
            ("what happens", "what becomes of the event"),
            [
                ("Brevo accepts it", "sent, for good"),
                ("429, 425, or no connection could be made", "the call is repeated: nothing was taken"),
                ("Brevo refuses it (400 and the like)", "a letter of kind `event`; it goes again when its record does"),
                (
                    "a 5xx, a time-out or a cut connection after it went out",
                    "a letter of kind `in_doubt` at once; `events.in_doubt: resend` repeats the call instead",
                ),
                (f"{MOST_DOUBTS} calls in a row without an answer", "the run stops; the others wait for the next one"),
                ("the process dies before the call", "the next run sends it, unless it is too old by then: a letter"),
                ("the process dies during the call", "the next run writes a letter of kind `in_doubt`"),
            ],
        ),
        "",
        "## Properties",
        "",
        "Amounts are numbers in the shop's currency, which `currency` names; times are RFC 3339 in UTC. `tajo_id`,",
        "`source` and `id` are always there, the others where the platform says them. At most",
        f"{MOST_ITEMS} lines are told one by one, fewer where {MAX_PROPERTY_BYTES:,} bytes are reached; `items_count`",
        "tells how many there are.",
        "",
    ]


def _kind(kind: EventKind) -> list[str]:
    lines = [
        f"### {kind.name}",
        "",
        f"{_sentence(kind.cause)}. Date: {kind.at}.",
        "",
        *_properties(kind.properties),
        "",
    ]
    if kind.items:
        lines += ["Each of its `items`:", "", *_properties(kind.items), ""]
    return lines


def _properties(properties: Sequence[Property]) -> list[str]:
    return _table(
        ("property", "holds", "meaning"), [(f"`{item.name}`", item.kind, item.meaning) for item in properties]
    )


def _sentence(text: str) -> str:
    return text.rstrip(".")


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    lines = [header, tuple("---" for _ in header), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
