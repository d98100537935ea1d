from __future__ import annotations

import shlex
from dataclasses import replace
from decimal import Decimal

from tajo_pipelines.brevo.masking import KEPT_BYTES, as_curl, mask_body, mask_path, mask_words
from tajo_pipelines.brevo.ports import Call
from tajo_pipelines_tests.brevo.stub import START

CALL = Call(
    at=START,
    run_id="run-1",
    method="POST",
    path="/contacts?limit=1",
    template="/contacts",
    bucket="contacts",
    status=201,
    milliseconds=3,
    request='{"note":"it\'s masked"}',
    response="",
    bytes_sent=20,
)


def test_names_phones_and_addresses_are_masked_wherever_they_stand() -> None:
    contact = {
        "email": "Ana.Maria@Example.com",
        "attributes": {"FIRSTNAME": "Ána", "SMS": 4915112345678, "TAGS": ["Stammkundin"], "COUNT": 3, "VIP": True},
        "listIds": [5],
    }
    order = {
        "id": "5501234567890",
        "identifiers": {"phone_id": "+4915112345678"},
        "billing": {"address": "Hauptstr. 5", "phone": "0151 123"},
        "amount": Decimal("12.50"),
        "metaInfo": {"note": "call +49 151 1234 5678 or write to bo@example.org"},
    }
    kept = mask_body({"jsonBody": [contact], "orders": [order]})
    for told in ("Ana", "Maria", "Ána", "49151", "Stammkundin", "Hauptstr", "0151", "1234 5678", "bo@"):
        assert told not in kept
    for kept_word in (
        '"A***@Example.com"',
        '"COUNT":3',
        '"VIP":true',
        '"5501234567890"',
        '"amount":12.50',
        "b***@example.org",
    ):
        assert kept_word in kept


def test_definitions_of_attributes_stay_readable() -> None:
    body = {"attributes": [{"name": "FIRSTNAME", "category": "normal", "type": "text"}]}
    assert "FIRSTNAME" in mask_body(body)


def test_a_body_of_megabytes_is_kept_short_and_told_how_long_it_was() -> None:
    rows = [{"email": f"person{number}@example.com", "attributes": {"X": "y" * 300}} for number in range(5000)]
    kept = mask_body({"jsonBody": rows, "listIds": [1]})
    assert len(kept.encode()) <= KEPT_BYTES
    assert "... and 4980 more" in kept
    assert len(mask_body({"text": "é" * 10_000, "more": ["é" * 500] * 20}).encode()) <= KEPT_BYTES


def test_signatures_of_report_links_and_keys_are_left_out() -> None:
    body = {"info": {"link": "https://files.example.com/a.csv?X-Signature=abc"}, "message": "xkeysib-12ab-cd is bad"}
    kept = mask_body(body)
    assert "abc" not in kept
    assert "xkeysib" not in kept
    assert "https://files.example.com/a.csv?***" in kept
    assert "planted" not in mask_body("<html>planted</html>", "planted")


def test_sentences_of_vendors_lose_numbers_and_addresses() -> None:
    masked = mask_words("Invalid phone number 4915112345678 of a.b@example.com in list 12")
    assert masked == "Invalid phone number *** of a***@example.com in list 12"


def test_paths_hide_people_and_show_ids() -> None:
    template = "/contacts/{identifier}"
    by_email = mask_path(template, {"identifier": "ana@example.com"}, {"identifierType": "email_id"})
    assert by_email == "/contacts/a***%40example.com?identifierType=email_id"
    by_phone = mask_path(template, {"identifier": "4915112345678"}, {"identifierType": "phone_id"})
    assert "49151" not in by_phone
    assert mask_path(template, {"identifier": 17}, {"identifierType": "contact_id"}).startswith("/contacts/17?")
    assert "Ana" not in mask_path("/contacts", {}, {"filter": 'equals(FIRSTNAME,"Ana")'})
    assert mask_path("/contacts/lists/{listId}", {"listId": 5}, {}) == "/contacts/lists/5"


def test_a_kept_call_becomes_a_command_that_takes_the_key_from_the_environment() -> None:
    line = as_curl(CALL)
    assert '"api-key: $BREVO_API_KEY"' in line
    words = shlex.split(line)
    assert words[:3] == ["curl", "-X", "POST"]
    assert words[3] == "https://api.brevo.com/v3/contacts?limit=1"
    assert words[-1] == CALL.request
    assert "--data" not in as_curl(replace(CALL, method="GET", request=""))
