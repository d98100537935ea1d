from __future__ import annotations

import pytest

from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.identity import held_email, normal_email, normal_phone


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        (" Ana.B+Tag@Example.COM ", "ana.b+tag@example.com"),
        ("o'neil@shop.co.uk", "o'neil@shop.co.uk"),
        ("Kasse@BÜCHER.example", "kasse@xn--bcher-kva.example"),
        ("kasse@xn--bcher-kva.example", "kasse@xn--bcher-kva.example"),
    ],
)
def test_one_mailbox_has_one_form_that_every_mail_system_takes(written: str, normal: str) -> None:
    assert normal_email(written) == normal
    assert held_email(written) == normal


@pytest.mark.parametrize("written", ["", "nobody", "a@@b.example", "käufer@example.com", "a@b"])
def test_what_no_system_takes_is_rejected_before_it_is_sent(written: str) -> None:
    with pytest.raises(RejectedRecord) as caught:
        normal_email(written)
    assert (caught.value.reason, caught.value.field) == ("invalid_email", "email")


def test_an_address_that_is_held_already_isnt_judged() -> None:
    assert held_email("Käufer@Example.com") == "käufer@example.com"
    assert held_email("Nobody") == "nobody"


@pytest.mark.parametrize(
    ("written", "region", "normal"),
    [
        ("0151 123 456 78", "DE", "+4915112345678"),
        ("+33 6 12 34 56 78", None, "+33612345678"),
        ("0033612345678", "DE", "+33612345678"),
    ],
)
def test_phones_become_e164(written: str, region: str | None, normal: str) -> None:
    assert normal_phone(written, region) == normal


@pytest.mark.parametrize(("written", "region"), [("0151 12345678", None), ("call me", "DE"), ("+49 1", None)])
def test_numbers_that_nobody_can_call_are_rejected(written: str, region: str | None) -> None:
    with pytest.raises(RejectedRecord) as caught:
        normal_phone(written, region)
    assert (caught.value.reason, caught.value.field) == ("invalid_phone", "phone")
