"""Canonical objects out of fields that were read, and lists out of raw objects."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from tajo_pipelines.model.errors import RejectedRecord

StructT = TypeVar("StructT", bound=msgspec.Struct)


def made(kind: type[StructT], fields: dict[str, Any]) -> StructT:
    """The canonical object.

    Raises:
        RejectedRecord: ``malformed`` where a field that it can't be without is missing.
    """
    missing = [name for name in kind.__struct_fields__ if name not in fields and _required(kind, name)]
    if missing:
        message = f"the platform gave no {', '.join(missing)}"
        raise RejectedRecord("malformed", message, field=missing[0])
    return kind(**fields)


def nodes_of(raw: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    """The objects of a connection inside a raw object.

    Raises:
        RejectedRecord: ``malformed`` where it is no list of objects.
    """
    holder = raw.get(field)
    nodes = holder.get("nodes") if isinstance(holder, dict) else None
    if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
        message = f"the {field} are no list"
        raise RejectedRecord("malformed", message, field=field)
    return nodes


@lru_cache(maxsize=256)
def _required(kind: type[msgspec.Struct], name: str) -> bool:
    return next(field.required for field in msgspec.structs.fields(kind) if field.name == name)
