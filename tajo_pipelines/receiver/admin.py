"""The port of whoever runs the receiver: is it alive, does it take deliveries, and its figures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import Receive, Scope, Send

from tajo_pipelines.model.errors import TajoError
from tajo_pipelines.receiver.limits import Disk
from tajo_pipelines.receiver.metrics import Metrics
from tajo_pipelines.receiver.writer import Writer
from tajo_pipelines.store.facade import Store
from tajo_pipelines.store.inbox_figures import inbox_figures

log = structlog.get_logger(__name__)

FRESH_SECONDS = 5.0
"""For how long the inbox's figures are told again without asking the database."""

READY_SECONDS = 5.0
"""How long the store may take to say that it can be written to."""

Answer = tuple[int, str, bytes]
_TEXT = "text/plain; charset=utf-8"


@dataclass(slots=True)
class Admin:
    """The ASGI application of the admin port.

    Attributes:
        store: To read by.
        is_stopping: Whether no more deliveries are taken.
    """

    store: Store
    writer: Writer
    metrics: Metrics
    disk: Disk
    is_stopping: Callable[[], bool]
    _asked_at: float = field(default=-FRESH_SECONDS, repr=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        answers = {"/healthz": self._health, "/readyz": self._ready, "/metrics": self._figures}
        found = answers.get(scope["path"])
        if found is None:
            status, kind, body = 404, _TEXT, b"not found\n"
        elif scope["method"] not in ("GET", "HEAD"):
            status, kind, body = 405, _TEXT, b"GET alone\n"
        else:
            status, kind, body = await found()
        headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _health(self) -> Answer:
        """The process answers."""
        return 200, _TEXT, b"ok\n"

    async def _ready(self) -> Answer:
        """A delivery that came now would be kept."""
        if self.is_stopping():
            return 503, _TEXT, b"stopping\n"
        if self.disk.is_full:
            return 503, _TEXT, b"the disk is nearly full\n"
        try:
            ready = await asyncio.wait_for(self.writer.probe(), READY_SECONDS)
        except TimeoutError:
            ready = False
        return (200, _TEXT, b"ready\n") if ready else (503, _TEXT, b"the store can't be written to\n")

    async def _figures(self) -> Answer:
        """All figures; the inbox's are those of the last look where the database doesn't answer."""
        now = time.monotonic()
        if now - self._asked_at >= FRESH_SECONDS:
            self._asked_at = now
            try:
                self.metrics.tell(await asyncio.to_thread(inbox_figures, self.store.database))
            except TajoError as error:
                log.warning("the inbox's figures can't be read", reason=error.message)
        self.metrics.waiting.set(self.writer.waiting)
        return 200, CONTENT_TYPE_LATEST, generate_latest(self.metrics.registry)
