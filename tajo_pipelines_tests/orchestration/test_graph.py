"""The graph that Dagster shows: its shape is a promise, checked against graph.json beside this file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tajo_pipelines_tests.orchestration.conftest import Define, connection

SNAPSHOT = Path(__file__).with_name("graph.json")
TWO_SHOPS = connection("shopify") + connection("shopify-fr", "schedule: daily", "sync: {orders: true}")


def described(defs: dg.Definitions) -> dict[str, Any]:
    """Assets, checks, jobs, schedules and sensors, as plain data."""
    repository = defs.get_repository_def()
    graph = repository.asset_graph
    assets = {}
    for key in sorted(graph.get_all_asset_keys()):
        node, definition = graph.get(key), graph.get(key).assets_def
        assets[key.to_user_string()] = {
            "after": sorted(parent.to_user_string() for parent in node.parent_keys),
            "checks": {
                check.name: "blocks" if graph.get(check).blocking else "tells" for check in sorted(node.check_keys)
            },
            "group": node.group_name,
            "io_manager": definition.get_io_manager_key_for_asset_key(key),
            "kinds": sorted(node.kinds),
            "owners": list(node.owners),
        }
    jobs = sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__"))
    schedules = {found.name: found.cron_schedule for found in repository.schedule_defs}
    sensors = {found.name: sorted(target.job_name for target in found.targets) for found in repository.sensor_defs}
    return {"assets": assets, "jobs": jobs, "schedules": schedules, "sensors": sensors}


def test_the_graph_is_the_promised_one(define: Define) -> None:
    found = described(define(TWO_SHOPS))
    if not SNAPSHOT.exists():  # after a wanted change: delete the file, run once, review and commit
        SNAPSHOT.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        pytest.fail(f"{SNAPSHOT.name} was missing and has been written anew: review it")
    assert found == json.loads(SNAPSHOT.read_text("utf-8"))


def test_what_is_read_goes_to_brevo_on_one_way_only(define: Define) -> None:
    defs = define(TWO_SHOPS)
    graph = defs.get_repository_def().asset_graph
    wanted = {("shopify", stream) for stream in ("customers", "orders", "products", "carts")}
    wanted |= {("shopify-fr", "orders")}
    landings = {key for key in graph.get_all_asset_keys() if key.path[0] != "brevo"}
    assert {tuple(key.path) for key in landings} == wanted
    for key in landings:
        below = [child for child in graph.get(key).child_keys if child.path[0] == "brevo"]
        assert below == [dg.AssetKey(["brevo", *key.path])]
        manager = graph.get(below[0]).assets_def.get_io_manager_key_for_asset_key(below[0])
        assert manager == "brevo_io_manager"
    at_brevo = {key for key in graph.get_all_asset_keys() if key.path[0] == "brevo"}
    assert {tuple(key.path[1:]) for key in at_brevo} == wanted


def test_only_a_check_stands_between_reading_and_delivery(define: Define) -> None:
    graph = define(TWO_SHOPS).get_repository_def().asset_graph
    blocking = {key.name for key in graph.asset_check_keys if graph.get(key).blocking}
    assert blocking == {"landed_readable"}
    assert all(graph.get(dg.AssetKey(["shopify", stream])).check_keys for stream in ("customers", "orders"))


def test_every_asset_says_what_it_is_and_whose(define: Define) -> None:
    defs = define(TWO_SHOPS)
    specs = list(defs.resolve_all_asset_specs())
    assert len(specs) == 10
    for spec in specs:
        assert spec.description, spec.key
        assert spec.owners == ["team:integrations"], spec.key
        assert spec.kinds, spec.key
        assert spec.group_name in {"shopify", "shopify_fr"}, spec.key
        assert spec.freshness_policy is not None, spec.key
        assert isinstance(spec.partitions_def, dg.DailyPartitionsDefinition), spec.key
    for job in (defs.resolve_job_def("shopify"), defs.resolve_job_def("shopify_fr")):
        assert job.description
    assert all(schedule.description for schedule in defs.get_repository_def().schedule_defs)


def test_a_hyphen_stays_in_keys_and_leaves_names(define: Define) -> None:
    defs = define(connection("shopify-fr"))
    assert defs.resolve_job_def("shopify_fr").tags["tajo/connection"] == "shopify-fr"
    assert dg.AssetKey(["shopify-fr", "orders"]) in defs.get_repository_def().asset_graph.get_all_asset_keys()


def test_what_is_turned_off_or_not_named_has_no_asset(define: Define) -> None:
    asleep = connection("shopify-us", "enabled: false")
    defs = define(connection("shopify", "sync: {customers: true, orders: false}") + asleep)
    keys = {key.to_user_string() for key in defs.get_repository_def().asset_graph.get_all_asset_keys()}
    assert keys == {"shopify/customers", "brevo/shopify/customers"}


def test_a_run_stays_in_one_process(define: Define) -> None:
    defs = define(connection("shopify"))
    assert defs.executor is dg.in_process_executor, "also for what is launched from an asset's page"
    assert defs.resolve_job_def("shopify").executor_def is dg.in_process_executor
