from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tajo_pipelines.brevo.consent_door import OnUnknown
from tajo_pipelines.model.errors import AuthError, ConfigError
from tajo_pipelines.settings import load_settings
from tajo_pipelines.sync.account import (
    account_attributes,
    account_currency,
    contact_policy,
    open_account,
    wanted_attributes,
)
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import TwinProcess, running_twin
from tajo_pipelines_tests.sync.support import NOON

CONFIG = """
brevo:
  base_url: "{url}"
  api_key: {key}
  tier: extended
  unknown_on_create: skip
  precedence: {{default: [shop, other]}}
{account}
connectors:
  shop:
    {{connector: shopify, enabled: true, shop_url: a.myshopify.com, api_key: shpat_1, lists: {{subscribers: {own}}}}}
  other: {{connector: shopify, enabled: true, shop_url: b.myshopify.com, api_key: shpat_2}}
"""


class House:
    """A project over Brevo's stand-in, with a clock that is moved by hand."""

    def __init__(self, folder: Path, twin: TwinProcess) -> None:
        self.folder, self.twin, self.time = folder, twin, NOON
        self.workspace = self.configured()

    def configured(self, *, key: str = "twin-brevo-key", own: int = 1, account: str = "") -> Workspace:
        (self.folder / "config").mkdir(exist_ok=True)
        text = CONFIG.format(url=self.twin.brevo_url, key=key, own=own, account=account)
        (self.folder / "config" / "connectors.yaml").write_text(text, encoding="utf-8")
        settings = load_settings(self.folder, {"TAJO_HOME": str(self.folder / "home")})
        self.workspace = Workspace(settings, self.now)
        return self.workspace

    def now(self) -> datetime:
        return self.time

    def calls(self, path: str) -> int:
        return sum(call["path"].endswith(path) for call in self.twin.calls("brevo"))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    options = TwinOptions(
        tier="unlimited", brevo_lists=["Shop"], brevo_keys={"twin-brevo-key": "org-one", "second-key": "org-two"}
    )
    with running_twin(halves=("brevo",), options=options) as twin:
        made = House(tmp_path, twin)
        yield made
        made.workspace.close()


def identity(workspace: Workspace) -> str:
    account = workspace.account(workspace.connection("shop"))
    with open_account(workspace, account, "run") as opened:
        return opened.identity


def test_state_hangs_on_the_account_that_answers_and_it_is_asked_once_an_hour(house: House) -> None:
    first = identity(house.workspace)
    assert "org-one" in first
    assert identity(house.workspace) == first
    assert house.calls("/account") == 1
    house.time += timedelta(minutes=61)
    assert identity(house.workspace) == first
    assert house.calls("/account") == 2


def test_another_key_is_another_account_however_it_is_called(house: House) -> None:
    first = identity(house.workspace)
    house.workspace.close()
    assert "org-two" in identity(house.configured(key="second-key"))
    house.workspace.close()
    assert identity(house.configured()) == first


def test_no_key_stands_in_the_store(house: House) -> None:
    identity(house.workspace)
    house.workspace.close()
    files = list((house.folder / "home").glob("tajo.db*"))
    assert files
    assert [file for file in files if b"twin-brevo-key" in file.read_bytes()] == []


def test_a_wrong_key_is_refused_and_nothing_is_believed_of_it(house: House) -> None:
    house.workspace.close()
    workspace = house.configured(key="wrong-key")
    for _ in range(2):
        with pytest.raises(AuthError):
            identity(workspace)
    assert house.calls("/account") == 2


def test_each_connection_has_its_own_list_of_subscribers_or_the_account_s(house: House) -> None:
    account = house.workspace.account(house.workspace.connection("shop"))
    with open_account(house.workspace, account, "run") as opened:
        policy = contact_policy(house.workspace, opened, force=True)
    names = {entry["id"]: entry["name"] for entry in house.twin.state("brevo")["lists"]}
    assert names[policy.all_contacts] == "Tajo: all contacts"
    assert {name: names[number] for name, number in policy.subscribers.items()} == {
        "shop": "Shop",
        "other": "Tajo: subscribers",
    }
    assert (policy.on_unknown, policy.force) == (OnUnknown.SKIP, True)
    assert policy.precedence["default"] == ("shop", "other")


@pytest.mark.parametrize(
    ("own", "account", "where"),
    [
        (99, "", "connectors.shop.lists.subscribers"),
        (1, "  lists: {all_contacts: 98}", "brevo.lists"),
    ],
)
def test_a_list_that_is_not_there_is_named_with_its_place(house: House, own: int, account: str, where: str) -> None:
    house.workspace.close()
    workspace = house.configured(own=own, account=account)
    found = workspace.account(workspace.connection("shop"))
    with open_account(workspace, found, "run") as opened, pytest.raises(ConfigError) as error:
        contact_policy(workspace, opened)
    assert error.value.where == where


def test_wanted_attributes_are_made_or_named(house: House) -> None:
    workspace = house.workspace
    connection = workspace.connection("shop")
    with open_account(workspace, workspace.account(connection), "run") as opened:
        plan, notices = account_attributes(workspace, opened, wanted_attributes(workspace, connection))
    assert notices == []
    assert {"FIRSTNAME", *plan.created} <= plan.known.keys()
    assert {"TAJO_BLOCKED", "TAJO_SOURCES"} <= plan.known.keys()


def test_the_account_s_currency_is_asked_once_an_hour_and_must_be_the_configured_one(house: House) -> None:
    workspace = house.workspace
    with open_account(workspace, workspace.account(workspace.connection("shop")), "run") as opened:
        assert [account_currency(workspace, opened) for _ in range(2)] == ["EUR", "EUR"]
    assert house.calls("/displayCurrency") == 1
    workspace.close()
    other = house.configured(account="  currency: USD")
    found = other.account(other.connection("shop"))
    with open_account(other, found, "run") as opened, pytest.raises(ConfigError, match=r"EUR.*USD|USD.*EUR"):
        account_currency(other, opened)
