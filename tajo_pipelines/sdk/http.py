"""Our own HTTP layer on requests: bounded in time and size, errors by what the caller does next.

TLS is always verified, redirects are never followed (a redirected POST would carry its token elsewhere), and plain
http is refused but on loopback.
"""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import requests

from tajo_pipelines import __version__
from tajo_pipelines.model.errors import AuthError, ConfigError, ContractError, RetryableError, TajoError
from tajo_pipelines.sdk.clock import SYSTEM_CLOCK, Clock
from tajo_pipelines.sdk.redaction import quoted
from tajo_pipelines.sdk.retry import Backoff, persist

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 60.0
PATIENCE = 300.0
"""Seconds for which one call is repeated."""

FIRST_PATIENCE = 15.0
"""The same until the host has answered once: a wrong address doesn't become right by waiting."""

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of one answer after decompression."""

ResultT = TypeVar("ResultT")

_RETRIED = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Rule:
    """What a status of a platform means, where it means more than HTTP says.

    Attributes:
        error: Kind of error.
        code: Its stable name.
        sentence: What happened, for a person.
        hint: What to do.
    """

    error: type[TajoError]
    code: str
    sentence: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished 2xx answer.

    Attributes:
        headers: Names in lower case.
        body: Decompressed bytes.
        where: ``METHOD host/path``, for messages.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    where: str

    def json(self) -> Any:
        """The body as JSON; numbers with a point become Decimal.

        Raises:
            RetryableError: It isn't JSON: a proxy's page, a torn answer.
        """
        try:
            return decode_json(self.body)
        except ValueError as error:
            raise RetryableError("the answer isn't JSON", code="not_json", where=self.where) from error


def decode_json(text: bytes | str) -> Any:
    """JSON with exact decimals.

    Raises:
        ValueError: Not JSON, not UTF-8, or one of its unofficial numbers (NaN, Infinity).
    """
    return _DECODER.decode(text if isinstance(text, str) else text.decode("utf-8-sig"))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


# Made once: json.loads makes one a call.
_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)


def check_base_url(url: str, where: str = "base_url") -> str:
    """The base URL in its plain form, ``scheme://host[:port]``.

    Raises:
        ConfigError: It has another form, or is plain http to another machine.
    """
    form = f"{url!r} isn't of the form https://host[:port]"
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise ConfigError(form, code="invalid_base_url", where=where) from error
    odd = parts.username or parts.password or parts.query or parts.fragment or parts.path not in {"", "/"}
    if parts.scheme not in {"http", "https"} or not parts.hostname or odd:
        # The password of an odd URL isn't repeated.
        shown = form if not (parts.username or parts.password) else "it must be of the form https://host[:port]"
        raise ConfigError(shown, code="invalid_base_url", where=where)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        message = f"plain http is refused for {parts.hostname}"
        raise ConfigError(message, code="plain_http", where=where, hint="use https; http is for loopback alone")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name alone, without asking anyone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(slots=True)
class HttpClient:
    """Calls to one host.

    Attributes:
        base_url: ``scheme://host[:port]``, checked at construction.
        clock: Waits and measures.
        patience: Seconds for which one call is repeated.
        secrets: Asked for the values that no message may hold.
        rules: What statuses mean at this platform.
        timeout: Seconds to connect, and between two bytes.
        largest: Bytes of one answer.
    """

    base_url: str
    clock: Clock = SYSTEM_CLOCK
    patience: float = PATIENCE
    first_patience: float = FIRST_PATIENCE
    secrets: Callable[[], tuple[str, ...]] = tuple
    rules: Mapping[int, Rule] = field(default_factory=dict)
    timeout: tuple[float, float] = (CONNECT_TIMEOUT, READ_TIMEOUT)
    largest: int = LARGEST_ANSWER
    backoff: Backoff = field(default_factory=Backoff)
    _session: requests.Session = field(init=False, repr=False)
    _reached: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Check the address and open a session."""
        self.base_url = check_base_url(self.base_url)
        self._session = requests.Session()
        self._session.headers.update({"Accept": "application/json", "User-Agent": f"tajo-pipelines/{__version__}"})
        # An auth of our own keeps requests from adding a password out of ~/.netrc.
        self._session.auth = _untouched
        if is_loopback(urlsplit(self.base_url).hostname or ""):
            self._session.trust_env = False  # a proxy of the environment doesn't lead to this machine

    def close(self) -> None:
        """Let go of sockets."""
        self._session.close()

    def persist(self, call: Callable[[], ResultT], patience: float | None = None) -> ResultT:
        """A call's result, repeated while it may help: for `patience`, or `first_patience` before first contact.

        Args:
            call: Changes nothing when it is repeated.
            patience: Seconds, where other than the client's.

        Raises:
            RetryableError: The last one, when the time is over.
        """
        longest = self.patience if patience is None else patience

        def bound() -> float:
            return longest if self._reached else min(longest, self.first_patience)

        return persist(call, clock=self.clock, patience=bound, backoff=self.backoff)

    def post(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        json_body: Any = None,
        form: Mapping[str, str] | None = None,
        rules: Mapping[int, Rule] | None = None,
    ) -> Answer:
        """One POST, not repeated: `persist` does that around whatever belongs together.

        Args:
            path: From the root, with its slash.
            headers: Beside the session's own.
            json_body: Sent as JSON.
            form: Sent as a form.
            rules: For this call, before the client's.

        Raises:
            AuthError: 401, or what the rules say.
            ConfigError: The host isn't one, redirects, or what the rules say.
            RetryableError: Network, 429, 5xx, a torn answer.
            ContractError: Any other status, or an answer too large.
        """
        sent = dict(headers or {})
        data: Any = form
        if form is None and json_body is not None:
            data = json.dumps(json_body).encode()
            sent["Content-Type"] = "application/json"
        request = requests.Request("POST", self.base_url + path, headers=sent, data=data)
        where = f"POST {urlsplit(self.base_url).netloc}{path}"
        return self._once(request, where, {**self.rules, **(rules or {})})

    def _once(self, request: requests.Request, where: str, meanings: Mapping[int, Rule]) -> Answer:
        prepared = self._session.prepare_request(request)
        try:
            settings = self._session.merge_environment_settings(prepared.url, {}, True, None, None)
            with self._session.send(prepared, timeout=self.timeout, allow_redirects=False, **settings) as response:
                body = self._body(response, where)
        except requests.exceptions.RequestException as error:
            raise _network_error(error, where) from error
        self._reached = True
        answer = Answer(
            response.status_code,
            {name.lower(): value for name, value in response.headers.items()},
            body,
            where,
        )
        if not 200 <= answer.status < 300:
            self._refuse(answer, meanings)
        return answer

    def _body(self, response: requests.Response, where: str) -> bytes:
        ends = self.clock.monotonic() + self.timeout[1] * 2
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_content(64 * 1024):
            size += len(chunk)
            if size > self.largest:
                message = f"the answer is larger than {self.largest} bytes"
                raise ContractError(message, code="answer_too_large", where=where)
            if self.clock.monotonic() > ends:
                raise RetryableError("the answer came too slowly", code="timeout", where=where)
            chunks.append(chunk)
        return b"".join(chunks)

    def _refuse(self, answer: Answer, meanings: Mapping[int, Rule]) -> NoReturn:
        status, where = answer.status, answer.where
        said = quoted(vendor_words(answer.body), self.secrets())
        tail = f": {said}" if said else ""
        rule = meanings.get(status)
        if rule is not None:
            raise rule.error(f"{rule.sentence} (HTTP {status}){tail}", code=rule.code, where=where, hint=rule.hint)
        if status in _RETRIED or status >= 500:
            code = "rate_limited" if status == 429 else "unavailable"
            raise RetryableError(
                f"the server answered HTTP {status}{tail}",
                code=code,
                where=where,
                retry_after=retry_after(answer.headers.get("retry-after"), self.clock),
            )
        if status == 401:
            raise AuthError(f"the credentials are refused (HTTP 401){tail}", where=where)
        if 300 <= status < 400:
            target = urlsplit(answer.headers.get("location", "")).hostname or "another address"
            message = f"the server redirects to {target}, which isn't followed"
            raise ConfigError(message, code="redirected", where=where, hint="configure the address it names")
        raise ContractError(f"the server answered HTTP {status}{tail}", code=f"http_{status}", where=where)


