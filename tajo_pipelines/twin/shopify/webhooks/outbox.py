"""Deliveries: signed, sent, sent again, given up; kept on disk until they have arrived.

A failed one is sent again 8 times within 4 hours, each wait twice the one before, with its old id, body and address;
when the last one fails too and nothing reached the subscription since, the subscription is deleted
(shopify.dev/changelog/updates-to-webhook-retry-mechanism, shopify.dev/docs/apps/build/webhooks, read 2026-11-25).
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
import json
import uuid
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.shopify.views import DOMAIN
from tajo_pipelines.twin.shopify.webhooks.courier import Answer, Courier, Parcel
from tajo_pipelines.twin.shopify.webhooks.manner import Manner
from tajo_pipelines.twin.shopify.webhooks.subscriptions import Subscriptions
from tajo_pipelines.twin.state_file import Documents

RETRIES = 8
RETRIED_FOR = 4 * 3600
WAITS = tuple(RETRIED_FOR * 2**place / (2**RETRIES - 1) for place in range(RETRIES))
"""Seconds before each of the retries; together four hours."""

_LOGGED = 200
_FORGER = "another app's secret"
_ESCAPED = {"/": "\\/", "&": "\\u0026", "<": "\\u003c", ">": "\\u003e"}

Document = dict[str, Any]


class Outbox:
    """What is on its way.

    Attributes:
        manner: How well it goes.
        counts: By topic: ``told``, ``sent``, ``failed`` (attempts), ``retried``, ``given_up``, ``lost``, ``doubled``.
        log: The last attempts, without bodies.
        deleted: Subscriptions that were deleted because nothing reached them.
    """

    def __init__(
        self, documents: Documents, clock: TwinClock, subscriptions: Subscriptions, secret: Callable[[], str]
    ) -> None:
        """Go on with what these documents hold.

        Args:
            documents: Where deliveries are kept.
            clock: Whose durations count.
            subscriptions: Where to.
            secret: The app's client secret as it is now.
        """
        self.manner = Manner()
        self.counts: dict[str, Counter[str]] = {}
        self.log: deque[Document] = deque(maxlen=_LOGGED)
        self.deleted: list[Document] = []
        self._documents = documents
        self._clock = clock
        self._subscriptions = subscriptions
        self._secret = secret
        self._courier = Courier()
        self._reached: dict[int | None, float] = {}
        self._due: list[tuple[float, str]] = [(0.0, key) for key in documents]

    def tell(self, topic: str, body: Mapping[str, Any], event: str) -> int:
        """Send a body to everybody who subscribed to its topic; returns to how many."""
        subscriptions = self._subscriptions.of(topic)
        text = json_text(body) if subscriptions else ""
        for each in subscriptions:
            self._post(topic, text, event, each["uri"], each)
        return len(subscriptions)

    def tell_app(self, topic: str, body: Mapping[str, Any], uri: str) -> str:
        """Send a compliance topic to the address in the app's configuration; returns the delivery's id."""
        return self._post(topic, json_text(body), str(uuid.uuid4()), uri, None)

    def settle(self) -> None:
        """Take in answers, and send what is due."""
        for answer in self._courier.collect():
            self._answered(answer)
        now = self._clock.seconds()
        while self._due and self._due[0][0] <= now:
            self._send(heapq.heappop(self._due)[1])

    def waiting(self) -> int:
        """How many deliveries haven't arrived yet."""
        return len(self._documents)

    def summary(self) -> Document:
        """For the twin's state."""
        return {
            "waiting": self.waiting(),
            "out": self._courier.out,
            "counts": {topic: dict(counts) for topic, counts in sorted(self.counts.items())},
            "deleted": self.deleted,
            "manner": self.manner.as_json(),
            "log": list(self.log),
        }

    def close(self) -> None:
        """Send nothing more; what hasn't arrived stays for the next start."""
        self._courier.close()

    def _post(self, topic: str, text: str, event: str, uri: str, subscription: Document | None) -> str:
        number = str(uuid.uuid4())
        self._count(topic, "told")
        if self.manner.happens(self.manner.lost):
            self._count(topic, "lost")
            return number
        now = self._clock.seconds()
        document: Document = {
            "id": number,
            "topic": topic,
            "event": event,
            "uri": uri,
            "subscription": None if subscription is None else subscription["id"],
            "name": None if subscription is None else subscription["name"],
            "at": now,
            "body": text,
            "attempts": 0,
            "forged": self.manner.happens(self.manner.forged),
        }
        wait = self.manner.delay
        if self.manner.happens(self.manner.late):
            wait += self.manner.chance.random() * self.manner.window
        self._keep(number, document, wait)
        if self.manner.happens(self.manner.duplicates):
            self._count(topic, "doubled")
            again = self.manner.delay + self.manner.chance.random() * self.manner.window
            self._keep(f"{number} again", dict(document), again)
        return number

    def _keep(self, key: str, document: Document, wait: float) -> None:
        self._documents[key] = document
        if wait > 0:
            self._later(key, wait)
        else:
            self._send(key)

    def _later(self, key: str, seconds: float) -> None:
        heapq.heappush(self._due, (self._clock.seconds() + self._clock.scaled(seconds), key))

    def _send(self, key: str) -> None:
        document = self._documents.get(key)
        if document is None:
            return
        if document["attempts"]:
            self._count(document["topic"], "retried")
        body = document["body"].encode()
        secret = _FORGER if document["forged"] else self.manner.secret or self._secret()
        self._courier.send(Parcel(key, document["uri"], self._headers(document, sign(body, secret)), body))

    def _headers(self, document: Document, signature: str) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Shopify-Captain-Hook",
            "X-Shopify-Topic": document["topic"],
            "X-Shopify-Hmac-Sha256": signature,
            "X-Shopify-Shop-Domain": self.manner.domain or DOMAIN,
            "X-Shopify-API-Version": self.manner.version,
            "X-Shopify-Webhook-Id": document["id"],
            "X-Shopify-Event-Id": document["event"],
            "X-Shopify-Triggered-At": nanoseconds(document["at"]),
        }
        return {**headers, "X-Shopify-Name": document["name"]} if document["name"] else headers

    def _answered(self, answer: Answer) -> None:
        document = self._documents.get(answer.key)
        if document is None:
            return
        document["attempts"] += 1
        topic, subscription = document["topic"], document["subscription"]
        self.log.append(
            {
                "id": document["id"],
                "topic": topic,
                "event": document["event"],
                "triggered_at": nanoseconds(document["at"]),
                "attempt": document["attempts"],
                "status": answer.status,
                "error": answer.error,
                "seconds": round(answer.seconds, 4),
            }
        )
        if answer.good:
            self._count(topic, "sent")
            self._reached[subscription] = self._clock.seconds()
            del self._documents[answer.key]
            return
        self._count(topic, "failed")
        if document["attempts"] <= RETRIES and self._is_wanted(subscription):
            self._documents.touch(answer.key)
            self._later(answer.key, WAITS[document["attempts"] - 1])
            return
        del self._documents[answer.key]
        self._count(topic, "given_up")
        if document["attempts"] > RETRIES and self._reached.get(subscription, 0.0) < document["at"]:
            self._give_up(subscription)

    def _is_wanted(self, subscription: int | None) -> bool:
        return subscription is None or self._subscriptions.get(subscription) is not None

    def _give_up(self, number: int | None) -> None:
        """Delete a subscription that nothing reaches, with what is on its way there."""
        subscription = self._subscriptions.get(number)
        if subscription is None or number is None:
            return
        self._subscriptions.delete(number)
        self.deleted.append({name: subscription[name] for name in ("id", "topic", "uri")})
        for key in [key for key, each in self._documents.items() if each["subscription"] == number]:
            self._count(self._documents[key]["topic"], "given_up")
            del self._documents[key]

    def _count(self, topic: str, name: str) -> None:
        self.counts.setdefault(topic, Counter())[name] += 1


def sign(body: bytes, secret: str) -> str:
    """The signature over the bytes of a body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def json_text(body: Mapping[str, Any]) -> str:
    """A body as the vendor writes it: with slashes and signs of HTML escaped, everything else as it is."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    for sign_, escaped in _ESCAPED.items():
        text = text.replace(sign_, escaped)
    return text


def nanoseconds(at: float) -> str:
    """An instant in UTC with nine decimals."""
    whole = int(at)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{int((at - whole) * 1e9):09d}Z"
