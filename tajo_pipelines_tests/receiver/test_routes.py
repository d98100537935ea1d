"""Which connections are served: none whose deliveries nothing could prove."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.receiver.routes import read_routes
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.signatures import StandardWebhooks
from tajo_pipelines.sdk.webhooks import Envelope, Webhooks
from tajo_pipelines.settings import load_settings
from tajo_pipelines_tests.receiver.stand_in import STREAMS, WEBHOOKS


@pytest.fixture(autouse=True)
def connector(monkeypatch: pytest.MonkeyPatch) -> dict[str, Webhooks | None]:
    """The shop's connector, with the webhooks of the stand-in, signed by api_secret."""
    given: dict[str, Webhooks | None] = {"webhooks": with_secret(WEBHOOKS)}
    load = registry.load

    def changed(name: str) -> object:
        found = load(name)
        return type(found)(found.manifest, found.streams, found.open, webhooks=given["webhooks"])

    monkeypatch.setattr(registry, "load", changed)
    return given


def with_secret(webhooks: Webhooks, signature: Any = None) -> Webhooks:
    return Webhooks(signature or webhooks.signature, ("api_secret",), webhooks.envelope, webhooks.topics)


def routes(tmp_path: Path, environ: dict[str, str], **connections: dict[str, Any]) -> Any:
    sections = {
        name: {"connector": "shopify", "enabled": True, "shop_url": "a-shop.myshopify.com", **changes}
        for name, changes in (connections or {"shopify": {}}).items()
    }
    (tmp_path / "config").mkdir(exist_ok=True)
    (tmp_path / "config" / "connectors.yaml").write_text(yaml.safe_dump({"connectors": sections}), "utf-8")
    return read_routes(load_settings(tmp_path, {"TAJO_HOME": str(tmp_path), **environ}, require_secrets=False))


def test_every_enabled_connection_with_webhooks_is_served(tmp_path: Path) -> None:
    environ = {"SHOPIFY_API_SECRET": "old new", "SHOP_FR_API_SECRET": "other"}
    found = routes(tmp_path, environ, **{"shopify": {}, "shop-fr": {}, "shop-it": {"enabled": False}})
    assert {name: (route.path, route.secrets) for name, route in found.items()} == {
        "shopify": ("/webhooks/shopify", ("old", "new")),
        "shop-fr": ("/webhooks/shop-fr", ("other",)),
    }
    assert "old" not in repr(found["shopify"])


@pytest.mark.parametrize("value", [None, "", "   ", "\t\n"])
def test_a_blank_secret_is_refused_at_start_by_its_variable(tmp_path: Path, value: str | None) -> None:
    environ = {} if value is None else {"SHOP_FR_API_SECRET": value}
    with pytest.raises(ConfigError) as caught:
        routes(tmp_path, environ, **{"shop-fr": {}})
    assert caught.value.code in ("webhook_secret_missing", "blank_secret")
    assert "SHOP_FR_API_SECRET" in str(caught.value)
    assert caught.value.exit_code == 3


def test_every_connection_without_a_secret_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        routes(tmp_path, {}, one={}, two={})
    assert [notice.code for notice in caught.value.details] == ["webhook_secret_missing"] * 2
    assert "ONE_API_SECRET" in str(caught.value)
    assert "TWO_API_SECRET" in str(caught.value)


def test_a_connection_by_batch_alone_needs_none_and_is_not_served_without(tmp_path: Path) -> None:
    found = routes(tmp_path, {"ONE_API_SECRET": "s"}, one={}, two={"mode": "batch"})
    assert list(found) == ["one"]


def test_a_secret_that_cannot_be_one_is_found_at_start(tmp_path: Path, connector: dict[str, Webhooks | None]) -> None:
    connector["webhooks"] = with_secret(WEBHOOKS, StandardWebhooks())
    with pytest.raises(ConfigError) as caught:
        routes(tmp_path, {"SHOPIFY_API_SECRET": "whsec_***"})
    assert caught.value.code == "invalid_secret"
    assert "***" not in str(caught.value)


def test_a_connector_that_takes_anything_is_refused(tmp_path: Path, connector: dict[str, Webhooks | None]) -> None:
    class Credulous:
        def verify(self, *_: object) -> None:
            return

    connector["webhooks"] = with_secret(WEBHOOKS, Credulous())
    with pytest.raises(ConfigError, match="takes a delivery without any"):
        routes(tmp_path, {"SHOPIFY_API_SECRET": "s"})


def test_nothing_to_serve_is_said(tmp_path: Path, connector: dict[str, Webhooks | None]) -> None:
    connector["webhooks"] = None
    with pytest.raises(ConfigError, match="no enabled connection receives webhooks"):
        routes(tmp_path, {})


def test_modes_and_disabled_streams_decide_what_is_worked_off(tmp_path: Path) -> None:
    sync = {"customers": {"mode": "batch"}, "orders": True, "products": False, "carts": {"mode": "realtime"}}
    route = routes(tmp_path, {"SHOPIFY_API_SECRET": "s"}, shopify={"sync": sync})["shopify"]
    assert route.live == {"orders", "carts"}
    found = {topic: route.stream(Envelope("1", topic, None, STREAMS.get(topic))) for topic in [*STREAMS, "other"]}
    assert found == {"customers/update": None, "orders/paid": "orders", "customers/redact": "customers", "other": None}


def test_what_the_law_asks_for_goes_to_the_first_stream_where_customers_are_disabled(tmp_path: Path) -> None:
    route = routes(tmp_path, {"SHOPIFY_API_SECRET": "s"}, shopify={"sync": {"customers": False, "orders": True}})
    assert route["shopify"].stream(Envelope("1", "customers/redact", None, "customers")) == "orders"
