"""How documents of the shop become the fields of ``schema.graphql``: what they share, and customers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from tajo_pipelines.twin.shopify import pricing
from tajo_pipelines.twin.shopify.facts import CURRENCY
from tajo_pipelines.twin.shopify.shop import Document

Field = Callable[[Any], Any]

DOMAIN = "tajo-demo.myshopify.com"
SHOP_NUMBER = 68_817_551_382
CDN = f"https://{DOMAIN}/cdn/shop"
LAUNCHED = "2020-01-01T00:00:00Z"


class Bag(NamedTuple):
    """A money bag: the presentment currency and cents in both."""

    currency: str
    cents: pricing.Pair


class Amount(NamedTuple):
    """Money in one currency."""

    currency: str
    cents: int


class Line(NamedTuple):
    """A line item of an order."""

    order: Document
    item: Document


class Refund(NamedTuple):
    """A refund of an order."""

    order: Document
    refund: Document


class Returned(NamedTuple):
    """A line of a refund."""

    order: Document
    refund: Document
    line: Document


class Tax(NamedTuple):
    """A tax line of an order or a line item."""

    order: Document
    cents: pricing.Pair


class Discount(NamedTuple):
    """A discount application of an order."""

    order: Document
    place: int

    @property
    def discount(self) -> Document:
        """Its document."""
        found: Document = self.order["discounts"][self.place]
        return found


def gid(kind: str, number: int) -> str:
    """A global id."""
    return f"gid://shopify/{kind}/{number}"


def number_of(text: str, kind: str | None = None) -> int | None:
    """The number in a global id, or None where it is none of that kind."""
    parts = text.removeprefix("gid://shopify/").split("/")
    if len(parts) != 2 or not parts[1].isdigit() or (kind is not None and parts[0] != kind):
        return None
    return int(parts[1])


def token(kind: str, number: int) -> str:
    """A token as the vendor makes them: 32 hexadecimal digits, always the same for a document."""
    return hashlib.blake2s(f"{kind} {number}".encode(), digest_size=16).hexdigest()


def cart_token(cart: Document) -> str:
    """Token of the online store's cart that a checkout was begun from."""
    return str(cart.get("cartToken") or token("cart", cart["id"]))


def checkout_token(cart: Document) -> str:
    """Token of a checkout."""
    return str(cart.get("token") or token("checkout", cart["id"]))


def recovery_url(cart: Document) -> str:
    """Where the buyer goes on with a checkout."""
    return f"https://{DOMAIN}/{SHOP_NUMBER}/checkouts/ac/{cart['id']:x}/recover?key=k{cart['id'] % 99_991}"


def key(name: str) -> Field:
    """Reads one key of a document."""
    return lambda document: document[name]


def always(value: Any) -> Field:
    """The same for every document."""
    return lambda _: value


def keys(*names: str) -> dict[str, Field]:
    """Fields that are called as the document's keys."""
    return {name: key(name) for name in names}


def _display_name(customer: Document) -> str:
    names = [customer[part] for part in ("firstName", "lastName") if customer[part]]
    return " ".join(names) or customer["email"] or customer["phone"] or str(customer["id"])


def _lifetime(customer: Document) -> str:
    born, last = (datetime.fromisoformat(customer[name]) for name in ("createdAt", "updatedAt"))
    days = (last - born).days
    return f"{days} days" if days < 60 else f"{days // 30} months"


def formatted(address: Document, *, company: bool = True, name: bool = False) -> list[str]:
    """An address by lines."""
    person = " ".join(part for part in (address["firstName"], address["lastName"]) if part)
    lines = [
        person if name else None,
        address["company"] if company else None,
        address["address1"],
        address["address2"],
        f"{address['zip']} {address['city']}",
        address["country"],
    ]
    return [line for line in lines if line]


