from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tajo_pipelines.brevo.attributes import AttributeType, Mistyped, ensure, fit, foresee, read_attributes, takes
from tajo_pipelines.brevo.refusals import BrevoRefusal
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines_tests.brevo.stub import START, Received, Reply, bench, fresh_state, stub

CATEGORY = AttributeType("category", ("Gold", "Silver"))
CHOICES = AttributeType("multiple-choice", ("USA", "India"))


class Attributes:
    """An account that keeps attributes."""

    def __init__(self) -> None:
        self.held: list[dict[str, Any]] = [
            {"name": "FIRSTNAME", "category": "normal", "type": "text"},
            {"name": "BIRTHDAY", "category": "normal", "type": "date"},
            {"name": "LEVEL", "category": "category", "enumeration": [{"value": 1, "label": "Gold"}]},
            {"name": "TURNOVER", "category": "global", "calculatedValue": "SUM"},
            {"name": "COUNTRIES", "category": "normal", "type": "multiple-choice", "multiCategoryOptions": ["USA"]},
        ]
        self.faster = self.full = False

    def __call__(self, received: Received) -> Reply:
        if received.method == "GET":
            return Reply(200, {"attributes": self.held})
        name = received.path.rpartition("/")[2]
        if self.full:
            return Reply(400, {"code": "invalid_parameter", "message": "too many attributes"})
        self.held.append({"name": name, "category": "normal", "type": received.body["type"]})
        if self.faster:
            return Reply(400, {"code": "duplicate_parameter", "message": "Attribute name must be unique"})
        return Reply(201)


def test_missing_attributes_are_made_and_the_list_is_believed_for_an_hour() -> None:
    account, state = Attributes(), fresh_state()
    wanted = {"FIRSTNAME": "text", "TOTAL_SPENT": "float", "SMS": "text"}
    with stub(account) as served:
        b = bench(served.url)
        plan = ensure(b.client, state, wanted, create=True, now=START)
        asked = len(served.received)
        again = ensure(b.client, state, wanted, create=True, now=START + timedelta(minutes=59))
        assert len(served.received) == asked
        read_attributes(b.client, state, START + timedelta(minutes=61))
        assert len(served.received) == asked + 1
        b.client.close()
    assert plan.created == ["TAJO_BLOCKED", "TAJO_SOURCES", "TOTAL_SPENT"]
    assert plan.known["TOTAL_SPENT"] == AttributeType("float")
    assert plan.known.keys() == {"FIRSTNAME", "TOTAL_SPENT", "SMS", "TAJO_BLOCKED", "TAJO_SOURCES"}
    assert again.known == plan.known
    assert (again.created, again.missing, again.mistyped) == ([], [], [])
    posts = [sent for sent in served.received if sent.method == "POST"]
    assert all(sent.path.startswith("/v3/contacts/attributes/normal/") for sent in posts)
    assert {sent.body["type"] for sent in posts} == {"text", "float"}


def test_without_leave_to_create_they_are_named_and_not_sent() -> None:
    with stub(Attributes()) as served:
        b = bench(served.url)
        plan = ensure(
            b.client,
            fresh_state(),
            {"TOTAL_SPENT": "float", "BIRTHDAY": "text", "TURNOVER": "float"},
            create=False,
            now=START,
        )
        b.client.close()
    assert plan.missing == ["TAJO_BLOCKED", "TAJO_SOURCES", "TOTAL_SPENT"]
    assert plan.mistyped == [Mistyped("BIRTHDAY", "text", "date"), Mistyped("TURNOVER", "float", "global")]
    assert plan.known == {}
    assert {notice.code for notice in plan.notices()} == {"attribute_missing", "attribute_mistyped"}
    assert "BIRTHDAY is of type date, not text" in " ".join(notice.message for notice in plan.notices())
    assert all(sent.method == "GET" for sent in served.received)


@pytest.mark.parametrize("create", [True, False])
def test_what_is_foreseen_without_asking_is_what_comes_to_be(create: bool) -> None:
    state = fresh_state()
    wanted = {"FIRSTNAME": "text", "BIRTHDAY": "float", "CITY": "text", "TAGS": "multiple-choice"}
    later = START + timedelta(days=30)
    with stub(Attributes()) as served:
        b = bench(served.url)
        read_attributes(b.client, state, START)
        asked = len(served.received)
        foreseen = foresee(state, wanted, create=create, now=later)
        assert len(served.received) == asked
        plan = ensure(b.client, state, wanted, create=create, now=later)
        b.client.close()
    ours = {"TAJO_BLOCKED", "TAJO_SOURCES"}
    assert foreseen.known == {name: kind for name, kind in plan.known.items() if name not in ours}
    assert set(foreseen.created) == set(plan.created) - ours
    assert set(foreseen.missing) == set(plan.missing) - ours
    assert foreseen.mistyped == plan.mistyped == [Mistyped("BIRTHDAY", "float", "date")]


