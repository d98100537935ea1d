"""The numbers of one stream in one run, and the balance that they must keep."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal

from tajo_pipelines.model.errors import ContractError


@dataclass(slots=True)
class MoneySums:
    """Sums of one currency."""

    gross: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    net: Decimal = Decimal(0)


@dataclass(slots=True)
class StreamReport:
    """Counts of records of one stream in one run.

    ``read = mapped + skipped + rejected`` and ``mapped = sent + unchanged + superseded + in_doubt + failed``.

    Attributes:
        skipped: By reason, without fault: ``no_identifier``, ``test_order``, ``history`` ...
        rejected: By reason; each is a letter.
        deleted: Deletions carried out; stands outside the balance.
        money: Per currency, of the orders that were mapped.
        skipped_money: Per currency, of orders skipped for want of an identifier.
        sent_keys: Keys of the records that were sent, with their own times, since somebody emptied it; None where
            nobody wants to know.
    """

    read: int = 0
    mapped: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    unchanged: int = 0
    superseded: int = 0
    in_doubt: int = 0
    failed: int = 0
    deleted: int = 0
    money: dict[str, MoneySums] = field(default_factory=dict)
    skipped_money: dict[str, MoneySums] = field(default_factory=dict)
    sent_keys: dict[str, datetime] | None = field(default=None, repr=False, compare=False)

    def note_sent(self, key: str, at: datetime) -> None:
        """Tell of a record that was sent, beside counting it."""
        if self.sent_keys is not None:
            self.sent_keys[key] = at

    def take_back(self, before: StreamReport) -> None:
        """Say again what was said before: what failed in between is counted when it is tried again."""
        for each in fields(self):
            setattr(self, each.name, getattr(before, each.name))

    def check(self) -> None:
        """Enforce the balance.

        Raises:
            ContractError: ``unbalanced`` when records went missing in the count, with all numbers.
        """
        entered = self.mapped + self.skipped.total() + self.rejected.total()
        left = self.sent + self.unchanged + self.superseded + self.in_doubt + self.failed
        if self.read != entered or self.mapped != left:
            message = f"the numbers don't balance: {self}"
            raise ContractError(message, code="unbalanced")
