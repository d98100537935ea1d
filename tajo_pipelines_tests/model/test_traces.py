"""A person's traces are told in every spelling, and nobody else's are taken for theirs."""

from __future__ import annotations

import pytest

from tajo_pipelines.model.traces import Mentions, Traces

ANA = Mentions(
    Traces(
        emails=frozenset({"ana.b@example.com"}),
        phones=frozenset({"+4915112345678"}),
        records=frozenset({("shopify", "customers", "7100000001024"), ("shopify", "customers", "12")}),
    )
)


@pytest.mark.parametrize(
    "text",
    [
        '{"email":"Ana.B@Example.com"}',
        "/contacts/ana.b%40example.com",
        '{"id":7100000001024}',
        "gid://shopify/Customer/7100000001024",
        "+49 151 1234 5678",
        "0151/12345678",
        "0049 (0)151-12345678",
        "4915112345678",
    ],
)
def test_a_mention_is_told_in_every_spelling(text: str) -> None:
    assert ANA.names(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "joana.b@example.com",
        "ana.b@example.com.br",
        "ana.b@example.community",
        "71000000010245",
        '{"id":12}',
        "+4915112345679",
        "915112345678",
    ],
)
def test_nobody_else_is_taken_for_the_person(text: str) -> None:
    assert not ANA.names(text)


def test_a_number_beside_an_address_is_that_ones() -> None:
    family = "sven@example.com, +4915112345678"
    assert not ANA.names(family)
    assert ANA.occur_in(family)


@pytest.mark.parametrize(
    "text", ["to ANA.B@example.com!", "seen a***@example.com", "call 0151 12345678 now", "größer: ana.b@example.com"]
)
def test_hiding_keeps_the_length(text: str) -> None:
    hidden = ANA.hide(text)
    assert len(hidden.encode()) == len(text.encode())
    assert "example.com" not in hidden.lower()
    assert "12345678" not in hidden


def test_a_field_that_is_named_after_an_address_says_whose_a_document_is() -> None:
    assert ANA.are_of({"customer": {"email": "ANA.B@example.com"}})
    assert ANA.are_of([{"contact_email": "ana.b@example.com"}])
    assert not ANA.are_of({"email": "sven@example.com", "note": "ask ana.b@example.com"})
    assert not ANA.are_of(None)


def test_whoever_has_no_traces_is_mentioned_nowhere() -> None:
    nobody = Mentions(Traces())
    assert not nobody.names("anything@example.com 7100000001024")
    assert nobody.hide("anything") == "anything"
