"""What the engine works with: settings, store and the sources that connections open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tajo_pipelines.mapping.engine import CompiledMapping, compile_mapping
from tajo_pipelines.mapping.spec import FieldRule, RuleLike
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.clock import SYSTEM_CLOCK, Clock
from tajo_pipelines.sdk.connector import Connector, Source
from tajo_pipelines.settings.objects import Account, Connection, Settings
from tajo_pipelines.store.facade import Store
from tajo_pipelines.store.opening import open_store


def present() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Workspace:
    """One project with its store, opened when it is first needed.

    Attributes:
        settings: What the configuration says.
        now: Tells the time.
        clock: Waits, for sources.
    """

    settings: Settings
    now: Callable[[], datetime] = present
    clock: Clock = SYSTEM_CLOCK
    _store: Store | None = field(default=None, repr=False)

    @property
    def store(self) -> Store:
        """The store.

        Raises:
            ConfigError: When its URL is no database, or a newer release made it.
        """
        if self._store is None:
            self._store = open_store(self.settings.database_url)
        return self._store

    def connection(self, name: str) -> Connection:
        """An enabled connection.

        Raises:
            ConfigError: When there is none of that name, or it isn't enabled.
        """
        connection = self.settings.connection(name)
        if not connection.enabled:
            message = f"the connection {name!r} isn't enabled"
            raise ConfigError(
                message, code="connection_disabled", where=connection.where, hint="set enabled: true there"
            )
        return connection

    def account(self, connection: Connection) -> Account:
        """The account that a connection feeds."""
        return self.settings.account_of(connection)

    def connector(self, connection: Connection) -> Connector:
        """The connector behind a connection."""
        return registry.load(connection.connector)

    def open_source(self, connection: Connection) -> Source:
        """Open the connection; whoever opens it closes it.

        Raises:
            ConfigError: A key or a secret is missing or has the wrong form.
        """
        return self.connector(connection).open(connection.config(), self.clock)

    def mapping(self, connection: Connection) -> CompiledMapping:
        """The connection's field mapping, compiled.

        Raises:
            ConfigError: With every rule that can't be compiled.
        """
        return compile_mapping(self.rules(connection))

    def rules(self, connection: Connection) -> Sequence[RuleLike]:
        """The rules of the connection's field mapping: its own where it has some, else what the connector proposes."""
        if connection.field_mapping:
            return connection.field_mapping
        proposed = registry.default_attributes(connection.connector)
        return [
            FieldRule(source=attribute.source, target=attribute.target, type=attribute.type) for attribute in proposed
        ]

    def close(self) -> None:
        """Let go of the store."""
        if self._store is not None:
            self._store.close()
            self._store = None