def test_of_an_account_that_was_never_read_all_is_foreseen_to_be_taken() -> None:
    for state in (None, fresh_state()):
        plan = foresee(state, {"CITY": "text"}, create=False, now=START)
        assert (plan.known, plan.missing) == ({"CITY": AttributeType("text")}, [])


def test_one_that_somebody_else_made_meanwhile_is_no_error_however_brevo_words_it() -> None:
    account = Attributes()
    account.faster = True
    with stub(account) as served:
        b = bench(served.url)
        plan = ensure(b.client, fresh_state(), {}, create=True, now=START)
        b.client.close()
    assert plan.created == []
    assert plan.known.keys() == {"TAJO_BLOCKED", "TAJO_SOURCES"}


def test_one_that_brevo_wont_make_stops_the_run() -> None:
    account = Attributes()
    account.full = True
    with stub(account) as served:
        b = bench(served.url)
        with pytest.raises(BrevoRefusal, match="too many attributes"):
            ensure(b.client, fresh_state(), {}, create=True, now=START)
        b.client.close()


def test_a_type_that_was_mended_at_brevo_counts_at_once() -> None:
    account, state = Attributes(), fresh_state()
    with stub(account) as served:
        b = bench(served.url)
        before = ensure(b.client, state, {"BIRTHDAY": "text"}, create=True, now=START)
        account.held[1]["type"] = "text"
        after = ensure(b.client, state, {"BIRTHDAY": "text"}, create=True, now=START + timedelta(minutes=1))
        b.client.close()
    assert [item.name for item in before.mistyped] == ["BIRTHDAY"]
    assert (after.mistyped, after.known["BIRTHDAY"]) == ([], AttributeType("text"))


@pytest.mark.parametrize(
    ("found", "wanted", "fits"),
    [
        ("text", "float", True),
        ("text", "date", True),
        ("float", "float", True),
        ("category", "text", True),
        ("multiple-choice", "text", True),
        ("float", "text", False),
        ("date", "text", False),
        ("boolean", "float", False),
        ("user", "text", False),
        ("calculated", "float", False),
    ],
)
def test_only_lossless_conversions_are_sent(found: str, wanted: str, fits: bool) -> None:
    assert takes(AttributeType(found), wanted) is fits


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (Decimal("12.50"), "text", "12.50"),
        (Decimal("1E+3"), "text", "1000"),
        (True, "text", "true"),
        (("a", "b"), "text", "a, b"),
        (date(1989, 11, 23), "text", "1989-11-23"),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "text", "2026-01-02T03:00:00Z"),
        (Decimal("12.50"), "float", Decimal("12.50")),
        ("12.5", "float", Decimal("12.5")),
        (7, "float", 7),
        (False, "boolean", False),
        ("TRUE", "boolean", True),
        (date(1989, 11, 23), "date", "1989-11-23"),
        ("1989-11-23", "date", "1989-11-23"),
        ("2026-01-02T00:30:00+01:00", "date", "2026-01-01"),
        ("", "float", ""),
        ("", "category", ""),
    ],
)
def test_values_are_brought_to_the_type(value: object, kind: str, expected: object) -> None:
    assert fit(value, AttributeType(kind)) == expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("a lot", AttributeType("float")),
        (True, AttributeType("float")),
        (Decimal("NaN"), AttributeType("float")),
        ("Infinity", AttributeType("float")),
        (1, AttributeType("boolean")),
        ("yes", AttributeType("boolean")),
        ("23.11.1989", AttributeType("date")),
        (5, AttributeType("date")),
        ("Bronze", CATEGORY),
        (["USA", "Mars"], CHOICES),
        ({"a": 1}, AttributeType("text")),
        ("x", AttributeType("calculated")),
    ],
)
def test_what_doesnt_fit_is_a_letter_for_the_field_and_shows_no_value(value: object, kind: AttributeType) -> None:
    with pytest.raises(RejectedRecord) as raised:
        fit(value, kind, name="FIELD")
    assert (raised.value.reason, raised.value.field) == ("unfit_value", "FIELD")
    assert str(value) not in raised.value.message or len(str(value)) < 4


def test_options_go_out_in_the_accounts_spelling() -> None:
    assert fit("gold", CATEGORY) == "Gold"
    assert fit(("india", "USA"), CHOICES) == ["India", "USA"]
    assert fit("USA", CHOICES) == ["USA"]
