from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tajo_pipelines.brevo.client import BrevoClient, BrevoRefusal
from tajo_pipelines.brevo.limits import TIERS, bucket_of
from tajo_pipelines.brevo.ports import BucketLimit
from tajo_pipelines.model.errors import AuthError, ConfigError, RetryableError
from tajo_pipelines_tests.brevo.stub import KEY, Bench, FakeBudget, FakeCalls, FakeTime, Reply, bench, stub

OK = Reply(200, {"fine": True})


def limited(reset: str | None) -> Reply:
    headers = {} if reset is None else {"x-sib-ratelimit-reset": reset}
    return Reply(429, {"code": "too_many_requests", "message": "slow down"}, headers)


@pytest.fixture
def nobody() -> Iterator[str]:
    """A URL on which nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/v3"


def close(*benches: Bench) -> None:
    for item in benches:
        item.client.close()


def test_only_documented_headers_and_exact_decimals_go_out() -> None:
    with stub([OK]) as served:
        b = bench(served.url)
        answer = b.client.request(
            "POST", "/orders/status", body={"amount": Decimal("19.90"), "when": None}, query={"a": [1, 2], "b": None}
        )
        close(b)
    sent = served.received[0]
    assert sent.path == "/v3/orders/status?a=1&a=2"
    transport = {"host", "content-length", "accept-encoding", "connection"}
    assert sent.headers.keys() - transport == {"api-key", "accept", "content-type", "user-agent"}
    assert sent.headers["api-key"] == KEY
    assert answer.body == {"fine": True}
    assert b.calls.kept[0].request == '{"amount":19.90,"when":null}'
    assert b.calls.kept[0].bytes_sent == len('{"amount":19.90,"when":null}')


def test_a_path_variable_is_escaped() -> None:
    with stub([OK]) as served:
        b = bench(served.url)
        b.client.request("GET", "/contacts/{identifier}", path_vars={"identifier": "a+b/c@example.com"})
        close(b)
    assert served.received[0].path == "/v3/contacts/a%2Bb%2Fc%40example.com"


def test_the_key_is_in_no_text_of_the_client_nor_in_any_call_nor_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = {"code": "unauthorized", "message": f"Key {KEY} not found"}
    with stub([Reply(500, echo), Reply(401, echo)]) as served:
        b = bench(served.url)
        with pytest.raises(AuthError, match="Brevo refuses the API key") as raised:
            b.client.request("GET", "/account")
        close(b)
    seen = f"{b.client!r} {raised.value} {b.calls.kept} {caplog.text}"
    assert KEY not in seen
    assert raised.value.exit_code == 4


@pytest.mark.parametrize("status", [500, 502, 503, 504, 524, 408, 425])
def test_an_idempotent_call_is_repeated_through_trouble(status: int) -> None:
    with stub([Reply(status, b"<html>"), Reply(status, b"<html>"), OK]) as served:
        b = bench(served.url)
        assert b.client.request("GET", "/account").status == 200
        close(b)
    assert len(served.received) == 3
    assert 0 < b.time.slept[0] < b.time.slept[1] <= 2
    assert [call.status for call in b.calls.kept] == [status, status, 200]
    assert b.client.usage.requests == {"GET /account": 3}
    assert b.client.usage.used == {"other": 3}


def test_patience_ends_with_one_sentence() -> None:
    with stub([Reply(503, {"message": "maintenance"})]) as served:
        b = bench(served.url, patience=30)
        with pytest.raises(RetryableError, match=r"Brevo is in trouble \(503: maintenance\)") as raised:
            b.client.request("GET", "/account")
        close(b)
    assert not raised.value.in_doubt
    assert 15 < sum(b.time.slept) <= 30


@pytest.mark.parametrize(
    "reply", [Reply(502, b"<html>"), Reply(408), Reply(200, b'{"id": 1'), Reply(202, {"processId": 12345}, cut=True)]
)
def test_a_call_that_may_not_be_doubled_is_in_doubt_at_once(reply: Reply) -> None:
    with stub([reply]) as served:
        b = bench(served.url)
        with pytest.raises(RetryableError) as raised:
            b.client.request("POST", "/contacts/import", body={}, idempotent=False)
        close(b)
    assert raised.value.in_doubt
    assert len(served.received) == 1
    assert b.client.usage.requests == {"POST /contacts/import": 1}


def test_425_and_429_are_repeated_even_where_doubling_would_hurt() -> None:
    with stub([Reply(425), limited("1"), Reply(202, {"processId": 7})]) as served:
        b = bench(served.url)
        assert b.client.request("POST", "/contacts/import", body={}, idempotent=False).body == {"processId": 7}
        close(b)


@pytest.mark.parametrize("reply", [Reply(200, b"<html>login</html>"), Reply(200, {"contacts": [1, 2, 3]}, cut=True)])
def test_a_torn_or_foreign_answer_is_asked_for_again(reply: Reply) -> None:
    with stub([reply, OK]) as served:
        b = bench(served.url)
        assert b.client.request("GET", "/contacts").body == {"fine": True}
        close(b)


def test_an_unreachable_host_is_given_up_after_a_few_tries_and_never_in_doubt(nobody: str) -> None:
    b = bench(nobody)
    with pytest.raises(RetryableError, match="can't be reached") as raised:
        b.client.request("POST", "/contacts/import", body={}, idempotent=False)
    close(b)
    assert not raised.value.in_doubt
    assert sum(b.time.slept) < 10
    assert b.client.usage.requests == {}
    assert {call.status for call in b.calls.kept} == {0}


def test_an_unknown_name_is_unreachable_too() -> None:
    b = bench("https://brevo.invalid/v3")
    with pytest.raises(RetryableError, match=r"brevo\.invalid can't be reached"):
        b.client.request("GET", "/account")
    close(b)


def test_an_hour_is_waited_for_through_the_shared_budget(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with stub([limited("3600"), OK]) as served:
        b = bench(served.url, patience=10)
        b.client.request("GET", "/processes")
        close(b)
    assert b.budget.closed == [("other", 3600.0)]
    assert b.time.slept == []
    assert b.client.usage.too_many == {"other": 1}
    assert b.client.usage.waited == {"other": 3600.0}
    assert "renewed in 3600 s" in caplog.text


def test_a_429_without_a_reset_is_waited_for_ever_longer() -> None:
    with stub([limited(None), limited(None), limited("nonsense"), OK]) as served:
        b = bench(served.url)
        b.client.request("GET", "/contacts")
        close(b)
    assert b.budget.closed == [("contacts", 1.0), ("contacts", 2.0), ("contacts", 4.0)]


def test_429s_without_end_end() -> None:
    with stub([limited("1")]) as served:
        b = bench(served.url, patience=20)
        with pytest.raises(RetryableError, match="isn't renewed"):
            b.client.request("GET", "/contacts")
        close(b)
    assert 15 <= len(served.received) <= 25


def test_a_reset_beyond_an_hour_isnt_waited_for() -> None:
    with stub([limited("7200")]) as served:
        b = bench(served.url)
        with pytest.raises(RetryableError) as raised:
            b.client.request("GET", "/contacts")
        close(b)
    assert raised.value.retry_after == 7200


def test_rate_headers_teach_the_budget_and_their_absence_teaches_nothing() -> None:
    headers = {"x-sib-ratelimit-limit": "10", "x-sib-ratelimit-remaining": "4", "x-sib-ratelimit-reset": "1"}
    with stub([OK, Reply(200, {}, headers), Reply(200, {}, {"X-Sib-RateLimit-Remaining": "nan"})]) as served:
        b = bench(served.url)
        for _ in range(3):
            b.client.request("GET", "/contacts/lists")
        close(b)
    assert b.budget.observed == [("contacts", 10, 4, 1.0)]


@pytest.mark.parametrize(
    ("status", "code", "kind", "exit_code"),
    [
        (401, "unauthorized", AuthError, 4),
        (403, "permission_denied", AuthError, 4),
        (403, "account_under_validation", ConfigError, 3),
        (402, "not_enough_credits", ConfigError, 3),
        (302, "", ConfigError, 3),
        (404, "document_not_found", BrevoRefusal, 1),
    ],
)
def test_each_refusal_is_the_error_of_what_to_do_next(
    status: int, code: str, kind: type[Exception], exit_code: int
) -> None:
    with stub(
        [Reply(status, {"code": code, "message": "Said so"}, {"location": "https://elsewhere.invalid/"})]
    ) as served:
        b = bench(served.url)
        with pytest.raises(kind) as raised:
            b.client.request("GET", "/account")
        close(b)
    assert len(served.received) == 1
    assert getattr(raised.value, "exit_code", None) == exit_code
    assert code in str(raised.value)


def test_an_unknown_address_of_ours_names_its_own_click() -> None:
    message = "We have detected you are using an unrecognised IP address 10.0.0.1."
    with stub([Reply(401, {"code": "unauthorized", "message": message})]) as served:
        b = bench(served.url)
        with pytest.raises(AuthError, match="Authorized IPs"):
            b.client.request("GET", "/account")
        close(b)


def test_a_refusal_names_the_duplicates_by_metadata_and_masks_the_words() -> None:
    body = {
        "code": "invalid_parameter",
        "message": "ana.maria@example.com or 4915112345678 is already associated with another Contact",
        "metadata": {"duplicate_identifiers": ["SMS"]},
    }
    with stub([Reply(400, body)]) as served:
        b = bench(served.url)
        with pytest.raises(BrevoRefusal) as raised:
            b.client.request("POST", "/contacts", body={"attributes": {"SMS": "4915112345678"}})
        close(b)
    assert raised.value.duplicates == ("SMS",)
    assert raised.value.vendor.message == "a***@example.com or *** is already associated with another Contact"
    assert raised.value.vendor.code == "invalid_parameter"
    assert "ana.maria" not in repr(b.calls.kept)
    assert "4915112345678" not in repr(b.calls.kept)


def test_an_expected_status_is_an_answer() -> None:
    with stub([Reply(404, {"code": "document_not_found", "message": "no"})]) as served:
        b = bench(served.url)
        answer = b.client.request("GET", "/contacts/{identifier}", path_vars={"identifier": 5}, accept=(404,))
        close(b)
    assert (answer.status, answer.body["code"]) == (404, "document_not_found")


@pytest.mark.parametrize(
    "url", ["http://api.example.com/v3", "ftp://127.0.0.1", "api.brevo.com", "http://127.0.0.1.nip.io/v3"]
)
def test_plain_http_leaves_this_machine_never(url: str) -> None:
    time = FakeTime()
    with pytest.raises(ConfigError):
        BrevoClient(KEY, url, FakeBudget(time), FakeCalls())


@pytest.mark.parametrize("url", ["http://localhost:1/v3/", "http://[::1]:1/v3", "https://api.example.com/v3"])
def test_loopback_and_https_are_fine(url: str) -> None:
    time = FakeTime()
    client = BrevoClient(KEY, url, FakeBudget(time), FakeCalls())
    client.close()
    assert not client.base_url.endswith("/")


@pytest.mark.parametrize("key", ["", "two words", "käse", "a\nb"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigError) as raised:
        BrevoClient(key, "http://localhost:1/v3", FakeBudget(FakeTime()), FakeCalls())
    assert key == "" or key not in str(raised.value)


@pytest.mark.parametrize(
    ("method", "template", "bucket"),
    [
        ("GET", "/contacts", "contacts"),
        ("POST", "/contacts/import", "contacts"),
        ("POST", "/contacts/lists/{listId}/contacts/add", "contacts"),
        ("POST", "/events", "events"),
        ("GET", "/events", "other"),
        ("POST", "/events/batch", "other"),
        ("POST", "/orders/status", "orders"),
        ("POST", "/orders/status/batch", "other"),
        ("POST", "/products", "products"),
        ("GET", "/processes/{processId}", "other"),
        ("GET", "/account", "other"),
    ],
)
def test_each_call_counts_in_its_documented_bucket(method: str, template: str, bucket: str) -> None:
    assert bucket_of(method, template) == bucket
    for limits in TIERS.values():
        assert bucket in limits


def test_the_tier_decides_what_is_taken() -> None:
    with stub([OK]) as served:
        b = bench(served.url, tier="extended")
        b.client.request("GET", "/contacts")
        close(b)
    assert b.budget.taken == [("contacts", BucketLimit(60, None))]


def test_no_password_of_netrc_and_no_cookie_goes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with stub([Reply(200, {}, {"set-cookie": "tracked=yes; path=/"}), OK]) as served:
        b = bench(served.url)
        b.client.request("GET", "/account")
        b.client.request("GET", "/account")
        close(b)
    for sent in served.received:
        assert not {"authorization", "cookie"} & sent.headers.keys()
