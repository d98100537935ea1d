"""Money: an exact amount together with its currency."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in one currency (ISO 4217, three capitals).

    Adding amounts of two currencies raises: there is no such sum.
    """

    amount: Decimal
    currency: str

    @classmethod
    def parse(cls, amount: object, currency: str) -> Money:
        """Money from a vendor's decimal string, integer or Decimal.

        Raises:
            TypeError: When the amount is a float, or nothing that has an amount.
            ValueError: When the amount isn't a finite decimal, or the currency isn't three capitals.
        """
        if isinstance(amount, bool | float) or not isinstance(amount, str | int | Decimal):
            message = f"money needs a decimal text, not {type(amount).__name__}"
            raise TypeError(message)
        try:
            value = Decimal(amount)
        except InvalidOperation as error:
            message = f"not a decimal amount: {amount!r}"
            raise ValueError(message) from error
        if not value.is_finite() or not (len(currency) == 3 and currency.isascii() and currency.isupper()):
            message = f"not an amount of money: {amount!r} {currency!r}"
            raise ValueError(message)
        return cls(value, currency)

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            message = f"{self.currency} and {other.currency} have no sum"
            raise ValueError(message)

    def __add__(self, other: Money) -> Money:
        """Sum within one currency."""
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        """Difference within one currency."""
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def floored(self) -> Money:
        """The same, or zero where it is negative."""
        return self if self.amount >= 0 else Money(Decimal(0), self.currency)

    @property
    def text(self) -> str:
        """The plain decimal text, without exponent."""
        return format(self.amount, "f")
