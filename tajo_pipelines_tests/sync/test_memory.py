from __future__ import annotations

import ctypes

import pytest

from tajo_pipelines.sync import memory


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    memory._trim.cache_clear()


def test_a_c_library_that_keeps_its_memory_stops_no_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ctypes, "CDLL", lambda _name: object())
        memory.give_back()
    memory._trim.cache_clear()


def test_free_memory_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Library:
        def malloc_trim(self, pad: int) -> int:
            asked.append(pad)
            return 1

    with monkeypatch.context() as patch:
        patch.setattr(ctypes, "CDLL", lambda _name: Library())
        memory.give_back()
    memory._trim.cache_clear()
    assert asked == [0]
