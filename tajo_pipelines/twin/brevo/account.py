"""The account itself, and whether its e-commerce part is active."""

from __future__ import annotations

import re

from tajo_pipelines.twin.brevo.ask import Answer, Ask, Routes
from tajo_pipelines.twin.brevo.errors import ApiError
from tajo_pipelines.twin.brevo.shapes import Nested, check, text
from tajo_pipelines.twin.brevo.state import Account

ACTIVATION_SECONDS = 300.0
_CURRENCY = Nested({"code": text}, ("code",))
_CODE = re.compile(r"[A-Z]{3}")
_UNKNOWN_CODES = {"XXX", "XTS", "ZZZ", "AAA"}


def _account(ask: Ask) -> Answer:
    return 200, {
        "organization_id": ask.account.organization,
        "user_id": 4711,
        "enterprise": ask.account.limits.tier == "extended",
        "companyName": "Twin Company",
        "email": "owner@example.com",
        "firstName": "Olga",
        "lastName": "Owner",
        "address": {
            "city": "Paris",
            "country": "France",
            "street": "106 boulevard Haussmann",
            "zipCode": "75008",
        },
        "dateTimePreferences": {"timezone": "Europe/Paris", "timeFormat": "24h", "dateFormat": "dd-mm-yyyy"},
        "marketingAutomation": {"enabled": True, "key": "twin-automation"},
        "plan": [
            {
                "type": "subscription",
                "credits": 20000,
                "creditsType": "sendLimit",
                "startDate": "2026-11-01",
                "endDate": "2026-12-01",
            },
            {"type": "sms", "credits": 0, "creditsType": "sendLimit"},
        ],
        "planVerticals": [
            {
                "planCategory": "Marketing",
                "planType": "Professional",
                "name": "Professional",
                "status": "active",
                "startDate": "2026-11-01",
                "endDate": "2026-12-01",
                "users": {"purchasedSeats": "3", "usedSeats": "1"},
                "credits": "20000",
            }
        ],
        "relay": {
            "enabled": True,
            "data": {"userName": "owner@example.com", "relay": "smtp-relay.brevo.com", "port": 587},
        },
    }


def is_active(account: Account) -> bool:
    """Whether e-commerce was activated long enough ago."""
    ready = account.numbers.get("ecommerce_ready_at")
    return ready is not None and account.clock.seconds() >= ready


def need_active(account: Account) -> None:
    """Refuse a call to an account whose e-commerce part isn't active.

    Raises:
        ApiError: 403.
    """
    if not is_active(account):
        raise ApiError(403, "permission_denied", "Ecommerce is not activated for this account")


def _activate(ask: Ask) -> Answer:
    """Active after about five minutes, as developers.brevo.com/docs/add-the-ecommerce-app says."""
    account = ask.account
    if "ecommerce_ready_at" not in account.numbers:
        account.numbers["ecommerce_ready_at"] = account.clock.seconds() + account.clock.scaled(ACTIVATION_SECONDS)
    return 200, None


def _get_currency(ask: Ask) -> Answer:
    need_active(ask.account)
    return 200, {"code": ask.account.numbers.get("currency") or "USD"}


def _set_currency(ask: Ask) -> Answer:
    need_active(ask.account)
    check(ask.body, _CURRENCY)
    code = ask.body["code"]
    if not _CODE.fullmatch(code) or code in _UNKNOWN_CODES:
        raise ApiError(422, "unprocessable_entity", "Currency code is not valid")
    ask.account.numbers["currency"] = code
    return 200, {"code": code}


ROUTES: Routes = [
    ("GET", "/account", _account),
    ("POST", "/ecommerce/activate", _activate),
    ("GET", "/ecommerce/config/displayCurrency", _get_currency),
    ("POST", "/ecommerce/config/displayCurrency", _set_currency),
]
