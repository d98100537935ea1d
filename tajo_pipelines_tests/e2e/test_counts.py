from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines_tests.e2e.conftest import Build
from tajo_pipelines_tests.e2e.expectations import expected, shop_orders
from tajo_pipelines_tests.e2e.project import FACTOR, Project, Ran, hurry


def names_at(project: Project) -> dict[str, tuple[str | None, str | None]]:
    return {
        email: (contact["attributes"].get("FIRSTNAME"), contact["attributes"].get("LASTNAME"))
        for email, contact in project.contacts().items()
    }


@pytest.fixture(scope="module")
def read_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Ran]]:
    """A shop that was read whole once; to be looked at, not to be changed."""
    options = TwinOptions(customers=200, tier="unlimited")
    with pytest.MonkeyPatch.context() as patch, running_twin(options=options, clock=TwinClock(FACTOR)) as twin:
        hurry(patch)
        project = Project.make(tmp_path_factory.mktemp("read-once"), twin)
        twin.change("shopify", "create_customer", fields={"firstName": "Niemand"})
        yield project, project.sync("full")


def test_numbers_balance_and_equal_the_shops_own_to_the_cent(read_once: tuple[Project, Ran]) -> None:
    project, ran = read_once
    facts, wanted = project.facts(), expected(project)
    customers, orders = facts["customers"], facts["money"]["EUR"]
    assert ran.customers.read == customers["total"] == 201
    assert dict(ran.customers.skipped) == {"no_identifier": customers["no_identifier"]}
    assert dict(ran.customers.rejected) == {"invalid_email": customers["invalid_email"]}
    assert ran.customers.sent == ran.customers.mapped == customers["mappable"]
    assert ran.orders.read == facts["orders"]["total"]
    assert ran.orders.skipped["test_order"] == orders["test"]["orders"] > 0
    assert ran.orders.skipped["no_identifier"] == orders["no_identifier"]["orders"] > 0
    assert ran.orders.rejected.total() == orders["invalid_identifier"]["orders"]
    assert ran.orders.sent == ran.orders.mapped == orders["sent"]["orders"]
    told = ran.orders.money["EUR"]
    assert {"gross": told.gross, "refunded": told.refunded, "net": told.net} == {
        name: Decimal(orders["sent"][name]) for name in ("gross", "refunded", "net")
    }
    assert ran.orders.skipped_money["EUR"].net == Decimal(orders["no_identifier"]["net"])
    held = project.orders()
    assert {number: Decimal(str(order["amount"])) for number, order in held.items()} == wanted.amounts
    assert sum(wanted.amounts.values()) == told.net
    invented = {f"{phone.removeprefix('+')}@mailin-sms.com" for phone in wanted.phones}
    assert {email for email in project.contacts() if not email.endswith("@mailin-sms.com")} == wanted.emails
    assert {email for email in project.contacts() if email.endswith("@mailin-sms.com")} == invented


def test_running_again_sends_nothing_though_the_shop_is_read_whole_again(build: Build) -> None:
    project = build()
    first, mark = project.sync("full"), project.last_call()
    again = project.sync("full")
    assert (again.customers.read, again.orders.read) == (first.customers.read, first.orders.read)
    assert again.streams["customers"].details["landed"]["rows"] == first.customers.read
    assert (again.customers.sent, again.orders.sent) == (0, 0)
    assert again.customers.unchanged == first.customers.mapped
    assert project.writes_since(mark) == []
    shop = [call["detail"] for call in project.twin.calls("shopify", mark)]
    assert {"Customers", "Orders"} <= set(shop)


def test_one_changed_customer_is_exactly_one_contact_written(build: Build) -> None:
    project = build(customers=40)
    project.sync("full")
    email = next(iter(sorted(expected(project).granted)))
    for mode, name in (("full", "Renée"), ("incremental", "Ømer")):
        project.twin.change("shopify", "update_customer", email=email, fields={"firstName": name})
        mark = project.last_call()
        ran = project.sync(mode)
        assert ran.customers.sent == 1
        # Two changes of one second are one cause, so the event may come once.
        assert [call for call in project.writes_since(mark) if call != "POST /v3/events"] == ["POST /v3/contacts"]
        assert names_at(project)[email][0] == name


def test_an_incremental_run_reads_just_the_window(build: Build) -> None:
    project = build(customers=40)
    project.sync("full")
    for number, customer in enumerate(project.people()[:3]):
        fields = {"firstName": f"Neu{number}"}
        project.twin.change("shopify", "update_customer", id=customer["id"], fields=fields)
    ran = project.sync("incremental")
    assert ran.customers.read == 3
    assert ran.orders.read < 20
    window = ran.streams["customers"].details["window"]
    assert window["start"] is not None
    assert not window["full"]


def test_names_of_every_script_arrive_as_they_were_written(read_once: tuple[Project, Ran]) -> None:
    project, _ = read_once
    held = names_at(project)
    written = {
        customer["email"].lower(): (customer["firstName"], customer["lastName"])
        for customer in project.people()
        if customer["emailValid"] and customer["firstName"]
    }
    assert {email: held[email] for email in written} == written
    letters = {letter for names in written.values() for name in names for letter in name}
    assert any(ord(letter) > 0x3000 for letter in letters)


def test_people_without_an_address_become_contacts_by_their_number(read_once: tuple[Project, Ran]) -> None:
    project, _ = read_once
    wanted = expected(project)
    assert wanted.phones
    held = {contact["attributes"].get("SMS") for contact in project.contacts().values()}
    assert {phone.removeprefix("+") for phone in wanted.phones} <= {str(number).removeprefix("+") for number in held}


