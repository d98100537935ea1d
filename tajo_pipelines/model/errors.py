"""Errors, grouped by what the caller does next.

```
TajoError
├── ConfigError      a person changes the configuration or the account; exit 3
├── AuthError        a person gives other credentials; exit 4
├── RetryableError   the same call may succeed later; exit 1 once the retries are used up
├── RejectedRecord   this one record can't be sent as it is: it becomes a letter
├── ContractError    the vendor answered against its own documents; exit 1
└── SignatureError   a delivery isn't what it claims to be: refused
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning for a person: a stable code, a sentence, and the place that it concerns."""

    code: str
    message: str
    where: str = ""


class TajoError(Exception):
    """Root of every error that the project raises on purpose.

    Args:
        message: One sentence that names what was found. Secrets and personal data stay out of it.
        code: Stable snake_case name of the situation, for machines.
        where: The place: ``file:line key``, ``METHOD /path`` or ``connection/stream``.
        hint: What to do about it.
    """

    code = "error"
    exit_code = 1

    def __init__(self, message: str, *, code: str | None = None, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """The sentence, its place and the way out, on one line each that is known."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text} ({self.hint})" if self.hint else text


class ConfigError(TajoError):
    """The configuration, or the account that it names, isn't ready.

    Args:
        message: One sentence, or all sentences joined where several things are wrong at once.
        code: Stable name.
        where: Place.
        hint: Way out.
        details: The single findings, when there are several.
    """

    code = "config"
    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        where: str = "",
        hint: str = "",
        details: Sequence[Notice] = (),
    ) -> None:
        super().__init__(message, code=code, where=where, hint=hint)
        self.details = tuple(details)


class AuthError(TajoError):
    """The platform or Brevo refuses the credentials, or they lack a permission."""

    code = "unauthorized"
    exit_code = 4


class RetryableError(TajoError):
    """A call failed in a way that may pass: network, 429, 5xx, a torn answer.

    Args:
        message: One sentence.
        code: Stable name.
        where: Place.
        hint: Way out.
        retry_after: Seconds that the vendor asked for, if it did.
        in_doubt: Whether the call may have taken effect.
    """

    code = "unavailable"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        where: str = "",
        hint: str = "",
        retry_after: float | None = None,
        in_doubt: bool = False,
    ) -> None:
        super().__init__(message, code=code, where=where, hint=hint)
        self.retry_after = retry_after
        self.in_doubt = in_doubt


class RejectedRecord(TajoError):
    """One record can't be mapped or sent as it is.

    Args:
        reason: Stable name of the cause, the letter's reason: ``invalid_email``, ``invalid_phone`` ...
        message: One sentence for a person, without personal data.
        field: The field at fault, if it is one.
    """

    code = "rejected"

    def __init__(self, reason: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message, code=reason, where=field or "")
        self.reason = reason
        self.field = field


class ContractError(TajoError):
    """A vendor's answer doesn't have the documented shape, or refuses a call that the documents allow."""

    code = "contract"


class SignatureError(TajoError):
    """A delivery's signature, age or sender is wrong."""

    code = "signature"
