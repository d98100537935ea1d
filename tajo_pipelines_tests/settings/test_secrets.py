"""Secrets come from outside, are asked for only where they are needed, and are never shown."""

from __future__ import annotations

import dataclasses

import pytest

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines_tests.settings.conftest import KEYS, SHOP, Project
from tajo_pipelines_tests.settings.test_page import BASIC, FULL


def test_no_secret_stands_in_any_representation(project: Project) -> None:
    project.environ |= {
        "SHOPIFY_FR_API_KEY": "key-of-france",
        "TAJO_DATABASE_URL": "postgresql://u:database-password@h/d",
        "TAJO_SECRET_KEY": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ=",
    }
    settings = project.load(FULL)
    for thing in (settings, settings.connections, settings.accounts, settings.connections["shopify"].secrets):
        for text in (repr(thing), str(thing), f"{thing}"):
            for secret in (*KEYS.values(), "key-of-france", "database-password", "secret-secret", "c2Vjcm"):
                assert secret not in text


def test_an_enabled_connection_names_every_variable_that_it_lacks(project: Project) -> None:
    project.environ.clear()
    found = project.fails(BASIC.replace("api_secret", "# api_secret"))
    assert [(notice.code, notice.where.split()[-1]) for notice in found] == [
        ("missing_variable", "connectors.shopify"),
        ("missing_variable", "connectors.shopify.api_key"),
    ]
    assert "BREVO_API_KEY" in found[0].message
    assert "SHOPIFY_API_KEY" in found[1].message


def test_a_secret_that_the_connector_can_do_without_is_a_warning(project: Project) -> None:
    del project.environ["SHOPIFY_API_SECRET"]
    (warning,) = project.load(BASIC).warnings
    assert (warning.code, warning.where) == (
        "missing_variable",
        "config/connectors.yaml:6 connectors.shopify.api_secret",
    )


def test_a_disabled_connection_needs_nothing(project: Project) -> None:
    project.environ.clear()
    settings = project.load(BASIC.replace("enabled: true", "enabled: false") + "brevo: {api_key: '${BREVO_API_KEY}'}\n")
    assert settings.connections["shopify"].secrets == {}
    assert settings.accounts["default"].api_key is None
    assert settings.warnings == ()


def test_commands_that_only_look_get_warnings(project: Project) -> None:
    project.environ.clear()
    settings = project.load(BASIC, require_secrets=False)
    assert {notice.code for notice in settings.warnings} == {"missing_variable"}
    shop = settings.connections["shopify"]
    with pytest.raises(ConfigError, match="set SHOPIFY_API_KEY in the environment") as caught:
        shop.require_secret("api_key")
    assert caught.value.where == "config/connectors.yaml:2 connectors.shopify"
    with pytest.raises(ConfigError, match="set BREVO_API_KEY in the environment"):
        settings.account_of(shop).require_api_key()


def test_a_connection_reads_the_variables_of_its_own_name(project: Project) -> None:
    project.environ |= {"SHOPIFY_FR_API_KEY": "fr-key", "SHOPIFY_FR_API_SECRET": "fr-secret"}
    shops = project.load(SHOP + "  shopify-fr: {connector: shopify, shop_url: fr}\n").connections
    assert shops["shopify-fr"].require_secret("api_key") == "fr-key"
    assert shops["shopify-fr"].require_secret("api_secret") == "fr-secret"
    assert shops["shopify"].require_secret("api_key") == KEYS["SHOPIFY_API_KEY"]


def test_what_the_file_names_wins_over_the_own_variable_which_stands_in_where_it_is_missing(project: Project) -> None:
    project.environ["OTHER"] = "other-key"
    assert project.shop("api_key: ${OTHER}").require_secret("api_key") == "other-key"
    del project.environ["OTHER"]
    assert project.shop("api_key: ${OTHER}").require_secret("api_key") == KEYS["SHOPIFY_API_KEY"]


def test_a_webhook_secret_comes_from_its_variable_and_cant_be_blank(project: Project) -> None:
    text = "connectors:\n  crm: {connector: hubspot}\n"
    project.environ["CRM_WEBHOOK_SECRET"] = "whs"
    assert project.load(text).connections["crm"].require_secret("webhook_secret") == "whs"
    project.environ["CRM_WEBHOOK_SECRET"] = " "
    found = project.fails_once(text)
    assert (found.code, found.where) == ("blank_secret", "environment CRM_WEBHOOK_SECRET")


def test_a_blank_variable_is_a_missing_one(project: Project) -> None:
    project.environ["SHOPIFY_API_KEY"] = ""
    found = project.fails_once(BASIC)
    assert found.message.startswith("SHOPIFY_API_KEY is blank")


def test_a_secret_in_the_file_works_and_is_warned_of(project: Project) -> None:
    settings = project.load("brevo: {api_key: 0123}\n" + SHOP + "    api_key: 007\n")
    assert settings.connections["shopify"].require_secret("api_key") == "007", "taken as text"
    assert settings.accounts["default"].require_api_key() == "0123"
    assert sorted((notice.code, notice.where) for notice in settings.warnings) == [
        ("secret_in_yaml", "config/connectors.yaml:1 brevo.api_key"),
        ("secret_in_yaml", "config/connectors.yaml:5 connectors.shopify.api_key"),
    ]
    assert all("007" not in notice.message and "0123" not in notice.message for notice in settings.warnings)


def test_variables_are_put_into_values_alone(project: Project) -> None:
    project.environ |= {"N": "shop", "REST": "example"}
    shop = project.shop('shop_url: "${N}.${REST}.com"'.replace("shop_url", "page_size"))
    assert shop.options == {"shop_url": "s.myshopify.com", "page_size": "shop.example.com"}
    found = project.fails_once(SHOP + '    "${N}": x\n')
    assert found.code == "unknown_key"


def test_settings_are_frozen(project: Project) -> None:
    settings = project.load(BASIC)
    shop = settings.connections["shopify"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        shop.mode = "batch"  # type: ignore[misc]  # that is what is tested
    with pytest.raises(TypeError):
        settings.connections["x"] = shop  # type: ignore[index]  # that is what is tested
