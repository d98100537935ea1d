"""Subscriptions: what is missing is made, what is wrong is mended, what is another's is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tajo_pipelines.connectors.shopify.subscriptions import enum_of
from tajo_pipelines.connectors.shopify.webhooks import LAWFUL, TOPICS
from tajo_pipelines.model.errors import AuthError, ConfigError
from tajo_pipelines.settings import load_settings
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.leases import LeaseTaken
from tajo_pipelines.sync.addresses import delivery_address, is_ours
from tajo_pipelines.sync.modes import subscribed
from tajo_pipelines.sync.subscriptions import check_subscriptions, register
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines_tests.connectors.shopify.support import Shop
from tajo_pipelines_tests.sdk.support import Reply, serving

PUBLIC = "https://hooks.example"
URL = "https://hooks.example/webhooks/shopify"
OLD = "https://old-tunnel.example/webhooks/shopify"
WANTED = sorted(topic for topic, found in TOPICS.items() if found.wanted)
OPTIONAL = sorted(topic for topic in WANTED if TOPICS[topic].scope is not None)

CONFIG = """
brevo: {{api_key: key, base_url: "http://127.0.0.1:9/v3"}}
connectors:
  shopify:
    connector: shopify
    shop_url: kaffee.myshopify.com
    base_url: "{url}"
    api_key: shpat_stored
    {secret}
    patience: 1
    field_mapping: {{email: email}}
{more}
"""

Open = Callable[..., tuple[Workspace, Connection]]


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def open_workspace(tmp_path: Path, shop: Shop) -> Iterator[Open]:
    (tmp_path / "config").mkdir()
    made: list[Workspace] = []
    with serving(shop.answer) as server:

        def opened(*lines: str, secret: str = "api_secret: client-secret") -> tuple[Workspace, Connection]:
            more = "\n".join(f"    {line}" for line in lines)
            text = CONFIG.format(url=server.url, secret=secret, more=more)
            (tmp_path / "config" / "connectors.yaml").write_text(text, encoding="utf-8")
            workspace = Workspace(load_settings(tmp_path, {"TAJO_HOME": str(tmp_path / "home")}, require_secrets=False))
            made.append(workspace)
            return workspace, workspace.connection("shopify")

        yield opened
        for workspace in made:
            workspace.close()


def held(shop: Shop) -> list[tuple[str, str]]:
    return sorted((each["topic"], each["uri"]) for each in shop.hooks)


def at(shop: Shop, topic: str, url: str = URL) -> int:
    return held(shop).count((enum_of(topic), url))


# -- register ------------------------------------------------------------------------------------------------------


def test_everything_that_is_wanted_is_subscribed_to_and_noted(shop: Shop, open_workspace: Open) -> None:
    workspace, connection = open_workspace()
    found = register(workspace, connection, f"{PUBLIC}/")
    assert sorted(found.created) == WANTED
    assert held(shop) == sorted((enum_of(topic), URL) for topic in WANTED)
    assert set(found.by_hand) == set(LAWFUL)
    noted = subscribed(workspace, connection)
    assert noted is not None
    assert (sorted(noted.topics), noted.public_url, noted.since) == (WANTED, f"{PUBLIC}/", found.since)
    assert found.notices == []


def test_doing_it_again_changes_nothing(shop: Shop, open_workspace: Open) -> None:
    workspace, connection = open_workspace()
    first = register(workspace, connection, PUBLIC)
    before = list(shop.hooks)
    again = register(workspace, connection, PUBLIC)
    assert sorted(again.kept) == WANTED
    assert (again.created, again.repaired, again.removed) == ([], [], [])
    assert shop.hooks == before
    assert again.since == first.since


def test_ours_that_send_elsewhere_are_replaced_and_others_left_alone(shop: Shop, open_workspace: Open) -> None:
    shop.hook("ORDERS_CREATE", OLD)
    others = [
        ("ORDERS_CREATE", "https://hooks.example/webhooks/shopify-fr"),
        ("ORDERS_PAID", "https://crm.example/in"),
        ("ORDERS_PAID", "pubsub://project:topic"),
        ("THEMES_PUBLISH", URL),
        ("BULK_OPERATIONS_FINISH", URL),
    ]
    for topic, url in others:
        shop.hook(topic, url)
    workspace, connection = open_workspace()
    found = register(workspace, connection, PUBLIC)
    assert found.repaired == ["orders/create"]
    assert [each.url for each in found.removed] == [OLD]
    assert (at(shop, "orders/create"), at(shop, "orders/create", OLD)) == (1, 0)
    assert sorted((enum_of(each.topic), each.url) for each in found.foreign) == sorted(others)
    assert set(others) <= set(held(shop))


def test_the_new_one_is_made_before_the_old_one_goes(shop: Shop, open_workspace: Open) -> None:
    shop.hook("ORDERS_CREATE", OLD)
    shop.hooks_refused["ORDERS_CREATE"] = "Address is not allowed"
    workspace, connection = open_workspace()
    found = register(workspace, connection, PUBLIC)
    assert at(shop, "orders/create", OLD) == 1
    assert [(refusal.topic, refusal.needs) for refusal in found.refused] == [("orders/create", None)]
    assert not found.whole
    assert "topic_refused" in {notice.code for notice in found.notices}
    noted = subscribed(workspace, connection)
    assert noted is not None
    assert "orders/create" not in noted.topics


def test_doubles_are_taken_back(shop: Shop, open_workspace: Open) -> None:
    for url in (URL, URL, OLD):
        shop.hook("CARTS_UPDATE", url)
    workspace, connection = open_workspace()
    found = register(workspace, connection, PUBLIC)
    assert "carts/update" in found.kept
    assert len(found.removed) == 2
    assert (at(shop, "carts/update"), at(shop, "carts/update", OLD)) == (1, 0)


@pytest.mark.parametrize(
    "less", [{"format": "XML"}, {"filter": "id:1"}, {"includeFields": ["id"]}], ids=lambda less: next(iter(less))
)
def test_one_that_sends_less_than_everything_is_replaced(
    shop: Shop, open_workspace: Open, less: dict[str, object]
) -> None:
    shop.hook("ORDERS_CREATE", URL, **less)
    workspace, connection = open_workspace()
    assert register(workspace, connection, PUBLIC).repaired == ["orders/create"]
    (now,) = [each for each in shop.hooks if each["topic"] == "ORDERS_CREATE"]
    assert (now["format"], now["filter"], now["includeFields"]) == ("JSON", None, [])


def test_streams_that_don_t_listen_aren_t_told_of(shop: Shop, open_workspace: Open) -> None:
    shop.hook("PRODUCTS_UPDATE", URL)
    shop.hook("CARTS_UPDATE", URL)
    workspace, connection = open_workspace("sync: {customers: true, products: {mode: batch}, carts: false}")
    found = register(workspace, connection, PUBLIC)
    assert {TOPICS[topic].stream for topic in found.topics} == {"customers"}
    assert sorted(each.topic for each in found.removed) == ["carts/update", "products/update"]


def test_where_nothing_listens_nothing_is_made(shop: Shop, open_workspace: Open) -> None:
    workspace, connection = open_workspace("mode: batch")
    with pytest.raises(ConfigError) as refused:
        register(workspace, connection, PUBLIC)
    assert refused.value.code == "nothing_listens"
    assert shop.hooks == []


def test_a_topic_that_needs_another_scope_is_done_without(shop: Shop, open_workspace: Open) -> None:
    shop.hooks_refused = {enum_of(topic): "You do not have permission" for topic in OPTIONAL}
    workspace, connection = open_workspace()
    found = register(workspace, connection, PUBLIC)
    assert sorted(found.created) == sorted(set(WANTED) - set(OPTIONAL))
    assert found.whole
    assert {refusal.needs for refusal in found.refused} == {"read_customer_merge", "read_products"}
    assert {notice.code for notice in found.notices} == {"topic_needs_scope"}
    assert any("read_customer_merge" in notice.message for notice in found.notices)


def test_where_every_topic_is_refused_the_platform_is_quoted(shop: Shop, open_workspace: Open) -> None:
    shop.hooks_refused = {enum_of(topic): "Address is not allowed" for topic in WANTED}
    workspace, connection = open_workspace()
    with pytest.raises(ConfigError) as refused:
        register(workspace, connection, PUBLIC)
    assert "Address is not allowed" in refused.value.message
    assert subscribed(workspace, connection) is None


def test_an_app_without_access_at_all_is_an_error_of_the_credentials(shop: Shop, open_workspace: Open) -> None:
    shop.token = "another"
    workspace, connection = open_workspace()
    with pytest.raises(AuthError):
        register(workspace, connection, PUBLIC)


def test_without_a_secret_nothing_is_asked_for_that_would_be_refused_later(shop: Shop, open_workspace: Open) -> None:
    workspace, connection = open_workspace(secret="")
    with pytest.raises(ConfigError) as refused:
        register(workspace, connection, PUBLIC)
    assert refused.value.code == "webhook_secret_missing"
    assert "SHOPIFY_WEBHOOK_SECRET" in refused.value.message
    assert shop.asked == []


def test_another_version_s_bodies_are_said_aloud_once(shop: Shop, open_workspace: Open) -> None:
    for topic in ("ORDERS_CREATE", "ORDERS_PAID"):
        shop.hook(topic, URL, apiVersion={"handle": "2024-10"})
    workspace, connection = open_workspace()
    (notice,) = register(workspace, connection, PUBLIC).notices
    assert (notice.code, "2024-10" in notice.message, "2026-10" in notice.message) == ("webhook_version", True, True)


def test_two_don_t_make_them_at_the_same_time(shop: Shop, open_workspace: Open) -> None:
    workspace, connection = open_workspace()
    with workspace.store.leases.hold("subscriptions/shopify", "another"), pytest.raises(LeaseTaken):
        register(workspace, connection, PUBLIC)
    assert shop.hooks == []


# -- the hourly look -----------------------------------------------------------------------------------------------


def test_what_the_platform_deleted_is_made_again_and_named(shop: Shop, open_workspace: Open) -> None:
    workspace, connection = open_workspace()
    first = register(workspace, connection, PUBLIC)
    workspace.now = lambda: datetime.now(UTC) + timedelta(hours=5)
    shop.hooks = [each for each in shop.hooks if each["topic"] not in {"ORDERS_CREATE", "CARTS_UPDATE"}]
    found = check_subscriptions(workspace, connection)
    assert found is not None
    assert sorted(found.recreated) == sorted(found.created) == ["carts/update", "orders/create"]
    assert held(shop) == sorted((enum_of(topic), URL) for topic in WANTED)
    assert found.since == first.since, "what wasn't told meanwhile has been missed"
    again = check_subscriptions(workspace, connection)
    assert again is not None
    assert (again.recreated, again.created) == ([], [])


def test_where_nothing_was_registered_nothing_is_looked_at(shop: Shop, open_workspace: Open) -> None:
    workspace, connection = open_workspace()
    assert check_subscriptions(workspace, connection) is None
    assert shop.asked == []


def test_a_stream_that_begins_to_listen_is_told_of_from_then_on(shop: Shop, open_workspace: Open) -> None:
    workspace, connection = open_workspace("sync: {customers: true}")
    register(workspace, connection, PUBLIC)
    workspace.close()
    workspace, connection = open_workspace("sync: {customers: true, orders: true}")
    later = datetime.now(UTC) + timedelta(hours=5)
    workspace.now = lambda: later
    found = check_subscriptions(workspace, connection)
    assert found is not None
    assert "orders/create" in found.created
    assert (found.recreated, found.since) == ([], later)


def test_two_installations_don_t_take_each_other_s_subscriptions_by_the_hour(shop: Shop, open_workspace: Open) -> None:
    workspace, connection = open_workspace()
    register(workspace, connection, PUBLIC)
    shop.hook("ORDERS_CREATE", OLD)
    found = check_subscriptions(workspace, connection)
    assert found is not None
    assert [each.url for each in found.foreign] == [OLD]
    assert (at(shop, "orders/create"), at(shop, "orders/create", OLD)) == (1, 1)


def test_an_outage_ends_the_look_and_leaves_the_note(shop: Shop, open_workspace: Open) -> None:
    workspace, connection = open_workspace()
    register(workspace, connection, PUBLIC)
    shop.instead = [Reply(401, {"errors": "revoked"})] * 3
    with pytest.raises(AuthError):
        check_subscriptions(workspace, connection)
    noted = subscribed(workspace, connection)
    assert noted is not None
    assert sorted(noted.topics) == WANTED


# -- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("public", "address"),
    [
        ("https://hooks.example", "https://hooks.example/webhooks/shopify-fr"),
        (" https://hooks.example:8443/tajo/ ", "https://hooks.example:8443/tajo/webhooks/shopify-fr"),
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787/webhooks/shopify-fr"),
        ("http://localhost:8787/", "http://localhost:8787/webhooks/shopify-fr"),
        ("http://[::1]:8787", "http://[::1]:8787/webhooks/shopify-fr"),
    ],
)
def test_a_connection_s_address(public: str, address: str) -> None:
    assert delivery_address(public, "shopify-fr") == address
    assert is_ours(address, "shopify-fr")
    assert not is_ours(address, "shopify")


@pytest.mark.parametrize(
    "public",
    [
        "",
        "hooks.example",
        "http://hooks.example",
        "http://10.0.0.1",
        "ftp://hooks.example",
        "https://",
        "https://me:secret@hooks.example",
        "https://hooks.example?to=me",
        "https://hooks.example#top",
        "https://hooks.example:port",
        "https://[::1",
    ],
)
def test_an_address_that_nobody_should_send_to_is_refused_without_being_repeated(public: str) -> None:
    with pytest.raises(ConfigError) as refused:
        delivery_address(public, "shopify")
    assert refused.value.code == "invalid_public_url"
    assert "secret" not in refused.value.message


@pytest.mark.parametrize(
    "url", ["pubsub://p:t", "arn:aws:events:x", "", "https://h/webhooks/shopify/x", "https://h/xwebhooks"]
)
def test_what_isn_t_ours(url: str) -> None:
    assert not is_ours(url, "shopify")
