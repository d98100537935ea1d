"""Orders, one by one and in batches."""

from __future__ import annotations

from typing import Any

from tajo_pipelines.twin.brevo.account import need_active
from tajo_pipelines.twin.brevo.ask import Answer, Ask, Routes
from tajo_pipelines.twin.brevo.errors import invalid, missing
from tajo_pipelines.twin.brevo.shapes import (
    Each,
    Nested,
    check,
    date_time,
    descending,
    flag,
    known_only,
    mapping,
    number,
    since,
    text,
    texts,
    whole,
)
from tajo_pipelines.twin.brevo.state import Account, Contact
from tajo_pipelines.twin.brevo.values import instant, phone_or_none, shown_utc

MOST_ORDERS = 1000
MOST_BYTES = 5_000_000
MOST_META = 20_000
BATCH_SECONDS = 1.0
_PRODUCT = Nested(
    {"price": number, "productId": text, "quantity": number, "variantId": text, "quantityFloat": number},
    ("productId", "price"),
)
_BILLING = (
    "address",
    "city",
    "country",
    "countryCode",
    "paymentMethod",
    "phone",
    "postCode",
    "region",
)
_ORDER = Nested(
    {
        "amount": number,
        "billing": Nested(dict.fromkeys(_BILLING, text)),
        "coupons": texts,
        "createdAt": date_time,
        "id": text,
        "identifiers": Nested(dict.fromkeys(("email_id", "ext_id", "loyalty_subscription_id", "phone_id"), text)),
        "metaInfo": mapping,
        "products": Each(_PRODUCT),
        "status": text,
        "storeId": text,
        "updatedAt": date_time,
    },
    ("id", "createdAt", "updatedAt", "status", "amount", "products"),
)
_BATCH = Nested({"historical": flag, "notifyUrl": text, "orders": Each(_ORDER)}, ("orders",))


def _checked(order: dict[str, Any]) -> dict[str, Any]:
    """An order of the documented shape whose rules in prose hold too.

    Raises:
        ApiError: 400.
    """
    if not order["id"]:
        raise missing("id is missing")
    for product in order["products"]:
        if "quantity" not in product and "quantityFloat" not in product:
            raise missing("quantity is missing")
    if len(str(order.get("metaInfo", ""))) > MOST_META:
        raise invalid("metaInfo is too large")
    return order


def _whose(account: Account, order: dict[str, Any]) -> Contact | None:
    named = order.get("identifiers", {})
    if named.get("ext_id"):
        found = account.by_identifier("EXT_ID", named["ext_id"])
        if found is not None:
            return found
    if named.get("email_id"):
        found = account.by_email(named["email_id"])
        if found is not None:
            return found
    phone = phone_or_none(named.get("phone_id")) if named.get("phone_id") else None
    return account.by_identifier("SMS", phone) if phone else None


def _store(account: Account, order: dict[str, Any], *, historical: bool) -> None:
    """Create or update by id; the later call wins whatever its updatedAt."""
    contact = _whose(account, order)
    old = account.orders.get(order["id"])
    account.orders[order["id"]] = {
        "order": {**order, "coupons": [coupon.lower() for coupon in order.get("coupons", [])]},
        "historical": historical,
        "contact_id": None if contact is None else contact["id"],
        "email": None if contact is None else contact["email"],
        "created": account.clock.seconds() if old is None else old["created"],
        "stored": account.clock.seconds(),
        "writes": 1 if old is None else old["writes"] + 1,
        "live_writes": (0 if old is None else old["live_writes"]) + (not historical),
    }
    if not historical:
        account.count("automation_triggers")


def _status(ask: Ask) -> Answer:
    need_active(ask.account)
    check(ask.body, _ORDER)
    _store(ask.account, _checked(ask.body), historical=False)
    return 204, None


def _status_batch(ask: Ask) -> Answer:
    account, body = ask.account, ask.body
    need_active(account)
    if ask.size > MOST_BYTES:
        raise invalid("Body is larger than 5 MB")
    check(body, _BATCH)
    if not 1 <= len(body["orders"]) <= MOST_ORDERS:
        raise invalid(f"Pass 1 to {MOST_ORDERS} orders")
    for order in body["orders"]:
        _checked(order)
    batch = account.next_number("batch")
    account.batches[str(batch)] = {
        "id": batch,
        "due": account.clock.seconds() + account.clock.scaled(BATCH_SECONDS),
        "historical": body.get("historical", True),
        "orders": body["orders"],
        "count": len(body["orders"]),
        "done": False,
    }
    return 202, {"batchId": batch, "count": len(body["orders"])}


def settle(account: Account) -> None:
    """Store the orders of batches whose time has come."""
    now = account.clock.seconds()
    for key, batch in account.batches.items():
        if batch["done"] or now < batch["due"]:
            continue
        for order in batch["orders"]:
            _store(account, order, historical=batch["historical"])
        batch["done"], batch["orders"] = True, []
        account.batches.touch(key)


def _listed(ask: Ask) -> Answer:
    need_active(ask.account)
    query = ask.query
    known_only(query, ("limit", "offset", "sort", "modifiedSince", "createdSince"))
    limit, offset = whole(query, "limit", 50, 100), whole(query, "offset", 0)
    modified, created = since(query, "modifiedSince"), since(query, "createdSince")
    found = [
        stored
        for stored in ask.account.orders.values()
        if (modified is None or (instant(stored["order"]["updatedAt"]) or 0) > modified)
        and (created is None or (instant(stored["order"]["createdAt"]) or 0) > created)
    ]
    if descending(query):
        found.reverse()
    return 200, {"orders": [_item(stored) for stored in found[offset : offset + limit]], "count": len(found)}


def _item(stored: dict[str, Any]) -> dict[str, Any]:
    order = stored["order"]
    document = {
        "id": order["id"],
        "createdAt": shown_utc(instant(order["createdAt"]) or 0),
        "updatedAt": shown_utc(instant(order["updatedAt"]) or 0),
        "status": order["status"],
        "amount": order["amount"],
        "products": order["products"],
        "coupons": order["coupons"],
        "billing": order.get("billing", {}),
        "identifiers": order.get("identifiers", {}),
        "metaInfo": order.get("metaInfo", {}),
        "storeId": order.get("storeId", ""),
    }
    if stored["contact_id"] is not None:
        document |= {"contact_id": stored["contact_id"], "email": stored["email"]}
    return document


ROUTES: Routes = [
    ("POST", "/orders/status", _status),
    ("POST", "/orders/status/batch", _status_batch),
    ("GET", "/orders", _listed),
]
