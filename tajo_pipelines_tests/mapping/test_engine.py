from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tajo_pipelines.mapping.engine import MappedAttributes, compile_mapping
from tajo_pipelines.mapping.spec import CANONICAL_SOURCES, SOURCE_TYPES, FieldRule, camel_case, resolve_source
from tajo_pipelines.mapping.values import AttributeValue
from tajo_pipelines.model.customer import CUSTOMER_FIELDS, Customer
from tajo_pipelines.model.errors import ConfigError

_PAGE_FIRST = {
    "email": "email",
    "first_name": "FIRSTNAME",
    "last_name": "LASTNAME",
    "total_spent": "TOTAL_SPENT",
}
_PAGE_SECOND = {
    "email": "email",
    "firstName": "FIRSTNAME",
    "lastName": "LASTNAME",
    "totalOrders": "ORDER_COUNT",
    "totalSpent": "TOTAL_REVENUE",
    "lastOrderDate": "LAST_ORDER_DATE",
}


def _map(customer: Customer, *rules: FieldRule, raw: dict[str, Any] | None = None) -> MappedAttributes:
    return compile_mapping(rules).apply(customer, raw or {})


def _value(customer: Customer, source: str, *, kind: str | None = None, raw: dict[str, Any] | None = None) -> Any:
    mapped = _map(customer, FieldRule(source, "X", type=kind), raw=raw)
    assert not mapped.problems, mapped.problems
    return mapped.values["X"]


def _refused(*rules: FieldRule) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        compile_mapping(rules)
    return caught.value


@pytest.mark.parametrize("sample", [_PAGE_FIRST, _PAGE_SECOND])
def test_both_samples_of_the_page_compile_and_map(sample: dict[str, str]) -> None:
    mapping = compile_mapping([FieldRule(source, target) for source, target in sample.items()])
    customer = Customer(
        id="7",
        email="Ana@Example.com",
        first_name="Ana",
        last_name="Núñez",
        total_orders=3,
        total_spent=Decimal("119.90"),
        last_order_date=datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=2))),
    )
    expected: dict[str, AttributeValue] = {
        "FIRSTNAME": "Ana",
        "LASTNAME": "Núñez",
        "TOTAL_SPENT": 119.9,
        "ORDER_COUNT": 3,
        "TOTAL_REVENUE": 119.9,
        "LAST_ORDER_DATE": "2026-02-28",
    }
    wanted = {target: expected[target] for target in sample.values() if target != "email"}
    assert mapping.apply(customer, {}) == MappedAttributes(wanted, (), ())
    assert mapping.identity == {"email"}
    assert set(mapping.types) == set(wanted)


def test_types_follow_the_canonical_fields() -> None:
    types = compile_mapping([FieldRule(source, source.upper()) for source in CANONICAL_SOURCES]).types
    by_type = {str(kind): {name for name in types if types[name] == kind} for kind in types.values()}
    assert by_type["float"] == {"TOTAL_ORDERS", "TOTAL_SPENT", "AVERAGE_ORDER_VALUE"}
    assert by_type["date"] == {"BIRTHDAY", "FIRST_ORDER_DATE", "LAST_ORDER_DATE", "CREATED_AT", "UPDATED_AT"}
    assert by_type["boolean"] == {"TAX_EXEMPT", "ACCEPTS_MARKETING", "ACCEPTS_SMS", "VERIFIED_EMAIL"}
    assert set(by_type) == {"float", "date", "boolean", "text"}


def test_silence_changes_nothing_and_empty_clears() -> None:
    rules = [
        FieldRule("note", "NOTE"),
        FieldRule("tags", "TAGS"),
        FieldRule("city", "CITY"),
        FieldRule("company", "COMPANY"),
    ]
    mapped = _map(Customer(id="1", note="", tags=(), city=None, company="ACME"), *rules)
    assert mapped == MappedAttributes({"COMPANY": "ACME"}, ("NOTE", "TAGS"), ())


def test_zero_and_no_are_values_not_emptiness() -> None:
    customer = Customer(id="1", total_orders=0, total_spent=Decimal("0.00"), accepts_marketing=False)
    rules = [FieldRule(name, name.upper()) for name in ("total_orders", "total_spent", "accepts_marketing")]
    assert _map(customer, *rules).values == {"TOTAL_ORDERS": 0, "TOTAL_SPENT": 0, "ACCEPTS_MARKETING": False}


