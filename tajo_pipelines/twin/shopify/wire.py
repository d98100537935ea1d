"""Requests as they come in, and refusals as they go out."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from graphql import GraphQLError
from starlette.requests import Request

from tajo_pipelines.twin.shopify.cost import MAX_QUERY_COST
from tajo_pipelines.twin.shopify.graph import API_VERSION

SUPPORTED = ("2026-01", "2026-04", "2026-07", API_VERSION)
"""Versions that are served; an older one falls forward to the oldest of them."""

LIMITS = "https://shopify.dev/api/usage/rate-limits"


def served(version: str) -> str | None:
    """The version that answers a request for another one; None where there is none."""
    if version in SUPPORTED or version == "unstable":
        return version
    older = version < SUPPORTED[0] and len(version) == len(API_VERSION) and version[:4].isdigit()
    return SUPPORTED[0] if older else None


async def body_of(request: Request) -> dict[str, Any]:
    """JSON, a form, or a bare GraphQL document as a mapping; empty where it is none of them."""
    kind = request.headers.get("Content-Type", "").split(";")[0].strip()
    raw = await request.body()
    if kind == "application/graphql":
        return {"query": raw.decode("utf-8", "replace")}
    if kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def variable_error(error: GraphQLError) -> dict[str, Any]:
    """The answer to a variable that doesn't fit its type."""
    formatted = dict(error.formatted)
    return {**formatted, "extensions": {"code": "INVALID_VARIABLE", "problems": []}}


def too_dear(cost: int) -> dict[str, Any]:
    """The answer to a query that costs more than one may."""
    return {
        "message": f"Query cost is {cost}, which exceeds the single query max cost limit ({MAX_QUERY_COST}).\n\n"
        f"See {LIMITS} for more information on how the cost of a query is calculated.\n",
        "extensions": {
            "code": "MAX_COST_EXCEEDED",
            "cost": cost,
            "maxCost": MAX_QUERY_COST,
            "documentation": LIMITS,
        },
    }
