"""The shop's own domain, out of what people paste."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from tajo_pipelines.model.errors import ConfigError

_HANDLE = r"[a-z0-9][a-z0-9-]*"
_OWN_HOST = re.compile(rf"{_HANDLE}\.myshopify\.com")
_ADMIN_PATH = re.compile(rf"/store/({_HANDLE})(?:/.*)?")


def shop_domain(text: object, where: str = "shop_url") -> str:
    """``your-store.myshopify.com`` for that name, its URL, or the address of its admin.

    The storefront's domain (``www.your-store.com``) is refused: tokens belong to the myshopify name, and nothing but a
    call to a host that may be anyone's could tell which one stands behind it.

    Raises:
        ConfigError: Any other form.
    """
    hint = "it looks like your-store.myshopify.com; Shopify shows it under Settings, Domains"
    if not isinstance(text, str) or not text.strip():
        raise ConfigError("the shop's address is missing", code="invalid_shop_url", where=where, hint=hint)
    written = text.strip()
    try:
        parts = urlsplit(written if "//" in written else f"https://{written}")
        host = (parts.hostname or "").lower()
        plain = parts.port is None and parts.username is None and parts.password is None
    except ValueError:
        host, plain, parts = "", False, urlsplit("")
    if plain and parts.scheme in {"http", "https"}:
        if _OWN_HOST.fullmatch(host):
            return host
        admin = _ADMIN_PATH.fullmatch(parts.path.lower()) if host == "admin.shopify.com" else None
        if admin is not None:
            return f"{admin[1]}.myshopify.com"
    message = f"{host or 'this'} isn't the address of a Shopify shop"
    raise ConfigError(message, code="invalid_shop_url", where=where, hint=hint)
