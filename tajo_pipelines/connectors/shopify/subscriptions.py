"""The subscriptions of one app in one shop: listed, made, taken back.

Shopify lists those that were made by the API for this shop and this app; those in an app's configuration file it
doesn't (https://shopify.dev/docs/api/admin-graphql/2026-10/queries/webhookSubscriptions, read 2026-11-25).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tajo_pipelines.connectors.shopify import queries
from tajo_pipelines.connectors.shopify.paging import connection_of, refuse_repeated
from tajo_pipelines.connectors.shopify.streams import LARGEST_PAGE
from tajo_pipelines.connectors.shopify.webhooks import TOPICS
from tajo_pipelines.model.errors import ConfigError, ContractError
from tajo_pipelines.sdk.graphql import Document, GraphQLClient
from tajo_pipelines.sdk.redaction import quoted
from tajo_pipelines.sdk.webhooks import Subscription

LIST = queries.load("subscriptions")
SUBSCRIBE = queries.load("subscribe")
UNSUBSCRIBE = queries.load("unsubscribe")

FORMAT = "JSON"


def enum_of(topic: str) -> str:
    """What GraphQL calls a topic: ``CUSTOMERS_CREATE`` for ``customers/create``."""
    return topic.replace("/", "_").replace(".", "_").upper()


_NAMES = {enum_of(topic): topic for topic in TOPICS}


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """What the app is subscribed to in the shop."""

    client: GraphQLClient

    def all(self) -> Iterator[Subscription]:
        """Every one of them; see `Subscribes.subscriptions`."""
        cursor: str | None = None
        seen: set[str | None] = set()
        while True:
            asked = {"first": LARGEST_PAGE, "after": cursor}
            data = self.client.query(LIST, asked, size=LARGEST_PAGE).data
            nodes, cursor, more = connection_of(data, "webhookSubscriptions", LIST)
            for node in nodes:
                yield _subscription(node, LIST)
            if not more:
                return
            refuse_repeated(cursor, seen, LIST)
            seen.add(cursor)

    def make(self, topic: str, url: str) -> Subscription:
        """Subscribe; see `Subscribes.subscribe`.

        Raises:
            ConfigError: ``subscription_refused``, with Shopify's words.
        """
        wanted = {"topic": enum_of(topic), "subscription": {"uri": url, "format": FORMAT}}
        answer = _payload(self.client.mutate(SUBSCRIBE, wanted).data, "webhookSubscriptionCreate", SUBSCRIBE)
        said = self._refusal(answer)
        if said is not None:
            message = f"Shopify refuses a subscription to {topic}: {said}"
            raise ConfigError(message, code="subscription_refused", where=SUBSCRIBE.name)
        return _subscription(answer.get("webhookSubscription"), SUBSCRIBE)

    def end(self, number: str) -> None:
        """Take one back; see `Subscribes.unsubscribe`.

        Raises:
            ConfigError: ``subscription_kept``: Shopify refuses, and still has it.
        """
        answer = _payload(
            self.client.mutate(UNSUBSCRIBE, {"id": number}).data, "webhookSubscriptionDelete", UNSUBSCRIBE
        )
        said = self._refusal(answer)
        # Which refusal means that there is none is told by no code; whether there is one the list knows.
        if said is not None and any(each.id == number for each in self.all()):
            message = f"Shopify doesn't take a subscription back: {said}"
            raise ConfigError(message, code="subscription_kept", where=UNSUBSCRIBE.name)

    def _refusal(self, answer: Mapping[str, Any]) -> str | None:
        errors = answer.get("userErrors")
        if not errors:
            return None
        found = errors if isinstance(errors, list) else [errors]
        said = "; ".join(str(error.get("message") if isinstance(error, dict) else error) for error in found)
        return quoted(said, self.client.auth.secrets())


def _payload(data: Mapping[str, Any], name: str, document: Document) -> Mapping[str, Any]:
    found = data.get(name)
    if not isinstance(found, dict):
        raise ContractError(f"the answer has no {name}", where=document.name)
    return found


def _subscription(node: Any, document: Document) -> Subscription:
    fields: Mapping[str, Any] = node if isinstance(node, dict) else {}
    number, topic, uri = (fields.get(name) for name in ("id", "topic", "uri"))
    if not isinstance(number, str) or not isinstance(topic, str) or not isinstance(uri, str):
        raise ContractError("a subscription doesn't describe itself", where=document.name)
    version = fields.get("apiVersion")
    details = {
        "format": fields.get("format"),
        "filter": fields.get("filter"),
        "include_fields": ", ".join(map(str, fields.get("includeFields") or ())),
        "api_version": version.get("handle") if isinstance(version, dict) else None,
    }
    return Subscription(
        id=number,
        topic=_NAMES.get(topic, topic),
        url=uri,
        whole=details["format"] == FORMAT and not details["filter"] and not details["include_fields"],
        details={name: str(value) for name, value in details.items() if value},
    )
