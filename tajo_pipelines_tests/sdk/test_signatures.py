"""Who may say something: signatures, with an independent verifier as the oracle."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks

from tajo_pipelines.model.errors import ConfigError, SignatureError
from tajo_pipelines.sdk.signatures import HmacSignature, StandardWebhooks
from tajo_pipelines.sdk.webhooks import Delivery, Signature

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
BODY = b'{"id": 1, "name": "\xc3\xa8"}'
KEY = b"0123456789abcdef0123456789abcdef"
WHSEC = "whsec_" + base64.b64encode(KEY).decode()


def refusal(signature: Signature, delivery: Delivery, *secrets: str) -> str | None:
    try:
        signature.verify(delivery, secrets)
    except SignatureError as error:
        return error.code
    return None


def hmac_delivery(secret: str, body: bytes = BODY, *, encoding: str = "base64", prefix: str = "") -> Delivery:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    text = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
    return Delivery({"x-signature": prefix + text}, body, NOW)


def standard_delivery(at: datetime = NOW, key: str = WHSEC, headers: Mapping[str, str] = {}) -> Delivery:
    signed = standardwebhooks.Webhook(key).sign("msg_1", at, BODY.decode())
    known = {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signed}
    return Delivery({**known, **headers}, BODY, NOW)


@pytest.mark.parametrize(("encoding", "prefix"), [("base64", ""), ("hex", ""), ("hex", "sha256=")])
def test_the_bytes_as_they_came_are_proved(encoding: str, prefix: str) -> None:
    signature = HmacSignature("x-signature", "hex" if encoding == "hex" else "base64", prefix)
    good = hmac_delivery("s3cret", encoding=encoding, prefix=prefix)
    assert refusal(signature, good, "s3cret") is None
    assert refusal(signature, good, "other") == "bad_signature"
    changed = Delivery(good.headers, BODY + b" ", NOW)
    assert refusal(signature, changed, "s3cret") == "bad_signature"


def test_a_body_that_is_no_text_can_be_authentic() -> None:
    body = b"\xff\xfe\x00" * 9
    assert refusal(HmacSignature("x-signature"), hmac_delivery("s", body), "s") is None


def test_both_secrets_sign_while_one_replaces_the_other() -> None:
    signature = HmacSignature("x-signature")
    for secret in ("old", "new"):
        assert refusal(signature, hmac_delivery(secret), "old", "new") is None


def test_without_secrets_nothing_is_authentic() -> None:
    assert refusal(HmacSignature("x-signature"), hmac_delivery(""), *()) == "bad_signature"
    assert refusal(StandardWebhooks(), standard_delivery(), *()) == "bad_signature"


@pytest.mark.parametrize("given", [None, "", "  "])
def test_nothing_signed_is_told_apart_from_wrongly_signed(given: str | None) -> None:
    headers = {} if given is None else {"x-signature": given}
    assert refusal(HmacSignature("x-signature"), Delivery(headers, BODY, NOW), "s") == "unsigned"


@pytest.mark.parametrize("given", ["=", "abc", "\xff\xff", "☃", "a" * 100_000])
def test_a_signature_of_any_shape_is_refused_not_an_error(given: str) -> None:
    assert refusal(HmacSignature("x-signature"), Delivery({"x-signature": given}, BODY, NOW), "s") == "bad_signature"
    odd = standard_delivery(headers={"webhook-signature": given})
    assert refusal(StandardWebhooks(), odd, WHSEC) == "bad_signature"


def test_every_secret_is_tried_though_the_first_one_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[bytes | str] = []
    digest = hmac.digest

    def counted(key: bytes, message: bytes, name: str) -> bytes:
        tried.append(key)
        return digest(key, message, name)

    delivery = hmac_delivery("a")
    monkeypatch.setattr(hmac, "digest", counted)
    HmacSignature("x-signature").verify(delivery, ("a", "b", "c"))
    assert tried == [b"a", b"b", b"c"]


def test_what_the_standards_own_library_signed_is_authentic() -> None:
    delivery = standard_delivery()
    assert refusal(StandardWebhooks(), delivery, WHSEC) is None
    assert refusal(StandardWebhooks(), delivery, "whsec_b3RoZXI=", WHSEC.rstrip("=")) is None
    assert refusal(StandardWebhooks(), delivery, "whsec_b3RoZXI=") == "bad_signature"


def test_one_of_several_signatures_is_enough() -> None:
    own = standard_delivery().headers["webhook-signature"]
    assert (
        refusal(StandardWebhooks(), standard_delivery(headers={"webhook-signature": f"v1a,xx v1,eA== {own}"}), WHSEC)
        is None
    )


def test_a_secrets_own_bytes_can_be_the_key() -> None:
    secret = "plain-client-secret"
    delivery = standard_delivery(key=base64.b64encode(secret.encode()).decode())
    assert refusal(StandardWebhooks(plain_secret=True), delivery, secret) is None
    assert refusal(StandardWebhooks(), delivery, WHSEC) == "bad_signature"


@pytest.mark.parametrize(("age", "code"), [(299, None), (-299, None), (301, "stale"), (-301, "stale")])
def test_an_old_signature_is_no_longer_one(age: int, code: str | None) -> None:
    assert refusal(StandardWebhooks(), standard_delivery(NOW - timedelta(seconds=age)), WHSEC) == code


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_of_the_three_headers_is_needed(name: str) -> None:
    assert refusal(StandardWebhooks(), standard_delivery(headers={name: ""}), WHSEC) == "unsigned"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_id_and_time_are_signed_too(name: str) -> None:
    changed = standard_delivery(headers={name: "1795608001"})
    assert refusal(StandardWebhooks(), changed, WHSEC) == "bad_signature"


def test_a_signed_time_that_is_none_is_refused() -> None:
    for seconds in ("1e9", "-5", "٣", "9" * 12, "9" * 40):
        signed = hmac.digest(KEY, f"m.{seconds}.".encode("latin-1", "replace") + BODY, "sha256")
        headers = {
            "webhook-id": "m",
            "webhook-timestamp": seconds,
            "webhook-signature": "v1," + base64.b64encode(signed).decode(),
        }
        assert refusal(StandardWebhooks(), Delivery(headers, BODY, NOW), WHSEC) == "bad_signature"


@pytest.mark.parametrize("secret", ["whsec_***", "whsec_", "hello world!"])
def test_a_secret_that_cannot_be_one_is_a_configuration_error_whatever_comes(secret: str) -> None:
    with pytest.raises(ConfigError):
        StandardWebhooks().verify(Delivery({}, b"", NOW), (secret,))
