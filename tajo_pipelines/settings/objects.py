"""The settings as the rest of the project sees them: frozen, typed, secrets wrapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from pydantic import SecretBytes, SecretStr

from tajo_pipelines.brevo.places import DEFAULT_BASE_URL
from tajo_pipelines.model.errors import ConfigError, Notice
from tajo_pipelines.sdk.connector import ConnectionConfig
from tajo_pipelines.settings.findings import suggestion

Mode: TypeAlias = Literal["realtime", "batch", "hybrid"]
OnDelete: TypeAlias = Literal["keep", "unlist", "block", "erase"]
OptIn: TypeAlias = Literal["single", "confirmed"]
Tier: TypeAlias = Literal["general", "advanced", "extended"]
UnknownOnCreate: TypeAlias = Literal["block", "unlisted", "skip"]
InDoubt: TypeAlias = Literal["letter", "resend"]

DEFAULT_ACCOUNT = "default"


def env_prefix(name: str) -> str:
    """The first part of a connection's variables: ``shopify-fr`` reads ``SHOPIFY_FR_...``."""
    return name.upper().replace("-", "_")


def secret_variable(connection: str, ending: str) -> str:
    """The variable of a connection's secret: ``SHOPIFY_FR_API_KEY``."""
    return f"{env_prefix(connection)}_{ending}"


def account_key_variable(name: str) -> str:
    """The variable that holds an account's API key where the file doesn't say."""
    return "BREVO_API_KEY" if name == DEFAULT_ACCOUNT else f"BREVO_{env_prefix(name)}_API_KEY"


@dataclass(frozen=True, slots=True)
class Lists:
    """Brevo list ids; None where the list is found or made by its name."""

    all_contacts: int | None = None
    subscribers: int | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """How long payloads are kept."""

    landing: timedelta = timedelta(days=30)
    inbox: timedelta = timedelta(days=30)
    calls: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Events:
    """What counts as live, and what becomes of an event whose fate is unknown."""

    live_window: timedelta = timedelta(hours=24)
    in_doubt: InDoubt = "letter"


@dataclass(frozen=True, slots=True)
class DoubleOptIn:
    """The mail that asks whom we may not free ourselves."""

    template_id: int
    redirect_url: str


@dataclass(frozen=True, slots=True)
class Account:
    """One Brevo account.

    Attributes:
        name: Its name in the file; state hangs on the organisation that answers, not on this.
        api_key: None where no enabled connection needs it.
        base_url: Includes ``/v3``, no trailing slash.
        currency: ISO 4217, or None where the file doesn't say.
        ext_id_from: The one connection whose ids become ext_id, or None.
        precedence: Connections in order, per attribute; under ``default`` for all others.
        rates: Units of the account's currency for one unit of another.
        letters_threshold: The share of rejected records over which a run counts as partly failed.
    """

    name: str = DEFAULT_ACCOUNT
    api_key: SecretStr | None = None
    base_url: str = DEFAULT_BASE_URL
    currency: str | None = None
    tier: Tier = "general"
    lists: Lists = Lists()
    create_attributes: bool = True
    unknown_on_create: UnknownOnCreate = "block"
    ext_id_from: str | None = None
    precedence: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    rates: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    letters_threshold: Decimal = Decimal("0.05")
    keep: Keep = Keep()
    events: Events = Events()
    double_opt_in: DoubleOptIn | None = None

    def require_api_key(self) -> str:
        """The API key.

        Raises:
            ConfigError: If there is none.
        """
        if self.api_key is None:
            raise ConfigError(
                f"the Brevo account {self.name!r} has no API key",
                code="secret_missing",
                where=f"account {self.name}",
                hint=f"set {account_key_variable(self.name)} in the environment or in .env",
            )
        return self.api_key.get_secret_value()


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What one Brevo attribute is made of.

    Attributes:
        source: A canonical name in snake_case or camelCase, as written, or ``raw.<JMESPath>``.
        target: The attribute's name, or ``email``, ``EMAIL``, ``phone``, ``SMS`` for who the contact is.
        transforms: Names of transforms, applied in order.
        type: The attribute's type at Brevo where the file says it.
        default: The value where the source says nothing.
        line: Line in the file.
        where: ``file:line key``, for errors found later.
    """

    source: str
    target: str
    transforms: tuple[str, ...] = ()
    type: str | None = None
    default: object | None = None
    line: int = 0
    where: str = ""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How one stream of a connection is synchronised.

    Attributes:
        schedule: Cron expression, UTC.
        schedule_word: The schedule as written: ``hourly``, ``daily`` or the expression.
    """

    enabled: bool
    mode: Mode
    schedule: str
    schedule_word: str
    on_delete: OnDelete


