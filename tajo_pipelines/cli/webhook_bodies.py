"""Bodies of deliveries for a person's eyes: whoever they are about is masked unless asked otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tajo_pipelines.brevo.masking import mask_value, mask_words
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.sdk.webhooks import decode_body

_PLAIN_KEYS = frozenset(
    {
        "admin_graphql_api_id",
        "currency",
        "customer_locale",
        "financial_status",
        "fulfillment_status",
        "gid",
        "handle",
        "kind",
        "locale",
        "presentment_currency",
        "product_type",
        "reason",
        "shop_domain",
        "sku",
        "state",
        "status",
        "title",
        "topic",
        "type",
        "vendor",
    }
)
"""Keys whose texts name no person. The text under any other key may, in whatever platform's body."""

_ENDINGS = ("_at", "_id", "_currency", "_status")
_LONGEST_NUMBER = 10**6
_MOST_DIGITS = 6
"""A text of digits alone that is longer may be a telephone's."""


def shown_body(body: bytes, *, unmasked: bool) -> Any:
    """A body as JSON to be printed, decimals as they came; bytes that aren't JSON as a text.

    Args:
        body: As it was received.
        unmasked: Whether whoever reads may see everything.
    """
    try:
        decoded = decode_body(body)
    except RejectedRecord:
        text = body.decode("utf-8", errors="backslashreplace")
        return text if unmasked else mask_words(text)
    plain: Any = msgspec.to_builtins(decoded, str_keys=True)
    return plain if unmasked else _masked(plain, "")


def _masked(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return {name: _masked(inner, str(name).lower()) for name, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, key) for inner in value]
    if isinstance(value, str):
        return value if _is_plain(value, key) else mask_value(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LONGEST_NUMBER and not _is_id(key):
        return "***"
    return value


def _is_id(key: str) -> bool:
    return key == "id" or key.endswith("_id")


def _is_plain(text: str, key: str) -> bool:
    """Whether a text names nobody: by its key, or because it holds no letter (an amount, a time)."""
    if "@" in text:
        return False
    if key in _PLAIN_KEYS or _is_id(key) or key.endswith(_ENDINGS):
        return True
    return not any(letter.isalpha() for letter in text) and sum(letter.isdigit() for letter in text) <= _MOST_DIGITS
