"""Connecting a shop: one look before anything is written, secrets in .env alone, the person's YAML left theirs."""

from __future__ import annotations

import base64
import re
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from tajo_pipelines.settings import load_settings
from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines_tests.cli.conftest import Project, Tajo

KEY, SECRET = "twin-client-id", "twin-client-secret"
PRINTED = ("connectors", "connect", "shopify", "--shop-url", "your-store.myshopify.com", "--api-key", KEY)
"""The page's line, the shell's variable put in."""


def files(project: Project) -> dict[str, bytes]:
    """Everything that connecting may write."""
    kept = [project.folder / ".env", *(project.folder / "config").iterdir()]
    return {path.name: path.read_bytes() for path in kept if path.is_file()}


def codes(warnings: Sequence[dict[str, str]]) -> set[str]:
    return {warning["code"] for warning in warnings}


def test_the_printed_line_without_a_terminal_takes_the_secret_from_the_environment(
    fresh: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (fresh.folder / "config" / "connectors.yaml").read_text("utf-8")
    monkeypatch.setenv("SHOPIFY_API_SECRET", SECRET)
    document = tajo(*PRINTED, "--json").document
    assert document["ok"], document
    assert document["created"] is False
    assert document["changed"] is True
    assert document["source"]["currency"] == "EUR"
    assert {secret["variable"]: secret["source"] for secret in document["secrets"]} == {
        "SHOPIFY_API_KEY": "command_line",
        "SHOPIFY_API_SECRET": "environment",
    }
    assert "secret_on_command_line" in codes(document["warnings"])
    after = (fresh.folder / "config" / "connectors.yaml").read_text("utf-8")
    assert after == before.replace("enabled: false ", "enabled: true  ", 1)
    env = fresh.folder / ".env"
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    monkeypatch.delenv("SHOPIFY_API_SECRET")
    settings = load_settings(fresh.folder, require_secrets=False)
    connection = settings.connection("shopify")
    assert connection.enabled
    assert connection.require_secret("api_key") == KEY
    assert connection.require_secret("api_secret") == SECRET
    assert settings.secret_key is not None
    line = re.search(r"^TAJO_SECRET_KEY=(.*)$", env.read_text("utf-8"), re.MULTILINE)
    assert line is not None
    assert len(base64.b64decode(line[1])) == 32
    assert tajo("connectors", "test", "shopify", "--json").document["error"]["where"] == "brevo.api_key"


def test_the_printed_line_without_secret_and_terminal_is_exit_2_naming_both(fresh: Project, tajo: Tajo) -> None:
    before = files(fresh)
    ended = tajo(*PRINTED, "--json")
    error = ended.document["error"]
    assert ended.code == 2
    assert error["where"] == "--api-secret"
    assert "SHOPIFY_API_SECRET" in error["hint"]
    assert files(fresh) == before


def test_the_same_line_again_changes_nothing(fresh: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPIFY_API_SECRET", SECRET)
    tajo(*PRINTED)
    before = files(fresh)
    document = tajo("connectors", "install", *PRINTED[2:], "--json").document
    assert document["ok"]
    assert document["schema"] == "tajo.connect/1"
    assert document["changed"] is False
    assert not any(secret["written"] for secret in document["secrets"])
    assert files(fresh) == before


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["--api-key", KEY, "--api-secret", "planted-secret"], 4, "unauthorized"),
        (["--api-key", KEY, "--api-secret", SECRET, "--shop-url", "no shop"], 3, None),
        (["--api-key", KEY, "--api-secret", SECRET, "--base-url", "http://127.0.0.1:9"], 1, None),
        (["--api-key", KEY, "--api-secret", SECRET, "--base-url", "http://example.com"], 3, "invalid_value"),
        (["--api-key", "", "--api-secret", SECRET], 2, "usage"),
        (["--api-secret", SECRET, "--api-key", "--json"], 2, "usage"),
        (["--api-key", KEY, "--api-secret", SECRET, "--connector", "nothing"], 2, "usage"),
        (["--api-key", KEY, "--api-secret", SECRET, "--account", "acme"], 3, "unknown_account"),
        (["--api-key", KEY, "--api-secret", SECRET, "--bulk", "perhaps"], 3, "invalid_value"),
    ],
)
def test_nothing_is_written_where_something_is_wrong(
    fresh: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, error: str | None
) -> None:
    monkeypatch.setattr("tajo_pipelines.connectors.shopify.connector.CHECK_PATIENCE", 1.0)
    before = files(fresh)
    ended = tajo("connectors", "connect", "shopify", *arguments, "--json")
    assert ended.code == code, ended.out
    assert error in (None, ended.document["error"]["code"])
    assert "planted-secret" not in ended.out + ended.err
    assert files(fresh) == before


