"""Known traps of versions, log-in and permissions at Shopify: each has a test of its name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from tajo_pipelines.connectors.shopify import streams
from tajo_pipelines.connectors.shopify.connector import ShopifySource, open_source, version_notices
from tajo_pipelines.model.errors import AuthError
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.connector import ConnectionConfig
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import TwinProcess, running_twin
from tajo_pipelines.twin.shopify.access import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_STORED_TOKEN
from tajo_pipelines_tests.connectors.shopify.support import PATH, Shop, opened
from tajo_pipelines_tests.sdk.support import HeldClock, Reply

CLIENT = {"api_key": "client-id", "api_secret": "right-secret"}
TOKEN_PATH = "/admin/oauth/access_token"
OWN_APP = {"api_key": DEFAULT_CLIENT_ID, "api_secret": DEFAULT_CLIENT_SECRET}
WINDOW = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def twin() -> Iterator[TwinProcess]:
    with running_twin(halves=("shopify",), options=TwinOptions(customers=40)) as process:
        yield process


def source_of(twin: TwinProcess, secrets: dict[str, str]) -> ShopifySource:
    options = {"shop_url": "tajo-demo.myshopify.com", "bulk": "never"}
    return open_source(ConnectionConfig("shopify", "shopify", options, secrets, base_url=twin.shopify_url))


def test_an_ended_version_falls_forward_and_is_said_to_before_it_does() -> None:
    assert streams.MANIFEST.sunset == date(2027, 10, 16)
    assert version_notices(date(2027, 7, 1)) == ()
    for day in (date(2027, 8, 1), date(2027, 10, 16), date(2028, 1, 1)):
        (notice,) = version_notices(day)
        assert notice.code == "api_version_ends"
        assert "2027-10-16" in notice.message
    with opened(Shop(), HeldClock(datetime(2027, 11, 1, tzinfo=UTC))) as (source, _):
        assert [notice.code for notice in source.check().notices] == ["api_version_ends"]


def test_nothing_is_read_by_the_legacy_rest_api() -> None:
    with opened(Shop(), options={"bulk": "always"}) as (source, server):
        source.check()
        for stream in streams.READINGS:
            list(source.read(stream, None))
        list(source.deleted("orders", WINDOW))
    assert {call.path for call in server.calls if not call.path.startswith("/files/")} == {PATH}


def test_key_and_secret_are_no_basic_auth_of_a_private_app() -> None:
    with opened(Shop(), secrets=CLIENT) as (source, server):
        list(source.read("customers", None))
    login, *calls = server.calls
    assert login.path == TOKEN_PATH
    assert b"grant_type=client_credentials" in login.body
    assert calls
    for call in calls:
        assert call.headers["x-shopify-access-token"] == "shpua_1"
        assert "right-secret" not in f"{call.path} {call.headers} {call.body!r}"
    assert not any("authorization" in call.headers for call in server.calls)


def test_tokens_that_the_admin_once_made_still_work_without_a_secret() -> None:
    with opened(Shop(), secrets={"api_key": "shpat_stored"}) as (source, server):
        source.check()
    assert [call.path for call in server.calls] == [PATH]


def test_a_token_of_client_credentials_lives_a_day_and_longer_reads_go_on() -> None:
    shop = Shop(largest_page=2)
    with opened(shop, secrets=CLIENT, options={"bulk": "never"}) as (source, server):
        pages = iter(source.read("customers", None))
        found = [next(pages)]
        shop.clock.sleep(timedelta(hours=23, minutes=58).total_seconds())  # Shopify's own clock may be ahead
        found += list(pages)
    assert sum(len(page.records) for page in found) == 8
    assert [call.path for call in server.calls[:4]] == [TOKEN_PATH, PATH, TOKEN_PATH, PATH]
    assert shop.tokens_given == 2


def test_client_credentials_work_in_shops_of_the_same_organisation_alone(twin: TwinProcess) -> None:
    twin.change("shopify", "set_organisation", same=False)
    source = source_of(twin, OWN_APP)
    try:
        with pytest.raises(AuthError, match="cannot be performed on this shop") as caught:
            source.check()
        assert "organisation" in caught.value.hint
        assert caught.value.exit_code == 4
        twin.change("shopify", "set_organisation", same=True)
        assert source.check().name
    finally:
        source.close()


def test_a_public_app_s_token_ends_after_an_hour_and_is_refused_aloud() -> None:
    shop = Shop(largest_page=2)
    with opened(shop, options={"bulk": "never"}) as (source, server):
        pages = iter(source.read("customers", None))
        next(pages)
        shop.token = "another by now"
        with pytest.raises(AuthError) as caught:
            next(pages)
    assert (caught.value.code, caught.value.exit_code) == ("unauthorized", 4)
    assert "an hour" in caught.value.hint
    assert len(server.calls) == 2  # asking again with the same token would not help


def test_a_missing_scope_comes_as_200_and_is_an_error_of_the_credentials(twin: TwinProcess) -> None:
    twin.change("shopify", "set_scopes", scopes=["read_orders", "read_all_orders", "read_products"])
    source = source_of(twin, {"api_key": DEFAULT_STORED_TOKEN})
    try:
        for stream in ("customers", "orders"):  # an order's customer would be null, and the order nobody's
            with pytest.raises(AuthError) as caught:
                list(source.read(stream, None))
            assert caught.value.code == "missing_scope"
    finally:
        source.close()


def test_without_read_all_orders_those_older_than_60_days_are_unseen_and_not_deleted(twin: TwinProcess) -> None:
    twin.change("shopify", "set_scopes", scopes=["read_customers", "read_orders", "read_all_orders", "read_products"])
    source = source_of(twin, {"api_key": DEFAULT_STORED_TOKEN})
    now = datetime.now(UTC)
    try:
        every = {record.key for page in source.read("orders", None) for record in page.records}
        twin.change("shopify", "set_scopes", scopes=["read_customers", "read_orders", "read_products"])
        seen = {record.key for page in source.read("orders", None) for record in page.records}
        assert seen < every
        assert [notice.code for notice in source.check().notices] == ["orders_60_days"]
        lately = Window(now - timedelta(days=7), now + timedelta(days=1))
        assert not {gone.key for gone in source.deleted("orders", lately)} & every
    finally:
        source.close()


def test_another_shape_of_a_refused_login_is_an_error_of_the_credentials() -> None:
    page = Reply(400, b"<!DOCTYPE html><html><body><p>Oauth error app_not_installed</p></body></html>")
    shop = Shop()
    shop._login = lambda call: page  # type: ignore[method-assign]  # a page, though JSON was asked for
    with opened(shop, secrets=CLIENT) as (source, server), pytest.raises(AuthError) as caught:
        source.check()
    assert caught.value.exit_code == 4
    assert len(server.calls) == 1
