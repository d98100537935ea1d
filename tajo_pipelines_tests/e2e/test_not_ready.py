"""What a user can get wrong: one clear sentence, the right exit code, no secret in it, nothing half done."""

from __future__ import annotations

import socket

import pytest

from tajo_pipelines.model.errors import AuthError, ConfigError, RetryableError, TajoError
from tajo_pipelines_tests.e2e.conftest import Build
from tajo_pipelines_tests.e2e.project import Project

KEY, SECRET = "xkeysib-planted-5f0d8a6e4c1b2a", "shpss_planted-77aa66bb55cc"


def closed_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    return port


def failed(project: Project, kind: type[TajoError], *words: str) -> TajoError:
    """The error of a run, which must be of that kind, short, and name these words but no secret."""
    error = project.try_sync("full").error
    assert type(error) is kind, error
    text = str(error)
    assert [word for word in words if word not in text] == [], text
    for secret in (KEY, SECRET, "twin-client-secret", "twin-brevo-key", "shpat_"):
        assert secret not in text
    assert "\n" not in text
    assert len(text) < 300
    return error


def test_a_wrong_brevo_key(build: Build) -> None:
    project = build(customers=40, brevo_key=KEY)
    error = failed(project, AuthError, "Brevo refuses the API key")
    assert error.exit_code == 4
    assert [entry for entry in project.journal("created") if entry["by"] != "person"] == []


def test_a_wrong_client_secret(build: Build) -> None:
    project = build(customers=40, secret=SECRET)
    error = failed(project, AuthError, "client id and secret are refused")
    assert error.exit_code == 4
    assert project.last_call() < 5
    assert project.twin.calls("brevo") == []


@pytest.mark.parametrize(("left", "missing"), [("read_orders", "read_customers"), ("read_customers", "read_orders")])
def test_a_missing_scope_is_named(build: Build, left: str, missing: str) -> None:
    project = build(customers=40)
    project.twin.change("shopify", "set_scopes", scopes=[left])
    error = project.try_sync("full").error
    assert isinstance(error, AuthError)
    assert error.exit_code == 4
    assert error.code == "missing_scope"
    assert missing in str(error)


def test_a_shop_that_cannot_be_reached(build: Build) -> None:
    port = closed_port()
    project = build(customers=40, shopify_url=f"http://127.0.0.1:{port}", connection="    patience: 1")
    error = failed(project, RetryableError, f"127.0.0.1:{port}", "can't be reached")
    assert error.exit_code == 1


def test_brevo_that_cannot_be_reached(build: Build) -> None:
    port = closed_port()
    project = build(customers=40, brevo_url=f"http://127.0.0.1:{port}/v3")
    error = failed(project, RetryableError, f"127.0.0.1:{port}", "can't be reached")
    assert error.exit_code == 1
    project.configure()
    assert project.sync("incremental").customers.read == 40


def test_lists_that_the_account_lacks(build: Build) -> None:
    project = build(customers=40, account="  lists: {all_contacts: 97, subscribers: 98}")
    error = failed(project, ConfigError, "97", "98", "Contacts > Lists", "brevo.lists")
    assert error.exit_code == 3
    assert [entry for entry in project.journal("created") if entry["by"] != "person"] == []


def test_a_list_of_the_connection_that_the_account_lacks(build: Build) -> None:
    project = build(customers=40, connection="    lists: {subscribers: 99}")
    error = failed(project, ConfigError, "99", "connectors.shopify.lists.subscribers")
    assert error.exit_code == 3


def test_an_account_without_e_commerce_takes_no_orders(build: Build) -> None:
    project = build(customers=40, options={"brevo_ecommerce": False})
    error = failed(project, ConfigError)
    assert error.exit_code == 3
    assert project.orders() == {}
    project.twin.change("brevo", "ecommerce", active=True)
    healed = project.sync("incremental")
    assert healed.orders.sent == healed.orders.mapped > 0


def test_attributes_that_may_not_be_made_are_named_and_the_rest_goes(build: Build) -> None:
    project = build(customers=40, account="  create_attributes: false")
    ran = project.sync("full")
    [notice] = [each for each in ran.streams["customers"].details["warnings"] if "TOTAL_SPENT" in each["message"]]
    assert notice["code"]
    attributes = next(iter(project.contacts().values()))["attributes"]
    assert "TOTAL_SPENT" not in attributes
    names = [entry["name"] for entry in project.twin.state("brevo")["attributes"]]
    assert "TOTAL_SPENT" not in names


def test_another_accounts_key_starts_with_an_empty_memory(build: Build) -> None:
    project = build(customers=40, options={"brevo_keys": {"twin-brevo-key": "org-one", KEY: "org-two"}})
    first = project.sync("full")
    project.configure(brevo_key=KEY)
    second = project.sync("full")
    assert second.customers.sent == second.customers.mapped
    assert second.orders.sent == first.orders.sent
    other = project.twin.state("brevo")["organizations"]["org-two"]
    assert len(other["contacts"]) >= second.customers.mapped - 1
