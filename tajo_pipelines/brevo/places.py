"""Addresses that may be called: https anywhere, plain http on this machine alone."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from tajo_pipelines.model.errors import ConfigError

DEFAULT_BASE_URL = "https://api.brevo.com/v3"
"""Where Brevo itself lives."""


def check_base_url(base_url: str) -> str:
    """The base URL without its last slash.

    Raises:
        ConfigError: When it is no http(s) URL, or plain http to another machine.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        hint = "like https://api.brevo.com/v3"
        raise ConfigError("the base URL of Brevo isn't a URL", code="base_url", where="BREVO_BASE_URL", hint=hint)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        message = f"plain http to {parts.hostname} would show the API key to the network"
        raise ConfigError(message, code="base_url", where="BREVO_BASE_URL", hint="use https")
    return base_url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
