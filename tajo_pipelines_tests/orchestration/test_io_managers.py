"""IO managers: what they take, and how an error looks once it has passed them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from tajo_pipelines.model.errors import AuthError, ConfigError, ContractError, RetryableError, TajoError
from tajo_pipelines.model.window import Window
from tajo_pipelines.orchestration.failures import clear_failures
from tajo_pipelines.orchestration.io_managers import BrevoIOManager, LandingIOManager
from tajo_pipelines.sync.reading import Reading, ReadMode, ReadRequest
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines_tests.e2e.project import Project

PERSON = "ana.silva@example.com"


def output(key: str = "brevo/shopify/customers") -> dg.OutputContext:
    return dg.build_output_context(asset_key=dg.AssetKey(key.split("/")), run_id="run-1")


def test_none_lands_and_delivers_nothing(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    for manager in (LandingIOManager(project=str(nowhere)), BrevoIOManager(project=str(nowhere))):
        manager.handle_output(output(), None)  # opening the project would fail


def test_a_reading_without_records_lands_no_file(synced: Project) -> None:
    manager, context = LandingIOManager(project=str(synced.folder)), output("shopify/customers")
    later = datetime.now(UTC) + timedelta(days=1)
    with synced.workspace() as workspace:
        window = Window(later, later + timedelta(hours=1))
        manager.handle_output(context, Reading(workspace, _range("run-2", window)))
        landed = workspace.store.batches.of_run("run-2", "shopify", "customers")
    manager.teardown_after_execution(dg.build_init_resource_context())
    assert not landed
    assert context.get_logged_metadata()["dagster/row_count"] == dg.MetadataValue.int(0)


def _range(run_id: str, window: Window) -> ReadRequest:
    return ReadRequest("shopify", "customers", ReadMode.RANGE, run_id, window)


def test_an_empty_delivery_sends_nothing(synced: Project) -> None:
    last = synced.last_call()
    manager, context = BrevoIOManager(project=str(synced.folder)), output()
    manager.handle_output(context, DeliveryRequest("shopify", "customers", "run-1"))
    manager.teardown_after_execution(dg.build_init_resource_context())
    metadata = context.get_logged_metadata()
    assert metadata["read"] == dg.MetadataValue.int(0)
    assert metadata["sent"] == dg.MetadataValue.int(0)
    assert not synced.writes_since(last)


def test_what_brevo_holds_is_not_loaded_from_dagster(tmp_path: Path) -> None:
    context = dg.build_input_context(asset_key=dg.AssetKey(["brevo", "shopify", "customers"]))
    with pytest.raises(dg.Failure, match="brevo/shopify/customers can't be loaded"):
        BrevoIOManager(project=str(tmp_path)).load_input(context)


def failure_of(error: Exception) -> dg.Failure:
    with pytest.raises(dg.Failure) as caught, clear_failures():
        raise error
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__, "Dagster shows no stack of what was underneath"
    return caught.value


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (ConfigError("there is no list 7", where="brevo.lists", hint="make it"), False),
        (AuthError("Brevo refuses the key", where="GET /account"), False),
        (ContractError("the answer isn't JSON", where="GET /contacts"), False),
        (RetryableError("the shop didn't answer", where="POST /graphql.json", code="timeout"), True),
    ],
)
def test_our_errors_are_one_sentence(error: TajoError, again: bool) -> None:
    failure = failure_of(error)
    assert failure.description == str(error)
    assert "\n" not in str(error)
    assert failure.allow_retries is again


def test_an_unforeseen_error_shows_places_and_no_text() -> None:
    failure = failure_of(KeyError(PERSON))
    shown = f"{failure.description} {failure.metadata}"
    assert "KeyError" in shown
    assert "test_io_managers.py" in shown
    assert PERSON not in shown
