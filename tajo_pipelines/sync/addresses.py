"""Addresses that deliveries are sent to."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.sdk.http import is_loopback
from tajo_pipelines.sdk.webhooks import PREFIX


def delivery_address(public_url: str, connection: str) -> str:
    """Where a connection's deliveries are sent to.

    Raises:
        ConfigError: ``invalid_public_url``: it is no https URL, or carries what doesn't belong there.
    """
    parts = _split(public_url)
    host = parts.hostname or ""
    odd = parts.username or parts.password or parts.query or parts.fragment
    if parts.scheme not in {"http", "https"} or not host or odd:
        message = "the public URL isn't of the form https://host[:port][/path]"
        raise ConfigError(message, code="invalid_public_url", hint="like https://hooks.your-shop.com")
    if parts.scheme == "http" and not is_loopback(host):
        message = f"plain http to {host} would show customers' data to the network"
        raise ConfigError(message, code="invalid_public_url", hint="use https; http is for loopback alone")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}{PREFIX}{connection}"


def is_ours(url: str, connection: str) -> bool:
    """Whether an address is that of a connection, on whatever host."""
    parts = _split(url)
    return parts.scheme in {"http", "https"} and parts.path.rstrip("/").endswith(PREFIX + connection)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        # A port that is no number is found when it is read.
        _ = parts.port
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts
