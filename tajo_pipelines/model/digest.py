"""Digests of JSON values: how the ledger remembers what was given without keeping it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TypeAlias

import msgspec

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
"""What JSON can say."""

_BYTES = 12


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    message = f"JSON can't say {type(value).__name__}"
    raise TypeError(message)


_encode = msgspec.json.Encoder(enc_hook=_plain, order="deterministic").encode


def digest(value: JSON) -> str:
    """A stable digest of a value's JSON form: 24 hexadecimal digits (BLAKE2b, 96 bits).

    The order of an object's keys doesn't matter, that of an array does; ``1`` and ``1.0`` differ.
    """
    return blake2b(_encode(value), digest_size=_BYTES).hexdigest()
