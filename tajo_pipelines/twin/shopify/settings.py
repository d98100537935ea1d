"""How the shop answers: scopes, tokens, lag of its index, rate, the manner of its bulk operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import ChangeError
from tajo_pipelines.twin.shopify.access import Access
from tajo_pipelines.twin.shopify.bulk import ERROR_CODES, Bulk
from tajo_pipelines.twin.shopify.cost import Bucket
from tajo_pipelines.twin.shopify.shop import Shop

Arguments = dict[str, Any]


class _Half(Protocol):
    shop: Shop
    access: Access
    bucket: Bucket
    bulk: Bulk


class Settings:
    """The operations that change answers and leave the shop's documents alone."""

    def __init__(self, half: _Half, clock: TwinClock) -> None:
        """Change how this half answers."""
        self._half = half
        self._clock = clock
        self.ops: Mapping[str, Callable[[Arguments], dict[str, Any]]] = {
            "set_scopes": self._set_scopes,
            "set_organisation": self._set_organisation,
            "revoke_tokens": self._revoke_tokens,
            "set_index_lag": self._set_index_lag,
            "set_rate": self._set_rate,
            "drain_bucket": self._drain_bucket,
            "set_bulk": self._set_bulk,
            "fail_bulk": self._fail_bulk,
            "expire_bulk": self._expire_bulk,
        }

    def _set_scopes(self, arguments: Arguments) -> dict[str, Any]:
        """``scopes``: what the app may do from now on."""
        self._half.access.set_scopes([str(scope) for scope in arguments["scopes"]])
        return {"scopes": list(self._half.access.scopes)}

    def _set_organisation(self, arguments: Arguments) -> dict[str, Any]:
        """``same``: whether the app belongs to the organisation that owns the shop; client credentials need it."""
        same = bool(arguments["same"])
        self._half.access.set_organisation(same=same)
        return {"same": same}

    def _revoke_tokens(self, arguments: Arguments) -> dict[str, Any]:
        """``stored``: the stored token too."""
        return {"revoked": self._half.access.revoke(stored=bool(arguments.get("stored")))}

    def _set_index_lag(self, arguments: Arguments) -> dict[str, Any]:
        """``seconds`` until filters see a change."""
        self._half.shop.index_lag = float(arguments["seconds"])
        return {"seconds": self._half.shop.index_lag}

    def _set_rate(self, arguments: Arguments) -> dict[str, Any]:
        """``maximum`` of points and ``restore_rate`` a second."""
        self._half.bucket = Bucket(self._clock, float(arguments["maximum"]), float(arguments["restore_rate"]))
        return {"throttle_status": self._half.bucket.status()}

    def _drain_bucket(self, _arguments: Arguments) -> dict[str, Any]:
        """Takes all points."""
        self._half.bucket.drain()
        return {"throttle_status": self._half.bucket.status()}

    def _set_bulk(self, arguments: Arguments) -> dict[str, Any]:
        """``seconds`` and ``objects_a_second``, how long operations run; ``children``: later or anywhere."""
        manner = self._half.bulk.manner
        manner.seconds = float(arguments.get("seconds", manner.seconds))
        manner.objects_a_second = float(arguments.get("objects_a_second", manner.objects_a_second))
        children = str(arguments.get("children", manner.children))
        if children not in ("later", "anywhere") or manner.objects_a_second <= 0:
            raise ChangeError("children is later or anywhere, objects_a_second greater than 0")
        manner.children = children
        return {"seconds": manner.seconds, "objects_a_second": manner.objects_a_second, "children": children}

    def _fail_bulk(self, arguments: Arguments) -> dict[str, Any]:
        """The next ``times`` operations fail with ``code`` when ``after`` objects were read; 0 leaves nothing."""
        code = str(arguments.get("code", "INTERNAL_SERVER_ERROR"))
        if code not in ERROR_CODES:
            raise ChangeError(f"code is one of {', '.join(ERROR_CODES)}")
        fail = {"code": code, "after": int(arguments.get("after", 0))}
        self._half.bulk.manner.fail += [dict(fail) for _ in range(int(arguments.get("times", 1)))]
        return {"failing": len(self._half.bulk.manner.fail)}

    def _expire_bulk(self, arguments: Arguments) -> dict[str, Any]:
        """The result of operation ``id`` (number or global id) can't be fetched any more."""
        return {"bulk": self._half.bulk.expire(int(str(arguments["id"]).rsplit("/", 1)[-1]))}
