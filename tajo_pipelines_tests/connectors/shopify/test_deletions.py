from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tajo_pipelines.connectors.shopify import streams
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.connector import Deleted
from tajo_pipelines_tests.connectors.shopify.support import SCHEMA, Shop, opened

SECOND = Window(datetime(2026, 10, 2, tzinfo=UTC), datetime(2026, 10, 3, tzinfo=UTC))
EVER = Window(None, datetime(2026, 11, 24, tzinfo=UTC))


def event(subject: str, number: int, **changes: Any) -> dict[str, Any]:
    return {
        "action": "destroy",
        "createdAt": "2026-10-02T10:00:00Z",
        "subjectId": f"gid://shopify/{subject.title()}/{number}",
        "subjectType": subject,
        **changes,
    }


def deleted(shop: Shop, stream: str, window: Window = EVER) -> list[Deleted]:
    with opened(shop) as (source, _):
        return list(source.deleted(stream, window))


def test_a_deletion_is_seen_once_in_its_half_open_window() -> None:
    assert deleted(Shop(), "products", SECOND) == [Deleted("891", datetime(2026, 10, 2, 9, 30, tzinfo=UTC))]


def test_all_pages_are_read() -> None:
    assert [each.key for each in deleted(Shop(largest_page=1), "products")] == ["890", "891", "892"]


@pytest.mark.parametrize(
    ("stream", "subject"), [("customers", "CUSTOMER"), ("orders", "ORDER"), ("products", "PRODUCT")]
)
def test_each_stream_asks_for_its_own_subject(stream: str, subject: str) -> None:
    shop = Shop(events=[event(kind, 5) for kind in ("CUSTOMER", "ORDER", "PRODUCT", "COLLECTION")])
    assert [each.key for each in deleted(shop, stream)] == ["5"]
    assert shop.asked[-1]["query"].startswith(f"action:destroy AND subject_type:{subject} AND created_at:<")
    assert subject in SCHEMA.type_map["EventSubjectType"].values  # type: ignore[attr-defined]  # an enum


def test_what_the_search_lets_through_by_mistake_deletes_nobody() -> None:
    shop = Shop(events=[event("CUSTOMER", 1, action="update"), event("ORDER", 2), event("CUSTOMER", 3)])
    with opened(shop) as (source, _):
        shop._top = _unfiltered(shop)  # type: ignore[method-assign]  # a shop that ignores the search
        assert [each.key for each in source.deleted("customers", EVER)] == ["3"]


def _unfiltered(shop: Shop) -> Any:
    return lambda source, name, arguments: shop._page(shop.events, arguments)


def test_deletions_of_carts_are_absent_and_refused_aloud() -> None:
    with opened(Shop()) as (source, _), pytest.raises(ConfigError) as caught:
        source.deleted("carts", EVER)
    assert caught.value.code == "deletes_absent"


def test_the_manifest_says_which_deletions_are_seen() -> None:
    declared = {spec.name for spec in streams.MANIFEST.streams if spec.deletes}
    assert declared == {name for name, reading in streams.READINGS.items() if reading.subject is not None}


def test_merges_are_absent_from_the_events_and_declared_so() -> None:
    assert streams.MANIFEST.capabilities.merges == "absent"
    assert {each.merged_into for each in deleted(Shop(), "products")} == {None}