def test_a_value_emptied_by_its_transforms_is_cleared() -> None:
    mapped = _map(Customer(id="1", note="   "), FieldRule("note", "NOTE", transforms=("strip", "number")))
    assert mapped == MappedAttributes({}, ("NOTE",), ())


def test_a_default_speaks_for_silence_alone() -> None:
    rule = FieldRule("city", "CITY", default="unknown")
    assert _map(Customer(id="1"), rule).values == {"CITY": "unknown"}
    assert _map(Customer(id="1", city=""), rule).cleared == ("CITY",)
    assert _map(Customer(id="1", city="Kyiv"), rule).values == {"CITY": "Kyiv"}


def test_a_default_is_not_shared_between_records() -> None:
    mapping = compile_mapping([FieldRule("tags", "TAGS", type="multiple-choice", default=["none"])])
    first = mapping.apply(Customer(id="1"), {}).values["TAGS"]
    assert isinstance(first, list)
    first.append("x")
    assert mapping.apply(Customer(id="2"), {}).values == {"TAGS": ["none"]}


def test_a_rule_without_source_gives_every_contact_its_default() -> None:
    mapping = compile_mapping(
        [FieldRule(None, "SHOP", default="de"), FieldRule(None, "SINCE", default=date(2024, 1, 1))]
    )
    assert mapping.types == {"SHOP": "text", "SINCE": "date"}
    assert mapping.apply(Customer(id="1"), {}).values == {"SHOP": "de", "SINCE": "2024-01-01"}
    assert mapping.lineage == ()


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("0.10", "0.1"),
        ("12.00", "12"),
        ("-0.00", "0"),
        ("1E+3", "1000"),
        ("99999999999.99", "99999999999.99"),
        ("9007199254740993", "9007199254740992"),
        ("33.33333333333333333333333333", "33.333333333333336"),
        ("1E+40", "1e+40"),
    ],
)
def test_money_keeps_its_digits_as_a_json_number(amount: str, expected: str) -> None:
    assert repr(_value(Customer(id="1", total_spent=Decimal(amount)), "total_spent")) == expected


@pytest.mark.parametrize(
    ("customer", "source", "kind", "expected"),
    [
        (Customer(id="1", tags=("vip", "", "b2b", "vip")), "tags", None, "vip, b2b, vip"),
        (Customer(id="1", tags=("vip", "", "b2b", "vip")), "tags", "multiple-choice", ["vip", "b2b"]),
        (Customer(id="1", total_orders=12), "total_orders", "text", "12"),
        (Customer(id="1", total_spent=Decimal("1E+2")), "total_spent", "text", "100"),
        (Customer(id="1", note=" 12.5"), "note", "float", 12.5),
        (Customer(id="1", note="no"), "note", "boolean", False),
        (Customer(id="1", birthday=date(1990, 2, 28)), "birthday", None, "1990-02-28"),
        (
            Customer(id="1", created_at=datetime(2026, 1, 1, 12, tzinfo=UTC)),
            "created_at",
            "text",
            "2026-01-01T12:00:00Z",
        ),
        (Customer(id="1", verified_email=True), "verified_email", "text", "true"),
        (Customer(id="gid"), "id", None, "gid"),
    ],
)
def test_a_rule_may_ask_for_another_type(customer: Customer, source: str, kind: str | None, expected: Any) -> None:
    assert _value(customer, source, kind=kind) == expected


@pytest.mark.parametrize(
    ("customer", "source", "kind"),
    [
        (Customer(id="1", note="secret words"), "note", "float"),
        (Customer(id="1", note="secret words"), "note", "date"),
        (Customer(id="1", note="secret words"), "note", "boolean"),
        (Customer(id="1", note="secret \ud800"), "note", "text"),
        (Customer(id="1", note="secret" * 40), "note", "multiple-choice"),
        (Customer(id="1", created_at=datetime(2026, 1, 1)), "created_at", None),  # noqa: DTZ001 - naive on purpose
        (Customer(id="1", total_spent=Decimal("NaN")), "total_spent", None),
        (Customer(id="1", total_spent=Decimal("1E+999999")), "total_spent", "text"),
        (Customer(id="1", accepts_marketing=True), "accepts_marketing", "float"),
    ],
)
def test_what_does_not_fit_is_named_without_quoting_it_and_the_rest_goes(
    customer: Customer, source: str, kind: str | None
) -> None:
    mapped = _map(customer, FieldRule(source, "WRONG", type=kind), FieldRule("id", "ID"))
    assert mapped.values == {"ID": "1"}
    [problem] = mapped.problems
    assert (problem.field, problem.reason) == ("WRONG", "unfit_value")
    assert source in problem.message
    assert "secret" not in problem.message


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [("Ana", "Núñez", "Ana Núñez"), ("Ana", None, "Ana"), (None, "Núñez", "Núñez"), ("", "Núñez", "Núñez")],
)
def test_name_joins_what_is_known(first: str | None, last: str | None, expected: str) -> None:
    assert _value(Customer(id="1", first_name=first, last_name=last), "name") == expected


