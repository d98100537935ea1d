"""Webhooks under a plain ``dagster dev`` and a real receiver: a change in the shop is at Brevo without any schedule."""

from __future__ import annotations

import runpy
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import running_twin
from tajo_pipelines_tests.e2e.dagster_dev import DagsterDev, Run, running_dagster, until
from tajo_pipelines_tests.e2e.project import FACTOR, REPOSITORY, Project
from tajo_pipelines_tests.e2e.receiving import Receiver, command, running_receiver, subscribe

NEVER = '    schedule: "0 0 29 2 *"'
SENSOR = "shopify_inbox"
BY_SENSOR = [{"key": "dagster/sensor_name", "value": SENSOR}]
CUSTOMERS = "brevo/shopify/customers"

TICKS = """
query Ticks($selector: InstigationSelector!) {
  instigationStateOrError(instigationSelector: $selector) {
    ... on InstigationState { status ticks(limit: 50) { status timestamp runIds skipReason error { message } } }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Live:
    """All of it, running."""

    project: Project
    dev: DagsterDev
    receiver: Receiver

    def rename(self, customer: int, name: str) -> None:
        """Change a customer of the shop."""
        self.project.twin.change("shopify", "update_customer", id=customer, fields={"firstName": name})

    def at_brevo(self, email: str, name: str, seconds: float) -> float:
        """Wait until Brevo knows a person by a name; how long that took."""
        began = time.monotonic()

        def look() -> bool | None:
            return self.project.contacts()[email]["attributes"].get("FIRSTNAME") == name or None

        until(look, seconds, lambda: f"{name} isn't at Brevo\n{self.dev.said()}")
        return time.monotonic() - began

    def renamed(self, customer: int, email: str, name: str) -> Run:
        """Change a customer and wait for Brevo: the run that brought it there."""
        began = time.time()
        self.rename(customer, name)
        self.at_brevo(email, name, 60)
        return self.run(began)

    def run(self, ended_after: float) -> Run:
        """The newest run of the sensor, once it has ended."""
        return self.dev.finished(60, tags=BY_SENSOR, createdAfter=ended_after)


@contextmanager
def live(folder: Path, connection: str = NEVER) -> Iterator[Live]:
    """A shop that was synchronised once and tells by webhooks from then on."""
    with ExitStack() as stack:
        options = TwinOptions(customers=20, tier="unlimited")
        twin = stack.enter_context(running_twin(options=options, clock=TwinClock(FACTOR)))
        project = Project.make(folder / "project", twin, connection=connection)
        command(project.folder, "connectors", "sync", "shopify", "--full")
        receiver = stack.enter_context(running_receiver(project.folder))
        subscribe(project.folder, receiver)
        dev = stack.enter_context(running_dagster(project.folder))
        yield Live(project, dev, receiver)


def somebody(project: Project) -> tuple[int, str]:
    """A customer of the shop who is at Brevo: id and address."""
    there = project.contacts()
    return next(
        (each["id"], each["email"].lower())
        for each in project.people()
        if each["emailValid"] and each["email"].lower() in there
    )


def test_a_webhook_is_a_run_of_the_sensor_and_a_contact_at_brevo(tmp_path: Path) -> None:
    with live(tmp_path) as world:
        customer, email = somebody(world.project)
        call = world.project.last_call()
        run = world.renamed(customer, email, "Webhook")
        assert run.status == "SUCCESS", world.dev.said()
        assert run.tags["dagster/sensor_name"] == SENSOR
        assert run.tags["tajo/trigger"] == "webhook"
        assert run.materialized() == {CUSTOMERS}, "only what there was work for"
        assert run.partitions(CUSTOMERS) == [datetime.now(UTC).date().isoformat()]
        assert run.metadata(CUSTOMERS)["deliveries"] == 1
        the_shop_was_asked_for_that_record_alone(world.project, call)
        kept_and_done(world.project.folder, customer)
        ticks_without_an_error(world.dev)
        assert 'tajo_webhooks_received_total{connection="shopify"} 1.0' in world.receiver.metrics()


@pytest.mark.browser
def test_a_person_sees_ticks_runs_and_lags(tmp_path: Path) -> None:
    tool = runpy.run_path(str(REPOSITORY / "tools" / "screenshot.py"))
    with live(tmp_path) as world, tool["chromium"]() as browser:
        customer, email = somebody(world.project)
        runs = [world.renamed(customer, email, name) for name in ("Once", "Twice", "Thrice")]
        run = runs[-1]
        ticks, events = tool["REALTIME"]
        said = tool["see"](browser, world.dev.url, ticks)
        assert run.id[:8] in said, "the tick leads to its run"
        assert "one run a connection" in said
        said = tool["see"](browser, world.dev.url, events)
        assert said.splitlines().count("deliveries") >= 1
        said = tool["open_page"](browser, f"{world.dev.url}/runs/{run.id}", ("Success", "RUN_SUCCESS"))
        assert f"Launched by \n{SENSOR}" in said
        for picture in tool["REALTIME"]:
            taken = tool["take"](browser, world.dev.url, picture, tmp_path / "new")
            for file in (taken, REPOSITORY / "docs" / "images" / taken.name):
                assert 20_000 < file.stat().st_size < 200_000, file


def the_shop_was_asked_for_that_record_alone(project: Project, since: int) -> None:
    calls = [call for call in project.twin.calls("shopify", since) if call["path"].endswith("graphql.json")]
    details = [str(call["detail"]) for call in calls]
    assert len(details) == 1, details
    assert "nodes" in details[0] or "fetch" in details[0].lower(), "no list query"


def kept_and_done(folder: Path, customer: int) -> None:
    document = command(folder, "webhooks", "list", "--key", str(customer))
    [delivery] = document["deliveries"]
    assert (delivery["topic"], delivery["state"]) == ("customers/update", "done")
    assert delivery["lag_ms"] is not None


def ticks_without_an_error(dev: DagsterDev) -> None:
    selector = {"repositoryLocationName": "tajo", "repositoryName": "__repository__", "name": SENSOR}
    state = dev.ask(TICKS, selector=selector)["instigationStateOrError"]
    assert state["status"] == "RUNNING"
    assert [tick["error"] for tick in state["ticks"] if tick["error"]] == []
    assert sum(len(tick["runIds"]) for tick in state["ticks"]) == 1
