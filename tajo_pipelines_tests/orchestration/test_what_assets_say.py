"""What a person reads of an asset before anything ran: of every asset, of every connection, of any connector."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import dagster as dg
import pytest

from tajo_pipelines.sdk import registry
from tajo_pipelines_tests.orchestration.conftest import Define, connection

ALL = (
    connection("shopify")
    + connection("shopify-fr", "schedule: daily")
    + connection("shopify-us", 'schedule: "5 4 * * 1"')
)

MANIFEST = """
name: fancy
title: Fancy Desk
category: crm
auth: [token]
streams: [{name: customers, incremental: true, deletes: false, realtime: false}]
capabilities: {bulk: absent, webhooks: absent, write_back: absent}
"""

MAPPING = """
canonical:
  customers: {id: uid, email: contact.mail, last_order_date: orders.newest}
attributes:
  - {target: LAST_ORDER_DATE, from: last_order_date, type: date}
"""

CODE = """
from datetime import timedelta

from tajo_pipelines.model.customer import Customer
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.connector import Connector, Stream


def opened(config, clock=None):
    raise NotImplementedError


MANIFEST = registry.manifest("fancy")
CUSTOMERS = Stream.declared(MANIFEST, "customers", record=Customer, overlap=timedelta(0))
CONNECTOR = Connector(MANIFEST, (CUSTOMERS,), opened)
"""

FANCY = """  fancy:
    base_url: http://127.0.0.1:9
