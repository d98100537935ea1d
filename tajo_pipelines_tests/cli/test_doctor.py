"""Each thing that can be wrong is one sentence with the way out, and nothing is changed by looking."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from graphql import GraphQLError

from tajo_pipelines.brevo.account import AccountDetails, AccountIdentity
from tajo_pipelines.cli import checks as checks_module
from tajo_pipelines.cli import source_checks
from tajo_pipelines.cli.checks import Checks, check_clock
from tajo_pipelines.sdk import registry
from tajo_pipelines.store import open_store
from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines.twin.shopify.access import allows
from tajo_pipelines_tests.cli.conftest import Project, Tajo

BREVO = "Brevo account default"
Found = dict[tuple[str, str], dict[str, Any]]


def looked(tajo: Tajo, code: int, *options: str) -> Found:
    ended = tajo("doctor", "--json", *options)
    found = {(check["subject"], check["name"]): check for check in ended.document["checks"]}
    assert ended.code == code, found
    for check in found.values():
        assert "\n" not in check["message"]
        assert check["hint"] or check["state"] in {"ok", "skipped"}, check
    return found


def contacts(twin: TwinProcess) -> Any:
    """How many contacts Brevo holds, and all else that it counts."""
    return twin.state()["brevo"]["totals"]


@pytest.fixture
def enough_disk(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A disk whose free space a test says."""
    disk = SimpleNamespace(free=50_000_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: disk)
    return disk


