from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tajo_pipelines.brevo import imports, lists
from tajo_pipelines.brevo.account import check_ecommerce, read_identity
from tajo_pipelines.brevo.attributes import ensure
from tajo_pipelines.brevo.client import BrevoClient, BrevoRefusal
from tajo_pipelines.brevo.consent_door import import_flags
from tajo_pipelines.brevo.lists import ensure_lists
from tajo_pipelines.brevo.orders import order_document, send_orders
from tajo_pipelines.brevo.picture import Pair, refresh
from tajo_pipelines.brevo.ports import BucketLimit
from tajo_pipelines.model.consent import Channel
from tajo_pipelines.model.errors import AuthError, RetryableError
from tajo_pipelines.model.order import Order, OrderLine
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import DEFAULT_BREVO_KEY, DEFAULT_ORGANIZATION, TwinOptions
from tajo_pipelines.twin.server import TwinProcess, running_twin
from tajo_pipelines_tests.brevo.stub import FakeCalls, fresh_state

FACTOR = 50.0


class PatientBudget:
    """Knows no limits of its own: waits where the twin said so."""

    def __init__(self) -> None:
        self.until: dict[str, float] = {}
        self.seen: set[int | None] = set()

    def take(self, bucket: str, limit: BucketLimit) -> float:
        seconds = self.until.get(bucket, 0.0) - time.monotonic()
        if seconds > 0:
            time.sleep(seconds)
        return max(seconds, 0.0)

    def observe(self, bucket: str, *, limit: int | None, remaining: int | None, reset: float | None) -> None:
        self.seen.add(limit)

    def exhausted(self, bucket: str, reset: float) -> None:
        self.until[bucket] = time.monotonic() + reset / 2


def now() -> datetime:
    return datetime.now(UTC)


def client_of(twin: TwinProcess, key: str = DEFAULT_BREVO_KEY) -> BrevoClient:
    return BrevoClient(
        key, twin.brevo_url, PatientBudget(), FakeCalls(), sleep=lambda seconds: time.sleep(seconds / FACTOR)
    )


@pytest.fixture(scope="module")
def served() -> Iterator[TwinProcess]:
    with running_twin(halves=("brevo",), options=TwinOptions(tier="unlimited")) as twin:
        yield twin


@pytest.fixture
def client(served: TwinProcess) -> Iterator[BrevoClient]:
    served.faults()
    made = client_of(served)
    yield made
    made.close()


def test_the_account_says_who_it_is(client: BrevoClient) -> None:
    assert read_identity(client).organization_id == DEFAULT_ORGANIZATION
    assert check_ecommerce(client).currency == "EUR"


def test_a_wrong_key_is_one_clear_sentence(served: TwinProcess) -> None:
    stranger = client_of(served, "someone-elses")
    with pytest.raises(AuthError, match=r"Brevo refuses the API key .*401 unauthorized: Key not found"):
        read_identity(stranger)
    stranger.close()


def test_contacts_go_in_by_import_and_are_seen_in_the_picture(served: TwinProcess, client: BrevoClient) -> None:
    state = fresh_state()
    plan = ensure(client, state, {"FIRSTNAME": "text", "SPENT": "float"}, create=True, now=now())
    assert {"SPENT", "TAJO_BLOCKED", "TAJO_SOURCES"} <= plan.known.keys()
    ours = ensure_lists(client, state, {}, now())
    last = imports.newest_process(client)
    rows: list[dict[str, Any]] = [
        {
            "email": "one@example.com",
            "attributes": {"FIRSTNAME": "Ána", "SMS": "+4915112345678", "SPENT": Decimal("1.5")},
        },
        {"email": "two@example.com", "attributes": {"FIRSTNAME": "Bo", "SMS": "+4915112345678"}},
        {"email": "no address", "attributes": {"FIRSTNAME": "Cy"}},
    ]
    flags = import_flags([Channel.EMAIL])
    process = imports.start_import(client, rows, [ours.all_contacts], flags, update_existing=False)
    assert imports.find_lost(client, last) == [process]
    result = imports.wait(client, process)
    assert (result.status, result.invalid_emails) == ("completed", ["no address"])
    assert result.duplicates == {"phone": ["two@example.com"]}
    pairs: list[Pair] = []
    delta = refresh(client, state, now(), pairs.extend)
    [one] = [after for _, after in pairs if after.email == "one@example.com"]
    assert delta.whole
    assert (one.phone, one.email_blocked, one.sms_blocked) == ("+4915112345678", True, False)
    assert one.lists == {ours.all_contacts}
    assert "Ána" not in repr(client.calls.kept)  # type: ignore[attr-defined]  # the fake of these tests
    change = lists.add(client, ours.subscribers, ["one@example.com", "nobody@example.com"])
    assert (change.done, change.failed) == (["one@example.com"], ["nobody@example.com"])
    changed: list[Pair] = []
    assert not refresh(client, state, now(), changed.extend).whole
    [(before, after)] = [pair for pair in changed if pair[1].email == "one@example.com"]
    assert before is not None
    assert after.lists - before.lists == {ours.subscribers}
    assert lists.remove(client, ours.subscribers, [one.contact_id]).done == [one.contact_id]


