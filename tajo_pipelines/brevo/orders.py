"""Orders: the document that Brevo gets, and batches of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from tajo_pipelines.brevo.answers import encode
from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.exchange import Exchange, exchange
from tajo_pipelines.brevo.refusals import BrevoRefusal
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.letter import VendorAnswer
from tajo_pipelines.model.order import Address, Order, OrderLine
from tajo_pipelines.model.window import utc

MAX_ORDERS = 1000
"""Most orders in a batch (developers.brevo.com/docs/import-your-orders)."""

MAX_BYTES = 4_500_000
"""Size of a batch, below the documented 5 MB."""

BILLING_FIELDS = ("address", "city", "countryCode", "country", "postCode", "region", "phone", "paymentMethod")
"""Everything that an order says of its buyer's address."""

_TOO_LARGE = 413
_ALL_BAD = 8
_ENVELOPE = 100


@dataclass(slots=True)
class SentOrders:
    """What became of a call to `send_orders`.

    Attributes:
        batches: Brevo's batch ids.
        accepted: Ids of the orders in them.
        refused: Orders that Brevo refuses, with its words.
    """

    batches: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    refused: list[tuple[str, VendorAnswer]] = field(default_factory=list)


class _Taken(msgspec.Struct, rename="camel"):
    batch_id: int | float | str


def order_document(
    order: Order, *, email: str | None, phone: str | None, rate: Decimal | None, currency: str
) -> dict[str, Any]:
    """The order as POST /orders/status and its batch take it.

    ``amount`` and prices are in the account's currency: Decimal, which goes out as an exact JSON number. ``metaInfo``
    keeps what the shop said, amounts as texts. A line without product is named ``line:<sku or title>``, so that the
    same line has the same id every time; lines of no units are left out.

    Args:
        order: The order.
        email: Normal address of its contact.
        phone: Its number in E.164; used where there is no address.
        rate: What one unit of the shop's currency is worth in the account's; unused within one currency.
        currency: The account's display currency.

    Raises:
        RejectedRecord: ``no_identifier`` without address and number.
        ConfigError: When the currencies differ and there is no rate.
    """
    if not email and not phone:
        raise RejectedRecord("no_identifier", "the order has neither e-mail address nor phone number")
    identifiers = {"email_id": email} if email else {"phone_id": phone}
    billing = _billing(order.billing, order.payment_method)
    return _document(order, exchange(order.currency, currency, rate), identifiers, billing)


def order_without_buyer(order: Order, *, rate: Decimal | None, currency: str) -> dict[str, Any]:
    """The same order naming nobody: without identifiers, each field of the billing address empty.

    An order is known by its id, so this replaces what was sent before; no call deletes one
    (developers.brevo.com, reference of POST /orders/status).

    Raises:
        ConfigError: When the currencies differ and there is no rate.
    """
    billing = dict.fromkeys(BILLING_FIELDS, "")
    return _document(order, exchange(order.currency, currency, rate), {}, billing)


def _document(
    order: Order, told: Exchange, identifiers: Mapping[str, str | None], billing: Mapping[str, str]
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": order.id,
        "createdAt": _milliseconds(order.created_at),
        "updatedAt": _milliseconds(order.updated_at),
        "status": order.status,
        "amount": told(order.net),
        "storeId": order.store,
        "identifiers": identifiers,
        "coupons": list(order.coupons),
        "billing": billing,
        "products": [_product(line, told) for line in order.lines if line.quantity > 0],
        "metaInfo": _meta(order, told),
    }
    return {name: value for name, value in document.items() if name == "products" or value not in (None, [], {})}


def _billing(address: Address | None, payment_method: str | None) -> dict[str, str]:
    if address is None:
        return {"paymentMethod": payment_method} if payment_method else {}
    street = ", ".join(part for part in (address.address1, address.address2) if part)
    fields = {
        "address": street,
        "city": address.city,
        "countryCode": address.country_code,
        "country": address.country,
        "postCode": address.zip,
        "region": address.province,
        "phone": address.phone,
        "paymentMethod": payment_method,
    }
    return {name: value for name, value in fields.items() if value}


def _product(line: OrderLine, told: Exchange) -> dict[str, Any]:
    product: dict[str, Any] = {
        "productId": line.product_id or f"line:{line.sku or _slug(line.title)}",
        "quantity": line.quantity,
        "price": told(line.unit_price),
    }
    if line.variant_id:
        product["variantId"] = line.variant_id
    return product


def _slug(title: str) -> str:
    """A title as an id: lower case, words joined by hyphens, letters of every script kept."""
    plain = unicodedata.normalize("NFKC", title).casefold()
    return re.sub(r"[\W_]+", "-", plain).strip("-")[:80] or "untitled"


def _meta(order: Order, told: Exchange) -> dict[str, Any]:
    """What the shop said, in its own currency; amounts as texts, which every version of Brevo's models takes."""
    fields: dict[str, str | Decimal | bool | None] = {
        "gross": order.gross,
        "refunded": order.refunded,
        "tax": order.tax,
        "shipping": order.shipping,
        "discount": order.discount,
        "currency": order.currency,
        "presentment_amount": order.presentment_gross,
        "presentment_currency": order.presentment_currency,
        "name": order.name,
        "fulfillment_status": order.fulfillment_status,
        "rate": told.rate,
        "test": True if order.test else None,
    }
    return {
        name: format(value, "f") if isinstance(value, Decimal) else value
        for name, value in fields.items()
        if value is not None
    }


def _milliseconds(moment: datetime) -> str:
    return utc(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def group_orders(documents: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Documents in groups that a batch may hold, in their order."""
    group: list[Mapping[str, Any]] = []
    size = _ENVELOPE
    for document in documents:
        length = len(encode(document)) + 1
        if group and (len(group) >= MAX_ORDERS or size + length > MAX_BYTES):
            yield group
            group, size = [], _ENVELOPE
        group.append(document)
        size += length
    if group:
        yield group


def send_orders(client: BrevoClient, documents: Sequence[Mapping[str, Any]], *, historical: bool) -> SentOrders:
    """Send orders by batches. An order is known by its id, so a batch is repeated when in doubt.

    Args:
        client: The client.
        documents: From `order_document`, oldest first.
        historical: True: no automation starts. False: they start as usual.

    Raises:
        BrevoRefusal: When Brevo takes no order of a batch at all.
    """
    sent = SentOrders()
    for group in group_orders(documents):
        told = SentOrders()
        _send_group(client, group, historical, told)
        sent.batches += told.batches
        sent.accepted += told.accepted
        sent.refused += told.refused
    return sent


def _send_group(client: BrevoClient, group: Sequence[Mapping[str, Any]], historical: bool, told: SentOrders) -> None:
    """One batch; one that is refused is halved until the order at fault stands alone."""
    body = {"orders": group, "historical": historical}
    try:
        answer = client.request("POST", "/orders/status/batch", body=body)
    except BrevoRefusal as error:
        # Where nothing at all is taken, no single order is at fault, and batches are 100 an hour.
        if error.status not in {400, 422, _TOO_LARGE} or (not told.accepted and len(told.refused) >= _ALL_BAD):
            raise
        if len(group) == 1:
            told.refused.append((str(group[0]["id"]), error.vendor))
            return
        middle = len(group) // 2
        _send_group(client, group[:middle], historical, told)
        _send_group(client, group[middle:], historical, told)
        return
    told.batches.append(str(answer.to(_Taken).batch_id))
    told.accepted += [str(document["id"]) for document in group]
