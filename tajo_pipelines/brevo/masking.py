"""What may be kept of a call: personal data masked, secrets left out, 4 KB at most."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from tajo_pipelines.brevo.places import DEFAULT_BASE_URL
from tajo_pipelines.brevo.ports import Call
from tajo_pipelines.model.identity import mask_email

KEPT_BYTES = 4096
"""How much of a body is kept."""

_KEPT_ITEMS = 20
_KEPT_CHARACTERS = 500
_EMAIL = re.compile(r"[^\s@<>\"',;:()\[\]{}=/]+@[^\s@<>\"',;:()\[\]{}=/]+")
_NUMBER = re.compile(r"\+\d[\d ().-]{5,}\d")
_DIGITS = re.compile(r"\+?\d{7,}")
_KEY = re.compile(r"\b(?:xkeysib|xsmtpsib)-[\w-]+")
_QUOTED = re.compile(r'"[^"]*"')
_PERSONAL_OBJECTS = {"attributes", "identifiers", "contact_properties", "billing", "address"}
_PERSONAL_FIELDS = {"email", "emails", "firstname", "lastname", "phone", "sms", "ext_id", "extids", "username"}

_encode = msgspec.json.Encoder(decimal_format="number").encode


def mask_value(text: str) -> str:
    """A personal text with only its beginning left."""
    if _EMAIL.fullmatch(text):
        return mask_email(text)
    return f"{text[:1]}***" if text else ""


def mask_words(text: str) -> str:
    """A sentence with addresses, numbers of seven digits and more, and API keys masked: for vendors' messages."""
    return _DIGITS.sub("***", _mask_text(text))


def _mask_text(text: str) -> str:
    text = _KEY.sub("***", text)
    text = _EMAIL.sub(lambda found: mask_email(found[0]), text)
    return _NUMBER.sub(lambda found: f"{found[0][:3]}***", text)


def mask_body(body: Any, secret: str = "") -> str:
    """A decoded JSON body as the log of calls keeps it.

    Args:
        body: The document; a text that isn't JSON is masked as a sentence, None gives an empty text.
        secret: A text that must not appear, whatever the vendor echoes.
    """
    if body is None:
        return ""
    kept = mask_words(body[:KEPT_BYTES]) if isinstance(body, str) else _encode(_mask(body, "")).decode()
    if secret:
        kept = kept.replace(secret, "***")
    return kept.encode()[:KEPT_BYTES].decode(errors="ignore")


def _mask(value: Any, key: str, *, personal: bool = False) -> Any:
    if isinstance(value, Mapping):
        return {
            str(name): _mask(inner, str(name), personal=personal or str(name).lower() in _PERSONAL_OBJECTS)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        # A list of definitions, as GET /contacts/attributes gives, is no list of values.
        inside = personal and not (key == "attributes" and all(isinstance(item, Mapping) for item in value))
        kept = [_mask(item, key, personal=inside) for item in value[:_KEPT_ITEMS]]
        return [*kept, f"... and {len(value) - _KEPT_ITEMS} more"] if len(value) > _KEPT_ITEMS else kept
    if isinstance(value, str):
        return _mask_string(value, key, personal=personal)
    if personal and isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1_000_000:
        return "***"
    return value


def _mask_string(value: str, key: str, *, personal: bool) -> str:
    if personal or key.lower() in _PERSONAL_FIELDS:
        return mask_value(value)
    if value.startswith(("http://", "https://")):
        # Links to reports open them without a key: the signature is in the query.
        address, mark, _ = value.partition("?")
        return f"{_mask_text(address)}{mark}{'***' if mark else ''}"
    text = value[:_KEPT_CHARACTERS]
    return mask_words(text) if key == "message" else _mask_text(text)


def mask_path(template: str, path_vars: Mapping[str, object], query: Mapping[str, object]) -> str:
    """Path and query as the log of calls keeps them."""
    by_id = query.get("identifierType", "contact_id") == "contact_id"
    shown = {}
    for name, value in path_vars.items():
        text = str(value)
        masked = name == "identifier" and not (by_id and text.isdigit())
        shown[name] = quote(mask_value(text) if masked else text, safe="*")
    path = template.format(**shown)
    if not query:
        return path
    pairs = {name: _mask_query(value) for name, value in query.items()}
    return f"{path}?{urlencode(pairs, doseq=True, safe='*:')}"


def _mask_query(value: object) -> object:
    if isinstance(value, str):
        return _mask_text(_QUOTED.sub('"***"', value))
    return value


def as_curl(call: Call, base_url: str = DEFAULT_BASE_URL, variable: str = "BREVO_API_KEY") -> str:
    """A kept call as a command line: masked as it was kept, the key left to a variable of the shell's environment."""
    parts = ["curl", "-X", call.method, shlex.quote(base_url.rstrip("/") + call.path)]
    parts += ["-H", f'"api-key: ${variable}"', "-H", shlex.quote("accept: application/json")]
    if call.request:
        parts += ["-H", shlex.quote("content-type: application/json"), "--data", shlex.quote(call.request)]
    return " ".join(parts)
