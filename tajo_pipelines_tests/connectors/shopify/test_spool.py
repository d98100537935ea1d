from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo_pipelines.connectors.shopify.spool import Spool
from tajo_pipelines.model.errors import ContractError


def line(key: str, parent: str | None = None, **more: Any) -> bytes:
    return json.dumps({"id": key, **more, **({"__parentId": parent} if parent else {})}).encode()


def joined(lines: list[bytes], *, by_change: bool = False, skip: int = 0) -> list[tuple[str, list[str]]]:
    with Spool(by_change=by_change) as spool:
        spool.add(lines)
        return [(group.id, [key for key, _ in group.children]) for group in spool.groups(skip)]


@given(st.lists(st.integers(0, 4), max_size=12), st.randoms(use_true_random=False))
def test_whatever_the_order_of_the_file_every_child_finds_its_parent(sizes: list[int], draw: random.Random) -> None:
    families = {f"p{number}": [f"p{number}c{child}" for child in range(size)] for number, size in enumerate(sizes)}
    parents = [line(parent) for parent in families]
    children = [line(child, parent) for parent, inner in families.items() for child in inner]
    lines = parents + children
    draw.shuffle(lines)
    order = [json.loads(each)["id"] for each in lines]
    expected = [(parent, [key for key in order if key in families[parent]]) for parent in order if parent in families]
    assert joined(lines) == expected
    assert joined(lines, skip=2) == expected[2:]


def test_an_object_that_comes_twice_counts_as_it_came_last() -> None:
    with Spool(by_change=False) as spool:
        spool.add([line("p", v=1), line("c", "p", v=1), line("q"), line("p", v=2), line("c", "p", v=2)])
        groups = list(spool.groups())
    assert [group.id for group in groups] == ["q", "p"]
    assert json.loads(groups[1].body)["v"] == 2
    assert [json.loads(body)["v"] for _, body in groups[1].children] == [2]


def test_a_window_comes_in_the_order_of_change_and_ties_in_that_of_the_file() -> None:
    lines = [
        line("b", updatedAt="2026-10-02T00:00:00Z"),
        line("a", updatedAt="2026-10-01T23:59:59Z"),
        line("c", updatedAt="2026-10-02T02:00:00+02:00"),
    ]
    assert [key for key, _ in joined(lines, by_change=True)] == ["a", "b", "c"]


@pytest.mark.parametrize("bad", [b"{", b"[]", b'{"title": "x"}', b'{"id": 5}', b'{"id": "p"'])
def test_a_line_that_is_no_object_with_an_id_is_said_aloud(bad: bytes) -> None:
    with pytest.raises(ContractError) as caught:
        joined([line("p"), bad])
    assert caught.value.code == "torn_file"


def test_an_object_without_time_can_t_be_sorted() -> None:
    with pytest.raises(ContractError):
        joined([line("p")], by_change=True)


def test_grandchildren_aren_t_dropped_in_silence() -> None:
    with pytest.raises(ContractError) as caught:
        joined([line("p"), line("c", "p"), line("g", "c")])
    assert caught.value.code == "orphans"


def test_nothing_is_left_behind_on_disk(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    monkeypatch.setenv("SQLITE_TMPDIR", str(folder))
    with Spool(by_change=False) as spool:
        spool.add(line(f"p{number}", text="x" * 4000) for number in range(6000))
        assert len(list(spool.groups())) == 6000
        assert list(folder.iterdir()) == []
