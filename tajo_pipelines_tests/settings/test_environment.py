"""Variables, .env, and what they say of the project."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tajo_pipelines_tests.settings.conftest import SHOP, Project


def dotenv(project: Project, text: str) -> None:
    (project.folder / ".env").write_text(text, encoding="utf-8")


def test_secrets_come_from_dotenv(project: Project) -> None:
    project.environ.clear()
    dotenv(project, "BREVO_API_KEY=b-1\nexport SHOPIFY_API_KEY='k 1'\n# no\nSHOPIFY_API_SECRET=\"s${X}\"\n")
    settings = project.load(SHOP + "    api_key: ${SHOPIFY_API_KEY}\n")
    shop = settings.connections["shopify"]
    assert shop.require_secret("api_key") == "k 1"
    assert shop.require_secret("api_secret") == "s${X}", "what stands in .env is taken as it is"
    assert settings.account_of(shop).require_api_key() == "b-1"


def test_the_environment_wins_over_dotenv(project: Project) -> None:
    dotenv(project, "SHOPIFY_API_KEY=from-file\n")
    assert project.shop().require_secret("api_key") == project.environ["SHOPIFY_API_KEY"]


def test_an_error_in_dotenv_names_its_line(project: Project) -> None:
    dotenv(project, "A=1\n\nTAJO_SECRET_KEY=short\n")
    found = project.fails_once("")
    assert found.where == ".env:3 TAJO_SECRET_KEY"


def test_a_line_of_dotenv_that_isnt_one_is_a_warning(project: Project) -> None:
    dotenv(project, "A=1\n\nB='open\nC=2\n")
    (warning,) = project.load("").warnings
    assert (warning.code, warning.where) == ("env_line", ".env:3")


def test_defaults_lie_in_the_projects_home(project: Project) -> None:
    settings = project.load("")
    home = project.folder / ".tajo"
    assert settings.home == home
    assert settings.database_url == f"sqlite:///{home}/tajo.db"
    assert settings.storage == str(home / "landing")
    assert settings.secret_key is None
    assert settings.config_file == project.folder / "config/connectors.yaml"


def test_paths_are_relative_to_the_project_not_to_where_a_process_stands(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project.environ |= {"TAJO_HOME": "state", "TAJO_STORAGE": "data/land", "TAJO_DATABASE_URL": "sqlite:///db/t.db"}
    settings = project.load("")
    assert settings.home == project.folder / "state"
    assert settings.storage == str(project.folder / "data/land")
    assert settings.database_url == f"sqlite:///{project.folder}/db/t.db"


def test_storage_may_be_a_url(project: Project) -> None:
    project.environ["TAJO_STORAGE"] = "s3://bucket/landing/"
    assert project.load("").storage == "s3://bucket/landing"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("postgresql://u:p@h/d", "postgresql+psycopg2://u:p@h/d"),
        ("postgres://u:p@h/d", "postgresql+psycopg2://u:p@h/d"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("sqlite:////var/t.db", "sqlite:////var/t.db"),
    ],
)
def test_the_database_driver_is_named(project: Project, given: str, read: str) -> None:
    project.environ["TAJO_DATABASE_URL"] = given
    assert project.load("").database_url == read


@pytest.mark.parametrize("given", ["mysql://u:secret@h/d", "t.db", "sqlite://", "sqlite:///:memory:"])
def test_a_database_that_cant_hold_the_state_is_refused(project: Project, given: str) -> None:
    project.environ["TAJO_DATABASE_URL"] = given
    found = project.fails_once("")
    assert (found.code, found.where) == ("database_url", "environment TAJO_DATABASE_URL")
    assert "secret" not in found.message


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_the_secret_key_is_32_bytes(project: Project, encode: object) -> None:
    key = bytes(range(224, 256))
    assert callable(encode)
    project.environ["TAJO_SECRET_KEY"] = encode(key).decode()
    secret = project.load("").secret_key
    assert secret is not None
    assert secret.get_secret_value() == key


@pytest.mark.parametrize("value", ["!", "abc", "QUJD", base64.b64encode(b"x" * 31).decode()])
def test_another_secret_key_is_refused_without_being_shown(project: Project, value: str) -> None:
    project.environ["TAJO_SECRET_KEY"] = value
    found = project.fails_once("")
    assert found.where == "environment TAJO_SECRET_KEY"
    assert value not in found.message.replace("base64", "")


def test_brevos_address_from_the_environment_wins(project: Project) -> None:
    text = "brevo: {base_url: 'https://proxy.example/v3/'}\n"
    assert project.load(text).accounts["default"].base_url == "https://proxy.example/v3"
    project.environ["BREVO_BASE_URL"] = "http://localhost:8801/v3/"
    assert project.load(text).accounts["default"].base_url == "http://localhost:8801/v3"
    project.environ["BREVO_BASE_URL"] = "http://brevo.example/v3"
    found = project.fails_once(text)
    assert found.where == "environment BREVO_BASE_URL"


TWO = SHOP + "  shopify-fr: {connector: shopify, shop_url: fr}\n  crm: {connector: hubspot}\n"


@pytest.mark.parametrize(
    ("limit", "names"),
    [
        ("shopify", ["shopify"]),
        ("shop*, crm", ["shopify", "shopify-fr", "crm"]),
        ("*-fr", ["shopify-fr"]),
        (" ", ["shopify", "shopify-fr", "crm"]),
    ],
)
def test_tajo_connections_limits_what_is_loaded(project: Project, limit: str, names: list[str]) -> None:
    project.environ |= {"TAJO_CONNECTIONS": limit, "SHOPIFY_FR_API_KEY": "k"}
    settings = project.load(TWO)
    assert list(settings.connections) == names
    assert settings.known_connections == ("shopify", "shopify-fr", "crm")


def test_connections_left_out_need_no_secrets(project: Project) -> None:
    project.environ["TAJO_CONNECTIONS"] = "crm"
    del project.environ["SHOPIFY_API_KEY"]
    assert list(project.load(TWO).connections) == ["crm"]


def test_tajo_connections_names_the_nearest(project: Project) -> None:
    project.environ |= {"TAJO_CONNECTIONS": "shopfy", "SHOPIFY_FR_API_KEY": "k"}
    found = project.fails_once(TWO)
    assert found.where == "environment TAJO_CONNECTIONS"
    assert "did you mean 'shopify'?" in found.message
    project.environ["TAJO_CONNECTIONS"] = "x*"
    assert [notice.code for notice in project.load(TWO).warnings] == ["unknown_connection"]
