"""Calls to Brevo's API v3: paced by the shared budget, repeated where that is harmless, kept in the log of calls.

An own layer on requests: Brevo's SDK repeats events after a 502 and doesn't read the reset header.
"""

from __future__ import annotations

import http.cookiejar
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError

from tajo_pipelines import __version__
from tajo_pipelines.brevo.answers import Answer, decode, encode, header_number, header_reset
from tajo_pipelines.brevo.limits import TIERS, bucket_of
from tajo_pipelines.brevo.masking import mask_body, mask_path
from tajo_pipelines.brevo.places import check_base_url
from tajo_pipelines.brevo.ports import Budget, Call, CallLog
from tajo_pipelines.brevo.refusals import BrevoRefusal, refusal, vendor_answer, words
from tajo_pipelines.brevo.waits import Trouble, Waits
from tajo_pipelines.model.errors import ConfigError, RetryableError

__all__ = ["Answer", "BrevoClient", "BrevoRefusal", "Usage"]

_LOG = logging.getLogger(__name__)
_TIMEOUT = (10.0, 90.0)
_NOT_TAKEN = {425}
_WORTH_REPEATING = {408, 425}


@dataclass(slots=True)
class Usage:
    """What a client spent.

    Attributes:
        requests: Requests that went out, per ``METHOD template``, repetitions included.
        used: The same per bucket.
        too_many: Answers 429 per bucket.
        waited: Seconds spent waiting for the budget, per bucket.
    """

    requests: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)
    too_many: Counter[str] = field(default_factory=Counter)
    waited: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Outgoing:
    method: str
    template: str
    url: str
    path: str
    body: object
    payload: bytes | None
    bucket: str
    idempotent: bool
    accept: Collection[int]

    @property
    def where(self) -> str:
        return f"{self.method} {self.template}"


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from taking a password out of ~/.netrc."""
    return request


@dataclass(eq=False)
class BrevoClient:
    """A client of one account, safe to share between threads.

    Args:
        api_key: The key; it appears in no text of this object.
        base_url: With ``/v3``; plain http only on loopback.
        budget: The account's shared rate budget.
        calls: Where calls are kept.
        tier: ``general``, ``advanced`` or ``extended``.
        session: A session to use instead of a new one.
        clock: Gives the present, aware.
        sleep: Waits some seconds.
        patience: Seconds for which a call is repeated, waits for a known reset not counted.
        run_id: Kept with every call.

    Raises:
        ConfigError: When the base URL, the key or the tier can't be used.
    """

    api_key: str = field(repr=False)
    base_url: str
    budget: Budget = field(repr=False)
    calls: CallLog = field(repr=False)
    tier: str = field(default="general", kw_only=True)
    session: requests.Session | None = field(default=None, repr=False, kw_only=True)
    clock: Callable[[], datetime] = field(default=_utc_now, repr=False, kw_only=True)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False, kw_only=True)
    patience: float = field(default=300.0, kw_only=True)
    run_id: str = field(default="", kw_only=True)
    usage: Usage = field(default_factory=Usage, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check what was given and prepare the session."""
        self.base_url = check_base_url(self.base_url)
        if not self.api_key or not self.api_key.isascii() or not self.api_key.isprintable() or " " in self.api_key:
            message = "the API key of Brevo is empty or holds characters that no key has"
            raise ConfigError(message, code="api_key", where="BREVO_API_KEY")
        if self.tier not in TIERS:
            message = f"Brevo has no tier {self.tier!r}"
            raise ConfigError(message, code="tier", where="brevo.tier", hint=f"one of {', '.join(TIERS)}")
        self._lock = threading.Lock()
        self._answered = False
        self._session = self.session or requests.Session()
        self._session.mount(self.base_url, HTTPAdapter(pool_connections=2, pool_maxsize=16, max_retries=0))
        self._session.auth = _no_auth
        self._session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.clear()
        self._session.headers.update(
            {
                "api-key": self.api_key,
                "accept": "application/json",
                "accept-encoding": "gzip",
                "user-agent": f"tajo-pipelines/{__version__}",
            }
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def request(
        self,
        method: str,
        template: str,
        *,
        path_vars: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        body: object = None,
        bucket: str | None = None,
        idempotent: bool = True,
        accept: Collection[int] = (),
    ) -> Answer:
        """Make one call and return its answer, however often it takes to get it.

        Args:
            method: HTTP method in capitals.
            template: Path below the base URL with its variables named: ``/contacts/{identifier}``.
            path_vars: The variables' values, unescaped.
            query: Query parameters; None values are left out, lists repeat the name.
            body: JSON body; None sends none.
            bucket: Bucket to count in, where it isn't the documented one.
            idempotent: Whether doing it twice is the same as once: then it is repeated when in doubt.
            accept: Statuses of 3xx and 4xx that are answers to the caller, not errors.

        Raises:
            RetryableError: When the patience is used up; ``in_doubt`` where the call isn't idempotent and may have
                taken effect.
            AuthError: 401, 403.
            ConfigError: 402, a redirect, a certificate that can't be trusted.
            BrevoRefusal: Any other 4xx.
        """
        named = {name: _plain(value) for name, value in (query or {}).items() if value is not None}
        variables = path_vars or {}
        path = template.format(**{name: quote(str(value), safe="") for name, value in variables.items()})
        tail = f"?{urlencode(named, doseq=True)}" if named else ""
        call = _Outgoing(
            method=method,
            template=template,
            url=f"{self.base_url}{path}{tail}",
            path=mask_path(template, variables, named),
            body=body,
            payload=None if body is None else encode(body),
            bucket=bucket or bucket_of(method, template),
            idempotent=idempotent,
            accept=accept,
        )
        return self._until_answered(call)

    def _until_answered(self, call: _Outgoing) -> Answer:
        waits = Waits(self.clock, self.patience)
        while True:
            waited = self.budget.take(call.bucket, TIERS[self.tier][call.bucket])
            with self._lock:
                self.usage.waited[call.bucket] = self.usage.waited.get(call.bucket, 0.0) + waited
            outcome = self._attempt(call)
            if isinstance(outcome, Answer):
                return outcome
            if outcome.limited:
                self._close_bucket(call, outcome, waits)
                continue
            if outcome.reached and not call.idempotent:
                message = f"{outcome.sentence}; whether Brevo carried it out isn't known"
                raise RetryableError(message, code="in_doubt", where=call.where, in_doubt=True)
            pause = waits.pause(hopeless=not outcome.reached and not self._answered)
            if pause is None:
                raise RetryableError(outcome.sentence, where=call.where)
            _LOG.info("%s: %s; again in %.1f s", call.where, outcome.sentence, pause)
            self.sleep(pause)

    def _close_bucket(self, call: _Outgoing, trouble: Trouble, waits: Waits) -> None:
        """Tell the budget of a 429, so that its next `take` waits, for every process."""
        seconds = waits.closed_for(trouble.reset)
        if seconds is None:
            raise RetryableError(
                f"{trouble.sentence}; the allowance isn't renewed in reasonable time",
                code="too_many",
                where=call.where,
                retry_after=trouble.reset,
            )
        level = logging.WARNING if seconds > 5 else logging.INFO
        _LOG.log(level, "Brevo's bucket %s is used up; it is renewed in %.0f s", call.bucket, seconds)
        self.budget.exhausted(call.bucket, seconds)

    def _attempt(self, call: _Outgoing) -> Answer | Trouble:
        """Send once, keep the call, and say what came of it."""
        at, began = self.clock(), time.perf_counter()
        headers = {} if call.payload is None else {"content-type": "application/json"}
        try:
            response = self._session.request(
                call.method, call.url, data=call.payload, headers=headers, timeout=_TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            trouble = self._unanswered(call, error)
            self._keep(call, at, began, status=0, response=trouble.sentence)
            if trouble.reached:
                self._count(call)
            return trouble
        self._answered = True
        self._count(call)
        decoded, sound = decode(response.content)
        shown = decoded if sound else response.content[:2000].decode(errors="replace")
        kept = self._keep(call, at, began, status=response.status_code, response=shown)
        self._observe(call, response)
        return self._judge(call, response, decoded, kept, sound=sound)

    def _judge(
        self, call: _Outgoing, response: requests.Response, decoded: Any, kept: int | None, *, sound: bool
    ) -> Answer | Trouble:
        status = response.status_code
        if status == 429:
            with self._lock:
                self.usage.too_many[call.bucket] += 1
            return Trouble("Brevo answers 429", reached=False, limited=True, reset=header_reset(response.headers))
        if status >= 500 or status in _WORTH_REPEATING:
            said = words(vendor_answer(status, decoded, self.api_key))
            return Trouble(f"Brevo is in trouble ({said})", reached=status not in _NOT_TAKEN)
        if status < 300 and not sound:
            return Trouble(f"Brevo's answer is torn or no JSON ({status})", reached=True)
        if status < 300 or status in call.accept:
            named = {name.lower(): value for name, value in response.headers.items()}
            return Answer(status, decoded, named, call.where, kept)
        raise refusal(status, decoded, where=call.where, secret=self.api_key, call_id=kept)

    def _unanswered(self, call: _Outgoing, error: requests.RequestException) -> Trouble:
        host = urlsplit(self.base_url).netloc
        if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise ConfigError(f"the certificate of {host} can't be trusted", where=call.where) from error
        reason = error.args[0] if error.args else None
        cause = reason.reason if isinstance(reason, MaxRetryError) else None
        if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError) or isinstance(
            cause, NewConnectionError
        ):
            return Trouble(f"{host} can't be reached ({type(cause or error).__name__})", reached=False)
        return Trouble(f"the connection to {host} broke ({type(error).__name__})", reached=True)

    def _count(self, call: _Outgoing) -> None:
        with self._lock:
            self.usage.requests[call.where] += 1
            self.usage.used[call.bucket] += 1

    def _observe(self, call: _Outgoing, response: requests.Response) -> None:
        limit = header_number(response.headers, "x-sib-ratelimit-limit")
        remaining = header_number(response.headers, "x-sib-ratelimit-remaining")
        reset = header_reset(response.headers)
        if limit is None and remaining is None and reset is None:
            return
        self.budget.observe(
            call.bucket,
            limit=None if limit is None else int(limit),
            remaining=None if remaining is None else int(remaining),
            reset=reset,
        )

    def _keep(self, call: _Outgoing, at: datetime, began: float, *, status: int, response: object) -> int | None:
        return self.calls.record(
            Call(
                at=at,
                run_id=self.run_id,
                method=call.method,
                path=call.path,
                template=call.template,
                bucket=call.bucket,
                status=status,
                milliseconds=round((time.perf_counter() - began) * 1000),
                request=mask_body(call.body, self.api_key),
                response=mask_body(response, self.api_key),
                bytes_sent=len(call.payload or b""),
            )
        )


def _plain(value: object) -> object:
    """A query value as Brevo writes it: booleans in lower case."""
    return str(value).lower() if isinstance(value, bool) else value
