"""Faults that a test or a person orders: wrong statuses, cut connections, slow and torn answers."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

Action = Literal[
    "status",
    "timeout",
    "reset",
    "slow",
    "torn",
    "after_effect_status",
    "after_effect_timeout",
    "after_effect_reset",
]
"""What a rule does.

``status`` answers with it and performs nothing; ``timeout`` keeps silent for ``seconds`` and cuts;
``reset`` cuts at once; ``slow`` waits for ``seconds``, then performs; ``torn`` performs and cuts in
the middle of the answer; ``after_effect_*`` performs the call and then answers wrong, keeps silent
or cuts.
"""


class FaultError(ValueError):
    """A rule that can't be understood."""


@dataclass(slots=True)
class FaultRule:
    """One ordered fault.

    Attributes:
        target: ``brevo`` or ``shopify``.
        action: See ``Action``.
        method: HTTP method, or None for every one.
        path: Regular expression searched in the path.
        body: Regular expression searched in the request's body, or None.
        status: Status of the wrong answer (429, 500, 502, 503 ...).
        seconds: Real seconds of silence or slowness.
        times: How many calls it hits; None is without end.
        after: How many matching calls pass unharmed first.
        probability: Chance that a matching call is hit.
        seed: Makes the chance repeatable.
        hits: How many calls it has hit.
        seen: How many calls matched.
    """

    target: str
    action: Action = "status"
    method: str | None = None
    path: str = ""
    body: str | None = None
    status: int = 500
    seconds: float = 30.0
    times: int | None = None
    after: int = 0
    probability: float = 1.0
    seed: int = 0
    hits: int = 0
    seen: int = 0
    _random: random.Random = field(default_factory=random.Random, repr=False)

    def __post_init__(self) -> None:
        """Check the words and start the chance at its seed."""
        if self.target not in ("brevo", "shopify"):
            msg = f"target is brevo or shopify, not {self.target!r}"
            raise FaultError(msg)
        if self.action not in get_args(Action):
            msg = f"action is one of {', '.join(get_args(Action))}, not {self.action!r}"
            raise FaultError(msg)
        try:
            re.compile(self.path)
            re.compile(self.body or "")
        except re.error as error:
            msg = f"not a regular expression: {error}"
            raise FaultError(msg) from error
        self._random = random.Random(self.seed)

    def strikes(self, method: str, path: str, body: bytes) -> bool:
        """Whether this call is hit; counts it."""
        if self.method is not None and self.method.upper() != method:
            return False
        if not re.search(self.path, path):
            return False
        if self.body is not None and not re.search(self.body, body.decode("utf-8", "replace")):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.hits >= self.times):
            return False
        if self._random.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def as_json(self) -> dict[str, Any]:
        """The rule and its counts."""
        return {f.name: getattr(self, f.name) for f in fields(self) if not f.name.startswith("_")}


def rule_from_json(data: dict[str, Any]) -> FaultRule:
    """A rule from the body of ``POST /_twin/faults``.

    Raises:
        FaultError: Unknown keys or words.
    """
    known = {f.name for f in fields(FaultRule)} - {"_random", "hits", "seen"}
    unknown = sorted(set(data) - known)
    if unknown or "target" not in data:
        msg = f"a rule needs target and knows {', '.join(sorted(known))}; found {', '.join(sorted(data))}"
        raise FaultError(msg)
    return FaultRule(**data)


class Faults:
    """The rules in force, asked once a call; the first that strikes decides."""

    def __init__(self) -> None:
        """Start without rules."""
        self.rules: list[FaultRule] = []

    def set(self, rules: list[dict[str, Any]], *, append: bool = False) -> None:
        """Replace the rules, or append to them.

        Raises:
            FaultError: A rule that can't be understood; nothing is changed then.
        """
        parsed = [rule_from_json(rule) for rule in rules]
        self.rules = [*self.rules, *parsed] if append else parsed

    def clear(self) -> None:
        """Forget all rules."""
        self.rules = []

    def strike(self, target: str, method: str, path: str, body: bytes) -> FaultRule | None:
        """The rule that hits this call, or None."""
        for rule in self.rules:
            if rule.target == target and rule.strikes(method, path, body):
                return rule
        return None

    def as_json(self) -> list[dict[str, Any]]:
        """All rules with their counts."""
        return [rule.as_json() for rule in self.rules]