def test_a_missing_permission_is_exit_4_and_nothing_is_written(
    fresh: Project, twin: TwinProcess, tajo: Tajo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOPIFY_API_SECRET", SECRET)
    twin.change("shopify", "set_scopes", scopes=["read_customers"])
    before = files(fresh)
    ended = tajo(*PRINTED, "--json")
    assert (ended.code, ended.document["error"]["code"]) == (4, "missing_scope")
    assert files(fresh) == before


def test_connecting_only_reads(fresh: Project, twin: TwinProcess, tajo: Tajo) -> None:
    assert tajo(*PRINTED, "--api-secret", SECRET).code == 0
    operations = twin.state("shopify")["operations"]
    assert len(operations) == sum(operations.values()) == 1
    assert not twin.calls("brevo")


def test_a_second_shop_gets_a_block_and_variables_of_its_own(fresh: Project, twin: TwinProcess, tajo: Tajo) -> None:
    before = (fresh.folder / "config" / "connectors.yaml").read_text("utf-8")
    line = ("connectors", "connect", "shopify-fr", "--shop-url", "fr.myshopify.com", "--base-url", twin.shopify_url)
    assert tajo(*line, "--api-key", KEY, "--api-secret", SECRET, "--json").document["error"]["where"] == "--connector"
    document = tajo(
        *line, "--connector", "shopify", "--api-key", KEY, "--api-secret", SECRET, "--patience", "20", "--json"
    ).document
    assert document["created"] is True
    after = (fresh.folder / "config" / "connectors.yaml").read_text("utf-8")
    block = (
        "  shopify-fr:\n    connector: shopify\n    enabled: true\n"
        f'    base_url: "{twin.shopify_url}"\n    shop_url: "fr.myshopify.com"\n    patience: 20\n'
        '    api_key: "${SHOPIFY_FR_API_KEY}"\n    api_secret: "${SHOPIFY_FR_API_SECRET}"\n'
    )
    assert after.replace(f"\n{block}", "") == before
    connection = load_settings(fresh.folder, require_secrets=False).connection("shopify-fr")
    assert connection.require_secret("api_secret") == SECRET
    assert connection.options["patience"] == 20


def test_a_secret_that_stood_in_the_file_moves_to_env(connected: Project, tajo: Tajo) -> None:
    document = tajo("connectors", "connect", "shopify", "--json").document
    assert {secret["source"] for secret in document["secrets"]} == {"configuration"}
    text = (connected.folder / "config" / "connectors.yaml").read_text("utf-8")
    assert SECRET not in text
    assert "${SHOPIFY_API_SECRET}" in text
    assert f"SHOPIFY_API_SECRET={SECRET}\n" in (connected.folder / ".env").read_text("utf-8")


def test_a_variable_of_the_persons_own_is_kept_and_filled(connected: Project, tajo: Tajo) -> None:
    connected.shopify["api_key"] = "${MY_SHOP}"
    connected.write()
    (connected.folder / ".env").write_text("# mine\nMY_SHOP=old\nOTHER=1\n", "utf-8")
    document = tajo("connectors", "connect", "shopify", "--api-key", KEY, "--json").document
    assert document["secrets"][0]["variable"] == "MY_SHOP"
    assert (connected.folder / ".env").read_text("utf-8").startswith(f"# mine\nMY_SHOP={KEY}\nOTHER=1\n")


def test_an_environment_that_says_otherwise_is_told(
    fresh: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOPIFY_API_KEY", "another")
    document = tajo(*PRINTED, "--api-secret", SECRET, "--json").document
    assert document["ok"]
    assert "environment_wins" in codes(document["warnings"])


def test_a_stored_token_needs_no_client_secret(fresh: Project, twin: TwinProcess, tajo: Tajo) -> None:
    token = "shpat_" + "0" * 32
    ended = tajo("connectors", "connect", "shopify", "--api-key", token, "--json")
    assert ended.code == 4  # it is no token of this shop; nobody asks for a secret that isn't needed
    assert token not in ended.out + ended.err


def test_a_broken_file_is_told_with_its_line_and_left_alone(fresh: Project, tajo: Tajo) -> None:
    file = fresh.folder / "config" / "connectors.yaml"
    file.write_text(file.read_text("utf-8") + "\nconnectors: [\n", "utf-8")
    before = files(fresh)
    ended = tajo(*PRINTED, "--api-secret", SECRET, "--json")
    assert ended.code == 3
    assert ended.document["error"]["where"].startswith("config/connectors.yaml:")
    assert files(fresh) == before


def test_every_key_of_a_connector_is_an_option(tajo: Tajo) -> None:
    from tajo_pipelines.sdk import registry

    told = tajo("connectors", "connect", "--help").out
    for name in registry.connector_names():
        manifest = registry.manifest(name)
        for key in (*manifest.config_keys, *manifest.secret_names):
            assert f"--{key.replace('_', '-')} " in told


def test_disconnecting_keeps_all_but_the_switch(fresh: Project, tajo: Tajo) -> None:
    tajo(*PRINTED, "--api-secret", SECRET)
    file = fresh.folder / "config" / "connectors.yaml"
    before = file.read_text("utf-8")
    (fresh.folder / ".env").write_text((fresh.folder / ".env").read_text("utf-8") + "MINE=1\n", "utf-8")
    document = tajo("connectors", "disconnect", "shopify", "--json").document
    assert document["changed"] is True
    assert document["kept"]["secrets"] == ["SHOPIFY_API_KEY", "SHOPIFY_API_SECRET"]
    assert file.read_text("utf-8") == before.replace("enabled: true  ", "enabled: false ", 1)
    again = tajo("connectors", "disconnect", "shopify", "--forget-secrets", "--json").document
    assert again["forgotten"] == ["SHOPIFY_API_KEY", "SHOPIFY_API_SECRET"]
    env = (fresh.folder / ".env").read_text("utf-8")
    assert "SHOPIFY" not in env
    assert "MINE=1\n" in env
    assert "TAJO_SECRET_KEY=" in env
    last = tajo("connectors", "disconnect", "shopify", "--forget-secrets", "--json").document
    assert last["changed"] is False
    assert tajo("connectors", "disconnect", "shopfy", "--json").document["error"]["code"] == "unknown_connection"
    assert tajo(*PRINTED, "--api-secret", SECRET).code == 0
    assert file.read_text("utf-8") == before


def test_a_secret_that_another_connection_reads_is_not_forgotten(connected: Project, tajo: Tajo) -> None:
    connected.shopify["api_key"] = "${SHARED}"
    connected.document["connectors"]["shopify-fr"] = connected.shopify | {"connector": "shopify"}
    connected.write()
    (connected.folder / ".env").write_text(f"SHARED={KEY}\n", "utf-8")
    document = tajo("connectors", "disconnect", "shopify", "--forget-secrets", "--json").document
    assert document["forgotten"] == []
    assert document["kept"]["secrets"] == ["SHARED"]
    assert Path(".env").read_text("utf-8") == f"SHARED={KEY}\n"


def test_a_person_reads_what_was_written_and_what_comes_next(fresh: Project, tajo: Tajo) -> None:
    ended = tajo(*PRINTED, "--api-secret", SECRET)
    for words in ("shopify is connected: ", "EUR", "SHOPIFY_API_SECRET", "tajo connectors sync shopify --full"):
        assert words in ended.out
    assert "command line" in ended.err
    assert SECRET not in ended.out + ended.err
    off = tajo("connectors", "disconnect", "shopify")
    assert "is turned off" in off.out
    assert "--forget-secrets" in off.out
