"""The schema by which editors check config/connectors.yaml takes what is right and marks what is wrong."""

from __future__ import annotations

import importlib.util
import json
import re
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jsonschema import Draft7Validator

from tajo_pipelines.settings.loader import TOP_KEYS
from tajo_pipelines.settings.schema import AccountSection, ConnectionSection, key_names
from tajo_pipelines.settings.yaml_source import read_yaml
from tajo_pipelines.sync.mapping_test_files import json_value
from tajo_pipelines_tests.settings.test_errors import WRONG
from tajo_pipelines_tests.settings.test_page import BASIC, FULL, MAPPING

ROOT = Path(__file__).resolve().parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "config" / "connectors.schema.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_config_schema", ROOT / "tools" / "write_config_schema.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wrong(text: str) -> list[str]:
    """Paths of what an editor marks: it types scalars as YAML 1.2 does."""
    source = read_yaml(text)
    assert not source.problems
    tree = _floats(json_value(source.tree))
    return [error.json_path for error in Draft7Validator(SCHEMA).iter_errors(tree)]


def _floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _floats(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_floats(part) for part in value]
    return float(value) if isinstance(value, Decimal) else value


def blocks() -> list[Any]:
    """Every YAML block of the documents that is a configuration or a part of one."""
    found = []
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]):
        for number, text in enumerate(re.findall(r"^```yaml\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)):
            tree = read_yaml(text).tree
            if isinstance(tree, dict) and set(tree) <= set(TOP_KEYS):
                found.append(pytest.param(text, id=f"{page.relative_to(ROOT)}:{number}"))
    return found


def test_the_schema_is_current(tool: ModuleType) -> None:
    Draft7Validator.check_schema(SCHEMA)
    text = (ROOT / "config" / "connectors.schema.json").read_text("utf-8")
    assert text == tool.render(), "run: python tools/write_config_schema.py"


def test_every_key_is_there_and_described() -> None:
    account, shop = (SCHEMA["definitions"][name]["properties"] for name in ("account", "shopify"))
    assert set(key_names(AccountSection)) == account.keys()
    assert {*key_names(ConnectionSection), "sync", "field_mapping", "shop_url", "api_key"} <= shop.keys()
    described = {name for name, part in (account | shop).items() if part.get("description") or "properties" in part}
    assert (account | shop).keys() - described == {"enabled", "field_mapping"}


@pytest.mark.parametrize("file", sorted((ROOT / "config").glob("*.yaml")), ids=lambda file: file.name)
def test_shipped_files_name_the_schema_and_are_right(file: Path) -> None:
    text = file.read_text("utf-8")
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named is not None
    assert (file.parent / named[1]).is_file()
    assert wrong(text) == []


def test_the_configuration_in_the_comments_of_the_shipped_file_is_right() -> None:
    text = (ROOT / "config" / "connectors.yaml").read_text("utf-8")
    opened = re.sub(r"^( *)# ( *(?!yaml-language-server)[a-z_-]+:( .*)?)$", r"\1\2", text, flags=re.MULTILINE)
    assert opened.count("\n  rates:") == opened.count("\n  shopify-fr:") == opened.count("\nfield_mapping:") == 1
    assert wrong(opened) == []


@pytest.mark.parametrize("text", blocks())
def test_blocks_of_the_documents_are_right(text: str) -> None:
    assert wrong(text) == []


def test_there_are_blocks_to_look_at() -> None:
    assert len(blocks()) >= 2


@pytest.mark.parametrize("text", [BASIC, MAPPING, FULL.replace("hubspot", "shopify")])
def test_samples_that_users_copy_are_right(text: str) -> None:
    assert [path for path in wrong(text) if "hubspot" not in path] == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("conectors: {}", "$"),
        ("brevo: {curency: EUR}", "$.brevo"),
        ("brevo: {currency: EURO}", "$.brevo.currency"),
        ("brevo: {tier: genral}", "$.brevo.tier"),
        ("brevo: {lists: {subscribers: six}}", "$.brevo.lists.subscribers"),
        ("brevo: {lists: {subscribers: 0}}", "$.brevo.lists.subscribers"),
        ("brevo: {create_attributes: maybe}", "$.brevo.create_attributes"),
        ("brevo: {rates: {EURO: 1}}", "$.brevo.rates"),
        ("brevo: {rates: {USD: much}}", "$.brevo.rates.USD"),
        ("brevo: {keep: {calls: 4w}}", "$.brevo.keep.calls"),
        ("brevo: {events: {in_doubt: lose}}", "$.brevo.events.in_doubt"),
        ("brevo: {letters: {threshold: 5}}", "$.brevo.letters.threshold"),
        ("brevo: {double_opt_in: {template_id: 3}}", "$.brevo.double_opt_in"),
        ("brevo: 5", "$.brevo"),
        ("accounts: {acme: {curency: EUR}}", "$.accounts.acme"),
        ("connectors: {shopify: true}", "$.connectors.shopify"),
        ("connectors: {shopify: {mode: hybird}}", "$.connectors.shopify.mode"),
        ("connectors: {shopify: {shop: x}}", "$.connectors.shopify"),
        ("connectors: {shopify: {schedule: weekly}}", "$.connectors.shopify.schedule"),
        ("connectors: {shopify: {start_date: 1.1.2024}}", "$.connectors.shopify.start_date"),
        ("connectors: {shopify: {sync: {order: true}}}", "$.connectors.shopify.sync"),
        ("connectors: {shopify: {sync: {orders: {schedul: daily}}}}", "$.connectors.shopify.sync.orders"),
        ("connectors: {other: {shop_url: x}}", "$.connectors.other"),
        ("connectors: {other: {connector: shpify}}", "$.connectors.other.connector"),
        ("field_mapping: {fist_name: FIRSTNAME}", "$.field_mapping.fist_name"),
        ("field_mapping: {first_name: first name}", "$.field_mapping.first_name"),
        ("field_mapping: {TAGS: {form: tags}}", "$.field_mapping.TAGS"),
        ("field_mapping: {TAGS: {from: tags, type: string}}", "$.field_mapping.TAGS.type"),
        ("field_mapping: {TAGS: {from: tags, transform: [trim]}}", "$.field_mapping.TAGS.transform"),
        ("field_mapping: {TAGS: {from: tags, transform: truncate}}", "$.field_mapping.TAGS.transform"),
    ],
)
def test_typical_mistakes_are_marked(text: str, path: str) -> None:
    assert path in wrong(text)


