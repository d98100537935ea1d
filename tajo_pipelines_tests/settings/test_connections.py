"""Connections, their streams and schedules, and the accounts that they feed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.settings.cron import cron_of
from tajo_pipelines_tests.settings.conftest import KEYS, SHOP, Project


def test_defaults(project: Project) -> None:
    shop = project.shop()
    assert shop.enabled
    assert (shop.mode, shop.on_delete, shop.opt_in, shop.account) == ("hybrid", "unlist", "single", "default")
    assert (shop.region, shop.start_date, shop.base_url, shop.lists.subscribers) == (None, None, None, None)
    assert list(shop.streams) == ["customers", "orders"]
    assert shop.enabled_streams == ("customers", "orders")
    assert shop.absent_streams == ()
    account = project.load().accounts["default"]
    assert (account.currency, account.tier, account.create_attributes) == (None, "general", True)
    assert account.letters_threshold == Decimal("0.05")
    assert account.events.live_window == timedelta(hours=24)


def test_a_stream_takes_what_it_says_and_the_rest_from_its_connection(project: Project) -> None:
    shop = project.shop(
        "mode: batch\nschedule: daily\non_delete: block\n"
        "sync: {orders: {schedule: '*/5 * * * *', mode: realtime, on_delete: keep}, customers: yes, carts: off}"
    )
    assert list(shop.streams) == ["customers", "orders"], "in the connector's order"
    customers, orders = shop.streams["customers"], shop.streams["orders"]
    assert (customers.mode, customers.schedule, customers.on_delete) == ("batch", shop.schedule, "block")
    assert (orders.mode, orders.schedule, orders.on_delete) == ("realtime", "*/5 * * * *", "keep")
    assert shop.absent_streams == (), "a stream that is off isn't missed"


def test_only_named_streams_run(project: Project) -> None:
    shop = project.shop("sync: {customers: true}")
    assert shop.enabled_streams == ("customers",)
    assert project.shop("sync: {customers: {enabled: false}, orders: {}}").enabled_streams == ("orders",)


def test_a_connector_may_have_streams_of_its_own(project: Project) -> None:
    text = "connectors: {hubspot: {sync: {tickets: true, orders: true}}}\n"
    crm = project.load(text).connections["hubspot"]
    assert (crm.enabled_streams, crm.absent_streams) == (("tickets",), ("orders",))


def test_the_country_norway_isnt_false(project: Project) -> None:
    assert project.shop("region: NO").region == "NO"


def test_anchors_and_merges_share_settings_between_shops(project: Project) -> None:
    project.environ["SHOPIFY_FR_API_KEY"] = "k"
    text = (
        "connectors:\n  shopify: &shop\n    connector: shopify\n    shop_url: de\n    region: DE\n"
        "  shopify-fr:\n    <<: *shop\n    region: FR\n"
    )
    shops = project.load(text).connections
    assert [(shop.shop_url, shop.region) for shop in shops.values()] == [("de", "DE"), ("de", "FR")]
    assert shops["shopify-fr"].line == 6


def test_two_connections_cant_share_variables(project: Project) -> None:
    text = "connectors:\n  a-b: {connector: hubspot}\n  a_b: {connector: hubspot}\n"
    found = project.fails_once(text)
    assert (found.code, found.where) == ("name_clash", "config/connectors.yaml:3 connectors.a_b")


def test_an_unknown_connection_names_the_nearest(project: Project) -> None:
    with pytest.raises(ConfigError, match="did you mean 'shopify'") as caught:
        project.load(SHOP).connection("shopfy")
    assert caught.value.code == "unknown_connection"


def test_a_connector_is_opened_with_what_the_file_says(project: Project) -> None:
    config = project.shop("region: DE\nbase_url: http://127.0.0.1:1\nopt_in: confirmed\npage_size: 50").config()
    assert (config.name, config.connector, config.region, config.opt_in) == ("shopify", "shopify", "DE", "confirmed")
    assert config.options == {"shop_url": "s.myshopify.com", "page_size": 50}
    assert config.secrets == {"api_key": KEYS["SHOPIFY_API_KEY"], "api_secret": KEYS["SHOPIFY_API_SECRET"]}
    assert KEYS["SHOPIFY_API_SECRET"] not in repr(config)


def test_a_loopback_base_url_may_be_plain_http(project: Project) -> None:
    for url in ("http://127.0.0.1:8802/", "http://localhost:1", "http://[::1]:2", "https://shop.example"):
        assert project.shop(f"base_url: '{url}'").base_url == url.rstrip("/")


def test_hourly_spreads_over_the_hour_and_stays_where_it_is() -> None:
    crons = {name: cron_of("hourly", name) for name in (f"shop-{number}" for number in range(200))}
    minutes = {int(cron.split()[0]) for cron in crons.values()}
    assert len(minutes) > 40
    assert max(minutes) < 60
    assert cron_of("hourly", "shopify") == "45 * * * *"
    minute, hour, *rest = cron_of("daily", "shopify").split()
    assert (minute, rest) == ("45", ["*", "*", "*"])
    assert 0 <= int(hour) < 5


@pytest.mark.parametrize(
    "text",
    [
        "*/15 * * * *",
        "0 9 * * mon-fri",
        "0,30 8-18/2 1,15 jan,dec 0-7",
        "5 4 * * SUN",
        "  1 2 3 4 5 ",
        "0 0 29 2 *",
        "0 0 31 2 mon",
    ],
)
def test_cron_expressions_are_taken(text: str) -> None:
    assert cron_of(text, "x") == " ".join(text.lower().split())


@pytest.mark.parametrize(
    "text",
    ["", "* * * *", "* * * * * *", "@daily", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
     "5-1 * * * *", "*/0 * * * *", "5/10 * * * *", "1, * * * *", "a * * * *", "* * * mon *", "*-5 * * * *",
     "² * * * *", "0 0 31 2,4 *"],
)  # fmt: skip
def test_other_cron_expressions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|isn't|runs backwards|step|never comes"):
        cron_of(text, "x")


ACCOUNTS = """\
accounts:
  default: {currency: EUR}
  acme: {api_key: "${ACME_KEY}", currency: usd, tier: extended, lists: {subscribers: 9}}
