"""Log-in, address, limits and streams put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tajo_pipelines.connectors.shopify.bulk import BulkReader
from tajo_pipelines.connectors.shopify.canonical import Canonicaliser
from tajo_pipelines.connectors.shopify.deletions import Deletions
from tajo_pipelines.connectors.shopify.fetching import Fetching
from tajo_pipelines.connectors.shopify.operation import Operations
from tajo_pipelines.connectors.shopify.paging import Paging, Permissions
from tajo_pipelines.connectors.shopify.reading import BulkMode, Reader
from tajo_pipelines.connectors.shopify.shop import shop_domain
from tajo_pipelines.connectors.shopify.streams import API_PATH, CHECK, MANIFEST, READINGS, STREAMS
from tajo_pipelines.connectors.shopify.subscriptions import Subscriptions
from tajo_pipelines.connectors.shopify.webhooks import WEBHOOKS
from tajo_pipelines.model.errors import AuthError, ConfigError, ContractError, Notice
from tajo_pipelines.model.record import Canonical, Record
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.auth import Auth, ClientCredentials, TokenHeader
from tajo_pipelines.sdk.clock import SYSTEM_CLOCK, Clock
from tajo_pipelines.sdk.connector import ConnectionConfig, Connector, Deleted, Page, SourceInfo
from tajo_pipelines.sdk.graphql import GraphQLClient
from tajo_pipelines.sdk.http import PATIENCE, HttpClient, Rule
from tajo_pipelines.sdk.limits import CostThrottle
from tajo_pipelines.sdk.webhooks import Subscription

TOKEN_PATH = "/admin/oauth/access_token"  # noqa: S105 - a path, not a password
TOKEN_HEADER = "X-Shopify-Access-Token"  # noqa: S105 - a header's name, not a password
STORED_TOKENS = ("shpat_", "shpca_", "shppa_")
"""How tokens that the admin once showed begin; a client id never does."""

_NO_SHOP = Rule(ConfigError, "no_such_shop", "there is no such shop", "is shop_url right?")
STATUSES: Mapping[int, Rule] = {
    401: Rule(
        AuthError,
        "unauthorized",
        "the shop refuses the token",
        "was it revoked, or is it a public app's, which ends after an hour? An app of your own needs no stored token",
    ),
    402: Rule(ConfigError, "shop_frozen", "the shop is frozen for want of payment", "its owner settles the bill"),
    403: Rule(AuthError, "forbidden", "the shop refuses the app", "is the app installed in this shop?"),
    404: _NO_SHOP,
    423: Rule(ConfigError, "shop_locked", "the shop is locked", "its owner asks Shopify's support"),
}
"""Shopify's own statuses (shopify.dev, API response codes, read 2026-11-24)."""

_REFUSED = Rule(
    AuthError,
    "unauthorized",
    "the client id and secret are refused",
    "are they this app's, and is it installed in this shop, which its organisation owns?",
)
TOKEN_STATUSES: Mapping[int, Rule] = {400: _REFUSED, 401: _REFUSED, 403: _REFUSED, 404: _NO_SHOP}

CHECK_PATIENCE = 30.0
"""Seconds for which a look at the shop is repeated: somebody may be watching."""

VERSION_WARNING = timedelta(days=90)
"""How long before its end the API's version is said to end: as long as it takes Shopify to bring out the next."""

CLOSED = {"SHOP_INACTIVE": "the shop isn't active"}


