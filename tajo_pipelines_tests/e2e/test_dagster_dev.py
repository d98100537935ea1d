"""A plain ``dagster dev``, looked at as its UI does: by GraphQL."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines_tests.e2e.dagster_dev import ASSETS, DagsterDev, environment, running_dagster
from tajo_pipelines_tests.e2e.project import FACTOR, Project

SHOP = ["shopify/customers", "shopify/orders", "brevo/shopify/customers", "brevo/shopify/orders"]
NEVER = '"0 0 29 2 *"'
TICKING = f"""    schedule: {NEVER}
  shopify-fr:
    <<: *shop
    connector: shopify
    schedule: "* * * * *"
"""


WAYS = """
{
  assetNodes {
    assetKey { path }
    metadataEntries {
      ... on TableColumnLineageMetadataEntry {
        lineage { columnName columnDeps { assetKey { path } columnName } }
      }
    }
  }
}
"""
RELOAD = 'mutation { reloadRepositoryLocation(repositoryLocationName: "tajo") { __typename } }'


def test_dagster_dev_shows_commands_launches_and_ticks(tmp_path: Path) -> None:
    options = TwinOptions(customers=20, tier="unlimited")
    with running_twin(options=options, clock=TwinClock(FACTOR)) as twin:
        project = Project.make(tmp_path / "project", twin, connection=TICKING)
        with running_dagster(project.folder) as dev:
            assets_are_there(dev)
            a_fields_way_is_told(dev, "TOTAL_SPENT")
            a_command_is_seen(dev, project.folder)
            a_range_is_launched(dev)
            a_tick_runs(dev)
            the_way_moves_with_its_target(dev, project.folder)


def assets_are_there(dev: DagsterDev) -> None:
    nodes = dev.ask(ASSETS)["assetNodes"]
    groups = {"/".join(node["assetKey"]["path"]): node["groupName"] for node in nodes}
    french = [key.replace("shopify", "shopify-fr") for key in SHOP]
    assert groups == dict.fromkeys(SHOP, "shopify") | dict.fromkeys(french, "shopify_fr")
    assert all(node["isPartitioned"] for node in nodes)


def a_fields_way_is_told(dev: DagsterDev, attribute: str) -> None:
    """From the shop's field to Brevo's attribute, by the definitions alone."""
    ways = {"/".join(node["assetKey"]["path"]): lineage(node) for node in dev.ask(WAYS)["assetNodes"]}
    assert ways["brevo/shopify/customers"][attribute] == ["shopify/customers total_spent"]
    assert ways["shopify/customers"]["total_spent"] == ["platform/shopify/customers amountSpent.amount"]


def lineage(node: dict[str, Any]) -> dict[str, list[str]]:
    """Columns of a definition, each with the columns that it is made of."""
    return {
        found["columnName"]: [f"{'/'.join(dep['assetKey']['path'])} {dep['columnName']}" for dep in found["columnDeps"]]
        for entry in node["metadataEntries"]
        for found in entry.get("lineage", ())
    }


def the_way_moves_with_its_target(dev: DagsterDev, folder: Path) -> None:
    file = folder / "config" / "connectors.yaml"
    file.write_text(file.read_text("utf-8").replace("total_spent: TOTAL_SPENT", "total_spent: LIFETIME"), "utf-8")
    assert dev.ask(RELOAD)["reloadRepositoryLocation"]["__typename"] == "WorkspaceLocationEntry"
    a_fields_way_is_told(dev, "LIFETIME")
    [node] = [
        node for node in dev.ask(WAYS)["assetNodes"] if node["assetKey"]["path"] == ["brevo", "shopify", "customers"]
    ]
    assert "TOTAL_SPENT" not in lineage(node)


def sync(folder: Path) -> None:
    command = [sys.executable, "-m", "tajo_pipelines.cli", "connectors", "sync", "shopify", "--full"]
    ended = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def a_command_is_seen(dev: DagsterDev, folder: Path) -> None:
    sync(folder)
    run = dev.finished(5, tags=[{"key": "tajo/trigger", "value": "cli"}])
    assert run.status == "SUCCESS"
    assert run.materialized() == set(SHOP)
    landed, delivered = run.metadata("shopify/customers"), run.metadata("brevo/shopify/customers")
    assert landed["dagster/row_count"] == delivered["read"] == 20
    assert delivered["sent"] == delivered["mapped"] > 0
    assert any("POST /contacts" in row for row in delivered["calls, which"]), "calls are shown as a table"
    assert run.metadata("brevo/shopify/orders")["money"]


def a_range_is_launched(dev: DagsterDev) -> None:
    today = datetime.now(UTC).date()
    days = [(today - timedelta(days=back)).isoformat() for back in (2, 1, 0)]
    run = dev.finished(60, runIds=[dev.launch(SHOP, days[0], days[-1])])
    assert run.status == "SUCCESS"
    assert {key: run.partitions(key) for key in SHOP} == dict.fromkeys(SHOP, sorted(days)), "one run, all days"


def a_tick_runs(dev: DagsterDev) -> None:
    run = dev.finished(90, tags=[{"key": "dagster/schedule_name", "value": "shopify_fr"}])
    assert run.status == "SUCCESS"
    assert run.tags["tajo/trigger"] == "schedule"
    assert run.materialized() == {key.replace("shopify", "shopify-fr") for key in SHOP}
