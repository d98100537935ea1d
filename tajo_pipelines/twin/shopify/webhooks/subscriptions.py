"""Who is told of what: subscriptions made by the API, and the addresses of the app's compliance topics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.shopify.access import Access, allows
from tajo_pipelines.twin.shopify.seed import stamp
from tajo_pipelines.twin.shopify.webhooks.topics import SCOPES, TOPICS
from tajo_pipelines.twin.state_file import Documents

Document = dict[str, Any]

_IDS_FROM = 1_400_000_000_000
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_META = "meta"


class RefusedError(ValueError):
    """A subscription that the shop doesn't make.

    Attributes:
        field: Path of the argument that is at fault.
    """

    def __init__(self, field: Sequence[str], message: str) -> None:
        """Keep what goes into ``userErrors``."""
        super().__init__(message)
        self.field = list(field)


class Subscriptions:
    """The subscriptions of the shop's one app, oldest first."""

    def __init__(self, documents: Documents, clock: TwinClock, access: Access) -> None:
        """Keep them in these documents."""
        self._documents = documents
        self._clock = clock
        self._access = access
        self._meta: Document = documents.setdefault(_META, {"made": 0, "compliance": None})

    @property
    def compliance_uri(self) -> str | None:
        """Where the app's configuration sends the compliance topics."""
        uri: str | None = self._meta["compliance"]
        return uri

    @compliance_uri.setter
    def compliance_uri(self, uri: str | None) -> None:
        if uri is not None:
            _checked(uri)
        self._meta["compliance"] = uri
        self._documents.touch(_META)

    def all(self) -> list[Document]:
        """Every subscription."""
        return [document for key, document in self._documents.items() if key != _META]

    def get(self, number: int | None) -> Document | None:
        """One of them."""
        return self._documents.get(str(number))

    def of(self, topic: str) -> list[Document]:
        """Who is told of a topic, as far as the app's scopes go."""
        if not self._may(topic):
            return []
        return [document for document in self.all() if TOPICS[document["topic"]] == topic]

    def create(self, word: str, uri: str | None, form: str | None = None, name: str | None = None) -> Document:
        """Subscribe to the topic that GraphQL calls ``word``.

        Raises:
            RefusedError: A scope is missing, the address is no good or has the topic already.
        """
        topic = TOPICS[word]
        if not self._may(topic):
            message = f"You do not have permission to create or update webhooks with {topic} topic"
            raise RefusedError(["topic"], message)
        self._meta["made"] += 1
        self._documents.touch(_META)
        now = stamp(self._clock.now())
        document: Document = {
            "kind": "WebhookSubscription",
            "id": _IDS_FROM + self._meta["made"],
            "topic": word,
            "uri": self._free(word, _good(uri, form)),
            "name": name,
            "createdAt": now,
            "updatedAt": now,
        }
        self._documents[str(document["id"])] = document
        return document

    def update(self, number: int, uri: str | None, form: str | None = None, name: str | None = None) -> Document:
        """Change a subscription; what is left out stays.

        Raises:
            RefusedError: There is none, or as in ``create``.
        """
        document = self._known(number)
        if uri is not None or form is not None:
            wanted = _good(uri or document["uri"], form)
            document["uri"] = wanted if wanted == document["uri"] else self._free(document["topic"], wanted)
        document["name"] = document["name"] if name is None else name
        document["updatedAt"] = stamp(self._clock.now())
        self._documents.touch(str(number))
        return document

    def delete(self, number: int) -> None:
        """End a subscription.

        Raises:
            RefusedError: There is none.
        """
        self._known(number)
        del self._documents[str(number)]

    def _may(self, topic: str) -> bool:
        scope = SCOPES[topic]
        return scope is None or allows(self._access.scopes, scope)

    def _known(self, number: int) -> Document:
        document = self.get(number)
        if document is None:
            raise RefusedError(["id"], "Webhook subscription does not exist")
        return document

    def _free(self, word: str, uri: str) -> str:
        if any(each["topic"] == word and each["uri"] == uri for each in self.all()):
            raise RefusedError(["webhookSubscription", "uri"], "Address for this topic has already been taken")
        return uri


def _good(uri: str | None, form: str | None) -> str:
    if form == "XML":
        # The vendor sends it too; nobody here reads it.
        raise RefusedError(["webhookSubscription", "format"], "This stand-in sends JSON alone")
    if not uri:
        raise RefusedError(["webhookSubscription", "uri"], "Address can't be blank")
    return _checked(uri)


def _checked(uri: str) -> str:
    """An address that can be sent to. The vendor takes https alone; this machine may be told without."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RefusedError(["webhookSubscription", "uri"], "Address is invalid")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise RefusedError(["webhookSubscription", "uri"], "Address protocol http:// is not supported")
    return uri
