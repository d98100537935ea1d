"""What a person must mend before a sync: one sentence, the right exit code, no run, no secret."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines.settings import load_settings
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines_tests.cli.conftest import Project, Tajo

SYNC = ("connectors", "sync", "shopify", "--full", "--json")


def failed(tajo: Tajo, code: int, *arguments: str) -> dict[str, Any]:
    ended = tajo(*(arguments or SYNC))
    assert ended.code == code, ended.err
    document = ended.document
    error: dict[str, Any] = document["error"]
    if document["schema"] == "tajo.sync/1":
        assert document["run_ids"] is None
    assert "\n" not in error["message"] or error["details"]
    return error


def runs(folder: Path) -> int:
    workspace = Workspace(load_settings(folder, require_secrets=False))
    try:
        return len(workspace.store.reports.latest("shopify", limit=10))
    finally:
        workspace.close()


def test_wrong_yaml_names_file_line_and_key(project: Project, tajo: Tajo) -> None:
    project.shopify["sync"] = {"custmers": True}
    project.write()
    error = failed(tajo, 3)
    assert error["where"].startswith("config/connectors.yaml:")
    assert "customers" in error["message"]


def test_all_mistakes_are_told_at_once(project: Project, tajo: Tajo) -> None:
    project.shopify.update({"region": 7, "colour": "red"})
    project.write()
    error = failed(tajo, 3)
    assert len(error["details"]) == 2


def test_an_unknown_connection_names_the_nearest(project: Project, tajo: Tajo) -> None:
    error = failed(tajo, 3, "connectors", "sync", "shopfy", "--json")
    assert "'shopify'" in error["message"]


def test_a_disabled_connection_says_where_to_enable_it(project: Project, tajo: Tajo) -> None:
    project.shopify["enabled"] = False
    project.write()
    error = failed(tajo, 3)
    assert error["code"] == "connection_disabled"
    assert "enabled: true" in error["hint"]


@pytest.mark.parametrize(
    ("key", "variable"),
    [("api_key", "SHOPIFY_API_KEY"), ("api_secret", "SHOPIFY_API_SECRET"), ("brevo", "BREVO_API_KEY")],
)
def test_a_missing_secret_without_a_terminal_is_exit_2_naming_both(
    project: Project, tajo: Tajo, key: str, variable: str
) -> None:
    if key == "brevo":
        del project.brevo["api_key"]
        place = "brevo.api_key"
    else:
        del project.shopify[key]
        place = f"connectors.shopify.{key}"
    project.write()
    error = failed(tajo, 2)
    assert variable in error["hint"]
    assert place in error["hint"]


def test_a_secret_is_asked_for_on_a_terminal(connected: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch) -> None:
    del connected.shopify["api_secret"]
    connected.write()
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "twin-client-secret"

    monkeypatch.setattr("tajo_pipelines.cli.missing_secrets.on_terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", answer)
    monkeypatch.setenv("SHOPIFY_API_SECRET", "what is typed stays in this process alone")
    monkeypatch.delenv("SHOPIFY_API_SECRET")
    ended = tajo("connectors", "test", "shopify", "--json")
    assert ended.document["ok"], ended.document
    assert len(asked) == 1
    assert "SHOPIFY_API_SECRET" in asked[0]


def test_a_refused_shop_key_is_exit_4(connected: Project, tajo: Tajo) -> None:
    connected.shopify["api_secret"] = "planted-secret-value"
    connected.write()
    ended = tajo(*SYNC)
    assert ended.code == 4
    assert ended.document["error"]["code"] == "unauthorized"
    assert "planted-secret-value" not in ended.out + ended.err
    assert runs(connected.folder) == 0


def test_a_refused_brevo_key_is_exit_4(connected: Project, tajo: Tajo) -> None:
    connected.brevo["api_key"] = "planted-brevo-key"
    connected.write()
    ended = tajo(*SYNC)
    assert ended.code == 4
    assert ended.document["error"]["where"] == "GET /account"
    assert "planted-brevo-key" not in ended.out + ended.err
    assert runs(connected.folder) == 0


def test_a_missing_permission_is_exit_4_and_named(connected: Project, twin: TwinProcess, tajo: Tajo) -> None:
    twin.change("shopify", "set_scopes", scopes=["read_customers"])
    error = failed(tajo, 4)
    assert error["code"] == "missing_scope"
    assert "read_orders" in error["message"]


def test_lists_that_the_account_lacks_are_exit_3(connected: Project, tajo: Tajo) -> None:
    connected.brevo["lists"] = {"all_contacts": 501, "subscribers": 502}
    connected.write()
    error = failed(tajo, 3)
    assert "501, 502" in error["message"]


def test_a_currency_without_rate_is_exit_3(connected: Project, twin: TwinProcess, tajo: Tajo) -> None:
    connected.brevo["currency"] = "USD"
    connected.write()
    error = failed(tajo, 3)
    assert error["code"] == "currency_differs"


def test_inactive_ecommerce_stops_orders_alone(connected: Project, twin: TwinProcess, tajo: Tajo) -> None:
    twin.call(lambda: twin.brevo.state.numbers.pop("ecommerce_ready_at"))
    error = failed(tajo, 3)
    assert error["code"] == "ecommerce_inactive"
    assert tajo("connectors", "sync", "shopify", "--resource", "customers", "--json").code == 0


@pytest.mark.parametrize("side", ["shopify", "brevo"])
def test_an_unreachable_host_is_exit_1_soon(
    connected: Project, tajo: Tajo, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = getattr(connected, side)
    section["base_url"] = "http://127.0.0.1:9/v3" if side == "brevo" else "http://127.0.0.1:9"
    connected.write()
    monkeypatch.setattr("tajo_pipelines.connectors.shopify.connector.CHECK_PATIENCE", 1.0)
    began = time.monotonic()
    error = failed(tajo, 1)
    assert time.monotonic() - began < 20
    assert error["code"] in {"unavailable", "unreachable"}
    assert "127.0.0.1:9" in error["message"] + error["where"]


def test_an_unknown_stream_is_exit_2_with_those_there_are(project: Project, tajo: Tajo) -> None:
    error = failed(tajo, 2, "connectors", "sync", "shopify", "--resource", "refunds", "--json")
    assert "customers, orders" in error["message"]


@pytest.mark.parametrize("since", ["yesterday", "2999-01-01", "5y"])
def test_a_time_that_is_none_is_exit_2(project: Project, tajo: Tajo, since: str) -> None:
    assert failed(tajo, 2, "connectors", "sync", "shopify", "--since", since, "--json")["where"] == "--since"


def test_full_and_since_exclude_each_other(project: Project, tajo: Tajo) -> None:
    failed(tajo, 2, "connectors", "sync", "shopify", "--full", "--since", "1d", "--json")


def test_the_unexpected_is_one_sentence_and_a_traceback_in_the_log(
    project: Project, tajo: Tajo, isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ana@example.com")

    monkeypatch.setattr("tajo_pipelines.cli.syncing.preflight", broken)
    ended = tajo("connectors", "sync", "shopify", "--json")
    assert ended.code == 1
    error = ended.document["error"]
    assert error["code"] == "unexpected"
    assert error["where"] == str(isolated_home / "logs" / "tajo.log")
    logged = Path(error["where"]).read_text("utf-8")
    assert "ZeroDivisionError" in logged
    assert "ana@example.com" not in logged + ended.out + ended.err


def test_an_interruption_is_exit_130_with_a_sentence(
    project: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tajo_pipelines.cli.syncing.preflight", interrupted)
    ended = tajo("connectors", "sync", "shopify", "--json")
    assert ended.code == 130
    assert ended.document["error"]["code"] == "interrupted"
