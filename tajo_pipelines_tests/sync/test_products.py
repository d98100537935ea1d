from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tajo_pipelines.model.errors import ConfigError, RetryableError
from tajo_pipelines.model.letter import LetterKind
from tajo_pipelines.model.product import Category, Product, Variant
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.report import StreamReport
from tajo_pipelines.store import Store, open_store
from tajo_pipelines.sync.products import ProductDelivery, ProductRules
from tajo_pipelines_tests.brevo.stub import Received, Reply, bench, stub

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def product(number: int, variants: int = 2, **more: Any) -> Product:
    values: dict[str, Any] = {
        "id": str(number),
        "title": f"Product {number}",
        "status": "active",
        "currency": "EUR",
        "updated_at": NOW - 2 * HOUR,
        "categories": (Category(id="c1", name="Shirts"),),
        "variants": tuple(
            Variant(id=f"{number}0{index}", title=f"Size {index}", price=Decimal("9.90"), stock=5)
            for index in range(variants)
        ),
    }
    return Product(**values | more)


@dataclass
class Brevo:
    """Keeps products by id and refuses some."""

    bad: set[str] = field(default_factory=set)
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: list[tuple[str, list[str]]] = field(default_factory=list)
    down: bool = False

    def __call__(self, received: Received) -> Reply:
        name = received.path.split("/")[2]
        items = received.body[name] if received.path.endswith("/batch") else [received.body]
        ids = [item["id"] for item in items]
        if self.down and name == "products":
            return Reply(401, {"code": "unauthorized", "message": "Key not found"})
        if self.bad & set(ids):
            return Reply(400, {"code": "invalid_parameter", "message": "imageUrl is invalid"})
        self.log.append((name, ids))
        self.kept |= {item["id"]: item for item in items}
        return Reply(201, {"createdCount": len(ids), "updatedCount": 0})

    def sent(self) -> list[str]:
        """Ids of products sent since the last look."""
        found = [number for name, ids in self.log if name == "products" for number in ids]
        self.log.clear()
        return found


@dataclass
class World:
    store: Store
    brevo: Brevo
    url: str
    products: int = 0

    def delivery(self, report: StreamReport, **rules: Any) -> ProductDelivery:
        self.bench = bench(self.url)
        given = ProductRules(**{"currency": "EUR", "rates": {}} | rules)
        return ProductDelivery("shopify", given, self.bench.client, self.store.account("acme"), report, "run-1")

    def deliver(self, products: list[Product], **rules: Any) -> StreamReport:
        report = StreamReport(read=len(products))
        delivery = self.delivery(report, **rules)
        try:
            delivery.deliver([(Record("products", p.id, p.updated_at, NOW, {}), p) for p in products], NOW)
        finally:
            self.bench.client.close()
            self.products += delivery.sent
        report.check()
        return report

    def letters(self) -> list[tuple[LetterKind, str, str]]:
        found = [kept.letter for kept in self.store.letters.list()]
        return sorted((letter.kind, letter.key, letter.message) for letter in found)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store, brevo = open_store(f"sqlite:///{tmp_path}/tajo.db"), Brevo()
    with stub(brevo) as served:
        yield World(store, brevo, served.url)
    store.close()


def test_categories_go_first_then_each_product_with_its_variants(world: World) -> None:
    report = world.deliver([product(1), product(2)])
    assert (report.mapped, report.sent, world.products) == (2, 2, 2)
    assert world.brevo.log[0] == ("categories", ["c1"])
    assert world.brevo.sent() == ["1", "100", "101", "2", "200", "201"]


def test_unchanged_products_cost_no_call(world: World) -> None:
    many = [product(number) for number in range(200)]
    assert world.deliver(many).sent == 200
    world.brevo.log.clear()
    again = world.deliver([msgspec.structs.replace(item, updated_at=NOW) for item in many])
    assert (again.unchanged, world.brevo.log) == (200, [])
    assert world.deliver(many[:3]).superseded == 3
    assert world.deliver([msgspec.structs.replace(many[0], updated_at=NOW)], force=True).sent == 1


