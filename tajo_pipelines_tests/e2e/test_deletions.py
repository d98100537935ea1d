from __future__ import annotations

import pytest

from tajo_pipelines_tests.e2e.conftest import Build
from tajo_pipelines_tests.e2e.expectations import expected


@pytest.mark.parametrize(
    ("on_delete", "lists", "blocked"),
    [("keep", 2, False), ("unlist", 0, False), ("block", 0, True)],
    ids=["keep", "unlist", "block"],
)
def test_a_customer_deleted_in_the_shop_is_carried_out_once(
    build: Build, on_delete: str, lists: int, blocked: bool
) -> None:
    project = build(customers=40, connection=f"    on_delete: {on_delete}")
    project.sync("full")
    email = sorted(expected(project).granted)[0]
    [key] = [person["id"] for person in project.people() if (person["email"] or "").lower() == email]
    project.twin.change("shopify", "delete_customer", id=key)
    assert project.sync("incremental").customers.deleted == 1
    [contact] = [found for found in project.twin.state("brevo")["contacts"] if found["email"] == email]
    assert len(contact["listIds"]) == lists
    assert contact["emailBlacklisted"] is blocked
    told = [kept["event"]["event_name"] for kept in project.twin.state("brevo")["events"]]
    assert told.count("customer_deleted") == 1
    again = project.sync("incremental")
    assert again.customers.deleted == 0
    assert len(project.twin.state("brevo")["events"]) == len(told)
