"""Reads ``sync``: which streams of a connection run, and how."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from tajo_pipelines.settings.cron import cron_of
from tajo_pipelines.settings.findings import Findings, KeyPath, shown, suggestion
from tajo_pipelines.settings.objects import StreamSettings
from tajo_pipelines.settings.schema import ConnectionSection, StreamSection
from tajo_pipelines.settings.validation import require_mapping, validate
from tajo_pipelines.settings.yaml_source import Scalar, Tree

KNOWN_STREAMS = ("customers", "orders", "products", "carts")
"""Words that may be asked for of every connector, also of one that doesn't have them yet."""

_TRUTH = TypeAdapter(bool)


@dataclass(frozen=True, slots=True)
class Streams:
    """The streams of one connection.

    Attributes:
        present: The connector's own, in its order.
        absent: Asked for, and not there.
    """

    present: dict[str, StreamSettings]
    absent: tuple[str, ...]


def read_streams(
    tree: Tree, connection: ConnectionSection, name: str, has: Collection[str], findings: Findings
) -> Streams:
    """Reads ``sync``; left out, it means all streams of the connector.

    Args:
        tree: Its content, variables put in.
        connection: What holds where a stream says nothing.
        name: The connection's name.
        has: The connector's streams.
        findings: Takes what is wrong.
    """
    path: KeyPath = ("connectors", name, "sync")
    if tree is None:
        return Streams({stream: _settings(StreamSection(), connection, name) for stream in has}, ())
    known = list(dict.fromkeys([*has, *KNOWN_STREAMS]))
    present: dict[str, StreamSettings] = {}
    absent: list[str] = []
    for stream, value in (require_mapping(tree, path, findings) or {}).items():
        if stream not in known:
            findings.error("unknown_stream", (*path, stream), f"unknown stream {stream!r}{suggestion(stream, known)}")
            continue
        section = _section(value, (*path, stream), findings)
        if section is None:
            continue
        if stream in has:
            present[stream] = _settings(section, connection, name)
        elif section.enabled:
            absent.append(stream)
    return Streams({stream: present[stream] for stream in has if stream in present}, tuple(absent))


def _section(value: Tree, path: KeyPath, findings: Findings) -> StreamSection | None:
    if isinstance(value, dict):
        return validate(StreamSection, value, path, findings)
    if isinstance(value, Scalar):
        try:
            return StreamSection(enabled=_TRUTH.validate_python(str(value)))
        except ValidationError:
            pass
    findings.error(
        "invalid_value",
        path,
        f"isn't true, false or a mapping of enabled, mode, schedule, on_delete; found {shown(value)}",
    )
    return None


def _settings(section: StreamSection, connection: ConnectionSection, name: str) -> StreamSettings:
    word = section.schedule or connection.schedule
    return StreamSettings(
        enabled=section.enabled,
        mode=section.mode or connection.mode,
        schedule=cron_of(word, name),
        schedule_word=word,
        on_delete=section.on_delete or connection.on_delete,
    )
