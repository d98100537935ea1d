"""Bodies that tell of customers: thin since 2025-01, with consent, tags and totals in topics of their own."""

from __future__ import annotations

from collections.abc import Sequence

from tajo_pipelines.twin.shopify import pricing
from tajo_pipelines.twin.shopify.facts import CURRENCY
from tajo_pipelines.twin.shopify.people import Address
from tajo_pipelines.twin.shopify.shop import Shop
from tajo_pipelines.twin.shopify.views import DOMAIN, SHOP_NUMBER, gid
from tajo_pipelines.twin.shopify.webhooks.rest import Body, Document, full_name, local, millis


def customer(document: Document, *, embedded: bool = False) -> Body:
    """A customer without consent, tags and totals; ``embedded`` in an order or a checkout without its addresses."""
    body: Body = {
        "id": document["id"],
        "created_at": local(document["createdAt"]),
        "updated_at": local(document["updatedAt"]),
        "first_name": document["firstName"],
        "last_name": document["lastName"],
        "state": document["state"].lower(),
        "note": document["note"],
        "verified_email": document["verifiedEmail"],
        "multipass_identifier": None,
        "tax_exempt": document["taxExempt"],
        "email": document["email"],
        "phone": document["phone"],
        "currency": CURRENCY,
        "tax_exemptions": [],
        "admin_graphql_api_id": gid("Customer", document["id"]),
    }
    addresses = [_address(document, each, first=place == 0) for place, each in enumerate(document["addresses"])]
    if not embedded:
        body["addresses"] = addresses
    if addresses:
        body["default_address"] = addresses[0]
    return body


def deleted(document: Document) -> Body:
    """What is left of a deleted customer."""
    return {"id": document["id"], "tax_exemptions": [], "admin_graphql_api_id": gid("Customer", document["id"])}


def email_consent(document: Document) -> Body:
    """Consent to e-mail; it says ``customer_id``."""
    return {
        "customer_id": document["id"],
        "email_address": document["email"],
        "email_marketing_consent": {
            "state": _low(document["emailState"]),
            "opt_in_level": _low(document["emailLevel"]),
            "consent_updated_at": local(document["emailAt"]),
        },
    }


def sms_consent(document: Document) -> Body:
    """Consent to SMS; it says ``id``."""
    return {
        "id": document["id"],
        "phone": document["phone"],
        "sms_marketing_consent": {
            "state": _low(document["smsState"]),
            "opt_in_level": _low(document["smsLevel"]),
            "consent_updated_at": local(document["smsAt"]),
            "consent_collected_from": "other",
        },
    }


def tags(document: Document, changed: Sequence[str]) -> Body:
    """Tags that were added or removed, those alone."""
    return {
        "customerId": gid("Customer", document["id"]),
        "tags": list(changed),
        "occurredAt": millis(document["updatedAt"]),
    }


def purchasing_summary(shop: Shop, number: int) -> Body:
    """What a customer has bought until now."""
    bought = shop.orders_of(number)
    return {
        "customerId": gid("Customer", number),
        "numberOfOrders": shop.number_of_orders(number),
        "amountSpent": {"amount": pricing.text(shop.spent(number)), "currencyCode": CURRENCY},
        "lastOrderId": gid("Order", bought[-1]["id"]) if bought else None,
        "occurredAt": millis(shop.now()),
    }


def merged(kept: Document, gone: Document) -> Body:
    """Two customers became one."""
    return {
        "admin_graphql_api_customer_kept_id": gid("Customer", kept["id"]),
        "admin_graphql_api_customer_deleted_id": gid("Customer", gone["id"]),
        "admin_graphql_api_job_id": None,
        "status": "completed",
        "errors": [],
    }


def of_shop() -> Body:
    """The shop itself, as compliance topics name it."""
    return {"shop_id": SHOP_NUMBER, "shop_domain": DOMAIN}


def privacy(document: Document, *, only_email: bool) -> Body:
    """Whom a compliance topic is about; some are known by an e-mail alone."""
    person = {"email": document["email"]}
    if not only_email:
        person = {"id": document["id"], **person, "phone": document["phone"]}
    return {**of_shop(), "customer": person}


def bulk_finished(operation: Document) -> Body:
    """A bulk operation has ended."""
    code = operation["errorCode"]
    return {
        "admin_graphql_api_id": gid("BulkOperation", operation["id"]),
        "completed_at": local(operation["completedAt"]),
        "created_at": local(operation["createdAt"]),
        "error_code": None if code is None else code.lower(),
        "status": operation["status"].lower(),
        "type": "query",
    }


def _low(word: str | None) -> str | None:
    """A word as REST writes it."""
    return None if word is None else word.lower()


def _address(document: Document, address: Address, *, first: bool) -> Body:
    return {
        "id": address["id"],
        "customer_id": document["id"],
        "first_name": address["firstName"],
        "last_name": address["lastName"],
        "company": address["company"],
        "address1": address["address1"],
        "address2": address["address2"],
        "city": address["city"],
        "province": address["province"],
        "country": address["country"],
        "zip": address["zip"],
        "phone": address["phone"],
        "name": full_name(address["firstName"], address["lastName"]),
        "province_code": address["provinceCode"],
        "country_code": address["countryCodeV2"],
        "country_name": address["country"],
        "default": first,
    }
