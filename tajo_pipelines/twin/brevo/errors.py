"""Refusals in the shape of Brevo's errorModel."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer that refuses the call: ``{"code", "message"[, "metadata"]}``."""

    def __init__(self, status: int, code: str, message: str, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.document: dict[str, Any] = {"code": code, "message": message}
        if metadata is not None:
            self.document["metadata"] = metadata


def invalid(message: str) -> ApiError:
    """400 for a value that isn't accepted."""
    return ApiError(400, "invalid_parameter", message)


def missing(message: str) -> ApiError:
    """400 for a value that is needed."""
    return ApiError(400, "missing_parameter", message)


def not_found(message: str) -> ApiError:
    """404 for something that doesn't exist."""
    return ApiError(404, "document_not_found", message)


def duplicate(identifiers: list[str]) -> ApiError:
    """400 for identifiers that belong to another contact.

    The code was ``duplicate_parameter`` until about May 2026; the metadata tells it apart since
    (pass-culture/pass-culture-main pull request 22628).
    """
    named = ", ".join("email" if name == "email" else name for name in identifiers)
    return ApiError(
        400,
        "invalid_parameter",
        f"Unable to create contact, {named} is already associated with another Contact",
        {"duplicate_identifiers": identifiers},
    )
