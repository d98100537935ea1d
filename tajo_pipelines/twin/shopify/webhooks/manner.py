"""How well or badly deliveries go: what a test or a person orders."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, fields
from typing import Any

from tajo_pipelines.twin.half import ChangeError
from tajo_pipelines.twin.shopify.resolving import API_VERSION

_SHARES = ("lost", "duplicates", "late", "forged")
VERSIONS = ("2026-01", "2026-04", "2026-07", API_VERSION)


@dataclass(slots=True)
class Manner:
    """Shares are from 0 to 1, durations seconds of the twin's clock.

    Attributes:
        lost: Share of deliveries that are never sent.
        duplicates: Share of those sent a second time, with the same id, within ``window``.
        late: Share of those sent somewhen within ``window`` instead of at once: later ones overtake them.
        window: How late duplicates and late ones come.
        delay: How long every delivery waits first.
        forged: Share of those signed with another secret.
        secret: What signs all; None is the app's client secret.
        domain: Shop that the headers name; None is the shop's own.
        version: Version of the bodies, which is the app's and not the call's.
        seed: Makes chance repeatable.
    """

    lost: float = 0.0
    duplicates: float = 0.0
    late: float = 0.0
    window: float = 60.0
    delay: float = 0.0
    forged: float = 0.0
    secret: str | None = None
    domain: str | None = None
    version: str = API_VERSION
    seed: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(0), repr=False)

    def happens(self, share: float) -> bool:
        """Whether something of that share happens now."""
        return share > 0 and self.chance.random() < share

    def as_json(self) -> dict[str, Any]:
        """What is ordered, the secret left out."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name not in ("chance", "secret")}


def manner_from(arguments: dict[str, Any]) -> Manner:
    """The manner that a change orders; what is left out is as it should be.

    Raises:
        ChangeError: Unknown words, shares beyond 0 and 1, negative durations.
    """
    known = {each.name for each in fields(Manner)} - {"chance"}
    unknown = sorted(set(arguments) - known)
    if unknown:
        raise ChangeError(f"deliveries are ordered by {', '.join(sorted(known))}; found {', '.join(unknown)}")
    manner = Manner(**arguments)
    if not all(0 <= getattr(manner, name) <= 1 for name in _SHARES) or manner.window < 0 or manner.delay < 0:
        raise ChangeError(f"{', '.join(_SHARES)} are shares from 0 to 1, window and delay seconds")
    if manner.version not in VERSIONS:
        raise ChangeError(f"version is one of {', '.join(VERSIONS)}")
    manner.chance = random.Random(manner.seed)
    return manner