def test_name_is_cleared_only_where_both_parts_are_said_to_be_empty() -> None:
    rule = FieldRule("name", "FULLNAME")
    assert _map(Customer(id="1", first_name="", last_name=""), rule).cleared == ("FULLNAME",)
    for first, last in ((None, None), ("", None), (None, "")):
        assert _map(Customer(id="1", first_name=first, last_name=last), rule) == MappedAttributes({}, (), ())


_RAW = {
    "amount": Decimal("0.10"),
    "lines": [{"price": Decimal("0.10"), "n": 2}, {"price": Decimal("0.20"), "n": 3}],
    "big": Decimal("12345678901234567890.12"),
    "metafields": {"loyalty tier": "gold", "empty": "", "none": None},
}


@pytest.mark.parametrize(
    ("expression", "kind", "expected"),
    [
        ("amount", None, "0.10"),
        ("big", None, "12345678901234567890.12"),
        ("sum(lines[].price)", None, "0.30"),
        ("max(lines[].price)", "float", 0.2),
        ("avg(lines[].n)", "float", 2.5),
        ("sort_by(lines, &price)[-1].n", "float", 3),
        ("lines[?price == `0.1`] | [0].n", "float", 2),
        ("lines[?price > `0.15`].n | [0]", "float", 3),
        ("to_string(amount)", None, "0.10"),
        ("to_number('0.30')", None, "0.30"),
        ("type(amount)", None, "number"),
        ('metafields."loyalty tier"', None, "gold"),
        ("lines[].n", None, "2, 3"),
    ],
)
def test_numbers_of_the_raw_payload_stay_exact(expression: str, kind: str | None, expected: Any) -> None:
    assert _value(Customer(id="1"), f"raw.{expression}", kind=kind, raw=_RAW) == expected


def test_the_raw_payload_is_silent_empty_or_unfit_like_any_source() -> None:
    mapped = _map(
        Customer(id="1"),
        FieldRule("raw.metafields.none", "NONE"),
        FieldRule("raw.metafields.missing.deeper", "MISSING"),
        FieldRule("raw.metafields.empty", "EMPTY"),
        FieldRule("raw.metafields", "WHOLE"),
        FieldRule("raw.sum(metafields)", "SUM"),
        raw=_RAW,
    )
    assert mapped.values == {}
    assert mapped.cleared == ("EMPTY",)
    assert [problem.field for problem in mapped.problems] == ["SUM", "WHOLE"]
    assert not any("gold" in problem.message for problem in mapped.problems)


@pytest.mark.parametrize("expression", ["a.", "a[", "nosuch(a)", "sum()", "sum(a, b)", "length(a, b) | c", "a b"])
def test_a_bad_expression_is_refused_before_anything_is_read(expression: str) -> None:
    error = _refused(FieldRule(f"raw.{expression}", "X", where="connectors.yaml:9"))
    assert (error.code, error.where) == ("bad_expression", "connectors.yaml:9")
    assert expression in error.message


def test_lineage_names_every_source() -> None:
    mapping = compile_mapping(
        [
            FieldRule("email", "EMAIL"),
            FieldRule("phone", "SMS"),
            FieldRule("name", "FULLNAME"),
            FieldRule("totalSpent", "SPENT"),
            FieldRule("raw.a.b", "AB"),
        ]
    )
    assert mapping.lineage == (
        ("AB", "raw.a.b"),
        ("EMAIL", "email"),
        ("FULLNAME", "first_name"),
        ("FULLNAME", "last_name"),
        ("SMS", "phone"),
        ("SPENT", "total_spent"),
    )
    assert mapping.identity == {"email", "phone"}
    assert set(mapping.types) == {"AB", "FULLNAME", "SPENT"}


def test_sources_are_taken_in_both_spellings() -> None:
    assert (*CUSTOMER_FIELDS, "name") == CANONICAL_SOURCES
    for name in CANONICAL_SOURCES:
        assert resolve_source(name) == resolve_source(camel_case(name)) == name