def test_a_phone_that_belongs_to_somebody_else_is_named_by_metadata(client: BrevoClient) -> None:
    client.request("POST", "/contacts", body={"email": "p1@example.com", "attributes": {"SMS": "+491701234567"}})
    with pytest.raises(BrevoRefusal) as raised:
        client.request("POST", "/contacts", body={"email": "p2@example.com", "attributes": {"SMS": "+491701234567"}})
    assert raised.value.duplicates == ("SMS",)


def order(number: int) -> dict[str, Any]:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    line = OrderLine(title="T-Shirt", quantity=1, unit_price=Decimal("9.99"), product_id="7")
    made = Order(
        id=str(number),
        currency="EUR",
        gross=Decimal("9.99"),
        created_at=at,
        updated_at=at,
        status="paid",
        lines=(line,),
    )
    return order_document(made, email=f"p{number}@example.com", phone=None, rate=None, currency="EUR")


def test_orders_arrive_and_one_bad_one_stays_behind_alone(served: TwinProcess, client: BrevoClient) -> None:
    documents = [order(number) for number in range(100, 140)]
    documents[7]["products"] = "none"
    sent = send_orders(client, documents, historical=True)
    assert [number for number, _ in sent.refused] == ["107"]
    assert len(sent.accepted) == 39
    deadline = time.monotonic() + 5
    while len(held := served.state("brevo")["orders"]) < 39 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sum(Decimal(str(item["amount"])) for item in held) == Decimal("9.99") * 39


@pytest.mark.parametrize("action", ["reset", "torn", "after_effect_reset"])
def test_reading_survives_cut_connections(served: TwinProcess, client: BrevoClient, action: str) -> None:
    served.faults({"target": "brevo", "action": action, "path": "/v3/contacts$", "times": 2})
    refresh(client, fresh_state(), now(), lambda pairs: None)


def test_an_import_that_took_effect_behind_a_cut_connection_is_in_doubt_and_found(
    served: TwinProcess, client: BrevoClient
) -> None:
    ours = ensure_lists(client, fresh_state(), {}, now())
    last = imports.newest_process(client)
    served.faults({"target": "brevo", "action": "after_effect_reset", "path": "/contacts/import$", "times": 1})
    rows = [{"email": "doubt@example.com", "attributes": {}}]
    with pytest.raises(RetryableError) as raised:
        imports.start_import(client, rows, [ours.all_contacts], {}, update_existing=True)
    assert raised.value.in_doubt
    [lost] = imports.find_lost(client, last)
    assert imports.wait(client, lost).status == "completed"


def test_limits_are_waited_for_by_the_headers_and_every_call_gets_through() -> None:
    # Half a second a window: slow enough that 25 calls hit the limit on any machine.
    with running_twin(halves=("brevo",), options=TwinOptions(tier="general"), clock=TwinClock(2.0)) as twin:
        client = client_of(twin)
        for _ in range(25):
            client.request("GET", "/contacts", query={"limit": 1})
        client.close()
    assert client.usage.too_many["contacts"] >= 1
    assert client.usage.requests["GET /contacts"] == 25 + client.usage.too_many["contacts"]
    assert 10 in client.budget.seen  # type: ignore[attr-defined]  # the budget of these tests
