"""The mapping's tests as a check: where there are tests, with the job and by itself, and red where they fail."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from tajo_pipelines_tests.e2e.project import Project
from tajo_pipelines_tests.orchestration.conftest import Define, connection
from tajo_pipelines_tests.orchestration.runs import launch

KEY = dg.AssetCheckKey(dg.AssetKey(["brevo", "shopify", "customers"]), "mapping_tests")
SHOP = connection("shopify", "field_mapping: {first_name: FIRSTNAME}").replace(
    "    field_mapping: {email: email}\n", ""
)
CASES = """connection: shopify
cases:
  - {{name: a name, canonical: {{first_name: Ana}}, expect: {{attributes: {{FIRSTNAME: {name}}}}}}}
"""


def write_tests(folder: Path, text: str, name: str = "shop.yaml") -> None:
    made = folder / "config" / "tests"
    made.mkdir(exist_ok=True)
    (made / name).write_text(text, encoding="utf-8")


def alone(defs: dg.Definitions) -> dg.AssetCheckEvaluation:
    """Execute the check by itself, as its button in the UI does."""
    job = dg.define_asset_job("alone", selection=dg.AssetSelection.checks(KEY))
    whole = dg.Definitions.merge(defs, dg.Definitions(jobs=[job]))
    result = whole.resolve_job_def("alone").execute_in_process()
    assert not result.get_asset_materialization_events()
    (found,) = result.get_asset_check_evaluations()
    return found


def table(found: dg.AssetCheckEvaluation) -> list[dict[str, object]]:
    value = found.metadata["mismatches"]
    assert isinstance(value, dg.TableMetadataValue)
    return [dict(record.data) for record in value.records]


def test_there_is_a_check_where_there_are_tests_and_it_blocks_nothing(define: Define, folder: Path) -> None:
    write_tests(folder, CASES.format(name="Ana"))
    graph = define(SHOP + connection("shopify-fr")).get_repository_def().asset_graph
    found = {key for key in graph.asset_check_keys if key.name == "mapping_tests"}
    assert found == {KEY}
    assert not graph.get(KEY).blocking


def test_tests_of_a_stream_that_is_off_or_of_no_connection_load_all_the_same(define: Define, folder: Path) -> None:
    write_tests(folder, CASES.format(name="Ana"))
    graph = define(connection("shopify", "sync: {orders: true}")).get_repository_def().asset_graph
    assert not [key for key in graph.asset_check_keys if key.name == "mapping_tests"]


def test_by_itself_it_is_green_where_all_is_as_expected(define: Define, folder: Path) -> None:
    write_tests(folder, CASES.format(name="Ana"))
    found = alone(define(SHOP))
    assert found.passed
    assert found.metadata["cases"].value == 1


def test_by_itself_it_names_case_file_line_expected_and_found(define: Define, folder: Path) -> None:
    write_tests(folder, CASES.format(name="Anna"))
    found = alone(define(SHOP))
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert table(found) == [
        {
            "case": "a name",
            "place": "config/tests/shop.yaml:3",
            "path": "attributes.FIRSTNAME",
            "expected": '"Anna"',
            "found": '"Ana"',
        }
    ]


@pytest.mark.parametrize("text", ["cases: [", "connection: shopify\ncasses: []\n", "connection: shop\ncases: []\n"])
def test_a_file_that_cannot_be_read_is_red_and_keeps_nothing_from_loading(
    text: str, define: Define, folder: Path
) -> None:
    write_tests(folder, text)
    found = alone(define(SHOP))
    assert not found.passed
    assert all(str(row["place"]).startswith("config/tests/shop.yaml:") for row in table(found))


def test_it_runs_with_the_job_and_lets_the_delivery_be(project: Project) -> None:
    write_tests(project.folder, CASES.format(name="Anna"))
    result = launch(project)
    assert result.success
    checks = {found.check_name: found.passed for found in result.get_asset_check_evaluations()}
    assert checks["mapping_tests"] is False
    assert checks["balance"] is True
