"""A connection on its way into the configuration: what was typed, where its secrets are, what the files will say."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tajo_pipelines.cli.connector_options import option_of
from tajo_pipelines.cli.documents import UsageError
from tajo_pipelines.cli.edge import Session
from tajo_pipelines.cli.missing_secrets import MissingSecret, missing_of_connection, prompt
from tajo_pipelines.model.errors import Notice
from tajo_pipelines.sdk.manifest import Manifest
from tajo_pipelines.settings import Settings, load_settings
from tajo_pipelines.settings.connections import SELECTED
from tajo_pipelines.settings.env_file import env_values, read_env_file, with_values
from tajo_pipelines.settings.environment import SECRET_KEY_BYTES, Variables
from tajo_pipelines.settings.objects import secret_variable
from tajo_pipelines.settings.variables import only_variable
from tajo_pipelines.settings.writing import Value, typed, with_connection
from tajo_pipelines.settings.yaml_source import Scalar, Tree

SECRET_KEY = "TAJO_SECRET_KEY"  # noqa: S105 - a variable's name

TYPED, ASKED, ENVIRONMENT, ENV_FILE, CONFIG = "command_line", "prompt", "environment", "env_file", "configuration"
"""Where a secret was found."""


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """What was typed.

    Attributes:
        values: The connector's own keys and secrets; None where left out.
    """

    name: str
    connector: str | None = None
    account: str | None = None
    base_url: str | None = None
    values: Mapping[str, str | None] = field(default_factory=dict)

    def given(self) -> dict[str, str]:
        """What was typed of the connector's own keys.

        Raises:
            UsageError: A value is blank, or is the next option: the shell's variable behind it is empty.
        """
        given = {key: value.strip() for key, value in self.values.items() if value is not None}
        for key, value in given.items():
            if not value or value.startswith("--"):
                found = "is blank" if not value else f"is followed by {value.split('=')[0]}"
                message = f"{option_of(key)} {found}"
                raise UsageError(
                    message, where=option_of(key), hint="is the shell's variable that you named there set?"
                )
        return given


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that the connection gets.

    Attributes:
        variable: That holds it.
        source: Where it was found.
        refer: Whether the configuration has to name the variable yet.
    """

    value: str = field(repr=False)
    variable: str
    source: str
    refer: bool


@dataclass(slots=True)
class NewConnection:
    """A connection on its way into the configuration."""

    session: Session
    options: ConnectOptions
    manifest: Manifest
    file: Path
    text: str
    block: dict[str, Tree] | None
    variables: Variables
    given: dict[str, str]
    found: dict[str, Secret] = field(default_factory=dict)

    def look_for_secrets(self) -> None:
        """Find the secrets that were typed, or that stand somewhere already."""
        for key, ending in self.manifest.secret_names.items():
            usual = secret_variable(self.options.name, ending)
            written = (self.block or {}).get(key)
            named = only_variable(written) if isinstance(written, Scalar) else None
            clear = str(written) if isinstance(written, Scalar) and "${" not in written and written.strip() else None
            variable = named or usual
            if key in self.given:
                self.found[key] = Secret(self.given[key], variable, TYPED, named is None)
            elif clear is not None:
                self.found[key] = Secret(clear, usual, CONFIG, refer=True)
            elif written is None or named is not None:
                self._look_in_environment(key, [variable, usual], refer=written is None)

    def _look_in_environment(self, key: str, names: list[str], *, refer: bool) -> None:
        for name in names:
            value = self.variables.get(name)
            if value is not None:
                source = ENV_FILE if name in self.variables.lines else ENVIRONMENT
                self.found[key] = Secret(value, name, source, refer)
                return

    def changed_text(self) -> str:
        """The configuration with the connection, enabled."""
        values: dict[str, Value] = {}
        connector = self.manifest.name
        if connector != self.options.name and "connector" not in (self.block or {}):
            values["connector"] = connector
        values["enabled"] = True
        named = {"account": self.options.account, "base_url": self.options.base_url}
        values |= {key: value for key, value in named.items() if value is not None}
        own = {key: value for key, value in self.given.items() if key not in self.manifest.secret_names}
        values |= {key: typed(value) for key, value in own.items()}
        values |= {key: f"${{{secret.variable}}}" for key, secret in self.found.items() if secret.refer}
        return with_connection(self.text, self.options.name, values)

    def tried(self) -> tuple[str, Settings]:
        """What the configuration would be, and what it would mean; whoever lacks a secret is asked for it.

        Raises:
            UsageError: A secret is missing, and there is nobody to ask.
            ConfigError: The configuration would be wrong.
        """
        while True:
            text = self.changed_text()
            environ = dict(os.environ) | {secret.variable: secret.value for secret in self.found.values()}
            settings = load_settings(self.session.project, environ | {SELECTED: ""}, text=text, require_secrets=False)
            missing = missing_of_connection(settings.connection(self.options.name))
            if missing is None:
                return text, settings
            self._ask(missing)

    def _ask(self, missing: MissingSecret) -> None:
        key = missing.key.rpartition(".")[2]
        value = prompt(missing)
        if not value:
            option = option_of(key)
            hint = f"set {missing.variable} in the environment or in .env, or give it with {option}"
            raise UsageError(f"{missing.what} isn't set", code="secret_missing", where=option, hint=hint)
        written = (self.block or {}).get(key)
        self.found[key] = Secret(value, missing.variable, ASKED, written is None)

    def warn(self) -> None:
        """Tell what a person should know of how secrets were given."""
        for key, secret in self.found.items():
            if secret.source == TYPED:
                message = (
                    f"{key} stood on the command line, where the shell's history and other processes can read it; "
                    "left out, it is asked for"
                )
                self.session.warnings.append(Notice("secret_on_command_line", message, option_of(key)))
            if os.environ.get(secret.variable, secret.value) != secret.value:
                message = "the environment says something else, and goes before .env; unset it there"
                self.session.warnings.append(Notice("environment_wins", message, secret.variable))

    def written_env(self) -> tuple[str, dict[str, str]]:
        """``.env`` as it is to be, and the lines that it gets."""
        text = read_env_file(self.session.project)
        there = env_values(text)
        lines = {
            secret.variable: secret.value
            for secret in self.found.values()
            # What the environment says now doesn't take the place of what somebody wrote down.
            if secret.source != ENV_FILE and not (secret.source == ENVIRONMENT and secret.variable in there)
        }
        if self.variables.get(SECRET_KEY) is None and not there.get(SECRET_KEY, "").strip():
            lines[SECRET_KEY] = base64.b64encode(secrets.token_bytes(SECRET_KEY_BYTES)).decode()
        lines = {name: value for name, value in lines.items() if there.get(name) != value}
        return with_values(text, lines), lines
