"""What an app is subscribed to in the shop of the tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Hooks:
    """Subscriptions, and how the shop treats them.

    Attributes:
        hooks: Those that there are.
        hooks_made: How many were made.
        hooks_refused: Why a topic can't be subscribed to, by its name in the schema.
        hooks_kept: Ids that aren't taken back.
    """

    hooks: list[dict[str, Any]] = field(default_factory=list)
    hooks_made: int = 0
    hooks_refused: dict[str, str] = field(default_factory=dict)
    hooks_kept: set[str] = field(default_factory=set)

    def hook(self, topic: str, uri: str, **more: Any) -> dict[str, Any]:
        """A subscription that somebody made."""
        self.hooks_made += 1
        made = {
            "id": f"gid://shopify/WebhookSubscription/{self.hooks_made}",
            "topic": topic,
            "uri": uri,
            "format": "JSON",
            "filter": None,
            "includeFields": [],
            "apiVersion": {"handle": "2026-10"},
            **more,
        }
        self.hooks.append(made)
        return made

    def subscribe(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer webhookSubscriptionCreate."""
        topic, wanted = arguments["topic"], arguments["webhookSubscription"]
        said = self.hooks_refused.get(topic)
        if any(each["topic"] == topic and each["uri"] == wanted["uri"] for each in self.hooks):
            said = "Address for this topic has already been taken"
        if said is not None:
            error = {"field": ["webhookSubscription", "uri"], "message": said}
            return {"webhookSubscription": None, "userErrors": [error]}
        return {"webhookSubscription": self.hook(topic, **wanted), "userErrors": []}

    def unsubscribe(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer webhookSubscriptionDelete."""
        known = [each for each in self.hooks if each["id"] == arguments["id"]]
        if not known or arguments["id"] in self.hooks_kept:
            error = {"field": ["id"], "message": "no"}
            return {"deletedWebhookSubscriptionId": None, "userErrors": [error]}
        self.hooks.remove(known[0])
        return {"deletedWebhookSubscriptionId": arguments["id"], "userErrors": []}
