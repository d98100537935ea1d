from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines.twin.brevo import imports
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines_tests.e2e.conftest import Build
from tajo_pipelines_tests.e2e.killed import kill_after, kill_at
from tajo_pipelines_tests.e2e.project import FACTOR, Project, hurry, small_shop

SHOP = 30
HELD, HELD_AFTERWARDS = "timeout", "after_effect_timeout"


def outcome(project: Project) -> dict[str, Any]:
    """What a run left at Brevo, but for times and numbers that Brevo gave."""
    names = {entry["id"]: entry["name"] for entry in project.twin.state("brevo")["lists"]}
    return {
        "contacts": {
            email: {
                "attributes": {k: v for k, v in contact["attributes"].items() if k != "TAJO_BLOCKED"},
                "blocks": sorted(
                    word.rpartition("@")[0] for word in contact["attributes"].get("TAJO_BLOCKED", "").split()
                ),
                "blocked": (contact["emailBlacklisted"], contact["smsBlacklisted"]),
                "lists": sorted(names[number] for number in contact["listIds"]),
            }
            for email, contact in project.contacts().items()
        },
        "orders": {
            number: (order["amount"], order["status"], order["email"]) for number, order in project.orders().items()
        },
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What an undisturbed run of the same shop leaves."""
    options = TwinOptions(customers=SHOP, tier="unlimited")
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch, import_from=5)
        small_shop(patch)
        with running_twin(options=options, clock=TwinClock(FACTOR)) as twin:
            project = Project.make(Path(tmp_path_factory.mktemp("undisturbed")), twin)
            project.sync("full")
            yield outcome(project)


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each address was in an import that was carried out."""
    counted: Counter[str] = Counter()
    apply = imports._apply

    def counting(account: Any, process: dict[str, Any]) -> None:
        counted.update(row["email"] for row in process["rows"])
        apply(account, process)

    monkeypatch.setattr(imports, "_apply", counting)
    return counted


def brevo(method: str, path: str, action: str = HELD, after: int = 0) -> dict[str, Any]:
    return {"target": "brevo", "method": method, "path": path, "action": action, "after": after}


def shop(after: int, action: str = HELD) -> dict[str, Any]:
    return {"target": "shopify", "method": "POST", "path": "graphql", "action": action, "after": after}


EXACT = {
    "in the middle of reading": shop(1),
    "between landing and delivery": brevo("GET", "/account$"),
    "while a list is made": brevo("POST", "/contacts/lists$", HELD_AFTERWARDS),
    "before an import is taken": brevo("POST", "/contacts/import", HELD, after=1),
    "after the first import was taken, its answer unread": brevo("POST", "/contacts/import", HELD_AFTERWARDS),
    "after a later import was taken, its answer unread": brevo("POST", "/contacts/import", HELD_AFTERWARDS, after=1),
    "while waiting for a process": brevo("GET", "/processes", HELD, after=1),
    "in the middle of single writes": brevo("POST", "/contacts$", HELD_AFTERWARDS, after=2),
    "in the middle of the buyers": brevo("POST", "/contacts$", HELD, after=6),
    "after orders were taken, the answer unread": brevo("POST", "/orders/status/batch", HELD_AFTERWARDS),
}


@pytest.mark.parametrize("point", EXACT)
def test_killed_at_a_point_and_started_again(
    build: Build, undisturbed: dict[str, Any], imported: Counter[str], point: str
) -> None:
    project = build(customers=SHOP)
    assert kill_at(project, EXACT[point]), "the run never came to this point"
    project.sync("full")
    assert outcome(project) == undisturbed
    assert [email for email, times in imported.items() if times > 1] == []


@pytest.mark.parametrize("seed", range(10))
def test_killed_at_a_random_point_and_started_again(
    build: Build, undisturbed: dict[str, Any], imported: Counter[str], seed: int
) -> None:
    dice = random.Random(f"kill {seed}")
    project = build(customers=SHOP)
    for mode in ("full", "incremental")[: 1 + seed % 2]:
        if seed >= 8:
            kill_after(project, dice.uniform(0.1, 0.5), mode)
            continue
        rule = {"target": "brevo", "action": dice.choice([HELD, HELD_AFTERWARDS]), "after": dice.randrange(28)}
        kill_at(project, rule, mode)
    project.sync("full")
    assert outcome(project) == undisturbed
    assert [email for email, times in imported.items() if times > 1] == []
