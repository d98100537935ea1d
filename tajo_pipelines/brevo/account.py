"""Which account answers, and whether it takes orders."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.model.errors import ConfigError


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


class _Account(msgspec.Struct, rename={"company": "companyName"}):
    organization_id: str
    company: str = ""


class _Currency(msgspec.Struct):
    code: str | None = None


def read_identity(client: BrevoClient) -> AccountIdentity:
    """The account that answers to the key.

    Raises:
        AuthError: When Brevo refuses the key.
    """
    account = client.request("GET", "/account").to(_Account)
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