@dataclass(slots=True)
class ShopifySource:
    """One shop, opened."""

    http: HttpClient
    client: GraphQLClient
    reader: Reader
    fetching: Fetching
    deletions: Deletions
    canonicaliser: Canonicaliser
    app_subscriptions: Subscriptions

    def check(self) -> SourceInfo:
        """The shop and the app's permissions; see `Source.check`."""
        data = self.client.query(CHECK, {}, patience=CHECK_PATIENCE).data
        shop, app = data.get("shop"), data.get("currentAppInstallation")
        scopes = app.get("accessScopes") if isinstance(app, dict) else None
        if not isinstance(shop, dict) or not isinstance(scopes, list):
            raise ContractError("the shop doesn't describe itself", where=CHECK.name)
        granted = frozenset(str(scope.get("handle")) for scope in scopes if isinstance(scope, dict))
        missing = [scope for scope in MANIFEST.scopes.required if not _grants(granted, scope)]
        if missing:
            message = f"the app lacks the permission {' and '.join(missing)}"
            hint = "add it to the app's scopes, release that version and approve it in the shop"
            raise AuthError(message, code="missing_scope", where=str(shop.get("myshopifyDomain")), hint=hint)
        return SourceInfo(
            name=str(shop.get("name")),
            domain=str(shop.get("myshopifyDomain")),
            currency=str(shop.get("currencyCode")),
            timezone=str(shop.get("ianaTimezone")),
            scopes=granted,
            notices=(
                *(notice for scope, notice in _WITHOUT.items() if not _grants(granted, scope)),
                *version_notices(self.http.clock.now().date()),
            ),
        )

    def read(self, stream: str, window: Window | None, cursor: str | None = None) -> Iterator[Page]:
        """Pages of a stream; see `Source.read`."""
        CONNECTOR.stream(stream)
        return self.reader.pages(stream, window, cursor)

    def count(self, stream: str, window: Window | None) -> int | None:
        """How many records there are; see `Source.count`. Shopify's search of customers by time takes whole days."""
        CONNECTOR.stream(stream)
        return self.reader.count(stream, window) if window is None or not READINGS[stream].whole_days else None

    def deleted(self, stream: str, window: Window) -> Iterator[Deleted]:
        """What was deleted in a window; see `Source.deleted`. Merged customers come as deleted ones."""
        CONNECTOR.stream_with_deletions(stream)
        return self.deletions.within(stream, window)

    def fetch(self, stream: str, keys: Sequence[str]) -> Iterator[Record]:
        """Single records as they are now; see `Source.fetch`."""
        CONNECTOR.stream(stream)
        return self.fetching.records(stream, keys)

    def subscriptions(self) -> list[Subscription]:
        """What the app is subscribed to in this shop; see `Subscribes.subscriptions`."""
        return list(self.app_subscriptions.all())

    def subscribe(self, topic: str, url: str) -> Subscription:
        """Subscribe to a topic; see `Subscribes.subscribe`."""
        return self.app_subscriptions.make(topic, url)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Take a subscription back; see `Subscribes.unsubscribe`."""
        self.app_subscriptions.end(subscription.id)

    def canonical(self, record: Record) -> Canonical:
        """The canonical form of a record; see `Source.canonical`."""
        return self.canonicaliser.of(record, CONNECTOR.stream(record.stream).record)

    def close(self) -> None:
        """Let go of sockets."""
        self.http.close()


_WITHOUT = {
    "read_all_orders": Notice(
        "orders_60_days",
        "Shopify shows this app the orders of the last 60 days alone; the scope read_all_orders shows all",
        "orders",
    ),
    "read_products": Notice(
        "no_product_ids",
        "without the scope read_products no products are read, and lines may come without product and variant ids",
        "products",
    ),
}
"""What a recommended scope is for, told where it is missing."""


def version_notices(today: date) -> tuple[Notice, ...]:
    """What is to be said of the API's version: after its end Shopify answers with the oldest version that it still has.

    Such an answer is no error, its status is 200 (shopify.dev/docs/api/usage/versioning, read 2026-11-24).
    """
    end = MANIFEST.sunset
    if end is None or today < end - VERSION_WARNING:
        return ()
    message = (
        f"Shopify serves the API version {MANIFEST.api_version} until {end.isoformat()} and answers with a later one "
        "from then on, which this connector wasn't made for; update Tajo"
    )
    return (Notice("api_version_ends", message, MANIFEST.name),)


def _grants(granted: frozenset[str], scope: str) -> bool:
    # Shopify lists write_x alone where both were asked for: writing includes reading (shopify.dev, access scopes,
    # read 2026-11-24).
    return scope in granted or scope.replace("read_", "write_", 1) in granted


def open_source(config: ConnectionConfig, clock: Clock = SYSTEM_CLOCK) -> ShopifySource:
    """Open a shop; makes no call yet.

    Raises:
        ConfigError: The shop's address or the credentials are missing or have the wrong form.
    """
    domain = shop_domain(config.options.get("shop_url"), f"{config.name}.shop_url")
    secrets = tuple(value for value in config.secrets.values() if value)
    http = HttpClient(
        config.base_url or f"https://{domain}",
        clock=clock,
        patience=_patience(config),
        rules=STATUSES,
        secrets=lambda: (*secrets, *auth.secrets()),
    )
    auth = _auth(config, http)
    client = GraphQLClient(http, API_PATH, auth, CostThrottle(clock), fatal=CLOSED)
    canonicaliser = Canonicaliser.compiled(registry.mapping_file(MANIFEST.name), domain)
    permissions = Permissions()
    paging = Paging(client, clock, config.start_date, permissions)
    bulk = BulkReader(Operations(client), clock, config.start_date, permissions)
    return ShopifySource(
        http,
        client,
        reader=Reader(paging, bulk, _bulk_mode(config)),
        fetching=Fetching(paging),
        deletions=Deletions(client),
        canonicaliser=canonicaliser,
        app_subscriptions=Subscriptions(client),
    )


def _auth(config: ConnectionConfig, http: HttpClient) -> Auth:
    key, secret = config.secrets.get("api_key", ""), config.secrets.get("api_secret", "")
    if key.startswith(STORED_TOKENS):
        return TokenHeader(TOKEN_HEADER, key)
    if key and secret:
        return ClientCredentials(http, TOKEN_PATH, key, secret, header=TOKEN_HEADER, prefix="", refusals=TOKEN_STATUSES)
    missing = "api_secret" if key else "api_key"
    raise ConfigError(
        f"{missing} is missing",
        code="missing_secret",
        where=f"{config.name}.{missing}",
        hint="api_key holds the app's client id and api_secret its client secret, or api_key a token shpat_…",
    )


def _bulk_mode(config: ConnectionConfig) -> BulkMode:
    value = config.options.get("bulk", BulkMode.AUTO)
    if value not in list(BulkMode):
        message = f"bulk is {', '.join(BulkMode)}, not {value!r}"
        raise ConfigError(message, code="invalid_value", where=f"{config.name}.bulk")
    return BulkMode(value)


def _patience(config: ConnectionConfig) -> float:
    value: Any = config.options.get("patience", PATIENCE)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 0 < value <= 3600:
        message = f"patience is a number of seconds up to 3600, not {value!r}"
        raise ConfigError(message, code="invalid_value", where=f"{config.name}.patience")
    return float(value)


CONNECTOR = Connector(MANIFEST, STREAMS, open_source, WEBHOOKS)