"""


@pytest.fixture
def second_connector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "foreign" / "fancy_connector"
    folder.mkdir(parents=True)
    for name, text in (("manifest.yaml", MANIFEST), ("mapping.yaml", MAPPING), ("__init__.py", CODE)):
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.delitem(sys.modules, "fancy_connector", raising=False)
    point = EntryPoint(name="fancy", value="fancy_connector", group=registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    for cache in (registry._all, registry.manifest, registry.mapping_file):
        cache.cache_clear()
    yield
    for cache in (registry._all, registry.manifest, registry.mapping_file):
        cache.cache_clear()


def specs(defs: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def feeding(spec: dg.AssetSpec, column: str) -> list[tuple[str, str]]:
    """What a column is made of: keys and names of columns."""
    lineage = spec.metadata["dagster/column_lineage"].value
    return [(dep.asset_key.to_user_string(), dep.column_name) for dep in lineage.deps_by_column.get(column, ())]


def columns(spec: dg.AssetSpec) -> dict[str, dg.TableColumn]:
    return {column.name: column for column in spec.metadata["dagster/column_schema"].value.columns}


@pytest.mark.usefixtures("second_connector")
def test_every_asset_tells_a_stranger_what_it_is(define: Define) -> None:
    found = specs(define(ALL + FANCY))
    assert len(found) == 3 * 4 * 2 + 2
    for key, spec in found.items():
        parts = key.split("/")
        stream, name, to_brevo = parts[-1], parts[-2], parts[0] == "brevo"
        connector = name.split("-")[0]
        text = spec.description or ""
        assert text.startswith("**What Brevo was given.**" if to_brevo else "**What "), key
        for word in (stream, f"`{name}`", "**How often:**", "UTC", "Rejected" if to_brevo else "unexpected shape"):
            assert word in text, (key, word)
        assert spec.owners, key
        assert spec.group_name == name.replace("-", "_"), key
        assert spec.kinds == ({"brevo"} if to_brevo else {connector, "parquet"}), key
        wanted = {
            "tajo/connection": name,
            "tajo/connector": connector,
            "tajo/stream": stream,
            "tajo/account": "default",
        }
        assert wanted.items() <= spec.tags.items(), key


def test_how_often_is_said_in_the_words_of_the_file(define: Define) -> None:
    found = specs(define(ALL))
    texts = {name: found[f"{name}/orders"].description or "" for name in ("shopify", "shopify-fr", "shopify-us")}
    assert "hourly (`" in texts["shopify"]
    assert "daily (`" in texts["shopify-fr"]
    assert "by the schedule `5 4 * * 1`, UTC" in texts["shopify-us"]


def test_every_landing_has_its_columns_with_the_platforms_field(define: Define) -> None:
    found = specs(define(connection("shopify")))
    for stream in ("customers", "orders", "products", "carts"):
        shown = columns(found[f"shopify/{stream}"])
        assert {"key", "updated_at", "read_at", "raw"} <= set(shown), stream
        assert all(column.description and column.type for column in shown.values()), stream
        names = registry.mapping_file("shopify").canonical[stream]
        for name, path in names.items():
            assert feeding(found[f"shopify/{stream}"], name) == [(f"platform/shopify/{stream}", path)], (stream, name)
    assert columns(found["shopify/orders"])["gross"].type == "decimal"
    assert "amountSpent.amount" in (columns(found["shopify/customers"])["total_spent"].description or "")


def test_the_columns_are_those_of_the_files(define: Define) -> None:
    from tajo_pipelines.sync.parquet import schema_of

    found = specs(define(connection("shopify")))
    for stream in registry.load("shopify").streams:
        assert set(columns(found[f"shopify/{stream.name}"])) == set(schema_of(stream.record).names)


def test_the_field_behind_an_attribute_shows_before_the_first_run(define: Define) -> None:
    mapped = connection("shopify").replace("{email: email}", "{email: email, last_order_date: LAST_ORDER_DATE}")
    found = specs(define(mapped))
    brevo = found["brevo/shopify/customers"]
    assert feeding(brevo, "LAST_ORDER_DATE") == [("shopify/customers", "last_order_date")]
    assert feeding(found["shopify/customers"], "last_order_date") == [
        ("platform/shopify/customers", "lastOrder.createdAt")
    ]
    column = columns(brevo)["LAST_ORDER_DATE"]
    assert (column.type, column.description) == ("date", "from last_order_date (Shopify's lastOrder.createdAt)")
    table = brevo.metadata["which field feeds which attribute"].records
    rows = [list(row.data.values()) for row in table]
    assert ["lastOrder.createdAt", "last_order_date", "LAST_ORDER_DATE", "date"] in rows


def test_the_edge_moves_with_the_target(define: Define) -> None:
    for target in ("LAST_ORDER_DATE", "NEWEST_ORDER"):
        mapped = connection("shopify").replace("{email: email}", f"{{email: email, last_order_date: {target}}}")
        brevo = specs(define(mapped))["brevo/shopify/customers"]
        assert set(columns(brevo)) == {"EMAIL", target}
        assert feeding(brevo, target) == [("shopify/customers", "last_order_date")]
        lineage = brevo.metadata["dagster/column_lineage"].value
        assert set(lineage.deps_by_column) == {"EMAIL", target}


def test_a_raw_source_and_a_joined_name_show_where_they_come_from(define: Define) -> None:
    mapped = connection("shopify").replace(
        "{email: email}", "{email: email, name: FULLNAME, raw.lastOrder.name: LAST_ORDER}"
    )
    brevo = specs(define(mapped))["brevo/shopify/customers"]
    assert feeding(brevo, "LAST_ORDER") == [("shopify/customers", "raw")]
    assert columns(brevo)["LAST_ORDER"].description == "from Shopify's lastOrder.name"
    assert {name for _, name in feeding(brevo, "FULLNAME")} == {"first_name", "last_name"}


@pytest.mark.usefixtures("second_connector")
def test_another_connectors_fields_show_like_the_first_ones(define: Define) -> None:
    found = specs(define(FANCY))
    assert feeding(found["brevo/fancy/customers"], "LAST_ORDER_DATE") == [("fancy/customers", "last_order_date")]
    assert feeding(found["fancy/customers"], "last_order_date") == [("platform/fancy/customers", "orders.newest")]
    assert "Fancy Desk's orders.newest" in (
        columns(found["brevo/fancy/customers"])["LAST_ORDER_DATE"].description or ""
    )


@pytest.mark.usefixtures("second_connector")
def test_a_proposed_mapping_that_cannot_be_compiled_says_so_and_the_rest_loads(
    define: Define, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposed = registry.default_attributes("fancy")[0].model_copy(update={"source": "last_ordered"})
    monkeypatch.setattr(registry, "default_attributes", lambda name: (proposed,))
    found = specs(define(FANCY + connection("shopify-fr")))
    assert "last_ordered" in str(found["brevo/fancy/customers"].metadata["mapping is wrong"].value)
    assert "dagster/column_schema" in found["brevo/shopify-fr/customers"].metadata