connectors:
  shopify: {shop_url: de}
  crm: {connector: hubspot, account: acme}
"""


def test_accounts_have_a_long_form(project: Project) -> None:
    project.environ["ACME_KEY"] = "acme-key"
    settings = project.load(ACCOUNTS)
    acme = settings.account_of("crm")
    assert (acme.name, acme.currency, acme.tier, acme.lists.subscribers) == ("acme", "USD", "extended", 9)
    assert acme.require_api_key() == "acme-key"
    assert settings.account_of("shopify").require_api_key() == KEYS["BREVO_API_KEY"]
    accounts, connectors = ACCOUNTS.split("connectors:")
    inside = "brevo:\n" + "".join(f"  {line}\n" for line in accounts.splitlines())
    assert project.load(f"{inside}connectors:{connectors}").account_of("crm") == acme


def test_an_accounts_own_variable_stands_in(project: Project) -> None:
    found = project.fails_once(ACCOUNTS)
    assert found.where == "config/connectors.yaml:3 accounts.acme.api_key"
    assert "ACME_KEY or BREVO_ACME_API_KEY" in found.message
    project.environ["BREVO_ACME_API_KEY"] = "k"
    assert project.load(ACCOUNTS).accounts["acme"].require_api_key() == "k"


def test_an_account_that_nobody_feeds_needs_no_key(project: Project) -> None:
    text = ACCOUNTS.replace("hubspot,", "hubspot, enabled: false,")
    assert project.load(text).accounts["acme"].api_key is None


def test_ext_id_and_precedence_name_connections_of_their_account(project: Project) -> None:
    project.environ["ACME_KEY"] = "k"
    found = project.fails_once(ACCOUNTS.replace("currency: EUR", "currency: EUR, ext_id_from: crm"))
    assert (found.code, found.where) == ("unknown_connection", "config/connectors.yaml:2 accounts.default.ext_id_from")
    assert "feeds the account 'acme'" in found.message
    wrong = ACCOUNTS.replace("currency: EUR", "precedence: {default: [shopfy], fname: crm}")
    messages = [notice.message for notice in project.fails(wrong)]
    assert len(messages) == 2
    assert "did you mean 'shopify'?" in messages[0]
    assert "feeds the account 'acme'" in messages[1]


def test_a_long_rule_says_everything(project: Project) -> None:
    shop = project.shop(
        "field_mapping:\n"
        "  CITY: {from: raw.address.city, transform: [strip, upper], type: text, default: Berlin}\n"
        "  POINTS: {from: raw.points, type: float, default: 0}\n"
        "  TAGS: {from: tags, transform: 'join:|'}\n"
        "  raw.vip: VIP"
    )
    city, points, tags, vip = shop.field_mapping
    assert (city.source, city.target, city.transforms) == ("raw.address.city", "CITY", ("strip", "upper"))
    assert (city.type, city.default, city.line) == ("text", "Berlin", 5)
    assert points.default == 0
    assert isinstance(points.default, int)
    assert tags.transforms == ("join:|",)
    assert (vip.source, vip.target) == ("raw.vip", "VIP")
    assert vip.where == "config/connectors.yaml:8 connectors.shopify.field_mapping.raw.vip"


def test_own_rules_replace_default_ones_target_by_target(project: Project) -> None:
    text = (
        SHOP + "    field_mapping: {company: CITY, email: EMAIL}\nfield_mapping: {email: email, city: CITY, zip: ZIP}\n"
    )
    settings = project.load(text)
    rules = [(rule.source, rule.target) for rule in settings.connections["shopify"].field_mapping]
    assert rules == [("email", "EMAIL"), ("company", "CITY"), ("zip", "ZIP")]
    assert [rule.source for rule in settings.field_mapping] == ["email", "city", "zip"]
