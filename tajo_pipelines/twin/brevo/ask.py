"""One request as the handlers see it, and the table of routes that they fill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import QueryParams

from tajo_pipelines.twin.brevo.state import Account
from tajo_pipelines.twin.half import TwinOptions


@dataclass(slots=True)
class Ask:
    """A request that is authenticated and within its limit.

    Attributes:
        account: Whose key it carries.
        options: With what the twin was started.
        base_url: Scheme, host and port that it came to.
        path: The path's parameters by name.
        query: The query's parameters.
        body: The JSON body; an empty object where there is none.
        size: Size of the body in bytes.
    """

    account: Account
    options: TwinOptions
    base_url: str
    path: dict[str, str] = field(default_factory=dict)
    query: QueryParams = field(default_factory=QueryParams)
    body: Any = field(default_factory=dict)
    size: int = 0


Answer = tuple[int, dict[str, Any] | None]
"""Status and body; None answers without one."""

Handler = Callable[[Ask], Answer]

Routes = list[tuple[str, str, Handler]]
"""Method, path template as documented (without ``/v3``), handler."""
