"""What a connection's mapping makes of one record, and why: attributes, identity and consent, nothing of it sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tajo_pipelines.brevo.attributes import AttributePlan, AttributeType
from tajo_pipelines.brevo.contact_change import ContactChange
from tajo_pipelines.mapping.engine import CompiledMapping
from tajo_pipelines.mapping.explain import Explanation, explain
from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.consent import Channel, Fact, Signal, State, judge, signal_to_fact
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.identity import normal_email, normal_phone
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.record import Canonical, Record
from tajo_pipelines.sdk.connector import Source
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.carts import as_order
from tajo_pipelines.sync.contacts import ContactMapper, NoIdentifier, Origin, buyer_of

CONFIRMED = "confirmed"
NO_IDENTIFIER = "no_identifier"


@dataclass(frozen=True, slots=True)
class Identified:
    """Address or number of a person.

    Attributes:
        attribute: ``EMAIL`` or ``SMS``.
        source: The canonical field.
        given: As the platform wrote it; None where it says nothing.
        normal: As Brevo gets it; None where there is none that is valid.
        problem: Why it isn't.
    """

    attribute: str
    source: str
    given: str | None
    normal: str | None
    problem: RejectedRecord | None


@dataclass(frozen=True, slots=True)
class Said:
    """What one record says of one channel.

    Attributes:
        state: What counts of it, by the connection's ``opt_in``; UNKNOWN where it says nothing.
        signal: Its own words; None where it is silent.
        fact: What would be kept; None where nothing is.
    """

    channel: Channel
    state: State
    signal: Signal | None
    fact: Fact | None


@dataclass(frozen=True, slots=True)
class Look:
    """One record, looked at.

    Attributes:
        connection: Whose it is.
        record: As read.
        form: Its canonical form; None where it has none.
        rejected: Why nothing of it goes to Brevo; None where something does.
        explanations: Its attributes, by name.
        identity: Address and number.
        consent: Each channel.
        change: What Brevo is told of the person; None where nothing is.
    """

    connection: Connection
    record: Record
    form: Canonical | None
    rejected: RejectedRecord | None
    explanations: tuple[Explanation, ...] = ()
    identity: tuple[Identified, ...] = ()
    consent: tuple[Said, ...] = ()
    change: ContactChange | None = None


def look_at(connection: Connection, mapping: CompiledMapping, record: Record, source: Source) -> Look:
    """Map one record as a delivery would, with reasons.

    Args:
        connection: Its connection.
        mapping: The connection's mapping.
        record: The record.
        source: Makes the canonical form of it.
    """
    try:
        form = source.canonical(record)
    except RejectedRecord as problem:
        return Look(connection, record, None, problem)
    return look_at_form(connection, mapping, record, form)


def look_at_form(connection: Connection, mapping: CompiledMapping, record: Record, form: Canonical) -> Look:
    """Map one canonical object; arguments as in `look_at`."""
    order = as_order(form) if isinstance(form, Cart) else form
    if not isinstance(order, Customer | Order):
        return Look(connection, record, form, None)  # a product speaks of nobody
    person, raw = (order, record.raw) if isinstance(order, Customer) else (buyer_of(order), {})
    explained = explain(mapping, person, raw)
    mapper = ContactMapper(mapping, _taken(mapping, explained), connection.region, connection.opt_in == CONFIRMED)
    origin = Origin(connection.name, record.stream, record.key, record.updated_at or record.read_at, record.read_at)
    change, rejected = _told(mapper, order, raw, origin)
    return Look(
        connection=connection,
        record=record,
        form=form,
        rejected=rejected,
        explanations=explained,
        identity=_identity(order, person.country_code or connection.region),
        consent=tuple(_said(channel, order.consent, mapper, origin) for channel in Channel),
        change=change,
    )


def _taken(mapping: CompiledMapping, explained: Sequence[Explanation]) -> AttributePlan:
    """An account that takes every attribute of the mapping in its type, with the choices that are told."""
    choices = {found.attribute: tuple(found.value) for found in explained if isinstance(found.value, list)}
    known = {name: AttributeType(str(kind), choices.get(name, ())) for name, kind in mapping.types.items()}
    return AttributePlan(known=known)


def _told(
    mapper: ContactMapper, order: Customer | Order, raw: Mapping[str, Any], origin: Origin
) -> tuple[ContactChange | None, RejectedRecord | None]:
    try:
        if isinstance(order, Customer):
            return mapper.customer(order, raw, origin), None
        return mapper.buyer(order, origin, None), None
    except NoIdentifier:
        return None, RejectedRecord(NO_IDENTIFIER, "it names nobody: neither e-mail address nor phone number")
    except RejectedRecord as problem:
        return None, problem


def _identity(order: Customer | Order, region: str | None) -> tuple[Identified, ...]:
    return (
        _identified("EMAIL", "email", order.email, normal_email),
        _identified("SMS", "phone", order.phone, lambda text: normal_phone(text, region)),
    )


def _identified(attribute: str, source: str, given: str | None, normal: Callable[[str], str]) -> Identified:
    if not given:
        return Identified(attribute, source, given, None, None)
    try:
        return Identified(attribute, source, given, normal(given), None)
    except RejectedRecord as problem:
        return Identified(attribute, source, given, None, problem)


def _said(channel: Channel, signals: Sequence[Signal], mapper: ContactMapper, origin: Origin) -> Said:
    """What the signals of one channel come to; the newest of several is shown."""
    spoken = [signal for signal in signals if signal.channel is channel]
    facts = [_fact(signal, mapper, origin) for signal in spoken]
    kept = [fact for fact in facts if fact is not None]
    return Said(channel, judge(kept).state, spoken[-1] if spoken else None, kept[-1] if kept else None)


def _fact(signal: Signal, mapper: ContactMapper, origin: Origin) -> Fact | None:
    return signal_to_fact(
        signal,
        address="",
        source=origin.connection,
        read_at=origin.read_at,
        confirmed_only=mapper.confirmed_only,
    )
