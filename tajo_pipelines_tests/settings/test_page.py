"""The samples that users copy."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from tajo_pipelines.settings import load_settings
from tajo_pipelines_tests.settings.conftest import KEYS, Project, TestManifests

ROOT = Path(__file__).resolve().parents[2]

BASIC = """\
connectors:
  shopify:
    enabled: true
    shop_url: "your-store.myshopify.com"
    api_key: "${SHOPIFY_API_KEY}"
    api_secret: "${SHOPIFY_API_SECRET}"
    # Data sync settings
    sync:
      customers: true
      orders: true
      products: true
      carts: true
    # Field mappings
    field_mapping:
      email: email
      first_name: FIRSTNAME
      last_name: LASTNAME
      total_spent: TOTAL_SPENT
"""

MAPPING = """\
field_mapping:
  email: email
  firstName: FIRSTNAME
  lastName: LASTNAME
  totalOrders: ORDER_COUNT
  totalSpent: TOTAL_REVENUE
  lastOrderDate: LAST_ORDER_DATE
"""

FULL = """\
brevo:
  api_key: "${BREVO_API_KEY}"
  currency: EUR
  tier: general
  lists: {all_contacts: 5, subscribers: 6}
  create_attributes: true
  unknown_on_create: block
  ext_id_from: shopify
  precedence: {default: [shopify, hubspot], FIRSTNAME: [hubspot]}
  rates: {USD: "0.92"}
  letters: {threshold: 0.05}
  keep: {landing: 30d, inbox: 30d, calls: 30d}
  events: {live_window: 24h, in_doubt: letter}
connectors:
  shopify:
    enabled: true
    shop_url: "your-store.myshopify.com"
    api_key: "${SHOPIFY_API_KEY}"
    api_secret: "${SHOPIFY_API_SECRET}"
    mode: hybrid
    schedule: hourly
    start_date: 2024-01-01
    sync: {customers: true, orders: true, products: {schedule: daily}, carts: {mode: realtime}}
    field_mapping: {email: email, first_name: FIRSTNAME, last_name: LASTNAME, total_spent: TOTAL_SPENT}
    region: DE
    on_delete: unlist
    opt_in: single
    lists: {subscribers: 7}
  shopify-fr: {connector: shopify, account: default, shop_url: ...}