@pytest.mark.parametrize(
    ("rule", "code", "sentence"),
    [
        (FieldRule("total_order", "X"), "unknown_source", "did you mean 'total_orders'?"),
        (FieldRule("zipCode", "X"), "unknown_source", "did you mean 'zip'?"),
        (FieldRule("raw", "X"), "unknown_source", "raw.<field>"),
        (FieldRule("consent", "X"), "unknown_source", "no field of a customer"),
        (FieldRule(None, "X"), "unknown_source", "X has no source"),
        (FieldRule("note", "FirstName"), "bad_target", "try 'FIRST_NAME'"),
        (FieldRule("note", "first-name"), "bad_target", "try 'FIRST_NAME'"),
        (FieldRule("phone", "sms"), "bad_target", "try 'SMS'"),
        (FieldRule("note", "A" * 51), "bad_target", "1 to 50"),
        (FieldRule("note", ""), "bad_target", "1 to 50"),
        (FieldRule("note", "TAJO_BLOCKED"), "reserved_target", "why a channel was blocked"),
        (FieldRule("note", "TAJO_SOURCES"), "reserved_target", "which records feed"),
        (FieldRule("note", "EXT_ID"), "reserved_target", "ext_id_from"),
        (FieldRule("accepts_marketing", "xBlacklisted"), "reserved_target", "consent alone"),
        (FieldRule("note", "X", type="string"), "unknown_type", "no type of an attribute"),
        (FieldRule("note", "X", type="multiplechoice"), "unknown_type", "did you mean 'multiple-choice'?"),
        (FieldRule("total_spent", "X", default="plenty"), "bad_default", "isn't a number"),
        (FieldRule("note", "X", default=""), "bad_default", "is empty"),
        (FieldRule("note", "email"), "bad_identity", "only 'email'"),
        (FieldRule("raw.other_mail", "EMAIL"), "bad_identity", "only 'email'"),
        (FieldRule("email", "SMS"), "bad_identity", "only 'phone'"),
        (FieldRule("email", "email", default="a@example.com"), "bad_identity", "no transform, type or default"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_place_and_the_way_out(rule: FieldRule, code: str, sentence: str) -> None:
    placed = FieldRule(
        rule.source, rule.target, rule.transforms, rule.type, rule.default, where="c.yaml:3 field_mapping"
    )
    error = _refused(placed)
    assert (error.code, error.where, error.exit_code) == (code, "c.yaml:3 field_mapping", 3)
    assert sentence in str(error)


@pytest.mark.parametrize("pair", [("X", "X"), ("email", "EMAIL"), ("SMS", "phone")])
def test_two_rules_never_write_one_attribute(pair: tuple[str, str]) -> None:
    sources = {"X": "note", "email": "email", "EMAIL": "email", "SMS": "phone", "phone": "phone"}
    assert _refused(*(FieldRule(sources[target], target) for target in pair)).code == "duplicate_target"


def test_everything_that_is_wrong_is_said_at_once() -> None:
    error = _refused(
        FieldRule("nme", "A", where="f:1"),
        FieldRule("note", "B"),
        FieldRule("note", "B", where="f:3"),
        FieldRule("note", "D", transforms=("lowr",), where="f:4"),
    )
    assert [(notice.code, notice.where) for notice in error.details] == [
        ("unknown_source", "f:1"),
        ("duplicate_target", "f:3"),
        ("unknown_transform", "f:4"),
    ]
    assert "did you mean 'lower'?" in error.message


def test_no_rules_say_nothing() -> None:
    assert _map(Customer(id="1", note="x")) == MappedAttributes({}, (), ())
    assert _map(Customer(id="1", note="x"), FieldRule("note", "N")).values == {"N": "x"}


def test_mapping_leaves_room_for_twenty_thousand_rows_a_second() -> None:
    fields = [
        name for name in CUSTOMER_FIELDS if SOURCE_TYPES[name] == "text" and name not in {"email", "phone", "tags"}
    ][:10]
    mapping = compile_mapping([FieldRule(name, name.upper()) for name in fields])
    customer = msgspec.convert(dict.fromkeys(fields, "text"), Customer)
    assert len(mapping.apply(customer, {}).values) == 10
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(500):
            mapping.apply(customer, {})
        best = min(best, (time.perf_counter() - began) / 500)
    # About 5 microseconds where this was written; the limit leaves room for a slow and busy machine.
    assert best < 25e-6
