"""The contract between a connector and the rest of the house.

A connector is a folder with a ``manifest.yaml`` and a module attribute ``CONNECTOR``. The house calls ``open`` with a
connection's configuration, gets a `Source`, and reads its streams page by page. A connector never sees Brevo, the
store or Dagster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from tajo_pipelines.model.errors import ConfigError, Notice
from tajo_pipelines.model.record import Canonical, Record
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.clock import SYSTEM_CLOCK, Clock
from tajo_pipelines.sdk.manifest import Manifest

if TYPE_CHECKING:  # webhooks needs what stands here
    from tajo_pipelines.sdk.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """One configured account of a connector. Its repr shows which secrets there are, never their values.

    Attributes:
        name: Name of the connection: ``shopify-fr``.
        connector: Name of the connector: ``shopify``.
        options: The connector's own keys, those of its manifest's ``config_keys``.
        secrets: By the names of its manifest's ``secret_names``; a secret that isn't set is missing.
        base_url: ``scheme://host[:port]`` to call instead of the platform's own host.
        region: ISO 3166 country of phone numbers without country code.
        start_date: Nothing older is asked for, where the platform can be asked so.
        opt_in: ``single`` or ``confirmed``: what counts as a yes.
    """

    name: str
    connector: str
    options: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    base_url: str | None = None
    region: str | None = None
    start_date: date | None = None
    opt_in: str = "single"

    def __repr__(self) -> str:
        """Everything but the values of secrets."""
        known = ", ".join(sorted(name for name, value in self.secrets.items() if value))
        return (
            f"ConnectionConfig(name={self.name!r}, connector={self.connector!r}, options={dict(self.options)!r}, "
            f"secrets=<{known}>, base_url={self.base_url!r}, region={self.region!r}, "
            f"start_date={self.start_date!r}, opt_in={self.opt_in!r})"
        )


@dataclass(frozen=True, slots=True)
class Page:
    """What one reading step brought.

    Attributes:
        records: In the order of the platform; may be empty.
        cursor: Reading goes on after this page with it; None where the platform gave none.
        last: Whether the stream ends here.
        checkpoint: Whether the cursor is worth keeping at once, though few records or none came with it: the platform
            has begun to work for this read, and may take long.
    """

    records: tuple[Record, ...]
    cursor: str | None
    last: bool
    checkpoint: bool = False


@dataclass(frozen=True, slots=True)
class Deleted:
    """One record that the platform no longer holds.

    Attributes:
        key: The platform's id as text: the key of its records.
        at: When it went.
        merged_into: Key of the record that took its place; None where there is none, or where the platform doesn't
            tell merges from deletions (the manifest says which).
    """

    key: str
    at: datetime
    merged_into: str | None = None


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a harmless look at the platform says.

    Attributes:
        name: What the merchant calls the shop or account.
        domain: The platform's own name of it: ``your-store.myshopify.com``.
        currency: ISO 4217 code of its money.
        timezone: IANA name.
        scopes: Permissions that the credentials carry.
        notices: What works less than it could, for a person to read.
    """

    name: str
    domain: str
    currency: str
    timezone: str
    scopes: frozenset[str]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """One collection of a connector.

    Attributes:
        name: ``customers``, ``orders`` ...
        record: The canonical type that its objects become.
        overlap: How far a windowed read must reach back, because the platform's index lags behind its writes.
        incremental: Whether it can be asked for what changed in a window.
        deletes: Whether deletions are seen: whether `Source.deleted` may be asked.
        realtime: Whether webhooks tell of changes.
        by_change: Whether a window can be gone on with after any page. Otherwise the connector sorts what it has read
            whole, and a long range is asked for in parts.
    """

    name: str
    record: type[Canonical]
    overlap: timedelta
    incremental: bool
    deletes: bool
    realtime: bool
    by_change: bool = True

    @classmethod
    def declared(
        cls, manifest: Manifest, name: str, *, record: type[Canonical], overlap: timedelta, by_change: bool = True
    ) -> Stream:
        """The stream as its manifest declares it.

        Raises:
            ConfigError: When the manifest has no such stream.
        """
        spec = manifest.stream(name)
        return cls(name, record, overlap, spec.incremental, spec.deletes, spec.realtime, by_change)