def test_a_customer_who_never_had_any_identifier_is_counted_and_no_letter(read_once: tuple[Project, Ran]) -> None:
    project, ran = read_once
    assert ran.customers.skipped["no_identifier"] == project.facts()["customers"]["no_identifier"] >= 2
    with project.workspace() as workspace:
        assert "no_identifier" not in {kept.letter.reason for kept in workspace.store.letters.list()}


def test_guests_go_through_the_door_before_their_orders(build: Build) -> None:
    project = build()
    twin = project.twin
    yes = {"email": "Ja.Sagt@Example.com", "accepts_marketing": True}
    silent = {"email": "schweigt@example.com", "accepts_marketing": False}
    by_phone = {"phone": "+4915550099999"}
    placed = [twin.change("shopify", "create_order", **who)["order"] for who in (yes, silent, by_phone)]
    project.sync("full")
    held, subscribers = project.contacts(), project.list_id()
    assert not held["ja.sagt@example.com"]["emailBlacklisted"]
    assert subscribers in held["ja.sagt@example.com"]["listIds"]
    assert held["schweigt@example.com"]["emailBlacklisted"]
    assert subscribers not in held["schweigt@example.com"]["listIds"]
    assert held["schweigt@example.com"]["attributes"]["TAJO_BLOCKED"].startswith("email:unknown@")
    assert held["4915550099999@mailin-sms.com"]["smsBlacklisted"]
    orders = project.orders()
    assert [orders[str(order["id"])]["contact_id"] is not None for order in placed] == [True, True, True]
    assert [number for number, order in orders.items() if order["contact_id"] is None] == []


def test_tests_cancellations_and_refunds(build: Build) -> None:
    project = build()
    twin, email = project.twin, "kauft@example.com"
    lines = [{"cents": 10_000, "quantity": 2}, {"cents": 500, "title": "Gravur"}]
    kept, cancelled, refunded, trial = (
        str(twin.change("shopify", "create_order", email=email, lines=lines, shipping=0, **more)["order"]["id"])
        for more in ({}, {}, {}, {"test": True})
    )
    project.sync("full")
    amounts = {number: Decimal(str(order["amount"])) for number, order in project.orders().items()}
    assert [amounts[number] for number in (kept, cancelled, refunded)] == [Decimal(205)] * 3
    assert trial not in amounts
    twin.change("shopify", "cancel_order", id=cancelled)
    twin.change("shopify", "refund_order", id=refunded, cents=2_050)
    ran = project.sync("incremental")
    assert ran.orders.sent == 2
    held = project.orders()
    assert {number: Decimal(str(held[number]["amount"])) for number in (kept, cancelled, refunded)} == {
        kept: Decimal(205),
        cancelled: Decimal(0),
        refunded: Decimal("184.5"),
    }
    meta = held[refunded]["metaInfo"]
    assert (Decimal(meta["gross"]), Decimal(meta["refunded"])) == (Decimal(205), Decimal("20.5"))


def test_orders_paid_in_another_currency_count_in_the_shops(build: Build) -> None:
    project = build()
    placed = project.twin.change(
        "shopify", "create_order", email="us@example.com", lines=[{"cents": 1000}], presentment="USD", rate=1.25
    )
    project.sync("full")
    order, shown = project.orders()[str(placed["order"]["id"])], placed["order"]
    assert Decimal(str(order["amount"])) == Decimal(shown["brevoAmount"])
    assert order["metaInfo"]["currency"] == "EUR"
    assert order["metaInfo"]["presentment_currency"] == "USD"
    assert Decimal(order["metaInfo"]["presentment_amount"]) > Decimal(str(order["amount"]))


def test_a_shop_in_another_currency_without_a_rate_is_an_error_of_configuration(build: Build) -> None:
    project = build(options={"brevo_currency": "USD"}, account="  currency: USD")
    ran = project.try_sync("full")
    assert isinstance(ran.error, ConfigError)
    assert ran.error.exit_code == 3
    assert "EUR" in str(ran.error)
    assert "USD" in str(ran.error)
    assert "brevo.rates" in str(ran.error)
    assert project.orders() == {}
    project.configure(account='  currency: USD\n  rates: {EUR: "1.10"}')
    healed = project.sync("incremental")
    assert healed.orders.sent == project.facts()["money"]["EUR"]["sent"]["orders"]
    wanted = expected(project).amounts
    for number, order in project.orders().items():
        cents = Decimal("0.01")
        assert Decimal(str(order["amount"])) == (wanted[number] * Decimal("1.10")).quantize(cents)
        assert order["metaInfo"]["currency"] == "EUR"
        assert order["metaInfo"]["rate"] == "1.10"


def test_an_account_that_counts_in_another_currency_than_configured_takes_no_order(build: Build) -> None:
    project = build(options={"brevo_currency": "USD"}, account="  currency: EUR")
    ran = project.try_sync("full")
    assert isinstance(ran.error, ConfigError)
    assert project.orders() == {}


@pytest.mark.parametrize("gone", ["landed", "delivered"])
def test_old_orders_are_history_and_young_ones_are_live_on_every_path(build: Build, gone: str) -> None:
    project = build()
    if gone == "delivered":
        project.sync("full")
    placed = project.twin.change("shopify", "create_order", email="jetzt@example.com")["order"]
    project.sync("full")
    orders = project.orders()
    assert orders[str(placed["id"])]["live_writes"] == 1
    ages = {str(order["id"]): order["createdAt"] for order in shop_orders(project)}
    fresh = sorted(ages.values())[-len(ages) // 3 :]
    old = [number for number, created in ages.items() if created < fresh[0] and number in orders]
    assert [number for number in old if orders[number]["live_writes"]] == []
