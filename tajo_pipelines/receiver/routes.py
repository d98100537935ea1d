"""Which connections are served, with what proves a delivery of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from tajo_pipelines.model.errors import ConfigError, Notice, SignatureError
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.connector import ConnectionConfig
from tajo_pipelines.sdk.webhooks import PREFIX, Delivery, Envelope, Webhooks
from tajo_pipelines.settings.objects import Connection, Settings, secret_variable

CUSTOMERS = "customers"
"""The stream that works requests for privacy off, where it is enabled."""


@dataclass(frozen=True, slots=True)
class Route:
    """One connection's address.

    Attributes:
        connection: Its name.
        connector: Its connector's.
        secrets: The values that may sign, none of them blank.
        live: Streams whose deliveries are worked off; all others' are kept as ignored.
        privacy: The stream that works requests for privacy off, whatever its mode; None where none is enabled.
    """

    connection: str
    connector: str
    webhooks: Webhooks
    config: ConnectionConfig
    secrets: tuple[str, ...] = field(repr=False)
    live: frozenset[str]
    privacy: str | None

    @property
    def path(self) -> str:
        """Where its deliveries are sent to."""
        return PREFIX + self.connection

    def stream(self, envelope: Envelope) -> str | None:
        """The stream that works a delivery off; None where nobody does.

        What a law asks for isn't subject to a mode: those topics are the ones that the house doesn't subscribe to.
        """
        topic = self.webhooks.topics.get(envelope.topic)
        if topic is None or envelope.stream is None:
            return None
        if not topic.wanted:
            return self.privacy
        return envelope.stream if envelope.stream in self.live else None


def read_routes(settings: Settings) -> Mapping[str, Route]:
    """The routes by the connection's name.

    Raises:
        ConfigError: With every connection whose deliveries nothing could prove; or none has webhooks.
    """
    routes: dict[str, Route] = {}
    problems: list[ConfigError] = []
    for connection in settings.enabled_connections:
        webhooks = registry.load(connection.connector).webhooks
        if webhooks is None:
            continue
        try:
            route = _route(connection, webhooks)
        except ConfigError as error:
            problems.append(error)
            continue
        if route.secrets:
            routes[route.connection] = route
    if len(problems) == 1:
        raise problems[0]
    if problems:
        details = [Notice(error.code, error.message, error.where) for error in problems]
        raise ConfigError("; ".join(error.message for error in problems), code=problems[0].code, details=details)
    if not routes:
        message = "no enabled connection receives webhooks"
        hint = "enable a connection whose connector has webhooks: tajo connectors list"
        raise ConfigError(message, code="no_webhooks", where=str(settings.config_file), hint=hint)
    return MappingProxyType(routes)


def _route(connection: Connection, webhooks: Webhooks) -> Route:
    config = connection.config()
    enabled = connection.enabled_streams
    route = Route(
        connection=connection.name,
        connector=connection.connector,
        webhooks=webhooks,
        config=config,
        secrets=webhooks.secrets(config),
        live=frozenset(name for name in enabled if connection.streams[name].mode != "batch"),
        privacy=CUSTOMERS if CUSTOMERS in enabled else next(iter(enabled), None),
    )
    if route.live and not route.secrets:
        raise _without_secret(connection, webhooks)
    if route.secrets:
        _check_secrets(route)
    return route


def _without_secret(connection: Connection, webhooks: Webhooks) -> ConfigError:
    variables = " or ".join(_variable(connection, name) for name in webhooks.secret_names)
    message = (
        f"the connection {connection.name!r} has no webhook secret: {variables} is missing or blank, so that nothing "
        "could prove where a delivery comes from"
    )
    hint = f"set {variables} in the environment or in .env, or mode: batch"
    return ConfigError(message, code="webhook_secret_missing", where=connection.where, hint=hint)


def _check_secrets(route: Route) -> None:
    """A secret that can't be one is found now, not at the first delivery."""
    try:
        route.webhooks.signature.verify(Delivery({}, b"", datetime.now(UTC)), route.secrets)
    except SignatureError:
        return
    message = f"the signature of {route.connector} takes a delivery without any"
    raise ConfigError(message, code="invalid_connector", where=route.connector)


def _variable(connection: Connection, name: str) -> str:
    return connection.secret_variables.get(name, secret_variable(connection.name, name.upper()))