def test_a_project_in_order_has_no_warning_but_for_the_secret_key(
    connected: Project, tajo: Tajo, enough_disk: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAJO_SECRET_KEY", "A" * 43 + "=")
    found = looked(tajo, 0)
    assert {check["state"] for check in found.values()} == {"ok"}, found
    assert {name for subject, name in found if subject == "project"} == {
        "configuration",
        ".env",
        "secret key",
        "store",
        "storage",
        "disk",
        "Dagster",
        "versions",
    }
    assert {name for subject, name in found if subject == BREVO} == {
        "key",
        "plan",
        "clock",
        "lists",
        "attributes",
        "e-commerce",
        "currency",
        "limits",
    }
    assert "20,000 credits" in found[BREVO, "plan"]["message"]
    for stream in ("customers", "orders", "products", "carts"):
        assert found["shopify", f"read {stream}"]["state"] == "ok"
    monkeypatch.delenv("TAJO_SECRET_KEY")
    warned = looked(tajo, 0)["project", "secret key"]
    assert (warned["state"], "TAJO_SECRET_KEY" in warned["hint"]) == ("warning", True)


def test_an_env_file_that_others_may_read_is_told_with_the_command(connected: Project, tajo: Tajo) -> None:
    file = connected.folder / ".env"
    file.write_text("A=b\n", "utf-8")
    file.chmod(0o644)
    found = looked(tajo, 0)["project", ".env"]
    assert (found["state"], found["hint"]) == ("warning", f"chmod 600 {file}")
    file.chmod(0o600)
    assert looked(tajo, 0)["project", ".env"]["state"] == "ok"


def test_a_full_disk_is_told_before_it_stops_a_run(
    connected: Project, tajo: Tajo, enough_disk: SimpleNamespace
) -> None:
    enough_disk.free = 200_000_000
    found = looked(tajo, 0)["project", "disk"]
    assert found["state"] == "warning"
    assert "0.2 GB" in found["message"]


def test_storage_that_cannot_be_written_to_is_exit_3(
    connected: Project, tajo: Tajo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    monkeypatch.setenv("TAJO_STORAGE", str(tmp_path / "file" / "landing"))
    found = looked(tajo, 3)["project", "storage"]
    assert found["state"] == "failed"
    assert "TAJO_STORAGE" in found["hint"]


def test_looking_at_storage_leaves_nothing_there(connected: Project, tajo: Tajo, isolated_home: Path) -> None:
    looked(tajo, 0)
    assert not list((isolated_home / "landing").iterdir())


def test_a_store_of_a_newer_version_is_exit_3_and_the_rest_is_looked_at(
    connected: Project, tajo: Tajo, isolated_home: Path
) -> None:
    store = open_store(f"sqlite:///{isolated_home}/tajo.db")
    with store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    found = looked(tajo, 3)
    assert found["project", "store"]["state"] == "failed"
    assert found[BREVO, "key"]["state"] == "skipped"
    assert found["shopify", "source"]["state"] == "ok"


def test_packages_that_do_not_belong_together_are_told(
    connected: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "1.0" if name == "dagster-webserver" else real(name))
    found = looked(tajo, 0)["project", "versions"]
    assert (found["state"], found["hint"]) == ("warning", "make install")


def test_dagster_that_keeps_its_runs_elsewhere_is_told(
    connected: Project, tajo: Tajo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert looked(tajo, 0)["project", "Dagster"]["state"] == "warning"


@pytest.mark.parametrize(
    ("seconds", "state", "word"),
    [
        (0, "ok", "goes with"),
        (-119, "ok", "goes with"),
        (121, "warning", "ahead of"),
        (-600, "warning", "600 s behind"),
    ],
)
def test_a_clock_that_goes_wrong_is_told(seconds: int, state: str, word: str) -> None:
    brevo = datetime(2026, 11, 24, 12, tzinfo=UTC)
    details = AccountDetails(AccountIdentity("o@h/v3", "o", "c"), (), brevo)
    found = Checks()
    check_clock(found, BREVO, details, brevo + timedelta(seconds=seconds))
    assert found.found[0]["state"] == state
    assert word in found.found[0]["message"]


def test_brevo_s_clock_is_read_from_its_answer(connected: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks_module, "MOST_APART", -1.0)
    assert looked(tajo, 0)[BREVO, "clock"]["state"] == "warning"


def test_a_missing_recommended_scope_says_what_it_costs(connected: Project, twin: TwinProcess, tajo: Tajo) -> None:
    twin.change("shopify", "set_scopes", scopes=["read_customers", "read_orders", "read_products"])
    found = looked(tajo, 0)["shopify", "orders_60_days"]
    assert "60 days" in found["message"]
    assert "read_all_orders" in found["hint"]


def test_a_missing_required_scope_is_exit_4_and_named(connected: Project, twin: TwinProcess, tajo: Tajo) -> None:
    twin.change("shopify", "set_scopes", scopes=["read_customers"])
    found = looked(tajo, 4)["shopify", "source"]
    assert "read_orders" in found["message"]
    assert found["hint"]


def test_protected_customer_data_that_is_closed_is_exit_4_with_the_click(
    connected: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = allows

    def guarded(scopes: Any, scope: str) -> bool:
        if scope == "read_customers":
            message = (
                "This app is not approved to access the Customer object. See "
                "https://shopify.dev/docs/apps/launch/protected-customer-data for more details."
            )
            raise GraphQLError(message, extensions={"code": "ACCESS_DENIED"})
        return real(scopes, scope)

    monkeypatch.setattr("tajo_pipelines.twin.shopify.graph.allows", guarded)
    found = looked(tajo, 4)
    assert found["shopify", "source"]["state"] == "ok"
    assert found["shopify", "read customers"]["state"] == "failed"
    assert "protected customer data" in found["shopify", "read customers"]["hint"]


@pytest.mark.parametrize(("left", "state"), [(90, "ok"), (89, "warning"), (-1, "warning")])
def test_the_end_of_the_api_s_version_is_told_in_time(
    connected: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch, left: int, state: str
) -> None:
    sunset = registry.manifest("shopify").sunset
    assert sunset is not None
    real = source_checks.check_version

    def on_that_day(checks: Any, workspace: Any, connection: Any, _today: date) -> None:
        real(checks, workspace, connection, sunset - timedelta(days=left))

    monkeypatch.setattr("tajo_pipelines.cli.doctor.check_version", on_that_day)
    assert looked(tajo, 0)["shopify", "API version"]["state"] == state


def test_lists_are_found_missing_or_the_same(connected: Project, tajo: Tajo) -> None:
    assert "made by the first sync, in the folder 'Tajo'" in looked(tajo, 0)[BREVO, "lists"]["message"]
    for lists, word in (
        ({"all_contacts": 501}, "501"),
        ({"all_contacts": 2, "subscribers": 2}, "for all contacts and"),
    ):
        connected.brevo["lists"] = lists
        connected.write()
        found = looked(tajo, 3)[BREVO, "lists"]
        assert found["state"] == "failed"
        assert word in found["message"]


def test_attributes_that_are_missing_or_mistyped_are_told_with_the_click(
    connected: Project, twin: TwinProcess, tajo: Tajo
) -> None:
    url = f"{twin.brevo_url}/contacts/attributes/normal/TOTAL_SPENT"
    headers = {"api-key": connected.brevo["api_key"]}
    assert requests.post(url, json={"type": "date"}, headers=headers, timeout=5).status_code == 201
    connected.brevo["create_attributes"] = False
    connected.write()
    document = tajo("doctor", "--json").document
    found = [check for check in document["checks"] if check["name"] == "attributes"]
    assert [check["state"] for check in found] == ["warning", "warning"]
    missing, mistyped = found
    assert "TAJO_BLOCKED (text)" in missing["message"]
    assert "create_attributes" in missing["hint"]
    assert "TOTAL_SPENT is of type date, not float" in mistyped["message"]
    assert all("Contact attributes" in check["hint"] for check in found)


def test_inactive_ecommerce_and_another_currency_are_exit_3(connected: Project, twin: TwinProcess, tajo: Tajo) -> None:
    connected.brevo["currency"] = "USD"
    connected.write()
    assert "USD" in looked(tajo, 3)[BREVO, "e-commerce"]["message"]
    twin.call(lambda: twin.brevo.state.numbers.pop("ecommerce_ready_at"))
    found = looked(tajo, 3)[BREVO, "e-commerce"]
    assert "app.brevo.com/ecommerce" in found["hint"]


def test_the_probe_writes_one_blocked_contact_and_removes_it(connected: Project, twin: TwinProcess, tajo: Tajo) -> None:
    before = contacts(twin)
    found = looked(tajo, 0, "--probe-brevo")[BREVO, "writing"]
    assert "removed again" in found["message"]
    written = [call for call in twin.calls("brevo") if call["method"] != "GET"]
    assert [call["method"] for call in written] == ["POST", "DELETE"]
    assert contacts(twin) == before


def test_a_probe_whose_answer_is_lost_leaves_no_contact(connected: Project, twin: TwinProcess, tajo: Tajo) -> None:
    before = contacts(twin)
    twin.faults(
        {"target": "brevo", "method": "POST", "path": "/contacts$", "action": "after_effect_status", "status": 400}
    )
    found = looked(tajo, 1, "--probe-brevo")[BREVO, "writing"]
    assert found["state"] == "failed"
    assert contacts(twin) == before


def test_a_key_that_may_not_write_is_exit_4(connected: Project, twin: TwinProcess, tajo: Tajo) -> None:
    twin.faults({"target": "brevo", "method": "POST", "path": "/contacts$", "status": 403})
    assert looked(tajo, 4, "--probe-brevo")[BREVO, "writing"]["state"] == "failed"


def test_a_contact_that_may_be_left_is_named(connected: Project, twin: TwinProcess, tajo: Tajo) -> None:
    twin.faults({"target": "brevo", "method": "DELETE", "path": "/contacts/", "status": 403})
    found = looked(tajo, 4, "--probe-brevo")[BREVO, "writing"]
    assert "tajo-probe-" in found["hint"]


def test_an_unreachable_shop_does_not_hide_the_account(connected: Project, twin: TwinProcess, tajo: Tajo) -> None:
    connected.shopify["api_secret"] = "wrong"
    connected.write()
    found = looked(tajo, 4)
    assert found["shopify", "source"]["state"] == "failed"
    assert ("shopify", "read customers") not in found
    assert found[BREVO, "key"]["state"] == "ok"
