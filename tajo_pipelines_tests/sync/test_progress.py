"""Whoever watches a run hears of it record by record; who doesn't watch costs no call."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tajo_pipelines.model.errors import RetryableError
from tajo_pipelines.sync import reading
from tajo_pipelines.sync.landing import Landed, land
from tajo_pipelines.sync.progress import Work, observed_by, observer
from tajo_pipelines.sync.reading import Reading, ReadMode, ReadRequest
from tajo_pipelines_tests.sync.support import OpenShop, ScriptedWorkspace, page, record


@dataclass(slots=True)
class Witness:
    """Notes what it hears."""

    wants_totals: bool = True
    heard: list[tuple[str, int | None, int]] = field(default_factory=list)

    def begin(self, work: Work, total: int | None, done: int) -> None:
        self.heard.append((f"{work.stream} {work.phase} begins", total, done))

    def advance(self, work: Work, records: int) -> None:
        self.heard.append(("more", None, records))

    def end(self, work: Work) -> None:
        self.heard.append(("ends", None, 0))


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH_ROWS", 2)


def read(workspace: ScriptedWorkspace, mode: ReadMode = ReadMode.FULL) -> None:
    land(workspace, Reading(workspace, ReadRequest("shop", "customers", mode, "run")), Landed())


def test_a_reading_is_heard_of_batch_by_batch(open_shop: OpenShop) -> None:
    workspace = open_shop(page(record(1), record(2), cursor="a"), page(record(3), last=True))
    workspace.source.total = 3
    with observed_by(witness := Witness()):
        read(workspace)
    assert witness.heard == [
        ("customers reading begins", 3, 0),
        ("more", None, 2),
        ("more", None, 1),
        ("ends", None, 0),
    ]


def test_a_resumed_reading_says_what_was_done_before_and_a_failed_one_ends(open_shop: OpenShop, tmp_path: Path) -> None:
    workspace = open_shop(page(record(1), record(2), cursor="a"), RetryableError("the shop is away"))
    with observed_by(witness := Witness()), pytest.raises(RetryableError):
        read(workspace)
    assert witness.heard[-1] == ("ends", None, 0)
    workspace.source.pages = [page(record(3), last=True)]
    with observed_by(witness := Witness()):
        read(workspace)
    assert witness.heard[0] == ("customers reading begins", None, 2)


def test_without_anybody_who_wants_totals_nobody_counts(open_shop: OpenShop) -> None:
    workspace = open_shop(page(record(1), last=True))
    with observed_by(witness := Witness(wants_totals=False)):
        read(workspace)
    read(workspace)
    assert workspace.source.counted == 0
    assert witness.heard[0][1] is None


def test_a_count_that_fails_costs_the_total_alone(open_shop: OpenShop) -> None:
    workspace = open_shop(page(record(1), last=True))
    workspace.source.total = RetryableError("no count today")
    with observed_by(witness := Witness()):
        read(workspace)
    assert witness.heard == [("customers reading begins", None, 0), ("more", None, 1), ("ends", None, 0)]


def test_nobody_watches_afterwards() -> None:
    nobody = observer()
    with observed_by(witness := Witness()):
        assert observer() is witness
    assert observer() is nobody
