from __future__ import annotations

from typing import Any

import pytest

from tajo_pipelines.connectors.shopify.connector import open_source
from tajo_pipelines.connectors.shopify.shop import shop_domain
from tajo_pipelines.model.errors import AuthError, ConfigError, RetryableError, TajoError
from tajo_pipelines.sdk.connector import ConnectionConfig
from tajo_pipelines_tests.connectors.shopify.support import PATH, SCOPES, Shop, opened
from tajo_pipelines_tests.sdk.support import HeldClock, Reply

CLIENT = {"api_key": "client-id", "api_secret": "right-secret"}


@pytest.mark.parametrize(
    "written",
    [
        "your-store.myshopify.com",
        "  Your-Store.MyShopify.com ",
        "https://your-store.myshopify.com/",
        "https://your-store.myshopify.com/admin/settings",
        "http://your-store.myshopify.com",
        "admin.shopify.com/store/your-store",
        "https://admin.shopify.com/store/your-store/orders?x=1",
    ],
)
def test_addresses_of_a_shop(written: str) -> None:
    assert shop_domain(written) == "your-store.myshopify.com"


@pytest.mark.parametrize(
    "written",
    [
        "",
        None,
        5,
        "your-store",
        "www.your-store.com",
        "your-store.myshopify.com.evil.example",
        "evil.example/your-store.myshopify.com",
        "https://your-store.myshopify.com@evil.example",
        "https://user:pw@your-store.myshopify.com",
        "https://your-store.myshopify.com:8443",
        "a.b.myshopify.com",
        "-x.myshopify.com",
        "admin.shopify.com/other/your-store",
        "ftp://your-store.myshopify.com",
        "https://[your-store.myshopify.com",
    ],
)
def test_anything_else_is_refused(written: object) -> None:
    with pytest.raises(ConfigError) as caught:
        shop_domain(written)
    assert caught.value.code == "invalid_shop_url"


def test_a_stored_token_is_sent_as_it_is_even_beside_the_webhook_secret() -> None:
    shop = Shop()
    with opened(shop, secrets={"api_key": "shpat_stored", "api_secret": "for-webhooks"}) as (source, server):
        source.check()
    assert [call.path for call in server.calls] == [PATH]


def test_client_credentials_get_a_token_once_and_a_new_one_after_a_401() -> None:
    shop = Shop()
    with opened(shop, secrets=CLIENT) as (source, _):
        source.check()
        list(source.read("customers", None))
        assert shop.tokens_given == 1
        shop.token = "revoked-meanwhile"
        list(source.read("customers", None))
        assert shop.tokens_given == 2


def test_check_tells_of_the_shop() -> None:
    with opened(Shop()) as (source, _):
        info = source.check()
    assert (info.name, info.domain, info.currency, info.timezone) == (
        "Kaffee & Söhne",
        "kaffee.myshopify.com",
        "EUR",
        "Europe/Berlin",
    )
    assert info.scopes == frozenset(SCOPES)
    assert info.notices == ()


def test_check_warns_of_60_days_without_read_all_orders() -> None:
    with opened(Shop(scopes=("read_customers", "write_orders"))) as (source, _):
        info = source.check()
    assert [notice.code for notice in info.notices] == ["orders_60_days", "no_product_ids"]


@pytest.mark.parametrize("missing", ["read_customers", "read_orders"])
def test_a_missing_scope_is_named(missing: str) -> None:
    scopes = tuple(scope for scope in SCOPES if scope != missing)
    with opened(Shop(scopes=scopes)) as (source, _), pytest.raises(AuthError, match=missing) as caught:
        source.check()
    assert (caught.value.code, caught.value.exit_code) == ("missing_scope", 4)


@pytest.mark.parametrize(
    ("secrets", "error"),
    [
        ({"api_key": "shpat_wrong"}, AuthError),
        ({"api_key": "client-id", "api_secret": "wrong-secret"}, AuthError),
    ],
)
def test_wrong_credentials_are_one_sentence_without_them(secrets: Any, error: type[TajoError]) -> None:
    with opened(Shop(), secrets=secrets) as (source, server), pytest.raises(error) as caught:
        source.check()
    assert caught.value.exit_code == 4
    assert not any(secret in str(caught.value) for secret in secrets.values())
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (402, ConfigError, "shop_frozen"),
        (403, AuthError, "forbidden"),
        (404, ConfigError, "no_such_shop"),
        (423, ConfigError, "shop_locked"),
    ],
)
def test_statuses_of_shopify(status: int, error: type[TajoError], code: str) -> None:
    with opened(Shop(instead=[Reply(status, {})])) as (source, _), pytest.raises(error) as caught:
        source.check()
    assert caught.value.code == code


def test_check_doesn_t_wait_for_minutes() -> None:
    clock = HeldClock()
    with opened(Shop(instead=[Reply(500, {})] * 40), clock) as (source, _), pytest.raises(RetryableError):
        source.check()
    assert sum(clock.slept) <= 30


@pytest.mark.parametrize(
    ("options", "secrets", "code"),
    [
        ({}, CLIENT, "invalid_shop_url"),
        ({"shop_url": "a.myshopify.com"}, {}, "missing_secret"),
        ({"shop_url": "a.myshopify.com"}, {"api_key": "client-id"}, "missing_secret"),
        ({"shop_url": "a.myshopify.com"}, {"api_secret": "right-secret"}, "missing_secret"),
        ({"shop_url": "a.myshopify.com", "patience": "long"}, CLIENT, "invalid_value"),
        ({"shop_url": "a.myshopify.com", "patience": 0}, CLIENT, "invalid_value"),
    ],
)
def test_a_configuration_that_can_t_work_is_refused_before_any_call(
    options: dict[str, Any], secrets: dict[str, str], code: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        open_source(ConnectionConfig("shopify", "shopify", options, secrets))
    assert caught.value.code == code


def test_a_shop_is_called_by_its_own_name_over_tls() -> None:
    source = open_source(
        ConnectionConfig("shopify", "shopify", {"shop_url": "https://admin.shopify.com/store/a"}, CLIENT)
    )
    assert source.http.base_url == "https://a.myshopify.com"


def test_plain_http_to_another_machine_is_refused() -> None:
    config = ConnectionConfig(
        "shopify", "shopify", {"shop_url": "a.myshopify.com"}, CLIENT, base_url="http://shop.example"
    )
    with pytest.raises(ConfigError, match="plain http"):
        open_source(config)
