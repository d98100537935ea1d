"""What the rules of consent ask for, written down a second time and in another way: from words as they were given.

Where the rules depend on what could be known, as on the date of an objection that only a reading found, the oracle
says "unclear", and nothing is asserted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from tajo_pipelines.model.consent import Channel, Fact, State

BREVO, SOMEBODY = "brevo", "?"
FIVE, CLOCKS = timedelta(minutes=5), timedelta(minutes=5)
"""The rule's tolerance, and how far the three clocks of a test may stand apart in sum."""

Address = tuple[str, Channel]


class Sure(IntEnum):
    NO = 0
    MAYBE = 1
    YES = 2


class Verdict(StrEnum):
    GRANTED = "granted"
    DENIED = "denied"
    UNKNOWN = "unknown"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Yes:
    source: str
    at: datetime | None
    confirmed: bool = False
    sure: bool = True


@dataclass(frozen=True)
class No:
    """``latest`` is the latest date that it can be given.

    ``carried``: since when Brevo was read holding a block for it; ``held``: since when it may have been.
    ``hidden``: said by somebody who was blocked already, so that the contact's statistics alone tell of it.
    """

    source: str
    at: datetime
    latest: datetime
    never: bool = False
    sure: bool = True
    hidden: bool = False
    carried: datetime | None = None
    held: datetime | None = None

    @property
    def said(self) -> No:
        return replace(self, carried=None, held=None)


def lifts(yes: Yes, no: No) -> Sure:
    if yes.at is None:
        return Sure.NO
    if no.never:
        return Sure.MAYBE if yes.source == BREVO else Sure.NO
    if no.source == SOMEBODY:
        return Sure.MAYBE if yes.at + CLOCKS > no.at else Sure.NO
    found = _by_its_source(yes, no)
    if yes.confirmed:
        if yes.at - FIVE - CLOCKS > no.latest:
            found = max(found, Sure.YES if yes.sure else Sure.MAYBE)
        elif yes.at - FIVE + CLOCKS > no.at:
            found = max(found, Sure.MAYBE)
    return found


def _by_its_source(yes: Yes, no: No) -> Sure:
    assert yes.at is not None
    if yes.source == no.source == BREVO:
        return Sure.YES if yes.at > no.latest else Sure.MAYBE if yes.at > no.at else Sure.NO
    if yes.source == no.source:
        return Sure.YES if yes.at > no.at else Sure.NO
    if yes.source == BREVO and no.carried is not None and yes.at > no.carried:
        return Sure.YES
    may_be_held = yes.source == BREVO and no.held is not None and yes.at > no.held
    return Sure.MAYBE if may_be_held else Sure.NO


class Oracle:
    """All words, by address."""

    def __init__(self) -> None:
        self.yeses: dict[Address, set[Yes]] = defaultdict(set)
        self.noes: dict[Address, set[No]] = defaultdict(set)

    def verdict(self, address: Address, source: str | None = None) -> Verdict:
        yeses = [yes for yes in self.yeses[address] if source in (None, yes.source)]
        noes = [no for no in self.noes[address] if source in (None, no.source)]
        found = [(no, self._lifted(no, yeses)) for no in noes]
        if any(sure is Sure.NO and no.sure for no, sure in found):
            return Verdict.DENIED
        if any(sure is not Sure.YES for _, sure in found):
            return Verdict.UNCLEAR
        if any(yes.sure for yes in yeses):
            return Verdict.GRANTED
        return Verdict.UNCLEAR if yeses else Verdict.UNKNOWN

    def _lifted(self, no: No, yeses: Iterable[Yes]) -> Sure:
        return max((lifts(yes, no) for yes in yeses), default=Sure.NO)

    def hear(self, facts: Iterable[Fact]) -> None:
        """What a record says."""
        for fact in facts:
            address = (fact.address, fact.channel)
            if fact.state is State.GRANTED:
                self.yeses[address].add(Yes(fact.source, fact.at, fact.confirmed))
            elif fact.at is not None and not (fact.at == fact.recorded_at and self._said(address, fact.source)):
                vague = [no for no in self.noes[address] if no.source == SOMEBODY]
                if any(no.at == fact.at for no in vague):
                    continue  # the same no, known from before a store was lost
                said = No(fact.source, fact.at, fact.at, sure=not (vague and fact.at == fact.recorded_at))
                if not any(no.said == said for no in self.noes[address]):
                    self.noes[address].add(said)

    def _said(self, address: Address, source: str) -> bool:
        """Whether the source's last word is a no already: one that is read again isn't a new one."""
        noes = [no.at for no in self.noes[address] if no.source == source]
        yeses = [yes.at for yes in self.yeses[address] if yes.source == source and yes.at is not None]
        return bool(noes) and max(noes) >= max(yeses, default=max(noes))

    def move(self, old: Address, new: Address, *, sure: bool) -> None:
        """A person changed an address: what stands against the old one stands against the new one."""
        for no in list(self.noes[old]):
            lifted = self._lifted(no, self.yeses[old])
            if lifted is not Sure.YES:
                self.noes[new].add(replace(no, sure=no.sure and sure and lifted is Sure.NO and not no.hidden))

    def lose_statistics(self, email: str) -> None:
        """The contact with this address is gone, or has another address."""
        address = (email, Channel.EMAIL)
        self.noes[address] = {replace(no, sure=no.sure and not no.hidden) for no in self.noes[address]}

    def carry(self, address: Address, now: datetime, *, sure: bool) -> None:
        """Brevo was read holding a block on the address; unless sure, it held one and may have been read."""
        heard = [yes.at for yes in self.yeses[address] if yes.source == BREVO and yes.at is not None]
        for no in list(self.noes[address]):
            if no.source == BREVO or no.carried is not None:
                continue
            self.noes[address].remove(no)
            if sure and not any(at >= no.at - CLOCKS for at in heard):
                self.noes[address].add(replace(no, carried=now))
            else:
                self.noes[address].add(replace(no, held=no.held or now))

    def forget(self, kept: set[Address]) -> None:
        """The store is lost: objections are known by blocks at Brevo alone, their dates and sources are vague."""
        self.yeses.clear()
        for address, noes in list(self.noes.items()):
            if address in kept:
                self.noes[address] = {no if no.never else replace(no.said, source=SOMEBODY) for no in noes}
            else:
                del self.noes[address]
