"""Which mappings a stream was delivered with: their rules, kept per account, connection and stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from tajo_pipelines.mapping.spec import RuleLike, resolve_source
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.batches import Batch, BatchState
from tajo_pipelines.sync.landed_forms import kept_batches
from tajo_pipelines.sync.workspace import Workspace

MOST = 5
"""How many mappings are remembered of which some contacts may still bear the mark."""


class KeptRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule as it was; see `RuleLike`."""

    source: str | None
    target: str
    transforms: tuple[str, ...] = ()
    type: str | None = None
    default: Any = None

    @property
    def where(self) -> str:
        """Nowhere: the file has other rules by now."""
        return ""


class KeptMapping(msgspec.Struct, frozen=True):
    """The rules of one mapping, sorted by target, and when a delivery with them ended well last."""

    rules: tuple[KeptRule, ...]
    at: datetime


_MAPPINGS = msgspec.json.Decoder(tuple[KeptMapping, ...])


def kept_rules(rules: Iterable[RuleLike]) -> tuple[KeptRule, ...]:
    """Rules in the form in which they are kept and compared: spelling and order don't matter."""
    found = [
        KeptRule(
            source=None if rule.source is None else resolve_source(rule.source, rule.where),
            target=rule.target,
            transforms=tuple(rule.transforms),
            type=rule.type,
            default=msgspec.to_builtins(rule.default),
        )
        for rule in rules
    ]
    return tuple(sorted(found, key=lambda rule: rule.target))


def remembered(workspace: Workspace, identity: str, connection: str, stream: str) -> tuple[KeptMapping, ...]:
    """The mappings that contacts were last delivered with, the newest first.

    There are several after a change of which only a part was delivered yet.

    Args:
        workspace: Settings and store.
        identity: The account's.
        connection: The connection.
        stream: A stream of people.
    """
    text = workspace.store.note(_note(identity, connection, stream))
    return () if text is None else _MAPPINGS.decode(text)


def remember(
    workspace: Workspace, identity: str, connection: Connection, batches: Sequence[Batch], *, replayed: bool
) -> None:
    """Note that these batches of a stream of people were delivered through today's mapping.

    A delivery of everything leaves today's mapping alone in the note: a full read, or a replay of all that is landed.
    """
    if not batches:
        return
    stream = batches[0].stream
    today = KeptMapping(kept_rules(workspace.rules(connection)), workspace.now())
    others: list[KeptMapping] = []
    if not _is_everything(workspace, connection.name, stream, batches, replayed=replayed):
        known = remembered(workspace, identity, connection.name, stream)
        others = [mapping for mapping in known if mapping.rules != today.rules]
    text = msgspec.json.encode((today, *others)[:MOST]).decode()
    workspace.store.set_note(_note(identity, connection.name, stream), text)


def _is_everything(
    workspace: Workspace, connection: str, stream: str, batches: Sequence[Batch], *, replayed: bool
) -> bool:
    if not replayed:
        return any(batch.full for batch in batches)
    landed = kept_batches(workspace, connection, stream, date.min, date.max)
    return {batch.id for batch in landed if batch.state is BatchState.DELIVERED} <= {batch.id for batch in batches}


def _note(identity: str, connection: str, stream: str) -> str:
    return f"mapping/{identity}/{connection}/{stream}"
