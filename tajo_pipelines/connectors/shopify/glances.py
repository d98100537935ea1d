"""A glance at a body: the key of the record that it tells of, without reading the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

import msgspec

from tajo_pipelines.connectors.shopify.records import key_of, token_of

Glance: TypeAlias = Callable[[bytes], str | None]
"""Bytes of a body -> key; None where the body hasn't the documented shape."""

_BROKEN = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)

Id: TypeAlias = int | str | None
ShapeT = TypeVar("ShapeT", bound=msgspec.Struct)


class _Object(msgspec.Struct):
    id: Id = None


class _Customer(msgspec.Struct):
    number: Id = msgspec.field(default=None, name="customer_id")
    gid: Id = msgspec.field(default=None, name="customerId")


class _Merge(msgspec.Struct):
    deleted: Id = msgspec.field(default=None, name="admin_graphql_api_customer_deleted_id")


class _Request(msgspec.Struct):
    customer: _Object | None = None


class _PartOfOrder(msgspec.Struct):
    order_id: Id = None


class _Edit(msgspec.Struct):
    order_edit: _PartOfOrder | None = None


class _Cart(msgspec.Struct):
    token: str | None = None
    id: Id = None


class _Checkout(msgspec.Struct):
    id: Id = None
    name: str | None = None


class _Domain(msgspec.Struct):
    shop_domain: str | None = None


def _glance(shape: type[ShapeT], key: Callable[[ShapeT], str | None]) -> Glance:
    decoder = msgspec.json.Decoder(shape)

    def look(body: bytes) -> str | None:
        try:
            return key(decoder.decode(body))
        except _BROKEN:
            return None

    return look


def checkout_key(number: object, name: object) -> str | None:
    """A checkout's id; of its name, ``#`` and the id, where the body leaves the id out.

    The documented bodies of checkouts/create and checkouts/update have none (https://shopify.dev/docs/api/webhooks/
    latest, read 2026-11-25), those of earlier versions have one.
    """
    return key_of(number) or (key_of(name.removeprefix("#")) if isinstance(name, str) else None)


of_id = _glance(_Object, lambda body: key_of(body.id))
"""Of the object that the body is."""

of_customer = _glance(_Customer, lambda body: key_of(body.number) or key_of(body.gid))
"""Of the customer that the body names, by number or by global id."""

of_merge = _glance(_Merge, lambda body: key_of(body.deleted))
"""Of the customer that goes."""

of_person = _glance(_Request, lambda body: key_of(body.customer.id) if body.customer else None)
"""Of the customer whom a request is about; it may name none."""

of_order = _glance(_PartOfOrder, lambda body: key_of(body.order_id))
"""Of the order that something was done to."""

of_edit = _glance(_Edit, lambda body: key_of(body.order_edit.order_id) if body.order_edit else None)
"""Of the order that was edited."""

of_cart = _glance(_Cart, lambda body: token_of(body.token) or token_of(body.id))
"""Of a cart: its token."""

of_checkout = _glance(_Checkout, lambda body: checkout_key(body.id, body.name))
"""Of a checkout."""

domain = _glance(_Domain, lambda body: body.shop_domain)
"""The shop that a body names."""


def none(body: bytes) -> str | None:
    """Of what tells of no record."""
    del body
    return None
