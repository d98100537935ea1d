"""Who may ask: client credentials, stored tokens, and the scopes they carry."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.state_file import Documents

DEFAULT_CLIENT_ID = "twin-client-id"
DEFAULT_CLIENT_SECRET = "twin-client-secret"  # noqa: S105  # of a shop that exists on loopback alone
DEFAULT_STORED_TOKEN = "shpat_00000000000000000000000000twin"  # noqa: S105  # likewise
DEFAULT_SCOPES = ("read_all_orders", "read_customers", "read_orders", "read_products")
LIFETIME = timedelta(seconds=86_399)


class GrantError(Exception):
    """A refused token request; ``code`` is Shopify's word for it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """Keep the answer."""
        super().__init__(message)
        self.status = status
        self.code = code


class Access:
    """Tokens and scopes of the one app that the shop has installed.

    A token from client credentials lives 24 real hours; the stored one lives until it is revoked. Scopes
    are the app's, so that a change of them counts for tokens that were given before.
    """

    def __init__(self, documents: Documents, clock: TwinClock) -> None:
        """Keep tokens in these documents."""
        self._documents = documents
        self._clock = clock
        if "app" not in documents:
            documents["app"] = {"scopes": list(DEFAULT_SCOPES), "stored": [DEFAULT_STORED_TOKEN], "issued": {}}

    @property
    def scopes(self) -> tuple[str, ...]:
        """What the app may read; ``write_x`` allows ``read_x`` too."""
        return tuple(self._documents["app"]["scopes"])

    @property
    def client_secret(self) -> str:
        """The app's secret, which signs its webhooks too."""
        return DEFAULT_CLIENT_SECRET

    def set_scopes(self, scopes: list[str]) -> None:
        """Give the app other scopes."""
        self._documents["app"]["scopes"] = sorted(scopes)
        self._documents.touch("app")

    def set_organisation(self, *, same: bool) -> None:
        """Let the app belong to the organisation that owns the shop, or to another."""
        self._documents["app"]["foreign"] = not same
        self._documents.touch("app")

    def revoke(self, *, stored: bool = False) -> int:
        """Forget the issued tokens, and the stored one too where asked; returns how many."""
        app = self._documents["app"]
        revoked = len(app["issued"]) + (len(app["stored"]) if stored else 0)
        app["issued"] = {}
        if stored:
            app["stored"] = []
        self._documents.touch("app")
        return revoked

    def grant(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ``POST /admin/oauth/access_token``.

        Raises:
            GrantError: Another grant type, an unknown client, a wrong secret, an app of another organisation.
        """
        if asked.get("grant_type") != "client_credentials":
            raise GrantError(400, "invalid_request", "grant_type must be client_credentials")
        if asked.get("client_id") != DEFAULT_CLIENT_ID:
            message = f"Could not find Shopify API application with api_key {asked.get('client_id') or ''}"
            raise GrantError(400, "application_cannot_be_found", message)
        if asked.get("client_secret") != DEFAULT_CLIENT_SECRET:
            raise GrantError(400, "invalid_client", "Client authentication failed: the client secret is wrong")
        if self._documents["app"].get("foreign"):
            # shopify.dev, Get API access tokens for Dev Dashboard apps, troubleshooting (read 2026-11-24).
            raise GrantError(400, "shop_not_permitted", "Client credentials cannot be performed on this shop.")
        token = f"shpat_{secrets.token_hex(16)}"
        app = self._documents["app"]
        now = self._clock.now()
        app["issued"] = {known: until for known, until in app["issued"].items() if _later(until, now)}
        app["issued"][token] = (now + LIFETIME).isoformat()
        self._documents.touch("app")
        return {
            "access_token": token,
            "scope": ",".join(self.scopes),
            "expires_in": int(LIFETIME.total_seconds()),
        }

    def knows(self, token: str | None) -> bool:
        """Whether the token is good."""
        app = self._documents["app"]
        if token is None:
            return False
        until = app["issued"].get(token)
        return token in app["stored"] or (until is not None and _later(until, self._clock.now()))


def allows(scopes: tuple[str, ...], needed: str) -> bool:
    """Whether the scopes hold one, ``write_`` standing for ``read_``."""
    return needed in scopes or needed.replace("read_", "write_", 1) in scopes


def _later(until: str, now: datetime) -> bool:
    return datetime.fromisoformat(until) > now
