"""What stands in front of both halves: control routes, the log of calls, faults, cut connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from tajo_pipelines.twin.control import Control
from tajo_pipelines.twin.exchanges import Exchanges
from tajo_pipelines.twin.faults import FaultRule
from tajo_pipelines.twin.half import Call, Half, TwinParts

_MESSAGES = {429: "too_many_requests", 500: "internal_error", 503: "service_unavailable"}


class CuttableProtocol(H11Protocol):
    """Lets the application cut the connection without an answer, by ``scope["twin.cut"]()``."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base
        """Hand the transport's end to every request of this connection."""
        super().connection_made(transport)
        inner = cast(ASGIApp, self.app)

        async def with_cut(scope: Scope, receive: Receive, send: Send) -> None:
            scope["twin.cut"] = transport.abort
            await inner(scope, receive, send)

        self.app = cast(Any, with_cut)


class Edge:
    """The ASGI application of one port."""

    def __init__(self, half: Half, parts: TwinParts, control: Control) -> None:
        """Stand in front of ``half``."""
        self._half = half
        self._parts = parts
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        body = await _read(receive)
        replay = _replay(body, receive)
        if scope["path"].startswith("/_twin"):
            await self._control(scope, replay, send)
            return
        call = self._parts.calls.begin(
            self._half.name,
            scope["method"],
            scope["path"],
            scope["query_string"].decode("latin-1"),
            self._parts.clock.now(),
        )
        call.bytes = len(body)
        scope["twin.call"] = call
        watched = _watch(call, self._parts.calls.exchanges, body, send)
        rule = self._parts.faults.strike(self._half.name, call.method, call.path, body)
        try:
            if rule is None:
                await self._half.app(scope, replay, watched)
            else:
                call.fault = rule.action
                await _strike(rule, self._half.app, scope, replay, watched)
        finally:
            self._parts.calls.end(call)


async def _strike(rule: FaultRule, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as the rule says."""
    if rule.action == "slow":
        await asyncio.sleep(rule.seconds)
        await app(scope, receive, send)
        return
    if rule.action == "torn":
        await app(scope, receive, _Torn(send, scope, receive))
        return
    if rule.action.startswith("after_effect"):
        await app(scope, receive, _nowhere)
    if rule.action.endswith("status"):
        await _wrong(rule.status)(scope, receive, send)
        return
    if rule.action.endswith("timeout"):
        with suppress(TimeoutError):
            await asyncio.wait_for(_disconnected(receive), rule.seconds)
    await _cut(scope, receive)


class _Torn:
    """Passes the head and half of the body on, then cuts."""

    def __init__(self, send: Send, scope: Scope, receive: Receive) -> None:
        self._send = send
        self._scope = scope
        self._receive = receive
        self._done = False

    async def __call__(self, message: Message) -> None:
        if self._done:
            return
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            self._done = True
            await self._send({**message, "body": body[: len(body) // 2], "more_body": True})
            await asyncio.sleep(0.02)
            await _cut(self._scope, self._receive)
            return
        await self._send(message)


async def _nowhere(message: Message) -> None:
    """An answer that nobody gets."""


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(scope: Scope, receive: Receive) -> None:
    """Cut the connection and wait until it is gone, so that the server sends nothing more."""
    cut: Callable[[], None] = scope["twin.cut"]
    cut()
    await _disconnected(receive)


def _wrong(status: int) -> Response:
    """An answer as gateways and services in trouble give it."""
    if status in (502, 504):
        return Response(f"<html><head><title>{status}</title></head></html>", status, media_type="text/html")
    code = _MESSAGES.get(status, "internal_error")
    return JSONResponse({"code": code, "message": code.replace("_", " ").capitalize()}, status)


def _watch(call: Call, exchanges: Exchanges, body: bytes, send: Send) -> Send:
    """Note the status and the bodies that really go over the wire."""
    exchange = exchanges.begin(call.number, call.path, body)

    async def watched(message: Message) -> None:
        if message["type"] == "http.response.start":
            call.status = message["status"]
            exchanges.head(exchange, list(message.get("headers", ())))
        elif message["type"] == "http.response.body":
            exchanges.part(exchange, message.get("body", b""))
        await send(message)

    return watched


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body that was read already once more, then the connection's own messages."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