def test_only_the_variant_that_changed_is_sent(world: World) -> None:
    world.deliver([product(1, variants=120)])
    world.brevo.sent()
    one = product(1, variants=120)
    variants = (*one.variants[:-1], msgspec.structs.replace(one.variants[-1], price=Decimal("12.00")))
    report = world.deliver([msgspec.structs.replace(one, variants=variants, updated_at=NOW)])
    assert (report.sent, world.brevo.sent()) == (1, ["10119"])


def test_a_variant_that_is_gone_is_deleted_at_brevo_once(world: World) -> None:
    world.deliver([product(1)])
    world.brevo.sent()
    smaller = product(1, variants=1, updated_at=NOW - HOUR)
    world.deliver([smaller])
    assert "101" in world.brevo.sent()
    assert world.brevo.kept["101"]["isDeleted"] is True
    assert world.deliver([msgspec.structs.replace(smaller, updated_at=NOW)]).unchanged == 1


def test_a_deleted_product_goes_with_all_variants_that_brevo_was_given(world: World) -> None:
    world.deliver([product(1)])
    report = StreamReport()
    delivery = world.delivery(report)
    delivery.delete(["1", "unknown"], NOW)
    delivery.delete(["1"], NOW)
    world.bench.client.close()
    assert report.deleted == 1
    assert {number for number, item in world.brevo.kept.items() if item.get("deletedAt")} == {"1", "100", "101"}
    world.brevo.sent()
    assert world.deliver([product(1, updated_at=NOW)]).sent == 1  # it came back
    assert world.brevo.kept["1"]["isDeleted"] is False


def test_a_refused_product_is_a_letter_that_closes_when_it_is_mended(world: World) -> None:
    world.brevo.bad = {"200"}
    report = world.deliver([product(1), product(2), product(3)])
    assert (report.sent, report.failed) == (2, 1)
    assert world.letters() == [(LetterKind.PRODUCT, "2", "Brevo refuses 200 of this product")]
    world.brevo.bad = set()
    world.brevo.sent()
    healed = world.deliver([product(1), product(2), product(3)])
    assert (healed.unchanged, healed.sent, world.brevo.sent()) == (2, 1, ["200"])
    assert world.letters() == []


def test_a_refused_category_is_a_letter_and_the_products_go(world: World) -> None:
    world.brevo.bad = {"c1"}
    assert world.deliver([product(1)]).sent == 1
    assert world.letters() == [(LetterKind.PRODUCT, "category:c1", "Brevo refuses category c1")]
    world.brevo.bad = set()
    world.deliver([product(1, updated_at=NOW)])
    assert world.letters() == []


def test_a_run_that_breaks_off_keeps_what_was_taken(world: World) -> None:
    world.deliver([product(1)])
    world.brevo.down = True
    with pytest.raises(Exception, match="refuses the API key"):
        world.deliver([product(1), product(2)])
    world.brevo.down = False
    world.brevo.sent()
    report = world.deliver([product(1), product(2)])
    assert (report.unchanged, report.sent, world.brevo.sent()) == (1, 1, ["2", "200", "201"])


def test_the_newest_form_in_a_run_counts(world: World) -> None:
    report = world.deliver([product(1), product(1, title="Newest", updated_at=NOW), product(1)])
    assert (report.sent, report.superseded) == (1, 2)
    assert world.brevo.kept["1"]["name"] == "Newest"


def test_a_shop_in_another_currency_needs_a_rate(world: World) -> None:
    dollar = product(1, currency="USD")
    with pytest.raises(ConfigError):
        world.deliver([dollar])
    assert world.deliver([dollar], rates={"USD": Decimal("0.50")}).sent == 1
    assert world.brevo.kept["100"]["price"] == 4.95


def test_nobody_is_told_when_brevo_cant_be_reached(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/tajo.db")
    world = World(store, Brevo(), "http://127.0.0.1:9/v3")
    with pytest.raises(RetryableError):
        world.deliver([product(1)])
    assert store.account("acme").source_states("shopify", "products", ["1"]) == {}
    store.close()
