"""A run that the sensor asked for: it works deliveries off, reads nothing else, and says what it did."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import dagster as dg

from tajo_pipelines.orchestration.build import build_definitions
from tajo_pipelines.orchestration.launch import project_instance
from tajo_pipelines.orchestration.names import TRIGGER_TAG, brevo_key
from tajo_pipelines.settings import load_settings
from tajo_pipelines.store.inbox import DeliveryState, NewDelivery
from tajo_pipelines_tests.e2e.project import Project
from tajo_pipelines_tests.orchestration.runs import AT_BREVO, command, count, materialized


def tell(project: Project, body: dict[str, Any] | bytes, topic: str = "customers/update") -> None:
    now = datetime.now(UTC)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with project.workspace() as workspace:
        new = NewDelivery("shopify", uuid4().hex, topic, "customers", None, now, now, content)
        workspace.store.inbox.append([new])


def run(project: Project) -> dg.ExecuteInProcessResult:
    """What the sensor asks for."""
    with project_instance(project.folder) as instance:
        job = build_definitions(load_settings(project.folder, {})).resolve_job_def("shopify")
        return job.execute_in_process(
            instance=instance,
            partition_key=datetime.now(UTC).date().isoformat(),
            tags={TRIGGER_TAG: "webhook"},
            asset_selection=[brevo_key("shopify", "customers")],
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )


def checks(project: Project, run_id: str) -> dict[str, bool]:
    with project_instance(project.folder) as instance:
        found = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        events = [entry.dagster_event for entry in found if entry.dagster_event is not None]
        told = [event.asset_check_evaluation_data for event in events]
    return {each.check_name: each.passed for each in told}


def test_a_webhooks_run_delivers_what_was_told_and_reads_nothing_by_schedule(project: Project) -> None:
    command(project, mode="full", streams=("customers",))
    person = next(each for each in project.people() if each.get("email"))
    number = int(str(person["id"]).rpartition("/")[2])
    for _ in range(2):
        tell(project, {"id": number})
    tell(project, b"{")
    before = project.last_call()
    done = run(project)
    assert done.success
    found = materialized(project, done.run_id)
    assert list(found) == [AT_BREVO], "never a reading"
    [event] = found[AT_BREVO]
    shown = {name: count(event, name) for name in ("deliveries", "dead deliveries", "read", "waiting deliveries")}
    assert shown == {"deliveries": 2, "dead deliveries": 1, "read": 1, "waiting deliveries": 0}
    assert 0 <= count(event, "lag p50 (s)") <= count(event, "lag p95 (s)") < 60
    assert len([call for call in project.twin.calls("shopify", before) if "graphql" in call["path"]]) == 1
    told = checks(project, done.run_id)
    assert told["balance"]
    assert told["webhook_completeness"]
    with project.workspace() as workspace:
        counts = workspace.store.inbox.counts()
        report = workspace.store.reports.get(done.run_id, "shopify", "customers")
    assert (counts[DeliveryState.DONE], counts[DeliveryState.DEAD]) == (2, 1)
    assert report is not None
    assert report.details["inbox"] == {"deliveries": 2, "dead": 1, "ignored": 0, "put_off": 0}