@dataclass(frozen=True, slots=True)
class Connection:
    """One configured account of a connector.

    Attributes:
        connector: The connector's name in the registry.
        account: The Brevo account that it feeds.
        schedule: Cron expression, UTC, of all streams that don't have their own.
        schedule_word: The schedule as written.
        streams: The connector's streams that the file names (all of them where it names none), also those turned off.
        absent_streams: Streams asked for that the connector doesn't have.
        field_mapping: The default rules, replaced per target by the connection's own.
        region: ISO 3166 code for phones without country code.
        secrets: By key, from the file or ``<CONNECTION>_<KEY>``; absent ones are left out.
        secret_variables: The variable of each secret that the connector knows.
        base_url: Takes the place of the platform's own host; scheme://host[:port].
        options: The connector's own keys: ``shop_url`` and the like.
        line: Line in the file.
        where: ``file:line key``.
    """

    name: str
    connector: str
    account: str
    enabled: bool
    mode: Mode
    schedule: str
    schedule_word: str
    start_date: date | None
    streams: Mapping[str, StreamSettings]
    absent_streams: tuple[str, ...]
    field_mapping: tuple[FieldRule, ...]
    region: str | None
    on_delete: OnDelete
    opt_in: OptIn
    lists: Lists
    secrets: Mapping[str, SecretStr]
    secret_variables: Mapping[str, str]
    base_url: str | None
    options: Mapping[str, Any]
    line: int = 0
    where: str = ""

    @property
    def shop_url(self) -> str | None:
        """The shop's domain as written, where the connector has one."""
        value = self.options.get("shop_url")
        return None if value is None else str(value)

    @property
    def enabled_streams(self) -> tuple[str, ...]:
        """The streams that run, in the connector's order."""
        return tuple(name for name, stream in self.streams.items() if stream.enabled)

    def config(self) -> ConnectionConfig:
        """What the connector is opened with; holds the secrets' values."""
        return ConnectionConfig(
            name=self.name,
            connector=self.connector,
            options=self.options,
            secrets=MappingProxyType({key: secret.get_secret_value() for key, secret in self.secrets.items()}),
            base_url=self.base_url,
            region=self.region,
            start_date=self.start_date,
            opt_in=self.opt_in,
        )

    def require_secret(self, key: str) -> str:
        """A secret's value.

        Raises:
            ConfigError: If it is neither in the file nor in the environment.
        """
        secret = self.secrets.get(key)
        if secret is None:
            variable = self.secret_variables.get(key, secret_variable(self.name, key.upper()))
            raise ConfigError(
                f"{key} of the connection {self.name!r} isn't set",
                code="secret_missing",
                where=self.where,
                hint=f"set {variable} in the environment or in .env",
            )
        return secret.get_secret_value()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a project's configuration and environment say.

    Attributes:
        project_dir: The folder of workspace.yaml.
        home: Folder of local state.
        database_url: SQLAlchemy URL with its driver named; may hold a password.
        storage: Landing root: an absolute path or an fsspec URL.
        secret_key: 32 bytes, or None.
        connections: Those that ``TAJO_CONNECTIONS`` lets through, also disabled ones.
        known_connections: The names of all in the file.
        field_mapping: The default rules of all connections.
        config_file: Where it was read.
        warnings: What a person should know.
    """

    project_dir: Path
    home: Path
    database_url: str = field(repr=False)
    storage: str = field(repr=False)
    secret_key: SecretBytes | None
    connections: Mapping[str, Connection]
    known_connections: tuple[str, ...]
    accounts: Mapping[str, Account]
    field_mapping: tuple[FieldRule, ...]
    config_file: Path
    warnings: tuple[Notice, ...] = ()

    @property
    def enabled_connections(self) -> tuple[Connection, ...]:
        """The connections that run, in the order of the file."""
        return tuple(connection for connection in self.connections.values() if connection.enabled)

    def connection(self, name: str) -> Connection:
        """The connection of that name.

        Raises:
            ConfigError: If there is none; names the nearest.
        """
        if name not in self.connections:
            known = suggestion(name, self.connections)
            raise ConfigError(
                f"there is no connection {name!r}{known}", code="unknown_connection", where=str(self.config_file)
            )
        return self.connections[name]

    def account_of(self, connection: Connection | str) -> Account:
        """The Brevo account that a connection feeds."""
        found = self.connection(connection) if isinstance(connection, str) else connection
        return self.accounts[found.account]
