"""From a customer's record to what Brevo may be told of the person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tajo_pipelines.brevo.attributes import AttributePlan, fit
from tajo_pipelines.brevo.contact_change import ContactChange
from tajo_pipelines.mapping.engine import CompiledMapping
from tajo_pipelines.model.consent import Channel, Fact, Signal, signal_to_fact
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.identity import held_email, normal_email, normal_phone
from tajo_pipelines.model.letter import Letter, LetterKind
from tajo_pipelines.model.order import Order


class NoIdentifier(Exception):
    """A record that names nobody: neither address nor number."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Which record is being mapped."""

    connection: str
    stream: str
    key: str
    source_time: datetime
    read_at: datetime

    def letter(self, problem: RejectedRecord, kind: LetterKind = LetterKind.FIELD) -> Letter:
        """A letter for a problem of this record."""
        return Letter(
            connection=self.connection,
            stream=self.stream,
            key=self.key,
            kind=kind,
            field=problem.field,
            reason=problem.reason,
            message=problem.message,
        )


@dataclass(frozen=True, slots=True)
class ContactMapper:
    """Maps the people of one connection.

    Attributes:
        mapping: The compiled field mapping.
        attributes: What the account takes.
        region: Region of phones without country code.
        confirmed_only: Whether a single opt-in is no yes.
    """

    mapping: CompiledMapping
    attributes: AttributePlan
    region: str | None
    confirmed_only: bool

    def customer(self, customer: Customer, raw: Mapping[str, Any], origin: Origin) -> ContactChange:
        """What a customer's record says.

        Raises:
            NoIdentifier: It names nobody.
            RejectedRecord: All that would identify the person is invalid.
        """
        email, phone, letters = self._identify(customer.email, customer.phone, customer.country_code, origin)
        values, cleared, unfit = self._attributes(customer, raw, origin)
        return ContactChange(
            connection=origin.connection,
            stream=origin.stream,
            key=origin.key,
            email=email,
            phone=phone,
            attributes=values,
            cleared=cleared,
            facts=tuple(self._facts(customer.consent, email, phone, origin)),
            source_time=origin.source_time,
            primary=True,
            letters=(*letters, *unfit),
        )

    def buyer(self, order: Order, origin: Origin, contact_key: str | None) -> ContactChange:
        """What an order says of its buyer.

        Args:
            order: The order.
            origin: Which record it is.
            contact_key: The contact of the order's customer, where that is known: the order's own address may be old.

        Raises:
            NoIdentifier: It names nobody.
            RejectedRecord: All that would identify the buyer is invalid.
        """
        address = order.billing or order.shipping_address
        person = buyer_of(order)
        if contact_key is not None:
            email, phone = (contact_key, None) if "@" in contact_key else (None, contact_key)
            letters: tuple[Letter, ...] = ()
        else:
            country = address.country_code if address else None
            email, phone, letters = self._identify(order.email, order.phone, country, origin)
        own = _same_address(order.email, email)
        values, _, unfit = self._attributes(person, {}, origin)
        return ContactChange(
            connection=origin.connection,
            stream=origin.stream,
            key=origin.key,
            email=email,
            phone=phone,
            attributes=values,
            cleared=(),
            facts=tuple(self._facts(order.consent, email if own else None, phone, origin)),
            source_time=origin.source_time,
            primary=False,
            letters=(*letters, *unfit),
        )

    def _identify(
        self, email: str | None, phone: str | None, country: str | None, origin: Origin
    ) -> tuple[str | None, str | None, tuple[Letter, ...]]:
        problems: list[RejectedRecord] = []

        def tried(normal: Callable[[], str]) -> str | None:
            try:
                return normal()
            except RejectedRecord as problem:
                problems.append(problem)
                return None

        address = tried(lambda: normal_email(email)) if email else None
        number = tried(lambda: normal_phone(phone, country or self.region)) if phone else None
        if address is None and number is None:
            if problems:
                raise problems[0]
            raise NoIdentifier
        return address, number, tuple(origin.letter(problem) for problem in problems)

    def _attributes(
        self, customer: Customer, raw: Mapping[str, Any], origin: Origin
    ) -> tuple[dict[str, Any], tuple[str, ...], list[Letter]]:
        mapped = self.mapping.apply(customer, raw)
        letters = [
            origin.letter(RejectedRecord(problem.reason, problem.message, field=problem.field))
            for problem in mapped.problems
        ]
        values: dict[str, Any] = {}
        for name, value in mapped.values.items():
            kind = self.attributes.known.get(name)
            if kind is None:
                continue
            try:
                values[name] = fit(value, kind, name=name)
            except RejectedRecord as problem:
                letters.append(origin.letter(problem))
        cleared = tuple(name for name in mapped.cleared if name in self.attributes.known)
        return values, cleared, letters

    def _facts(self, signals: Iterable[Signal], email: str | None, phone: str | None, origin: Origin) -> Iterable[Fact]:
        addresses = {Channel.EMAIL: email, Channel.SMS: phone}
        for signal in signals:
            address = addresses[signal.channel]
            if address is None:
                continue
            fact = signal_to_fact(
                signal,
                address=address,
                source=origin.connection,
                read_at=origin.read_at,
                confirmed_only=self.confirmed_only,
            )
            if fact is not None:
                yield fact


def _same_address(written: str | None, email: str | None) -> bool:
    return written is not None and email is not None and held_email(written) == email


def buyer_of(order: Order) -> Customer:
    """The buyer as far as an order knows them: for contacts that no customer's record describes."""
    address = order.billing or order.shipping_address
    if address is None:
        return Customer(id=order.id, language=order.language)
    return Customer(
        id=order.id,
        language=order.language,
        first_name=address.first_name,
        last_name=address.last_name,
        company=address.company,
        address1=address.address1,
        address2=address.address2,
        city=address.city,
        zip=address.zip,
        province=address.province,
        province_code=address.province_code,
        country=address.country,
        country_code=address.country_code,
    )
