"""How platforms sign their webhooks. A connector picks one; the receiver runs it over the bytes received.

Every secret is tried to the end whatever the first one said, and digests are compared in constant time: how long a
refusal takes tells neither how much of a signature was right nor which secret signed.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

from tajo_pipelines.model.errors import ConfigError, SignatureError
from tajo_pipelines.sdk.webhooks import Delivery

TOLERANCE = timedelta(minutes=5)
"""How far a signed time may be from ours, either way (Standard Webhooks, specification, "Verifying webhook
authenticity", read 2026-11-25)."""

_SECRET_PREFIX = "whsec_"  # noqa: S105 - how secrets begin, not one
_VERSION = b"v1,"
_SECONDS = re.compile(r"[0-9]{1,11}", re.ASCII)


@dataclass(frozen=True, slots=True)
class HmacSignature:
    """HMAC-SHA256 of the body alone, in one header: Shopify, WooCommerce and many others. No time is signed.

    Attributes:
        header: Its name, in lower case.
        encoding: How the digest is written.
        prefix: What stands before it: ``sha256=``.
    """

    header: str
    encoding: Literal["base64", "hex"] = "base64"
    prefix: str = ""

    def verify(self, delivery: Delivery, secrets: Sequence[str]) -> None:
        """See `Signature.verify`."""
        given = delivery.headers.get(self.header, "").strip().encode("latin-1", "replace")
        if not given:
            raise unsigned()
        right = False
        for secret in secrets:
            digest = hmac.digest(secret.encode(), delivery.body, "sha256")
            right |= hmac.compare_digest(self._written(digest), given)
        if not right:
            raise bad_signature()

    def _written(self, digest: bytes) -> bytes:
        written = digest.hex().encode() if self.encoding == "hex" else base64.b64encode(digest)
        return self.prefix.encode() + written


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
    """The scheme of standardwebhooks.com: id, time and body are signed; several signatures may stand side by side.

    Attributes:
        plain_secret: Whether the secret's own bytes are the key (BigCommerce), instead of base64 behind ``whsec_``.
        tolerance: How far the signed time may be from that of the receipt, either way.
    """

    plain_secret: bool = False
    tolerance: timedelta = TOLERANCE

    def verify(self, delivery: Delivery, secrets: Sequence[str]) -> None:
        """See `Signature.verify`.

        Raises:
            ConfigError: A secret isn't written in base64.
        """
        keys = [secret.encode() if self.plain_secret else _key(secret) for secret in secrets]
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        number, seconds, signatures = (delivery.headers.get(name, "").strip() for name in names)
        if not (number and seconds and signatures):
            raise unsigned()
        signed = f"{number}.{seconds}.".encode("latin-1", "replace") + delivery.body
        given = signatures.encode("latin-1", "replace").split()
        right = False
        for key in keys:
            wanted = _VERSION + base64.b64encode(hmac.digest(key, signed, "sha256"))
            for signature in given:
                right |= hmac.compare_digest(wanted, signature)
        if not right:
            raise bad_signature()
        if not _SECONDS.fullmatch(seconds):
            raise SignatureError("the signed time isn't one", code="bad_signature")
        at = datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(seconds))
        if abs(delivery.received_at - at) > self.tolerance:
            raise SignatureError("the signed time is too far from now", code="stale")


@lru_cache(maxsize=256)
def _key(secret: str) -> bytes:
    text = secret.removeprefix(_SECRET_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        message = "a webhook secret isn't written in base64"
        raise ConfigError(message, code="invalid_secret", hint=f"copy it whole, with {_SECRET_PREFIX}") from error
    if not key:
        raise ConfigError("a webhook secret is empty", code="invalid_secret")
    return key


def unsigned() -> SignatureError:
    """The delivery carries no signature."""
    return SignatureError("the delivery isn't signed", code="unsigned")


def bad_signature() -> SignatureError:
    """None of the secrets signed the delivery."""
    return SignatureError("none of the secrets signed the delivery", code="bad_signature")
