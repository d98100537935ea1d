"""``tajo webhooks register`` and ``subscriptions``: their documents, their exit codes, what a person reads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tajo_pipelines.connectors.shopify.webhooks import LAWFUL, TOPICS
from tajo_pipelines_tests.cli.conftest import Project, Tajo
from tajo_pipelines_tests.connectors.shopify.support import Shop
from tajo_pipelines_tests.sdk.support import serving

PUBLIC = "https://hooks.example"
URL = "https://hooks.example/webhooks/shopify"
WANTED = [topic for topic, found in TOPICS.items() if found.wanted]


@pytest.fixture
def shop(project: Project) -> Iterator[Shop]:
    """A shop that is served, and is the project's."""
    made = Shop()
    with serving(made.answer) as server:
        project.shopify.update(
            {"base_url": server.url, "api_key": "shpat_stored", "api_secret": "secret", "patience": 1}
        )
        project.write()
        yield made


def test_register_tells_what_it_made_and_exits_with_0(shop: Shop, tajo: Tajo) -> None:
    found = tajo("webhooks", "register", "shopify", "--public-url", PUBLIC, "--json").document
    assert found["ok"]
    assert found["url"] == URL
    assert [row["topic"] for row in found["topics"]] == WANTED
    assert {row["state"] for row in found["topics"]} == {"created"}
    assert found["by_hand"] == list(LAWFUL)
    assert (found["removed"], found["foreign"], found["warnings"]) == ([], [], [])
    again = tajo("webhooks", "register", "shopify", "--public-url", PUBLIC, "--json").document
    assert {row["state"] for row in again["topics"]} == {"kept"}


def test_subscriptions_tells_what_there_is_and_what_is_missing(shop: Shop, tajo: Tajo) -> None:
    before = tajo("webhooks", "subscriptions", "shopify", "--json").document
    assert (before["url"], before["since"], before["missing"], before["subscriptions"]) == (None, None, [], [])
    tajo("webhooks", "register", "shopify", "--public-url", PUBLIC)
    shop.hooks = [each for each in shop.hooks if each["topic"] != "ORDERS_CREATE"]
    shop.hook("THEMES_PUBLISH", "https://crm.example/in")
    found = tajo("webhooks", "subscriptions", "shopify", "--json").document
    assert found["missing"] == ["orders/create"]
    assert [notice["code"] for notice in found["warnings"]] == ["subscriptions_missing"]
    assert len(found["subscriptions"]) == len(WANTED)
    assert {row["ours"] for row in found["subscriptions"] if row["topic"] != "THEMES_PUBLISH"} == {True}
    assert [row["url"] for row in found["subscriptions"] if not row["ours"]] == ["https://crm.example/in"]


def test_a_topic_that_is_refused_is_exit_5_and_one_that_lacks_a_scope_a_warning(shop: Shop, tajo: Tajo) -> None:
    shop.hooks_refused = {"CUSTOMERS_MERGE": "You do not have permission"}
    lacking = tajo("webhooks", "register", "shopify", "--public-url", PUBLIC, "--json")
    assert lacking.code == 0
    assert [notice["code"] for notice in lacking.document["warnings"]] == ["topic_needs_scope"]
    shop.hooks_refused["ORDERS_CREATE"] = "Address is not allowed"
    shop.hooks.clear()
    refused = tajo("webhooks", "register", "shopify", "--public-url", PUBLIC, "--json").document
    assert (refused["exit_code"], refused["error"]["code"]) == (5, "topics_refused")
    assert "orders/create" in refused["error"]["message"]
    (row,) = [row for row in refused["topics"] if row["topic"] == "orders/create"]
    assert row["state"] == "refused"
    assert "Address is not allowed" in row["why"]


@pytest.mark.parametrize("url", ["http://hooks.example", "hooks.example", ""])
def test_an_address_that_isn_t_one_is_wrong_usage(shop: Shop, tajo: Tajo, url: str) -> None:
    found = tajo("webhooks", "register", "shopify", "--public-url", url, "--json").document
    assert (found["exit_code"], found["error"]["code"], found["error"]["where"]) == (
        2,
        "invalid_public_url",
        "--public-url",
    )
    assert shop.asked == []


def test_what_is_wrong_with_the_connection_has_its_exit_code(shop: Shop, project: Project, tajo: Tajo) -> None:
    register = ("webhooks", "register", "shopify", "--public-url", PUBLIC, "--json")
    assert tajo("webhooks", "register", "--json").code == 2
    assert tajo("webhooks", "register", "nobody", "--public-url", PUBLIC, "--json").document["exit_code"] == 3
    shop.token = "another"
    assert tajo(*register).document["exit_code"] == 4
    project.shopify["mode"] = "batch"
    project.write()
    assert tajo(*register).document["error"]["code"] == "nothing_listens"
    project.shopify.update({"base_url": "http://127.0.0.1:9", "mode": "hybrid"})
    project.write()
    assert tajo(*register).document["exit_code"] == 1


def test_a_person_reads_where_to_set_what_the_law_asks_for(shop: Shop, tajo: Tajo) -> None:
    shop.hook("ORDERS_CREATE", "https://old.example/webhooks/shopify")
    registered = tajo("webhooks", "register", "shopify", "--public-url", PUBLIC)
    for words in ("orders/create", "repaired", f"They are sent to {URL}", "taken back: orders/create", "shop/redact"):
        assert words in registered.out
    listed = tajo("webhooks", "subscriptions", "shopify")
    assert f"{len(WANTED)} subscriptions" in listed.out
    assert "customers/redact" in listed.out