class Source(Protocol):
    """An opened connection to a platform. Not thread-safe; closed by whoever opened it."""

    def check(self) -> SourceInfo:
        """Look at the account without changing anything and without long retries.

        Raises:
            AuthError: Wrong credentials, or a permission is missing (code ``missing_scope``).
            ConfigError: The address leads nowhere.
            RetryableError: The platform can't be reached now.
        """
        ...

    def read(self, stream: str, window: Window | None, cursor: str | None = None) -> Iterator[Page]:
        """Read what changed in a window, or everything.

        Args:
            stream: Name of a stream.
            window: Exactly the records with ``window.start <= updated_at < window.end``, in the order of
                ``updated_at``; None for all, in an order in which cursors stay valid while the shop goes on selling.
            cursor: Go on after the page that carried it; only with the same window.

        Yields:
            Pages until one says ``last``; at least one.

        Raises:
            AuthError: Credentials or permissions don't suffice.
            RetryableError: The platform didn't answer within the patience.
            ContractError: It answered against its documents.
        """
        ...

    def count(self, stream: str, window: Window | None) -> int | None:
        """How many records `read` would bring, for a person who waits; asked only where somebody does.

        Args:
            stream: Name of a stream.
            window: As in `read`.

        Returns:
            The number, which may have changed by the time of the reading; None where the platform doesn't tell.

        Raises:
            AuthError: Credentials or permissions don't suffice.
            RetryableError: The platform didn't answer within the patience.
            ContractError: It answered against its documents.
        """
        ...

    def deleted(self, stream: str, window: Window) -> Iterator[Deleted]:
        """What was deleted in a window.

        Args:
            stream: Name of a stream that says ``deletes``.
            window: Exactly the deletions with ``window.start <= at < window.end``, as far back as the platform
                remembers them.

        Yields:
            Deletions, each at least once.

        Raises:
            ConfigError: The stream's deletions aren't seen (code ``deletes_absent``).
            AuthError: Credentials or permissions don't suffice.
            RetryableError: The platform didn't answer within the patience.
            ContractError: It answered against its documents.
        """
        ...

    def fetch(self, stream: str, keys: Sequence[str]) -> Iterator[Record]:
        """Read single records as they are now: with one call for many, where the platform can do that.

        Args:
            stream: Name of a stream that says ``realtime``.
            keys: Keys of its records, each once; any number.

        Yields:
            Those that there are, in any order; a key that leads nowhere is left out.

        Raises:
            ConfigError: The stream's records can't be read one by one (code ``fetch_absent``).
            AuthError: Credentials or permissions don't suffice.
            RetryableError: The platform didn't answer within the patience.
            ContractError: It answered against its documents.
        """
        ...

    def canonical(self, record: Record) -> Canonical:
        """The canonical form of one record: no call, no look at anything but the record.

        Raises:
            RejectedRecord: ``malformed`` where the raw object hasn't the documented shape.
        """
        ...

    def close(self) -> None:
        """Let go of sockets."""
        ...


class Opener(Protocol):
    """Opens a connection: checks its configuration, makes no call."""

    def __call__(self, config: ConnectionConfig, clock: Clock = SYSTEM_CLOCK) -> Source:
        """A source for a configuration.

        Raises:
            ConfigError: A key or a secret is missing or has the wrong form.
        """
        ...


@dataclass(frozen=True, slots=True)
class Connector:
    """What a connector's folder exports as ``CONNECTOR``.

    Attributes:
        webhooks: How the platform's webhooks are proved and read; None where the manifest declares them absent.
    """

    manifest: Manifest
    streams: tuple[Stream, ...]
    open: Opener
    webhooks: Webhooks | None = None

    def stream(self, name: str) -> Stream:
        """A stream by its name.

        Raises:
            ConfigError: When there is none of this name (code ``unknown_stream``).
        """
        for stream in self.streams:
            if stream.name == name:
                return stream
        known = ", ".join(stream.name for stream in self.streams)
        message = f"{self.manifest.name} has no stream {name!r}; it has {known}"
        raise ConfigError(message, code="unknown_stream")

    def stream_with_deletions(self, name: str) -> Stream:
        """A stream whose deletions are seen.

        Raises:
            ConfigError: When there is none of this name, or its deletions aren't seen (code ``deletes_absent``).
        """
        stream = self.stream(name)
        if not stream.deletes:
            message = f"{self.manifest.name} tells nothing of deleted {name}"
            raise ConfigError(message, code="deletes_absent")
        return stream