def vendor_words(body: bytes) -> str:
    """What an error's body says, where it is one of the usual forms; empty for pages and binaries."""
    try:
        document = decode_json(body)
    except ValueError:
        return ""
    if not isinstance(document, dict):
        return ""
    for name in ("error_description", "message", "errors", "error"):
        said = document.get(name)
        if isinstance(said, list) and said and isinstance(said[0], dict):
            said = said[0].get("message")
        if isinstance(said, str):
            return said
    return ""


def retry_after(value: str | None, clock: Clock) -> float | None:
    """Seconds of a Retry-After header, in either of its forms (RFC 9110, 10.2.3); None where it is none."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (moment.astimezone(UTC) - clock.now()).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _untouched(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _network_error(error: requests.exceptions.RequestException, where: str) -> TajoError:
    # Messages of the library hold URLs and addresses of objects; the kind says enough.
    if isinstance(error, requests.exceptions.SSLError):
        return ConfigError(
            "the server's certificate can't be verified", code="tls", where=where, hint="is the address right?"
        )
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return ConfigError("the address can't be called", code="invalid_base_url", where=where)
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ReadTimeout):
        return RetryableError("the server didn't answer in time", code="timeout", where=where)
    if isinstance(error, requests.exceptions.ConnectionError):
        return RetryableError("the server can't be reached", code="unreachable", where=where)
    return RetryableError("the answer was cut off", code="torn_answer", where=where)
