"""Carts live: whatever comes, in whatever order, nobody is written to for a cart that was paid or emptied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tajo_pipelines.model.window import parse_time
from tajo_pipelines.sdk.connector import Deleted
from tajo_pipelines.sdk.webhooks import CartClosed
from tajo_pipelines.sync.cart_memory import REMEMBERED, CartMemory
from tajo_pipelines.sync.carts import close_carts
from tajo_pipelines_tests.sync.cart_world import NOON, NOW, PRICES, RATE, Engine, Goods, Shopper, Told, engines, fresh

TEA: Goods = (("11", 2),)
MORE: Goods = (("11", 2), ("12", 1))
OTHER: Goods = (("13", 5),)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with engines(tmp_path_factory.mktemp("carts")) as made:
        yield made


_NUMBERS = count()


@pytest.fixture
def engine(shared: Engine) -> Engine:
    return fresh(shared, next(_NUMBERS))


def buyer(**more: Any) -> Shopper:
    """Somebody whose cart has tea in it, and whose checkout is begun."""
    made = Shopper(next(_NUMBERS) + 5_000_000_000, **more)
    made.fill(TEA)
    made.name()
    made.check_out()
    return made


def names(events: Sequence[dict[str, Any]]) -> list[str]:
    return [event["event_name"] for event in events]


def goods_of(event: dict[str, Any]) -> Goods:
    return tuple((item["variant_id"], item["quantity"]) for item in event["event_properties"].get("items", ()))


def test_a_stores_cart_is_told_under_the_key_and_to_the_owner_of_its_checkout(engine: Engine) -> None:
    shopper = buyer()
    engine.flush(shopper.told)
    shopper.fill(MORE)
    (event,) = engine.flush(shopper.told[-1:])
    said = event["event_properties"]
    assert (event["event_name"], event["identifiers"]) == ("cart_updated", {"email_id": shopper.email})
    assert (said["id"], said["url"]) == (f"cart:{shopper.number}", shopper.link)
    assert (goods_of(event), said["total"], said["currency"]) == (MORE, 39.9, "EUR")


def test_a_stores_cart_that_leads_to_no_checkout_is_nobodys(engine: Engine) -> None:
    shopper = buyer()
    assert engine.flush(shopper.told[:1]) == []
    assert engine.report.skipped == {"no_identifier": 1}
    (event,) = engine.flush(shopper.told[1:])
    assert goods_of(event) == TEA


def test_a_checkout_of_nobody_is_told_once_it_is_somebodys(engine: Engine) -> None:
    shopper = Shopper(next(_NUMBERS) + 5_000_000_000)
    shopper.fill(TEA)
    shopper.check_out()
    shopper.fill(MORE)
    assert engine.flush(shopper.told[:2]) == []
    assert engine.flush(shopper.told[2:]) == []
    shopper.name()
    shopper.check_out()
    assert names(engine.flush(shopper.told[-1:])) == ["cart_updated"]


def test_the_same_change_told_by_the_cart_and_by_its_checkout_is_one_event(engine: Engine) -> None:
    shopper = buyer()
    engine.flush(shopper.told)
    shopper.fill(MORE)
    shopper.check_out()
    assert names(engine.flush(shopper.told[-2:-1])) == ["cart_updated"]
    assert engine.flush(shopper.told[-1:]) == []
    assert engine.report.unchanged == 1


def test_an_address_or_a_touch_of_the_shop_is_no_news(engine: Engine) -> None:
    shopper = buyer()
    engine.flush(shopper.told)
    shopper.check_out()
    shopper.touch()
    shopper.read()
    assert engine.flush(shopper.told[-2:-1]) == engine.flush(shopper.told[-1:]) == []


@pytest.mark.parametrize("foreign", [False, True])
def test_what_a_batch_reads_of_a_told_cart_is_no_second_event(engine: Engine, foreign: bool) -> None:
    shopper = buyer(foreign=foreign)
    (event,) = engine.flush(shopper.told)
    assert event["event_properties"]["currency"] == ("CHF" if foreign else "EUR")
    shopper.touch()
    shopper.read()
    assert engine.flush(shopper.told[-1:]) == []
    assert engine.report.unchanged == 1


def test_an_emptied_cart_is_deleted_once_and_told_again_when_it_is_refilled(engine: Engine) -> None:
    shopper = buyer()
    engine.flush(shopper.told)
    shopper.fill(())
    shopper.fill(())
    (event,) = engine.flush(shopper.told[-2:-1])
    assert (event["event_name"], event["event_properties"]["currency"]) == ("cart_deleted", "EUR")
    assert engine.flush(shopper.told[-1:]) == []
    shopper.fill(TEA)
    assert names(engine.flush(shopper.told[-1:])) == ["cart_updated"]


def test_a_form_from_before_the_emptying_resurrects_nothing(engine: Engine) -> None:
    shopper = buyer()
    first = list(shopper.told)
    shopper.fill(())
    engine.flush([*first, shopper.told[-1]])
    assert engine.flush(first) == []
    shopper.read()
    assert engine.flush(shopper.told[-1:]) == []


def test_a_checkout_that_comes_after_its_cart_was_emptied_is_told_to_nobody(engine: Engine) -> None:
    shopper = buyer()
    shopper.fill(())
    assert engine.flush(shopper.told[-1:]) == []
    assert engine.flush(shopper.told[1:2]) == []
    assert engine.report.skipped == {"empty": 1}
    shopper.fill(OTHER)
    assert [goods_of(event) for event in engine.flush(shopper.told[-1:])] == [OTHER]


def test_an_unchanged_form_still_keeps_older_ones_out(engine: Engine) -> None:
    shopper = buyer()
    shopper.fill(MORE)
    shopper.fill(TEA)
    engine.flush(shopper.told[1:2])
    engine.flush(shopper.told[3:])
    assert engine.flush(shopper.told[2:3]) == []


@pytest.mark.parametrize("webhook", [True, False], ids=["webhook", "read"])
@pytest.mark.parametrize("first", [True, False], ids=["order_first", "order_last"])
def test_no_cart_mail_after_the_purchase(engine: Engine, webhook: bool, first: bool) -> None:
    shopper = buyer()
    shopper.fill(MORE)
    shopper.pay(webhook=webhook)
    shopper.read()
    order = [one for one in shopper.told if "order" in one.topic]
    rest = [one for one in shopper.told if "order" not in one.topic and not one.over]
    engine.flush(order if first else rest)
    assert names(engine.flush(rest if first else order)) == []
    assert engine.flush(shopper.told) == []


@pytest.mark.parametrize("key", ["number", "token", "checkout_token"])
@pytest.mark.parametrize("known", [True, False], ids=["cart_known", "cart_unknown"])
def test_an_order_closes_its_cart_by_any_of_its_names(engine: Engine, key: str, known: bool) -> None:
    shopper = buyer()
    if known:
        assert len(engine.flush(shopper.told)) == 1
    close_carts(engine.state, engine.connection, [CartClosed((str(getattr(shopper, key)),), "900", NOON)])
    shopper.fill(MORE)
    shopper.check_out()
    shopper.read()
    for one in shopper.told:
        assert engine.flush([one]) == []
        # A cart's token leads to the checkout, which the order names, once the checkout was told of.
        assert set(engine.report.skipped) <= {"completed", "no_identifier"}


def test_a_checkout_that_was_only_read_is_closed_by_the_token_in_its_link(engine: Engine) -> None:
    shopper = buyer()
    shopper.read()
    close_carts(engine.state, engine.connection, [CartClosed((shopper.token,), "900", NOON)])
    assert engine.flush(shopper.told[-1:]) == []
    assert engine.report.skipped == {"completed": 1}


def test_an_order_that_names_the_cart_closes_its_checkout_too(engine: Engine) -> None:
    """What is read of a checkout may name neither token."""
    shopper = buyer()
    engine.flush(shopper.told)
    close_carts(engine.state, engine.connection, [CartClosed((shopper.token,), "900", NOON)])
    shopper.goods = MORE
    shopper.check_out()
    shopper.read()
    read = shopper.told[-1]
    read.body["abandonedCheckoutUrl"] = "https://kontor.example/elsewhere"
    assert engine.flush([read]) == []


def test_a_late_form_doesn_t_bring_an_old_address_back(engine: Engine) -> None:
    shopper = buyer()
    shopper.email = "new@example.com"
    shopper.check_out()
    engine.flush(shopper.told[2:])
    engine.flush(shopper.told[:2])
    shopper.fill(MORE)
    (event,) = engine.flush(shopper.told[-1:])
    assert event["identifiers"] == {"email_id": "new@example.com"}


def test_a_paid_checkout_closes_its_cart_before_its_order_is_known(engine: Engine) -> None:
    shopper = buyer()
    shopper.pay(webhook=True)
    done = [one for one in shopper.told if one.over and one.goods is not None]
    engine.flush(done)
    assert engine.flush([one for one in shopper.told if one not in done]) == []


def test_an_order_of_another_cart_closes_nothing_here(engine: Engine) -> None:
    shopper, other = buyer(), buyer()
    other.pay(webhook=True)
    engine.flush(other.told)
    assert names(engine.flush(shopper.told)) == ["cart_updated"]


def test_at_the_same_time_what_was_read_counts(engine: Engine) -> None:
    """Times of a checkout are whole seconds: a webhook of the same second may be the older one."""
    shopper = buyer()
    shopper.read()
    late = Told("webhook", "checkouts/update", shopper.told[1].body | {"line_items": []}, shopper.told[1].at, ())
    assert [goods_of(event) for event in engine.flush([late, shopper.told[-1]])] == [TEA]
    assert engine.flush([late]) == []
    assert engine.report.superseded == 1


def test_another_form_of_the_same_second_is_told_and_the_first_never_again(engine: Engine) -> None:
    shopper = buyer()
    other = Shopper(shopper.number)
    other.email = shopper.email
    other.fill(MORE)
    other.check_out()
    assert other.told[1].at == shopper.told[1].at
    assert len(engine.flush(shopper.told[1:])) == 1
    assert [goods_of(event) for event in engine.flush(other.told[1:])] == [MORE]
    assert engine.flush(shopper.told[1:]) == []
    other.touch()
    other.read()
    assert engine.flush(other.told[-1:]) == []


def gone(engine: Engine, shopper: Shopper, at: datetime = NOW) -> list[dict[str, Any]]:
    before, delivery = len(engine.account.taken), engine.delivery()
    delivery.delete([Deleted(str(shopper.number), at)], NOW)
    engine.report = delivery.report
    return engine.account.taken[before:]


def test_a_deleted_checkout_is_a_deleted_cart_where_it_was_told_of(engine: Engine) -> None:
    shopper = buyer()
    assert gone(engine, shopper) == []
    engine.flush(shopper.told)
    (event,) = gone(engine, shopper)
    assert (event["event_name"], event["identifiers"]) == ("cart_deleted", {"email_id": shopper.email})
    assert engine.report.deleted == 1
    engine.report.check()
    assert gone(engine, shopper, NOW + timedelta(seconds=1)) == []
    assert engine.flush(shopper.told) == []


def test_a_checkout_that_is_deleted_after_its_order_is_no_event(engine: Engine) -> None:
    shopper = buyer()
    engine.flush(shopper.told)
    shopper.pay(webhook=True)
    engine.flush(shopper.told)
    assert gone(engine, shopper) == []


def test_an_old_delivery_of_a_deletion_is_history(engine: Engine) -> None:
    shopper = buyer()
    engine.flush(shopper.told)
    assert gone(engine, shopper, NOW - timedelta(days=2)) == []


# -- in any order ---------------------------------------------------------------------------------------------------

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


@st.composite
def flushes(draw: st.DrawFn, told: list[tuple[Shopper, Told]]) -> list[list[tuple[Shopper, Told]]]:
    """All of it in any order, some of it twice, in any number of flushes."""
    again = draw(st.lists(st.sampled_from(told), max_size=4))
    all_told = [*told, *again]
    parts = draw(st.lists(st.integers(0, 9), min_size=len(all_told), max_size=len(all_told)))
    if draw(st.booleans()):
        # As it happens, one after the other, but for what comes again or late.
        parts = [part if part < 3 else 10 + number for number, part in enumerate(parts)]
    return [[one for one, its in zip(all_told, parts, strict=True) if its == part] for part in sorted(set(parts))]


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
@given(data=st.data(), people=shoppers())
def test_carts_in_any_order_are_told_rightly_and_never_after_their_order(
    shared: Engine, data: st.DataObject, people: list[Shopper]
) -> None:
    engine = fresh(shared, next(_NUMBERS))
    told = [(shopper, one) for shopper in people for one in shopper.told]
    oracles = {shopper.number: Oracle(shopper) for shopper in people}
    for part in data.draw(flushes(told)):
        events = engine.flush([one for _, one in part])
        for number, oracle in oracles.items():
            own = [event for event in events if event["event_properties"]["cart_id"] == str(number)]
            oracle.take([one for shopper, one in part if shopper.number == number], own)
        assert len(events) == sum(
            event["event_properties"]["cart_id"] in {str(number) for number in oracles} for event in events
        )
    for oracle in oracles.values():
        oracle.check_end()


def test_carts_are_forgotten_when_nothing_is_told_of_them_for_long(engine: Engine) -> None:
    paid, shopper, emptied = buyer(), buyer(), buyer()
    paid.pay(webhook=True)
    emptied.fill(())
    engine.flush([*paid.told, *shopper.told, emptied.told[-1]])
    memory = CartMemory(engine.state, engine.connection)
    assert memory.forget(NOW + REMEMBERED - timedelta(hours=2)) == 0
    assert engine.flush(paid.told) == []
    # The names of two checkouts, three each, and where their tokens lead; the token of the cart that was emptied.
    assert memory.forget(NOW + REMEMBERED) == 3 + 2 + 1 + 2 + 1
    assert memory.closed([]) == set()


def test_nothing_is_kept_of_a_cart_that_nobody_began_a_checkout_for(engine: Engine) -> None:
    shopper = Shopper(next(_NUMBERS) + 5_000_000_000)
    shopper.fill(TEA)
    engine.flush(shopper.told)
    assert engine.state.source_states(engine.connection, "cart_tokens", [shopper.token]) == {}
