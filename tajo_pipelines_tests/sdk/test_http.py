from __future__ import annotations

import gzip
from decimal import Decimal

import pytest

from tajo_pipelines.model.errors import AuthError, ConfigError, ContractError, RetryableError
from tajo_pipelines.sdk.http import Answer, HttpClient, Rule, check_base_url, decode_json, retry_after
from tajo_pipelines_tests.sdk.support import STEADY, HeldClock, Reply, in_turn, serving


def client(url: str, clock: HeldClock | None = None, **more: object) -> HttpClient:
    return HttpClient(url, clock=clock or HeldClock(), backoff=STEADY, **more)  # type: ignore[arg-type]  # any setting


def call(http: HttpClient) -> Answer:
    return http.persist(lambda: http.post("/x", json_body={"a": 1}))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_repeated_until_it_passes(status: int) -> None:
    clock = HeldClock()
    with serving(in_turn(Reply(status, {}), Reply(status, {}), Reply(200, {"ok": True}))) as server:
        assert call(client(server.url, clock)).json() == {"ok": True}
    assert len(server.calls) == 3
    assert len(clock.slept) == 2


def test_retry_after_is_waited_and_not_less() -> None:
    clock = HeldClock()
    with serving(in_turn(Reply(429, {}, {"Retry-After": "7"}), Reply(200, {}))) as server:
        call(client(server.url, clock))
    assert clock.slept == [7.0]


def test_a_shop_that_stays_down_ends_within_the_patience() -> None:
    clock = HeldClock()
    with serving(in_turn(Reply(500, {}))) as server, pytest.raises(RetryableError) as caught:
        call(client(server.url, clock, patience=60))
    assert caught.value.exit_code == 1
    assert 30 < sum(clock.slept) <= 60


def test_a_wrong_address_ends_sooner_than_a_host_that_once_answered() -> None:
    with serving(in_turn(Reply(200, {}))) as server:
        clock = HeldClock()
        known = client(server.url, clock, patience=120)
        call(known)
        known.close()
    with pytest.raises(RetryableError, match="can't be reached"):
        call(known)
    assert sum(clock.slept) > 60
    fresh = HeldClock()
    with pytest.raises(RetryableError, match="can't be reached"):
        call(client(server.url, fresh, patience=120))
    assert sum(fresh.slept) <= 15


def test_an_unknown_host_is_one_sentence() -> None:
    with pytest.raises(RetryableError) as caught:
        call(client("https://shop.invalid"))
    assert "shop.invalid" in str(caught.value)
    assert "HTTPSConnection" not in str(caught.value)


def test_a_torn_answer_is_repeated() -> None:
    with serving(in_turn(Reply(200, {"a": 1}, length=4000), Reply(hang_up=True), Reply(200, {"a": 2}))) as server:
        assert call(client(server.url)).json() == {"a": 2}


def test_an_answer_beyond_the_bound_is_refused_even_when_packed() -> None:
    packed = gzip.compress(b'"' + b"a" * 5_000_000 + b'"')
    with (
        serving(in_turn(Reply(200, packed, {"Content-Encoding": "gzip"}))) as server,
        pytest.raises(ContractError, match="larger than"),
    ):
        call(client(server.url, largest=1_000_000))


def test_a_redirect_is_never_followed() -> None:
    with (
        serving(in_turn(Reply(302, {}, {"Location": "https://elsewhere.example/x"}))) as server,
        pytest.raises(ConfigError, match=r"elsewhere\.example"),
    ):
        call(client(server.url))
    assert len(server.calls) == 1


def test_refusals_quote_the_vendor_without_secrets_and_addresses() -> None:
    said = {"errors": "no token hush-hush for ana@example.com"}
    with serving(in_turn(Reply(401, said))) as server, pytest.raises(AuthError) as caught:
        call(client(server.url, secrets=lambda: ("hush-hush",)))
    assert "no token *** for ***@***" in str(caught.value)
    assert caught.value.exit_code == 4


def test_a_platform_may_say_what_a_status_means() -> None:
    rule = Rule(ConfigError, "shop_frozen", "the shop is frozen", "pay")
    with serving(in_turn(Reply(402, {}))) as server, pytest.raises(ConfigError) as caught:
        call(client(server.url, rules={402: rule}))
    assert (caught.value.code, caught.value.hint) == ("shop_frozen", "pay")


def test_decimals_stay_exact_and_odd_numbers_are_no_json() -> None:
    assert decode_json(b'{"a": 0.10, "b": 12345678901234567890}') == {
        "a": Decimal("0.10"),
        "b": 12345678901234567890,
    }
    assert str(decode_json(b"0.10")) == "0.10"
    with pytest.raises(ValueError, match="NaN"):
        decode_json(b"NaN")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://127.0.0.1:8802", "http://127.0.0.1:8802"),
        ("http://localhost:8802/", "http://localhost:8802"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("https://shop.example", "https://shop.example"),
    ],
)
def test_base_urls_that_are_taken(given: str, kept: str) -> None:
    assert check_base_url(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "http://shop.example",
        "http://127.0.0.1.shop.example",
        "http://10.0.0.1",
        "ftp://localhost",
        "localhost:8802",
        "https://shop.example/admin",
        "https://user:hush@shop.example",
        "https://shop.example:port",
        "",
    ],
)
def test_base_urls_that_are_refused(given: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_base_url(given)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2.5", 2.5),
        ("-3", 0.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("soon", None),
        ("nan", None),
        (None, None),
    ],
)
def test_both_forms_of_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, HeldClock()) == seconds
