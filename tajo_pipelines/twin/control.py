"""The twin's own routes, ``/_twin...``: look at its state, order faults, change the vendors' side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tajo_pipelines.twin.faults import FaultError
from tajo_pipelines.twin.half import ChangeError, Half, TwinParts
from tajo_pipelines.twin.pages.site import Site


class Control:
    """The same routes on both ports; neither limited, logged nor hit by faults."""

    def __init__(self, halves: Mapping[str, Half], parts: TwinParts) -> None:
        """Control these halves."""
        self._halves = halves
        self._parts = parts
        self._site = Site(halves, parts)
        self._app = Starlette(
            routes=[
                Route("/_twin", self._page),
                Route("/_twin/state", self._state),
                Route("/_twin/calls", self._calls),
                Route("/_twin/faults", self._faults, methods=["GET", "POST", "DELETE"]),
                Route("/_twin/change", self._change, methods=["POST"]),
                *(route for half in halves.values() for route in getattr(half, "control_routes", ())),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._app(scope, receive, send)

    def state(self, part: str | None = None) -> dict[str, Any]:
        """Both halves' state, each with its counts of calls."""
        path = self._parts.file.path
        document: dict[str, Any] = {
            "home": None if path is None else str(path.parent),
            "clock": {"factor": self._parts.clock.factor, "now": self._parts.clock.now().isoformat()},
            "faults": self._parts.faults.as_json(),
        }
        for name, half in self._halves.items():
            if part in (None, name):
                half.settle()
                document[name] = {
                    **half.summary(),
                    "totals": dict(half.totals()),
                    "calls": self._parts.calls.counts(name),
                    "too_many": self._parts.calls.too_many(name),
                }
        return document

    async def _state(self, request: Request) -> Response:
        return JSONResponse(self.state(request.query_params.get("part")))

    async def _calls(self, request: Request) -> Response:
        try:
            since = int(request.query_params.get("since", "0"))
        except ValueError:
            return _refused("since is the number of a call")
        return JSONResponse({"calls": self._parts.calls.since(since, request.query_params.get("target"))})

    async def _faults(self, request: Request) -> Response:
        faults = self._parts.faults
        if request.method == "DELETE":
            faults.clear()
        if request.method == "POST":
            try:
                body = await request.json()
                append = isinstance(body, dict) and bool(body.get("append"))
                rules = body["rules"] if isinstance(body, dict) and "rules" in body else body
                faults.set(rules if isinstance(rules, list) else [rules], append=append)
            except (FaultError, TypeError, json.JSONDecodeError) as error:
                return _refused(str(error))
        return JSONResponse({"rules": faults.as_json()})

    async def _change(self, request: Request) -> Response:
        try:
            body = await request.json()
        except json.JSONDecodeError as error:
            return _refused(str(error))
        if not isinstance(body, dict) or body.get("target") not in self._halves:
            return _refused(f"target is one of {', '.join(self._halves)}")
        half = self._halves[body["target"]]
        arguments = {key: value for key, value in body.items() if key not in ("target", "op")}
        half.settle()
        try:
            return JSONResponse(half.change(str(body.get("op")), arguments))
        except ChangeError as error:
            return _refused(str(error))

    async def _page(self, request: Request) -> Response:
        return self._site.answer(request.query_params)


def _refused(message: str) -> Response:
    return JSONResponse({"code": "refused", "message": message}, 400)
