"""Carts live: whatever comes, in whatever order, however often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tajo_pipelines.model.window import parse_time
from tajo_pipelines_tests.sync.cart_world import Engine, engines, fresh
from tajo_pipelines_tests.sync.shopper import MORE, NUMBERS, OTHER, PRICES, RATE, TEA, Goods, Shopper, Told, goods_of


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with engines(tmp_path_factory.mktemp("carts")) as made:
        yield made


_GOODS: list[Goods] = [(), (), TEA, MORE, OTHER]
_STEPS = ("fill", "fill", "fill and check out", "check out", "touch and read", "read", "pay", "pay unheard", "name")


@st.composite
def shoppers(draw: st.DrawFn) -> list[Shopper]:
    made = []
    for number in range(draw(st.integers(1, 2))):
        shopper = Shopper(5_000_000_000 + number, foreign=number == 1)
        _step(shopper, "fill", TEA)
        for name in draw(st.sampled_from([("name", "check out"), ("check out",), ()])):
            _step(shopper, name, ())
        for name in draw(st.lists(st.sampled_from(_STEPS), min_size=1, max_size=7)):
            _step(shopper, name, draw(st.sampled_from(_GOODS)) if name.startswith("fill") else ())
        made.append(shopper)
    return made


def _step(shopper: Shopper, name: str, goods: Goods) -> None:
    if name.startswith("touch"):
        shopper.touch()
    if name.endswith("read"):
        shopper.read()
    elif shopper.paid_at is None:
        if name.startswith("fill"):
            shopper.fill(goods)
        if name.endswith("check out"):
            shopper.check_out()
        if name == "name":
            shopper.name()
        if name.startswith("pay"):
            shopper.pay(webhook=name == "pay")


Part = list[tuple[Shopper, Told]]


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Shopper], list[Part]]:
    """Shoppers, and all that is told of them: in any order, some of it twice, in any number of flushes."""
    people = draw(shoppers())
    told = [(shopper, one) for shopper in people for one in shopper.told]
    again = draw(st.lists(st.integers(0, len(told) - 1), max_size=4))
    told += [told[number] for number in again]
    parts = draw(st.lists(st.integers(0, 9), min_size=len(told), max_size=len(told)))
    if draw(st.booleans()):
        # As it happens, one after the other, but for what comes late.
        parts = [10 + number if part < 7 else 10 * part for number, part in enumerate(parts)]
    return people, [[one for one, its in zip(told, parts, strict=True) if its == part] for part in sorted(set(parts))]


class Oracle:
    """What may be told of one cart, by what has been delivered of it, in words of its own."""

    def __init__(self, shopper: Shopper) -> None:
        self.shopper = shopper
        self.over = False
        self.owned = False
        self.forms: list[tuple[Told, bool]] = []
        self.events: list[dict[str, Any]] = []

    def take(self, told: Sequence[Told], events: Sequence[dict[str, Any]]) -> None:
        self.over = self.over or any(one.over for one in told)
        self.owned = self.owned or any(one.owned and one.path == "webhook" for one in told)
        self.forms += [(one, self.owned if one.by_token else one.owned) for one in told if one.goods is not None]
        assert not (self.over and events), "told after the order was known"
        for event in events:
            self._check(event)
        self.events += events

    def _check(self, event: dict[str, Any]) -> None:
        said, at = event["event_properties"], parse_time(event["event_date"])
        fitting = [one for one, _ in self.forms if one.at == at]
        assert {goods_of(event)} == {one.goods for one in fitting}
        assert (event["event_name"] == "cart_deleted") is (goods_of(event) == ())
        money = {"EUR": Decimal(1)} if not self.shopper.foreign else {"EUR": Decimal(1), "CHF": RATE}
        rate = money[said["currency"]]
        assert [Decimal(str(item["price"])) for item in said.get("items", ())] == [
            PRICES[variant] * rate for variant, _ in goods_of(event)
        ]
        total = sum((PRICES[variant] * rate * quantity for variant, quantity in goods_of(event)), Decimal(0))
        assert Decimal(str(said["total"])) == total
        assert event["identifiers"] == {"email_id": self.shopper.email}
        assert said["url"].startswith(self.shopper.link)

    def check_end(self) -> None:
        told = [(event["event_name"], event["event_date"]) for event in self.events]
        assert len(set(told)) == len(told), "one cause twice"
        assert [at for _, at in told] == sorted(at for _, at in told), "an older form after a newer one"
        assert all(goods_of(one) != goods_of(other) for one, other in pairwise(self.events)), "no news"
        if self.over or not self.forms:
            return
        newest = max(one.at for one, _ in self.forms)
        forms = [(one, joined) for one, joined in self.forms if one.at == newest]
        goods = forms[0][0].goods
        if goods == ():
            assert not self.events or told[-1][0] == "cart_deleted", "emptied, and not told"
        elif any(joined for _, joined in forms):
            assert self.events, "never told"
            assert sorted(goods_of(self.events[-1])) == sorted(goods or ()), "the newest form wasn't told"


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories())
def test_carts_in_any_order_are_told_rightly_and_never_after_their_order(
    shared: Engine, story: tuple[list[Shopper], list[Part]]
) -> None:
    people, parts = story
    engine = fresh(shared, next(NUMBERS))
    oracles = {str(shopper.number): Oracle(shopper) for shopper in people}
    for part in parts:
        events = engine.flush([one for _, one in part])
        assert {event["event_properties"]["cart_id"] for event in events} <= oracles.keys()
        for number, oracle in oracles.items():
            own = [event for event in events if event["event_properties"]["cart_id"] == number]
            oracle.take([one for shopper, one in part if str(shopper.number) == number], own)
    for oracle in oracles.values():
        oracle.check_end()
