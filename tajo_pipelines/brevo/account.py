"""Which account answers, and whether it takes orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import msgspec

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.model.window import utc


@dataclass(frozen=True, slots=True)
class AccountIdentity:
    """One account.

    Attributes:
        id: Organization id and base URL: ``<organization_id>@<host>[:port]/<path>``; all state hangs on it.
        organization_id: Brevo's.
        company: Name of the company, for a person.
    """

    id: str
    organization_id: str
    company: str


@dataclass(frozen=True, slots=True)
class EcommerceStatus:
    """Whether the account takes orders, and in which currency it shows them (ISO 4217)."""

    active: bool
    currency: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What an account has booked.

    Attributes:
        kind: Brevo's word: ``free``, ``subscription``, ``payAsYouGo``, ``sms`` ...
        credits: What is left of it.
        ends: Last day, ISO 8601; None where it has none.
    """

    kind: str
    credits: float
    ends: str | None


@dataclass(frozen=True, slots=True)
class AccountDetails:
    """What an account says of itself.

    Attributes:
        plans: What it has booked.
        answered_at: Brevo's clock, to the second; None where the answer carries no date.
    """

    identity: AccountIdentity
    plans: tuple[Plan, ...]
    answered_at: datetime | None


class _Plan(msgspec.Struct, rename={"kind": "type", "ends": "endDate"}):
    kind: str = ""
    credits: float = 0
    ends: str | None = None


class _Account(msgspec.Struct, rename={"company": "companyName"}):
    organization_id: str
    company: str = ""
    plan: list[_Plan] = []


class _Currency(msgspec.Struct):
    code: str | None = None


def read_identity(client: BrevoClient) -> AccountIdentity:
    """The account that answers to the key.

    Raises:
        AuthError: When Brevo refuses the key.
    """
    return read_details(client).identity


def read_details(client: BrevoClient) -> AccountDetails:
    """The account that answers to the key, with its plans.

    Raises:
        AuthError: When Brevo refuses the key.
    """
    answer = client.request("GET", "/account")
    account = answer.to(_Account)
    plans = tuple(Plan(plan.kind, plan.credits, plan.ends) for plan in account.plan)
    return AccountDetails(_identity(client, account), plans, _time_of(answer.headers.get("date", "")))


def _time_of(date: str) -> datetime | None:
    try:
        return utc(parsedate_to_datetime(date))
    except ValueError:
        return None


def _identity(client: BrevoClient, account: _Account) -> AccountIdentity:
    parts = urlsplit(client.base_url)
    return AccountIdentity(
        id=f"{account.organization_id}@{parts.netloc.lower()}{parts.path}",
        organization_id=account.organization_id,
        company=account.company,
    )


def check_ecommerce(client: BrevoClient) -> EcommerceStatus:
    """Whether eCommerce is active: Brevo answers 403 to the question for the currency where it isn't."""
    answer = client.request("GET", "/ecommerce/config/displayCurrency", accept=(403,))
    if answer.status == 403:
        return EcommerceStatus(active=False, currency=None)
    return EcommerceStatus(active=True, currency=answer.to(_Currency).code or None)


def require_ecommerce(status: EcommerceStatus, currency: str | None) -> str:
    """The account's currency, if the account is ready for orders.

    Args:
        status: What `check_ecommerce` found.
        currency: What the configuration says, None where it says nothing.

    Raises:
        ConfigError: With the click that mends it.
    """
    if not status.active:
        hint = "open eCommerce in Brevo (app.brevo.com/ecommerce) and activate it; Brevo needs about 5 minutes"
        raise ConfigError("eCommerce isn't active in the Brevo account", code="ecommerce_inactive", hint=hint)
    if status.currency is None:
        hint = "open eCommerce in Brevo, then its settings, and choose the display currency"
        raise ConfigError("the Brevo account has no display currency", code="no_currency", hint=hint)
    if currency is not None and status.currency != currency:
        message = f"the Brevo account shows orders in {status.currency}, the configuration says {currency}"
        hint = f"set brevo.currency to {status.currency}, or change the display currency in Brevo's eCommerce settings"
        raise ConfigError(message, code="currency_differs", where="brevo.currency", hint=hint)
    return status.currency


def activate_ecommerce(client: BrevoClient) -> None:
    """Ask Brevo to activate eCommerce: done about 5 minutes later. Only on a person's word."""
    client.request("POST", "/ecommerce/activate")
