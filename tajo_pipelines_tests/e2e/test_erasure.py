"""An erased person is found nowhere, doesn't come back, and whoever has the address later is somebody else."""

from __future__ import annotations

import pytest

from tajo_pipelines.store.letters import LetterState
from tajo_pipelines_tests.e2e.conftest import Build
from tajo_pipelines_tests.e2e.erasures import EMAIL, World, furnish, leave_more
from tajo_pipelines_tests.e2e.test_secrecy import command


@pytest.fixture
def world(build: Build) -> World:
    """One person's traces in every place, left by a real run under Dagster and a few things more."""
    world = furnish(build(customers=30))
    code, out, err = command(world.project, "connectors", "sync", "shopify", "--full", "--json")
    assert code == 0, out + err
    leave_more(world)
    return world


def test_an_erased_person_is_found_nowhere_and_a_full_read_does_not_bring_them_back(world: World) -> None:
    found = {place.rpartition(": ")[2] for place, _ in world.search()}
    assert found >= {"ledger_contacts", "consent_facts", "picture", "deliveries", "rows"}
    assert world.contact() is not None
    delivered = world.redact()
    assert delivered.inbox is not None and delivered.inbox.deliveries == 1
    assert delivered.notices == []
    assert world.contact() is None
    assert world.search() == []
    with world.project.workspace() as workspace:
        [receipt] = workspace.store.receipts.list()
        assert receipt.doc["files_swept"] is True
        assert receipt.doc["known_by"]["emails"] == 1
        assert receipt.doc["gone"]["brevo: contacts"] == 1
        assert receipt.doc["gone"]["brevo: orders overwritten"] == 2
        assert receipt.doc["gone"]["landing: records"] == 4
        assert {left["what"] for left in receipt.doc["left"]} == {"orders", "events"}
        assert workspace.store.letters.count(states=tuple(LetterState)) == len(
            workspace.store.letters.list(states=tuple(LetterState))
        )
        kept = {each.delivery_id: each for each in workspace.store.inbox.list(_any())}
        assert kept["redact-1"].state == "done"
        assert kept["d-4"].key == "4712"
    for number in world.orders:
        order = world.project.orders()[number]
        assert "identifiers" not in order or not order["identifiers"]
        assert set(order["billing"].values()) <= {""}
    ran = world.sync("full")
    assert ran.customers.skipped["erased"] == 1
    assert ran.orders.skipped["erased"] == 2
    assert world.contact() is None
    assert world.search() == []


def _any() -> object:
    from tajo_pipelines.store.inbox import DeliveryFilter

    return DeliveryFilter()