field_mapping: {}
"""


def test_the_pages_basic_block_loads_without_a_brevo_section(project: Project) -> None:
    settings = project.load(BASIC)
    shop = settings.connections["shopify"]
    assert shop.enabled
    assert shop.shop_url == "your-store.myshopify.com"
    assert (shop.mode, shop.schedule_word, shop.account) == ("hybrid", "hourly", "default")
    assert shop.require_secret("api_key") == KEYS["SHOPIFY_API_KEY"]
    assert shop.require_secret("api_secret") == KEYS["SHOPIFY_API_SECRET"]
    assert shop.enabled_streams == ("customers", "orders")
    assert [(rule.source, rule.target) for rule in shop.field_mapping] == [
        ("email", "email"),
        ("first_name", "FIRSTNAME"),
        ("last_name", "LASTNAME"),
        ("total_spent", "TOTAL_SPENT"),
    ]
    account = settings.account_of(shop)
    assert account.require_api_key() == KEYS["BREVO_API_KEY"]
    assert account.base_url == "https://api.brevo.com/v3"
    assert settings.warnings == ()


def test_streams_that_the_connector_lacks_are_kept_for_a_warning(project: Project) -> None:
    assert project.load(BASIC).connections["shopify"].absent_streams == ("products", "carts")


def test_the_pages_second_mapping_loads_alone(project: Project) -> None:
    settings = project.load(MAPPING)
    assert settings.connections == {}
    assert [(rule.source, rule.target, rule.line) for rule in settings.field_mapping] == [
        ("email", "email", 2),
        ("firstName", "FIRSTNAME", 3),
        ("lastName", "LASTNAME", 4),
        ("totalOrders", "ORDER_COUNT", 5),
        ("totalSpent", "TOTAL_REVENUE", 6),
        ("lastOrderDate", "LAST_ORDER_DATE", 7),
    ]


def test_both_samples_in_one_file_join_target_by_target(project: Project) -> None:
    shop = project.load(BASIC + MAPPING).connections["shopify"]
    assert {rule.target: rule.source for rule in shop.field_mapping} == {
        "email": "email",
        "FIRSTNAME": "first_name",
        "LASTNAME": "last_name",
        "ORDER_COUNT": "totalOrders",
        "TOTAL_REVENUE": "totalSpent",
        "LAST_ORDER_DATE": "lastOrderDate",
        "TOTAL_SPENT": "total_spent",
    }


def test_the_documented_sample_loads(project: Project) -> None:
    project.environ["SHOPIFY_FR_API_KEY"] = "key-of-france"
    settings = project.load(FULL)
    account = settings.accounts["default"]
    assert (account.currency, account.tier, account.unknown_on_create) == ("EUR", "general", "block")
    assert (account.lists.all_contacts, account.lists.subscribers) == (5, 6)
    assert account.rates == {"USD": Decimal("0.92")}
    assert account.letters_threshold == Decimal("0.05")
    assert account.keep.landing == account.keep.inbox == account.keep.calls == timedelta(days=30)
    assert (account.events.live_window, account.events.in_doubt) == (timedelta(hours=24), "letter")
    assert account.ext_id_from == "shopify"
    assert account.precedence == {"default": ("shopify", "hubspot"), "FIRSTNAME": ("hubspot",)}
    shop = settings.connections["shopify"]
    assert shop.start_date == date(2024, 1, 1)
    assert shop.region == "DE"
    assert (shop.on_delete, shop.opt_in, shop.lists.subscribers) == ("unlist", "single", 7)
    france = settings.connections["shopify-fr"]
    assert (france.connector, france.shop_url, france.require_secret("api_key")) == ("shopify", "...", "key-of-france")
    codes = {(notice.code, notice.where.split()[-1]) for notice in settings.warnings}
    assert codes == {
        ("unknown_connection", "brevo.precedence.default.1"),
        ("unknown_connection", "brevo.precedence.FIRSTNAME.0"),
    }


def test_a_block_pasted_without_its_indentation_says_so(project: Project) -> None:
    found = project.fails("\n".join(line.strip() for line in BASIC.splitlines()))
    assert {notice.code for notice in found} == {"unknown_key"}
    assert any("is the indentation lost?" in notice.message for notice in found)


def test_the_shipped_file_loads_in_a_fresh_clone(project: Project) -> None:
    project.environ.clear()
    settings = project.load((ROOT / "config/connectors.yaml").read_text("utf-8"))
    assert settings.enabled_connections == ()
    assert settings.connections["shopify"].shop_url == "your-store.myshopify.com"
    assert settings.warnings == ()


def test_the_shipped_files_fit_the_installed_connectors(tmp_path: Path) -> None:
    environ = {"TAJO_TWIN_BREVO_URL": "http://127.0.0.1:1/v3", "TAJO_TWIN_SHOPIFY_URL": "http://127.0.0.1:2"}
    for name in ("connectors", "demo"):
        settings = load_settings(tmp_path, environ | {"TAJO_CONFIG": str(ROOT / f"config/{name}.yaml")})
        assert settings.connections["shopify"].enabled_streams[:2] == ("customers", "orders")


def test_the_shipped_file_works_once_it_is_turned_on(project: Project) -> None:
    text = (ROOT / "config/connectors.yaml").read_text("utf-8").replace("enabled: false", "enabled: true ")
    assert [shop.name for shop in project.load(text).enabled_connections] == ["shopify"]


def test_what_the_shipped_file_shows_in_comments_is_valid(project: Project) -> None:
    text = (ROOT / "config/connectors.yaml").read_text("utf-8")
    shown = re.sub(r"^( *)# ( *(?!yaml-language-server)[a-z_-]+:( .*)?)$", r"\1\2", text, flags=re.MULTILINE)
    assert shown.count("\n") == text.count("\n")
    settings = project.load(shown, require_secrets=False)
    assert settings.accounts["default"].lists.subscribers == 6
    assert settings.connections["shopify"].lists.subscribers == 7
    assert settings.connections["shopify-fr"].connector == "shopify"
    assert [rule.target for rule in settings.field_mapping] == ["SMS"]


def test_the_demo_runs_on_addresses_from_the_environment_alone(project: Project) -> None:
    project.environ = {
        "TAJO_CONFIG": str(ROOT / "config/demo.yaml"),
        "TAJO_TWIN_BREVO_URL": "http://127.0.0.1:8801/v3",
        "TAJO_TWIN_SHOPIFY_URL": "http://127.0.0.1:8802",
    }
    settings = load_settings(project.folder, project.environ, manifests=TestManifests())
    shop = settings.connections["shopify"]
    account = settings.account_of("shopify")
    assert shop.base_url == "http://127.0.0.1:8802"
    assert account.base_url == "http://127.0.0.1:8801/v3"
    assert (account.currency, account.create_attributes, shop.region) == ("EUR", True, "DE")
    assert account.require_api_key() == "twin-brevo-key"
    assert (shop.require_secret("api_key"), shop.require_secret("api_secret")) == (
        "twin-client-id",
        "twin-client-secret",
    )
    assert settings.warnings == (), "keys of stand-ins on loopback open nothing"
