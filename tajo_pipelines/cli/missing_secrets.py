"""A secret that a command needs: from the environment, else asked for on a terminal, else exit 2."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass

from tajo_pipelines.cli.documents import UsageError
from tajo_pipelines.cli.edge import Session
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.sdk import registry
from tajo_pipelines.settings import Account, Connection, Settings
from tajo_pipelines.settings.objects import account_key_variable, secret_variable

MISSING = "missing_secret"
"""Code with which a connector refuses to open for want of a secret."""


@dataclass(frozen=True, slots=True)
class MissingSecret:
    """A secret that is nowhere.

    Attributes:
        what: What it is, for a person.
        variable: The environment variable that would hold it.
        key: The key in the configuration that would name it.
    """

    what: str
    variable: str
    key: str

    def error(self) -> UsageError:
        """The sentence where nobody can be asked."""
        return UsageError(
            f"{self.what} isn't set",
            code="secret_missing",
            where=self.key,
            hint=f"set {self.variable} in the environment or in .env, or {self.key} in the configuration",
        )


def settings_with_secrets(session: Session, name: str) -> Settings:
    """The settings, with every secret that a connection and its account need.

    Raises:
        UsageError: One is missing, and there is no terminal to ask on.
        ConfigError: The configuration is wrong, or has no such connection.
    """
    while True:
        settings = session.settings()
        missing = missing_of_connection(settings.connection(name)) or missing_of_account(settings.account_of(name))
        if missing is None:
            return settings
        ask(missing)


def missing_of_connection(connection: Connection) -> MissingSecret | None:
    """The first secret that a connection can't be opened without."""
    manifest = registry.manifest(connection.connector)
    for key in manifest.required_secrets:
        if key not in connection.secrets:
            return _missing(connection, key)
    try:
        registry.load(connection.connector).open(connection.config()).close()
    except ConfigError as error:
        # Which of the others is needed depends on their values: a stored token needs no client secret.
        if error.code != MISSING:
            raise
        return _missing(connection, error.where.rpartition(".")[2])
    return None


def missing_of_account(account: Account) -> MissingSecret | None:
    """The account's API key, where it is missing."""
    if account.api_key is not None:
        return None
    place = "brevo.api_key" if account.name == "default" else f"accounts.{account.name}.api_key"
    return MissingSecret(
        f"the API key of the Brevo account {account.name!r}", account_key_variable(account.name), place
    )


def _missing(connection: Connection, key: str) -> MissingSecret:
    variable = connection.secret_variables.get(key, secret_variable(connection.name, key.upper()))
    return MissingSecret(f"{key} of {connection.name}", variable, f"connectors.{connection.name}.{key}")


def on_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(missing: MissingSecret) -> None:
    """Ask for a secret and keep it in this process's environment alone.

    Raises:
        UsageError: There is no terminal, or nothing was typed.
    """
    value = prompt(missing)
    if not value:
        raise missing.error()
    os.environ[missing.variable] = value


def prompt(missing: MissingSecret) -> str:
    """What a person types for a secret, unseen; empty where there is nobody to ask."""
    if not on_terminal():
        return ""
    return getpass.getpass(f"{missing.what} ({missing.variable}): ").strip()
