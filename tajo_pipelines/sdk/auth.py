"""Ways to log in, as objects that are passed to a client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tajo_pipelines.model.errors import AuthError, ContractError
from tajo_pipelines.sdk.http import HttpClient, Rule

EARLY = 300.0
"""Seconds before its end at which a token is renewed."""


class Auth(Protocol):
    """Puts credentials on a call."""

    def headers(self) -> Mapping[str, str]:
        """Headers of the next call; may ask for a token first.

        Raises:
            AuthError: The credentials are refused.
            RetryableError: The token couldn't be had now; whoever makes the call repeats it.
        """
        ...

    def renew(self) -> bool:
        """Drop what was refused with a 401; whether another try makes sense."""
        ...

    def accepted(self) -> None:
        """The credentials of the last call worked."""
        ...

    def secrets(self) -> tuple[str, ...]:
        """The values that no message may hold."""
        ...


@dataclass(frozen=True, slots=True)
class TokenHeader:
    """A stored token in a header of its own.

    Attributes:
        name: The header.
        token: Never shown.
    """

    name: str
    token: str = field(repr=False)

    def headers(self) -> Mapping[str, str]:
        """The header."""
        return {self.name: self.token}

    def renew(self) -> bool:
        """A stored token is what it is."""
        return False

    def accepted(self) -> None:
        """Nothing to remember."""

    def secrets(self) -> tuple[str, ...]:
        """The token."""
        return (self.token,)


@dataclass(slots=True)
class ClientCredentials:
    """OAuth 2.0 client credentials (RFC 6749, 4.4): a token for id and secret, kept until shortly before its end.

    Attributes:
        http: Client of the host that gives tokens; also its clock.
        path: Where it gives them.
        client_id: Public name of the app.
        client_secret: Never shown.
        header: Header that carries the token.
        prefix: Stands before it: ``Bearer ``.
        refusals: What statuses of that endpoint mean.
    """

    http: HttpClient
    path: str
    client_id: str
    client_secret: str = field(repr=False)
    header: str = "Authorization"
    prefix: str = "Bearer "
    refusals: Mapping[int, Rule] = field(default_factory=dict)
    _token: str | None = field(init=False, repr=False, default=None)
    _ends: float = field(init=False, repr=False, default=0.0)
    _renewed: bool = field(init=False, repr=False, default=False)

    def headers(self) -> Mapping[str, str]:
        """The header with a token that is good for some minutes yet."""
        if self._token is None or self.http.clock.monotonic() >= self._ends:
            self._fetch()
        return {self.header: f"{self.prefix}{self._token}"}

    def renew(self) -> bool:
        """Drop a token that was refused: once a token, for a second refusal is meant."""
        if self._renewed:
            return False
        self._token, self._renewed = None, True
        return True

    def accepted(self) -> None:
        """The token worked: a later refusal may be answered by a new one."""
        self._renewed = False

    def secrets(self) -> tuple[str, ...]:
        """Secret and token."""
        return tuple(value for value in (self.client_secret, self._token) if value)

    def _fetch(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        asked_at = self.http.clock.monotonic()
        answer = self.http.post(self.path, form=form, rules=self.refusals)
        document = answer.json()
        token, lifetime = _token_of(document, answer.where)
        self._token = token
        # A token that lives shorter than the margin is still used for half its life.
        self._ends = asked_at + max(lifetime - EARLY, lifetime / 2)


def _token_of(document: Any, where: str) -> tuple[str, float]:
    if not isinstance(document, dict):
        raise ContractError("the token answer is no object", where=where)
    token, lifetime = document.get("access_token"), document.get("expires_in")
    if not isinstance(token, str) or not token:
        raise AuthError("the server gave no access token", code="no_token", where=where)
    if isinstance(lifetime, bool) or not isinstance(lifetime, int) or lifetime <= 0:
        raise ContractError("the token answer doesn't say how long the token lives", where=where)
    return token, float(lifetime)
