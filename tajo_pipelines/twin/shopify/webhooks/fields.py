"""Subscriptions as fields of ``schema_webhooks.graphql``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLResolveInfo

from tajo_pipelines.twin.shopify.listing import Page
from tajo_pipelines.twin.shopify.resolving import API_VERSION, Asked, Resolver, numbered, sliced
from tajo_pipelines.twin.shopify.shop import Document
from tajo_pipelines.twin.shopify.views import Field, always, gid, keys, number_of
from tajo_pipelines.twin.shopify.webhooks.subscriptions import RefusedError

KIND = "WebhookSubscription"
_SORTS = {"CREATED_AT": "createdAt", "ID": "id"}


def table() -> Mapping[str, Field]:
    """Plain fields of ``WebhookSubscription``."""
    return {
        "id": lambda subscription: gid(KIND, subscription["id"]),
        "legacyResourceId": lambda subscription: subscription["id"],
        "apiVersion": always({"displayName": API_VERSION, "handle": API_VERSION, "supported": True}),
        **keys("createdAt", "updatedAt", "name", "topic", "uri"),
        "filter": always(None),
        "format": always("JSON"),
        **dict.fromkeys(("includeFields", "metafieldNamespaces"), always([])),
    }


def resolvers() -> Mapping[str, Resolver]:
    """What lists, makes, changes and ends them."""
    return {
        "QueryRoot.webhookSubscription": lambda _root, info, id: found(info, id),  # noqa: A006  # the argument's name
        "QueryRoot.webhookSubscriptions": _listed,
        "Mutation.webhookSubscriptionCreate": _create,
        "Mutation.webhookSubscriptionUpdate": _update,
        "Mutation.webhookSubscriptionDelete": _delete,
    }


def found(info: GraphQLResolveInfo, text: str) -> Document | None:
    """The subscription with that global id."""
    asked: Asked = info.context
    numbered(text)
    return asked.subscriptions.get(number_of(text, KIND))


def _listed(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Page:
    asked: Asked = info.context
    topics, uri, form = (arguments.get(name) for name in ("topics", "uri", "format"))
    subscriptions = [
        each
        for each in asked.subscriptions.all()
        if (not topics or each["topic"] in topics) and (uri is None or each["uri"] == uri) and form != "XML"
    ]
    subscriptions.sort(key=lambda each: (each[_SORTS[arguments["sortKey"]]], each["id"]))
    page: Page = sliced(lambda _root: subscriptions)(root, info, **arguments)
    return page


def _create(_root: Any, info: GraphQLResolveInfo, topic: str, webhookSubscription: Document) -> Document:  # noqa: N803  # the vendor's name
    asked: Asked = info.context
    try:
        return _payload(asked.subscriptions.create(topic, **_given(webhookSubscription)))
    except RefusedError as error:
        return _payload(None, error)


def _update(_root: Any, info: GraphQLResolveInfo, id: str, webhookSubscription: Document) -> Document:  # noqa: A002, N803  # the vendor's names
    asked: Asked = info.context
    try:
        return _payload(asked.subscriptions.update(_number(id), **_given(webhookSubscription)))
    except RefusedError as error:
        return _payload(None, error)


def _delete(_root: Any, info: GraphQLResolveInfo, id: str) -> Document:  # noqa: A002  # the argument's name
    asked: Asked = info.context
    try:
        asked.subscriptions.delete(_number(id))
    except RefusedError as error:
        return {"deletedWebhookSubscriptionId": None, "userErrors": [_said(error)]}
    return {"deletedWebhookSubscriptionId": id, "userErrors": []}


def _number(text: str) -> int:
    numbered(text)
    return number_of(text, KIND) or 0


def _given(wanted: Document) -> Document:
    return {"uri": wanted.get("uri"), "form": wanted.get("format"), "name": wanted.get("name")}


def _payload(subscription: Document | None, error: RefusedError | None = None) -> Document:
    return {"webhookSubscription": subscription, "userErrors": [] if error is None else [_said(error)]}


def _said(error: RefusedError) -> Document:
    return {"field": error.field, "message": str(error)}
