"""Bulk operations as fields of ``schema_commerce.graphql``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLResolveInfo

from tajo_pipelines.twin.shopify import search
from tajo_pipelines.twin.shopify.bulk import StartError
from tajo_pipelines.twin.shopify.listing import Page
from tajo_pipelines.twin.shopify.resolving import ZONE, Asked, Resolver, numbered, refused, sliced
from tajo_pipelines.twin.shopify.shop import Document
from tajo_pipelines.twin.shopify.terms import SearchError
from tajo_pipelines.twin.shopify.views import Field, always, gid, keys


def table() -> Mapping[str, Field]:
    """Plain fields of ``BulkOperation``."""
    return {
        "id": lambda operation: gid("BulkOperation", operation["id"]),
        **keys(
            "completedAt", "createdAt", "errorCode", "fileSize", "objectCount", "query", "rootObjectCount", "status"
        ),
        "type": always("QUERY"),
    }


def resolvers() -> Mapping[str, Resolver]:
    """What runs, lists and cancels them, and their URLs."""
    return {
        "QueryRoot.bulkOperation": _one,
        "QueryRoot.bulkOperations": _listed,
        "Mutation.bulkOperationRunQuery": _run,
        "Mutation.bulkOperationCancel": _cancel,
        "BulkOperation.url": lambda operation, info: _url(operation, info, "COMPLETED"),
        "BulkOperation.partialDataUrl": lambda operation, info: _url(operation, info, "FAILED"),
    }


def _url(operation: Document, info: GraphQLResolveInfo, status: str) -> str | None:
    asked: Asked = info.context
    path = asked.bulk.path(operation)
    return None if path is None or operation["status"] != status else asked.base_url + path


def _one(_root: Any, info: GraphQLResolveInfo, id: str) -> Document | None:  # noqa: A002  # the argument's name
    found: Document | None = info.context.bulk.get(numbered(id))
    return found


def _listed(root: Any, info: GraphQLResolveInfo, **arguments: Any) -> Page:
    asked: Asked = info.context
    try:
        found = search.parse("BulkOperation", arguments.get("query"), asked.now, ZONE)
    except SearchError as error:
        raise refused(error) from error
    operations = [operation for operation in asked.bulk.all() if found.matches(operation)]
    if arguments["sortKey"] == "COMPLETED_AT":
        operations.sort(key=lambda operation: operation["completedAt"] or "")
    page: Page = sliced(lambda _root: operations)(root, info, **arguments)
    return page


def _run(_root: Any, info: GraphQLResolveInfo, query: str, *, groupObjects: bool) -> Document:  # noqa: N803  # the vendor's name
    try:
        return {"bulkOperation": info.context.bulk.start(query, group=groupObjects), "userErrors": []}
    except StartError as error:
        return {"bulkOperation": None, "userErrors": error.errors}


def _cancel(_root: Any, info: GraphQLResolveInfo, id: str) -> Document:  # noqa: A002  # the argument's name
    operation = info.context.bulk.get(numbered(id))
    if operation is None:
        return {"bulkOperation": None, "userErrors": [{"field": ["id"], "message": "Bulk operation does not exist"}]}
    try:
        info.context.bulk.cancel(operation)
    except StartError as error:
        return {"bulkOperation": operation, "userErrors": error.errors}
    return {"bulkOperation": operation, "userErrors": []}