@pytest.mark.parametrize(
    "text",
    [
        "brevo: {currency: '${CURRENCY}', create_attributes: '${CREATE}', lists: {subscribers: '${LIST}'}}",
        "brevo: {tier: , lists: , rates: {USD: 0.92, GBP: '1.17'}, precedence: {default: shopify}}",
        "brevo: {accounts: {default: {api_key: x}, acme: {tier: extended}}}",
        "connectors: {shopify: {schedule: '5 4 * * 1', region: de, sync: , field_mapping: }}",
        "connectors: {eu: {connector: shopify, enabled: false, sync: {orders: {schedule: daily, on_delete: keep}}}}",
        "field_mapping: {raw.state: STATE, email: EMAIL, phone: {from: phone}}",
        "field_mapping: {T: {from: tags, transform: ['split:|', 'truncate:3'], default: [a]}}",
    ],
)
def test_what_may_be_written_is_not_marked(text: str) -> None:
    assert wrong(text) == []


def test_most_of_what_the_reader_refuses_is_marked_in_the_editor_too() -> None:
    syntactic = {"unknown_key", "invalid_value", "missing_key"}
    refused = [text for text, *_ in ((row[0], row[2]) for row in WRONG if row[2] in syntactic) if read_yaml(text).tree]
    marked = [text for text in refused if wrong(text)]
    assert len(marked) >= 0.7 * len(refused), sorted(set(refused) - set(marked))
