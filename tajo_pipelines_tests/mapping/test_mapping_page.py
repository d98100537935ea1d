"""Every example in docs/mapping.md is true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tajo_pipelines.mapping.engine import compile_mapping
from tajo_pipelines.mapping.spec import CANONICAL_SOURCES, AttributeType, FieldRule, camel_case
from tajo_pipelines.mapping.transforms import TRANSFORMS
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.settings import load_settings
from tajo_pipelines.sync.mapping_tests import run_mapping_tests
from tajo_pipelines.sync.workspace import Workspace

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "mapping.md").read_text("utf-8")
NOTHING, CLEARED, PROBLEM = "nothing", "cleared", "a problem"

Row = tuple[str, ...]


def rows(title: str) -> list[Row]:
    """The rows of the table under a heading of columns."""
    found = re.search(rf"^\| {re.escape(title)} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert found is not None, title
    lines = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in found[1].splitlines()]
    return [tuple(cell.strip().replace("\\|", "|") for cell in line) for line in lines]


def code(cell: str) -> str:
    return cell.removeprefix("`").removesuffix("`")


def value(cell: str) -> Any:
    return json.loads(code(cell), parse_float=Decimal)


def outcome(rule: FieldRule, raw: dict[str, Any], customer: Customer | None = None) -> Any:
    mapping = compile_mapping([rule])
    mapped = mapping.apply(customer or Customer(id="1"), raw)
    if mapped.problems:
        return PROBLEM
    return CLEARED if mapped.cleared else mapped.values.get("TARGET", NOTHING)


def same(found: Any, cell: str) -> None:
    if cell in {NOTHING, CLEARED, PROBLEM}:
        assert found == cell
    else:
        assert json.dumps(found, ensure_ascii=False) == code(cell)


@pytest.mark.parametrize("row", rows("source"), ids=lambda row: row[0])
def test_sources(row: Row) -> None:
    spellings, holds, given, kind = row
    names = re.findall(r"`(\w+)`", spellings)
    assert names == list(dict.fromkeys([names[0], camel_case(names[0])]))
    held = value(holds)
    fields = held if names[0] == "name" else {names[0]: held}
    customer = msgspec.convert({"id": "1"} | fields, Customer, strict=False)
    for name in names:
        assert compile_mapping([FieldRule(name, "TARGET")]).types["TARGET"] == kind
        same(outcome(FieldRule(name, "TARGET"), {}, customer), given)


def test_every_source_is_there_once() -> None:
    assert [re.findall(r"`(\w+)`", row[0])[0] for row in rows("source")] == list(CANONICAL_SOURCES)


@pytest.mark.parametrize("row", rows("raw source"), ids=lambda row: row[0])
def test_raw_sources(row: Row) -> None:
    same(outcome(FieldRule(code(row[0]), "TARGET"), value(row[1])), row[2])


@pytest.mark.parametrize("row", rows("transform"), ids=lambda row: row[0])
def test_transforms(row: Row) -> None:
    text = code(row[0])
    steps = yaml.safe_load(text) if text.startswith("[") else [text]
    rule = FieldRule("raw.value", "TARGET", transforms=tuple(steps))
    assert compile_mapping([rule]).types["TARGET"] == row[3]
    same(outcome(rule, {"value": value(row[1])}), row[2])


def test_every_transform_has_an_example() -> None:
    assert {code(row[0]).partition(":")[0] for row in rows("transform")} >= TRANSFORMS.keys()


@pytest.mark.parametrize("row", rows("type"), ids=lambda row: f"{row[0]} {row[1]}")
def test_types(row: Row) -> None:
    same(outcome(FieldRule("raw.value", "TARGET", type=code(row[0])), {"value": value(row[1])}), row[2])


def test_every_type_has_an_example() -> None:
    assert {code(row[0]) for row in rows("type")} == set(AttributeType)


@pytest.mark.parametrize("row", rows("rule"), ids=lambda row: f"{row[0]} {row[1]}")
def test_defaults(row: Row) -> None:
    same(outcome(FieldRule("raw.value", "TARGET", **yaml.safe_load(code(row[0]))), {"value": value(row[1])}), row[2])


def blocks() -> Iterator[str]:
    yield from re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """The page's own configuration with the page's own tests."""
    configuration, tests = blocks()
    (tmp_path / "config" / "tests").mkdir(parents=True)
    (tmp_path / "config" / "connectors.yaml").write_text(configuration, "utf-8")
    (tmp_path / "config" / "tests" / "page.yaml").write_text(tests, "utf-8")
    made = Workspace(load_settings(tmp_path, {}, require_secrets=False))
    yield made
    made.close()


def test_each_connection_has_its_own_mapping(workspace: Workspace) -> None:
    shop, other = (workspace.mapping(found) for found in workspace.settings.connections.values())
    assert set(shop.types) == {"FIRSTNAME", "LASTNAME", "TOTAL_SPENT", "TAGS", "ACCOUNT_STATE"}
    assert set(other.types) == {"PRENOM", "LASTNAME"}
    assert other.identity == {"phone"}


def test_the_test_file_passes(workspace: Workspace) -> None:
    results = run_mapping_tests(workspace)
    assert len(results) == 3
    assert not [(result.case.name, result.mismatches) for result in results if not result.passed]