def customer_fields() -> Mapping[str, Field]:
    """Plain fields of ``Customer``."""
    return {
        "id": lambda customer: gid("Customer", customer["id"]),
        "legacyResourceId": key("id"),
        **keys("firstName", "lastName", "locale", "note", "tags", "taxExempt", "verifiedEmail", "state"),
        **keys("createdAt", "updatedAt"),
        "displayName": _display_name,
        "defaultEmailAddress": lambda customer: customer if customer["email"] is not None else None,
        "defaultPhoneNumber": lambda customer: customer if customer["phone"] is not None else None,
        "defaultAddress": lambda customer: next(iter(customer["addresses"]), None),
        "dataSaleOptOut": always(False),
        "lifetimeDuration": _lifetime,
        "multipassIdentifier": always(None),
        "productSubscriberStatus": always("NEVER_SUBSCRIBED"),
        "image": always({"id": None, "altText": None, "url": f"{CDN}/person.png", "width": 64, "height": 64}),
    }


def value_tables() -> Mapping[str, Mapping[str, Field]]:
    """Fields of the value types around a customer, and of page info."""
    return {
        "CustomerEmailAddress": {
            "emailAddress": key("email"),
            "marketingState": key("emailState"),
            "marketingOptInLevel": key("emailLevel"),
            "marketingUpdatedAt": key("emailAt"),
            "marketingUnsubscribeUrl": lambda customer: f"https://{DOMAIN}/unsubscribe/{customer['id']}",
            "openTrackingLevel": always("UNKNOWN"),
            "openTrackingUrl": lambda customer: f"https://{DOMAIN}/open-tracking/{customer['id']}",
            "validFormat": key("emailValid"),
        },
        "CustomerPhoneNumber": {
            "phoneNumber": key("phone"),
            "smsMarketingConsent": lambda customer: {
                "collectedFrom": "OTHER" if customer["smsAt"] else None,
                "optInLevel": customer["smsLevel"],
                "state": customer["smsState"],
                "updatedAt": customer["smsAt"],
            },
            "whatsAppMarketingConsent": always(
                {"collectedFrom": None, "optInLevel": None, "state": "NEVER_SUBSCRIBED", "updatedAt": None}
            ),
        },
        "MailingAddress": {
            "id": lambda address: gid("MailingAddress", address["id"]),
            "coordinatesValidated": always(False),
            "formattedArea": lambda address: f"{address['city']}, {address['country']}",
            "name": lambda address: " ".join(filter(None, (address["firstName"], address["lastName"]))) or None,
            **dict.fromkeys(("latitude", "longitude", "timeZone"), always(None)),
        },
        "PageInfo": {
            "hasNextPage": lambda page: page.has_next,
            "hasPreviousPage": lambda page: page.has_previous,
            "startCursor": lambda page: page.cursors[0] if page.cursors else None,
            "endCursor": lambda page: page.cursors[-1] if page.cursors else None,
        },
        "ShopAddress": {"formatted": lambda address: ["Kontor Nord", address["address1"], "20457 Hamburg", "Germany"]},
    }


def shop_document(created: str) -> Document:
    """The fields of ``Shop``."""
    return {
        "id": gid("Shop", SHOP_NUMBER),
        "name": "Kontor Nord",
        "email": "shop@example.com",
        "contactEmail": "shop@example.com",
        "myshopifyDomain": DOMAIN,
        "primaryDomain": {"id": gid("Domain", 1), "host": DOMAIN, "sslEnabled": True, "url": f"https://{DOMAIN}"},
        "url": f"https://{DOMAIN}",
        "currencyCode": CURRENCY,
        "enabledPresentmentCurrencies": ["EUR", "USD", "CHF"],
        "ianaTimezone": "Europe/Berlin",
        "timezoneAbbreviation": "CET",
        "timezoneOffset": "+0100",
        "timezoneOffsetMinutes": 60,
        "shopAddress": {
            "id": gid("ShopAddress", 1),
            "address1": "Am Sandtorkai 1",
            "address2": None,
            "city": "Hamburg",
            "company": "Kontor Nord",
            "country": "Germany",
            "countryCodeV2": "DE",
            "phone": None,
            "province": None,
            "provinceCode": None,
            "zip": "20457",
            "coordinatesValidated": False,
        },
        "shopOwnerName": "Kontor Nord",
        "plan": {"partnerDevelopment": False, "publicDisplayName": "Basic", "shopifyPlus": False},
        "taxesIncluded": True,
        "taxShipping": False,
        "createdAt": LAUNCHED,
        "updatedAt": created.replace("+00:00", "Z"),
        "weightUnit": "GRAMS",
        "unitSystem": "METRIC_SYSTEM",
    }
