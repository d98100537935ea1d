"""What the bodies of Shopify's webhooks tell. Three conventions live side by side, topic by topic.

REST's snake case with a number as ``id``; camel case with global ids (``customerId``, ``occurredAt``); and
``admin_graphql_api_…_id`` (https://shopify.dev/docs/api/webhooks/latest, sample payloads, read 2026-11-25).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from tajo_pipelines.connectors.shopify.glances import checkout_key
from tajo_pipelines.connectors.shopify.records import key_of, token_of
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.window import parse_time
from tajo_pipelines.sdk.connector import Deleted
from tajo_pipelines.sdk.webhooks import (
    Carried,
    CartClosed,
    DataAsked,
    Envelope,
    ErasureAsked,
    Gone,
    Nothing,
    Person,
    SourceErased,
    Tidings,
    Touched,
)

Body: TypeAlias = Mapping[str, Any]
Reader: TypeAlias = Callable[[Body, Envelope, datetime], Sequence[Tidings]]

CUSTOMERS, ORDERS, PRODUCTS, CARTS = "customers", "orders", "products", "carts"

CART_KEYS = ("checkout_id", "cart_token", "checkout_token")
"""What an order names its cart by; each may be null: an order of the admin or of the point of sale has had none."""


def touched(stream: str, name: str, at: str = "updated_at") -> Reader:
    """A record was made or changed.

    Args:
        stream: Its stream.
        name: Field that holds its id.
        at: Field that holds the time of the change, where there is one.
    """

    def read(body: Body, envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
        del received_at
        return (Touched(stream, _key(body, name), _time(body, at) or envelope.source_at),)

    return read


def gone(stream: str) -> Reader:
    """A record was deleted; its body is the id, or little more."""

    def read(body: Body, envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
        return (Gone(stream, Deleted(_key(body, "id"), envelope.source_at or received_at)),)

    return read


def merge(body: Body, envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
    """Two customers are being made one: only ``completed`` means that it was done."""
    status = body.get("status")
    if status != "completed":
        return (Nothing(f"the merge is {status if isinstance(status, str) else 'without status'}"),)
    kept = _key(body, "admin_graphql_api_customer_kept_id")
    deleted = _key(body, "admin_graphql_api_customer_deleted_id")
    at = envelope.source_at or received_at
    return (Gone(CUSTOMERS, Deleted(deleted, at, merged_into=kept)), Touched(CUSTOMERS, kept, at))


def order(body: Body, envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
    """An order was made or changed, and so its cart is one no more."""
    key = _key(body, "id")
    changed = _time(body, "updated_at") or envelope.source_at
    tokens = (key_of(body.get("checkout_id")), *(token_of(body.get(name)) for name in CART_KEYS[1:]))
    keys = tuple(dict.fromkeys(token for token in tokens if token is not None))
    made = Touched(ORDERS, key, changed)
    if not keys:
        return (made,)
    return (made, CartClosed(keys, key, _time(body, "created_at") or changed or received_at))


def order_edit(body: Body, envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
    """An order was edited: the body is the edit."""
    del received_at
    edit = _object(body, "order_edit")
    return (Touched(ORDERS, _key(edit, "order_id"), _time(edit, "committed_at") or envelope.source_at),)


def cart(body: Body, envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
    """An online store's cart as it is now. It knows neither customer nor e-mail: its token leads to the checkout."""
    token = token_of(body.get("token")) or token_of(body.get("id"))
    if token is None:
        raise _malformed("token")
    return (Carried(_record(token, body, envelope, received_at)),)


def checkout(body: Body, envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
    """A checkout as it is now, with whom it belongs to as far as it is known."""
    return (Carried(_record(_checkout(body), body, envelope, received_at)),)


def checkout_gone(body: Body, envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
    """A checkout was deleted."""
    return (Gone(CARTS, Deleted(_checkout(body), envelope.source_at or received_at)),)


def nothing(reason: str) -> Reader:
    """A topic that asks for nothing."""

    def read(body: Body, envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
        del body, envelope, received_at
        return (Nothing(reason),)

    return read


def redact(body: Body, envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
    """A person is to be erased."""
    del envelope, received_at
    if "data_request" in body:
        # The topic isn't signed: whoever asked what is kept of them mustn't be erased for it.
        raise _malformed("data_request")
    return (ErasureAsked(_person(body, "orders_to_redact")),)


def data_request(body: Body, envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
    """A person asks what is kept of them."""
    del envelope, received_at
    return (DataAsked(_person(body, "orders_requested")),)


def shop_redact(body: Body, envelope: Envelope, received_at: datetime) -> Sequence[Tidings]:
    """The shop has uninstalled the app two days ago: everything of it is to be erased."""
    del envelope, received_at
    if "customer" in body:
        # The topic isn't signed: one person's request mustn't take the whole shop along.
        raise _malformed("customer")
    return (SourceErased(_domain(body)),)


def _person(body: Body, orders: str) -> Person:
    _domain(body)
    customer = _object(body, "customer")
    key, email, phone = key_of(customer.get("id")), _text(customer, "email"), _text(customer, "phone")
    if key is None and email is None and phone is None:
        # One of them is enough: who only ever gave an address has no number.
        raise _malformed("customer")
    listed = body.get(orders) or []
    keys = [key_of(each) for each in listed] if isinstance(listed, list) else [None]
    named = tuple(each for each in keys if each is not None)
    if len(named) < len(keys):
        raise _malformed(orders)
    request = body.get("data_request")
    number = key_of(request.get("id")) if isinstance(request, dict) else None
    return Person(key, email, phone, named, number)


def _domain(body: Body) -> str:
    domain = _text(body, "shop_domain")
    if domain is None:
        raise _malformed("shop_domain")
    return domain.lower()


def _record(key: str, body: Body, envelope: Envelope, received_at: datetime) -> Record:
    changed = _time(body, "updated_at") or envelope.source_at or received_at
    return Record(CARTS, key, changed, received_at, body)


def _checkout(body: Body) -> str:
    key = checkout_key(body.get("id"), body.get("name"))
    if key is None:
        raise _malformed("id")
    return key


def _key(body: Body, name: str) -> str:
    key = key_of(body.get(name))
    if key is None:
        raise _malformed(name)
    return key


def _object(body: Body, name: str) -> Body:
    found = body.get(name)
    if not isinstance(found, dict):
        raise _malformed(name)
    return found


def _text(body: Body, name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise _malformed(name)
    return (value or "").strip() or None


def _time(body: Body, name: str) -> datetime | None:
    value = body.get(name)
    if value is None:
        return None
    try:
        return parse_time(value if isinstance(value, str) else "")
    except ValueError as error:
        raise _malformed(name) from error


def _malformed(name: str) -> RejectedRecord:
    message = f"{name} isn't as documented"
    return RejectedRecord("malformed", message, field=name)
