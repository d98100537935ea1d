from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo_pipelines.brevo.division import SHARE, divide
from tajo_pipelines.brevo.limits import EVENTS, OTHER, PRODUCTS, TIERS


@pytest.mark.parametrize(
    ("bucket", "size", "count", "alone", "first"),
    [
        (EVENTS, 200, 20, 20, 0),  # two seconds' worth: no batch is spent on it
        (EVENTS, 200, 100, 100, 0),
        (EVENTS, 200, 101, 0, 101),
        (PRODUCTS, 100, 20, 20, 0),
        (PRODUCTS, 100, 21, 0, 21),
        (PRODUCTS, 100, 5_000, 0, 5_000),  # half an hour's batches
        (PRODUCTS, 100, 5_500, 500, 5_000),  # 250 seconds rather than an hour for five more batches
        (PRODUCTS, 100, 20_000, 10_000, 5_000),  # two hours: 10,000 alone, 5,000 now, 5,000 in an hour
    ],
)
def test_work_is_divided_so_that_it_ends_first(bucket: str, size: int, count: int, alone: int, first: int) -> None:
    limits = TIERS["general"]
    division = divide(count, alone=limits[bucket], together=limits[OTHER], size=size)
    assert (division.alone, division.first) == (alone, first)


@given(st.integers(0, 200_000), st.sampled_from(sorted(TIERS)), st.sampled_from([(EVENTS, 200), (PRODUCTS, 100)]))
def test_nothing_is_counted_twice_and_no_hour_takes_more_than_its_share(
    count: int, tier: str, kind: tuple[str, int]
) -> None:
    bucket, size = kind
    limits = TIERS[tier]
    division = divide(count, alone=limits[bucket], together=limits[OTHER], size=size)
    rest = count - division.alone - division.first
    assert min(division.alone, division.first, rest) >= 0
    assert division.first <= int((limits[OTHER].per_hour or 0) * SHARE) * size
    # What waits for later hours has work going on beside it meanwhile.
    an_hour = limits[bucket].per_hour or 3600 * (limits[bucket].per_second or 0)
    assert rest <= division.first * -(-division.alone // an_hour)
