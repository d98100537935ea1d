"""The newest landed form of each record, however many batches hold it and however little is held in memory."""

from __future__ import annotations

import tracemalloc
from datetime import date
from pathlib import Path

import pytest

from tajo_pipelines.model.errors import ContractError
from tajo_pipelines.model.record import Record
from tajo_pipelines.sync import landed_forms
from tajo_pipelines.sync.landed_forms import first_landed_day, kept_batches, newest_forms
from tajo_pipelines.sync.landing import Landed, land
from tajo_pipelines.sync.reading import Reading, ReadMode, ReadRequest
from tajo_pipelines.sync.storage import location
from tajo_pipelines_tests.sync.support import NOON, OpenShop, ScriptedWorkspace, page, record


def landed(open_shop: OpenShop, *reads: list[Record]) -> ScriptedWorkspace:
    """Each read landed, one after the other."""
    workspace = open_shop()
    for number, records in enumerate(reads):
        workspace.source.pages = (page(*records, last=True),)
        request = ReadRequest("shop", "customers", ReadMode.FULL, f"run-{number}")
        land(workspace, Reading(workspace, request), Landed())
    return workspace


def newest(workspace: ScriptedWorkspace) -> list[tuple[str, str]]:
    batches = kept_batches(workspace, "shop", "customers", date.min, date.max)
    return sorted((form.key, form.raw["word"]) for form in newest_forms(workspace, batches))


@pytest.mark.parametrize("pass_rows", [1, 3, 1000])
def test_the_newest_form_counts_and_of_equal_times_the_one_that_was_landed_later(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch, pass_rows: int
) -> None:
    monkeypatch.setattr(landed_forms, "PASS_ROWS", pass_rows)
    workspace = landed(
        open_shop,
        [record(1, 5, word="old"), record(2, 0, word="newest"), record(3, 7, word="first")],
        [record(1, 2, word="new"), record(2, 9, word="late and old"), record(3, 7, word="again")],
        [record(4, None, word="without time")],
    )
    assert newest(workspace) == [("1", "new"), ("2", "newest"), ("3", "again"), ("4", "without time")]


def test_a_delivered_file_that_was_deleted_is_passed_over_and_an_undelivered_one_is_told(open_shop: OpenShop) -> None:
    workspace = landed(open_shop, [record(1, word="a")], [record(2, word="b")])
    first, second = kept_batches(workspace, "shop", "customers", date.min, date.max)
    workspace.store.batches.mark_delivered([first.id], NOON)
    for batch in (first, second):
        Path(location(workspace, batch.path)).unlink()
    left = kept_batches(workspace, "shop", "customers", date.min, date.max)
    assert [batch.id for batch in left] == [second.id]
    with pytest.raises(ContractError, match="gone from storage"):
        list(newest_forms(workspace, left))


def test_the_first_landed_day_is_that_of_the_oldest_batch(open_shop: OpenShop) -> None:
    workspace = open_shop()
    assert first_landed_day(workspace, "shop", "customers") is None
    landed(open_shop, [record(1)])
    assert first_landed_day(workspace, "shop", "customers") == NOON.date()


def test_memory_doesn_t_grow_with_the_number_of_forms(open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landed_forms, "PASS_ROWS", 100)
    monkeypatch.setattr(landed_forms, "GROUP_ROWS", 50)
    forms = [record(key, word="x" * 20_000) for key in range(150)]

    def peak(reads: int) -> int:
        workspace = landed(open_shop, *(forms for _ in range(reads)))
        batches = kept_batches(workspace, "shop", "customers", date.min, date.max)
        tracemalloc.start()
        seen = sum(1 for _ in newest_forms(workspace, batches))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert seen == len(forms)
        return most

    few = peak(1)
    assert few < 75 * 20_000  # a group of raw objects is held, never all of them
    assert peak(4) < 1.5 * few
