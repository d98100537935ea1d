"""Amounts of a shop's currency in the account's: Brevo's orders and products name no currency of their own."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from tajo_pipelines.model.errors import ConfigError

_DIGITS = {"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0}
_DIGITS |= {"UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0}
_DIGITS |= {"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3}


@dataclass(frozen=True, slots=True)
class Exchange:
    """Turns amounts of the shop's currency into the account's.

    Attributes:
        rate: What one unit of the shop's currency is worth; None within one currency.
        unit: The account currency's smallest unit.
    """

    rate: Decimal | None
    unit: Decimal

    def __call__(self, amount: Decimal) -> Decimal:
        """The amount in the account's currency, rounded half to even; unchanged within one currency."""
        if self.rate is None:
            return amount
        return (amount * self.rate).quantize(self.unit, rounding=ROUND_HALF_EVEN)


def exchange(shop: str, account: str, rate: Decimal | None) -> Exchange:
    """How amounts of a shop become the account's.

    Args:
        shop: The shop's currency.
        account: The account's display currency.
        rate: What one unit of the shop's currency is worth in the account's; unused within one currency.

    Raises:
        ConfigError: When the currencies differ and there is no rate.
    """
    if shop == account:
        return Exchange(None, Decimal(1))
    if rate is None:
        message = f"the shop sells in {shop}, the Brevo account shows {account}"
        hint = f"give the rate: brevo.rates.{shop}"
        raise ConfigError(message, code="no_rate", where="brevo.rates", hint=hint)
    return Exchange(rate, Decimal(1).scaleb(-_DIGITS.get(account, 2)))
