"""Carts live: nobody is written to for a cart that was paid or emptied, nor twice for one that wasn't."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from tajo_pipelines.sdk.connector import Deleted
from tajo_pipelines.sdk.webhooks import CartClosed
from tajo_pipelines.sync.cart_memory import REMEMBERED, CartMemory
from tajo_pipelines.sync.carts import close_carts
from tajo_pipelines_tests.sync.cart_world import Engine, engines, fresh
from tajo_pipelines_tests.sync.shopper import MORE, NOON, NOW, NUMBERS, OTHER, TEA, Shopper, Told, buyer, goods_of


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with engines(tmp_path_factory.mktemp("carts")) as made:
        yield made


@pytest.fixture
def engine(shared: Engine) -> Engine:
    return fresh(shared, next(NUMBERS))


def names(events: Sequence[dict[str, Any]]) -> list[str]:
    return [event["event_name"] for event in events]


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
    shopper = Shopper(next(NUMBERS))
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
    shopper = Shopper(next(NUMBERS))
    shopper.fill(TEA)
    engine.flush(shopper.told)
    assert engine.state.source_states(engine.connection, "cart_tokens", [shopper.token]) == {}
