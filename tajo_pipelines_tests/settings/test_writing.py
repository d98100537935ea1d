"""A configuration that a person wrote is changed where it must be, and stays theirs everywhere else."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.settings.writing import typed, with_connection, write_config
from tajo_pipelines.settings.yaml_source import read_yaml

SHIPPED = (Path(__file__).resolve().parents[2] / "config" / "connectors.yaml").read_text("utf-8")


def changes(old: str, new: str) -> tuple[list[str], list[str]]:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=0))[2:]
    return [line[1:] for line in lines if line[0] == "-"], [line[1:] for line in lines if line[0] == "+"]


def test_enabling_the_shipped_connection_changes_that_line_alone() -> None:
    new = with_connection(SHIPPED, "shopify", {"enabled": True, "shop_url": "your-store.myshopify.com"})
    gone, come = changes(SHIPPED, new)
    assert len(gone) == len(come) == 1
    assert come[0].startswith("    enabled: true ")
    assert come[0].partition("#")[2] == gone[0].partition("#")[2]
    assert come[0].index("#") == gone[0].index("#")


def test_what_stands_there_already_is_left_as_it_is_written() -> None:
    text = "connectors:\n  shopify:\n    enabled: true\n    shop_url: 'a.myshopify.com'   # ours\n"
    assert with_connection(text, "shopify", {"enabled": True, "shop_url": "a.myshopify.com"}) == text


def test_a_new_connection_stands_below_the_last_one_and_above_the_comments_that_follow() -> None:
    new = with_connection(SHIPPED, "shopify-fr", {"connector": "shopify", "enabled": True, "patience": 5})
    gone, come = changes(SHIPPED, new)
    assert not gone
    assert come == ["  shopify-fr:", "    connector: shopify", "    enabled: true", "    patience: 5", ""]
    assert new.index("shopify-fr:") < new.index("# A second shop")
    assert with_connection(new, "shopify-fr", {"connector": "shopify", "enabled": True, "patience": 5}) == new


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet\n",
        "brevo:\n  api_key: x\n",
        "connectors:\n",
        "connectors:   # mine\n\nfield_mapping: {}\n",
        "connectors: {}\n",
        "connectors: {a: {connector: shopify, enabled: false}} # c\n",
        "connectors:\n    a:\n        x:\n            - 1\n            -   2\n        # in a\n    # tail\n# end\nb: 1",
        "---\nconnectors:\n  a:\n    sync:\n      x: |\n        text\n\n\nbrevo:\n- a\n- b\n",
        "base: &base\n  region: DE\nconnectors:\n  a:\n    <<: *base\n    enabled: false\n",
    ],
)
def test_whatever_the_file_looks_like_the_rest_stays(text: str) -> None:
    new = with_connection(text, "new", {"connector": "shopify", "enabled": True, "shop_url": "a # b"})
    before, after = read_yaml(text).tree or {}, read_yaml(new).tree
    assert after["connectors"].pop("new") == {"connector": "shopify", "enabled": "true", "shop_url": "a # b"}
    assert after["connectors"] == (before.pop("connectors", None) or {})
    assert {key: value for key, value in after.items() if key != "connectors"} == before
    assert all(line in new for line in text.splitlines() if "#" in line and "connectors" not in line)


def test_a_merged_key_is_overridden_and_its_origin_kept() -> None:
    text = "base: &base\n  enabled: false\nconnectors:\n  a:\n    <<: *base\n    connector: shopify\n"
    new = with_connection(text, "a", {"enabled": True})
    assert read_yaml(new).tree["connectors"]["a"]["enabled"] == "true"
    assert read_yaml(new).tree["base"]["enabled"] == "false"


def test_a_new_key_stands_among_the_values_of_its_block() -> None:
    new = with_connection(SHIPPED, "shopify", {"base_url": "http://127.0.0.1:1"})
    lines = [line.strip().split(":")[0] for line in new.splitlines()]
    assert lines.index("shopify") < lines.index("base_url") < lines.index("sync")


@pytest.mark.parametrize("text", ["connectors: [1, 2]\n", "- a\n", "connectors: {\n"])
def test_what_cant_be_changed_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_connection(text, "new", {"enabled": True})
    assert caught.value.code == "not_rewritable"


def test_line_ends_mode_and_link_stay(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    real, link = folder / "real.yaml", folder / "link.yaml"
    real.write_bytes(b"\xef\xbb\xbfa: 1\r\n# c\r\n")
    real.chmod(0o640)
    link.symlink_to(real)
    assert write_config(link, "a: 2\n# c\n")
    assert real.read_bytes() == b"\xef\xbb\xbfa: 2\r\n# c\r\n"
    assert real.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert not write_config(link, "a: 2\n# c\n")
    assert sorted(path.name for path in folder.iterdir()) == ["link.yaml", "real.yaml"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("5", 5), ("0.5", 0.5), ("007", "007"), ("1e3", "1e3"), ("yes", "yes"), ("nan", "nan")],
)
def test_a_value_is_typed_as_yaml_would(text: str, value: object) -> None:
    assert typed(text) == value
    assert type(typed(text)) is type(value)
