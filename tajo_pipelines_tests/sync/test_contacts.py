from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tajo_pipelines.brevo.attributes import AttributePlan, AttributeType
from tajo_pipelines.mapping.engine import compile_mapping
from tajo_pipelines.mapping.spec import FieldRule
from tajo_pipelines.model.consent import Channel, Signal, State
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.letter import LetterKind
from tajo_pipelines.model.order import Address, Order
from tajo_pipelines.sync.contacts import ContactMapper, NoIdentifier, Origin
from tajo_pipelines_tests.sync.support import NOON

ORIGIN = Origin("shop", "customers", "7", NOON - timedelta(hours=1), NOON)
YES = Signal(channel=Channel.EMAIL, state=State.GRANTED, at=NOON - timedelta(days=1), evidence="SUBSCRIBED")
SMS_YES = Signal(channel=Channel.SMS, state=State.GRANTED, at=NOON - timedelta(days=1))


def mapper(*, known: dict[str, str] | None = None, confirmed_only: bool = False) -> ContactMapper:
    rules = [FieldRule(source="first_name", target="FIRSTNAME"), FieldRule(source="total_spent", target="TOTAL_SPENT")]
    types = {"FIRSTNAME": "text", "TOTAL_SPENT": "float"} if known is None else known
    return ContactMapper(
        compile_mapping(rules),
        AttributePlan(known={name: AttributeType(kind) for name, kind in types.items()}),
        "DE",
        confirmed_only,
    )


def customer(**fields: Any) -> Customer:
    return Customer(**({"id": "7", "email": "Anna@Example.COM"} | fields))


def order(**fields: Any) -> Order:
    given: dict[str, Any] = {"currency": "EUR", "gross": Decimal(10), "created_at": NOON, "updated_at": NOON}
    return Order(id="9", status="paid", **(given | fields))


def test_a_person_is_known_by_the_normal_forms_of_address_and_number() -> None:
    change = mapper().customer(customer(phone="0155 50000001"), {}, ORIGIN)
    assert (change.email, change.phone) == ("anna@example.com", "+4915550000001")
    assert (change.connection, change.stream, change.key, change.primary) == ("shop", "customers", "7", True)
    assert change.source_time == ORIGIN.source_time


def test_the_address_s_country_comes_before_the_connection_s_region() -> None:
    change = mapper().customer(customer(phone="0664 1234567", country_code="AT"), {}, ORIGIN)
    assert change.phone == "+436641234567"


@pytest.mark.parametrize("nothing", [None, ""])
def test_whoever_has_neither_is_nobody(nothing: str | None) -> None:
    with pytest.raises(NoIdentifier):
        mapper().customer(customer(email=nothing, phone=nothing), {}, ORIGIN)


def test_an_invalid_address_alone_is_rejected() -> None:
    with pytest.raises(RejectedRecord) as problem:
        mapper().customer(customer(email="no at sign", phone="bitte mailen"), {}, ORIGIN)
    assert problem.value.reason == "invalid_email"
    assert "no at sign" not in str(problem.value)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"phone": "+999123"}, "invalid_phone"),
        ({"email": "zwei@@example.com", "phone": "+4915550000001"}, "invalid_email"),
    ],
)
def test_one_bad_identifier_beside_a_good_one_is_a_letter_for_the_field(fields: dict[str, Any], reason: str) -> None:
    change = mapper().customer(customer(**fields), {}, ORIGIN)
    [letter] = change.letters
    assert (letter.kind, letter.reason, letter.key) == (LetterKind.FIELD, reason, "7")
    assert (change.email is None) is (reason == "invalid_email")


def test_a_value_that_does_not_fit_the_account_is_a_letter_and_the_rest_goes() -> None:
    known = {"FIRSTNAME": "date", "TOTAL_SPENT": "float"}
    change = mapper(known=known).customer(customer(first_name="Anna", total_spent=None), {}, ORIGIN)
    assert change.attributes == {}
    [letter] = change.letters
    assert letter.field == "FIRSTNAME"


def test_attributes_that_the_account_lacks_are_not_sent() -> None:
    change = mapper(known={}).customer(customer(first_name="Anna"), {}, ORIGIN)
    assert (change.attributes, change.cleared, change.letters) == ({}, (), ())


def test_an_emptied_field_is_cleared_and_silence_changes_nothing() -> None:
    assert mapper().customer(customer(first_name=""), {}, ORIGIN).cleared == ("FIRSTNAME",)
    silent = mapper().customer(customer(first_name=None), {}, ORIGIN)
    assert (silent.attributes, silent.cleared) == ({}, ())


def test_consent_is_of_the_address_in_its_normal_form() -> None:
    [fact] = mapper().customer(customer(consent=(YES,)), {}, ORIGIN).facts
    assert (fact.address, fact.channel, fact.source, fact.at) == ("anna@example.com", Channel.EMAIL, "shop", YES.at)


def test_consent_of_a_channel_without_address_says_nothing() -> None:
    assert mapper().customer(customer(consent=(SMS_YES,)), {}, ORIGIN).facts == ()


def test_a_single_opt_in_is_no_yes_where_the_connection_asks_for_confirmed_ones() -> None:
    assert mapper(confirmed_only=True).customer(customer(consent=(YES,)), {}, ORIGIN).facts == ()


def test_a_buyer_is_a_mention_not_the_person() -> None:
    change = mapper().buyer(order(email="Gast@Example.com", consent=(YES,)), ORIGIN, None)
    assert (change.email, change.primary, change.cleared) == ("gast@example.com", False, ())
    assert [fact.address for fact in change.facts] == ["gast@example.com"]


def test_an_order_of_a_known_customer_goes_to_that_contact_whatever_address_it_names() -> None:
    change = mapper().buyer(order(email="old@example.com", consent=(YES,)), ORIGIN, "anna@example.com")
    assert change.email == "anna@example.com"
    # The yes was given for the address that the order names.
    assert change.facts == ()


def test_an_order_of_a_customer_known_by_number_goes_there() -> None:
    change = mapper().buyer(order(), ORIGIN, "+4915550000001")
    assert (change.email, change.phone) == (None, "+4915550000001")


def test_a_guest_s_name_comes_from_the_order() -> None:
    change = mapper().buyer(order(email="g@example.com", billing=Address(first_name="Gabi")), ORIGIN, None)
    assert change.attributes["FIRSTNAME"] == "Gabi"


def test_an_order_without_identifier_is_nobody_s() -> None:
    with pytest.raises(NoIdentifier):
        mapper().buyer(order(email=None, phone=None), ORIGIN, None)
