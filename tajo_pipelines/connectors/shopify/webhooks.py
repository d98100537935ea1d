"""Shopify's webhooks: how a delivery is proved and named, and which topics there are.

Since 2025-01 the bodies of ``customers/*`` carry neither consent nor tags nor totals, and a product's are whole for its
first hundred variants alone (https://shopify.dev/changelog, https://shopify.dev/docs/api/webhooks/latest, read
2026-11-25). So a customer, an order or a product that a delivery tells of is read again, and nothing that a body leaves
out can clear anything. Carts can't be read before Shopify calls them abandoned: what stands in their bodies is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

from tajo_pipelines.connectors.shopify import bodies, glances
from tajo_pipelines.connectors.shopify.bodies import CARTS, CUSTOMERS, ORDERS, PRODUCTS
from tajo_pipelines.connectors.shopify.shop import shop_domain
from tajo_pipelines.model.errors import SignatureError
from tajo_pipelines.model.window import parse_time
from tajo_pipelines.sdk.connector import ConnectionConfig
from tajo_pipelines.sdk.signatures import HmacSignature
from tajo_pipelines.sdk.webhooks import Delivery, Envelope, Topic, Webhooks

ID, TOPIC, SHOP = "x-shopify-webhook-id", "x-shopify-topic", "x-shopify-shop-domain"
"""What names a delivery. ``X-Shopify-Event-Id`` doesn't: it marks one action of the merchant, of which several topics
tell (https://shopify.dev/docs/api/webhooks/latest, headers, read 2026-11-25)."""

TRIGGERED_AT = "x-shopify-triggered-at"

_CUSTOMER = Topic(CUSTOMERS, bodies.touched(CUSTOMERS, "id"), glances.of_id)
_CUSTOMER_BY_GID = Topic(CUSTOMERS, bodies.touched(CUSTOMERS, "customerId", "occurredAt"), glances.of_customer)
_ORDER = Topic(ORDERS, bodies.order, glances.of_id)
_PRODUCT = Topic(PRODUCTS, bodies.touched(PRODUCTS, "id"), glances.of_id, scope="read_products")
_CART = Topic(CARTS, bodies.cart, glances.of_cart)
_CHECKOUT = Topic(CARTS, bodies.checkout, glances.of_checkout)

LAWFUL: Mapping[str, Topic] = MappingProxyType(
    {
        "customers/data_request": Topic(CUSTOMERS, bodies.data_request, glances.of_person, wanted=False),
        "customers/redact": Topic(CUSTOMERS, bodies.redact, glances.of_person, wanted=False),
        "shop/redact": Topic(CUSTOMERS, bodies.shop_redact, glances.none, wanted=False),
    }
)
"""What the law asks for. It is set in the app's configuration, for the API has no subscription to it
(https://shopify.dev/docs/apps/build/privacy-law-compliance, read 2026-11-25)."""

TOPICS: Mapping[str, Topic] = MappingProxyType(
    {
        "customers/create": _CUSTOMER,
        "customers/update": _CUSTOMER,
        "customers/enable": _CUSTOMER,
        "customers/disable": _CUSTOMER,
        "customers/delete": Topic(CUSTOMERS, bodies.gone(CUSTOMERS), glances.of_id),
        "customers/merge": Topic(CUSTOMERS, bodies.merge, glances.of_merge, scope="read_customer_merge"),
        "customers/purchasing_summary": _CUSTOMER_BY_GID,
        "customer.tags_added": _CUSTOMER_BY_GID,
        "customer.tags_removed": _CUSTOMER_BY_GID,
        # One thing by two names: consent to e-mail says `customer_id`, consent to SMS says `id`.
        "customers_email_marketing_consent/update": Topic(
            CUSTOMERS, bodies.touched(CUSTOMERS, "customer_id"), glances.of_customer
        ),
        "customers_marketing_consent/update": _CUSTOMER,
        "orders/create": _ORDER,
        "orders/updated": _ORDER,
        "orders/cancelled": _ORDER,
        "orders/paid": _ORDER,
        "orders/fulfilled": _ORDER,
        "orders/partially_fulfilled": _ORDER,
        "orders/edited": Topic(ORDERS, bodies.order_edit, glances.of_edit),
        "orders/delete": Topic(ORDERS, bodies.gone(ORDERS), glances.of_id),
        "refunds/create": Topic(ORDERS, bodies.touched(ORDERS, "order_id", "created_at"), glances.of_order),
        "products/create": _PRODUCT,
        "products/update": _PRODUCT,
        "products/delete": Topic(PRODUCTS, bodies.gone(PRODUCTS), glances.of_id, scope="read_products"),
        "carts/create": _CART,
        "carts/update": _CART,
        "checkouts/create": _CHECKOUT,
        "checkouts/update": _CHECKOUT,
        "checkouts/delete": Topic(CARTS, bodies.checkout_gone, glances.of_checkout),
        # Operations are looked at by whoever waits for them; where somebody subscribed, nothing is to be done.
        "bulk_operations/finish": Topic(
            None, bodies.nothing("the reading looks at its operation itself"), glances.none, wanted=False
        ),
        **LAWFUL,
    }
)


def envelope(delivery: Delivery, config: ConnectionConfig) -> Envelope:
    """What a delivery's headers say of it.

    The signature is over the body alone, and an app's secret signs for every shop that has the app: the shop is named
    by a header, and in what the law asks for by the signed body too.

    Raises:
        SignatureError: ``unnamed`` where id, topic or shop is missing; ``foreign`` where it is another shop's.
    """
    headers = delivery.headers
    number, name, shop = (headers.get(header, "").strip() for header in (ID, TOPIC, SHOP))
    if not (number and name and shop):
        raise SignatureError("a header that names the delivery is missing", code="unnamed")
    ours = _domain(str(config.options.get("shop_url")))
    if shop.lower() != ours or (name in LAWFUL and not _is_ours(delivery.body, ours)):
        raise SignatureError("the delivery is another shop's", code="foreign")
    topic = TOPICS.get(name)
    if topic is None:
        return Envelope(number, name, triggered_at(delivery), None)
    return Envelope(number, name, triggered_at(delivery), topic.stream, topic.key(delivery.body))


def triggered_at(delivery: Delivery) -> datetime | None:
    """When it happened; Shopify writes up to nanoseconds, of which microseconds are kept."""
    try:
        return parse_time(delivery.headers.get(TRIGGERED_AT, "").strip())
    except ValueError:
        return None


def _is_ours(body: bytes, ours: str) -> bool:
    # A body that names no shop isn't another one's: whoever reads it finds that it can't be read.
    named = glances.domain(body)
    return named is None or named.strip().lower() == ours


@lru_cache(maxsize=256)
def _domain(shop_url: str) -> str:
    return shop_domain(shop_url)


WEBHOOKS = Webhooks(
    signature=HmacSignature("x-shopify-hmac-sha256"),
    secret_names=("api_secret", "webhook_secret"),
    envelope=envelope,
    topics=TOPICS,
)
