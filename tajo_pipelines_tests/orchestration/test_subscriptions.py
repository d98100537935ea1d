"""The hourly look at subscriptions: when it runs, and what it says of those that it made again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from tajo_pipelines.orchestration.build import build_definitions
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.settings import load_settings
from tajo_pipelines.sync.subscriptions import register
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines_tests.connectors.shopify.support import Shop
from tajo_pipelines_tests.sdk.support import serving

JOB = "shopify_fr_subscriptions"
PUBLIC = "https://hooks.example"
CONFIG = """
brevo: {{api_key: key, base_url: "http://127.0.0.1:9/v3"}}
connectors:
  shopify-fr:
    connector: shopify
    shop_url: kaffee.myshopify.com
    base_url: "{url}"
    api_key: shpat_stored
    api_secret: secret
    patience: 1
    field_mapping: {{email: email}}
"""


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def defs(folder: Path, shop: Shop) -> Iterator[dg.Definitions]:
    with serving(shop.answer) as server:
        (folder / "config" / "connectors.yaml").write_text(CONFIG.format(url=server.url), encoding="utf-8")
        yield build_definitions(load_settings(folder))


@contextmanager
def workspace_of(folder: Path) -> Iterator[Workspace]:
    workspace = Workspace(load_settings(folder))
    try:
        yield workspace
    finally:
        workspace.close()


def registered(folder: Path) -> None:
    with workspace_of(folder) as workspace:
        register(workspace, workspace.connection("shopify-fr"), PUBLIC)


def tick(defs: dg.Definitions, folder: Path) -> dg.RunRequest | str:
    schedule = defs.get_repository_def().get_schedule_def(JOB)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime.fromisoformat("2026-11-25T10:06:00+00:00"),
            resources={"workspace": WorkspaceResource(project=str(folder))},
            repository_def=defs.get_repository_def(),
        )
        with context:
            found = schedule.evaluate_tick(context)
    return found.skip_message if found.skip_message is not None else (found.run_requests or [])[0]


def test_a_tick_asks_for_no_run_before_somebody_has_registered(defs: dg.Definitions, folder: Path) -> None:
    skipped = tick(defs, folder)
    assert isinstance(skipped, str)
    assert "tajo webhooks register" in skipped
    registered(folder)
    request = tick(defs, folder)
    assert isinstance(request, dg.RunRequest)
    assert request.tags["tajo/trigger"] == "schedule"


def test_it_runs_each_hour_at_the_connection_s_minute(defs: dg.Definitions) -> None:
    repository = defs.get_repository_def()
    look, sync = repository.get_schedule_def(JOB), repository.get_schedule_def("shopify_fr")
    assert look.cron_schedule == "6 * * * *"
    assert sync.cron_schedule == ["6 * * * *"]
    assert look.default_status is dg.DefaultScheduleStatus.RUNNING


def test_what_was_deleted_is_made_again_and_said_on_the_asset(defs: dg.Definitions, folder: Path, shop: Shop) -> None:
    registered(folder)
    shop.hooks = [each for each in shop.hooks if each["topic"] not in {"ORDERS_CREATE", "ORDERS_PAID", "CARTS_UPDATE"}]
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def(JOB).execute_in_process(instance=instance)
        observed = {
            record.asset_key.to_user_string(): record.asset_observation
            for key in (["brevo", "shopify-fr", name] for name in ("customers", "orders", "products", "carts"))
            for record in instance.fetch_observations(dg.AssetKey(key), limit=5).records
            if record.asset_key is not None and record.asset_observation is not None
        }
    assert result.success
    assert {"ORDERS_CREATE", "ORDERS_PAID", "CARTS_UPDATE"} <= {each["topic"] for each in shop.hooks}
    told = {key: each.metadata["subscriptions made again"].value for key, each in observed.items()}
    assert told == {"brevo/shopify-fr/orders": "orders/create, orders/paid", "brevo/shopify-fr/carts": "carts/update"}


def test_where_all_is_well_nothing_is_said(defs: dg.Definitions, folder: Path, shop: Shop) -> None:
    registered(folder)
    before = list(shop.hooks)
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def(JOB).execute_in_process(instance=instance)
        key = dg.AssetKey(["brevo", "shopify-fr", "orders"])
        assert not instance.fetch_observations(key, limit=5).records
    assert result.success
    assert shop.hooks == before


def test_a_shop_that_refuses_us_fails_the_run_in_one_sentence(defs: dg.Definitions, folder: Path, shop: Shop) -> None:
    registered(folder)
    shop.token = "another"
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def(JOB).execute_in_process(instance=instance, raise_on_error=False)
        (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert not result.success
    assert "refuses the token" in str(failure.step_failure_data.user_failure_data)
