"""Launches runs in process, and looks at what they left in Dagster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from tajo_pipelines.orchestration.build import build_definitions
from tajo_pipelines.orchestration.launch import LaunchRequest, LaunchResult, project_instance, run_connection
from tajo_pipelines.orchestration.partitions import range_tags
from tajo_pipelines.orchestration.schedules import stream_keys
from tajo_pipelines.settings import load_settings
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines_tests.e2e.project import Project

AT_BREVO = "brevo/shopify/customers"

CUSTOMERS = 12
"""Of each twin here."""


def command(project: Project, **request: Any) -> LaunchResult:
    """A run as the command line starts it."""
    workspace = Workspace(load_settings(project.folder, {}))
    try:
        return run_connection(workspace, LaunchRequest("shopify", **request))
    finally:
        workspace.close()


def launch(
    project: Project,
    *,
    days: int = 1,
    streams: Sequence[str] = ("customers",),
    tags: dict[str, str] | None = None,
    config: dict[str, Any] | None = None,
    today: date | None = None,
) -> dg.ExecuteInProcessResult:
    """A run as a person launches it, or a schedule: one run over the last days."""
    today = today or datetime.now(UTC).date()
    with project_instance(project.folder) as instance:
        job = build_definitions(load_settings(project.folder, {})).resolve_job_def("shopify")
        return job.execute_in_process(
            instance=instance,
            tags=range_tags(today - timedelta(days=days - 1), today, None) | (tags or {}),
            asset_selection=stream_keys("shopify", streams),
            run_config={"ops": config or {}, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )


def materialized(project: Project, run_id: str) -> dict[str, list[dg.AssetMaterialization]]:
    """Materializations of a run by key."""
    found: dict[str, list[dg.AssetMaterialization]] = {}
    with project_instance(project.folder) as instance:
        for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
            event = entry.asset_materialization
            assert event is not None
            found.setdefault(event.asset_key.to_user_string(), []).append(event)
    return found


def failures(project: Project, run_id: str) -> list[str]:
    """What the failed steps of a run say."""
    with project_instance(project.folder) as instance:
        events = [entry.dagster_event for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)]
    found = [event.step_failure_data.user_failure_data for event in events if event is not None]
    return [data.description or "" for data in found if data is not None]


def watermark(project: Project, stream: str = "customers") -> datetime | None:
    with project.workspace() as workspace:
        return workspace.store.batches.watermark("shopify", stream)


def count(event: dg.AssetMaterialization, label: str) -> Any:
    return event.metadata[label].value


def later(found: datetime | None, before: datetime | None) -> bool:
    return found is not None and before is not None and found > before


def full(*streams: str) -> dict[str, Any]:
    return {f"shopify__{stream}": {"config": {"mode": "full"}} for stream in streams}


@contextmanager
def another_reader(project: Project, stream: str = "customers") -> Iterator[None]:
    with project.workspace() as workspace, workspace.store.leases.hold(f"read/shopify/{stream}", "run other"):
        yield
