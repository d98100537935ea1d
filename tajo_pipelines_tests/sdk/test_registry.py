from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.connector import ConnectionConfig
from tajo_pipelines.sdk.manifest import parse_manifest

FOREIGN = """
name: fancy
title: Fancy
category: custom
auth: [token]
streams: [{name: customers, incremental: false, deletes: false, realtime: false}]
capabilities: {bulk: absent, webhooks: absent, write_back: absent}
"""


@pytest.fixture
def fresh() -> Iterator[None]:
    caches = (registry._all, registry.manifest, registry.mapping_file)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def foreign(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str = "fancy") -> None:
    folder = tmp_path / "fancy_connector"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "manifest.yaml").write_text(FOREIGN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "fancy_connector", raising=False)
    point = EntryPoint(name=name, value="fancy_connector", group=registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])


def test_an_unknown_connector_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean shopify") as caught:
        registry.load("shopfy")
    assert caught.value.code == "unknown_connector"


@pytest.mark.usefixtures("fresh")
def test_a_foreign_connector_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    foreign(monkeypatch, tmp_path)
    assert "fancy" in registry.connector_names()
    assert registry.find("fancy").origin == "entry_point"
    assert registry.manifest("fancy").title == "Fancy"
    with pytest.raises(ConfigError, match="no CONNECTOR"):
        registry.load("fancy")
    with pytest.raises(ConfigError, match=r"no mapping\.yaml"):
        registry.mapping_file("fancy")


@pytest.mark.usefixtures("fresh")
def test_two_connectors_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    foreign(monkeypatch, tmp_path, name="shopify")
    with pytest.raises(ConfigError, match="two connectors"):
        registry.connector_names()


@pytest.mark.usefixtures("fresh")
def test_a_manifest_must_bear_the_name_of_its_connector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    foreign(monkeypatch, tmp_path, name="plain")
    with pytest.raises(ConfigError, match="calls itself 'fancy'"):
        registry.manifest("plain")


def test_a_wrong_manifest_tells_everything_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_manifest(FOREIGN.replace("bulk: absent", "bulk: maybe") + "colour: red\n", "fancy/manifest.yaml")
    assert len(caught.value.details) == 2
    with pytest.raises(ConfigError, match=":2"):
        parse_manifest("a: 1\n\tb: 2", "fancy/manifest.yaml")


def test_a_configuration_shows_no_secret() -> None:
    config = ConnectionConfig("shopify", "shopify", {}, {"api_key": "hush-hush", "api_secret": ""})
    assert "hush-hush" not in repr(config)
    assert "secrets=<api_key>" in repr(config)
