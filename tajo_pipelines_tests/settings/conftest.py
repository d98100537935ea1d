"""A project in a folder of its own, and connectors that need no code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tajo_pipelines.model.errors import ConfigError, Notice
from tajo_pipelines.sdk.manifest import Capabilities, Manifest, StreamSpec
from tajo_pipelines.settings import Connection, Settings, load_settings

KEYS = {
    "BREVO_API_KEY": "brevo-key-of-the-test",
    "SHOPIFY_API_KEY": "client-id-of-the-test",
    "SHOPIFY_API_SECRET": "client-secret-of-the-test",
}
SHOP = "connectors:\n  shopify:\n    shop_url: s.myshopify.com\n"


def _manifest(name: str, streams: tuple[str, ...], secrets: Mapping[str, str], required: tuple[str, ...]) -> Manifest:
    return Manifest(
        name=name,
        title=name.title(),
        category="ecommerce",
        auth=("token",),
        streams=tuple(StreamSpec(name=s, incremental=True, deletes=True, realtime=True) for s in streams),
        capabilities=Capabilities(bulk="absent", webhooks="yes", write_back="absent"),
        config_keys=("shop_url", "page_size") if name == "shopify" else ("portal",),
        required_keys=("shop_url",) if name == "shopify" else (),
        secret_names=secrets,
        required_secrets=required,
    )


class TestManifests:
    __test__ = False

    def __init__(self) -> None:
        shopify_secrets = {"api_key": "API_KEY", "api_secret": "API_SECRET"}
        hubspot_secrets = {"token": "TOKEN", "webhook_secret": "WEBHOOK_SECRET"}
        self._all = {
            "shopify": _manifest("shopify", ("customers", "orders"), shopify_secrets, ("api_key",)),
            "hubspot": _manifest("hubspot", ("customers", "tickets"), hubspot_secrets, ()),
        }

    def connector_names(self) -> tuple[str, ...]:
        return tuple(self._all)

    def manifest(self, name: str) -> Manifest:
        return self._all[name]


@dataclass
class Project:
    folder: Path
    environ: dict[str, str] = field(default_factory=lambda: dict(KEYS))

    def write(self, text: str) -> Project:
        file = self.folder / "config" / "connectors.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return self

    def load(self, text: str | None = None, *, require_secrets: bool = True) -> Settings:
        if text is not None:
            self.write(text)
        manifests = TestManifests()
        return load_settings(self.folder, self.environ, manifests=manifests, require_secrets=require_secrets)

    def shop(self, lines: str = "") -> Connection:
        """The connection of a file with one shop and these lines under it."""
        return self.load(SHOP + "".join(f"    {line}\n" for line in lines.splitlines())).connections["shopify"]

    def fails(self, text: str | None = None) -> list[Notice]:
        """What is wrong with a file."""
        with pytest.raises(ConfigError) as caught:
            self.load(text)
        assert caught.value.exit_code == 3
        return list(caught.value.details)

    def fails_once(self, text: str | None = None) -> Notice:
        found = self.fails(text)
        assert len(found) == 1, found
        return found[0]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)
