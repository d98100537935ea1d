"""Who is told of what happens in the shop: an address that keeps what came and answers as it is told to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SUBSCRIBE = """
mutation Subscribe($topic: WebhookSubscriptionTopic!, $uri: String) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri, format: JSON}) {
    webhookSubscription { id topic uri }
    userErrors { field message }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """One request.

    Attributes:
        headers: Names in lower case.
    """

    path: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def topic(self) -> str:
        return self.headers["x-shopify-topic"]

    @property
    def number(self) -> str:
        return self.headers["x-shopify-webhook-id"]

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.raw)
        return body

    def signed_by(self, secret: str) -> bool:
        digest = hmac.new(secret.encode(), self.raw, hashlib.sha256).digest()
        return self.headers["x-shopify-hmac-sha256"] == base64.b64encode(digest).decode()


class Listener:
    """Listens on a free port of this machine.

    Attributes:
        heard: What came, in that order.
        answer: Status to answer with, by the request.
        slowness: Seconds before each answer.
    """

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.answer: Callable[[Heard], int] = lambda _heard: 200
        self.slowness = 0.0
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                heard = Heard(self.path, {name.lower(): value for name, value in self.headers.items()}, raw)
                listener.heard.append(heard)
                time.sleep(listener.slowness)
                status = listener.answer(heard)
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/shopify"

    def of(self, topic: str) -> list[Heard]:
        return [each for each in self.heard if each.topic == topic]

    def topics(self) -> list[str]:
        return [each.topic for each in self.heard]

    def wait(self, count: int, topic: str | None = None, seconds: float = 10.0) -> list[Heard]:
        """The first so many requests, or those of a topic."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = self.heard if topic is None else self.of(topic)
            if len(found) >= count:
                return list(found)
            time.sleep(0.01)
        raise AssertionError(f"{len(self.heard)} requests came: {self.topics()}")

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
