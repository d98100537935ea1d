"""What is wrong is said at once, with its place, what was found and what was meant."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies

from tajo_pipelines.model.errors import ConfigError, Notice
from tajo_pipelines_tests.settings.conftest import SHOP, Project
from tajo_pipelines_tests.settings.test_page import BASIC, FULL

# What stands in the file, at which line the mistake is, its code, the key and words of the sentence.
WRONG = [
    ("conectors: {}", 1, "unknown_key", "conectors", "did you mean 'connectors'?"),
    ("brevo:\n  curency: EUR", 2, "unknown_key", "brevo.curency", "did you mean 'currency'?"),
    ("brevo: {currency: EURO}", 1, "invalid_value", "brevo.currency", "found 'EURO'"),
    ("brevo:\n  tier: genral", 2, "invalid_value", "brevo.tier", "did you mean 'general'?"),
    ("brevo:\n  lists: {all: 5}", 2, "unknown_key", "brevo.lists.all", "all_contacts"),
    (
        "brevo:\n  lists:\n    subscribers: 0",
        3,
        "invalid_value",
        "brevo.lists.subscribers",
        "greater than 0; found '0'",
    ),
    ("brevo: {lists: {subscribers: six}}", 1, "invalid_value", "brevo.lists.subscribers", "whole number; found 'six'"),
    (
        "brevo: {lists: [5, 6]}",
        1,
        "invalid_value",
        "brevo.lists",
        "isn't a mapping (lines of key: value); found a list",
    ),
    ("brevo: {create_attributes: maybe}", 1, "invalid_value", "brevo.create_attributes", "true or false"),
    ("brevo: {rates: {US: 1}}", 1, "invalid_value", "brevo.rates.US", "three letters"),
    ("brevo: {rates: {USD: -1}}", 1, "invalid_value", "brevo.rates.USD", "greater than 0"),
    ("brevo: {rates: {USD: NaN}}", 1, "invalid_value", "brevo.rates.USD", "number"),
    ("brevo: {keep: {calls: 4w}}", 1, "invalid_value", "brevo.keep.calls", "duration like 30d, 24h, 10m or 45s"),
    ("brevo: {events: {live_window: 0h}}", 1, "invalid_value", "brevo.events.live_window", "duration"),
    ("brevo: {letters: {threshold: 5}}", 1, "invalid_value", "brevo.letters.threshold", "at most 1"),
    ("brevo: {base_url: 'http://brevo.example/v3'}", 1, "invalid_value", "brevo.base_url", "plain http"),
    ("brevo: {double_opt_in: {template_id: 3}}", 1, "missing_key", "brevo.double_opt_in.redirect_url", "is missing"),
    ("brevo: {ext_id_from: shopify}", 1, "unknown_connection", "brevo.ext_id_from", "no connection 'shopify'"),
    ("brevo: 5", 1, "invalid_value", "brevo", "isn't a mapping"),
    ("connectors:\n  shopify:", 2, "invalid_value", "connectors.shopify", "is the indentation lost?"),
    ("connectors:\n  shopify: true", 2, "invalid_value", "connectors.shopify", "isn't a mapping"),
    ("connectors:\n  shpify: {}", 2, "unknown_connector", "connectors.shpify", "did you mean 'shopify'?"),
    ("connectors:\n  eu: {connector: shpify}", 2, "unknown_connector", "connectors.eu.connector", "'shopify'"),
    ("connectors:\n  Shop: {connector: shopify, shop_url: x}", 2, "invalid_name", "connectors.Shop", "lower-case"),
    ("connectors:\n  brevo: {connector: hubspot}", 2, "invalid_name", "connectors.brevo", "is taken"),
    ("connectors:\n  shopify: {enabled: true}", 2, "missing_key", "connectors.shopify", "'shop_url' is missing"),
    (
        SHOP + "    mode: hybird",
        4,
        "invalid_value",
        "connectors.shopify.mode",
        "did you mean 'hybrid'?; found 'hybird'",
    ),
    (SHOP + "    shop_ulr: x", 4, "unknown_key", "connectors.shopify.shop_ulr", "did you mean 'shop_url'?"),
    (SHOP + "    schedule: hourley", 4, "invalid_value", "connectors.shopify.schedule", "did you mean 'hourly'?"),
    (SHOP + "    schedule: 61 * * * *", 4, "invalid_value", "connectors.shopify.schedule", "between 0 and 59"),
    (SHOP + "    start_date: 2024-02-31", 4, "invalid_value", "connectors.shopify.start_date", "isn't a date"),
    (SHOP + "    start_date: soon", 4, "invalid_value", "connectors.shopify.start_date", "date like 2024-01-31"),
    (SHOP + "    region: UK", 4, "invalid_value", "connectors.shopify.region", "did you mean 'GB'?"),
    (SHOP + "    account: acme", 4, "unknown_account", "connectors.shopify.account", "valid: default"),
    (SHOP + "    on_delete: ease", 4, "invalid_value", "connectors.shopify.on_delete", "did you mean 'erase'?"),
    (
        SHOP + "    base_url: 'https://x.example/admin'",
        4,
        "invalid_value",
        "connectors.shopify.base_url",
        "without path",
    ),
    (SHOP + "    base_url: 'http://x.example'", 4, "invalid_value", "connectors.shopify.base_url", "plain http"),
    (SHOP + "    base_url: 'ftp://x.example'", 4, "invalid_value", "connectors.shopify.base_url", "scheme"),
    (SHOP + "    sync: {custmers: true}", 4, "unknown_stream", "connectors.shopify.sync.custmers", "'customers'?"),
    (SHOP + "    sync: {orders: maybe}", 4, "invalid_value", "connectors.shopify.sync.orders", "found 'maybe'"),
    (SHOP + "    sync: {orders: {mood: x}}", 4, "unknown_key", "connectors.shopify.sync.orders.mood", "'mode'?"),
    (SHOP + "    sync: true", 4, "invalid_value", "connectors.shopify.sync", "isn't a mapping"),
    (SHOP + "    shop_url: y", 4, "duplicate_key", "connectors.shopify.shop_url", "stands twice, first on line 3"),
    (SHOP + "    api_key: ''", 4, "blank_secret", "connectors.shopify.api_key", "is blank"),
    (SHOP + "    api_key: [x]", 4, "invalid_value", "connectors.shopify.api_key", "found a list"),
    (SHOP + "    region: ${REGION}", 4, "missing_variable", "connectors.shopify.region", "REGION isn't set"),
    (SHOP + "    region: ${REGION:-DE}", 4, "bad_reference", "connectors.shopify.region", "${NAME}"),
    (SHOP + "    region: ${REGION", 4, "bad_reference", "connectors.shopify.region", "${NAME}"),
    ("field_mapping:\n  frstName: A", 2, "unknown_source", "field_mapping.frstName", "'first_name'"),
    ("field_mapping:\n  FIRSTNAME: first_name", 2, "bad_target", "field_mapping.FIRSTNAME", "attribute right"),
    ("field_mapping:\n  phone: SMS\n  city: email", 3, "bad_identity", "field_mapping.city", "who the contact is"),
    ("field_mapping:\n  city: A\n  zip: A", 3, "duplicate_target", "field_mapping.zip", "two rules"),
    ("field_mapping:\n  raw.a[: A", 2, "bad_expression", "field_mapping.raw.a[", "JMESPath"),
    ("field_mapping:\n  A: {frm: city}", 2, "unknown_key", "field_mapping.A.frm", "did you mean 'from'?"),
    ("field_mapping:\n  A: {from: city, transform: [uper]}", 2, "unknown_transform", "field_mapping.A", "'upper'"),
    ("field_mapping:\n  A: {from: city, type: txt}", 2, "unknown_type", "field_mapping.A", "'text'"),
    ("field_mapping:\n  city: [A]", 2, "invalid_value", "field_mapping.city", "found a list"),
    ("field_mapping:\n  city:", 2, "invalid_value", "field_mapping.city", "found nothing"),
    ("brevo: {tier: general}\naccounts: {default: {}}", 1, "invalid_value", "brevo", "keep one of the two forms"),
    ("brevo:\n  accounts: {}", 2, "invalid_value", "brevo.accounts", "no account under it"),
    ("brevo: !!python/object:os.system {}", 1, "yaml_tag", "brevo", "tag"),
    ("brevo: &a {lists: *a}", 1, "yaml_recursion", "brevo.lists", "contain itself"),
    ("- a", 1, "invalid_value", "", "isn't a mapping"),
]


@pytest.mark.parametrize(("text", "line", "code", "key", "words"), WRONG, ids=[f"{w[2]}-{w[3]}" for w in WRONG])
def test_a_mistake_is_found_where_it_is(
    project: Project, text: str, line: int, code: str, key: str, words: str
) -> None:
    matching = [notice for notice in project.fails(text + "\n") if notice.code == code]
    assert matching, project.fails(text)
    assert matching[0].where == f"config/connectors.yaml:{line} {key}".strip()
    assert words in matching[0].message


def test_a_mistake_is_one_sentence(project: Project) -> None:
    with pytest.raises(ConfigError) as caught:
        project.load(SHOP + "    mode: hybird\n")
    assert str(caught.value) == (
        "config/connectors.yaml:4 connectors.shopify.mode: isn't one of realtime, batch, hybrid; "
        "did you mean 'hybrid'?; found 'hybird'"
    )


def test_all_mistakes_are_said_at_once_in_the_order_of_the_file(project: Project) -> None:
    text = (
        "brevo: {tier: genral, currency: EURO}\n" + SHOP + "    mode: hybird\n    account: acme\n"
        "    sync: {custmers: true}\n    field_mapping: {frst_name: A}\n    shop: x\nfeld_mapping: {}\n"
    )
    with pytest.raises(ConfigError) as caught:
        project.load(text)
    found = [(notice.code, int(re.findall(r":(\d+)", notice.where)[0])) for notice in caught.value.details]
    assert found == [
        ("invalid_value", 1),
        ("invalid_value", 1),
        ("invalid_value", 5),
        ("unknown_account", 6),
        ("unknown_stream", 7),
        ("unknown_source", 8),
        ("unknown_key", 9),
        ("unknown_key", 10),
    ]
    for notice in caught.value.details:
        assert f"{notice.where}: {notice.message}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("connectors:\n  shopify: {a: 1\n", 3),
        ("connectors:\n\tshopify: {}\n", 2),
        ("a: 'b\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("a: b\nc: \x07\n", 2),
    ],
)
def test_broken_yaml_names_its_line_and_quotes_nothing(project: Project, text: str, line: int) -> None:
    found = project.fails_once(text)
    assert found.code == "yaml_syntax"
    assert found.where == f"config/connectors.yaml:{line}"


def test_a_file_in_another_encoding_names_its_line(project: Project) -> None:
    project.write("")
    (project.folder / "config/connectors.yaml").write_bytes("brevo: {}\n# Größe\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="UTF-8") as caught:
        project.load()
    assert caught.value.where == "config/connectors.yaml:2"


def test_a_missing_file_says_which_and_what_to_do(project: Project) -> None:
    with pytest.raises(ConfigError, match="there is no file") as caught:
        project.load()
    assert caught.value.code == "config_not_found"
    assert "--project" in str(caught.value)
    project.environ["TAJO_CONFIG"] = "config/other.yaml"
    with pytest.raises(ConfigError, match=r"other\.yaml") as caught:
        project.load()
    assert caught.value.where == "environment TAJO_CONFIG"


def test_an_empty_file_is_a_project_without_connections(project: Project) -> None:
    settings = project.load("")
    assert settings.connections == {}
    assert list(settings.accounts) == ["default"]


def test_values_from_variables_are_never_printed(project: Project) -> None:
    project.environ["WRONG"] = "a-secret-in-the-wrong-place"
    found = project.fails_once(SHOP + "    mode: ${WRONG}\n")
    assert "the value of ${WRONG}" in found.message
    assert "a-secret" not in found.message


@pytest.mark.parametrize(
    "value", ["shpat_0123456789abcdef", "xkeysib-0123", "https://u:pw-0123@x.example/a", "sk_live_0123"]
)
def test_a_credential_in_the_wrong_place_is_never_printed(project: Project, value: str) -> None:
    for key in ("mode", "base_url", "region"):
        for notice in project.fails(SHOP + f"    {key}: {value}\n"):
            assert "0123" not in notice.message


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(found for key, value in pairs for found in _paths(value, (*path, key)))]


RUBBISH: strategies.SearchStrategy[Any] = strategies.sampled_from(
    [None, "", "x", "${NOPE}", "${", 0, -1, 1.5, True, [], ["a"], {}, {"a": 1}, [None], {"from": []}, "raw.", "a b"]
)
SAMPLES = [yaml.safe_load(BASIC), yaml.safe_load(FULL)]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=strategies.data())
def test_whatever_stands_in_the_file_every_error_names_a_line(data: strategies.DataObject, tmp_path: Path) -> None:
    tree = yaml.safe_load(yaml.safe_dump(data.draw(strategies.sampled_from(SAMPLES))))
    for _ in range(data.draw(strategies.integers(1, 3))):
        path = data.draw(strategies.sampled_from([path for path in _paths(tree) if path]))
        around = tree
        for part in path[:-1]:
            around = around[part]
        value = copy.deepcopy(data.draw(RUBBISH))
        if isinstance(around, dict) and data.draw(strategies.booleans()):
            around[data.draw(strategies.sampled_from(["x", "shopify", "sync", "EMAIL", "a.b", "1"]))] = value
        else:
            around[path[-1]] = value
    folder = tmp_path / "p"
    folder.mkdir(exist_ok=True)
    text = yaml.safe_dump(tree, sort_keys=False)
    found: tuple[Notice, ...] = ()
    try:
        Project(folder).load(text)
    except ConfigError as error:
        found = error.details or (Notice(error.code, "without details"),)
    for notice in found:
        line = re.match(r"config/connectors\.yaml:(\d+)( |$)", notice.where)
        assert line, notice
        assert 1 <= int(line[1]) <= text.count("\n") + 1
        assert notice.message
