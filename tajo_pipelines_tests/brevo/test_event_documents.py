from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from brevo.event.types import CreateBatchEventsRequestEventsItem as VendorEvent

from tajo_pipelines.brevo.answers import encode
from tajo_pipelines.brevo.event_documents import MAX_BATCH_BYTES, event_document, group_events
from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines_tests.brevo.event_world import event, many


def test_an_event_says_who_what_and_when_and_nothing_of_the_contact() -> None:
    at = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
    assert encode(event_document(event(7, at=at))).decode() == (
        '{"event_name":"order_placed","event_date":"2026-11-01T11:00:00.123Z",'
        '"identifiers":{"email_id":"ana@example.com"},'
        '"event_properties":{"id":"7","total":19.90,"items":[{"name":"T-Shirt","price":19}]}}'
    )
    by_phone = event_document(event(email=None, phone="+4915112345678"))
    assert by_phone["identifiers"] == {"phone_id": "+4915112345678"}


def test_the_vendors_own_model_takes_the_event() -> None:
    sent = msgspec.json.decode(encode(event_document(event(properties={"id": "1", "tags": ["a"], "paid": True}))))
    taken = VendorEvent.model_validate(sent)
    assert not taken.model_extra
    assert not taken.identifiers.model_extra
    assert taken.event_date == "2026-11-24T11:00:00.000Z"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"email": None}, "no_identifier"),
        ({"name": "Order placed"}, "event_name"),
        ({"name": "a" * 256}, "event_name"),
        ({"properties": {"a" * 256: 1}}, "property_name"),
        ({"properties": {"items": [{"unit price": 1}]}}, "property_name"),
        ({"properties": {"note": "ü" * 25_000}}, "event_too_large"),
    ],
)
def test_what_brevo_would_refuse_isnt_sent(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(RejectedRecord) as raised:
        event_document(event(**more))
    assert raised.value.reason == reason


def test_batches_keep_to_both_limits_and_to_the_order() -> None:
    told = [(one, event_document(one)) for one in many(450)]
    groups = list(group_events(told))
    assert [len(group) for group in groups] == [200, 200, 50]
    large = [event(number, properties={"id": str(number), "note": "x" * 40_000}) for number in range(30)]
    groups = list(group_events((one, event_document(one)) for one in large))
    assert all(len(encode({"events": [doc for _, doc in group]})) <= MAX_BATCH_BYTES for group in groups)
    assert [one.key for group in groups for one, _ in group] == [str(number) for number in range(30)]
