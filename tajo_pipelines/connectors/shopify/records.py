"""Raw objects -> records: key and time, and whether they lie in the window."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tajo_pipelines.connectors.shopify.queries import Nested
from tajo_pipelines.model.errors import ContractError
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.window import Window, parse_time


def record_of(stream: str, raw: Mapping[str, Any], read_at: datetime, where: str) -> Record:
    """The record of a raw object.

    Raises:
        ContractError: It has no id or no time of change.
    """
    key = key_of(raw.get("legacyResourceId")) or key_of(raw.get("id"))
    if key is None:
        raise ContractError(f"one of the {stream} has no id", where=where)
    return Record(stream, key, time_of(raw.get("updatedAt"), where), read_at, raw)


def key_of(value: Any) -> str | None:
    """The numeric id as text, of itself or of a global id; None where it is neither."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    number = str(value).partition("?")[0].rpartition("/")[2]
    return number if number.isascii() and number.isdigit() else None


def arranged(nested: Nested, nodes: list[dict[str, Any]], where: str) -> dict[str, Any]:
    """What is inside an object, as its raw form holds it: a list in an order that doesn't hang on how it was read.

    The file of a bulk operation promises no order among siblings unless it is grouped.

    Raises:
        ContractError: One has neither position nor id.
    """

    def place(node: dict[str, Any]) -> int:
        value = key_of(node.get("id")) if nested.position is None else key_of(node.get(nested.position))
        if value is None:
            raise ContractError(f"one of the {nested.field} has no place", where=where)
        return int(value)

    return {"nodes": sorted(nodes, key=place)}


def kind_of(gid: str) -> str:
    """The type that a global id names: ``Order`` for ``gid://shopify/Order/1``."""
    return gid.rpartition("/")[0].rpartition("/")[2]


def time_of(value: Any, where: str) -> datetime:
    """A time of the API.

    Raises:
        ContractError: It is none.
    """
    try:
        return parse_time(value if isinstance(value, str) else "")
    except ValueError as error:
        raise ContractError("an object has no time", where=where) from error


def inside(record: Record, window: Window | None) -> bool:
    """Whether a record was asked for: bounds are widened on the way to the platform."""
    return window is None or (record.updated_at is not None and record.updated_at in window)


def token_of(value: Any) -> str | None:
    """A cart's or checkout's token, without the key that some places put behind it.

    The storefront's cart token ends in ``?key=…`` since 2024-06-21 (https://shopify.dev/changelog/
    cart-token-in-ajax-api-response-now-includes-key-param, read 2026-11-25); which bodies carry it isn't documented, so
    carts, checkouts and orders are joined by what stands before it.
    """
    if not isinstance(value, str):
        return None
    return value.partition("?")[0].strip() or None
