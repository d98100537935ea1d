from __future__ import annotations

import pytest

from tajo_pipelines.sync.thresholds import over_letters, too_malformed


@pytest.mark.parametrize(
    ("read", "rejected", "over"),
    [(0, 0, False), (20, 20, False), (100, 21, True), (1_000, 50, False), (1_000, 51, True), (100_000, 21, False)],
)
def test_letters_over_the_threshold_need_a_share_and_a_number(read: int, rejected: int, over: bool) -> None:
    assert over_letters(read, rejected, 0.05) is over


@pytest.mark.parametrize(
    ("read", "malformed", "too_many"),
    [(0, 0, False), (20, 20, False), (21, 21, True), (1_000, 100, False), (1_000, 101, True)],
)
def test_a_platform_that_answers_something_else_is_noticed(read: int, malformed: int, too_many: bool) -> None:
    assert too_malformed(read, malformed) is too_many
