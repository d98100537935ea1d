"""Brevo's answers that are no success, translated once into the project's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tajo_pipelines.brevo.masking import mask_words
from tajo_pipelines.model.errors import AuthError, ConfigError, ContractError, TajoError
from tajo_pipelines.model.letter import VendorAnswer

_KEY_HINT = "make a key in Brevo under Settings > SMTP & API > API keys and set it as BREVO_API_KEY"
_ADDRESS_HINT = "allow this machine's address in Brevo under Security > Authorized IPs"


class BrevoRefusal(ContractError):
    """Brevo refuses one call for what it says: 400, 404, 405, 409, 413, 422 and the like.

    Args:
        vendor: What Brevo said.
        where: METHOD and template.
        duplicates: Identifiers that belong to another contact, from ``metadata.duplicate_identifiers``: ``email``,
            ``SMS``, ``ext_id`` ... in Brevo's spelling. The answer's code doesn't tell them (it changed in May 2026).
    """

    code = "refused"

    def __init__(self, vendor: VendorAnswer, *, where: str, duplicates: tuple[str, ...] = ()) -> None:
        super().__init__(f"Brevo refuses the call ({words(vendor)})", where=where)
        self.vendor = vendor
        self.status = vendor.status
        self.duplicates = duplicates


def words(vendor: VendorAnswer) -> str:
    """What Brevo said, in one piece: ``400 invalid_parameter: Invalid phone number``."""
    head = f"{vendor.status} {vendor.code}".strip()
    return f"{head}: {vendor.message}" if vendor.message else head


def vendor_answer(status: int, body: Any, secret: str = "", call_id: int | None = None) -> VendorAnswer:
    """What an answer says, with secrets and personal data removed; ``call_id`` is the kept call that it answers."""
    if not isinstance(body, Mapping):
        return VendorAnswer(status, "", "", call_id)
    message = str(body.get("message") or "")[:300]
    if secret:
        message = message.replace(secret, "***")
    return VendorAnswer(status, str(body.get("code") or "")[:100], mask_words(message), call_id)


def refusal(status: int, body: Any, *, where: str, secret: str = "", call_id: int | None = None) -> TajoError:
    """The error for an answer with status 3xx or 4xx, but for those that are worth repeating."""
    vendor = vendor_answer(status, body, secret, call_id)
    if status < 400:
        hint = "BREVO_BASE_URL must name the API itself, like https://api.brevo.com/v3"
        return ConfigError(f"Brevo's address answers with a redirect ({status})", where=where, hint=hint)
    if status == 401:
        unknown_address = "IP address" in vendor.message
        return AuthError(
            f"Brevo refuses the API key ({words(vendor)})",
            where=where,
            hint=_ADDRESS_HINT if unknown_address else _KEY_HINT,
        )
    if status == 402:
        return ConfigError(f"the Brevo plan doesn't cover the call ({words(vendor)})", code="plan", where=where)
    if status == 403:
        if vendor.code == "account_under_validation":
            return ConfigError(f"Brevo hasn't validated the account yet ({words(vendor)})", where=where)
        return AuthError(f"Brevo doesn't permit the call ({words(vendor)})", code="forbidden", where=where)
    return BrevoRefusal(vendor, where=where, duplicates=_duplicates(body))


def _duplicates(body: Any) -> tuple[str, ...]:
    metadata = body.get("metadata") if isinstance(body, Mapping) else None
    named = metadata.get("duplicate_identifiers") if isinstance(metadata, Mapping) else None
    return tuple(str(name) for name in named) if isinstance(named, list) else ()
