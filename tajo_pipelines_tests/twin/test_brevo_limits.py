from __future__ import annotations

import pytest
import requests

from tajo_pipelines.twin.brevo.limits import TIERS, Limits, bucket_of
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import running_twin


class Time:
    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("method", "template", "bucket"),
    [
        ("GET", "/contacts", "contacts"),
        ("POST", "/contacts/import", "contacts"),
        ("GET", "/contacts/attributes", "contacts"),
        ("POST", "/events", "events"),
        ("GET", "/events", "other"),
        ("POST", "/events/batch", "other"),
        ("POST", "/orders/status", "orders"),
        ("POST", "/orders/status/batch", "other"),
        ("GET", "/orders", "other"),
        ("POST", "/products", "products"),
        ("GET", "/processes/{processId}", "other"),
        ("GET", "/account", "other"),
    ],
)
def test_which_calls_share_a_bucket(method: str, template: str, bucket: str) -> None:
    assert bucket_of(method, template) == bucket


def test_a_window_opens_with_its_first_call_and_ends_by_its_length() -> None:
    time = Time()
    limits = Limits("general", TwinClock(source=time))
    time.seconds += 0.7
    verdicts = [limits.take("contacts") for _ in range(11)]
    assert [verdict.allowed for verdict in verdicts] == [True] * 10 + [False]
    assert verdicts[0].headers["x-sib-ratelimit-remaining"] == "9"
    assert verdicts[10].headers == {
        "x-sib-ratelimit-limit": "10",
        "x-sib-ratelimit-remaining": "0",
        "x-sib-ratelimit-reset": "1",
    }
    time.seconds += 0.99
    assert not limits.take("contacts").allowed
    time.seconds += 0.02
    assert limits.take("contacts").allowed


def test_the_hour_is_counted_beside_the_second_and_resets_in_real_seconds() -> None:
    time = Time()
    limits = Limits("general", TwinClock(60.0, source=time))
    for _ in range(100):
        assert limits.take("other").allowed
        time.seconds += 0.25
    refused = limits.take("other")
    assert not refused.allowed
    assert refused.headers["x-sib-ratelimit-reset"] == "35"
    time.seconds += 35
    assert limits.take("other").allowed


def test_the_hourly_limit_of_contacts_is_36_000() -> None:
    time = Time()
    limits = Limits("general", TwinClock(source=time))
    passed = 0
    for _ in range(3590):
        passed += sum(limits.take("contacts").allowed for _ in range(11))
        time.seconds += 1.0
    assert passed == 35_900
    assert TIERS["general"]["contacts"][3600.0] == 36_000


def test_429_comes_over_http_with_headers_and_counts_nothing() -> None:
    options = TwinOptions(tier="general", brevo_unsubscribed=[])
    with running_twin(halves=("brevo",), options=options, clock=TwinClock(0.1)) as twin, requests.Session() as session:
        session.headers["api-key"] = "twin-brevo-key"
        answers = [session.get(f"{twin.brevo_url}/contacts", timeout=5) for _ in range(12)]
        statuses = [answer.status_code for answer in answers]
        assert statuses[:10] == [200] * 10
        assert statuses[10] == 429
        assert answers[10].json()["code"] == "too_many_requests"
        assert 1 < int(answers[10].headers["x-sib-ratelimit-reset"]) <= 10
        assert answers[0].headers["x-sib-ratelimit-limit"] == "10"
        assert session.post(f"{twin.brevo_url}/contacts", data="{", timeout=5).status_code in (400, 429)
        assert session.get(f"{twin.brevo_url}/account", timeout=5).headers["x-sib-ratelimit-limit"] == "100"
        assert twin.state("brevo")["too_many"] >= 1
        twin.change("brevo", "tier", tier="extended")
        assert session.get(f"{twin.brevo_url}/contacts", timeout=5).headers["x-sib-ratelimit-limit"] == "60"
