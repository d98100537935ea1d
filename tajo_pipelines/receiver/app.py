"""The address of webhooks: proves a delivery, names it, has it kept, and answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog
from starlette.types import Message, Receive, Scope, Send

from tajo_pipelines.model.errors import SignatureError
from tajo_pipelines.receiver.limits import Claim, Disk, Limits, Room
from tajo_pipelines.receiver.metrics import Metrics
from tajo_pipelines.receiver.routes import Route
from tajo_pipelines.receiver.writer import Writer
from tajo_pipelines.sdk.webhooks import PREFIX, Delivery
from tajo_pipelines.store.column_types import storable
from tajo_pipelines.store.inbox import NewDelivery
from tajo_pipelines.store.refusals import UNKNOWN

log = structlog.get_logger(__name__)

_KEPT: Final[Message] = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
_END: Final[Message] = {"type": "http.response.body", "body": b"", "more_body": False}


class Refusal(Exception):
    """A delivery gets no yes.

    Args:
        status: HTTP's.
        reason: Stable name, which the answer, the count and the metric carry.
        headers: More of the answer.
        unread: Whether the rest of the body is still to come.
    """

    def __init__(
        self, status: int, reason: str, *, headers: Mapping[str, str] | None = None, unread: bool = False
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}
        self.unread = unread


class Truncated(Exception):
    """The sender went before its body had come whole: nobody is left to answer."""


@dataclass(slots=True)
class Receiver:
    """The ASGI application of the public port. Without a framework: one route, and every microsecond counts.

    Attributes:
        routes: By the connection's name.
        room: For large bodies.
        disk: Of the database.
    """

    routes: Mapping[str, Route]
    writer: Writer
    metrics: Metrics
    limits: Limits
    room: Room
    disk: Disk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        name, _, suffix = path.removeprefix(PREFIX).partition("/") if path.startswith(PREFIX) else ("", "", "")
        route = self.routes.get(name)
        claim = self.room.claim()
        try:
            await self._take(route, suffix, scope, receive, claim)
        except Refusal as refusal:
            self.writer.refuse(UNKNOWN if route is None else route.connection, refusal.reason)
            await self._refuse(refusal, receive, send)
        except Truncated:
            self.writer.refuse(UNKNOWN if route is None else route.connection, "truncated")
        else:
            await send(_KEPT)
            await send(_END)
        finally:
            claim.release()

    async def _take(self, route: Route | None, suffix: str, scope: Scope, receive: Receive, claim: Claim) -> None:
        """Prove, name and keep a delivery; it is kept where this comes back."""
        if route is None:
            raise Refusal(404, "unknown_connection", unread=True)
        if scope["method"] != "POST":
            raise Refusal(405, "method", headers={"allow": "POST"}, unread=True)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = await self._body(headers, receive, claim)
        new = self._prove(route, Delivery(headers, body, datetime.now(UTC), suffix.strip("/")))
        if self.disk.is_full:
            raise self._later(429, "disk_full")
        if not self.writer.takes(len(body)):
            raise self._later(429, "busy")
        if not await self.writer.submit(new):
            raise self._later(503, "unavailable")
        self.metrics.received.labels(route.connection).inc()
        self.metrics.bytes.labels(route.connection).inc(len(body))
        if new.source_at is not None:
            lag = (new.received_at - new.source_at).total_seconds()
            self.metrics.lag.labels(route.connection).observe(max(0.0, lag))

    async def _body(self, headers: Mapping[str, str], receive: Receive, claim: Claim) -> bytes:
        """The whole body, never more of it than the limit."""
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.limits.body:
            raise Refusal(413, "too_large", unread=True)
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            body: bytes = message.get("body", b"")
            self._check(len(body), claim)
            return body
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                return await self._rest(message, receive, claim)
        except TimeoutError as error:
            raise Refusal(408, "slow_body", headers={"connection": "close"}) from error

    async def _rest(self, message: Message, receive: Receive, claim: Claim) -> bytes:
        """A body that comes in parts."""
        parts: list[bytes] = []
        size = 0
        while True:
            if message["type"] != "http.request":
                raise Truncated
            goes_on = bool(message.get("more_body", False))
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            self._check(size, claim, unread=goes_on)
            if not goes_on:
                return b"".join(parts)
            message = await receive()

    def _check(self, size: int, claim: Claim, *, unread: bool = False) -> None:
        if size > self.limits.body:
            raise Refusal(413, "too_large", unread=unread)
        if not claim.holds(size):
            raise self._later(429, "busy", unread=unread)

    def _prove(self, route: Route, delivery: Delivery) -> NewDelivery:
        """What is to be kept of a delivery that is what it claims to be."""
        try:
            route.webhooks.signature.verify(delivery, route.secrets)
            envelope = route.webhooks.envelope(delivery, route.config)
        except SignatureError as error:
            raise Refusal(401, error.code) from error
        except Exception as error:  # one delivery ends alone, whatever a connector does with it
            log.exception("a delivery can't be named", connection=route.connection)
            raise self._later(503, "unexpected") from error
        return NewDelivery(
            connection=route.connection,
            delivery_id=storable(envelope.delivery_id),
            topic=storable(envelope.topic),
            stream=route.stream(envelope),
            key=None if envelope.key is None else storable(envelope.key),
            source_at=envelope.source_at,
            received_at=delivery.received_at,
            body=delivery.body,
        )

    def _later(self, status: int, reason: str, *, unread: bool = False) -> Refusal:
        return Refusal(status, reason, headers={"retry-after": str(self.limits.retry_after)}, unread=unread)

    async def _refuse(self, refusal: Refusal, receive: Receive, send: Send) -> None:
        """Say no, and why.

        What still comes is read and thrown away for a while before the connection is closed: a sender whose connection
        ends while it writes never reads the answer.
        """
        text = refusal.reason.encode()
        headers = [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
        headers += [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(text))]
        if refusal.unread:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "http.response.body", "body": text, "more_body": refusal.unread})
        if refusal.unread:
            await self._drain(receive)
            await send(_END)

    async def _drain(self, receive: Receive) -> None:
        left = self.limits.drain
        try:
            async with asyncio.timeout(self.limits.drain_seconds):
                while left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return
        except TimeoutError:
            return
